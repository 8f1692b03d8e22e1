/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See executor.h. The executor's mutex covers the list of readers. A reader's own mutex covers everything in
 * it: its thread holds it for the time of a request, executor_tick takes it when it is free.
 */
#include "cmd/executor.h"

#include "base/clock.h"
#include "core/access.h"
#include "core/making.h"
#include "core/spool.h"

#include <pthread.h>
#include <stdlib.h>

enum { SNAPSHOT_US = 5000 };

struct reader {
    struct reader *next;
    pthread_mutex_t mutex;
    struct db *db;
    bool has_snapshot;
    uint64_t commits;       /* of the writer, before the snapshot was taken */
    int64_t taken_at;       /* monotonic */
    int64_t memory_started; /* monotonic */
    struct access_memory memory;
};

struct executor {
    struct app *app;
    struct folder folder;
    pthread_key_t own_reader;
    pthread_mutex_t mutex;
    struct reader *readers;
};

static struct reader *add_reader(struct executor *x, struct db *db)
{
    struct reader *r = mem_alloc(sizeof *r);
    *r = (struct reader){.db = db};
    if (pthread_mutex_init(&r->mutex, NULL))
        abort();
    (void)pthread_mutex_lock(&x->mutex);
    r->next = x->readers;
    x->readers = r;
    (void)pthread_mutex_unlock(&x->mutex);
    (void)pthread_setspecific(x->own_reader, r);
    return r;
}

static int get_reader(struct executor *x, struct reader **ret, struct err *e)
{
    struct db *db = NULL;
    *ret = pthread_getspecific(x->own_reader);
    if (*ret)
        return 0;
    const struct settings *set = core_settings(&x->app->core);
    int rc = folder_open_reader(&x->folder, set->db_busy_timeout, set->db_map, &db, e);
    if (rc == 0)
        *ret = add_reader(x, db);
    return rc;
}

static void drop_snapshot(struct reader *r)
{
    if (r->has_snapshot)
        db_snapshot_close(r->db);
    r->has_snapshot = false;
}

/* A writer that is busy ends a snapshot every other request; the keys do not change with it. */
static void limit_memory(struct reader *r, int64_t now)
{
    if (now - r->memory_started < SNAPSHOT_US)
        return;
    access_forget(&r->memory);
    r->memory_started = now;
}

/* 1: one that was there is still good; 0: a new one was taken. */
static int take_snapshot(struct executor *x, struct reader *r, struct err *e)
{
    int64_t now = clock_monotonic();
    /* Before the snapshot, so that it holds at least these. */
    uint64_t commits = writer_commits(x->app->writer);
    limit_memory(r, now);
    if (r->has_snapshot && r->commits == commits && now - r->taken_at < SNAPSHOT_US)
        return 1;
    drop_snapshot(r);
    int rc = db_snapshot_open(r->db, e);
    r->has_snapshot = rc == 0;
    r->commits = commits;
    r->taken_at = now;
    return rc;
}

struct call {
    struct executor *x;
    struct request *rq;
    handler_fn *fn;
    struct access_memory *memory;
};

static int run_in_session(struct db *db, void *ctx, struct err *e)
{
    struct call *c = ctx;
    struct session s = {
        .core = &c->x->app->core, .db = db, .arena = &c->rq->arena, .now = clock_now(), .memory = c->memory};
    if (c->rq->actor)
        s.actor = *(struct actor *)c->rq->actor;
    c->rq->session = &s;
    int rc = c->fn(c->rq, e);
    c->rq->session = NULL;
    return rc;
}

static int read_with(struct executor *x, struct reader *r, struct call *c, struct err *e)
{
    int reused = take_snapshot(x, r, e);
    int rc = reused < 0 ? reused : run_in_session(r->db, c, e);
    if (rc < 0 && err_status(rc) >= 500)
        drop_snapshot(r);
    if (rc == ERR_UNAUTHORIZED && reused > 0) { /* the key may just have been made, by another process */
        drop_snapshot(r);
        rc = take_snapshot(x, r, e);
        if (rc >= 0)
            rc = run_in_session(r->db, c, e);
    }
    return rc;
}

