/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See executor.h. The executor's mutex covers the list of connections. A connection's own mutex covers
 * everything in it: its thread holds it for the time of a request, executor_tick takes it when it is free.
 *
 * With threads for reading each request has a view of its own, since beginning one costs nothing against what
 * follows, and the keys that were found valid are remembered for all of them together. Event loops look there
 * first: a small upload or an acknowledgement whose key is known goes to the writer without any detour.
 */
#include "cmd/executor.h"

#include "base/clock.h"
#include "base/pool.h"
#include "core/access.h"
#include "core/buckets.h"
#include "core/making.h"
#include "core/readers.h"
#include "core/replica.h"
#include "core/spool.h"
#include "db/none.h"
#include "http/fields.h"

#include <pthread.h>
#include <stdlib.h>

enum { SNAPSHOT_US = 5000, LOOK_AGAIN_US = 500000 };

struct reader {
    struct reader *next;
    pthread_mutex_t mutex;
    struct db *db;
    struct db *replica; /* NULL: not yet opened */
    bool has_snapshot;
    uint64_t commits;       /* of the writer, before the snapshot was taken */
    int64_t taken_at;       /* monotonic */
    int64_t memory_started; /* monotonic */
    struct access_memory memory;
};

struct executor {
    struct app *app;
    struct database database;
    struct database replica;
    pthread_key_t own_reader;
    pthread_mutex_t mutex;
    struct reader *readers;
    struct readers *threads; /* NULL: reads stay in the event loops */
    struct pool *senders;
    struct { /* with threads */
        pthread_mutex_t mutex;
        struct access_memory memory;
        atomic_llong started; /* monotonic */
    } shared;
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
    if (x->threads && server_in_event_loop())
        return err_operator(e, ERR_INTERNAL, "internal error", "an event loop asked for the database");
    int rc = database_open_reader(&x->database, false, &db, e);
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
    if (now - r->memory_started < ACCESS_MEMORY_US)
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
    struct session s = {.core = &c->x->app->core,
                        .db = db,
                        .arena = &c->rq->arena,
                        .now = core_now(&c->x->app->core),
                        .memory = c->memory};
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

/* In the event loop, on its own connection. */
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

/* --- with threads for reading --- */

static struct access_memory *shared_memory(struct executor *x)
{
    long long now = clock_monotonic();
    long long started = atomic_load(&x->shared.started);
    if (now - started >= ACCESS_MEMORY_US &&
        atomic_compare_exchange_strong(&x->shared.started, &started, now))
        access_forget(&x->shared.memory);
    return &x->shared.memory;
}

/* In the event loop, of what may need no database. */
static int read_nothing_hook(void *ctx, struct request *rq, handler_fn *fn, struct err *e)
{
    struct app *app = ctx;
    struct call c = {app->executor, rq, fn, shared_memory(app->executor)};
    struct db_none none;
    db_none_init(&none);
    int rc = run_in_session(&none.db, &c, e);
    return none.asked ? READ_LATER : rc;
}

/* A view of a server costs round trips: what can do without reads as each statement finds it. */
static int read_as_it_is(struct executor *x, db_body_fn *body, void *ctx, struct err *e)
{
    struct reader *r;
    int rc = get_reader(x, &r, e);
    return rc < 0 ? rc : body(r->db, ctx, e);
}

static int read_in_view(struct executor *x, db_body_fn *body, void *ctx, struct err *e)
{
    struct reader *r;
    int rc = get_reader(x, &r, e);
    if (rc == 0)
        rc = db_snapshot_open(r->db, e);
    if (rc < 0)
        return rc;
    rc = body(r->db, ctx, e); /* once: it may be half written to a client when the database goes away */
    db_snapshot_close(r->db);
    return rc;
}

/* --- with a replica --- */

static bool may_be_stale(struct executor *x, struct request *rq)
{
    int64_t limit = core_settings(&x->app->core)->db_replica_age;
    if (!x->app->replica || rq->has_body || rq->route->mode != R_READ)
        return false;
    int64_t seconds = fields_max_stale(request_header(rq, "Cache-Control"));
    return seconds >= 0 && replica_shows(x->app->replica, seconds < limit ? seconds : limit);
}

static int read_replica(struct executor *x, struct call *c, struct err *e)
{
    struct reader *r;
    int rc = get_reader(x, &r, e);
    if (rc == 0 && !r->replica)
        rc = database_open_reader(&x->replica, false, &r->replica, e);
    return rc < 0 ? rc : run_in_session(r->replica, c, e);
}

/*
 * Who asks is looked up where a key that was revoked is gone at once. An error of the replica is never an
 * answer: it may be its own, or that of what has not arrived there yet.
 */
static int read_what_may_be_stale(struct executor *x, struct call *c, struct err *e)
{
    struct call admission = *c;
    admission.fn = c->rq->api->admit;
    int rc = read_as_it_is(x, run_in_session, &admission, e);
    if (rc < 0)
        return rc;
    server_forget_answer(c->rq);
    if (replica_begin(x->app->replica)) {
        rc = read_replica(x, c, e);
        replica_end(x->app->replica, rc);
        if (rc >= 0)
            return rc;
        server_forget_answer(c->rq);
    }
    return read_as_it_is(x, run_in_session, c, e);
}

struct read {
    struct reader_task task; /* first, so that one is the other */
    struct call call;
};

static void run_read(struct reader_task *t)
{
    struct call *c = &((struct read *)t)->call;
    struct err e;
    c->memory = shared_memory(c->x);
    int rc;
    if (!c->x->database.ops->remote)
        rc = read_in_view(c->x, run_in_session, c, &e);
    else if (may_be_stale(c->x, c->rq))
        rc = read_what_may_be_stale(c->x, c, &e);
    else
        rc = read_as_it_is(c->x, run_in_session, c, &e);
    /* The request, and t with it, may be gone after this. */
    server_finish_read(c->rq, rc, &e);
}

static void refuse_read(struct reader_task *t, const struct err *e)
{
    server_finish_read(((struct read *)t)->call.rq, e->code, e);
}

static int read_later_hook(void *ctx, struct request *rq, handler_fn *fn, struct err *e)
{
    struct app *app = ctx;
    struct read *r = arena_alloc(&rq->arena, sizeof *r);
    r->task = (struct reader_task){.run = run_read, .refuse = refuse_read};
    r->call = (struct call){app->executor, rq, fn, NULL};
    return readers_submit(app->executor->threads, &r->task, e);
}

/* For core: like read_hook, without a request. */
static int run_reader(void *of, db_body_fn *body, void *ctx, struct err *e)
{
    struct executor *x = of;
    struct reader *r;
    if (x->threads)
        return read_in_view(x, body, ctx, e);
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

static void start_threads(struct executor *x, int readers, int senders)
{
    const struct settings *set = core_settings(&x->app->core);
    x->shared.memory.mutex = &x->shared.mutex;
    if (readers)
        x->threads = readers_new(readers, (int)set->read_queue_limit, set->read_queue_timeout);
    if (senders)
        x->senders = pool_new(senders, "sender");
    x->app->readers = x->threads;
}

struct executor *executor_new(struct app *app, const struct database *database,
                              const struct database *replica, int readers, int senders)
{
    struct executor *x = mem_alloc(sizeof *x);
    *x = (struct executor){.app = app, .database = *database};
    app->executor = x;
    app->core.reader = (struct core_reader){.run = run_reader, .of = x};
    if (pthread_mutex_init(&x->mutex, NULL) || pthread_mutex_init(&x->shared.mutex, NULL) ||
        pthread_key_create(&x->own_reader, NULL))
        abort();
    start_threads(x, readers, senders);
    if (*replica->where) {
        x->replica = *replica;
        app->replica = replica_new(&app->core, app->writer, &x->replica, readers > 1 ? readers / 2 : 1);
    }
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

/* What other nodes commit is not told to this one: who waits for a change looks again now and then. */
static uint64_t changes_hook(void *ctx)
{
    struct app *app = ctx;
    bool remote = app->executor->database.ops->remote;
    return writer_commits(app->writer) + (remote ? (uint64_t)(clock_monotonic() / LOOK_AGAIN_US) : 0);
}

static void give_up_hook(void *ctx)
{
    struct app *app = ctx;
    struct core *core = &app->core;
    if (app->readers)
        readers_stop(app->readers);
    blob_give_up(core->blobs);
    buckets_give_up(core->buckets);
    makings_stop(core->makings);
    spools_stop(core->spools);
}

struct server_hooks executor_hooks(struct executor *x)
{
    return (struct server_hooks){.ctx = x->app,
                                 .read = x->threads ? read_nothing_hook : read_hook,
                                 .read_later = x->threads ? read_later_hook : NULL,
                                 .senders = x->senders,
                                 .write = write_hook,
                                 .changes = changes_hook,
                                 .give_up = give_up_hook};
}

void executor_free(struct executor *x)
{
    if (!x)
        return;
    x->app->readers = NULL;
    readers_free(x->threads);
    pool_free(x->senders);
    replica_free(x->app->replica);
    x->app->replica = NULL;
    access_forget(&x->shared.memory);
    for (struct reader *r = x->readers, *next; r; r = next) {
        next = r->next;
        drop_snapshot(r);
        access_forget(&r->memory);
        db_close(r->db);
        db_close(r->replica);
        (void)pthread_mutex_destroy(&r->mutex);
        free(r);
    }
    (void)pthread_key_delete(x->own_reader);
    (void)pthread_mutex_destroy(&x->mutex);
    (void)pthread_mutex_destroy(&x->shared.mutex);
    free(x);
}
