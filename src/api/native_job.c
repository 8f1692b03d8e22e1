/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: jobs. */
#include "api/native.h"
#include "api/operation.h"
#include "core/batch.h"
#include "core/job.h"
#include "core/name.h"

#include <string.h>

enum { LONGEST_TEXT = 255, MOST_KINDS = 100 };

#define GROUP "jobs"

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

struct job_body {
    struct job_new job;
    const struct json *input;
};

#define TEXT_FIELD(name, field) name, JSON_TO_STRING, offsetof(struct job_body, field)

static const struct json_field create_fields[] = {
    {TEXT_FIELD("kind", job.kind), true, 1, LONGEST_TEXT, .about = "What kind of work it is."},
    {TEXT_FIELD("batch", job.batch), false, 0, LONGEST_TEXT, .about = "The id of its batch."},
    {TEXT_FIELD("reference_id", job.reference_id), false, 1, LONGEST_TEXT,
     .about = "Your own name for it, unique in the project."},
    {TEXT_FIELD("tag", job.tag), false, 1, LONGEST_TEXT, .about = "A word to list jobs by."},
    {"priority_weight", JSON_TO_INT, offsetof(struct job_body, job.priority_weight), false, 1, 10,
     .about = "The highest is claimed first (5)."},
    {TEXT_FIELD("storage", job.storage), false, 1, LONGEST_TEXT,
     .about = "The name of the storage that its results go to; `default` is the server's own."},
    {"input", JSON_TO_VALUE, offsetof(struct job_body, input), false, 0, 0, true,
     .about = "What the worker needs to know: any JSON."},
};

const struct operation native_op_job_create = {
    .id = "createJob",
    .group = GROUP,
    .summary = "Make a job",
    .fields = create_fields,
    .field_count = API_COUNT(create_fields),
    .body_example =
        "{\"kind\":\"scrape\",\"priority_weight\":7,\"input\":{\"url\":\"https://site.example/\"}}",
    .answers = {{201, "The job, which is queued.", &native_job_shape, .headers = {"Location"}}},
    .refusals = {409},
};

int native_job_create(struct request *rq, struct err *e)
{
    struct job_body b = {.job = {.priority_weight = 5}};
    struct job *job = NULL;
    int rc = api_read(rq, NULL, &b, e);
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
    {"status", PARAM_TEXT, offsetof(struct list_params, filter.status), 1, LONGEST_TEXT,
     "Only jobs in this status.", job_status_names, JOB_STATUS_END},
    {"kind", PARAM_TEXT, offsetof(struct list_params, filter.kind), 1, LONGEST_TEXT,
     "Only jobs of this kind.", .example = "render"},
    {"batch", PARAM_TEXT, offsetof(struct list_params, batch), 1, LONGEST_TEXT,
     "Only jobs of the batch with this id.", .example = NATIVE_EXAMPLE_ID},
    {"reference_id", PARAM_TEXT, offsetof(struct list_params, filter.reference_id), 1, LONGEST_TEXT,
     "Only the job with this name of yours.", .example = "order-7"},
    {"tag", PARAM_TEXT, offsetof(struct list_params, filter.tag), 1, LONGEST_TEXT, "Only jobs with this tag.",
     .example = "urgent"},
    NATIVE_DELETED_PARAM(struct list_params, deleted),
};

const struct operation native_op_job_list = {
    .id = "listJobs",
    .group = GROUP,
    .summary = "List jobs, newest first",
    .params = list_params,
    .param_count = API_COUNT(list_params),
    .has_pages = true,
    .answers = {{200, "One page.", &native_job_shape, ANSWER_PAGE, .headers = {"Link"}}},
};

static int read_filter(struct request *rq, struct list_params *p, struct err *e)
{
    int rc = api_read(rq, p, NULL, e);
    if (rc == 0)
        p->filter.deleted = native_deleted(p->deleted);
    if (rc == 0 && p->batch)
        rc = batch_refer(api_session(rq), p->batch, ERR_PARAMETER, "batch", &p->filter.batch, e);
    return rc;
}

