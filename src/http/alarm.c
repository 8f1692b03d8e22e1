/* SPDX-License-Identifier: Apache-2.0 */
/* See alarm.h. The mutex covers all but `changes`; requests are woken outside of it. */
#include "http/alarm.h"

#include "base/clock.h"
#include "base/wait.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    TICK_US = 50000,
    WAKES_PER_TICK = 256, /* for changes: so many waiting ones on a busy server cost what a few cost */
};

struct alarm {
    uint64_t (*changes)(void *ctx);
    void *ctx;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct alarm_wait *first; /* the longest waiting */
    struct alarm_wait **last;
    bool off;
    bool stopping;
    pthread_t thread;
};

uint64_t alarm_changes(struct alarm *a)
{
    return a->changes ? a->changes(a->ctx) : 0;
}

/* Takes those out of the list whose time it is. */
static struct alarm_wait *take_due(struct alarm *a)
{
    uint64_t changes = alarm_changes(a);
    int64_t now = clock_monotonic();
    int left = WAKES_PER_TICK;
    struct alarm_wait *due = NULL;
    struct alarm_wait **link = &a->first;
    while (*link) {
        struct alarm_wait *w = *link;
        bool changed = w->seen != changes && left > 0;
        if (!a->off && now < w->until && !changed) {
            link = &w->next;
            continue;
        }
        left -= changed;
        *link = w->next;
        w->next = due;
        due = w;
    }
    a->last = link;
    return due;
}

static void wake_all(struct alarm_wait *w)
{
    for (struct alarm_wait *next; w; w = next) {
        next = w->next; /* the request, and w with it, may be gone once it is woken */
        request_wake(w->rq);
    }
}

static void *run(void *arg)
{
    struct alarm *a = arg;
    (void)pthread_mutex_lock(&a->mutex);
    while (!a->stopping) {
        if (!a->first)
            (void)pthread_cond_wait(&a->wake, &a->mutex);
        else if (!a->off)
            (void)wait_until(&a->wake, &a->mutex, clock_monotonic() + TICK_US);
        struct alarm_wait *due = take_due(a);
        (void)pthread_mutex_unlock(&a->mutex);
        wake_all(due);
        (void)pthread_mutex_lock(&a->mutex);
    }
    (void)pthread_mutex_unlock(&a->mutex);
    return NULL;
}

struct alarm *alarm_new(uint64_t (*changes)(void *ctx), void *ctx)
{
    struct alarm *a = mem_alloc(sizeof *a);
    *a = (struct alarm){.changes = changes, .ctx = ctx};
    a->last = &a->first;
    wait_init(&a->wake);
    if (pthread_mutex_init(&a->mutex, NULL) || pthread_create(&a->thread, NULL, run, a))
        abort();
    (void)pthread_setname_np(a->thread, "alarm");
    return a;
}

bool alarm_is_off(struct alarm *a)
{
    (void)pthread_mutex_lock(&a->mutex);
    bool off = a->off;
    (void)pthread_mutex_unlock(&a->mutex);
    return off;
}

bool alarm_add(struct alarm *a, struct alarm_wait *w)
{
    (void)pthread_mutex_lock(&a->mutex);
    bool off = a->off;
    if (!off) {
        w->next = NULL;
        *a->last = w;
        a->last = &w->next;
        if (a->first == w)
            (void)pthread_cond_signal(&a->wake);
    }
    (void)pthread_mutex_unlock(&a->mutex);
    return !off;
}

void alarm_off(struct alarm *a)
{
    (void)pthread_mutex_lock(&a->mutex);
    a->off = true;
    (void)pthread_cond_signal(&a->wake);
    (void)pthread_mutex_unlock(&a->mutex);
}

void alarm_free(struct alarm *a)
{
    if (!a)
        return;
    (void)pthread_mutex_lock(&a->mutex);
    a->off = true;
    a->stopping = true;
    (void)pthread_cond_signal(&a->wake);
    (void)pthread_mutex_unlock(&a->mutex);
    (void)pthread_join(a->thread, NULL);
    (void)pthread_cond_destroy(&a->wake);
    (void)pthread_mutex_destroy(&a->mutex);
    free(a);
}
