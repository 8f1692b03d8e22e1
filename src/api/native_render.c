/* SPDX-License-Identifier: Apache-2.0 */
/* The native API's objects and errors as JSON. */
#include "api/native.h"
#include "core/access.h"
#include "core/format.h"
#include "core/making.h"
#include "core/storage.h"

#include <string.h>

void native_fail(struct request *rq, const struct err *e)
{
    static const char *const places[] = {
        [ERR_POINTER] = "pointer", [ERR_PARAMETER] = "parameter", [ERR_HEADER] = "header"};
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not found"},
        {405, "Method not allowed"},
        {406, "Not acceptable"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition failed"},
        {413, "Content too large"},
        {414, "URI too long"},
        {416, "Range not satisfiable"},
        {431, "Header too large"},
        {500, "Internal error"},
        {501, "Not implemented"},
        {503, "Service unavailable"},
        {507, "Insufficient storage"},
    };
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int status = err_status(e->code);
    const char *title = "Error";
    for (size_t i = 0; i < API_COUNT(titles); i++)
        if (titles[i].status == status)
            title = titles[i].title;
    json_begin_object(&j);
    json_key(&j, "type");
    json_string(&j, "about:blank");
    json_key(&j, "title");
    json_string(&j, title);
    json_key(&j, "status");
    json_int(&j, status);
    json_key(&j, "detail");
    json_string(&j, e->detail);
    json_key(&j, "instance");
    json_string(&j, arena_printf(&rq->arena, "urn:resultd:request:%s", rq->id));
    json_key(&j, "code");
    json_string(&j, err_public(e->code));
    if (e->place != ERR_NOWHERE) {
        json_key(&j, places[e->place]);
        json_string(&j, e->where);
    }
    if (e->at) {
        json_key(&j, "at");
        json_time(&j, e->at);
    }
    json_end_object(&j);
    if (err_status(e->code) == 401)
        response_header(rq, "WWW-Authenticate", "Bearer realm=\"resultd\"");
    response_bytes(rq, status, "application/problem+json", j.buf.bytes, j.buf.len);
}

void native_put_scopes(struct json_out *j, int64_t scopes)
{
    size_t at = 0;
    json_begin_array(j);
    for (const char *name; (name = access_scope_name(scopes, &at));)
        json_string(j, name);
    json_end_array(j);
}

int native_send(struct request *rq, int status, const struct json_out *j)
{
    response_bytes(rq, status, "application/json", j->buf.bytes, j->buf.len);
    return 0;
}

static const char *project_name(struct request *rq)
{
    return ((const struct actor *)rq->actor)->project_name;
}

static void put_project(struct json_out *j, struct request *rq, const void *object)
{
    (void)object;
    json_string(j, project_name(rq));
}

static void put_text_or_null(struct json_out *j, const char *json)
{
    if (json)
        json_raw(j, json, strlen(json));
    else
        json_null(j);
}

#define MEMBER_ID(type, field)                                                                               \
    {                                                                                                        \
        "id", SHAPE_UUID, offsetof(type, field), "The name under which it is found, for good."               \
    }
#define MEMBER_PROJECT                                                                                       \
    {                                                                                                        \
        "project", SHAPE_TEXT, 0, "The name of the project that it belongs to.", "\"default\"",              \
            .put = put_project                                                                               \
    }

/* --- jobs --- */

static const struct member error_members[] = {
    {"code", SHAPE_TEXT, 0, "A word for programs.", "\"timeout\""},
    {"message", SHAPE_TEXT, 0, "A sentence for people.", "\"no answer within 60 s\""},
};
static const struct shape error_shape = {"JobError", "Why a job failed.", error_members,
                                         API_COUNT(error_members)};

static void put_error(struct json_out *j, struct request *rq, const void *object)
{
    (void)rq;
    put_text_or_null(j, ((const struct job *)object)->error);
}

