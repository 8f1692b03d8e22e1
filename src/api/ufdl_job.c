/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UFDL's jobs. There is no word for a job's state: its times and its error tell. A job that waits or is only
 * acquired has no start_time, one that runs no end_time, a failed one has both and error_reason, and a
 * cancelled one says so.
 */
#include "api/ufdl.h"

#include "core/job.h"
#include "core/result.h"

#include <string.h>

/* --- objects --- */

/* JSON that was kept, or null if there is none: what has no members. */
static const struct json *parse(struct arena *a, const char *text)
{
    static const struct json null = {.type = JSON_NULL};
    struct err ignored;
    const struct json *value = &null;
    if (text)
        (void)json_parse(a, text, strlen(text), UFDL_DEPTH, &value, &ignored);
    return value;
}

static const char *text_member(const struct json *object, const char *key)
{
    const struct json *text = json_member(object, key);
    return text && text->type == JSON_STRING ? text->string : "";
}

static void put_values(struct json_out *j, const char *key, const struct json *input)
{
    const struct json *values = json_member(input, key);
    json_key(j, key);
    if (values && values->type == JSON_OBJECT)
        json_raw(j, values->raw, values->raw_len);
    else
        json_raw(j, "{}", 2);
}

static const char *error_of(struct arena *a, const struct job *j)
{
    if (j->status == JOB_CANCELLED)
        return "Cancelled";
    return j->error ? text_member(parse(a, j->error), "message") : NULL;
}

static void put_lifecycle(struct json_out *j, struct arena *a, const struct job *job)
{
    json_key(j, "start_time");
    json_time(j, job->status == JOB_QUEUED ? 0 : job->started_at);
    json_key(j, "end_time");
    json_time(j, job->status == JOB_CANCELLED ? 0 : job->finished_at);
    json_key(j, "error_reason");
    json_string(j, error_of(a, job));
}

