/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on their way in. An event-loop thread feeds what it receives; worker threads hash it and write it, in
 * order; the event-loop thread is told to pause when it feeds faster than they work. Up to inline_limit bytes
 * are only gathered in memory; what is larger, or goes to a bucket of clients, goes to a blob put as it
 * comes. Memory is bounded for each upload and for all together (upload_memory), whatever their size.
 *
 * Threads: feed, end and the result are for one thread, the owner's; `wake` is called from a worker. A slow
 * client holds no memory here: only bytes that were received and not yet written count.
 */
#pragma once

#include "base/digest.h"
#include "base/id.h"
#include "core/core.h"
#include "core/table.h"

struct upload;

typedef void upload_wake_fn(void *ctx);

/* Where the bytes go that are not for the server's own storage, and what is said of them there. */
struct upload_goal {
    const struct storage *storage; /* NULL: to the server's own after all */
    const char *name, *media_type;
    const char *encoding; /* NULL: none */
};

/* `table`: how to look through the bytes for a table; NULL: they are no candidate. `goal` may be NULL. */
struct upload *upload_new(struct core *core, int64_t expected_size, const struct table_kind *table,
                          const struct upload_goal *goal, upload_wake_fn *wake, void *ctx);

/*
 * 1: the workers are behind; the owner should stop reading and say so with upload_pause. An error: it is
 * larger than max_result_size, or could not be stored; the rest need not be fed.
 */
int upload_feed(struct upload *u, const void *bytes, size_t len, struct err *e);
/* true: `wake` will be called when they have caught up; false: they have already. Two steps, so that the
   owner can suspend its connection in between: a wake must not come before it sleeps. */
bool upload_pause(struct upload *u);

/* No more bytes. true: done at once; false: `wake` will be called when all is hashed and durable. */
bool upload_end(struct upload *u);

/* After it has ended: what came in, or why it could not be stored. */
struct upload_result {
    char id[ID_SIZE]; /* of the result to be: also the blob's key */
    int64_t size;
    struct digest_values digests;
    bool is_inline;
    int64_t since;                   /* if not: of clock_boot, when its blob began to be committed */
    const void *bytes;               /* if inline: valid as long as the upload */
    const struct table_facts *table; /* NULL: it was no candidate */
    int64_t storage;                 /* 0: the server's own; else its pk, and */
    const char *object, *etag; /* the key in there, and what the bucket called it: as long as the upload */
};
int upload_finished(struct upload *u, const struct upload_result **ret, struct err *e);

/* What came of committing its row, `rc`, and whether there is one that owns the blob now: then it stays. So
 * it does where nobody knows: the database failed, which may have been after its commit. Then the sweeper
 * looks. */
void upload_settle(struct upload *u, bool is_owned, int rc);

/* Any time, also in the middle. Unless upload_settle has said that they stay, nothing of the bytes remains,
 * also in a bucket of clients: what never became a result is not yet theirs. NULL is fine. */
void upload_free(struct upload *u);
