/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libmicrohttpd does not watch: how long a request's header takes as a whole (its own timeout restarts
 * with every byte), and connections that end before the client has sent all of its body. The latter are kept
 * half-open for a moment and drained, since closing them at once would reset them and could take the answer
 * with it.
 *
 * One thread looks a few times a second. The mutex covers the lists; deadlines are atomics.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct connections;
struct conn;

/* `plain`: what is written to a connection reaches its client as it is. */
struct connections *connections_new(bool plain);
void connections_free(struct connections *c); /* after the HTTP library has stopped; NULL is fine */

struct conn *connections_open(struct connections *c, int fd);
void connections_close(struct connections *c, struct conn *conn); /* while its descriptor is still open */

/*
 * From now on; then the connection is shut down; 0: none. `begun`: a request is on its way, so it is told
 * why, by 408, where that can be written beside the HTTP library: not within TLS. False: that has happened
 * already, and nothing more can be sent.
 */
bool conn_deadline(struct conn *conn, int64_t seconds, bool begun);
void conn_linger(struct conn *conn); /* drain it when it is closed */
