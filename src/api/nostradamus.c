/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nostradamus: collections, invocations and their results. An invocation is a job whose kind is the
 * invocationType and whose input is the request; a collection is a document.
 *
 * From the API's document: "When the status of request changes to completed is possible to access the
 * invocationResults key and see what results and in which formats these are available for download, including
 * json, csv and xlsx." "The primary result is the one that is considered the main result of the invocation
 * while the others are accessory results."
 */
#include "api/nostradamus.h"

#include "api/converted.h"
#include "base/json.h"
#include "core/document.h"
#include "core/format.h"
#include "core/job.h"
#include "core/name.h"
#include "core/result.h"
#include "core/table.h"

#include <string.h>
#include <strings.h>

enum { LONGEST_WORD = 255, DEFAULT_LIMIT = 100, LARGEST_LIMIT = 1000, MOST_DEPTH = 1000 };

static int admit(struct request *rq, struct err *e)
{
    return api_admit_key(rq, nostradamus_description.key_forms, e);
}

static void fail(struct request *rq, const struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "detail");
    json_string(&j, e->detail);
    json_end_object(&j);
    if (err_status(e->code) == 401)
        response_header(rq, "WWW-Authenticate", "Token");
    response_bytes(rq, err_status(e->code), "application/json", j.buf.bytes, j.buf.len);
}

/* --- collections --- */

struct collection {
    const char *name, *product, *timezone;
    const struct json *tag, *properties;
};

const struct json_field nostradamus_collection_fields[] = {
    {"name", JSON_TO_STRING, offsetof(struct collection, name), true, 1, LONGEST_WORD,
     .about = "What it is called; several may have one name."},
    {"product", JSON_TO_STRING, offsetof(struct collection, product), false, 0, LONGEST_WORD,
     .about = "What the data are about, for the workers."},
    {"timezone", JSON_TO_STRING, offsetof(struct collection, timezone), false, 0, LONGEST_WORD,
     .about = "Where its times are from, for the workers: not looked at here."},
    {"tag", JSON_TO_OBJECT, offsetof(struct collection, tag), false, 0, 0, .about = "Any object."},
    {"properties", JSON_TO_OBJECT, offsetof(struct collection, properties), false, 0, 0,
     .about = "Any object."},
};

static void put_value(struct json_out *j, const char *key, const struct json *value, const char *absent)
{
    json_key(j, key);
    json_raw(j, value ? value->raw : absent, value ? value->raw_len : strlen(absent));
}

/* The members of a collection but for its id; what is stored is what is shown. */
static void put_members(struct json_out *j, const struct collection *c)
{
    json_key(j, "name");
    json_string(j, c->name);
    json_key(j, "product");
    json_string(j, c->product);
    json_key(j, "timezone");
    json_string(j, c->timezone);
    put_value(j, "tag", c->tag, "{}");
    put_value(j, "properties", c->properties, "{}");
}

static int put_collection(struct json_out *j, struct request *rq, const struct document *d, struct err *e)
{
    struct collection c = {.name = NULL};
    const struct json *body;
    int rc = json_parse(&rq->arena, d->body, strlen(d->body), MOST_DEPTH, &body, e);
    if (rc == 0)
        rc = json_read(body, nostradamus_collection_fields, API_COUNT(nostradamus_collection_fields), &c, e);
    if (rc < 0)
        return err_operator(e, ERR_INTERNAL, "internal error", "the collection %s cannot be read", d->id);
    json_begin_object(j);
    json_key(j, "id");
    json_string(j, d->id);
    put_members(j, &c);
    json_end_object(j);
    return 0;
}

static int create_collection(struct request *rq, struct err *e)
{
    struct collection c = {.name = NULL};
    struct json_out body = {.buf = {.arena = &rq->arena}};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct document *d = NULL;
    int rc = api_read(rq, NULL, &c, e);
    if (rc < 0)
        return rc;
    json_begin_object(&body);
    put_members(&body, &c);
    json_end_object(&body);
    rc = document_create(api_session(rq), NOSTRADAMUS_COLLECTION, NULL, NULL, buf_str(&body.buf), &d, e);
    if (rc == 0)
        rc = put_collection(&j, rq, d, e);
    return rc < 0 ? rc : api_send_json(rq, 201, &j);
}

