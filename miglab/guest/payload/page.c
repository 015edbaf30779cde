/* What a page holds is a function of (seed, page, version, compressibility) and of nothing else, so
 * a page that was lost, torn or stale after a migration cannot pass for the right one. A zero page
 * has base 0 and no distinct words, and holds no version: an older one of it is as good.
 *
 * Cheap on purpose: an emulated processor has to write and verify hundreds of MiB a second. Hence
 * one hash a page and one addition a word. */
#include "payload.h"

/* The finaliser of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
 * 2014): every bit of the value changes about half the bits of the result. */
uint64_t mix64(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

/* Odd, hence never zero: QEMU sends a zero page as a mere flag, and that must be asked for. */
uint64_t page_base(uint64_t seed, uint64_t page, uint32_t version)
{
    return mix64(mix64(seed + (page + 1) * GOLDEN) + version) | 1;
}

unsigned page_distinct_words(unsigned compressibility_pct)
{
    return PAGE_WORDS * (100 - compressibility_pct) / 100;
}

uint64_t page_word(uint64_t base, unsigned distinct, unsigned word)
{
    return word < distinct ? base + word * GOLDEN : base;
}

void page_fill(uint64_t *words, uint64_t base, unsigned distinct)
{
    uint64_t value = base;
    unsigned i = 0;
    for (; i < distinct; i++, value += GOLDEN)
        words[i] = value;
    for (; i < PAGE_WORDS; i++)
        words[i] = base;
}

/* Index of the first wrong word, or -1. Differences are gathered without a branch per word; only a
 * page that is wrong is read a second time. */
int page_first_wrong_word(const uint64_t *words, uint64_t base, unsigned distinct)
{
    uint64_t value = base, difference = 0;
    unsigned i = 0;
    for (; i < distinct; i++, value += GOLDEN)
        difference |= words[i] ^ value;
    for (; i < PAGE_WORDS; i++)
        difference |= words[i] ^ base;
    if (!difference)
        return -1;
    for (i = 0; i < PAGE_WORDS - 1 && words[i] == page_word(base, distinct, i); i++)
        ;
    return (int)i;
}

/* Odd weights: no single word can change without changing the digest. The weights sum to 2^18, so
 * that of the base 46 bits count, enough to tell versions apart. */
uint64_t page_digest(const uint64_t *words)
{
    uint64_t digest = 0;
    for (uint64_t i = 0; i < PAGE_WORDS; i++)
        digest += (2 * i + 1) * words[i];
    return digest;
}

/* What a page adds to the digest of its region: bound to its number, so that no two can swap. */
uint64_t page_share(uint64_t page, uint64_t digest)
{
    return mix64(digest ^ mix64(page + 1));
}
