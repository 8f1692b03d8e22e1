/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datafiniti's API, version 3: requests for data and their results. A request is a job, whose pk is its id,
 * whose kind is the type of the data and whose input is what was asked; a result is one file of it.
 *
 * From the API's document: "The results endpoint lets you view the URLs of available data files for your
 * completed download. Each result object contains a URL where you can download the data file. Result files
 * expire 7 days after creation." Submitting is a GET that answers 303 with a path alone: clients go on to
 * that path with the credentials of the address that they have.
 */
#include "api/datafiniti.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "core/format.h"
#include "core/job.h"
#include "core/sign.h"
#include "core/table.h"

#include <string.h>
#include <strings.h>

enum { FILE_LIFE = 7 * 86400, LONGEST_LIST = 1000, MOST_DEPTH = 1000 };

static int admit(struct request *rq, struct err *e)
{
    return api_admit_key(rq, DATAFINITI_KEY_FORMS, e);
}

static const char *title_of(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Payload Too Large"},
        {414, "URI Too Long"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < API_COUNT(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Bad Request";
}

/* {"error", "message", "code"}, and of a fault of the server "requestId". */
static void fail(struct request *rq, const struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int status = err_status(e->code);
    json_begin_object(&j);
    json_key(&j, "error");
    json_string(&j, title_of(status));
    json_key(&j, "message");
    json_string(&j, e->detail);
    json_key(&j, "code");
    json_int(&j, status);
    if (status >= 500) {
        json_key(&j, "requestId");
        json_string(&j, rq->id);
    }
    json_end_object(&j);
    if (e->code == ERR_UNAUTHORIZED)
        response_header(rq, "WWW-Authenticate", "Basic realm=\"resultd\"");
    response_bytes(rq, status, "application/json", j.buf.bytes, j.buf.len);
}

/* --- what is asked for --- */

struct question {
    const char *type, *q, *view,
        *format;     /* never NULL; the format in small letters, "" where it is not known */
    int64_t records; /* 0: not said */
};

static const struct json_field question_fields[] = {
    {"dataType", JSON_TO_STRING, offsetof(struct question, type), false, 0, INT32_MAX},
    {"q", JSON_TO_STRING, offsetof(struct question, q), false, 0, INT32_MAX},
    {"view", JSON_TO_STRING, offsetof(struct question, view), false, 0, INT32_MAX},
    {"format", JSON_TO_STRING, offsetof(struct question, format), false, 0, INT32_MAX},
    {"records", JSON_TO_INT, offsetof(struct question, records), false, 0, INT64_MAX},
};

static int read_type(const char *word, const char **ret, struct err *e)
{
    static const char *const types[] = {"products", "businesses", "properties"};
    for (size_t i = 0; i < API_COUNT(types); i++)
        if (strcmp(word, types[i]) == 0) {
            *ret = types[i];
            return 0;
        }
    return err_set(e, ERR_NOT_FOUND, "there are products, businesses and properties, and no other data");
}

static int read_format(const char *word, const char **ret, struct err *e)
{
    static const char *const names[] = {"json", "csv"};
    for (size_t i = 0; i < API_COUNT(names); i++)
        if (!word || strcasecmp(word, names[i]) == 0) {
            *ret = names[i];
            return 0;
        }
    return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "format", "the format must be JSON or CSV");
}

static int read_records(const char *number, int64_t *ret, struct err *e)
{
    *ret = 0;
    if (number && (!text_uint(number, strlen(number), ret) || *ret == 0))
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "records",
                      "records must be a whole number above 0: numRequested cannot be <= 0");
    return 0;
}

static int read_question(struct request *rq, struct question *ret, struct err *e)
{
    const char *q = request_query(rq, "q");
    const char *view = request_query(rq, "view");
    ret->q = q ? q : "";
    ret->view = view ? view : "";
    int rc = read_type(rq->places[0], &ret->type, e);
    if (rc == 0)
        rc = read_format(request_query(rq, "format"), &ret->format, e);
    return rc < 0 ? rc : read_records(request_query(rq, "records"), &ret->records, e);
}

