/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs of results copied from one store to another by some threads at once, each proved twice: what was read
 * against the digest of its row, and what the target has by reading it back. Memory does not grow with the
 * size of a blob.
 */
#pragma once

#include "core/core.h"

enum { MOVE_WHY_SIZE = 160 };

struct move_blob {
    const struct result *result;
    char
        lost[MOVE_WHY_SIZE]; /* why the source has not what the row says; "": it has, and so has the target */
};

struct move_bytes;

/* NULL as `to`: the bytes stay where they are and are only looked at. `stop` ends copying in the middle. */
struct move_bytes *move_bytes_new(struct blob_store *from, struct blob_store *to, int threads,
                                  const atomic_bool *stop);
void move_bytes_free(struct move_bytes *m);       /* NULL is fine */
int move_bytes_batch(const struct move_bytes *m); /* how many blobs keep its threads busy */

/*
 * Waits until all are done, calling `tick` several times a second. `look_first`: an earlier process may have
 * put some of them there. The first error, after which none is to be counted on.
 */
int move_bytes_run(struct move_bytes *m, struct move_blob *blobs, int count, bool look_first,
                   void (*tick)(void *ctx), void *ctx, struct err *e);
/* Read so far for the first time, those under way included. */
int64_t move_bytes_done(struct move_bytes *m);
