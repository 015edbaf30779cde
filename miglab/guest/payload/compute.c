/* Compute: threads that only reckon, so that a guest can be busy without touching its memory. They
 * run under SCHED_IDLE, as the load does. One is made when it is first wanted, and sleeps whenever
 * it is not. */
#define _GNU_SOURCE
#include "payload.h"

#include <sched.h>
#include <stdatomic.h>

#define ROUND_STEPS 65536 /* well below a millisecond; a few of them if emulated */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned made;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static atomic_uint numbered, wanted; /* `wanted` changes with the lock held */
static atomic_uint_least64_t computed, result;

static void wait_until_wanted(unsigned number)
{
    pthread_mutex_lock(&shared.lock);
    while (number >= wanted)
        condition_wait_until(&shared.wake, &shared.lock, FOREVER);
    pthread_mutex_unlock(&shared.lock);
}

/* In registers only. The result is kept, or the compiler would leave the work out. */
static void compute_round(uint64_t value)
{
    for (unsigned step = 0; step < ROUND_STEPS; step++)
        value = mix64(value + GOLDEN);
    result = value;
    computed++;
}

static void *run(void *unused)
{
    unsigned number = numbered++;
    sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    for (;;) {
        if (number >= wanted)
            wait_until_wanted(number);
        compute_round(number);
    }
    return unused;
}

/* So many threads compute from now on. */
void compute_set(unsigned cpus)
{
    pthread_mutex_lock(&shared.lock);
    wanted = cpus;
    for (; shared.made < cpus; shared.made++)
        thread_start(run);
    pthread_cond_broadcast(&shared.wake);
    pthread_mutex_unlock(&shared.lock);
}

/* Rounds of all threads since boot. */
uint64_t compute_rounds(void)
{
    return computed;
}
