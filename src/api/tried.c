/* SPDX-License-Identifier: Apache-2.0 */
/* See tried.h. */
#include "api/tried.h"

#include "base/clock.h"
#include "core/storage.h"

enum { MOST_WAITING = 16 };

static int record(struct db *db, void *ctx, struct err *e)
{
    struct tried *t = ctx;
    struct session s = {.core = &api_app(t->rq)->core,
                        .db = db,
                        .arena = &t->rq->arena,
                        .actor = t->actor,
                        .now = core_now(&api_app(t->rq)->core)};
    t->rq->session = &s;
    int rc = t->record ? t->record(t, e) : 0;
    if (rc == 0)
        rc = storage_mark(&s, t->storage, !t->trial.word, e);
    t->rq->session = NULL;
    return rc;
}

/* In a thread of core->outgoing. */
static void run(struct pool_task *task)
{
    struct tried *t = (struct tried *)task;
    struct app *app = api_app(t->rq);
    t->rc = buckets_try(&app->core, &t->rq->arena, t->storage, &t->trial, &t->error);
    if (t->rc == 0)
        t->rc = writer_call(app->writer, record, t, &t->error);
    request_wake(t->rq);
}

static bool start(struct request *rq)
{
    struct tried *t = rq->own;
    pool_add(api_app(rq)->core.outgoing, &t->task);
    return true;
}

int tried_begin(struct request *rq, struct storage *st, int (*record_fn)(struct tried *t, struct err *e),
                struct err *e)
{
    struct tried *t = arena_alloc(&rq->arena, sizeof *t);
    if (pool_depth(api_app(rq)->core.outgoing) >= MOST_WAITING)
        return err_set(e, ERR_BUSY, "too many storages are being tested at once; try again in a moment");
    *t = (struct tried){.task = {.run = run, .holder = st->project},
                        .rq = rq,
                        .actor = api_session(rq)->actor,
                        .storage = st,
                        .record = record_fn};
    rq->own = t;
    rq->sleep = start;
    return 0;
}

int tried_outcome(const struct tried *t, struct err *e)
{
    if (t->rc < 0)
        *e = t->error;
    return t->rc;
}
