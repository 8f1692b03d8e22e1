/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See spool.h. The first bytes stand in memory, those behind them in the blob. A spool's mutex covers what is
 * marked; bytes below `written` change no more, so they are read without it. Two hold a spool: its reader
 * and, until it has ended, the thread that makes it.
 */
#include "core/spool.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 64 << 10, LIMIT = 256 };
enum { RUNNING = 0, DONE = 1 };
#define LARGEST_TOGETHER (INT64_C(4) << 30) /* bytes on disk, of all spools */

struct spools {
    struct core *core;
    struct pool *pool;
    atomic_int count;
    atomic_llong stored; /* bytes in blobs, of all of them */
    atomic_bool stopping;
};

struct spool {
    struct pool_task task; /* first, so that one is the other */
    struct spools *all;
    struct arena arena; /* of the actor's texts */
    struct actor actor;
    spool_make_fn *make;
    void *ctx;
    void (*free_ctx)(void *ctx);
    pthread_mutex_t mutex;
    int holders;             /* mutex */
    bool abandoned;          /* mutex: nobody reads */
    int outcome;             /* mutex: RUNNING, DONE or a code */
    struct err error;        /* mutex */
    int64_t written;         /* mutex; the maker's own to read */
    int64_t wanted;          /* mutex: with `wake` */
    void (*wake)(void *ctx); /* mutex; NULL: nobody waits */
    void *wake_ctx;          /* mutex */
    struct blob_put *rest;
    char head[HEAD];
};

struct spools *spools_new(struct core *core, int threads)
{
    struct spools *all = mem_alloc(sizeof *all);
    *all = (struct spools){.core = core};
    all->pool = pool_new(threads, "lists");
    return all;
}

void spools_stop(struct spools *all)
{
    atomic_store(&all->stopping, true);
}

void spools_free(struct spools *all)
{
    if (!all)
        return;
    spools_stop(all);
    pool_free(all->pool);
    free(all);
}

static void destroy(struct spool *sp)
{
    if (sp->rest)
        atomic_fetch_sub(&sp->all->stored, sp->written - HEAD);
    blob_put_close(sp->rest);
    sp->free_ctx(sp->ctx);
    atomic_fetch_sub(&sp->all->count, 1);
    arena_free(&sp->arena);
    (void)pthread_mutex_destroy(&sp->mutex);
    free(sp);
}

static void destroy_task(struct pool_task *task)
{
    destroy((struct spool *)task);
}

static void release(struct spool *sp)
{
    (void)pthread_mutex_lock(&sp->mutex);
    bool last = --sp->holders == 0;
    (void)pthread_mutex_unlock(&sp->mutex);
    if (last && sp->rest) { /* freeing what was stored takes time: not in an event loop */
        sp->task.run = destroy_task;
        pool_add(sp->all->pool, &sp->task);
    } else if (last) {
        destroy(sp);
    }
}

/* --- making --- */

/* With the mutex: whom to wake, which is done without it. */
static void (*take_waiter(struct spool *sp, void **ret_ctx))(void *)
{
    void (*wake)(void *) = sp->wake;
    bool due = sp->outcome != RUNNING || sp->written > (sp->wanted == INT64_MAX ? HEAD : sp->wanted);
    if (!wake || !due)
        return NULL;
    sp->wake = NULL;
    *ret_ctx = sp->wake_ctx;
    return wake;
}

static int add(struct spool *sp, const char *bytes, size_t len, struct err *e)
{
    size_t room = sp->written < HEAD ? (size_t)(HEAD - sp->written) : 0;
    size_t first = len < room ? len : room;
    int rc = 0;
    memcpy(sp->head + (HEAD - room), bytes, first);
    if (first == len)
        return 0;
    if (atomic_load(&sp->all->stored) > LARGEST_TOGETHER)
        return err_set(e, ERR_BUSY, "too many long lists are being sent; try again in a moment");
    if (!sp->rest)
        rc = blob_put_open(sp->all->core->blobs, NULL, true, &sp->rest, e);
    if (rc == 0)
        rc = blob_put_write(sp->rest, bytes + first, len - first, e);
    return rc;
}

int spool_write(struct spool *sp, const void *bytes, size_t len, struct err *e)
{
    void *ctx = NULL;
    bool stopping = atomic_load(&sp->all->stopping);
    int64_t before = sp->written;
    int rc = stopping ? 0 : add(sp, bytes, len, e);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&sp->mutex);
    sp->written += stopping ? 0 : (int64_t)len;
    stopping = stopping || sp->abandoned;
    void (*wake)(void *) = take_waiter(sp, &ctx);
    (void)pthread_mutex_unlock(&sp->mutex);
    if (sp->written > HEAD)
        atomic_fetch_add(&sp->all->stored, sp->written - (before > HEAD ? before : HEAD));
    if (wake)
        wake(ctx);
    return stopping ? err_set(e, ERR_SHUTTING_DOWN, "nobody waits for this any more") : 0;
}