static void put_outputs(struct json_out *j, const struct result *outputs)
{
    json_key(j, "outputs");
    json_begin_array(j);
    for (; outputs; outputs = outputs->next) {
        json_begin_object(j);
        json_key(j, "pk");
        json_int(j, outputs->pk);
        json_key(j, "name");
        json_string(j, outputs->name);
        json_key(j, "type");
        json_string(j, outputs->type);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_pk(struct json_out *j, const char *key, int64_t pk)
{
    json_key(j, key);
    if (pk)
        json_int(j, pk);
    else
        json_null(j);
}

/* "pk, template {pk,name,version}, parent, start_time, end_time, error_reason, input_values,
 * parameter_values, node, outputs [{pk,name,type}], description, is_cancelled, creator, creation_time,
 * deletion_time". */
static int put_job(struct json_out *j, struct arena *a, const struct job *job,
                   const struct document *template, struct err *e)
{
    const struct json *input = parse(a, job->input); /* what create-job made, or another API's */
    json_begin_object(j);
    put_pk(j, "pk", job->pk);
    json_key(j, "template");
    int rc = ufdl_template_put_brief(j, a, template, e);
    put_pk(j, "parent", 0);
    put_lifecycle(j, a, job);
    put_values(j, "input_values", input);
    put_values(j, "parameter_values", input);
    put_pk(j, "node", job->holder);
    put_outputs(j, job->results);
    json_key(j, "description");
    json_string(j, text_member(input, "description"));
    json_key(j, "is_cancelled");
    json_bool(j, job->status == JOB_CANCELLED);
    put_pk(j, "creator", job->creator);
    json_key(j, "creation_time");
    json_time(j, job->created_at);
    json_key(j, "deletion_time");
    json_time(j, job->deleted_at);
    json_end_object(j);
    return rc;
}

int ufdl_send_job(struct request *rq, const struct job *job, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const struct document *template = NULL;
    struct job shown = *job;
    int rc = ufdl_template_of(api_session(rq), job, &template, e);
    if (rc == 0)
        rc = job_results(api_session(rq), job, &shown.results, e);
    if (rc == 0)
        rc = put_job(&j, &rq->arena, &shown, template, e);
    return rc < 0 ? rc : ufdl_send(rq, 200, &j);
}

/* --- the list --- */

#define COLUMN(word) (&store_job_columns[JOB_COLUMN_##word])

/* What put_lifecycle shows, and what template and description come from. */
static const struct filter_column
    start_time = {UFDL_JOB_START_TIME, FILTER_TIME, true, 0, NULL},
    end_time = {UFDL_JOB_END_TIME, FILTER_TIME, true, 0, NULL},
    error_reason = {"CASE j.status WHEN 'cancelled' THEN 'Cancelled'"
                    " WHEN 'failed' THEN json_extract(j.error, '$.message') END",
                    FILTER_TEXT, true, 0, NULL},
    is_cancelled = {"CASE WHEN j.status = 'cancelled' THEN 1 ELSE 0 END", FILTER_BOOL, false, 0, NULL},
    description = {UFDL_JOB_DESCRIPTION, FILTER_TEXT, false, 0, NULL},
    of_template = {"coalesce(d.pk, 0) + 1", FILTER_INT, false, 0, NULL},
    of_template_name = {"coalesce(d.name, '" UFDL_TEMPLATE_DEFAULT "')", FILTER_TEXT, false, 0, NULL},
    of_template_version = {"coalesce(CAST(json_extract(d.body, '$.version') AS BIGINT), 1)", FILTER_INT,
                           false, 0, NULL},
    nothing = {"CAST(NULL AS BIGINT)", FILTER_INT, true, 0,
               NULL}; /* there are neither parents nor meta templates */

static const struct ufdl_field fields[] = {
    {"pk", COLUMN(PK)},
    {"template", &of_template},
    {"template.name", &of_template_name},
    {"template.version", &of_template_version},
    {"template.workabletemplate", &of_template},
    {"template.metatemplate", &nothing},
    {"parent", &nothing},
    {"start_time", &start_time},
    {"end_time", &end_time},
    {"error_reason", &error_reason},
    {"node", COLUMN(HOLDER)},
    {"description", &description},
    {"is_cancelled", &is_cancelled},
    {"creator", COLUMN(CREATOR)},
    {"creator.username", COLUMN(CREATOR_NAME)},
    {"creation_time", COLUMN(CREATED_AT)},
    {"deletion_time", COLUMN(DELETED_AT)},
};

static bool requires_null(const struct filter_node *n, const struct filter_column *column)
{
    for (; n; n = n->next) {
        if (n->op == FILTER_AND && !n->invert && requires_null(n->first, column))
            return true;
        if (n->op == FILTER_IS_NULL && !n->invert && n->column == column)
            return true;
    }
    return false;
}

static int put_row(void *ctx, struct job *j, const struct document *described, struct err *e)
{
    struct arena a = {0};
    const struct document *shown = described ? described : &ufdl_template_default;
    int rc = put_job(ufdl_row_begin(ctx), &a, j, shown, e);
    arena_free(&a);
    return rc < 0 ? rc : ufdl_row_end(ctx, e);
}

/* The poll of nodes asks for jobs that have neither begun nor failed: of those there are few. */
static int each_job(struct session *s, const struct filter *f, struct ufdl_rows *rows, struct err *e)
{
    bool waiting = requires_null(f->first, &start_time) && requires_null(f->first, &error_reason);
    struct job_query q = {
        .described_by = UFDL_TEMPLATE, .status = waiting ? job_status_names[JOB_QUEUED] : NULL, .filter = f};
    return job_query(s, &q, put_row, rows, e);
}

int ufdl_job_list(struct request *rq, struct err *e)
{
    static const struct ufdl_listing jobs = {fields, API_COUNT(fields), each_job};
    return ufdl_list(rq, &jobs, e);
}

/* --- one job --- */

int ufdl_job(struct request *rq, struct job **ret, struct err *e)
{
    int64_t pk;
    int rc = ufdl_pk(rq, 0, &pk, e);
    return rc < 0 ? rc : job_by_pk(api_session(rq), pk, ret, e);
}

/* Soft-deleted ones too. */
int ufdl_job_retrieve(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = ufdl_job(rq, &job, e);
    return rc < 0 ? rc : ufdl_send_job(rq, job, e);
}

static bool is_description(const struct json *member)
{
    static const char key[] = "description";
    return member->key_len == sizeof key - 1 && memcmp(member->key, key, sizeof key - 1) == 0;
}

/* The input as it was, with another description. */
static const char *describe(struct request *rq, const struct json *input, const char *text)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    for (const struct json *m = input->first; m; m = m->next)
        if (!is_description(m))
            ufdl_put_member(&j, m);
    json_key(&j, "description");
    json_string(&j, text);
    json_end_object(&j);
    return buf_str(&j.buf);
}

struct update {
    const char *description;
};

const struct json_field ufdl_job_fields[] = {
    {"description", JSON_TO_STRING, offsetof(struct update, description), false, 0, UFDL_LONGEST_TEXT,
     .about = "A text for people."},
};

/* All that can be changed of a job is what it is called. */
int ufdl_job_update(struct request *rq, struct err *e)
{
    struct update u = {.description = NULL};
    struct job *job = NULL;
    const struct json *body = NULL;
    int rc = ufdl_job(rq, &job, e);
    if (rc == 0)
        rc = ufdl_body(rq, &body, e);
    if (rc == 0 && body)
        rc = json_read_known(body, ufdl_job_fields, API_COUNT(ufdl_job_fields), &u, e);
    if (rc < 0)
        return rc;
    const struct json *input = parse(&rq->arena, job->input);
    if (u.description && !json_member(input, "input_values"))
        return err_set(e, ERR_WRONG_STATE,
                       "the job was created over another API, which knows no descriptions");
    if (u.description)
        rc = job_change_input(api_session(rq), job, describe(rq, input, u.description), e);
    return rc < 0 ? rc : ufdl_send_job(rq, job, e);
}

/* Its outputs stay as they are. Again: the same answer, and the first time stays. */
int ufdl_job_destroy(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = ufdl_job(rq, &job, e);
    if (rc == 0)
        rc = job_delete_alone(api_session(rq), job->id, e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

int ufdl_job_hard_delete(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = ufdl_job(rq, &job, e);
    if (rc == 0)
        rc = job_purge(api_session(rq), job->id, e);
    if (rc < 0)
        return rc;
    if (!job->deleted_at)
        job->deleted_at = api_session(rq)->now;
    job->pk = 0;
    return ufdl_send_job(rq, job, e);
}

int ufdl_job_reinstate(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = ufdl_job(rq, &job, e);
    if (rc == 0)
        rc = job_restore(api_session(rq), job->id, &job, e);
    return rc < 0 ? rc : ufdl_send_job(rq, job, e);
}
