/* Follows the kernel's log from its beginning and counts the lines that tell of trouble. */
#define _GNU_SOURCE
#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FIRST_MAX 120

static struct {
    pthread_mutex_t lock;
    uint64_t bad;
    char first[FIRST_MAX + 1];
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int kernel_log = -1;

/* Words of complaint, not every line that has the word: a kernel prints `panic=` from its own
 * command line, and its RCU settings have `stall` in their names. */
bool kmsg_is_bad(const char *line)
{
    static const char *const signs[] = {
        "Oops",        "BUG: ",       "kernel BUG at",         "Kernel panic",
        "soft lockup", "hard LOCKUP", "blocked for more than", "I/O error",
        "Call Trace",  NULL,
    };
    if (strstr(line, "ommand line"))
        return false;
    for (unsigned i = 0; signs[i]; i++)
        if (strstr(line, signs[i]))
            return true;
    return strstr(line, "rcu") && strstr(line, "detected") && strstr(line, "stall");
}

static void count(const char *line)
{
    pthread_mutex_lock(&shared.lock);
    if (shared.bad++ == 0)
        strncpy(shared.first, line, FIRST_MAX);
    pthread_mutex_unlock(&shared.lock);
}

/* A record is `priority,sequence,time,flags;text`, a newline, then lines that describe a device. */
static void *follow(void *unused)
{
    char record[8192];
    for (;;) {
        ssize_t length = read(kernel_log, record, sizeof record - 1);
        if (length < 0 && (errno == EPIPE || errno == EINTR)) /* EPIPE: overwritten unread */
            continue;
        if (length <= 0)
            return unused;
        record[length] = '\0';
        record[strcspn(record, "\n")] = '\0';
        char *line = strchr(record, ';');
        if (line && kmsg_is_bad(line + 1))
            count(line + 1);
    }
}

void kmsg_start(const char *device)
{
    kernel_log = open(device, O_RDONLY | O_CLOEXEC);
    if (kernel_log >= 0)
        thread_start(follow);
}

/* It ends a status, so the line takes what room is left: better a line cut short than no reply. */
void kmsg_status(struct text *text)
{
    pthread_mutex_lock(&shared.lock);
    json_open(text, "kmsg");
    json_number(text, "bad", shared.bad);
    json_string_cut(text, "first", shared.first, strlen("}}"));
    json_close(text);
    pthread_mutex_unlock(&shared.lock);
}