static int make_in_session(struct db *db, void *ctx, struct err *e)
{
    struct spool *sp = ctx;
    struct arena a = {0};
    struct session s = {
        .core = sp->all->core, .db = db, .arena = &a, .actor = sp->actor, .now = core_now(sp->all->core)};
    int rc = sp->make(&s, sp, sp->ctx, e);
    arena_free(&a);
    return rc;
}

static void end(struct spool *sp, int rc, const struct err *e)
{
    void *ctx = NULL;
    (void)pthread_mutex_lock(&sp->mutex);
    sp->outcome = rc < 0 ? rc : DONE;
    if (rc < 0)
        sp->error = *e;
    void (*wake)(void *) = take_waiter(sp, &ctx);
    (void)pthread_mutex_unlock(&sp->mutex);
    if (wake)
        wake(ctx);
}

static void run(struct pool_task *task)
{
    struct spool *sp = (struct spool *)task;
    const struct core_reader *reader = &sp->all->core->reader;
    struct err e;
    int rc;
    (void)pthread_mutex_lock(&sp->mutex);
    bool unwanted = sp->abandoned;
    (void)pthread_mutex_unlock(&sp->mutex);
    if (unwanted || atomic_load(&sp->all->stopping))
        rc = err_set(&e, ERR_SHUTTING_DOWN, "the server is being stopped; try again in a moment");
    else
        rc = reader->run(reader->of, make_in_session, sp, &e);
    end(sp, rc, &e);
    release(sp);
}

int spool_start(struct session *s, spool_make_fn *make, void *ctx, void (*free_ctx)(void *ctx),
                struct spool **ret, struct err *e)
{
    struct spools *all = s->core->spools;
    if (atomic_fetch_add(&all->count, 1) >= LIMIT) {
        atomic_fetch_sub(&all->count, 1);
        return err_set(e, ERR_BUSY, "too many lists are being made; try again in a moment");
    }
    struct spool *sp = mem_alloc(sizeof *sp);
    memset(sp, 0, offsetof(struct spool, head));
    sp->task.run = run;
    sp->all = all;
    sp->make = make;
    sp->ctx = ctx;
    sp->free_ctx = free_ctx;
    sp->holders = 2;
    sp->actor = s->actor;
    sp->actor.name = arena_strdup(&sp->arena, s->actor.name);
    sp->actor.project_name = arena_strdup(&sp->arena, s->actor.project_name);
    sp->actor.public_id = s->actor.public_id ? arena_strdup(&sp->arena, s->actor.public_id) : NULL;
    if (pthread_mutex_init(&sp->mutex, NULL))
        abort();
    *ret = sp;
    pool_add(all->pool, &sp->task);
    return 0;
}

/* --- reading --- */

void spool_free(struct spool *sp)
{
    if (!sp)
        return;
    (void)pthread_mutex_lock(&sp->mutex);
    sp->abandoned = true;
    (void)pthread_mutex_unlock(&sp->mutex);
    release(sp);
}

int spool_read(struct spool *sp, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    (void)pthread_mutex_lock(&sp->mutex);
    int64_t written = sp->written;
    int outcome = sp->outcome;
    if (outcome < 0)
        *e = sp->error;
    (void)pthread_mutex_unlock(&sp->mutex);
    *ret_len = 0;
    if (outcome < 0)
        return outcome;
    if (offset >= written)
        return outcome == DONE ? 1 : 0;
    int64_t until = offset < HEAD && written > HEAD ? HEAD : written;
    *ret_len = until - offset < (int64_t)max ? (size_t)(until - offset) : max;
    if (offset >= HEAD)
        return blob_put_read(sp->rest, offset - HEAD, to, *ret_len, e);
    memcpy(to, sp->head + offset, *ret_len);
    return 0;
}

int spool_outcome(struct spool *sp, const void **ret, size_t *ret_len, struct err *e)
{
    (void)pthread_mutex_lock(&sp->mutex);
    int outcome = sp->outcome;
    if (outcome < 0)
        *e = sp->error;
    *ret = outcome == DONE && sp->written <= HEAD ? sp->head : NULL;
    *ret_len = (size_t)sp->written;
    (void)pthread_mutex_unlock(&sp->mutex);
    return outcome;
}

bool spool_wait(struct spool *sp, int64_t offset, void (*wake)(void *ctx), void *ctx)
{
    void *unused = NULL;
    (void)pthread_mutex_lock(&sp->mutex);
    sp->wanted = offset;
    sp->wake = wake;
    sp->wake_ctx = ctx;
    bool there = take_waiter(sp, &unused) != NULL;
    (void)pthread_mutex_unlock(&sp->mutex);
    return !there;
}
