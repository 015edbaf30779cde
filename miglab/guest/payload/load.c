/* The load: one thread that verifies a page, rewrites it at its next version, and goes to another.
 * It runs under SCHED_IDLE, so that even at full speed every other thread preempts it at once. */
#define _GNU_SOURCE
#include "payload.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/sysinfo.h>

#define BATCH_PAGES 64
#define RESERVE_BYTES (24 * 1024 * 1024ULL)

enum state { OFF, FILLING, RUNNING };
static const char *const state_names[] = {"off", "filling", "running"};

/* What control asks for, until the worker fetches it between two batches. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool pending;   /* anything at all to fetch */
    bool respecified; /* pace and pattern */
    bool replaced;  /* and the region */
    enum state state; /* what status may say */
    struct load_spec spec;
    struct region region;
    uint64_t sweeps_wanted;
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

static void verify(const struct region *region, uint64_t page, bool *wrong)
{
    struct mismatch mismatch;
    verified++;
    *wrong = !region_verify(region, page, &mismatch);
    if (!*wrong)
        return;
    pthread_mutex_lock(&shared.lock);
    if (mismatches++ == 0)
        shared.first = mismatch;
    pthread_mutex_unlock(&shared.lock);
}

static void rewrite(struct region *region, uint64_t page)
{
    region_rewrite(region, page);
    written++;
}

/* A wrong page is rewritten at once, so that the next look at it does not count it again. */
static void sweep(struct region *region)
{
    bool wrong;
    for (uint64_t page = 0; page < region->count; page++) {
        verify(region, page, &wrong);
        if (wrong)
            rewrite(region, page);
    }
    sweeps++;
}

static void fill_batch(struct region *region)
{
    for (unsigned i = 0; i < BATCH_PAGES && region->filled < region->count; i++)
        region_rewrite(region, region->filled++);
    if (region->filled < region->count)
        return;
    pthread_mutex_lock(&shared.lock);
    if (!shared.replaced) /* else another region is waiting already, and `state` speaks of that one */
        shared.state = RUNNING;
    pthread_mutex_unlock(&shared.lock);
}

/* Rewrites what is due; returns when to look again. */
static uint64_t run_batch(struct worker *worker)
{
    uint64_t pages = pace_pages(&worker->pace, clock_ns(CLOCK_MONOTONIC), BATCH_PAGES);
    bool wrong;
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t page = pattern_next(&worker->pattern);
        verify(&worker->region, page, &wrong);
        rewrite(&worker->region, page);
    }
    return pages == BATCH_PAGES ? 0 : pace_wake_ns(&worker->pace);
}

/* Waits for a request until the deadline, then adopts what was asked. */
static void fetch(struct worker *worker, uint64_t deadline_ns)
{
    struct region old = {0};
    pthread_mutex_lock(&shared.lock);
    while (!shared.pending && deadline_ns && clock_ns(CLOCK_MONOTONIC) < deadline_ns)
        condition_wait_until(&shared.wake, &shared.lock, deadline_ns);
    if (shared.replaced) {
        old = worker->region;
        worker->region = shared.region;
    }
    if (shared.respecified) {
        pattern_start(&worker->pattern, shared.spec.pattern, worker->region.count, shared.spec.seed);
        pace_start(&worker->pace, shared.spec.rate, clock_ns(CLOCK_MONOTONIC));
    }
    worker->sweeps_wanted = shared.sweeps_wanted;
    shared.pending = shared.respecified = shared.replaced = false;
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

static void request(bool respecified)
{
    shared.pending = true;
    shared.respecified |= respecified;
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
}

/* False, with nothing changed, if there is no memory for the region. */
bool load_set(const struct load_spec *spec)
{
    struct region region;
    pthread_mutex_lock(&shared.lock);
    bool same = shared.state != OFF && shared.spec.working_set == spec->working_set &&
                shared.spec.seed == spec->seed && shared.spec.compressibility_pct == spec->compressibility_pct;
    bool good = same || region_new(&region, spec->working_set / PAGE_BYTES, spec->seed, spec->compressibility_pct);
    if (good && !same)
        replace(&region, FILLING);
    if (good)
        shared.spec = *spec;
    request(good);
    pthread_mutex_unlock(&shared.lock);
    return good;
}

void load_unset(void)
{
    pthread_mutex_lock(&shared.lock);
    replace(&(struct region){0}, OFF);
    shared.spec = (struct load_spec){0};
    request(true);
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

static void add_first_mismatch(struct text *text)
{
    if (mismatches == 0)
        text_add(text, "null");
    else
        text_add(text, "{\"page\":%" PRIu64 ",\"version\":%" PRIu32 ",\"word\":%" PRIu32
                 ",\"expected\":\"%016" PRIx64 "\",\"found\":\"%016" PRIx64 "\"}",
                 shared.first.page, shared.first.version, shared.first.word, shared.first.expected, shared.first.found);
}

void load_status(struct text *text, uint64_t achieved_bps)
{
    pthread_mutex_lock(&shared.lock);
    const struct load_spec *spec = &shared.spec;
    text_add(text, "\"load\":{\"state\":\"%s\",\"working_set\":%" PRIu64, state_names[shared.state], spec->working_set);
    if (spec->rate == RATE_MAX)
        text_add(text, ",\"rate\":\"max\"");
    else
        text_add(text, ",\"rate\":%" PRIu64, spec->rate);
    text_add(text, ",\"pattern\":\"%s\",\"compressibility_pct\":%u,\"seed\":%" PRIu64 ",\"pages\":%" PRIu64,
             pattern_names[spec->pattern], spec->compressibility_pct, spec->seed, spec->working_set / PAGE_BYTES);
    text_add(text, ",\"written\":%" PRIu64 ",\"verified\":%" PRIu64 ",\"mismatches\":%" PRIu64 ",\"first_mismatch\":",
             (uint64_t)written, (uint64_t)verified, (uint64_t)mismatches);
    add_first_mismatch(text);
    text_add(text, ",\"sweeps\":%" PRIu64 ",\"achieved_bps\":%" PRIu64 "}", (uint64_t)sweeps, achieved_bps);
    pthread_mutex_unlock(&shared.lock);
}
