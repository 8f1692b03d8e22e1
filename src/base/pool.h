/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fixed number of threads that take tasks from one queue, oldest first. Tasks are embedded in what they
 * work on, so queueing never allocates and never fails. The queue is unbounded: whoever feeds it bounds what
 * is in flight.
 */
#pragma once

struct pool;

struct pool_task {
    void (*run)(struct pool_task *task); /* in a pool thread; may free the task or queue it again */
    struct pool_task *next;              /* the pool's own */
};

struct pool *pool_new(int threads, const char *name);  /* `name`, up to 15 bytes, shows in top and gdb */
void pool_add(struct pool *p, struct pool_task *task); /* any thread; a task is in the queue once at most */
int pool_depth(struct pool *p);                        /* how many tasks wait */
void pool_free(struct pool *p); /* runs what waits, then ends the threads; NULL is fine */