static const struct member brief_members[] = {
    MEMBER_ID(struct result, id),
    {"name", SHAPE_TEXT, offsetof(struct result, name), "The file's name.", "\"rows.csv\""},
    {"type", SHAPE_TEXT, offsetof(struct result, type), "What it is to its users; may be empty.", "\"\""},
    {"primary", SHAPE_BOOL, offsetof(struct result, is_primary), "Whether it is the job's main result."},
    {"state", SHAPE_WORD, offsetof(struct result, state), "Where it is in its life.",
     .words = result_state_names, .word_count = RESULT_STATE_END},
    {"size", SHAPE_INT, offsetof(struct result, size), "Bytes.", "1048576"},
};
static const struct shape brief_shape = {"ResultBrief", "What a job says of one of its results.",
                                         brief_members, API_COUNT(brief_members)};

static void put_results(struct json_out *j, struct request *rq, const void *object)
{
    json_begin_array(j);
    for (const struct result *r = ((const struct job *)object)->results; r; r = r->next)
        shape_put(j, rq, &brief_shape, r);
    json_end_array(j);
}

#define JOB(name, kind, field) name, kind, offsetof(struct job, field)
#define JOB_MEMBERS                                                                                          \
    MEMBER_ID(struct job, id), {JOB("pk", SHAPE_INT, pk), "A number that grows with creation."},             \
        MEMBER_PROJECT,                                                                                      \
        {JOB("batch", SHAPE_UUID, batch_id), "The batch that it belongs to.", .can_be_null = true},          \
        {JOB("kind", SHAPE_TEXT, kind), "What kind of work it is: workers claim by it.", "\"scrape\""},      \
        {JOB("reference_id", SHAPE_TEXT, reference_id), "Your own name for it, unique in the project.",      \
         "\"order-17\"", .can_be_null = true},                                                               \
        {JOB("tag", SHAPE_TEXT, tag), "A word to list jobs by.", "\"night\"", .can_be_null = true},          \
        {JOB("priority_weight", SHAPE_INT, priority_weight), "1 to 10; the highest is claimed first.", "5"}, \
        {JOB("status", SHAPE_WORD, status), "Where it is in its life.", .words = job_status_names,           \
         .word_count = JOB_STATUS_END},                                                                      \
        {JOB("progress", SHAPE_REAL, progress), "0 to 1, as the worker says.", "0.25"},                      \
        {JOB("error", SHAPE_OBJECT, error),                                                                  \
         "Of a failed one.",                                                                                 \
         "null",                                                                                             \
         .can_be_null = true,                                                                                \
         .of = &error_shape,                                                                                 \
         .put = put_error},                                                                                  \
        {JOB("input", SHAPE_JSON, input), "What it was made with, any JSON, exactly as it was sent.",        \
         "{\"url\":\"https://site.example/\"}"},                                                             \
        {JOB("storage", SHAPE_TEXT, storage_name), "Where its results go; null: as the project says.",       \
         "null", .can_be_null = true},                                                                       \
        {JOB("creator", SHAPE_TEXT, creator_name), "The key or user that made it.", "\"scraper\""},          \
        {"results",                                                                                          \
         SHAPE_OBJECT,                                                                                       \
         0,                                                                                                  \
         "In the order in which they were published.",                                                       \
         .is_list = true,                                                                                    \
         .of = &brief_shape,                                                                                 \
         .put = put_results},                                                                                \
        {JOB("created_at", SHAPE_TIME, created_at), "RFC 3339 in UTC."},                                     \
        {JOB("started_at", SHAPE_TIME, started_at), "When it began to run.", .can_be_null = true},           \
        {JOB("finished_at", SHAPE_TIME, finished_at), "When it ended, however.", "null",                     \
         .can_be_null = true},                                                                               \
    {                                                                                                        \
        JOB("deleted_at", SHAPE_TIME, deleted_at), "When it was deleted.", "null", .can_be_null = true       \
    }

static const struct member job_members[] = {JOB_MEMBERS};
const struct shape native_job_shape = {"Job", "Work to be done, and what came of it.", job_members,
                                       API_COUNT(job_members)};

