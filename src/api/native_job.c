/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: jobs. */
#include "api/native.h"
#include "core/batch.h"
#include "core/job.h"
#include "core/name.h"

#include <string.h>

enum { LONGEST_TEXT = 255, MOST_KINDS = 100 };

static int check_label(const char *value, const char *pointer, struct err *e)
{
    int rc = value ? name_check_text(value, pointer + 1, e) : 0;
    if (rc < 0)
        err_locate(e, ERR_POINTER, pointer);
    return rc;
}

static int check_labels(const struct job_new *n, struct err *e)
{
    int rc = check_label(n->kind, "/kind", e);
    if (rc == 0)
        rc = check_label(n->reference_id, "/reference_id", e);
    if (rc == 0)
        rc = check_label(n->tag, "/tag", e);
    return rc;
}

int native_job_create(struct request *rq, struct err *e)
{
    struct body {
        struct job_new job;
        const struct json *input;
    } b = {.job = {.priority_weight = 5}};
    static const struct json_field fields[] = {
        {"kind", JSON_TO_STRING, offsetof(struct body, job.kind), true, 1, LONGEST_TEXT},
        {"batch", JSON_TO_STRING, offsetof(struct body, job.batch), false, 0, LONGEST_TEXT},
        {"reference_id", JSON_TO_STRING, offsetof(struct body, job.reference_id), false, 1, LONGEST_TEXT},
        {"tag", JSON_TO_STRING, offsetof(struct body, job.tag), false, 1, LONGEST_TEXT},
        {"priority_weight", JSON_TO_INT, offsetof(struct body, job.priority_weight), false, 1, 10},
        {"storage", JSON_TO_STRING, offsetof(struct body, job.storage), false, 1, LONGEST_TEXT},
        {"input", JSON_TO_VALUE, offsetof(struct body, input), false, 0, 0, true},
    };
    struct job *job = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, false, fields, API_COUNT(fields), &b, e);
    if (rc == 0)
        rc = check_labels(&b.job, e);
    if (rc < 0)
        return rc;
    if (b.input)
        b.job.input = arena_copy(&rq->arena, b.input->raw, b.input->raw_len);
    rc = job_create(api_session(rq), &b.job, &job, e);
    if (rc < 0)
        return rc;
    response_header(rq, "Location", arena_printf(&rq->arena, NATIVE "/jobs/%s", job->id));
    return native_send_job(rq, 201, job);
}

struct list_params {
    struct job_filter filter;
    const char *batch;
    const char *deleted;
};

static const struct param list_params[] = {
    {"status", PARAM_TEXT, offsetof(struct list_params, filter.status), 1, LONGEST_TEXT},
    {"kind", PARAM_TEXT, offsetof(struct list_params, filter.kind), 1, LONGEST_TEXT},
    {"batch", PARAM_TEXT, offsetof(struct list_params, batch), 1, LONGEST_TEXT},
    {"reference_id", PARAM_TEXT, offsetof(struct list_params, filter.reference_id), 1, LONGEST_TEXT},
    {"tag", PARAM_TEXT, offsetof(struct list_params, filter.tag), 1, LONGEST_TEXT},
    {"deleted", PARAM_TEXT, offsetof(struct list_params, deleted), 1, LONGEST_TEXT},
};

static int read_filter(struct request *rq, struct list_params *p, struct err *e)
{
    int rc = request_params(rq, list_params, API_COUNT(list_params), p, e);
    if (rc == 0)
        rc = native_parse_deleted(p->deleted, &p->filter.deleted, e);
    if (rc == 0 && p->filter.status && store_word(job_status_names, JOB_STATUS_END, p->filter.status) < 0)
        rc = err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "status",
                    "the parameter \"status\" must be queued, running, completed, failed or cancelled");
    if (rc == 0 && p->batch)
        rc = batch_refer(api_session(rq), p->batch, ERR_PARAMETER, "batch", &p->filter.batch, e);
    return rc;
}

int native_job_list(struct request *rq, struct err *e)
{
    struct list_params p = {.batch = NULL};
    struct native_page page;
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct job *job = NULL;
    bool cut = false;
    int rc = native_page_open(rq, &page, e);
    if (rc == 0)
        rc = read_filter(rq, &p, e);
    if (rc == 0)
        rc = job_list(api_session(rq), &p.filter, &page.page, &job, &cut, e);
    if (rc < 0)
        return rc;
    json_begin_object(&j);
    json_key(&j, "data");
    json_begin_array(&j);
    for (; job && native_page_take(&page, job->pk); job = job->next)
        native_put_job(&j, rq, job);
    return native_page_send(rq, &page, &j, job != NULL || cut);
}

int native_job_get(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = job_get(api_session(rq), rq->places[0], &job, e);
    return rc < 0 ? rc : native_send_job(rq, 200, job);
}

/* The job, and with it what only the claimer may know. */
static int send_claimed(struct request *rq, const struct job *job)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    native_put_job(&j, rq, job);
    j.buf.len--; /* its closing brace: two members follow */
    json_key(&j, "lease");
    json_string(&j, job->lease);
    json_key(&j, "lease_expires_at");
    json_time(&j, job->lease_expires_at);
    json_end_object(&j);
    return native_send(rq, 200, &j);
}

