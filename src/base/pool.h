/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fixed number of threads that take tasks from one queue, oldest first. Tasks are embedded in what they
 * work on, so queueing never fails. The queue is unbounded: whoever feeds it bounds what is in flight.
 *
 * Work that waits for somebody's server is that one's: it has at most half of the threads at once, and waits
 * for its turn while others go past it, or for as long as it likes to.
 */
#pragma once

#include "base/shares.h"

struct pool;

struct pool_task {
    void (*run)(struct pool_task *task); /* in a pool thread; may free the task or queue it again */
    int64_t holder;                      /* whose work it is (base/shares.h); 0: it waits for nobody */
    int64_t turn_until;     /* monotonic: if its turn has not come by then it is `late`; 0: never */
    bool late;              /* it has no share, and is run only so that it can say so */
    struct pool_task *next; /* this and what follows are the pool's own */
    struct share_wish wish;
};

struct pool *pool_new(int threads, const char *name);  /* `name`, up to 15 bytes, shows in top and gdb */
void pool_add(struct pool *p, struct pool_task *task); /* any thread; a task is in the queue once at most */
int pool_depth(struct pool *p);                        /* how many tasks wait */
void pool_free(struct pool *p); /* runs what waits, then ends the threads; NULL is fine */
