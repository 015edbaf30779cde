/* Brings the guest's network up with the oldest interface there is, ioctl: no netlink, no tools. */
#include "payload.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* `192.168.80.50/24` to an address and a mask. */
bool address_parse(const char *text, struct in_addr *address, struct in_addr *mask)
{
    char host[INET_ADDRSTRLEN];
    uint64_t prefix;
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof host || !number_parse(slash + 1, &prefix) ||
        prefix > 32)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(slash - text), text);
    mask->s_addr = htonl(prefix ? UINT32_MAX << (32 - prefix) : 0);
    return inet_pton(AF_INET, host, address) == 1;
}

static bool is_ethernet(const char *name)
{
    char path[280];
    int type = 0;
    snprintf(path, sizeof path, "/sys/class/net/%s/type", name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    bool read = fscanf(file, "%d", &type) == 1;
    fclose(file);
    return read && type == 1; /* ARPHRD_ETHER */
}

static bool first_ethernet(char *name)
{
    struct dirent **entries;
    int count = scandir("/sys/class/net", &entries, NULL, alphasort);
    bool found = false;
    for (int i = 0; i < count; i++) {
        if (!found && entries[i]->d_name[0] != '.' && is_ethernet(entries[i]->d_name)) {
            snprintf(name, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, entries[i]->d_name);
            found = true;
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return found;
}

static bool set_address(int endpoint, struct ifreq *interface, unsigned long what,
                        struct in_addr value)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = value};
    memcpy(&interface->ifr_addr, &address, sizeof address);
    return ioctl(endpoint, what, interface) == 0;
}

static bool set_up(int endpoint, const char *name, struct in_addr address, struct in_addr mask)
{
    struct ifreq interface = {0};
    snprintf(interface.ifr_name, sizeof interface.ifr_name, "%s", name);
    if (!set_address(endpoint, &interface, SIOCSIFADDR, address) ||
        !set_address(endpoint, &interface, SIOCSIFNETMASK, mask) ||
        ioctl(endpoint, SIOCGIFFLAGS, &interface) != 0)
        return false;
    interface.ifr_flags |= IFF_UP | IFF_RUNNING;
    return ioctl(endpoint, SIOCSIFFLAGS, &interface) == 0;
}

/* Loopback and the first ethernet interface; false if there is none, or no address in the text. */
bool network_up(const char *text)
{
    char name[IFNAMSIZ];
    struct in_addr address, mask;
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)}, loopback_mask = {htonl(IN_CLASSA_NET)};
    int endpoint = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    set_up(endpoint, "lo", loopback, loopback_mask);
    bool up = address_parse(text, &address, &mask) && first_ethernet(name) &&
              set_up(endpoint, name, address, mask);
    close(endpoint);
    return up;
}