struct window {
    int64_t limit, offset, count;
};

const struct param nostradamus_window_params[] = {
    {"limit", PARAM_INT, offsetof(struct window, limit), 1, LARGEST_LIMIT,
     "At most so many on one page (100).", .example = "20"},
    {"offset", PARAM_INT, offsetof(struct window, offset), 0, INT32_MAX, "How many to leave out before (0).",
     .example = "0"},
};

/* The address of the page that begins at `offset`; null where there is none. */
static void put_page(struct json_out *j, struct request *rq, const char *key, bool there,
                     const struct window *w, int64_t offset)
{
    json_key(j, key);
    json_string(j, there ? arena_printf(&rq->arena, "%s%s?limit=%lld&offset=%lld", api_base_url(rq),
                                        rq->raw_path, (long long)w->limit, (long long)offset)
                         : NULL);
}

static int read_window(struct request *rq, struct window *w, struct page *page, struct err *e)
{
    struct session *s = api_session(rq);
    int rc = api_read(rq, w, NULL, e);
    if (rc == 0)
        rc = document_count(s, &(struct document_filter){.kind = NOSTRADAMUS_COLLECTION}, &w->count, e);
    if (rc == 0)
        rc = document_skip(s, NOSTRADAMUS_COLLECTION, NULL, w->offset, &page->before, e);
    page->limit = w->limit;
    return rc;
}

static int list_collections(struct request *rq, struct err *e)
{
    struct window w = {.limit = DEFAULT_LIMIT};
    struct page page;
    struct document *d = NULL;
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct document_filter f = {.kind = NOSTRADAMUS_COLLECTION};
    int rc = read_window(rq, &w, &page, e);
    if (rc == 0)
        rc = document_list(api_session(rq), &f, &page, &d, e);
    if (rc < 0)
        return rc;
    int64_t before = w.offset > w.limit ? w.offset - w.limit : 0;
    json_begin_object(&j);
    json_key(&j, "count");
    json_int(&j, w.count);
    put_page(&j, rq, "next", w.offset + w.limit < w.count, &w, w.offset + w.limit);
    put_page(&j, rq, "previous", w.offset > 0, &w, before);
    json_key(&j, "results");
    json_begin_array(&j);
    for (; rc == 0 && d; d = d->next)
        rc = put_collection(&j, rq, d, e);
    json_end_array(&j);
    json_end_object(&j);
    return rc < 0 ? rc : api_send_json(rq, 200, &j);
}

/* --- invocations --- */

static const char *const status_words[JOB_STATUS_END] = {
    [JOB_QUEUED] = "queued", [JOB_RUNNING] = "running", [JOB_COMPLETED] = "completed",
    [JOB_FAILED] = "error",  [JOB_CANCELLED] = "error",
};

static const struct {
    enum format format;
    const char *available; /* the member that tells whether it is */
} formats[] = {{FORMAT_JSON, "jsonAvailable"}, {FORMAT_CSV, "csvAvailable"}, {FORMAT_XLSX, "xlsxAvailable"}};

/* A result that is no table can be had as what it was uploaded as. */
static bool was_uploaded_as(const struct result *r, enum format f)
{
    size_t len = strcspn(r->media_type, "; \t");
    const char *type = format_words[f].media_type;
    return strlen(type) == len && strncasecmp(type, r->media_type, len) == 0;
}

static bool is_good(const struct result *r)
{
    return r->state != RESULT_EXPIRED && !table_is_damaged(r);
}

static bool is_available(const struct result *r, enum format f)
{
    return is_good(r) && (r->table.formats & 1U << f || was_uploaded_as(r, f));
}

static void put_result(struct json_out *j, const struct result *r, bool primary)
{
    json_key(j, r->id);
    json_begin_object(j);
    json_key(j, "primaryResult");
    json_bool(j, primary);
    json_key(j, "status");
    json_string(j, is_good(r) ? "completed" : "error");
    for (size_t i = 0; i < API_COUNT(formats); i++) {
        json_key(j, formats[i].available);
        json_bool(j, is_available(r, formats[i].format));
    }
    json_end_object(j);
}

