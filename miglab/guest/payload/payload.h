/* miglab payload: the one program inside the guest that is migrated. This header is its map.
 *
 * Values:           clock.c, text.c, request.c, page.c, region.c, pattern.c, record.c
 * A thread each:    load.c, journal.c, beacon.c, echo.c, kmsg.c
 * Threads as asked: compute.c
 * The main thread:  control.c, status.c
 * Process 1 only:   init.c, net.c
 */
#ifndef MIGLAB_PAYLOAD_H
#define MIGLAB_PAYLOAD_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define PROTOCOL_VERSION 1
#define NS_PER_S UINT64_C(1000000000)
#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

/* ---- clock.c: time, and waits that end at an instant, not after a delay ---- */
uint64_t clock_ns(clockid_t clock);
uint64_t tick_after(uint64_t tick_ns, uint64_t period_ns, uint64_t now_ns);
void condition_init(pthread_cond_t *condition);
void condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t deadline_ns);
#define FOREVER UINT64_MAX
void thread_start(void *(*body)(void *));

/* ---- text.c: bounded text; once something did not fit, `overflow` stays set ---- */
#define TEXT_MAX 1440 /* one datagram, unfragmented on any Ethernet */
struct text {
    char data[TEXT_MAX + 1];
    size_t length;
    bool overflow;
};
void json_open(struct text *text, const char *key);
void json_close(struct text *text);
void json_null(struct text *text, const char *key);
void json_number(struct text *text, const char *key, uint64_t value);
void json_numbers(struct text *text, const char *key, const uint64_t *values, size_t count);
void json_hex(struct text *text, const char *key, uint64_t value);
void json_string(struct text *text, const char *key, const char *string);
void json_string_cut(struct text *text, const char *key, const char *string, size_t reserve);

/* ---- request.c: `ID VERB key=value …` ---- */
#define ID_MAX 32
#define ARGUMENTS_MAX 8
#define REQUEST_MAX 512
#define ERROR_MAX 200
struct request {
    char id[ID_MAX + 1];
    const char *verb;
    struct argument {
        const char *key, *value;
        bool taken;
    } arguments[ARGUMENTS_MAX];
    size_t count;
    char error[ERROR_MAX]; /* the first complaint; "" while all is well */
    char line[REQUEST_MAX + 1];
};
void request_parse(struct request *request, const char *datagram, size_t length);
bool request_has(const struct request *request, const char *key);
const char *request_text(struct request *request, const char *key, const char *expected);
uint64_t request_number(struct request *request, const char *key, uint64_t min, uint64_t max);
unsigned request_choice(struct request *request, const char *key, const char *const *choices);
void request_address(struct request *request, const char *key, struct sockaddr_in *address);
bool request_done(struct request *request);
void request_refuse(struct request *request, const char *key, const char *expected,
                    const char *found);
bool number_parse(const char *digits, uint64_t *number);

/* ---- page.c: what a page holds, from (seed, page, version) alone ---- */
#define PAGE_BYTES UINT64_C(4096)
#define PAGE_WORDS 512
uint64_t mix64(uint64_t value);
uint64_t page_base(uint64_t seed, uint64_t page, uint32_t version);
unsigned page_distinct_words(unsigned compressibility_pct);
uint64_t page_word(uint64_t base, unsigned distinct, unsigned word);
void page_fill(uint64_t *words, uint64_t base, unsigned distinct);
int page_first_wrong_word(const uint64_t *words, uint64_t base, unsigned distinct);
uint64_t page_digest(const uint64_t *words);
uint64_t page_share(uint64_t page, uint64_t digest);

/* ---- region.c: pages, and apart from them the version each should be at ---- */
struct region {
    uint64_t (*pages)[PAGE_WORDS];
    uint32_t *versions;
    uint64_t count, filled, rewritten, seed;
    unsigned distinct, zero_pct;
};
struct mismatch {
    uint64_t page, expected, found;
    uint32_t version, word;
};
bool region_new(struct region *region, uint64_t pages, uint64_t seed, unsigned compressibility_pct,
                unsigned zero_pct);
