/* The echo: what comes over a TCP connection goes back, byte for byte. Whoever asks and waits sees
 * a stop of the guest as an application's client does, with all that TCP makes of it.
 *
 * A connection is heard only when all it said before has gone back, so that a peer that does not
 * read costs one buffer here and two of bounded size in the kernel, and nobody waits for it. */
#define _GNU_SOURCE
#include "payload.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 8
#define KERNEL_BUFFER_BYTES (64 * 1024)

static struct connection {
    uint64_t heard_ns;
    size_t begin, end; /* of what has not gone back yet */
    char data[4096];
} connections[CONNECTIONS];

static struct pollfd polled[CONNECTIONS + 1]; /* the listener is last; fd -1 is a free place */
static struct pollfd *const listener = &polled[CONNECTIONS];

/* After a call that failed: the connection is well, there is only nothing to be done now. */
static bool not_now(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static bool hear(int endpoint, struct connection *connection)
{
    ssize_t length = recv(endpoint, connection->data, sizeof connection->data, 0);
    connection->begin = 0;
    connection->end = length > 0 ? (size_t)length : 0;
    connection->heard_ns = clock_ns(CLOCK_MONOTONIC);
    return length > 0 || (length < 0 && not_now());
}

static bool send_back(int endpoint, struct connection *connection)
{
    ssize_t length = send(endpoint, connection->data + connection->begin,
                          connection->end - connection->begin, MSG_NOSIGNAL);
    if (length > 0)
        connection->begin += (size_t)length;
    return length >= 0 || not_now();
}

static void serve(struct pollfd *place, struct connection *connection)
{
    bool alive = connection->begin < connection->end || hear(place->fd, connection);
    if (alive && connection->begin < connection->end)
        alive = send_back(place->fd, connection);
    place->events = connection->begin < connection->end ? POLLOUT : POLLIN;
    if (!alive) {
        close(place->fd);
        place->fd = -1;
    }
}

/* A free place, or else that of the connection that has been silent for longest: its peer may be
 * gone without a word, as when its machine was switched off. */
static unsigned make_place(void)
{
    unsigned longest = 0;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (polled[i].fd < 0)
            return i;
        if (connections[i].heard_ns < connections[longest].heard_ns)
            longest = i;
    }
    close(polled[longest].fd);
    return longest;
}

static void welcome(void)
{
    int endpoint = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (endpoint < 0)
        return;
    setsockopt(endpoint, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    unsigned place = make_place();
    polled[place] = (struct pollfd){.fd = endpoint, .events = POLLIN};
    connections[place].heard_ns = clock_ns(CLOCK_MONOTONIC);
    connections[place].begin = connections[place].end = 0;
}

static void *run(void *unused)
{
    for (;;) {
        if (poll(polled, CONNECTIONS + 1, -1) <= 0)
            continue;
        for (unsigned i = 0; i < CONNECTIONS; i++)
            if (polled[i].revents)
                serve(&polled[i], &connections[i]);
        if (listener->revents)
            welcome();
    }
    return unused;
}

/* Sizes of buffers are set before there are connections, which inherit them. */
static bool listen_at(uint16_t port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)}; /* any address */
    int endpoint = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(endpoint, SOL_SOCKET, SO_RCVBUF, &(int){KERNEL_BUFFER_BYTES}, sizeof(int));
    setsockopt(endpoint, SOL_SOCKET, SO_SNDBUF, &(int){KERNEL_BUFFER_BYTES}, sizeof(int));
    setsockopt(endpoint, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    *listener = (struct pollfd){.fd = endpoint, .events = POLLIN};
    return bind(endpoint, (struct sockaddr *)&here, sizeof here) == 0 &&
           listen(endpoint, CONNECTIONS) == 0;
}

void echo_start(uint16_t port)
{
    for (unsigned i = 0; i < CONNECTIONS; i++)
        polled[i].fd = -1;
    if (listen_at(port))
        thread_start(run);
    else
        perror("miglab: echo");
}
