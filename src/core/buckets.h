/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the buckets of clients: what all of them share (threads that send and receive, threads that hash
 * what uploads bring), apart from what the server's own storage has, so that a bucket that answers slowly
 * holds up nobody else's uploads. It is made when it is first needed. Any thread.
 *
 * Nothing of a bucket is kept: each use opens it anew from its row, which takes microseconds and asks nobody,
 * so a change of its credentials holds from the next use on.
 */
#pragma once

#include "base/pool.h"
#include "blob/s3.h"
#include "core/core.h"

struct buckets;

struct buckets *buckets_new(struct core *core, const char *scratch);
void buckets_give_up(struct buckets *b); /* what is under way ends with an error, now and later */
void buckets_free(struct buckets *b);    /* after all that uses it; NULL is fine */

/* The store of a row. Does not wait. */
int buckets_open(struct core *core, const struct storage *st, struct blob_store **ret, struct err *e);
/* A result's bytes: as blob_expect. */
int buckets_expect(struct core *core, const struct storage *st, const struct result *r, struct blob **ret,
                   struct err *e);
/* An address of the bucket for a result, good for so long at most. */
int buckets_link(struct session *s, const struct storage *st, const struct result *r, const char *disposition,
                 int64_t seconds, const char **ret, struct err *e);

/* What a bucket lets us do, found out by doing it; it takes up to half a minute. */
struct trial {
    int done;         /* how many of bucket_steps were tried: the last one failed, unless `word` is NULL */
    const char *word; /* address-not-allowed, connection-failed, access-denied, no-such-bucket,
                         unexpected-answer, wrong-bytes */
    const char *sentence; /* in the arena */
};
extern const char *const bucket_steps[]; /* list, write, read, remove */
int buckets_try(struct core *core, struct arena *a, const struct storage *st, struct trial *ret,
                struct err *e);

/* A task that may wait for a bucket, for which it names a holder: its project. */
void buckets_run(struct core *core, struct pool_task *task);
