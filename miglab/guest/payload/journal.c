/* The journal: numbered records, each on the disk before the next is begun. A sequence number is
 * acknowledged only when the device said so, and what was acknowledged must be found afterwards. */
#define _GNU_SOURCE
#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BUCKETS 24 /* by powers of two of a microsecond; the last one is open, from 8 s */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    uint64_t hz, acked, acked_ns, slots, errors, latency_us_max, buckets[BUCKETS];
    int error;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int device = -1;
static const unsigned char *boot;
static _Alignas(RECORD_BYTES) unsigned char record[RECORD_BYTES]; /* as O_DIRECT wants it */

static void acknowledge(uint64_t sequence, uint64_t begin_ns, uint64_t acked_ns)
{
    uint64_t latency_us = (acked_ns - begin_ns) / 1000;
    unsigned bucket = latency_us ? 63U - (unsigned)__builtin_clzll(latency_us) : 0;
    shared.buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    if (latency_us > shared.latency_us_max)
        shared.latency_us_max = latency_us;
    shared.acked = sequence;
    shared.acked_ns = acked_ns;
}

/* Called and left with the lock held, which is released while the device is busy: it may hang. */
static void write_next(void)
{
    uint64_t sequence = shared.acked + 1, slots = shared.slots, previous_ns = shared.acked_ns;
    pthread_mutex_unlock(&shared.lock);
    struct stamp stamp = stamp_now(sequence);
    record_write(record, boot, &stamp, previous_ns);
    uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC);
    ssize_t length = pwrite(device, record, RECORD_BYTES, (off_t)record_offset(sequence, slots));
    int error = length < 0 ? errno : EIO;
    uint64_t end_ns = clock_ns(CLOCK_MONOTONIC);
    pthread_mutex_lock(&shared.lock);
    if (length == RECORD_BYTES) {
        acknowledge(sequence, begin_ns, end_ns);
    } else {
        shared.errors++;
        shared.error = error; /* the next tick tries the same sequence number again */
    }
}

static void *run(void *unused)
{
    uint64_t tick_ns = clock_ns(CLOCK_MONOTONIC);
    pthread_mutex_lock(&shared.lock);
    for (;;) {
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        if (shared.hz == 0 || now_ns < tick_ns) {
            condition_wait_until(&shared.wake, &shared.lock, shared.hz ? tick_ns : FOREVER);
            if (shared.hz == 0)
                tick_ns = 0; /* whatever starts it again, starts now */
            continue;
        }
        write_next();
        now_ns = clock_ns(CLOCK_MONOTONIC);
        if (shared.hz)
            tick_ns = tick_after(tick_ns, NS_PER_S / shared.hz, now_ns);
    }
    return unused;
}

void journal_start(const char *path, const unsigned char *boot_id)
{
    boot = boot_id;
    condition_init(&shared.wake);
    device = open(path, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
    off_t size = device < 0 ? -1 : lseek(device, 0, SEEK_END);
    shared.slots = size < 0 ? 0 : record_slots((uint64_t)size);
    if (shared.slots)
        thread_start(run);
}

/* Time that passes while the journal is off is not the device's: the next record tells of none. */
bool journal_set(uint64_t hz)
{
    pthread_mutex_lock(&shared.lock);
    bool possible = shared.slots || hz == 0;
    if (shared.hz == 0)
        shared.acked_ns = 0;
    if (possible)
        shared.hz = hz;
    pthread_cond_signal(&shared.wake);
    pthread_mutex_unlock(&shared.lock);
    return possible;
}

/* Forgets latencies, which belong to a phase of an experiment; what was acknowledged and what went
 * wrong belong to the boot. */
void journal_reset(void)
{
    pthread_mutex_lock(&shared.lock);
    shared.latency_us_max = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        shared.buckets[i] = 0;
    pthread_mutex_unlock(&shared.lock);
}

void journal_status(struct text *text)
{
    pthread_mutex_lock(&shared.lock);
    size_t buckets = BUCKETS;
    while (buckets && shared.buckets[buckets - 1] == 0)
        buckets--;
    json_open(text, "journal");
    json_string(text, "state", !shared.slots ? "none" : shared.hz ? "running" : "off");
    json_number(text, "hz", shared.hz);
    json_number(text, "acked", shared.acked);
    json_number(text, "slots", shared.slots);
    json_number(text, "errors", shared.errors);
    json_number(text, "errno", (uint64_t)shared.error);
    json_number(text, "max_latency_us", shared.latency_us_max);
    json_numbers(text, "latency_log2_us", shared.buckets, buckets);
    json_close(text);
    pthread_mutex_unlock(&shared.lock);
}
