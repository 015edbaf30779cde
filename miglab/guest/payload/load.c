/* The load: one thread that verifies a page, rewrites it at its next version, and goes to another.
 * It runs under SCHED_IDLE, so that even at full speed every other thread preempts it at once.
 *
 * Which versions the pages are at follows from pattern, seed, size and number of rewrites alone.
 * Who knows these can compute the digest of a sweep, and need not believe what verifies here. */
#define _GNU_SOURCE
#include "payload.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/sysinfo.h>

#define BATCH_PAGES 64
#define RESERVE_BYTES (24 * UINT64_C(1024) * 1024)

enum state { OFF, FILLING, RUNNING };
static const char *const state_names[] = {"off", "filling", "running"};

/* What control asks for, until the worker fetches it between two batches. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool pending;     /* anything at all to fetch */
    bool repaced;     /* another pace */
    bool replaced;    /* another region */
    enum state state; /* as status tells it */
    struct load_spec spec;
    struct region region;
    uint64_t sweeps_wanted;
    struct swept {
        uint64_t sweep, region_written, digest;
    } swept; /* the last one of this region; sweep 0 is none */
    struct mismatch first;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct worker {
    struct region region;
    struct pattern pattern;
    struct pace pace;
    uint64_t sweeps_wanted;
};

static atomic_uint_least64_t written, verified, mismatches, sweeps; /* only the worker adds */
static uint64_t free_at_start;

static bool verify(const struct region *region, uint64_t page)
{
    struct mismatch mismatch;
    verified++;
    if (region_verify(region, page, &mismatch))
        return true;
    pthread_mutex_lock(&shared.lock);
    if (mismatches++ == 0)
        shared.first = mismatch;
    pthread_mutex_unlock(&shared.lock);
    return false;
}

static void complete_sweep(const struct region *region, uint64_t digest)
{
    pthread_mutex_lock(&shared.lock);
    sweeps++;
    if (region->count && !shared.replaced) /* else status speaks of another region, or of none */
        shared.swept = (struct swept){sweeps, region->rewritten, digest};
    pthread_mutex_unlock(&shared.lock);
}

/* The digest is of what was found. A wrong page is mended at once, so that the next look at it does
 * not count it again, and at the same version: a mended page is not a step of the pattern. */
static void sweep(struct region *region)
{
    uint64_t digest = 0;
    for (uint64_t page = 0; page < region->count; page++) {
        digest += page_share(page, page_digest(region->pages[page]));
        if (verify(region, page))
            continue;
        region_restore(region, page);
        written++;
    }
    complete_sweep(region, digest);
}

static void fill_batch(struct region *region)
{
    for (unsigned i = 0; i < BATCH_PAGES && region->filled < region->count; i++)
        region_rewrite(region, region->filled++);
    if (region->filled < region->count)
        return;
    pthread_mutex_lock(&shared.lock);
    if (!shared.replaced) /* else `state` speaks of the region that is waiting already */
        shared.state = RUNNING;
    pthread_mutex_unlock(&shared.lock);
}

/* Rewrites what is due; returns when to look again. */
static uint64_t run_batch(struct worker *worker)
{
    uint64_t pages = pace_pages(&worker->pace, clock_ns(CLOCK_MONOTONIC), BATCH_PAGES);
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t page = pattern_next(&worker->pattern);
        verify(&worker->region, page); /* right or wrong, it is rewritten */
        region_rewrite(&worker->region, page);
        worker->region.rewritten++;
        written++;
    }
    return pages == BATCH_PAGES ? 0 : pace_wake_ns(&worker->pace);
}

/* Waits for a request until the deadline, then adopts what was asked. A pattern belongs to its
 * region: another pace does not start it anew. */
static void fetch(struct worker *worker, uint64_t deadline_ns)
{
    struct region old = {0};
    const struct load_spec *spec = &shared.spec;
    pthread_mutex_lock(&shared.lock);
    while (!shared.pending && deadline_ns && clock_ns(CLOCK_MONOTONIC) < deadline_ns)
        condition_wait_until(&shared.wake, &shared.lock, deadline_ns);
    if (shared.replaced) {
        old = worker->region;
        worker->region = shared.region;
        pattern_start(&worker->pattern, spec->pattern, worker->region.count, spec->seed);
    }
    if (shared.repaced)
        pace_start(&worker->pace, spec->rate, clock_ns(CLOCK_MONOTONIC));
    worker->sweeps_wanted = shared.sweeps_wanted;
    shared.pending = shared.repaced = shared.replaced = false;
    pthread_mutex_unlock(&shared.lock);
    region_free(&old);
}

static void *work(void *unused)
{
    struct worker worker = {0};
    uint64_t look_again_ns = FOREVER;
    sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    for (;;) {
        fetch(&worker, look_again_ns);
        look_again_ns = 0;
        if (worker.region.filled < worker.region.count)
            fill_batch(&worker.region);
        else if (sweeps < worker.sweeps_wanted)
            sweep(&worker.region);
        else if (worker.region.count == 0)
            look_again_ns = FOREVER;
        else
            look_again_ns = run_batch(&worker);
    }
    return unused;
}

