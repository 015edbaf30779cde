/* Control: a datagram asks, a datagram answers. A reply may be lost, so a request may come twice;
 * it is known by its ID, and gets the same answer again without a second act. */
#include "payload.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum after { GO_ON, POWER_OFF, RESTART };

static const struct machine *self;

/* Each verb takes its arguments, acts if request_done, and adds to the reply. */

static enum after do_status(struct request *request, struct text *reply)
{
    if (request_done(request))
        status_reply(reply, self);
    return GO_ON;
}

static uint64_t take_rate(struct request *request)
{
    static const char expected[] = "bytes per second or max";
    uint64_t rate = 0;
    const char *value = request_text(request, "rate", expected);
    if (value && !strcmp(value, "max"))
        return RATE_MAX;
    if (value && (!number_parse(value, &rate) || rate == RATE_MAX))
        request_refuse(request, "rate", expected, value);
    return rate;
}

/* What is left out is 0. */
static unsigned take_optional(struct request *request, const char *key, uint64_t max)
{
    return request_has(request, key) ? (unsigned)request_number(request, key, 0, max) : 0;
}

static enum after do_load(struct request *request, struct text *reply)
{
    (void)reply;
    struct load_spec spec = {
        .working_set = request_number(request, "working_set", PAGE_BYTES, load_working_set_max()),
        .rate = take_rate(request),
        .pattern = request_choice(request, "pattern", pattern_names),
        .compressibility_pct = (unsigned)request_number(request, "compressibility", 0, 100),
        .zero_pct = take_optional(request, "zero", 100),
        .cpus = take_optional(request, "cpus", COMPUTE_MAX),
        .seed = request_number(request, "seed", 0, UINT64_MAX),
    };
    if (spec.working_set % PAGE_BYTES)
        request_refuse(request, "working_set", "a multiple of 4096", "a remainder");
    if (request_done(request) && !load_set(&spec))
        request_refuse(request, "working_set", "memory to map", strerror(errno));
    return GO_ON;
}

static enum after do_unload(struct request *request, struct text *reply)
{
    (void)reply;
    if (request_done(request))
        load_unset();
    return GO_ON;
}

static enum after do_sweep(struct request *request, struct text *reply)
{
    if (request_done(request))
        json_number(reply, "sweeps", load_sweep());
    return GO_ON;
}

static enum after do_journal(struct request *request, struct text *reply)
{
    (void)reply;
    bool resets = request_has(request, "reset") && request_number(request, "reset", 0, 1);
    bool paces = request_has(request, "hz") || !resets;
    uint64_t hz = paces ? request_number(request, "hz", 0, 1000) : 0;
    if (!request_done(request))
        return GO_ON;
    if (paces && !journal_set(hz))
        request_refuse(request, "hz", "0, as there is no disk", "more");
    else if (resets)
        journal_reset();
    return GO_ON;
}

static enum after do_beacon(struct request *request, struct text *reply)
{
    (void)reply;
    struct sockaddr_in to = {0};
    uint64_t seconds = 0, hz = request_number(request, "hz", 0, 10000);
    if (hz || request_has(request, "to"))
        request_address(request, "to", &to);
    if (hz || request_has(request, "seconds"))
        seconds = request_number(request, "seconds", 1, 86400);
    if (request_done(request))
        beacon_set(&to, hz, seconds);
    return GO_ON;
}

static enum after do_poweroff(struct request *request, struct text *reply)
{
    (void)reply;
    return request_done(request) ? POWER_OFF : GO_ON;
}

static enum after do_reboot(struct request *request, struct text *reply)
{
    (void)reply;
    return request_done(request) ? RESTART : GO_ON;
}

static const struct verb {
    const char *name;
    enum after (*perform)(struct request *request, struct text *reply);
} verbs[] = {
    {"status", do_status},     {"load", do_load},       {"unload", do_unload},
    {"sweep", do_sweep},       {"journal", do_journal}, {"beacon", do_beacon},
    {"poweroff", do_poweroff}, {"reboot", do_reboot},
};

static enum after dispatch(struct request *request, struct text *reply)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(request->verb, verbs[i].name))
            return verbs[i].perform(request, reply);
    request_refuse(request, "verb", "status|load|unload|sweep|journal|beacon|poweroff|reboot",
                   request->verb);
    return GO_ON;
}

static void reply_begin(struct text *reply, const struct request *request)
{
    *reply = (struct text){0};
    json_open(reply, NULL);
    json_string(reply, "id", request->id);
}

static enum after answer(struct request *request, struct text *reply)
{
    enum after after = GO_ON;
    reply_begin(reply, request);
    if (!request->error[0])
        after = dispatch(request, reply);
    json_close(reply);
    if (reply->overflow)
        request_refuse(request, "reply", "at most 1440 bytes", "more");
    if (request->error[0]) {
        reply_begin(reply, request);
        json_string(reply, "error", request->error);
        json_close(reply);
    }
    return after;
}

/* The last few replies, newest overwriting oldest. A status acts on nothing, and stays fresh. */
#define REMEMBERED 16

static struct {
    char id[ID_MAX + 1];
    struct text reply;
} remembered[REMEMBERED];

static const struct text *recall(const char *id)
{
    for (unsigned i = 0; i < REMEMBERED; i++)
        if (*id && !strcmp(remembered[i].id, id))
            return &remembered[i].reply;
    return NULL;
}

static void remember(const struct request *request, const struct text *reply)
{
    static unsigned next;
    if (!request->id[0] || !strcmp(request->verb, "status"))
        return;
    memcpy(remembered[next].id, request->id, sizeof request->id);
    remembered[next].reply = *reply;
    next = (next + 1) % REMEMBERED;
}

static enum after serve_one(int endpoint)
{
    char datagram[REQUEST_MAX + 1];
    struct sockaddr_in from;
    socklen_t from_length = sizeof from;
    struct request request;
    struct text reply;
    enum after after = GO_ON;
    ssize_t length = recvfrom(endpoint, datagram, sizeof datagram, MSG_DONTWAIT,
                              (struct sockaddr *)&from, &from_length);
    if (length < 0)
        return GO_ON;
    request_parse(&request, datagram, (size_t)length);
    const struct text *known = recall(request.id);
    if (known) {
        reply = *known;
    } else {
        after = answer(&request, &reply);
        remember(&request, &reply);
    }
    sendto(endpoint, reply.data, reply.length, 0, (struct sockaddr *)&from, from_length);
    return after;
}

void control_serve(const struct machine *machine, uint16_t port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)}; /* any address */
    struct pollfd endpoint = {.events = POLLIN};
    self = machine;
    endpoint.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(endpoint.fd, (struct sockaddr *)&here, sizeof here) < 0)
        perror("miglab: control");
    for (;;) {
        meter_sample();
        if (poll(&endpoint, 1, 200) <= 0)
            continue;
        enum after after = serve_one(endpoint.fd);
        if (after == GO_ON)
            continue;
        usleep(50 * 1000); /* the reply has to leave first */
        machine_stop(after == RESTART);
    }
}
