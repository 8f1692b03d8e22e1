/* SPDX-License-Identifier: Apache-2.0 */
/* See writer.h. The mutex covers the queue, the counts and `stopping`. */
#include "core/writer.h"

#include "base/arena.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>

struct writer {
    struct db *db;
    int queue_limit;
    int batch_limit;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct writer_task *first;
    struct writer_task **last;
    bool stopping;
    int64_t since; /* monotonic: when the present batch was taken; 0: there is none */
    struct writer_stats stats;
    atomic_ullong commits;
};

/* With the mutex: the task at this place in the queue leaves it. */
static void take_out(struct writer *w, struct writer_task **link)
{
    struct writer_task *t = *link;
    *link = t->next;
    if (!t->next)
        w->last = link;
    w->stats.depth--;
}

/* Detaches up to batch_limit tasks; NULL when there is nothing left to do. */
static struct writer_task *take_batch(struct writer *w, int *ret_count)
{
    struct writer_task *batch;
    struct writer_task *end = NULL;
    int n = 0;
    (void)pthread_mutex_lock(&w->mutex);
    w->since = 0;
    while (!w->first && !w->stopping)
        (void)pthread_cond_wait(&w->wake, &w->mutex);
    batch = w->first;
    for (struct writer_task *t = batch; t && n < w->batch_limit; t = t->next, n++)
        end = t;
    if (end) {
        w->first = end->next;
        if (!w->first)
            w->last = &w->first;
        end->next = NULL;
        w->stats.depth -= n;
        w->since = clock_monotonic();
    }
    (void)pthread_mutex_unlock(&w->mutex);
    *ret_count = n;
    return batch;
}

static int run_body(struct db *db, void *ctx, struct err *e)
{
    struct writer_task *t = ctx;
    return t->body(t, db, e);
}

enum { CONFLICTS = 2 };

struct batch_run {
    struct writer_task *first;
    bool careful;
    int runs;
    int conflicts; /* of single tasks */
};

/* The connection is lost. Why a task wanted to be undone concerns that task alone: the others begin again. */
static int give_up_batch(const struct writer_task *t, struct err *e)
{
    if (t->rc < 0 && !err_retryable(t->rc))
        return err_operator(e, ERR_DB_CONFLICT, "the database was interrupted; try again in a moment",
                            "the database was lost while a task was undone");
    *e = t->error;
    return t->rc < 0 ? t->rc : ERR_DB;
}

/* What another transaction has disturbed may succeed in a new one; a task that never does must not keep the
 * others from it. */
static int run_carefully(struct db *db, struct batch_run *run, struct err *e)
{
    bool broken;
    for (struct writer_task *t = run->first; t; t = t->next) {
        t->rc = db_nested(db, run_body, t, &broken, &t->error);
        if (broken || (t->rc == ERR_DB_CONFLICT && run->conflicts++ < CONFLICTS))
            return give_up_batch(t, e);
    }
    return 0;
}

/*
 * At first without savepoints, since almost no task fails after it has written: keeping the pages that each
 * task may have to give back cost a third of the writer's time. If one does, the whole batch is undone and
 * run once more, carefully. So it is after a conflict: it may be of one task alone, whose row is damaged, and
 * show only at the commit.
 */
static int run_batch(struct db *db, void *ctx, struct err *e)
{
    struct batch_run *run = ctx;
    if (run->runs++ > 0)
        run->careful = true;
    if (run->careful)
        return run_carefully(db, run, e);
    for (struct writer_task *t = run->first; t; t = t->next) {
        int64_t before = db_written(db);
        t->rc = t->body(t, db, &t->error);
        if (t->rc < 0 && (db_written(db) != before || !db_in_transaction(db))) {
            run->careful = true;
            return err_set(e, ERR_DB_CONFLICT, "a task of the batch has to be undone");
        }
    }
    return 0;
}

static void count_batch(struct writer *w, int n, int rc)
{
    int bucket = 0;
    while (bucket < WRITER_BUCKETS - 1 && n > 1 << bucket)
        bucket++;
    (void)pthread_mutex_lock(&w->mutex);
    w->stats.batches++;
    w->stats.tasks += n;
    w->stats.failures += rc < 0;
    w->stats.size[bucket]++;
    (void)pthread_mutex_unlock(&w->mutex);
}

static void *work(void *arg)
{
    struct writer *w = arg;
    struct writer_task *batch;
    int n;
    while ((batch = take_batch(w, &n))) {
        struct err e;
        struct batch_run run = {.first = batch};
        int rc = db_tx(w->db, DB_WRITE, run_batch, &run, &e);
        /* Of one task, and seen only at the commit. */
        if ((rc == ERR_DB_CONSTRAINT || rc == ERR_READ_ONLY) && !run.careful) {
            run.careful = true;
            rc = db_tx(w->db, DB_WRITE, run_batch, &run, &e);
        }
        atomic_fetch_add(&w->commits, 1);
        count_batch(w, n, rc);
        for (struct writer_task *t = batch, *next; t; t = next) {
            next = t->next;
            if (rc < 0)
                t->done(t, rc, &e);
            else
                t->done(t, t->rc < 0 ? t->rc : 0, &t->error);
        }
    }
    return NULL;
}