void load_start(void)
{
    struct sysinfo info;
    sysinfo(&info);
    free_at_start = (uint64_t)info.freeram * info.mem_unit;
    condition_init(&shared.wake);
    thread_start(work);
}

/* Reckoned from what was free at the start: what is free now depends on how far a fill has come. */
uint64_t load_working_set_max(void)
{
    uint64_t usable = free_at_start > RESERVE_BYTES ? free_at_start - RESERVE_BYTES : 0;
    return usable / (PAGE_BYTES + sizeof(uint32_t)) * PAGE_BYTES;
}

static void request(bool repaced)
{
    shared.pending = true;
    shared.repaced |= repaced;
    pthread_cond_signal(&shared.wake);
}

/* With the lock held. A region that was never fetched is nobody's yet, and freed here. */
static void replace(const struct region *region, enum state state)
{
    if (shared.replaced)
        region_free(&shared.region);
    shared.region = *region;
    shared.replaced = true;
    shared.state = state;
    shared.swept = (struct swept){0};
}

static bool same_region(const struct load_spec *a, const struct load_spec *b)
{
    return a->working_set == b->working_set && a->seed == b->seed &&
           a->compressibility_pct == b->compressibility_pct && a->zero_pct == b->zero_pct &&
           a->pattern == b->pattern;
}

/* What is in memory stays if only the pace is another, or how many CPUs compute. False, with errno
 * and with nothing changed, if there is no memory for the region. */
bool load_set(const struct load_spec *spec)
{
    struct region region;
    pthread_mutex_lock(&shared.lock);
    bool same = shared.state != OFF && same_region(&shared.spec, spec);
    bool good = same || region_new(&region, spec->working_set / PAGE_BYTES, spec->seed,
                                   spec->compressibility_pct, spec->zero_pct);
    if (good && !same)
        replace(&region, FILLING);
    if (good) {
        shared.spec = *spec;
        request(true);
        compute_set(spec->cpus);
    }
    pthread_mutex_unlock(&shared.lock);
    return good;
}

void load_unset(void)
{
    pthread_mutex_lock(&shared.lock);
    replace(&(struct region){0}, OFF);
    shared.spec = (struct load_spec){0};
    request(true);
    compute_set(0);
    pthread_mutex_unlock(&shared.lock);
}

/* The count of sweeps that status must reach for this one to be complete. */
uint64_t load_sweep(void)
{
    pthread_mutex_lock(&shared.lock);
    uint64_t target = ++shared.sweeps_wanted;
    request(false);
    pthread_mutex_unlock(&shared.lock);
    return target;
}

uint64_t load_written(void)
{
    return written;
}

static void first_mismatch_status(struct text *text)
{
    if (mismatches == 0) {
        json_null(text, "first_mismatch");
        return;
    }
    json_open(text, "first_mismatch");
    json_number(text, "page", shared.first.page);
    json_number(text, "version", shared.first.version);
    json_number(text, "word", shared.first.word);
    json_hex(text, "expected", shared.first.expected);
    json_hex(text, "found", shared.first.found);
    json_close(text);
}

static void swept_status(struct text *text)
{
    if (shared.swept.sweep == 0) {
        json_null(text, "swept");
        return;
    }
    json_open(text, "swept");
    json_number(text, "sweep", shared.swept.sweep);
    json_number(text, "region_written", shared.swept.region_written);
    json_hex(text, "digest", shared.swept.digest);
    json_close(text);
}

void load_status(struct text *text, uint64_t achieved_bps)
{
    pthread_mutex_lock(&shared.lock);
    const struct load_spec *spec = &shared.spec;
    json_open(text, "load");
    json_string(text, "state", state_names[shared.state]);
    json_number(text, "working_set", spec->working_set);
    if (spec->rate == RATE_MAX)
        json_string(text, "rate", "max");
    else
        json_number(text, "rate", spec->rate);
    json_string(text, "pattern", pattern_names[spec->pattern]);
    json_number(text, "compressibility_pct", spec->compressibility_pct);
    json_number(text, "zero_pct", spec->zero_pct);
    json_number(text, "seed", spec->seed);
    json_number(text, "cpus", spec->cpus);
    json_number(text, "pages", spec->working_set / PAGE_BYTES);
    json_number(text, "written", written);
    json_number(text, "verified", verified);
    json_number(text, "mismatches", mismatches);
    first_mismatch_status(text);
    json_number(text, "sweeps", sweeps);
    swept_status(text);
    json_number(text, "achieved_bps", achieved_bps);
    json_number(text, "computed", compute_rounds());
    json_close(text);
    pthread_mutex_unlock(&shared.lock);
}
