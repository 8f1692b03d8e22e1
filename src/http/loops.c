/* SPDX-License-Identifier: Apache-2.0 */
/* See loops.h. The mutex covers the list, which only grows; the times are atomics. */
#include "http/loops.h"

#include "base/arena.h"
#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct loop {
    struct loop *next;
    atomic_llong since; /* monotonic; 0: it is not inside */
};

struct loops {
    pthread_mutex_t mutex;
    struct loop *first;
};

static _Thread_local struct loop *own;

struct loops *loops_new(void)
{
    struct loops *l = mem_alloc(sizeof *l);
    *l = (struct loops){.first = NULL};
    if (pthread_mutex_init(&l->mutex, NULL))
        abort();
    return l;
}

void loops_free(struct loops *l)
{
    if (!l)
        return;
    for (struct loop *loop = l->first, *next; loop; loop = next) {
        next = loop->next;
        free(loop);
    }
    own = NULL; /* who ends the library may have closed connections in place of a loop */
    (void)pthread_mutex_destroy(&l->mutex);
    free(l);
}

static void add_own(struct loops *l)
{
    own = mem_alloc(sizeof *own);
    *own = (struct loop){.since = 0};
    (void)pthread_mutex_lock(&l->mutex);
    own->next = l->first;
    l->first = own;
    (void)pthread_mutex_unlock(&l->mutex);
}

void loops_enter(struct loops *l)
{
    if (!own)
        add_own(l);
    atomic_store_explicit(&own->since, clock_monotonic(), memory_order_relaxed);
}

void loops_leave(void)
{
    atomic_store_explicit(&own->since, 0, memory_order_relaxed);
}

bool loops_inside(void)
{
    return own;
}

int64_t loops_busy(struct loops *l)
{
    int64_t now = clock_monotonic();
    int64_t longest = 0;
    (void)pthread_mutex_lock(&l->mutex);
    for (struct loop *loop = l->first; loop; loop = loop->next) {
        int64_t since = atomic_load_explicit(&loop->since, memory_order_relaxed);
        if (since && now - since > longest)
            longest = now - since;
    }
    (void)pthread_mutex_unlock(&l->mutex);
    return longest;
}
