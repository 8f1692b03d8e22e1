/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket: ADDRESS:PORT or [ADDRESS]:PORT to a bound descriptor, with errors that say what to
 * do. */
#pragma once

#include "base/err.h"

int listen_open(const char *where, int *ret_fd, struct err *e);
