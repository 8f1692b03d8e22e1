/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket: ADDRESS:PORT or [ADDRESS]:PORT to a bound descriptor, with errors that say what to
 * do. In two steps, so that a taken address is known before anything is made, and nobody connects before
 * there is somebody to answer.
 */
#pragma once

#include "base/err.h"

int listen_bind(const char *where, int *ret_fd, struct err *e);
int listen_begin(int fd, const char *where, struct err *e); /* `where` for the error */

/* "127.0.0.1:8080", "[::1]:8080": where a bound descriptor listens. */
enum { LISTEN_ADDRESS_SIZE = 72 };
void listen_address(int fd, char ret[LISTEN_ADDRESS_SIZE]);

/* Connections are refused from now on; where another process holds the same socket, they wait there. `fd`
 * stays open, for whoever polls it and closes it in the end, but nothing arrives there. */
void listen_end(int fd);
