/* Which page is rewritten next, and when. Both are deterministic: a run can be repeated. */
#include "payload.h"

const char *const pattern_names[] = {"sequential", "random", "hotspot", NULL};

void pattern_start(struct pattern *pattern, enum pattern_kind kind, uint64_t pages, uint64_t seed)
{
    *pattern = (struct pattern){.kind = kind, .pages = pages, .random = seed};
}

static uint64_t next_random(struct pattern *pattern)
{
    return mix64(pattern->random += GOLDEN);
}

/* Uniform in [0, limit): the high half of a product, without the bias and cost of a division. */
static uint64_t below(struct pattern *pattern, uint64_t limit)
{
    return (uint64_t)(((unsigned __int128)next_random(pattern) * limit) >> 64);
}

/* Nine writes out of ten go to the first tenth of the pages, the tenth to the others. */
static uint64_t next_hotspot(struct pattern *pattern)
{
    uint64_t hot = pattern->pages < 10 ? 1 : pattern->pages / 10;
    if (pattern->pages == hot || below(pattern, 10) < 9)
        return below(pattern, hot);
    return hot + below(pattern, pattern->pages - hot);
}

uint64_t pattern_next(struct pattern *pattern)
{
    switch (pattern->kind) {
    case PATTERN_RANDOM:
        return below(pattern, pattern->pages);
    case PATTERN_HOTSPOT:
        return next_hotspot(pattern);
    default:
        break;
    }
    uint64_t page = pattern->cursor++;
    if (pattern->cursor == pattern->pages)
        pattern->cursor = 0;
    return page;
}

/* A token bucket kept as the instant at which the next page is due. Sleeps last a few milliseconds,
 * so that a batch is worth its wake-up; a worker that was held up makes good 20 ms, not more. */
#define SLEEP_NS (NS_PER_S / 250)

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void pace_start(struct pace *pace, uint64_t rate, uint64_t now_ns)
{
    uint64_t page_ns = rate == 0 || rate == RATE_MAX ? 0 : larger(PAGE_BYTES * NS_PER_S / rate, 1);
    *pace = (struct pace){.rate = rate, .page_ns = page_ns, .due_ns = now_ns};
}

/* How many pages may be written now, at most pages_max; they count as written. */
uint64_t pace_pages(struct pace *pace, uint64_t now_ns, uint64_t pages_max)
{
    if (pace->rate == 0 || pace->rate == RATE_MAX)
        return pace->rate ? pages_max : 0;
    uint64_t burst_ns = larger(BURST_NS, pace->page_ns);
    if (now_ns > pace->due_ns + burst_ns)
        pace->due_ns = now_ns - burst_ns;
    if (now_ns < pace->due_ns)
        return 0;
    uint64_t pages = (now_ns - pace->due_ns) / pace->page_ns;
    if (pages > pages_max)
        pages = pages_max;
    pace->due_ns += pages * pace->page_ns;
    return pages;
}

/* When to look again: 0 is at once. */
uint64_t pace_wake_ns(const struct pace *pace)
{
    if (pace->rate == 0 || pace->rate == RATE_MAX)
        return pace->rate ? 0 : FOREVER;
    return pace->due_ns + larger(SLEEP_NS, pace->page_ns);
}