static int read_hook(void *ctx, struct request *rq, handler_fn *fn, struct err *e)
{
    struct app *app = ctx;
    struct call c = {app->executor, rq, fn, NULL};
    struct reader *r;
    int rc = get_reader(c.x, &r, e);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&r->mutex);
    c.memory = &r->memory;
    rc = read_with(c.x, r, &c, e);
    (void)pthread_mutex_unlock(&r->mutex);
    return rc;
}

/* For core: like read_hook, without a request. */
static int run_reader(void *of, db_body_fn *body, void *ctx, struct err *e)
{
    struct executor *x = of;
    struct reader *r;
    int rc = get_reader(x, &r, e);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&r->mutex);
    rc = take_snapshot(x, r, e);
    if (rc >= 0)
        rc = body(r->db, ctx, e);
    if (rc < 0 && err_status(rc) >= 500)
        drop_snapshot(r);
    (void)pthread_mutex_unlock(&r->mutex);
    return rc;
}

struct executor *executor_new(struct app *app, const struct folder *folder)
{
    struct executor *x = mem_alloc(sizeof *x);
    *x = (struct executor){.app = app, .folder = *folder};
    app->executor = x;
    app->core.reader = (struct core_reader){.run = run_reader, .of = x};
    if (pthread_mutex_init(&x->mutex, NULL) || pthread_key_create(&x->own_reader, NULL))
        abort();
    return x;
}

void executor_tick(struct executor *x)
{
    (void)pthread_mutex_lock(&x->mutex);
    for (struct reader *r = x->readers; r; r = r->next)
        if (pthread_mutex_trylock(&r->mutex) == 0) {
            int64_t now = clock_monotonic();
            if (now - r->taken_at > SNAPSHOT_US)
                drop_snapshot(r);
            limit_memory(r, now);
            (void)pthread_mutex_unlock(&r->mutex);
        }
    (void)pthread_mutex_unlock(&x->mutex);
}

struct write {
    struct writer_task task; /* first, so that one is the other */
    struct call call;
};

static int write_body(struct writer_task *t, struct db *db, struct err *e)
{
    return run_in_session(db, &((struct write *)t)->call, e);
}

static void write_done(struct writer_task *t, int rc, const struct err *e)
{
    /* The request, and t with it, may be gone after this. */
    server_finish(((struct write *)t)->call.rq, rc, e);
}

static int write_hook(void *ctx, struct request *rq, handler_fn *fn, struct err *e)
{
    struct app *app = ctx;
    struct write *w = arena_alloc(&rq->arena, sizeof *w);
    w->task = (struct writer_task){.body = write_body, .done = write_done};
    w->call = (struct call){app->executor, rq, fn, NULL};
    return writer_submit(app->writer, &w->task, e);
}

static uint64_t changes_hook(void *ctx)
{
    return writer_commits(((struct app *)ctx)->writer);
}

static void give_up_hook(void *ctx)
{
    struct core *core = &((struct app *)ctx)->core;
    makings_stop(core->makings);
    spools_stop(core->spools);
}

struct server_hooks executor_hooks(struct executor *x)
{
    return (struct server_hooks){.ctx = x->app,
                                 .read = read_hook,
                                 .write = write_hook,
                                 .changes = changes_hook,
                                 .give_up = give_up_hook};
}

void executor_free(struct executor *x)
{
    if (!x)
        return;
    for (struct reader *r = x->readers, *next; r; r = next) {
        next = r->next;
        drop_snapshot(r);
        access_forget(&r->memory);
        db_close(r->db);
        (void)pthread_mutex_destroy(&r->mutex);
        free(r);
    }
    (void)pthread_key_delete(x->own_reader);
    (void)pthread_mutex_destroy(&x->mutex);
    free(x);
}