static void put_results(struct json_out *j, const struct job *job)
{
    const struct result *primary = job_primary(job);
    json_key(j, "invocationResults");
    json_begin_object(j);
    for (const struct result *r = job->results; r; r = r->next)
        put_result(j, r, r == primary);
    json_end_object(j);
}

/* Jobs that other APIs made have an input of another shape, or none: then these members are null. */
static void put_request(struct json_out *j, struct request *rq, const struct job *job)
{
    const struct json *input = NULL;
    struct err ignored;
    if (job->input)
        (void)json_parse(&rq->arena, job->input, strlen(job->input), MOST_DEPTH, &input, &ignored);
    put_value(j, "collectionId", input ? json_member(input, "collectionId") : NULL, "null");
    json_key(j, "invocationType");
    json_string(j, job->kind);
    put_value(j, "args", input ? json_member(input, "args") : NULL, "null");
}

static int send_invocation(struct request *rq, int status, const struct job *job)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "id");
    json_string(&j, job->id);
    json_key(&j, "status");
    json_string(&j, status_words[job->status]);
    put_request(&j, rq, job);
    if (job->status == JOB_FAILED) {
        json_key(&j, "error");
        json_raw(&j, job->error ? job->error : "null", job->error ? strlen(job->error) : 4);
    }
    if (!job_is_open(job))
        put_results(&j, job);
    json_end_object(&j);
    return api_send_json(rq, status, &j);
}

static int check_collection(struct request *rq, const char *id, struct err *e)
{
    struct document *d = NULL;
    int rc = document_get(api_session(rq), NOSTRADAMUS_COLLECTION, id, &d, e);
    if (rc == ERR_NOT_FOUND)
        return err_at(e, ERR_BAD_REFERENCE, ERR_POINTER, "/collectionId",
                      "there is no collection with this collectionId; POST %s/api/collection makes one",
                      rq->mount);
    return rc;
}

struct invocation {
    const char *collection, *type;
    const struct json *args; /* the worker's: the input is the body as it was sent */
};

const struct json_field nostradamus_invocation_fields[] = {
    {"collectionId", JSON_TO_STRING, offsetof(struct invocation, collection), true, 1, LONGEST_WORD,
     .about = "The collection that it works on."},
    {"invocationType", JSON_TO_STRING, offsetof(struct invocation, type), true, 1, LONGEST_WORD,
     .about = "What is to be done: workers take invocations by it."},
    {"args", JSON_TO_VALUE, offsetof(struct invocation, args), false, 0, 0,
     .about = "What the worker needs to know: any JSON."},
};

static int create_invocation(struct request *rq, struct err *e)
{
    struct invocation b = {.args = NULL};
    struct job *job = NULL;
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0)
        rc = name_check_text(b.type, "invocationType", e);
    if (rc == 0)
        rc = check_collection(rq, b.collection, e);
    if (rc < 0)
        return rc;
    struct job_new n = {
        .kind = b.type, .priority_weight = 5, .input = arena_copy(&rq->arena, rq->body, rq->body_len)};
    rc = job_create(api_session(rq), &n, &job, e);
    return rc < 0 ? rc : send_invocation(rq, 201, job);
}

/* Unknown, foreign and deleted ids alike. */
static int no_such(struct err *e, const char *what)
{
    return err_set(e, ERR_NOT_FOUND, "there is no such %s", what);
}

static int find_invocation(struct request *rq, struct job **ret, struct err *e)
{
    int rc = job_get(api_session(rq), rq->places[0], ret, e);
    return rc == ERR_NOT_FOUND || (rc == 0 && (*ret)->deleted_at) ? no_such(e, "invocation") : rc;
}

static int retrieve_invocation(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = find_invocation(rq, &job, e);
    return rc < 0 ? rc : send_invocation(rq, 200, job);
}

/* --- downloads --- */