static const struct member claimed_members[] = {
    JOB_MEMBERS,
    {JOB("lease", SHAPE_TEXT, lease), "The token that moves this job while it is claimed.",
     "\"7e0f2c9a4b1d4f5e8a6b3c2d1e0f9a8b\""},
    {JOB("lease_expires_at", SHAPE_TIME, lease_expires_at),
     "When the job is queued again unless progress renews the lease."},
};
const struct shape native_claimed_shape = {"ClaimedJob", "A job, and the lease of who has claimed it.",
                                           claimed_members, API_COUNT(claimed_members)};

/* --- results --- */

static void put_formats(struct json_out *j, struct request *rq, const void *object)
{
    const struct result *r = object;
    (void)rq;
    json_begin_array(j);
    for (int f = 0; f < FORMAT_END; f++)
        if (r->table.formats & 1U << f)
            json_string(j, format_words[f].name);
    json_end_array(j);
}

static const struct member preparing_members[] = {
    {"format", SHAPE_TEXT, 0, "What it is being converted to.", "\"csv\""},
    {"rows_done", SHAPE_INT, 0, "Rows that were read.", "400000"},
    {"rows", SHAPE_INT, 0, "Of so many.", "1000000"},
};
static const struct shape preparing_shape = {"Preparing", "A conversion under way.", preparing_members,
                                             API_COUNT(preparing_members)};

static void put_preparing(struct json_out *j, struct request *rq, const void *object)
{
    const struct result *r = object;
    enum format format;
    int64_t done;
    if (r->table.rows < 0 || !making_progress(&api_app(rq)->core, r->pk, &format, &done)) {
        json_null(j);
        return;
    }
    json_begin_object(j);
    json_put_string(j, "format", format_words[format].name);
    json_put_int(j, "rows_done", done);
    json_put_int(j, "rows", r->table.rows);
    json_end_object(j);
}

static const struct shape any_reason = {NULL, NULL, NULL, 0, .is_open = true};

static void put_unavailable(struct json_out *j, struct request *rq, const void *object)
{
    (void)rq;
    put_text_or_null(j, ((const struct result *)object)->table.unavailable);
}

static void put_storage_name(struct json_out *j, struct request *rq, const void *object)
{
    const struct result *r = object;
    (void)rq;
    json_string(j, r->storage ? r->storage_name : STORAGE_OWN);
}

static void put_url(struct json_out *j, struct request *rq, const void *object)
{
    const struct result *r = object;
    json_string(
        j, r->storage ? storage_url_of(&rq->arena, r)
                      : arena_printf(&rq->arena, "%s" NATIVE "/results/%s/content", api_base_url(rq), r->id));
}

#define RESULT(name, kind, field) name, kind, offsetof(struct result, field)