int native_job_list(struct request *rq, struct err *e)
{
    struct list_params p = {.batch = NULL};
    struct native_page page;
    struct job *job = NULL;
    bool cut = false;
    int rc = native_page_open(rq, &page, e);
    if (rc == 0)
        rc = read_filter(rq, &p, e);
    if (rc == 0)
        rc = job_list(api_session(rq), &p.filter, &page.page, &job, &cut, e);
    if (rc < 0)
        return rc;
    for (; job && native_page_put(&page, &native_job_shape, job->pk, job); job = job->next)
        ;
    page.more = page.more || cut;
    return native_page_send(&page);
}

const struct operation native_op_job_get = {
    .id = "getJob",
    .group = GROUP,
    .summary = "Show a job, deleted ones too",
    NATIVE_PLACE_ID,
    .answers = {{200, "The job.", &native_job_shape}},
    .refusals = {404},
};

int native_job_get(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = job_get(api_session(rq), rq->places[0], &job, e);
    return rc < 0 ? rc : native_send_job(rq, 200, job);
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

struct claim_body {
    const struct json *kinds;
    int64_t lease_seconds;
};

static const struct json_field claim_fields[] = {
    {"kinds", JSON_TO_STRINGS, offsetof(struct claim_body, kinds), false, 1, MOST_KINDS,
     .about = "Only jobs of these kinds; of any without it."},
    {"lease_seconds", JSON_TO_INT, offsetof(struct claim_body, lease_seconds), false, 1, 3600,
     .about = "How long the job is the worker's unless it renews that (60)."},
};

const struct operation native_op_job_claim = {
    .id = "claimJob",
    .group = GROUP,
    .summary = "Take the most urgent job that is queued",
    .about =
        "The highest weight first, among those the oldest. Progress with the lease renews it for as long "
        "again; when it has run out the job is queued again.",
    .fields = claim_fields,
    .field_count = API_COUNT(claim_fields),
    .body_optional = true,
    .body_example = "{\"kinds\":[\"scrape\"],\"lease_seconds\":300}",
    .answers = {{200, "The job, which is running now.", &native_claimed_shape}, {204, "No job is queued."}},
};

int native_job_claim(struct request *rq, struct err *e)
{
    struct claim_body b = {.lease_seconds = 60};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const char *const *kinds = NULL;
    struct job *job = NULL;
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0)
        rc = list_kinds(rq, b.kinds, &kinds, e);
    if (rc == 0)
        rc = job_claim(api_session(rq), kinds, b.lease_seconds, &job, e);
    if (rc < 0)
        return rc;
    if (rc > 0 && job) {
        shape_put(&j, rq, &native_claimed_shape, job);
        return native_send(rq, 200, &j);
    }
    response_empty(rq, 204);
    return 0;
}

static int move(struct request *rq, const struct job_move *m, struct err *e)
{
    struct job *job = NULL;
    int rc = job_move(api_session(rq), rq->places[0], m, &job, e);
    return rc < 0 ? rc : native_send_job(rq, 200, job);
}

struct move_body {
    struct job_move move;
    const struct json *error;
};

struct job_failure {
    const char *code, *message;
};

static const struct json_field move_error_fields[] = {
    {"code", JSON_TO_STRING, offsetof(struct job_failure, code), true, 1, LONGEST_TEXT,
     .about = "A word for programs."},
    {"message", JSON_TO_STRING, offsetof(struct job_failure, message), true, 0, 65536,
     .about = "A sentence for people."},
};

#define LEASE_FIELD                                                                                          \
    {                                                                                                        \
        "lease", JSON_TO_STRING, offsetof(struct move_body, move.lease), false, 1, LONGEST_TEXT,             \
            .about = "The token of the claim; a claimed job moves only with it."                             \
    }

