/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What UFDL's nodes and clients do with jobs. A node acquires a job, which makes it the holder; from then on
 * only the node moves it, but for abort and cancel, which are for staff.
 */
#include "api/ufdl.h"

#include "core/job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int move(struct request *rq, const struct job *job, const struct job_move *m, struct err *e)
{
    struct job *moved = NULL;
    assert(job);
    if (job->deleted_at)
        return err_set(e, ERR_WRONG_STATE, "the job is deleted; reinstate it first");
    int rc = job_move(api_session(rq), job->id, m, &moved, e);
    return rc < 0 ? rc : ufdl_send_job(rq, moved, e);
}

/* The job, and the node that asks and has acquired it: "NodeOwnsJob". */
static int find_owned(struct request *rq, struct job **ret, struct document **ret_node, struct err *e)
{
    int rc = ufdl_node_require(rq, ret_node, e);
    if (rc == 0)
        rc = ufdl_job(rq, ret, e);
    if (rc == 0 && (*ret)->holder != (*ret_node)->pk)
        rc = ufdl_forbidden(e);
    return rc < 0 ? rc : ufdl_node_seen(rq, *ret_node, e);
}

static int move_owned(struct request *rq, enum job_verb verb, struct err *e)
{
    struct job *job = NULL;
    struct document *node = NULL;
    int rc = find_owned(rq, &job, &node, e);
    if (rc < 0)
        return rc;
    struct job_move m = {.verb = verb, .holder = node->pk};
    return move(rq, job, &m, e);
}

int ufdl_job_acquire(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    struct document *node = NULL;
    int rc = ufdl_node_require(rq, &node, e);
    if (rc == 0)
        rc = ufdl_job(rq, &job, e);
    if (rc == 0)
        rc = ufdl_node_seen(rq, node, e);
    if (rc < 0)
        return rc;
    struct job_move m = {.verb = JOB_ACQUIRE, .holder = node->pk};
    return move(rq, job, &m, e);
}

int ufdl_job_release(struct request *rq, struct err *e)
{
    return move_owned(rq, JOB_RELEASE, e);
}

int ufdl_job_reset(struct request *rq, struct err *e)
{
    return move_owned(rq, JOB_RESET, e);
}

static int move_any(struct request *rq, enum job_verb verb, struct err *e)
{
    struct job *job = NULL;
    struct job_move m = {.verb = verb};
    int rc = ufdl_job(rq, &job, e);
    return rc < 0 ? rc : move(rq, job, &m, e);
}

int ufdl_job_abort(struct request *rq, struct err *e)
{
    return move_any(rq, JOB_ABORT, e);
}

int ufdl_job_cancel(struct request *rq, struct err *e)
{
    return move_any(rq, JOB_CANCEL, e);
}

static int read_body(struct request *rq, const struct json_field *fields, size_t count, void *to,
                     struct err *e)
{
    static const char empty[] = "{}";
    const struct json *body;
    int rc = ufdl_body(rq, &body, e);
    if (rc == 0 && !body)
        rc = json_parse(&rq->arena, empty, strlen(empty), 1, &body, e);
    return rc < 0 ? rc : json_read_known(body, fields, count, to, e);
}

/* Notifications are not sent; which one, has to be said all the same. */
struct finish {
    bool success;
    const char *send_notification;
    const char *error;
};

#define NOTIFICATION                                                                                         \
    {                                                                                                        \
        "send_notification", JSON_TO_STRING, offsetof(struct finish, send_notification), true, 0,            \
            UFDL_LONGEST_TEXT, .about = "Any text: none are sent."                                           \
    }

const struct json_field ufdl_start_fields[] = {NOTIFICATION};

int ufdl_job_start(struct request *rq, struct err *e)
{
    struct finish f;
    struct job *job = NULL;
    struct document *node = NULL;
    int rc = find_owned(rq, &job, &node, e);
    if (rc == 0)
        rc = read_body(rq, ufdl_start_fields, API_COUNT(ufdl_start_fields), &f, e);
    if (rc < 0)
        return rc;
    struct job_move m = {.verb = JOB_START, .holder = node->pk};
    return move(rq, job, &m, e);
}

/* "path must match 0.[0-9]+ or 1.0+" */
static bool read_amount(const char *text, double *ret)
{
    const char *digits = *text == '0' ? "0123456789" : "0";
    size_t len = strlen(text);
    if ((*text != '0' && *text != '1') || text[1] != '.' || len < 3 || strspn(text + 2, digits) != len - 2)
        return false;
    *ret = strtod(text, NULL);
    return true;
}

int ufdl_job_progress(struct request *rq, struct err *e)
{
    struct job_move m = {.verb = JOB_PROGRESS};
    struct job *job = NULL;
    struct document *node = NULL;
    const struct json *body;
    if (!read_amount(rq->places[1], &m.progress))
        return ufdl_not_found(e);
    int rc = find_owned(rq, &job, &node, e);
    if (rc == 0)
        rc = ufdl_body(rq, &body, e);
    if (rc < 0)
        return rc;
    m.holder = node->pk;
    return move(rq, job, &m, e);
}

static const char *make_error(struct request *rq, const char *message)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "code");
    json_string(&j, "error");
    json_key(&j, "message");
    json_string(&j, message);
    json_end_object(&j);
    return buf_str(&j.buf);
}

const struct json_field ufdl_finish_fields[] = {
    {"success", JSON_TO_BOOL, offsetof(struct finish, success), true, 0, 0, .about = "Not looked at."},
    NOTIFICATION,
    {"error", JSON_TO_STRING, offsetof(struct finish, error), false, 0, UFDL_LONGEST_TEXT,
     .about = "Why it failed; without it, it did not."},
};

/* "presence of error decides, success is unused". A node whose job was cancelled meanwhile is not told off.
 */
int ufdl_job_finish(struct request *rq, struct err *e)
{
    struct finish f = {.error = NULL};
    struct job *job = NULL;
    struct document *node = NULL;
    int rc = find_owned(rq, &job, &node, e);
    if (rc == 0)
        rc = read_body(rq, ufdl_finish_fields, API_COUNT(ufdl_finish_fields), &f, e);
    if (rc < 0)
        return rc;
    assert(job && node);
    if (job->status == JOB_CANCELLED)
        return ufdl_send_job(rq, job, e);
    struct job_move m = {.verb = f.error ? JOB_FAIL : JOB_FINISH,
                         .holder = node->pk,
                         .error = f.error ? make_error(rq, f.error) : NULL};
    return move(rq, job, &m, e);
}
