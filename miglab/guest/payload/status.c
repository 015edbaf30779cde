/* The reply to `status`: who the machine is, what time it has, how its workers fare. */
#include "payload.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* Pages written, sampled five times a second: the rate over the last one, whoever asks and when. */
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
    double elapsed_ns = (double)(now.at_ns - samples[oldest].at_ns);
    double bytes = (double)((now.written - samples[oldest].written) * PAGE_BYTES);
    return elapsed_ns > 0 ? (uint64_t)(bytes / elapsed_ns * 1e9) : 0;
}

/* The kernel draws a name at each boot: the same name after a migration is the same machine. */
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
    json_number(reply, "version", PROTOCOL_VERSION);
    json_string(reply, "boot_id", machine->boot_id);
    json_string(reply, "address", machine->address);
    json_number(reply, "mono_ns", clock_ns(CLOCK_MONOTONIC));
    json_number(reply, "wall_ns", clock_ns(CLOCK_REALTIME));
    json_number(reply, "cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    json_number(reply, "mem_total_kib", (uint64_t)info.totalram * info.mem_unit / 1024);
    json_number(reply, "mem_free_kib", (uint64_t)info.freeram * info.mem_unit / 1024);
    load_status(reply, achieved_bps());
    journal_status(reply);
    beacon_status(reply);
    kmsg_status(reply);
}