static const char *input_of(struct request *rq, const struct question *q)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "dataType");
    json_string(&j, q->type);
    json_key(&j, "q");
    json_string(&j, q->q);
    json_key(&j, "view");
    json_string(&j, q->view);
    json_key(&j, "format");
    json_string(&j, q->format);
    json_key(&j, "records");
    if (q->records)
        json_int(&j, q->records);
    else
        json_null(&j);
    json_end_object(&j);
    return buf_str(&j.buf);
}

/* Of a job that another API made, what its input has of these members, if anything. */
static struct question question_of(struct request *rq, const struct job *job)
{
    struct question q = {.type = job->kind, .q = "", .view = "", .format = ""};
    struct question other = q;
    const struct json *input;
    struct err ignored;
    if (!job->input ||
        json_parse(&rq->arena, job->input, strlen(job->input), MOST_DEPTH, &input, &ignored) < 0 ||
        json_read_known(input, question_fields, API_COUNT(question_fields), &q, &ignored) < 0)
        return other;
    return q;
}

/* --- /v3/data --- */

/* There is no catalogue to look into: only whoever makes results knows what there is. */
static int preview(struct request *rq)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "estimated total");
    json_int(&j, 0);
    json_key(&j, "records");
    json_begin_array(&j);
    json_end_array(&j);
    json_end_object(&j);
    return api_send_json(rq, 200, &j);
}

static int submit(struct request *rq, const struct question *q, struct err *e)
{
    struct job *job = NULL;
    struct job_new n = {.kind = q->type, .priority_weight = 5, .input = input_of(rq, q)};
    int rc = job_create(api_session(rq), &n, &job, e);
    if (rc < 0)
        return rc;
    response_empty(rq, 303);
    response_header(rq, "Location",
                    arena_printf(&rq->arena, "%s/v3/requests/%lld", rq->mount, (long long)job->pk));
    return 0;
}

static int ask(struct request *rq, struct err *e)
{
    struct question q;
    const char *download = request_query(rq, "download");
    int rc = read_question(rq, &q, e);
    if (rc < 0)
        return rc;
    if (!download || !*download || strcasecmp(download, "false") == 0)
        return preview(rq);
    if (strcasecmp(download, "true") == 0)
        return submit(rq, &q, e);
    return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "download", "download must be true or false");
}

/* --- objects --- */

/* "2017-1-11 15:53:00": month and day as they are spoken. */
static void put_date(struct json_out *j, const char *key, int64_t t)
{
    char full[CLOCK_RFC3339_SIZE] = "";
    json_key(j, key);
    if (t)
        clock_rfc3339(t, full);
    json_string(j, t ? arena_printf(j->buf.arena, "%.4s-%.*s-%.*s %.8s", full, full[5] == '0' ? 1 : 2,
                                    full + (full[5] == '0' ? 6 : 5), full[8] == '0' ? 1 : 2,
                                    full + (full[8] == '0' ? 9 : 8), full + 11)
                     : "");
}

static const char *account_of(struct request *rq)
{
    const struct actor *a = &api_session(rq)->actor;
    return a->public_id ? a->public_id : a->name;
}

static const char *error_of(struct request *rq, const struct job *job)
{
    const struct json *error;
    struct err ignored;
    if (job->status == JOB_CANCELLED)
        return "the request was cancelled";
    if (!job->error ||
        json_parse(&rq->arena, job->error, strlen(job->error), MOST_DEPTH, &error, &ignored) < 0)
        return "";
    const struct json *message = json_member(error, "message");
    return message && message->type == JSON_STRING ? message->string : "";
}

static int64_t rows_of(const struct result *r)
{
    return r->table.rows > 0 ? r->table.rows : 0;
}

