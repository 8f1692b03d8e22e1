/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread that writes. It takes all tasks that wait, runs them in one transaction, commits once, and
 * then tells each how it went: after `done` has been called with 0 the task's changes are durable. A task
 * that fails is undone alone, by a savepoint of its own. Since it is the only writer of this process, tasks
 * need no locks.
 */
#pragma once

#include "db/db.h"

#include <stdatomic.h>

struct writer;

struct writer_task {
    int (*body)(struct writer_task *t, struct db *db,
                struct err *e); /* in the writer thread, may run again */
    void (*done)(struct writer_task *t, int rc, const struct err *e); /* in the writer thread, or that of
                                                                         writer_tick; may free t */
    struct writer_task *next; /* this and what follows are the writer's own */
    int64_t since;            /* monotonic */
    bool patient;             /* waits for as long as it takes */
    int rc;
    struct err error;
};

enum { WRITER_BUCKETS = 10 };

struct writer_stats {
    int depth;                          /* tasks that wait */
    long long batches, tasks, failures; /* commits, tasks in them, commits that failed */
    long long late;                     /* tasks refused because they had waited for too long */
    long long size[WRITER_BUCKETS];     /* commits with up to 1, 2, 4 … 256 tasks, and more */
};

struct writer *writer_new(struct db *db, int queue_limit, int batch_limit); /* takes `db` over */
/* ERR_BUSY: the queue is full, nothing happens. Any thread. */
int writer_submit(struct writer *w, struct writer_task *t, struct err *e);
/* Each second: refuses by ERR_BUSY what has waited for longer than `patience` seconds, while the writer is
 * stuck in a transaction. That one's own tasks are bound by the database's timeouts. */
void writer_tick(struct writer *w, int64_t patience);
/* Runs a body there and waits for its commit; not from the writer's own thread, nor from an event loop. Is
   not refused by a full queue. */
int writer_call(struct writer *w, db_body_fn *body, void *ctx, struct err *e);
/* Grows with each commit, before anybody is told of it: a reader that has seen the database since sees
 * everything. */
uint64_t writer_commits(struct writer *w);
int64_t writer_busy(struct writer *w); /* microseconds that its present batch has taken so far */
void writer_stats(struct writer *w, struct writer_stats *ret);
void writer_free(struct writer *w); /* does what waits, then ends and closes the connection; NULL is fine */
