/* SPDX-License-Identifier: Apache-2.0 */
/* What all outgoing requests have in common: the library they are made with, and where they may go. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct sockaddr;
/* Whether that is an address of the public internet. */
bool outgoing_is_public(const struct sockaddr *address);
/* Whether the host of an address is one of IPv4 or IPv6 itself, in whatever form, and not a name for one. */
bool outgoing_is_literal(const char *url);

int outgoing_start(struct err *e); /* once, before there are threads */
void outgoing_end(void);
