/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing HTTP, over libcurl: short requests to addresses that clients have named. So it goes to no address
 * of this machine or of a private network unless the caller says so, whatever name it hides behind: what
 * counts is the address that is connected to. It follows no redirect and uses no proxy. Any thread; it waits,
 * so never an event loop or the writer.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

enum { OUTGOING_SECONDS = 8 }; /* the longest that a request takes */

struct outgoing {
    const char *url; /* with its query in the order of names, as it is to be signed */
    const char *access_key_id, *secret_access_key, *region; /* AWS signature version 4 for the service s3 */
    bool private_addresses;                                 /* these too */
    bool (*stop)(void *ctx); /* asked now and then: whether to give up; or NULL */
    void *ctx;
};

enum outgoing_outcome {
    OUTGOING_ANSWERED,
    OUTGOING_REFUSED, /* only addresses that it may not go to */
    OUTGOING_FAILED,  /* no connection, no answer in time, no valid certificate */
};

/* GETs an address. *ret_status is set if it was answered, *ret_reason (in the arena) if it failed. */
enum outgoing_outcome outgoing_get(struct arena *a, const struct outgoing *o, int *ret_status,
                                   const char **ret_reason);

struct sockaddr;
/* Whether that is an address of the public internet. */
bool outgoing_is_public(const struct sockaddr *address);

int outgoing_start(struct err *e); /* once, before there are threads */
void outgoing_end(void);