static const struct json_field lease_fields[] = {LEASE_FIELD};
static const struct json_field progress_fields[] = {
    {"progress", JSON_TO_REAL, offsetof(struct move_body, move.progress), true, 0, 1,
     .about = "How much is done, 0 to 1."},
    LEASE_FIELD,
};
static const struct json_field fail_fields[] = {
    {"error", JSON_TO_OBJECT, offsetof(struct move_body, error), true, .about = "Why.",
     .members = move_error_fields, .member_count = API_COUNT(move_error_fields)},
    LEASE_FIELD,
};

/* What the four moves have in common. */
#define MOVE_OPERATION(id_, summary_, fields_)                                                               \
    .id = (id_), .group = GROUP, .summary = (summary_), .places = {"id"},                                    \
    .place_examples = {NATIVE_EXAMPLE_ID}, .fields = (fields_), .field_count = API_COUNT(fields_),           \
    .answers = {{200, "The job as it is now.", &native_job_shape}}, .refusals = {404, 409, 410}

const struct operation native_op_job_progress = {
    MOVE_OPERATION("reportProgress", "Say how far a job is, and renew its lease", progress_fields),
    .about = "A queued job begins to run by it.",
    .body_example = "{\"progress\":0.25}",
};
const struct operation native_op_job_finish = {
    MOVE_OPERATION("finishJob", "Say that a job is completed: its results are all there", lease_fields),
    .body_optional = true,
};
const struct operation native_op_job_fail = {
    MOVE_OPERATION("failJob", "Say that a job has failed", fail_fields),
    .body_example = "{\"error\":{\"code\":\"timeout\",\"message\":\"no answer within 60 s\"}}",
};
const struct operation native_op_job_cancel = {
    MOVE_OPERATION("cancelJob", "Take a job back; this needs no lease", lease_fields),
    .body_optional = true,
};

/* {code, message}, written anew so that what is stored is what was checked. */
static int read_error(struct request *rq, const struct json *error, const char **ret, struct err *e)
{
    struct job_failure t = {.code = NULL};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = json_read(error, move_error_fields, API_COUNT(move_error_fields), &t, e);
    if (rc < 0) {
        err_prefix(e, "/error");
        return rc;
    }
    json_begin_object(&j);
    json_put_string(&j, "code", t.code);
    json_put_string(&j, "message", t.message);
    json_end_object(&j);
    *ret = buf_str(&j.buf);
    return 0;
}

static int read_and_move(struct request *rq, enum job_verb verb, struct err *e)
{
    struct move_body b = {.move = {.verb = verb}};
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0 && b.error)
        rc = read_error(rq, b.error, &b.move.error, e);
    return rc < 0 ? rc : move(rq, &b.move, e);
}

int native_job_progress(struct request *rq, struct err *e)
{
    return read_and_move(rq, JOB_PROGRESS, e);
}

int native_job_finish(struct request *rq, struct err *e)
{
    return read_and_move(rq, JOB_FINISH, e);
}

int native_job_fail(struct request *rq, struct err *e)
{
    return read_and_move(rq, JOB_FAIL, e);
}

int native_job_cancel(struct request *rq, struct err *e)
{
    return read_and_move(rq, JOB_CANCEL, e);
}

const struct operation native_op_job_delete = {
    .id = "deleteJob",
    .group = GROUP,
    .summary = "Move a job and its results to the trash",
    NATIVE_PLACE_ID,
    .answers = {{204, "It is deleted, or was already."}},
    .refusals = {404, 409},
};

int native_job_delete(struct request *rq, struct err *e)
{
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = job_delete(api_session(rq), rq->places[0], e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

const struct operation native_op_job_restore = {
    .id = "restoreJob",
    .group = GROUP,
    .summary = "Take a job and its results out of the trash",
    NATIVE_PLACE_ID,
    .answers = {{200, "The job.", &native_job_shape}},
    .refusals = {404, 409},
};

int native_job_restore(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = job_restore(api_session(rq), rq->places[0], &job, e);
    return rc < 0 ? rc : native_send_job(rq, 200, job);
}
