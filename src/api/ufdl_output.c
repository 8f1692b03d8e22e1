/* SPDX-License-Identifier: Apache-2.0 */
/* UFDL's job-outputs. From the API's document: "Gets the information about a specific job output." */
#include "api/ufdl.h"

#include "core/deliver.h"
#include "core/result.h"
#include "http/fields.h"

#include <string.h>

/* "pk, job, name, type, creator, creation_time, deletion_time", in this order. */
void ufdl_put_output(struct json_out *j, const struct result *r)
{
    json_begin_object(j);
    json_key(j, "pk");
    if (r->pk)
        json_int(j, r->pk);
    else
        json_null(j);
    json_key(j, "job");
    json_int(j, r->job_pk);
    json_key(j, "name");
    json_string(j, r->name);
    json_key(j, "type");
    json_string(j, r->type);
    json_key(j, "creator");
    json_int(j, r->creator);
    json_key(j, "creation_time");
    json_time(j, r->created_at);
    json_key(j, "deletion_time");
    json_time(j, r->deleted_at);
    json_end_object(j);
}

static int find(struct request *rq, struct result **ret, struct err *e)
{
    int64_t pk;
    int rc = ufdl_pk(rq, 0, &pk, e);
    return rc < 0 ? rc : result_by_pk(api_session(rq), pk, ret, e);
}

static int send_output(struct request *rq, const struct result *r)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    ufdl_put_output(&j, r);
    return ufdl_send(rq, 200, &j);
}

int ufdl_output_retrieve(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, &r, e);
    return rc < 0 ? rc : send_output(rq, r);
}

/* --- the list --- */

#define COLUMN(word) (&store_result_columns[RESULT_##word])

#define OF_JOB(expression) "(SELECT " expression " FROM job j WHERE j.pk = r.job)"
#define TEMPLATE_NAME(kind)                                                                                  \
    "coalesce((SELECT d.name FROM document d WHERE d.project = $1 AND d.kind = '" UFDL_TEMPLATE              \
    "' AND d.name = " kind "), '" UFDL_TEMPLATE_DEFAULT "')"

/* As the job itself shows them; see ufdl_job.c. */
static const struct filter_column
    job_description = {OF_JOB(UFDL_JOB_DESCRIPTION),         FILTER_TEXT, false, RESULT_BY_JOBS,
                       RESULT_JOBS_BY(UFDL_JOB_DESCRIPTION), true},
    job_start_time = {OF_JOB(UFDL_JOB_START_TIME),         FILTER_TIME, true, RESULT_BY_JOBS,
                      RESULT_JOBS_BY(UFDL_JOB_START_TIME), true},
    job_end_time = {OF_JOB(UFDL_JOB_END_TIME),         FILTER_TIME, true, RESULT_BY_JOBS,
                    RESULT_JOBS_BY(UFDL_JOB_END_TIME), true},
    job_template_name = {TEMPLATE_NAME("r.kind"),
                         FILTER_TEXT,
                         false,
                         RESULT_BY_KINDS,
                         RESULT_KINDS_BY(TEMPLATE_NAME("k.kind")),
                         false};

static const struct ufdl_field fields[] = {
    {"pk", COLUMN(PK)},
    {"job", COLUMN(JOB)},
    {"name", COLUMN(NAME)},
    {"type", COLUMN(TYPE)},
    {"creator", COLUMN(CREATOR)},
    {"creator.username", COLUMN(CREATOR_NAME)},
    {"creation_time", COLUMN(CREATED_AT)},
    {"deletion_time", COLUMN(DELETED_AT)},
    {"job.template.name", &job_template_name},
    {"job.description", &job_description},
    {"job.creation_time", COLUMN(JOB_CREATED_AT)},
    {"job.start_time", &job_start_time},
    {"job.end_time", &job_end_time},
    {"job.creator", COLUMN(JOB_CREATOR)},
    {"job.creator.username", COLUMN(JOB_CREATOR_NAME)},
};

static int put_row(void *ctx, const struct result *r, struct err *e)
{
    ufdl_put_output(ufdl_row_begin(ctx), r);
    return ufdl_row_end(ctx, e);
}

static int each_output(struct session *s, const struct filter *f, struct ufdl_rows *rows, struct err *e)
{
    return result_query(s, f, put_row, rows, e);
}