/* The last word of the route: its format. */
static enum format wanted_format(const struct request *rq)
{
    return (enum format)format_of_name(strrchr(rq->route->path, '/') + 1);
}

/* A table that has the format already stays as it was uploaded, and so does what is none. */
static int send_result(struct request *rq, const struct result *r, struct err *e)
{
    struct session *s = api_session(rq);
    enum format f = wanted_format(rq);
    int rc = result_require_live(s, r, e);
    if (rc == 0 && !is_available(r, f))
        rc = err_set(e, ERR_NOT_FOUND, "this result is not available as %s", format_words[f].name);
    if (rc == 0)
        rc = r->table.formats & 1U << f ? table_is_stored_as(s, r, f, e) : 1;
    if (rc < 0)
        return rc;
    struct conversion_options o = convert_whole(f);
    return rc > 0 ? api_send_content(rq, r, e) : converted_send(rq, r, &o, e);
}

static int find_ended(struct request *rq, struct job **ret, struct err *e)
{
    int rc = find_invocation(rq, ret, e);
    if (rc == 0 && job_is_open(*ret))
        rc = err_set(e, ERR_WRONG_STATE, "the invocation is %s: its results are not ready yet",
                     status_words[(*ret)->status]);
    return rc;
}

static int download_primary(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = find_ended(rq, &job, e);
    if (rc < 0)
        return rc;
    const struct result *r = job_primary(job);
    return r ? send_result(rq, r, e) : no_such(e, "result: the invocation has none");
}

static int download_result(struct request *rq, struct err *e)
{
    struct job *job = NULL;
    int rc = find_ended(rq, &job, e);
    if (rc < 0)
        return rc;
    const struct result *r = job->results;
    while (r && strcmp(r->id, rq->places[1]) != 0)
        r = r->next;
    return r ? send_result(rq, r, e) : no_such(e, "result of this invocation");
}

static const char *const prefixes[] = {"/api/invocation", "/api/collection", NULL};

#define OP(name) .operation = &nostradamus_op_##name

/* clang-format off */
static const struct route routes[] = {
    {HTTP_POST, "/api/collection",    R_WRITE, BODY_WHOLE, SCOPE_WRITE, create_collection, OP(create_collection)},
    {HTTP_GET,  "/api/collection",    R_READ,  BODY_NONE,  SCOPE_READ,  list_collections, OP(list_collections)},
    {HTTP_POST, "/api/collection/{}/data/{}/append", R_WRITE, BODY_STREAM, SCOPE_WRITE, nostradamus_append,
                nostradamus_append_begin, OP(append)},
    {HTTP_POST, "/api/invocation",    R_WRITE, BODY_WHOLE, SCOPE_WRITE, create_invocation, OP(create_invocation)},
    {HTTP_GET,  "/api/invocation/{}", R_READ,  BODY_NONE,  SCOPE_READ,  retrieve_invocation, OP(retrieve_invocation)},
    {HTTP_GET,  "/api/invocation/{}/json", R_READ, BODY_NONE, SCOPE_READ, download_primary, OP(primary_json)},
    {HTTP_GET,  "/api/invocation/{}/csv",  R_READ, BODY_NONE, SCOPE_READ, download_primary, OP(primary_csv)},
    {HTTP_GET,  "/api/invocation/{}/xlsx", R_READ, BODY_NONE, SCOPE_READ, download_primary, OP(primary_xlsx)},
    {HTTP_GET,  "/api/invocation/{}/result/{}/json", R_READ, BODY_NONE, SCOPE_READ, download_result, OP(result_json)},
    {HTTP_GET,  "/api/invocation/{}/result/{}/csv",  R_READ, BODY_NONE, SCOPE_READ, download_result, OP(result_csv)},
    {HTTP_GET,  "/api/invocation/{}/result/{}/xlsx", R_READ, BODY_NONE, SCOPE_READ, download_result, OP(result_xlsx)},
};
/* clang-format on */

const struct api api_nostradamus = {
    .name = "nostradamus",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .admit = admit,
    .fail = fail,
    .description = &nostradamus_description,
};
