/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trying a storage out, for APIs that let their clients do so: the request sleeps while a thread that may
 * wait asks the bucket; that thread then has the writer record how it went.
 */
#pragma once

#include "api/api.h"
#include "core/buckets.h"

struct tried {             /* rq->own, from tried_begin on */
    struct pool_task task; /* first, so that one is the other */
    struct request *rq;
    struct actor actor;
    const struct storage *storage; /* as it was when it began */
    struct trial trial;
    int (*record)(struct tried *t, struct err *e); /* or NULL; in a write transaction, as rq->session */
    const char *job;                               /* for `record` to set */
    int rc;
    struct err error;
};

/* For an R_READ handler when rq->own is NULL; it is run once more when all is recorded. ERR_BUSY. */
int tried_begin(struct request *rq, struct storage *st, int (*record)(struct tried *t, struct err *e),
                struct err *e);
/* Then: 0, or why it could not be tried. */
int tried_outcome(const struct tried *t, struct err *e);
