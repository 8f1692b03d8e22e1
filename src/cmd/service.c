/* SPDX-License-Identifier: Apache-2.0 */
/* See service.h. */
#include "cmd/service.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3, MESSAGE_LONGEST = 512 };

static bool read_number(const char *name, int64_t *ret)
{
    const char *text = getenv(name);
    return text && text_uint(text, strlen(text), ret);
}

/* Of a variable that says whom the others are for. */
static bool is_for_us(const char *name, bool if_absent)
{
    int64_t pid = 0;
    return getenv(name) ? read_number(name, &pid) && pid == getpid() : if_absent;
}

/* A manager that does not read is waited for this long: it may be busy for a moment, we must not hang for it.
 */
static int open_notify(void)
{
    struct timeval patience = {.tv_sec = 1};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

void service_open(struct service *s)
{
    const char *path = getenv("NOTIFY_SOCKET");
    int64_t watchdog;
    *s = (struct service){.fd = -1};
    if (path && (*path == '/' || *path == '@') && strlen(path) < sizeof s->socket) {
        text_copy(s->socket, sizeof s->socket, path);
        s->fd = open_notify();
    }
    if (is_for_us("WATCHDOG_PID", true) && read_number("WATCHDOG_USEC", &watchdog))
        s->watchdog = watchdog;
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_PID");
    (void)unsetenv("WATCHDOG_USEC");
}

void service_close(struct service *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

/* A manager that does not listen is its own affair. */
void service_tell(const struct service *s, const char *assignments, ...)
{
    char message[MESSAGE_LONGEST];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = strlen(s->socket);
    va_list ap;
    if (s->fd < 0)
        return;
    va_start(ap, assignments);
    (void)vsnprintf(message, sizeof message, assignments, ap);
    va_end(ap);
    memcpy(to.sun_path, s->socket, len);
    if (*s->socket == '@')
        to.sun_path[0] = '\0'; /* a name in no folder */
    (void)sendto(s->fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&to,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

/* --- the socket --- */

static int get_option(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

static bool is_fit(int fd)
{
    int domain = get_option(fd, SO_DOMAIN);
    return (domain == AF_INET || domain == AF_INET6) && get_option(fd, SO_TYPE) == SOCK_STREAM &&
           get_option(fd, SO_ACCEPTCONN) == 1;
}

/* The place of "http" among names with colons between them; -1: it is not there. */
static int find_named(const char *names)
{
    static const char wanted[] = "http";
    for (int at = 0; names; at++) {
        size_t len = strcspn(names, ":");
        if (len == sizeof wanted - 1 && memcmp(names, wanted, len) == 0)
            return at;
        names = names[len] ? names + len + 1 : NULL;
    }
    return -1;
}

static int take(int fd, int *ret, struct err *e)
{
    if (!is_fit(fd))
        return err_set(
            e, ERR_BAD_VALUE,
            "the service manager has handed over descriptor %d, which is not a stream socket of IPv4 "
            "or IPv6 that listens: correct ListenStream= of the .socket unit",
            fd);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        return err_set(e, ERR_INTERNAL, "cannot prepare the socket of the service manager: %s",
                       strerror(errno));
    *ret = fd;
    return 1;
}

int service_socket(int *ret, struct err *e)
{
    int64_t count = 0;
    bool handed = is_for_us("LISTEN_PID", false) && read_number("LISTEN_FDS", &count) && count > 0;
    int at = count > 1 ? find_named(getenv("LISTEN_FDNAMES")) : 0;
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    if (!handed)
        return 0;
    if (at < 0 || at >= count)
        return err_set(
            e, ERR_BAD_VALUE,
            "the service manager has handed over %lld sockets, and resultd listens on one: leave one "
            "ListenStream= in the .socket unit, or call one of them http by FileDescriptorName=",
            (long long)count);
    return take(FIRST_FD + at, ret, e);
}