static int64_t rows_of_all(const struct job *job)
{
    int64_t rows = 0;
    for (const struct result *r = job->results; r; r = r->next)
        rows += rows_of(r);
    return rows;
}

static void put_numbers(struct json_out *j, int64_t found, int64_t requested)
{
    json_key(j, "numDownloaded");
    json_int(j, found);
    json_key(j, "numFound");
    json_int(j, found);
    json_key(j, "numRequested");
    json_int(j, requested ? requested : found);
}

static void put_request(struct json_out *j, struct request *rq, const struct job *job)
{
    static const char *const words[JOB_STATUS_END] = {
        [JOB_QUEUED] = "STARTED", [JOB_RUNNING] = "STARTED",  [JOB_COMPLETED] = "COMPLETED",
        [JOB_FAILED] = "FAILED",  [JOB_CANCELLED] = "FAILED",
    };
    struct question q = question_of(rq, job);
    json_begin_object(j);
    json_key(j, "id");
    json_int(j, job->pk);
    json_key(j, "records");
    json_string(j, "");
    json_key(j, "query");
    json_string(j, q.q);
    json_key(j, "dataType");
    json_string(j, q.type);
    json_key(j, "dataFormat");
    json_string(j, q.format);
    json_key(j, "accountId");
    json_string(j, account_of(rq));
    json_key(j, "planId");
    json_int(j, 0);
    json_key(j, "view");
    json_string(j, q.view);
    json_key(j, "async");
    json_int(j, 1);
    json_key(j, "status");
    json_string(j, words[job->status]);
    json_key(j, "error");
    json_string(j, error_of(rq, job));
    put_numbers(j, rows_of_all(job), q.records);
    put_date(j, "date_started", job->created_at);
    put_date(j, "date_completed", job->finished_at);
    json_end_object(j);
}

/* --- /v3/requests --- */

static int find_request(struct request *rq, struct job **ret, struct err *e)
{
    int64_t pk;
    const char *id = rq->places[0];
    bool number = strspn(id, "0123456789") == strlen(id);
    if (!number)
        return err_set(e, ERR_BAD_VALUE, "the id of a request is a number");
    /* 0282 is a number, but of no request. */
    int rc = text_uint(id, strlen(id), &pk) ? job_by_pk(api_session(rq), pk, ret, e) : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND || (rc == 0 && (*ret)->deleted_at))
        return err_set(e, ERR_NOT_FOUND, "there is no request with this id");
    return rc;
}

static int send_requests(struct request *rq, const struct job *job)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_array(&j);
    for (; job; job = job->next)
        put_request(&j, rq, job);
    json_end_array(&j);
    return api_send_json(rq, 200, &j);
}

static int retrieve_request(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = find_request(rq, &job, e);
    return rc < 0 ? rc : send_requests(rq, job);
}

static int list_requests(struct request *rq, struct err *e)
{
    struct job_filter newest = {.project = 0};
    struct page page = {.limit = LONGEST_LIST};
    struct job *job = NULL;
    bool cut;
    int rc = job_list(api_session(rq), &newest, &page, &job, &cut, e);
    return rc < 0 ? rc : send_requests(rq, job);
}

/* --- /v3/results --- */

/* Seconds that a file can still be fetched here, whatever longer life it has elsewhere; below 1: it cannot.
 */
static int64_t life_of(const struct result *r, int64_t now)
{
    if (r->state == RESULT_EXPIRED) /* it has nothing due any more once the sweeper was there */
        return 0;
    int64_t end = r->created_at + FILE_LIFE * CLOCK_SECOND;
    if (r->due_at && r->due_at < end)
        end = r->due_at;
    return (end - now) / CLOCK_SECOND;
}

