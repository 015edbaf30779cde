/* Process 1 of the guest: mounts, modules, network, then control until the power goes off.
 * Whatever is missing, it goes on without and says so: a guest that is up can be asked. */
#define _GNU_SOURCE
#include "payload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PORT_DEFAULT 7070

static void complain(const char *what)
{
    printf("miglab: %s: %s\n", what, strerror(errno));
}

static void mount_at(const char *type, const char *where)
{
    mkdir(where, 0755);
    if (mount(type, where, type, 0, NULL) < 0 && errno != EBUSY)
        complain(where);
}

/* The kernel opened its console for process 1; a second look once /dev is mounted does not hurt. */
static void open_console(void)
{
    int console = open("/dev/console", O_RDWR | O_NOCTTY);
    if (console < 0)
        return;
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        dup2(console, descriptor);
    if (console > 2)
        close(console);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

/* The value of `name=value` on the kernel's command line, "" for a mere `name`, or NULL. */
static const char *option(const char *name)
{
    static char line[4096];
    size_t length = strlen(name);
    if (!line[0]) {
        FILE *file = fopen("/proc/cmdline", "re");
        if (file && !fgets(line, sizeof line, file))
            line[0] = '\0';
        if (file)
            fclose(file);
        for (char *c = line; *c; c++)
            if (*c == ' ' || *c == '\n')
                *c = '\0'; /* words end with NUL, and the line with more of them */
    }
    const char *end = line + sizeof line;
    for (const char *word = line; word < end; word += strlen(word) + 1)
        if (!strncmp(word, name, length) && (word[length] == '=' || word[length] == '\0'))
            return word[length] ? word + length + 1 : word + length;
    return NULL;
}

static void load_module(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "/modules/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || syscall(SYS_finit_module, file, "", 0) < 0)
        complain(path);
    if (file >= 0)
        close(file);
}

/* Their names begin with a number: the order in which they need one another. */
static void load_modules(void)
{
    struct dirent **entries;
    int count = scandir("/modules", &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.')
            load_module(entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

void machine_stop(bool again)
{
    sync();
    reboot(again ? RB_AUTOBOOT : RB_POWER_OFF);
    for (;;) /* process 1 must not end, or the kernel panics */
        pause();
}

static uint16_t control_port(void)
{
    uint64_t port;
    const char *value = option("miglab.port");
    bool good = value && number_parse(value, &port) && port >= 1 && port <= 65535;
    return good ? (uint16_t)port : PORT_DEFAULT;
}

int main(void)
{
    static struct machine machine;
    signal(SIGPIPE, SIG_IGN);
    mount_at("devtmpfs", "/dev");
    mount_at("proc", "/proc");
    mount_at("sysfs", "/sys");
    open_console();
    if (option("miglab.probe")) {
        printf("miglab: alive\n");
        machine_stop(false);
    }
    load_modules();
    const char *address = option("miglab.address");
    if (address && network_up(address))
        snprintf(machine.address, sizeof machine.address, "%s", address);
    machine_identify(&machine);
    load_start();
    journal_start("/dev/vda", machine.boot_id_bytes);
    beacon_start(machine.boot_id_bytes);
    echo_start(control_port());
    kmsg_start("/dev/kmsg");
    printf("miglab: ready boot_id=%s address=%s\n", machine.boot_id,
           *machine.address ? machine.address : "none");
    control_serve(&machine, control_port());
    machine_stop(false);
}
