/* Time, and waits that end at an instant: a late wake-up must not delay the ones after it. */
#include "payload.h"

#include <errno.h>
#include <stdio.h>

uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* The first instant after now among tick + k * period, k >= 1: missed ticks are skipped. */
uint64_t tick_after(uint64_t tick_ns, uint64_t period_ns, uint64_t now_ns)
{
    if (now_ns < tick_ns)
        return tick_ns + period_ns;
    return tick_ns + ((now_ns - tick_ns) / period_ns + 1) * period_ns;
}

/* Waits on the monotonic clock: setting the guest's wall clock must not move a deadline. */
void condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Returns at the deadline or when signalled; the caller looks again at what it waits for. */
void condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t deadline_ns)
{
    struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / NS_PER_S),
        .tv_nsec = (long)(deadline_ns % NS_PER_S),
    };
    if (deadline_ns == FOREVER)
        pthread_cond_wait(condition, lock);
    else
        pthread_cond_timedwait(condition, lock, &deadline);
}

void thread_start(void *(*body)(void *))
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, NULL);
    if (error) {
        errno = error;
        perror("miglab: thread");
        return;
    }
    pthread_detach(thread);
}
