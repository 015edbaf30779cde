/* The memory under load. The version each page should be at is kept apart from the page: a page
 * that came back older from a migration is whole in itself, and only another witness can tell. */
#define _GNU_SOURCE
#include "payload.h"

#include <sys/mman.h>

static size_t region_bytes(uint64_t pages)
{
    return pages * (PAGE_BYTES + sizeof(uint32_t));
}

/* Address space only: memory is taken as the pages are first written. All are at version 0. */
bool region_new(struct region *region, uint64_t pages, uint64_t seed, unsigned compressibility_pct,
                unsigned zero_pct)
{
    void *memory = mmap(NULL, region_bytes(pages), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    *region = (struct region){
        .pages = memory,
        .count = pages,
        .seed = seed,
        .distinct = page_distinct_words(compressibility_pct),
        .zero_pct = zero_pct,
    };
    region->versions = (uint32_t *)(region->pages + pages);
    return true;
}

void region_free(struct region *region)
{
    if (region->count)
        munmap(region->pages, region_bytes(region->count));
    *region = (struct region){0};
}

/* What the page has to hold at the version it should be at. */
struct content {
    uint64_t base;
    unsigned distinct;
};

static struct content content_of(const struct region *region, uint64_t page)
{
    if (page % 100 < region->zero_pct)
        return (struct content){0};
    uint64_t base = page_base(region->seed, page, region->versions[page]);
    return (struct content){base, region->distinct};
}

/* False, and the details, if any word of the page is not what its version says. */
bool region_verify(const struct region *region, uint64_t page, struct mismatch *mismatch)
{
    struct content content = content_of(region, page);
    int word = page_first_wrong_word(region->pages[page], content.base, content.distinct);
    if (word < 0)
        return true;
    *mismatch = (struct mismatch){
        .page = page,
        .version = region->versions[page],
        .word = (uint32_t)word,
        .expected = page_word(content.base, content.distinct, (unsigned)word),
        .found = region->pages[page][word],
    };
    return false;
}

/* Writes the page as its version says. */
void region_restore(struct region *region, uint64_t page)
{
    struct content content = content_of(region, page);
    page_fill(region->pages[page], content.base, content.distinct);
}

void region_rewrite(struct region *region, uint64_t page)
{
    region->versions[page]++;
    region_restore(region, page);
}