/* What no job's kind can be is a mistake that would otherwise wait for ever. */
static int list_kinds(struct request *rq, const struct json *kinds, const char *const **ret, struct err *e)
{
    size_t n = 0;
    if (!kinds)
        return 0;
    const char **list = arena_alloc(&rq->arena, (MOST_KINDS + 1) * sizeof *list);
    for (const struct json *k = kinds->first; k; k = k->next) {
        const char *pointer = arena_printf(&rq->arena, "/kinds/%zu", n);
        int rc = *k->string ? check_label(k->string, pointer, e)
                            : err_at(e, ERR_BAD_VALUE, ERR_POINTER, pointer, "a kind must not be empty");
        if (rc < 0)
            return rc;
        list[n++] = k->string;
    }
    *ret = list;
    return 0;
}

int native_job_claim(struct request *rq, struct err *e)
{
    struct body {
        const struct json *kinds;
        int64_t lease_seconds;
    } b = {.lease_seconds = 60};
    static const struct json_field fields[] = {
        {"kinds", JSON_TO_STRINGS, offsetof(struct body, kinds), false, 1, MOST_KINDS},
        {"lease_seconds", JSON_TO_INT, offsetof(struct body, lease_seconds), false, 1, 3600},
    };
    const char *const *kinds = NULL;
    struct job *job = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, true, fields, API_COUNT(fields), &b, e);
    if (rc == 0)
        rc = list_kinds(rq, b.kinds, &kinds, e);
    if (rc == 0)
        rc = job_claim(api_session(rq), kinds, b.lease_seconds, &job, e);
    if (rc < 0)
        return rc;
    if (rc > 0 && job)
        return send_claimed(rq, job);
    response_empty(rq, 204);
    return 0;
}

static int move(struct request *rq, const struct job_move *m, struct err *e)
{
    struct job *job = NULL;
    int rc = job_move(api_session(rq), rq->places[0], m, &job, e);
    return rc < 0 ? rc : native_send_job(rq, 200, job);
}

#define LEASE_FIELD                                                                                          \
    {                                                                                                        \
        "lease", JSON_TO_STRING, offsetof(struct job_move, lease), false, 1, LONGEST_TEXT                    \
    }

int native_job_progress(struct request *rq, struct err *e)
{
    struct job_move m = {.verb = JOB_PROGRESS};
    static const struct json_field fields[] = {
        {"progress", JSON_TO_REAL, offsetof(struct job_move, progress), true, 0, 1},
        LEASE_FIELD,
    };
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, false, fields, API_COUNT(fields), &m, e);
    return rc < 0 ? rc : move(rq, &m, e);
}

int native_job_finish(struct request *rq, struct err *e)
{
    struct job_move m = {.verb = JOB_FINISH};
    static const struct json_field fields[] = {LEASE_FIELD};
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, true, fields, API_COUNT(fields), &m, e);
    return rc < 0 ? rc : move(rq, &m, e);
}

/* {code, message}, written anew so that what is stored is what was checked. */
static int read_error(struct request *rq, const struct json *error, const char **ret, struct err *e)
{
    struct texts {
        const char *code, *message;
    } t = {.code = NULL};
    static const struct json_field fields[] = {
        {"code", JSON_TO_STRING, offsetof(struct texts, code), true, 1, LONGEST_TEXT},
        {"message", JSON_TO_STRING, offsetof(struct texts, message), true, 0, 65536},
    };
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = json_read(error, fields, API_COUNT(fields), &t, e);
    if (rc < 0) {
        err_prefix(e, "/error");
        return rc;
    }
    json_begin_object(&j);
    json_key(&j, "code");
    json_string(&j, t.code);
    json_key(&j, "message");
    json_string(&j, t.message);
    json_end_object(&j);
    *ret = buf_str(&j.buf);
    return 0;
}

int native_job_fail(struct request *rq, struct err *e)
{
    struct body {
        struct job_move move;
        const struct json *error;
    } b = {.move = {.verb = JOB_FAIL}};
    static const struct json_field fields[] = {
        {"error", JSON_TO_OBJECT, offsetof(struct body, error), true, 0, 0},
        {"lease", JSON_TO_STRING, offsetof(struct body, move.lease), false, 1, LONGEST_TEXT},
    };
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, false, fields, API_COUNT(fields), &b, e);
    if (rc == 0)
        rc = read_error(rq, b.error, &b.move.error, e);
    return rc < 0 ? rc : move(rq, &b.move, e);
}

int native_job_cancel(struct request *rq, struct err *e)
{
    struct job_move m = {.verb = JOB_CANCEL};
    static const struct json_field fields[] = {LEASE_FIELD};
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, true, fields, API_COUNT(fields), &m, e);
    return rc < 0 ? rc : move(rq, &m, e);
}

int native_job_delete(struct request *rq, struct err *e)
{
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = job_delete(api_session(rq), rq->places[0], e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

int native_job_restore(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = job_restore(api_session(rq), rq->places[0], &job, e);
    return rc < 0 ? rc : native_send_job(rq, 200, job);
}
