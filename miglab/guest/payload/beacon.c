/* The beacon: numbered datagrams with the guest's own time. Whoever receives them sees a stop of
 * the guest as a step in (own time - guest time), which the guest itself cannot see. */
#include "payload.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct sockaddr_in to;
    uint64_t hz, sent, errors, start_ns, end_ns;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const unsigned char *boot;

void beacon_write(unsigned char *datagram, const unsigned char *boot_id, const struct stamp *stamp)
{
    memcpy(datagram, "MIGLABB1", 8);
    put_u64(datagram + 8, stamp->sequence);
    put_u64(datagram + 16, stamp->mono_ns);
    put_u64(datagram + 24, stamp->wall_ns);
    memcpy(datagram + 32, boot_id, BOOT_ID_BYTES);
}

/* With the lock held: sending a datagram does not wait. What could not be sent takes no number, so
 * a gap in the numbers is always a loss on the way. */
static void send_next(int endpoint)
{
    unsigned char datagram[BEACON_BYTES];
    struct stamp stamp = stamp_now(shared.sent + 1);
    beacon_write(datagram, boot, &stamp);
    ssize_t length = sendto(endpoint, datagram, sizeof datagram, MSG_DONTWAIT,
                            (struct sockaddr *)&shared.to, sizeof shared.to);
    if (length < 0)
        shared.errors++;
    else
        shared.sent++;
}

static void *run(void *unused)
{
    int endpoint = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint64_t started_ns = 0, tick_ns = 0;
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns, not 50 us: jitter here is uncertainty there */
    pthread_mutex_lock(&shared.lock);
    for (;;) {
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        if (shared.hz && now_ns >= shared.end_ns)
            shared.hz = 0;
        if (started_ns != shared.start_ns)
            started_ns = tick_ns = shared.start_ns;
        if (shared.hz == 0 || now_ns < tick_ns) {
            condition_wait_until(&shared.wake, &shared.lock, shared.hz ? tick_ns : FOREVER);
            continue;
        }
        send_next(endpoint);
        tick_ns = tick_after(tick_ns, NS_PER_S / shared.hz, clock_ns(CLOCK_MONOTONIC));
    }
    return unused;
}

void beacon_start(const unsigned char *boot_id)
{
    boot = boot_id;
    condition_init(&shared.wake);
    thread_start(run);
}

/* hz 0 stops; anything else starts anew, from sequence number 1. */
void beacon_set(const struct sockaddr_in *to, uint64_t hz, uint64_t seconds)
{
    pthread_mutex_lock(&shared.lock);
    shared.hz = hz;
    if (hz) {
        shared.to = *to;
        shared.start_ns = clock_ns(CLOCK_MONOTONIC);
        shared.end_ns = shared.start_ns + seconds * NS_PER_S;
        shared.sent = shared.errors = 0;
    }
    pthread_cond_signal(&shared.wake);
    pthread_mutex_unlock(&shared.lock);
}

void beacon_status(struct text *text)
{
    pthread_mutex_lock(&shared.lock);
    json_open(text, "beacon");
    json_string(text, "state", shared.hz ? "running" : "off");
    json_number(text, "hz", shared.hz);
    json_number(text, "sent", shared.sent);
    json_number(text, "errors", shared.errors);
    json_close(text);
    pthread_mutex_unlock(&shared.lock);
}
