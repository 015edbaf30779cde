/* The payload as a process: payload_driver PORT DISK KMSG. All of it but the part of process 1. */
#include "payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void machine_stop(bool again)
{
    _exit(again ? 11 : 10); /* not this machine */
}

int main(int count, char **arguments)
{
    static struct machine machine;
    uint64_t port;
    if (count != 4 || !number_parse(arguments[1], &port)) {
        fprintf(stderr, "usage: payload_driver PORT DISK KMSG\n");
        return 2;
    }
    machine_identify(&machine);
    load_start();
    journal_start(arguments[2], machine.boot_id_bytes);
    beacon_start(machine.boot_id_bytes);
    echo_start((uint16_t)port);
    kmsg_start(arguments[3]);
    control_serve(&machine, (uint16_t)port);
}
