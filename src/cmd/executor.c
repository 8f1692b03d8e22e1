/* SPDX-License-Identifier: Apache-2.0 */
/* See executor.h. The mutex covers the list of connections; each is used by its own thread alone. */
#include "cmd/executor.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>

struct reader {
    struct db *db;
    struct reader *next;
};

struct executor {
    struct app *app;
    struct folder folder;
    pthread_key_t own_reader;
    pthread_mutex_t mutex;
    struct reader *readers;
};

struct executor *executor_new(struct app *app, const struct folder *folder)
{
    struct executor *x = mem_alloc(sizeof *x);
    *x = (struct executor){.app = app, .folder = *folder};
    app->executor = x;
    if (pthread_mutex_init(&x->mutex, NULL) || pthread_key_create(&x->own_reader, NULL))
        abort();
    return x;
}

static int get_reader(struct executor *x, struct db **ret, struct err *e)
{
    struct reader *r = pthread_getspecific(x->own_reader);
    if (!r) {
        struct db *db;
        int rc = folder_open_reader(&x->folder, core_settings(&x->app->core)->db_busy_timeout, &db, e);
        if (rc < 0)
            return rc;
        r = mem_alloc(sizeof *r);
        r->db = db;
        (void)pthread_mutex_lock(&x->mutex);
        r->next = x->readers;
        x->readers = r;
        (void)pthread_mutex_unlock(&x->mutex);
        (void)pthread_setspecific(x->own_reader, r);
    }
    *ret = r->db;
    return 0;
}

struct call {
    struct executor *x;
    struct request *rq;
    handler_fn *fn;
};

static int run_in_session(struct db *db, void *ctx, struct err *e)
{
    struct call *c = ctx;
    struct session s = {.core = &c->x->app->core, .db = db, .arena = &c->rq->arena, .now = clock_now()};
    if (c->rq->actor)
        s.actor = *(struct actor *)c->rq->actor;
    c->rq->session = &s;
    int rc = c->fn(c->rq, e);
    c->rq->session = NULL;
    return rc;
}

static int read_hook(void *ctx, struct request *rq, handler_fn *fn, struct err *e)
{
    struct app *app = ctx;
    struct call c = {app->executor, rq, fn};
    struct db *db;
    int rc = get_reader(c.x, &db, e);
    return rc < 0 ? rc : db_tx(db, DB_READ, run_in_session, &c, e);
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
    server_finish(((struct write *)t)->call.rq, rc,
                  e); /* the request, and t with it, may be gone after this */
}

static int write_hook(void *ctx, struct request *rq, handler_fn *fn, struct err *e)
{
    struct app *app = ctx;
    struct write *w = arena_alloc(&rq->arena, sizeof *w);
    w->task = (struct writer_task){.body = write_body, .done = write_done};
    w->call = (struct call){app->executor, rq, fn};
    return writer_submit(app->writer, &w->task, e);
}

struct server_hooks executor_hooks(struct executor *x)
{
    return (struct server_hooks){.ctx = x->app, .read = read_hook, .write = write_hook};
}

void executor_free(struct executor *x)
{
    if (!x)
        return;
    for (struct reader *r = x->readers, *next; r; r = next) {
        next = r->next;
        db_close(r->db);
        free(r);
    }
    (void)pthread_key_delete(x->own_reader);
    (void)pthread_mutex_destroy(&x->mutex);
    free(x);
}
