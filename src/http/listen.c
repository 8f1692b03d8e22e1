/* SPDX-License-Identifier: Apache-2.0 */
/* See listen.h. */
#include "http/listen.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

static int split(const char *where, char *host, size_t host_size, const char **ret_port, struct err *e)
{
    const char *colon = strrchr(where, ':');
    size_t len = colon ? (size_t)(colon - where) : 0;
    int64_t port;
    if (colon && len > 2 && where[0] == '[' && where[len - 1] == ']') {
        where++;
        len -= 2;
    }
    if (!colon || !len || len >= host_size || !text_uint(colon + 1, strlen(colon + 1), &port) || port > 65535)
        return err_set(e, ERR_BAD_VALUE, "listen must read ADDRESS:PORT or [ADDRESS]:PORT, not \"%.60s\"",
                       where);
    memcpy(host, where, len);
    host[len] = '\0';
    *ret_port = colon + 1;
    return 0;
}

static int fail(const char *where, int error, struct err *e)
{
    if (error == EADDRINUSE)
        return err_set(
            e, ERR_BUSY,
            "%.60s is taken: another program listens there. Stop it, or choose another address with "
            "--listen ADDRESS:PORT",
            where);
    return err_set(e, ERR_BUSY, "cannot listen on %.60s: %s", where, strerror(error));
}

int listen_bind(const char *where, int *ret_fd, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    char host[256];
    const char *port = NULL;
    int on = 1;
    int rc = split(where, host, sizeof host, &port, e);
    if (rc < 0)
        return rc;
    rc = getaddrinfo(host, port, &hints, &found);
    if (rc)
        return err_set(e, ERR_BAD_VALUE, "cannot listen on %.60s: %s", where, gai_strerror(rc));
    rc = 0;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) < 0) {
        rc = fail(where, errno, e);
        if (fd >= 0)
            (void)close(fd);
    }
    freeaddrinfo(found);
    if (rc == 0)
        *ret_fd = fd;
    return rc;
}

void listen_address(int fd, char ret[LISTEN_ADDRESS_SIZE])
{
    char host[INET6_ADDRSTRLEN + 1] = "?";
    char port[8] = "?";
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        (void)getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                          NI_NUMERICHOST | NI_NUMERICSERV);
    bool brackets = strchr(host, ':');
    (void)snprintf(ret, LISTEN_ADDRESS_SIZE, "%s%s%s:%s", brackets ? "[" : "", host, brackets ? "]" : "",
                   port);
}

int listen_begin(int fd, const char *where, struct err *e)
{
    return listen(fd, BACKLOG) < 0 ? fail(where, errno, e) : 0;
}

/* A descriptor that is closed falls out of every epoll set, and dup2 closes the old one and puts the new one
 * in its place at once: no event loop ever meets a number that means something else. The library's own way,
 * MHD_quiesce_daemon, takes the socket out of the loops' sets while they do the same, and aborts the program
 * if one was faster. */
void listen_end(int fd)
{
    int never_ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (never_ready < 0)
        return; /* no descriptor to be had: who connects now is told 503 */
    (void)dup3(never_ready, fd, O_CLOEXEC);
    (void)close(never_ready);
}
