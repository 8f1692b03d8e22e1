/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of others. What can be done with one so far is to see whether it opens. */
#pragma once

#include "core/core.h"

struct bucket {
    const char *name;
    const char *prefix;   /* "": none */
    const char *region;   /* NULL: us-east-1 */
    const char *endpoint; /* http:// or https:// and a host; NULL: that of the region at AWS */
    const char *access_key_id, *secret_access_key;
};

/*
 * Lists at most one of its keys. NULL: that worked; else a word for what is wrong (address-not-allowed,
 * connection-failed, access-denied, no-such-bucket, unexpected-answer), and a sentence. Takes up to
 * OUTGOING_SECONDS, in a thread of core->outgoing. Both live in the arena.
 */
const char *bucket_test(struct core *core, struct arena *a, const struct bucket *b,
                        const char **ret_sentence);
