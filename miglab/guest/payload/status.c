/* The reply to `status`: who the machine is, what time it has, and how its four workers fare. */
#include "payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* Pages written, sampled every 200 ms: the rate of the last second, whatever status is asked when. */
#define SAMPLES 6
#define SAMPLE_NS (NS_PER_S / 5)

static struct sample {
    uint64_t at_ns, written;
} samples[SAMPLES]; /* newest first */

void meter_sample(void)
{
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if (samples[0].at_ns && now_ns < samples[0].at_ns + SAMPLE_NS)
        return;
    memmove(samples + 1, samples, sizeof samples - sizeof *samples);
    samples[0] = (struct sample){now_ns, load_written()};
}

static uint64_t achieved_bps(void)
{
    struct sample now = {clock_ns(CLOCK_MONOTONIC), load_written()};
    size_t oldest = SAMPLES - 1;
    while (oldest && samples[oldest].at_ns == 0)
        oldest--;
    uint64_t elapsed_us = (now.at_ns - samples[oldest].at_ns) / 1000;
    uint64_t bytes = (now.written - samples[oldest].written) * PAGE_BYTES;
    return elapsed_us ? (uint64_t)((double)bytes / (double)elapsed_us * 1e6) : 0;
}

/* The kernel draws a random name at each boot: the same one after a migration is the same machine. */
void machine_identify(struct machine *machine)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file || !fgets(machine->boot_id, sizeof machine->boot_id, file))
        machine->boot_id[0] = '\0';
    if (file)
        fclose(file);
    machine->boot_id[strcspn(machine->boot_id, "\n")] = '\0';
    const char *digits = machine->boot_id;
    for (size_t i = 0; i < BOOT_ID_BYTES && *digits; i++, digits += 2) {
        digits += *digits == '-';
        sscanf(digits, "%2hhx", &machine->boot_id_bytes[i]);
    }
}

void status_reply(struct text *reply, const struct machine *machine)
{
    struct sysinfo info;
    sysinfo(&info);
    text_add(reply, ",\"version\":%d,\"boot_id\":\"%s\",\"address\":\"%s\",\"mono_ns\":%" PRIu64 ",\"wall_ns\":%" PRIu64,
             PROTOCOL_VERSION, machine->boot_id, machine->address, clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME));
    text_add(reply, ",\"cpus\":%ld,\"mem_total_kib\":%lu,\"mem_free_kib\":%lu,", sysconf(_SC_NPROCESSORS_ONLN),
             info.totalram * info.mem_unit / 1024, info.freeram * info.mem_unit / 1024);
    load_status(reply, achieved_bps());
    text_add(reply, ",");
    journal_status(reply);
    text_add(reply, ",");
    beacon_status(reply);
    text_add(reply, ",");
    kmsg_status(reply);
}
