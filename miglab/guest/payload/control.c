/* Control: a datagram asks, a datagram answers. A reply may be lost, so a request may come twice; it
 * is known by its ID, and the same answer is given without acting again. */
#include "payload.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum after { GO_ON, POWER_OFF, RESTART };

static void do_load(struct request *request)
{
    struct load_spec spec = {0};
    uint64_t max = load_working_set_max();
    spec.working_set = request_number(request, "working_set", PAGE_BYTES, max > PAGE_BYTES ? max : PAGE_BYTES);
    if (spec.working_set % PAGE_BYTES)
        request_refuse(request, "working_set", "a multiple of 4096", "a remainder");
    const char *rate = request_text(request, "rate", "bytes per second or max");
    if (rate && !strcmp(rate, "max"))
        spec.rate = RATE_MAX;
    else if (rate && (!number_parse(rate, &spec.rate) || spec.rate == RATE_MAX))
        request_refuse(request, "rate", "bytes per second or max", rate);
    spec.pattern = request_choice(request, "pattern", pattern_names);
    spec.compressibility_pct = (unsigned)request_number(request, "compressibility", 0, 100);
    spec.seed = request_number(request, "seed", 0, UINT64_MAX);
    if (request_done(request) && !load_set(&spec))
        request_refuse(request, "working_set", "memory for it", "none");
}

static void do_journal(struct request *request)
{
    bool paced = request_has(request, "hz"), reset = request_has(request, "reset");
    uint64_t hz = paced || !reset ? request_number(request, "hz", 0, 1000) : 0;
    reset = reset && request_number(request, "reset", 0, 1) == 1;
    if (!request_done(request))
        return;
    if (paced && !journal_set(hz))
        request_refuse(request, "hz", "0 without a disk", "more");
    else if (reset)
        journal_reset();
}

static void do_beacon(struct request *request)
{
    struct sockaddr_in to = {0};
    uint64_t seconds = 0, hz = request_number(request, "hz", 0, 10000);
    if (hz || request_has(request, "to"))
        request_address(request, "to", &to);
    if (hz || request_has(request, "seconds"))
        seconds = request_number(request, "seconds", 1, 86400);
    if (request_done(request))
        beacon_set(&to, hz, seconds);
}

static enum after perform(struct request *request, struct text *reply)
{
    static const char *const verbs[] = {
        "status", "load", "unload", "sweep", "journal", "beacon", "poweroff", "reboot", NULL};
    unsigned verb = 0;
    while (verbs[verb] && strcmp(request->verb, verbs[verb]))
        verb++;
    switch (verb) {
    case 1: do_load(request); return GO_ON;
    case 4: do_journal(request); return GO_ON;
    case 5: do_beacon(request); return GO_ON;
    case 8:
        request_refuse(request, "verb", "status|load|unload|sweep|journal|beacon|poweroff|reboot", request->verb);
        return GO_ON;
    default:
        return GO_ON;
    }
    (void)reply;
}
