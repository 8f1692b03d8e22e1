/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud: testing a storage config. The request sleeps while a thread that may wait asks the bucket; that
 * thread then has the writer record how it went, as a task that has ended and as the config's state.
 */
#include "api/ricloud.h"

#include "api/ricloud_storage.h"
#include "base/clock.h"
#include "base/pool.h"
#include "core/bucket.h"
#include "core/job.h"

#include <string.h>

enum { MOST_WAITING = 16 };

struct test {
    struct pool_task task; /* first, so that one is the other */
    struct request *rq;
    struct actor actor;
    struct bucket bucket;
    const char *config; /* its id, and how it was when the test began */
    const char *body;
    const char *word, *sentence; /* how it went; NULL: well */
    const char *job;
    int rc;
    struct err error;
};

static const char *error_of(struct test *t)
{
    struct json_out j = {.buf = {.arena = &t->rq->arena}};
    json_begin_object(&j);
    ricloud_put(&j, "code", t->word);
    ricloud_put(&j, "message", t->sentence);
    json_end_object(&j);
    return buf_str(&j.buf);
}

/* Made and ended in one transaction: no worker ever sees it. */
static int record_task(struct test *t, struct err *e)
{
    struct ricloud_order o = {.type = "storage_config.test", .target = t->config};
    struct job_move m = {.verb = t->word ? JOB_FAIL : JOB_FINISH, .error = t->word ? error_of(t) : NULL};
    struct job *j = NULL;
    int rc = ricloud_make_task(t->rq, &o, &j, e);
    if (rc == 0)
        rc = job_move(api_session(t->rq), j->id, &m, &j, e);
    if (rc == 0)
        t->job = j->id;
    return rc;
}

/* One that has changed or gone in the meantime was not what was tested. */
static int record_state(struct test *t, struct err *e)
{
    struct document *d = NULL;
    int rc = document_get(api_session(t->rq), RICLOUD_STORAGE, t->config, &d, e);
    if (rc == ERR_NOT_FOUND || (rc == 0 && strcmp(d->body, t->body) != 0))
        return 0;
    return rc < 0 ? rc : ricloud_storage_mark(t->rq, d, t->word ? "invalid" : "valid", e);
}

static int record(struct db *db, void *ctx, struct err *e)
{
    struct test *t = ctx;
    struct session s = {.core = &api_app(t->rq)->core,
                        .db = db,
                        .arena = &t->rq->arena,
                        .actor = t->actor,
                        .now = clock_now()};
    t->rq->session = &s;
    int rc = record_task(t, e);
    if (rc == 0)
        rc = record_state(t, e);
    t->rq->session = NULL;
    return rc;
}

/* In a thread of core->outgoing. */
static void run(struct pool_task *task)
{
    struct test *t = (struct test *)task;
    struct app *app = api_app(t->rq);
    t->word = bucket_test(&app->core, &t->rq->arena, &t->bucket, &t->sentence);
    t->rc = writer_call(app->writer, record, t, &t->error);
    request_wake(t->rq);
}

static bool start(struct request *rq)
{
    struct test *t = rq->own;
    pool_add(api_app(rq)->core.outgoing, &t->task);
    return true;
}

static int prepare(struct request *rq, struct err *e)
{
    struct test *t = arena_alloc(&rq->arena, sizeof *t);
    struct document *d = NULL;
    int rc = document_get(api_session(rq), RICLOUD_STORAGE, rq->places[0], &d, e);
    if (rc == 0)
        rc = ricloud_storage_bucket(rq, d, &t->bucket, e);
    if (rc == 0 && pool_depth(api_app(rq)->core.outgoing) >= MOST_WAITING)
        rc = err_set(e, ERR_BUSY, "too many configs are being tested at once; try again in a moment");
    if (rc < 0)
        return rc;
    t->task.run = run;
    t->rq = rq;
    t->actor = api_session(rq)->actor;
    t->config = d->id;
    t->body = d->body;
    rq->own = t;
    rq->sleep = start;
    return 0;
}

int ricloud_storage_test(struct request *rq, struct err *e)
{
    const struct test *t = rq->own;
    struct job *j = NULL;
    if (!t)
        return prepare(rq, e);
    if (t->rc < 0) {
        *e = t->error;
        return t->rc;
    }
    int rc = job_get(api_session(rq), t->job, &j, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, ricloud_put_task, j, e);
}
