/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Representations in the making: each is made once, however many ask for it at the same time, by a thread of
 * a pool of their own, into a blob that has no name yet. Who asks can read what there is already and be woken
 * for more. When all is written it is done for them; then the blob is made durable and gets its row
 * (store/representation.c), and from then on it is served from there. Until others can see that row the
 * making stays where making_get finds it.
 *
 * Any thread. A making lives until it is done and nobody holds it.
 */
#pragma once

#include "base/pool.h"
#include "core/convert.h"
#include "core/writer.h"

struct makings;
struct making;

/* `reader`: a connection of its own to a database that other nodes share, who make nothing that is in the
 * making here, nor the other way round (core/sharing.h); taken over. NULL: there are no others. */
struct makings *makings_new(struct core *core, struct writer *writer, struct db *reader, int threads);
/* Whether to give up: long work asks now and then. */
bool makings_stopping(struct makings *all);

/* Work of somebody else's, in threads beside those that make representations. Embedded in what it works on;
 * `run` calls makings_leave once it is done, and nothing is looked at here after that. */
struct makings_guest {
    struct pool_task task; /* first, so that one is the other; this and the links are the makings' own */
    void (*run)(struct makings_guest *g);
    struct conversion *conversion; /* is cancelled when there is no use in it any more; NULL: none is read */
    bool (*gone)(void *ctx);       /* as in struct making_waiter */
    void *ctx;
    struct makings_guest *next, *prev;
};
void makings_run(struct makings *all, struct makings_guest *g);
void makings_leave(struct makings *all, struct makings_guest *g);

/* What is under way ends with an error soon, and nothing new begins. */
void makings_stop(struct makings *all);
/* Each second: lets go of what was done a while ago, wakes who has gone, and cancels what guests read who
 * have gone, and what nobody has waited for and nobody has looked at with making_progress for
 * conversion_patience.
 */
void makings_tick(struct makings *all);
void makings_free(struct makings *all); /* nobody holds a making any more; NULL is fine */

/* The making of this representation, begun now if there is none. Held until making_release. What is wrong
 * with the options is only found then, and is its outcome. */
int making_get(struct session *s, const struct result *r, const struct conversion_options *o, const char *tag,
               struct making **ret, struct err *e);
void making_release(struct making *m); /* NULL is fine */

/* The same if there is one that is done; false: there is none. */
bool making_find(struct core *core, const char *tag, struct making **ret);

/* 0: under way; 1: done, though its row may not be there yet; negative: it failed. */
int making_outcome(struct making *m, struct err *e);

/* Of one that is done: its size and sha256 in hex, which lives as long as it; and its CRC-32. */
int64_t making_made(struct making *m, const char **ret_sha256);
uint32_t making_crc32(const struct making *m);

/* Up to `max` bytes from `offset` on, *ret_len 0: none yet; or the end, if making_outcome is 1. */
int making_read(struct making *m, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e);

/* Calls wake(ctx) once, from another thread, when there are bytes beyond `offset` or it has ended; false:
 * that is so already, and it will not be called. Of a quick making some bytes gather before anybody is woken.
 * An offset of INT64_MAX waits for the end, one of -1 until the options were found to be good. `w` must live
 * until then. */
struct making_waiter {
    struct making_waiter *next;
    int64_t offset;
    void (*wake)(void *ctx);
    bool (*gone)(void *ctx); /* asked now and then, with a lock held: whether to wake it early, since nobody
                                is there any more; NULL: never */
    void *ctx;
};
bool making_wait(struct making *m, struct making_waiter *w);

/* One that is under way for this result; false: none. */
bool making_progress(struct core *core, int64_t result, enum format *ret_format, int64_t *ret_rows);

struct making_stats {
    int64_t running;
    int64_t rows_done, rows; /* of those */
    int64_t done, failed;    /* since the start */
    int64_t taken_over;      /* the same: of other nodes, which have made them */
};
void making_stats(struct core *core, struct making_stats *ret);