void region_free(struct region *region);
bool region_verify(const struct region *region, uint64_t page, struct mismatch *mismatch);
void region_restore(struct region *region, uint64_t page);
void region_rewrite(struct region *region, uint64_t page);

/* ---- pattern.c: which page comes next, and when ---- */
enum pattern_kind { PATTERN_SEQUENTIAL, PATTERN_RANDOM, PATTERN_HOTSPOT };
extern const char *const pattern_names[];
struct pattern {
    enum pattern_kind kind;
    uint64_t pages, cursor, random;
};
void pattern_start(struct pattern *pattern, enum pattern_kind kind, uint64_t pages, uint64_t seed);
uint64_t pattern_next(struct pattern *pattern);

#define RATE_MAX UINT64_MAX
#define BURST_NS (NS_PER_S / 50)
struct pace {
    uint64_t rate, page_ns, due_ns;
};
void pace_start(struct pace *pace, uint64_t rate, uint64_t now_ns);
uint64_t pace_pages(struct pace *pace, uint64_t now_ns, uint64_t pages_max);
uint64_t pace_wake_ns(const struct pace *pace);

/* ---- load.c: rewrites memory, and verifies each page before it does ---- */
struct load_spec {
    uint64_t working_set, rate, seed;
    unsigned compressibility_pct, zero_pct, cpus;
    enum pattern_kind pattern;
};
void load_start(void);
uint64_t load_working_set_max(void);
bool load_set(const struct load_spec *spec);
void load_unset(void);
uint64_t load_sweep(void);
uint64_t load_written(void);
void load_status(struct text *text, uint64_t achieved_bps);

/* ---- compute.c: threads that only compute ---- */
#define COMPUTE_MAX 16
void compute_set(unsigned cpus);
uint64_t compute_rounds(void);

/* ---- record.c: one journal record ---- */
#define RECORD_BYTES 4096
#define JOURNAL_OFFSET (1024 * 1024)
#define JOURNAL_SLOTS_MAX 8192
#define BOOT_ID_BYTES 16
struct stamp {
    uint64_t sequence, mono_ns, wall_ns;
};
struct stamp stamp_now(uint64_t sequence);
uint32_t crc32(const unsigned char *data, size_t length);
void put_u64(unsigned char *bytes, uint64_t value);
void record_write(unsigned char *record, const unsigned char *boot_id, const struct stamp *stamp,
                  uint64_t previous_acked_ns);
uint64_t record_slots(uint64_t device_bytes);
uint64_t record_offset(uint64_t sequence, uint64_t slots);

/* ---- journal.c, beacon.c, echo.c, kmsg.c ---- */
void journal_start(const char *device, const unsigned char *boot_id);
bool journal_set(uint64_t hz);
void journal_reset(void);
void journal_status(struct text *text);

#define BEACON_BYTES 48
void beacon_start(const unsigned char *boot_id);
void beacon_set(const struct sockaddr_in *to, uint64_t hz, uint64_t seconds);
void beacon_write(unsigned char *datagram, const unsigned char *boot_id, const struct stamp *stamp);
void beacon_status(struct text *text);

void echo_start(uint16_t port);

void kmsg_start(const char *device);
bool kmsg_is_bad(const char *line);
void kmsg_status(struct text *text);

/* ---- control.c: answers requests, never returns; status.c: the reply to `status` ---- */
struct machine {
    char boot_id[40]; /* as the kernel prints it */
    unsigned char boot_id_bytes[BOOT_ID_BYTES];
    char address[20]; /* "" without a network */
};
void machine_identify(struct machine *machine);
void machine_stop(bool again); /* by init.c; a test driver has its own, which only exits */
void control_serve(const struct machine *machine, uint16_t port);
void meter_sample(void);
void status_reply(struct text *reply, const struct machine *machine);

/* ---- net.c ---- */
bool address_parse(const char *text, struct in_addr *address, struct in_addr *mask);
bool network_up(const char *address);

#endif