/* CSV, or one record in each line for JSON; "" where the file is that already, or cannot be had so. */
static int format_of(struct request *rq, const struct result *r, const char *wanted, const char **ret,
                     struct err *e)
{
    enum format f = strcmp(wanted, "csv") == 0 ? FORMAT_CSV : FORMAT_NDJSON;
    *ret = "";
    if (!*wanted || !(r->table.formats & 1U << f))
        return 0;
    int rc = table_is_stored_as(api_session(rq), r, f, e);
    if (rc == 0)
        *ret = format_words[f].name;
    return rc < 0 ? rc : 0;
}

static int put_result(struct json_out *j, struct request *rq, const struct result *r, const char *wanted,
                      struct err *e)
{
    struct sign_link link = {.path = NULL};
    const char *format = "";
    int64_t life = life_of(r, api_session(rq)->now);
    if (life < 1)
        return 0;
    int rc = format_of(rq, r, wanted, &format, e);
    if (rc == 0)
        rc = sign_make(api_session(rq), r, format, life, &link, e);
    if (rc < 0)
        return rc;
    json_begin_object(j);
    json_key(j, "id");
    json_int(j, r->pk);
    json_key(j, "url");
    json_string(j, arena_printf(&rq->arena, "%s%s", api_base_url(rq), link.path));
    json_key(j, "request_id");
    json_int(j, r->job_pk);
    json_key(j, "downloaded");
    json_int(j, rows_of(r));
    json_key(j, "imported");
    json_int(j, rows_of(r));
    put_date(j, "date_created", r->created_at);
    json_end_object(j);
    return 0;
}

static int retrieve_results(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = find_request(rq, &job, e);
    if (rc == 0 && job->status != JOB_COMPLETED)
        rc = err_set(e, ERR_NOT_FOUND,
                     "this request has no results (yet): GET %s/v3/requests/%lld tells its status", rq->mount,
                     (long long)job->pk);
    if (rc < 0)
        return rc;
    struct question q = question_of(rq, job);
    json_begin_array(&j);
    for (const struct result *r = job->results; rc == 0 && r; r = r->next)
        rc = put_result(&j, rq, r, q.format, e);
    json_end_array(&j);
    return rc < 0 ? rc : api_send_json(rq, 200, &j);
}

/* --- /v3/users --- */

/* Only about whoever asks, by the token itself or by what is shown of it. */
static int retrieve_user(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const char *token = api_key_of(rq, DATAFINITI_KEY_FORMS);
    const char *asked = rq->places[0];
    if (strcmp(asked, account_of(rq)) != 0 && (!token || strcmp(asked, token) != 0))
        return err_set(e, ERR_NOT_FOUND, "there is no such user");
    json_begin_object(&j);
    json_key(&j, "accountId");
    json_string(&j, account_of(rq));
    json_key(&j, "name");
    json_string(&j, api_session(rq)->actor.name);
    json_key(&j, "planId");
    json_int(&j, 0);
    json_end_object(&j);
    return api_send_json(rq, 200, &j);
}

static const char *const prefixes[] = {"/v3", NULL};
static const struct route routes[] = {
    {HTTP_GET, "/v3/data/{}", R_WRITE, BODY_NONE, SCOPE_WRITE, ask, .operation = &datafiniti_op_ask},
    {HTTP_GET, "/v3/requests", R_READ, BODY_NONE, SCOPE_READ, list_requests,
     .operation = &datafiniti_op_list},
    {HTTP_GET, "/v3/requests/{}", R_READ, BODY_NONE, SCOPE_READ, retrieve_request,
     .operation = &datafiniti_op_request},
    {HTTP_GET, "/v3/results/{}", R_READ, BODY_NONE, SCOPE_READ, retrieve_results,
     .operation = &datafiniti_op_results},
    {HTTP_GET, "/v3/users/{}", R_READ, BODY_NONE, SCOPE_READ, retrieve_user,
     .operation = &datafiniti_op_user},
};

const struct api api_datafiniti = {
    .name = "datafiniti",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .trailing_slash = true,
    .secret_paths = true, /* /v3/users/TOKEN */
    .admit = admit,
    .fail = fail,
    .description = &datafiniti_description,
};
