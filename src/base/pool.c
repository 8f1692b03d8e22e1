/* SPDX-License-Identifier: Apache-2.0 */
/* See pool.h. The mutex covers all but the threads. */
#include "base/pool.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct pool_task *first;
    struct pool_task **last;
    int waiting;
    bool stopping;
    int thread_count;
    pthread_t threads[];
};

static struct pool_task *take(struct pool *p)
{
    (void)pthread_mutex_lock(&p->mutex);
    while (!p->first && !p->stopping)
        (void)pthread_cond_wait(&p->wake, &p->mutex);
    struct pool_task *task = p->first;
    if (task) {
        p->first = task->next;
        if (!p->first)
            p->last = &p->first;
        p->waiting--;
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return task;
}

static void *work(void *arg)
{
    struct pool_task *task;
    while ((task = take(arg)))
        task->run(task);
    return NULL;
}

struct pool *pool_new(int threads, const char *name)
{
    struct pool *p = mem_alloc(sizeof *p + (size_t)threads * sizeof p->threads[0]);
    *p = (struct pool){.first = NULL, .thread_count = threads};
    p->last = &p->first;
    if (pthread_mutex_init(&p->mutex, NULL) || pthread_cond_init(&p->wake, NULL))
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
    task->next = NULL;
    (void)pthread_mutex_lock(&p->mutex);
    *p->last = task;
    p->last = &task->next;
    p->waiting++;
    (void)pthread_cond_signal(&p->wake);
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
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->mutex);
    free(p);
}