struct writer *writer_new(struct db *db, int queue_limit, int batch_limit)
{
    struct writer *w = mem_alloc(sizeof *w);
    *w = (struct writer){.db = db, .queue_limit = queue_limit, .batch_limit = batch_limit};
    w->last = &w->first;
    if (pthread_mutex_init(&w->mutex, NULL) || pthread_cond_init(&w->wake, NULL) ||
        pthread_create(&w->thread, NULL, work, w))
        abort();
    (void)pthread_setname_np(w->thread, "writer");
    return w;
}

static bool enqueue(struct writer *w, struct writer_task *t, int limit)
{
    t->next = NULL;
    t->since = clock_monotonic();
    (void)pthread_mutex_lock(&w->mutex);
    bool room = w->stats.depth < limit;
    if (room) {
        *w->last = t;
        w->last = &t->next;
        if (w->stats.depth++ == 0)
            (void)pthread_cond_signal(&w->wake);
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return room;
}

int writer_submit(struct writer *w, struct writer_task *t, struct err *e)
{
    if (enqueue(w, t, w->queue_limit))
        return 0;
    return err_set(e, ERR_BUSY, "too many requests are waiting to be written; try again in a moment");
}

/* With the mutex: those that came before this moment, as a list of their own. */
static struct writer_task *take_late(struct writer *w, int64_t moment)
{
    struct writer_task *taken = NULL;
    struct writer_task **end = &taken;
    for (struct writer_task **link = &w->first; *link && (*link)->since < moment;) {
        struct writer_task *t = *link;
        if (t->patient) {
            link = &t->next;
            continue;
        }
        take_out(w, link);
        w->stats.late++;
        t->next = NULL;
        *end = t;
        end = &t->next;
    }
    return taken;
}

void writer_tick(struct writer *w, int64_t patience)
{
    struct err e;
    (void)err_set(&e, ERR_BUSY, "the database is slow to take changes at the moment; try again in a moment");
    (void)pthread_mutex_lock(&w->mutex);
    struct writer_task *late = take_late(w, clock_monotonic() - patience * CLOCK_SECOND);
    (void)pthread_mutex_unlock(&w->mutex);
    for (struct writer_task *next; late; late = next) {
        next = late->next; /* the task may be gone after this */
        late->done(late, ERR_BUSY, &e);
    }
}

struct call {
    struct writer_task task;
    db_body_fn *body;
    void *ctx;
    pthread_mutex_t mutex;
    pthread_cond_t finished;
    bool is_finished;
    int rc;
    struct err *e;
};

static int call_body(struct writer_task *t, struct db *db, struct err *e)
{
    struct call *c = (struct call *)t;
    return c->body(db, c->ctx, e);
}

static void call_done(struct writer_task *t, int rc, const struct err *e)
{
    struct call *c = (struct call *)t;
    (void)pthread_mutex_lock(&c->mutex);
    c->rc = rc;
    if (rc < 0)
        *c->e = *e;
    c->is_finished = true;
    (void)pthread_cond_signal(&c->finished);
    (void)pthread_mutex_unlock(&c->mutex);
}

int writer_call(struct writer *w, db_body_fn *body, void *ctx, struct err *e)
{
    struct call c = {
        .task = {.body = call_body, .done = call_done, .patient = true}, .body = body, .ctx = ctx, .e = e};
    if (pthread_mutex_init(&c.mutex, NULL) || pthread_cond_init(&c.finished, NULL))
        abort();
    (void)enqueue(w, &c.task, INT32_MAX);
    (void)pthread_mutex_lock(&c.mutex);
    while (!c.is_finished)
        (void)pthread_cond_wait(&c.finished, &c.mutex);
    (void)pthread_mutex_unlock(&c.mutex);
    (void)pthread_cond_destroy(&c.finished);
    (void)pthread_mutex_destroy(&c.mutex);
    return c.rc;
}

uint64_t writer_commits(struct writer *w)
{
    return atomic_load(&w->commits);
}

int64_t writer_busy(struct writer *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    int64_t since = w->since;
    (void)pthread_mutex_unlock(&w->mutex);
    return since ? clock_monotonic() - since : 0;
}

void writer_stats(struct writer *w, struct writer_stats *ret)
{
    (void)pthread_mutex_lock(&w->mutex);
    *ret = w->stats;
    (void)pthread_mutex_unlock(&w->mutex);
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->mutex);
    (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->mutex);
    db_close(w->db);
    free(w);
}