static const struct member result_members[] = {
    MEMBER_ID(struct result, id),
    {RESULT("pk", SHAPE_INT, pk), "A number that grows with creation."},
    {RESULT("job", SHAPE_UUID, job_id), "The job that made it."},
    MEMBER_PROJECT,
    {RESULT("batch", SHAPE_UUID, batch_id), "The job's batch.", .can_be_null = true},
    {RESULT("name", SHAPE_TEXT, name), "The file's name; with job and type it is unique.", "\"rows.csv\""},
    {RESULT("type", SHAPE_TEXT, type), "What it is to its users; may be empty.", "\"\""},
    {RESULT("primary", SHAPE_BOOL, is_primary), "Whether it is the job's main result."},
    {RESULT("media_type", SHAPE_TEXT, media_type), "Its `Content-Type`.", "\"text/csv\""},
    {RESULT("size", SHAPE_INT, size), "Bytes.", "1048576"},
    {RESULT("md5", SHAPE_CHARS, digests.md5), "Hexadecimal.", "\"d41d8cd98f00b204e9800998ecf8427e\""},
    {RESULT("sha256", SHAPE_CHARS, digests.sha256), "Hexadecimal; in quotes it is the content's `ETag`.",
     "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""},
    {RESULT("state", SHAPE_WORD, state), "Where it is in its life.", .words = result_state_names,
     .word_count = RESULT_STATE_END},
    {"formats", SHAPE_TEXT, 0, "What a table can be had as; empty where it is none.",
     "[\"json\",\"ndjson\",\"csv\",\"tsv\",\"xlsx\"]", .is_list = true, .put = put_formats},
    {"unavailable", SHAPE_OBJECT, 0, "Formats that it cannot be had in, and why; or why it is no table.",
     "null", .can_be_null = true, .of = &any_reason, .put = put_unavailable},
    {"preparing", SHAPE_OBJECT, 0, "A conversion under way.", "null", .can_be_null = true,
     .of = &preparing_shape, .put = put_preparing},
    {RESULT("rows", SHAPE_COUNT, table.rows), "Of a table.", "20000", .can_be_null = true},
    {RESULT("columns", SHAPE_COUNT, table.columns), "Of a table.", "7", .can_be_null = true},
    {"storage", SHAPE_TEXT, 0, "The name of where its bytes are; `default` is the server's own.",
     "\"default\"", .put = put_storage_name},
    {"url", SHAPE_URL, 0, "Where its bytes are: the address of its content, or `s3://BUCKET/KEY`.",
     .put = put_url},
    {RESULT("creator", SHAPE_TEXT, creator_name), "The key or user that published it.", "\"scraper\""},
    {RESULT("downloads", SHAPE_INT, downloads), "How often it was downloaded to the end.", "2"},
    {RESULT("downloaded_at", SHAPE_TIME, downloaded_at), "When last.", .can_be_null = true},
    {RESULT("created_at", SHAPE_TIME, created_at), "RFC 3339 in UTC."},
    {RESULT("consumed_at", SHAPE_TIME, consumed_at), "When it was acknowledged.", "null",
     .can_be_null = true},
    {RESULT("expires_at", SHAPE_TIME, expires_at), "When it will expire, or has; null: never.",
     .can_be_null = true},
    {RESULT("expired_at", SHAPE_TIME, expired_at), "When it did.", "null", .can_be_null = true},
    {RESULT("deleted_at", SHAPE_TIME, deleted_at), "When it was deleted.", "null", .can_be_null = true},
    {RESULT("keep", SHAPE_BOOL, keep), "While true, neither expiry nor deletion touches it."},
};
const struct shape native_result_shape = {"Result", "A file that a job has published.", result_members,
                                          API_COUNT(result_members)};

/* --- batches --- */

static const struct member count_members[] = {
    {"queued", SHAPE_INT, sizeof(int64_t) * JOB_QUEUED, "Jobs that wait for a worker.", "0"},
    {"running", SHAPE_INT, sizeof(int64_t) * JOB_RUNNING, "Jobs that a worker has.", "2"},
    {"completed", SHAPE_INT, sizeof(int64_t) * JOB_COMPLETED, "Jobs that are done.", "40"},
    {"failed", SHAPE_INT, sizeof(int64_t) * JOB_FAILED, "Jobs that went wrong.", "0"},
    {"cancelled", SHAPE_INT, sizeof(int64_t) * JOB_CANCELLED, "Jobs that nobody wants any more.", "0"},
};
static const struct shape counts_shape = {"JobCounts", "How many jobs are in each status.", count_members,
                                          API_COUNT(count_members)};

static const struct member batch_members[] = {
    MEMBER_ID(struct batch, id),
    MEMBER_PROJECT,
    {"name", SHAPE_TEXT, offsetof(struct batch, name), "What it is called.", "\"november\""},
    {"description", SHAPE_TEXT, offsetof(struct batch, description), "More about it; may be empty.", "\"\""},
    {"created_at", SHAPE_TIME, offsetof(struct batch, created_at), "RFC 3339 in UTC."},
    {"jobs", SHAPE_OBJECT, offsetof(struct batch, jobs), "How many by status.", .of = &counts_shape},
};
const struct shape native_batch_shape = {"Batch", "Jobs that belong together.", batch_members,
                                         API_COUNT(batch_members)};

int native_send_job(struct request *rq, int status, const struct job *job)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    shape_put(&j, rq, &native_job_shape, job);
    return native_send(rq, status, &j);
}

int native_send_result(struct request *rq, int status, const struct result *r)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    shape_put(&j, rq, &native_result_shape, r);
    return native_send(rq, status, &j);
}
