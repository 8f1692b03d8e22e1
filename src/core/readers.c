/* SPDX-License-Identifier: Apache-2.0 */
/* See readers.h. The mutex covers all but the threads. */
#include "core/readers.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/wait.h"

#include <pthread.h>
#include <stdlib.h>

struct readers {
    int queue_limit;
    int64_t patience; /* microseconds */
    pthread_mutex_t mutex;
    pthread_cond_t wake;  /* there is a task */
    pthread_cond_t watch; /* the end */
    struct reader_task *first;
    struct reader_task **last;
    bool stopping, ending;
    struct reader_stats stats;
    pthread_t watcher;
    int thread_count;
    pthread_t threads[];
};

/* With the mutex. */
static struct reader_task *detach(struct readers *r)
{
    struct reader_task *t = r->first;
    r->first = t->next;
    if (!r->first)
        r->last = &r->first;
    r->stats.depth--;
    return t;
}

static struct reader_task *take(struct readers *r)
{
    struct reader_task *t = NULL;
    (void)pthread_mutex_lock(&r->mutex);
    while (!r->first && !r->ending)
        (void)pthread_cond_wait(&r->wake, &r->mutex);
    if (r->first) {
        t = detach(r);
        r->stats.done++;
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return t;
}

static void *work(void *arg)
{
    struct reader_task *t;
    while ((t = take(arg)))
        t->run(t);
    return NULL;
}

/* --- refusing --- */

static int too_many(struct err *e)
{
    return err_set(e, ERR_BUSY, "too many requests are waiting for the database; try again in a moment");
}

static int too_late(struct err *e)
{
    return err_set(e, ERR_BUSY, "the database is slow to answer at the moment; try again in a moment");
}

static int stopped(struct err *e)
{
    return err_set(e, ERR_SHUTTING_DOWN, "the server is being stopped; try again in a moment");
}

/* With the mutex: those that came before this moment, as a list of their own. */
static struct reader_task *detach_before(struct readers *r, int64_t moment)
{
    struct reader_task *taken = NULL;
    struct reader_task **end = &taken;
    while (r->first && r->first->since < moment) {
        struct reader_task *t = detach(r);
        *end = t;
        end = &t->next;
        *end = NULL;
    }
    return taken;
}

static void refuse_all(struct reader_task *t, const struct err *e)
{
    for (struct reader_task *next; t; t = next) {
        next = t->next; /* t may be gone after this */
        t->refuse(t, e);
    }
}

/* A task that comes later has its time still before it: so nobody needs to be told of it. */
static void wait_for_the_next(struct readers *r)
{
    int64_t moment = (r->first ? r->first->since : clock_monotonic()) + r->patience + 1;
    (void)wait_until(&r->watch, &r->mutex, moment);
}

static void *watch(void *arg)
{
    struct readers *r = arg;
    struct err e;
    (void)too_late(&e);
    (void)pthread_mutex_lock(&r->mutex);
    while (!r->ending) {
        int before = r->stats.depth;
        struct reader_task *late = detach_before(r, clock_monotonic() - r->patience);
        r->stats.late += before - r->stats.depth;
        (void)pthread_mutex_unlock(&r->mutex);
        refuse_all(late, &e);
        (void)pthread_mutex_lock(&r->mutex);
        if (!r->ending)
            wait_for_the_next(r);
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return NULL;
}

/* --- the outside --- */

static void start(struct readers *r)
{
    wait_init(&r->watch);
    if (pthread_cond_init(&r->wake, NULL) || pthread_mutex_init(&r->mutex, NULL) ||
        pthread_create(&r->watcher, NULL, watch, r))
        abort();
    (void)pthread_setname_np(r->watcher, "patience");
    for (int i = 0; i < r->thread_count; i++) {
        if (pthread_create(&r->threads[i], NULL, work, r))
            abort();
        (void)pthread_setname_np(r->threads[i], "reader");
    }
}

struct readers *readers_new(int threads, int queue_limit, int64_t patience)
{
    struct readers *r = mem_alloc(sizeof *r + (size_t)threads * sizeof r->threads[0]);
    *r = (struct readers){
        .queue_limit = queue_limit, .patience = patience * CLOCK_SECOND, .thread_count = threads};
    r->last = &r->first;
    start(r);
    return r;
}

int readers_submit(struct readers *r, struct reader_task *t, struct err *e)
{
    int rc = 0;
    t->next = NULL;
    t->since = clock_monotonic();
    (void)pthread_mutex_lock(&r->mutex);
    if (r->stopping) {
        rc = stopped(e);
    } else if (r->stats.depth >= r->queue_limit) {
        r->stats.full++;
        rc = too_many(e);
    } else {
        *r->last = t;
        r->last = &t->next;
        r->stats.depth++;
        (void)pthread_cond_signal(&r->wake);
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return rc;
}

void readers_stop(struct readers *r)
{
    struct err e;
    (void)stopped(&e);
    (void)pthread_mutex_lock(&r->mutex);
    r->stopping = true;
    struct reader_task *waiting = detach_before(r, INT64_MAX);
    (void)pthread_mutex_unlock(&r->mutex);
    refuse_all(waiting, &e);
}

void readers_stats(struct readers *r, struct reader_stats *ret)
{
    (void)pthread_mutex_lock(&r->mutex);
    *ret = r->stats;
    (void)pthread_mutex_unlock(&r->mutex);
}

void readers_free(struct readers *r)
{
    if (!r)
        return;
    readers_stop(r);
    (void)pthread_mutex_lock(&r->mutex);
    r->ending = true;
    (void)pthread_cond_broadcast(&r->wake);
    (void)pthread_cond_signal(&r->watch);
    (void)pthread_mutex_unlock(&r->mutex);
    for (int i = 0; i < r->thread_count; i++)
        (void)pthread_join(r->threads[i], NULL);
    (void)pthread_join(r->watcher, NULL);
    (void)pthread_cond_destroy(&r->wake);
    (void)pthread_cond_destroy(&r->watch);
    (void)pthread_mutex_destroy(&r->mutex);
    free(r);
}
