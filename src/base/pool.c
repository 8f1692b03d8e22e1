/* SPDX-License-Identifier: Apache-2.0 */
/* See pool.h. The mutex covers all but the threads. */
#include "base/pool.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/wait.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct pool_task *first;
    struct pool_task **last;
    int waiting;                 /* in the queue, or for a share */
    struct pool_task *impatient; /* that wait for a share, but not for ever */
    struct shares *shares;
    bool stopping;
    int thread_count;
    pthread_t threads[];
};

/* With the mutex. */
static void append(struct pool *p, struct pool_task *task)
{
    task->next = NULL;
    *p->last = task;
    p->last = &task->next;
    (void)pthread_cond_signal(&p->wake);
}

/* --- turns that do not come; all with the mutex --- */

static void forget_impatience(struct pool *p, const struct pool_task *task)
{
    struct pool_task **link = &p->impatient;
    while (*link && *link != task)
        link = &(*link)->next;
    if (*link)
        *link = task->next;
}

static int64_t first_turn(const struct pool *p)
{
    int64_t first = INT64_MAX;
    for (const struct pool_task *t = p->impatient; t; t = t->next)
        if (t->turn_until < first)
            first = t->turn_until;
    return first;
}

static void append_late(struct pool *p)
{
    int64_t now = p->impatient ? clock_monotonic() : 0;
    for (struct pool_task **link = &p->impatient; *link;) {
        struct pool_task *task = *link;
        if (task->turn_until > now) {
            link = &task->next;
            continue;
        }
        *link = task->next;
        shares_forget(p->shares, task->holder, &task->wish);
        task->late = true;
        append(p, task);
    }
}

static void rest(struct pool *p)
{
    if (p->impatient)
        (void)wait_until(&p->wake, &p->mutex, first_turn(p));
    else
        (void)pthread_cond_wait(&p->wake, &p->mutex);
}

static struct pool_task *take(struct pool *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    append_late(p);
    while (!p->first && !p->stopping) {
        rest(p);
        append_late(p);
    }
    struct pool_task *task = p->first;
    if (task) {
        p->first = task->next;
        if (!p->first)
            p->last = &p->first;
        p->waiting--;
    }
    if (p->impatient) /* somebody else has to look when their time is over */
        (void)pthread_cond_signal(&p->wake);
    (void)pthread_mutex_unlock(&p->mutex);
    return task;
}

/* Whose turn it is goes behind those that came in the meantime. */
static void give_back(struct pool *p, int64_t holder)
{
    if (!holder)
        return;
    (void)pthread_mutex_lock(&p->mutex);
    struct share_wish *w = shares_give(p->shares, holder);
    if (w) {
        struct pool_task *task = (struct pool_task *)((char *)w - offsetof(struct pool_task, wish));
        forget_impatience(p, task);
        append(p, task);
    }
    (void)pthread_mutex_unlock(&p->mutex);
}

static void *work(void *arg)
{
    struct pool_task *task;
    while ((task = take(arg))) {
        int64_t holder = task->late ? 0 : task->holder; /* the task may be gone once it has run */
        task->run(task);
        give_back(arg, holder);
    }
    return NULL;
}

struct pool *pool_new(int threads, const char *name)
{
    struct pool *p = mem_alloc(sizeof *p + (size_t)threads * sizeof p->threads[0]);
    *p = (struct pool){.thread_count = threads, .shares = shares_new(shares_half(threads))};
    p->last = &p->first;
    wait_init(&p->wake);
    if (pthread_mutex_init(&p->mutex, NULL))
        abort();
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&p->threads[i], NULL, work, p))
            abort();
        (void)pthread_setname_np(p->threads[i], name);
    }
    return p;
}

void pool_add(struct pool *p, struct pool_task *task)
{
    (void)pthread_mutex_lock(&p->mutex);
    p->waiting++;
    task->late = false;
    if (shares_take(p->shares, task->holder, &task->wish)) {
        append(p, task);
    } else if (task->turn_until) {
        task->next = p->impatient;
        p->impatient = task;
        (void)pthread_cond_signal(&p->wake);
    }
    (void)pthread_mutex_unlock(&p->mutex);
}

int pool_depth(struct pool *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    int depth = p->waiting;
    (void)pthread_mutex_unlock(&p->mutex);
    return depth;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->mutex);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->wake);
    (void)pthread_mutex_unlock(&p->mutex);
    for (int i = 0; i < p->thread_count; i++)
        (void)pthread_join(p->threads[i], NULL);
    shares_free(p->shares);
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->mutex);
    free(p);
}
