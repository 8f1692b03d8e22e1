/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text of unknown length that is made from one view of the database, by a thread of a pool: what is short
 * stays in memory, the rest goes to a blob without a name. So neither does a slow reader hold a view of the
 * database, nor does a large text need memory, nor does an event loop wait for rows.
 *
 * A spool belongs to whoever started it, who reads while it grows.
 */
#pragma once

#include "core/core.h"

struct spool;
struct spools;

struct spools *spools_new(struct core *core, int threads);
/* What is under way ends with an error soon, and nothing new begins. */
void spools_stop(struct spools *all);
void spools_free(struct spools *all); /* nobody holds a spool any more; NULL is fine */

/* Runs once, in a thread of the pool; `s` is a session of its own with the actor of the one that started it.
 */
typedef int spool_make_fn(struct session *s, struct spool *to, void *ctx, struct err *e);

/* `ctx` is freed by `free_ctx` when nobody needs it any more. ERR_BUSY: too many are under way. */
int spool_start(struct session *s, spool_make_fn *make, void *ctx, void (*free_ctx)(void *ctx),
                struct spool **ret, struct err *e);
void spool_free(struct spool *sp); /* what still makes it gives up soon; NULL is fine */

/* For `make`. ERR_SHUTTING_DOWN also when nobody reads any more. */
int spool_write(struct spool *sp, const void *bytes, size_t len, struct err *e);

/* Up to `max` bytes from `offset` on; *ret_len 0: none yet, or the end if it returns 1. */
int spool_read(struct spool *sp, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e);
/* 1: whole, and if it is in memory *ret has all of it; 0: under way; or why it failed. */
int spool_outcome(struct spool *sp, const void **ret, size_t *ret_len, struct err *e);
/* wake(ctx) is called once, from another thread, when there are bytes beyond `offset` or it has ended; false:
 * that is so already, and it will not be called. INT64_MAX waits for the end or for more than memory holds.
 */
bool spool_wait(struct spool *sp, int64_t offset, void (*wake)(void *ctx), void *ctx);
