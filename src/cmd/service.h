/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service manager gives to a service and wants to hear of it: sd_listen_fds(3), sd_notify(3) and
 * sd_watchdog_enabled(3), without libsystemd. Where there is none all of it does nothing. Main thread.
 */
#pragma once

#include "base/err.h"

struct service {
    int fd;           /* -1: nobody listens */
    int64_t watchdog; /* microseconds within which it wants to hear of us; 0: it does not */
    char socket[108]; /* as in struct sockaddr_un */
};

/* Takes what the environment says, so that no child hears of it. */
void service_open(struct service *s);
void service_close(struct service *s);

/* One or more assignments, each on a line of its own. */
void service_tell(const struct service *s, const char *assignments, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The socket to listen on that was handed over: 1 and *ret, or 0: none was. One of several must be called
 * "http" (FileDescriptorName=). An error if it is none that a server can listen on.
 */
int service_socket(int *ret, struct err *e);
