/* SPDX-License-Identifier: Apache-2.0 */
/* ricloud: testing a storage config. How it went is recorded as a task that has ended. */
#include "api/ricloud.h"

#include "api/tried.h"
#include "core/job.h"
#include "core/storage.h"

static const char *error_of(struct tried *t)
{
    struct json_out j = {.buf = {.arena = &t->rq->arena}};
    json_begin_object(&j);
    ricloud_put(&j, "code", t->trial.word);
    ricloud_put(&j, "message", t->trial.sentence);
    json_end_object(&j);
    return buf_str(&j.buf);
}

/* Made and ended in one transaction: no worker ever sees it. */
static int record_task(struct tried *t, struct err *e)
{
    const char *word = t->trial.word;
    struct ricloud_order o = {.type = "storage_config.test", .target = t->storage->id};
    struct job_move m = {.verb = word ? JOB_FAIL : JOB_FINISH, .error = word ? error_of(t) : NULL};
    struct job *j = NULL;
    int rc = ricloud_make_task(t->rq, &o, &j, e);
    if (rc == 0)
        rc = job_move(api_session(t->rq), j->id, &m, &j, e);
    if (rc == 0)
        t->job = j->id;
    return rc;
}

int ricloud_storage_test(struct request *rq, struct err *e)
{
    const struct tried *t = rq->own;
    struct storage *st = NULL;
    struct job *j = NULL;
    int rc = t ? tried_outcome(t, e) : storage_get(api_session(rq), rq->places[0], &st, e);
    if (rc < 0 || !t)
        return rc < 0 ? rc : tried_begin(rq, st, record_task, e);
    rc = job_get(api_session(rq), t->job, &j, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, ricloud_put_task, j, e);
}
