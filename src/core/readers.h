/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for what asks a database that may take its time: a server across a network, which may be busy,
 * away, or changing its place. So the queue before them is bounded in length and in time: a task that has
 * waited for too long is refused even while all threads are stuck. Oldest first.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct readers;

struct reader_task {
    /* One of them is called, once; either may free the task. */
    void (*run)(struct reader_task *t);                         /* in a reader's thread */
    void (*refuse)(struct reader_task *t, const struct err *e); /* in any thread but the submitter's */
    struct reader_task *next;                                   /* these two are the readers' own */
    int64_t since;
};

struct reader_stats {
    int depth; /* tasks that wait */
    long long done, full,
        late; /* tasks run, and refused because the queue was full or they waited too long */
};

/* `patience`: how long a task may wait, in seconds. */
struct readers *readers_new(int threads, int queue_limit, int64_t patience);
/* ERR_BUSY: the queue is full; ERR_SHUTTING_DOWN after readers_stop: nothing happens. Any thread. */
int readers_submit(struct readers *r, struct reader_task *t, struct err *e);
/* Refuses what waits and whatever comes from now on; what runs goes on. */
void readers_stop(struct readers *r);
void readers_stats(struct readers *r, struct reader_stats *ret);
void readers_free(struct readers *r); /* stops, and waits for what runs; NULL is fine */