const struct ufdl_listing ufdl_outputs = {fields, API_COUNT(fields), each_output};

/* "A JSON array of objects containing each job-output's fields" */
int ufdl_output_list(struct request *rq, struct err *e)
{
    return ufdl_list(rq, &ufdl_outputs, e);
}

/* "N.B. The standard CREATE action is disallowed for job-outputs." Nor can one be changed: nobody may, so
 * that this is never reached. */
int ufdl_output_never(struct request *rq, struct err *e)
{
    (void)rq;
    return ufdl_forbidden(e);
}

/* --- soft-deleted and back --- */

/* "Soft-deletes a job-output." Again: the same answer, and the first time stays. */
int ufdl_output_destroy(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, &r, e);
    if (rc == 0)
        rc = result_delete(api_session(rq), r->id, e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

/* "A JSON object containing the hard-deleted job-output's fields": without its pk, which is nothing's now. */
int ufdl_output_hard_delete(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, &r, e);
    if (rc == 0)
        rc = result_purge(api_session(rq), r->id, e);
    if (rc < 0)
        return rc;
    if (!r->deleted_at)
        r->deleted_at = api_session(rq)->now;
    r->pk = 0;
    return send_output(rq, r);
}

/* "Reinstates a previously soft-deleted job-output." */
int ufdl_output_reinstate(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, &r, e);
    if (rc == 0)
        rc = result_restore(api_session(rq), r->id, &r, e);
    return rc < 0 ? rc : send_output(rq, r);
}

/* --- download --- */

/* What a file name cannot hold, wherever it is saved, becomes an underscore. */
static const char *plain_name(struct arena *a, const char *name)
{
    char *plain = arena_strdup(a, name);
    for (unsigned char *p = (unsigned char *)plain; *p; p++)
        if (*p < 0x20 || *p == 0x7F || *p == '/' || *p == '\\')
            *p = '_';
    return plain;
}

int ufdl_send_bytes(struct request *rq, const struct result *r, const char *file_name, struct err *e)
{
    struct content c;
    int rc = deliver_open_deleted(api_session(rq), r, &c, e);
    if (rc < 0)
        return rc;
    response_bytes(rq, 200, "application/data", c.bytes, (size_t)c.size);
    if (*r->content_encoding)
        response_header(rq, "Content-Encoding", r->content_encoding);
    if (file_name)
        response_header(rq, "Content-Disposition",
                        fields_disposition(&rq->arena, plain_name(&rq->arena, file_name)));
    response_header(rq, "X-Content-Type-Options", "nosniff");
    api_count_download(rq, r);
    rq->response.to_end = true;
    if (c.blob)
        api_send_blob(rq, c.blob);
    return 0;
}

/* "params": {str: str | [str]}; nothing here has any use for them. */
static bool good_params(const struct json *params)
{
    bool good = params->type == JSON_OBJECT;
    for (const struct json *p = params->first; good && p; p = p->next) {
        good = p->type == JSON_STRING || p->type == JSON_ARRAY;
        for (const struct json *text = p->first; good && text; text = text->next)
            good = text->type == JSON_STRING;
    }
    return good;
}

/* "filetype: str (overrides the default file extension given to the output's filename)" */
static int read_extension(struct request *rq, const char **to, struct err *e)
{
    const struct json *body;
    int rc = ufdl_body(rq, &body, e);
    if (rc < 0 || !body)
        return rc;
    const struct json *params = json_member(body, "params");
    const struct json *filetype = json_member(body, "filetype");
    if (params && !good_params(params))
        return err_set(e, ERR_BAD_VALUE, "params must be an object of strings and arrays of strings");
    if (!filetype)
        return 0;
    if (filetype->type != JSON_STRING || memchr(filetype->string, '\0', filetype->string_len))
        return err_set(e, ERR_BAD_VALUE, "filetype must be a string without NUL characters");
    *to = filetype->string;
    return 0;
}

int ufdl_output_download(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, &r, e);
    const char *extension = rc == 0 ? r->type : "";
    if (rc == 0)
        rc = read_extension(rq, &extension, e);
    if (rc < 0)
        return rc;
    return ufdl_send_bytes(rq, r,
                           arena_printf(&rq->arena, "%s%s%s", r->name, *extension ? "." : "", extension), e);
}
