/* Journal records: what a reader of the raw disk finds, and can check without the guest. */
#include "payload.h"

#include <string.h>

static uint32_t crc_table[256];

static void crc_table_build(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ (value & 1 ? 0xEDB88320U : 0);
        crc_table[byte] = value;
    }
}

/* CRC-32 as in IEEE 802.3 and zlib. */
uint32_t crc32(const unsigned char *data, size_t length)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, crc_table_build);
    uint32_t value = 0xFFFFFFFFU;
    for (size_t i = 0; i < length; i++)
        value = (value >> 8) ^ crc_table[(value ^ data[i]) & 0xFF];
    return ~value;
}

void put_u64(unsigned char *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
}

static void put_u32(unsigned char *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
}

struct stamp stamp_now(uint64_t sequence)
{
    return (struct stamp){sequence, clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME)};
}

/* Filler word k is mix64(sequence) + k * GOLDEN: a record pieced together from two is told by more
 * than its CRC. The CRC takes the upper half of the last word. */
void record_write(unsigned char *record, const unsigned char *boot_id, const struct stamp *stamp,
                  uint64_t previous_acked_ns)
{
    memcpy(record, "MIGLABJ2", 8);
    memcpy(record + 8, boot_id, BOOT_ID_BYTES);
    put_u64(record + 24, stamp->sequence);
    put_u64(record + 32, stamp->mono_ns);
    put_u64(record + 40, stamp->wall_ns);
    put_u64(record + 48, previous_acked_ns);
    uint64_t filler = mix64(stamp->sequence);
    for (size_t offset = 56; offset < RECORD_BYTES; offset += 8, filler += GOLDEN)
        put_u64(record + offset, filler);
    put_u32(record + RECORD_BYTES - 4, crc32(record, RECORD_BYTES - 4));
}

/* How many records a device holds before the first is overwritten; 0 if it is too small. */
uint64_t record_slots(uint64_t device_bytes)
{
    if (device_bytes < JOURNAL_OFFSET)
        return 0;
    uint64_t fit = (device_bytes - JOURNAL_OFFSET) / RECORD_BYTES;
    return fit < JOURNAL_SLOTS_MAX ? fit : JOURNAL_SLOTS_MAX;
}

uint64_t record_offset(uint64_t sequence, uint64_t slots)
{
    return JOURNAL_OFFSET + (sequence - 1) % slots * RECORD_BYTES;
}
