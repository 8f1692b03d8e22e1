/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud API v3: results. A table over the core: a result is a result, its task the job, its poll the batch.
 *
 * From the API's document: "Results in the states consumed or expired do not appear in the list by default."
 * "Acknowledge GET /results/{result ID}/ack"; clients since 3.1 send POST, with the body `null`. Every answer
 * is a JSON object, errors too, because the client decodes every body.
 */
#include "api/api.h"
#include "base/json.h"
#include "core/deliver.h"
#include "core/job.h"
#include "core/result.h"
#include "core/sign.h"

#include <string.h>

enum { DEFAULT_LIMIT = 10, LARGEST_LIMIT = 1000, LINK_SECONDS = 3600 };

static int admit(struct request *rq, struct err *e)
{
    return api_admit_key(rq, KEY_TOKEN | KEY_BEARER | KEY_HEADER, e);
}

/* {"error", "message", "params"}: what the client's exceptions read. */
static void fail(struct request *rq, const struct err *e)
{
    static const struct {
        int status;
        const char *slug;
    } slugs[] = {{401, "unauthorised"}, {403, "forbidden"},  {404, "not-found"}, {405, "method-not-allowed"},
                 {409, "conflict"},     {410, "gone"},       {413, "too-large"}, {500, "server-error"},
                 {503, "unavailable"},  {507, "unavailable"}};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const char *slug = "invalid";
    for (size_t i = 0; i < API_COUNT(slugs); i++)
        if (slugs[i].status == err_status(e->code))
            slug = slugs[i].slug;
    json_begin_object(&j);
    json_key(&j, "error");
    json_string(&j, slug);
    json_key(&j, "message");
    json_string(&j, e->detail);
    json_key(&j, "params");
    json_begin_object(&j);
    if (e->place != ERR_NOWHERE && *e->where) {
        json_key(&j, "name");
        json_string(&j, e->where);
    }
    json_end_object(&j);
    json_end_object(&j);
    if (e->code == ERR_UNAUTHORIZED)
        response_header(rq, "WWW-Authenticate", "Token realm=\"resultd\"");
    response_bytes(rq, err_status(e->code), "application/json", j.buf.bytes, j.buf.len);
}

/* The result's own type, or else its format's word. */
static const char *type_of(const struct result *r)
{
    static const struct {
        const char *media_type, *word;
    } words[] = {
        {"application/json", "json"},         {"application/x-ndjson", "ndjson"}, {"text/csv", "csv"},
        {"text/tab-separated-values", "tsv"}, {"application/zip", "zip"},         {"text/plain", "txt"},
    };
    size_t len = strcspn(r->media_type, "; ");
    if (*r->type)
        return r->type;
    for (size_t i = 0; i < API_COUNT(words); i++)
        if (strlen(words[i].media_type) == len && strncmp(words[i].media_type, r->media_type, len) == 0)
            return words[i].word;
    return NULL;
}

/* The address of the content; for clients on the server's own machine, if a setting allows it, that of the
 * file. */
static const char *url_of(struct request *rq, const struct result *r)
{
    const struct settings *set = core_settings(&api_app(rq)->core);
    const char *path = set->ricloud_local_urls ? deliver_local_path(api_session(rq), r) : NULL;
    if (path)
        return arena_printf(&rq->arena, "local://%s", path);
    return arena_printf(&rq->arena, "%s/api/v1/results/%s/content", api_base_url(rq), r->id);
}

static int put_signed_url(struct json_out *j, struct request *rq, const struct result *r, struct err *e)
{
    struct sign_link l;
    json_key(j, "signed_url");
    if (r->state == RESULT_EXPIRED || r->deleted_at) {
        json_null(j);
        return 0;
    }
    int rc = sign_make(api_session(rq), r, "", LINK_SECONDS, &l, e);
    if (rc < 0)
        return rc;
    json_begin_object(j);
    json_key(j, "url");
    json_string(j, arena_printf(&rq->arena, "%s%s", api_base_url(rq), l.path));
    json_key(j, "date_expires");
    json_time(j, l.expires_at);
    json_end_object(j);
    return 0;
}

static int put_result(struct json_out *j, struct request *rq, const struct result *r, struct err *e)
{
    json_begin_object(j);
    json_key(j, "id");
    json_string(j, r->id);
    json_key(j, "resource");
    json_string(j, "result");
    json_key(j, "organisation");
    json_string(j, api_session(rq)->actor.project_name);
    json_key(j, "poll");
    json_string(j, r->batch_id);
    json_key(j, "task");
    json_string(j, r->job_id);
    json_key(j, "identifier");
    json_string(j, r->name);
    json_key(j, "url");
    json_string(j, url_of(rq, r));
    json_key(j, "type");
    json_string(j, type_of(r));
    json_key(j, "checksum");
    json_string(j, r->digests.md5);
    json_key(j, "size");
    json_int(j, r->size);
    int rc = put_signed_url(j, rq, r, e);
    json_key(j, "state");
    json_string(j, result_state_names[r->state]);
    json_key(j, "date_created");
    json_time(j, r->created_at);
    json_key(j, "date_consumed");
    json_time(j, r->consumed_at);
    json_key(j, "date_deleted");
    json_time(j, r->expired_at ? r->expired_at : r->deleted_at);
    json_end_object(j);
    return rc;
}

static int send_result(struct request *rq, const struct result *r, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = put_result(&j, rq, r, e);
    return rc < 0 ? rc : api_send_json(rq, 200, &j);
}

static void begin_list(struct json_out *j)
{
    json_begin_object(j);
    json_key(j, "resource");
    json_string(j, "list");
    json_key(j, "data");
    json_begin_array(j);
}

static void end_list(struct json_out *j, struct request *rq, bool more, int64_t total)
{
    json_end_array(j);
    json_key(j, "has_more");
    json_bool(j, more);
    json_key(j, "total_count");
    json_int(j, total);
    json_key(j, "url");
    json_string(j, arena_printf(&rq->arena, "%s/results", rq->mount));
    json_end_object(j);
}

/* Unknown and deleted ids alike: the caller learns nothing of other projects. */
static int find(struct request *rq, const char *id, struct result **ret, struct err *e)
{
    int rc = result_get(api_session(rq), id, ret, e);
    if (rc == 0 && (*ret)->deleted_at)
        rc = err_set(e, ERR_NOT_FOUND, "there is no such result");
    return rc;
}

static int retrieve(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, rq->places[0], &r, e);
    return rc < 0 ? rc : send_result(rq, r, e);
}

static int acknowledge_one(struct request *rq, const char *id, struct result **ret, struct err *e)
{
    static const struct result_ack any = {.size = -1};
    int rc = find(rq, id, ret, e);
    return rc < 0 ? rc : result_acknowledge(api_session(rq), id, &any, ret, e);
}

static int acknowledge(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = acknowledge_one(rq, rq->places[0], &r, e);
    return rc < 0 ? rc : send_result(rq, r, e);
}

/* {"results": [ids]} or [ids]; other members are ignored, as everywhere in this API. */
static int read_ids(struct request *rq, const struct json **ret, struct err *e)
{
    const struct json *body;
    int64_t count = 0;
    int rc = api_parse_body(rq, false, &body, e);
    if (rc < 0)
        return rc;
    const struct json *list = body->type == JSON_OBJECT ? json_member(body, "results") : body;
    bool good = list && list->type == JSON_ARRAY;
    for (const struct json *id = good ? list->first : NULL; good && id; id = id->next)
        good = id->type == JSON_STRING && ++count <= LARGEST_LIMIT;
    if (!good)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/results",
                      "the body must be {\"results\": […]} with at most %d result ids", LARGEST_LIMIT);
    *ret = list;
    return 0;
}

/* All of them or none: one unknown id undoes the others, because all are in one savepoint. */
static int acknowledge_many(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const struct json *ids = NULL;
    struct result *r = NULL;
    int64_t count = 0;
    int rc = read_ids(rq, &ids, e);
    if (rc < 0)
        return rc;
    begin_list(&j);
    for (const struct json *id = ids->first; rc == 0 && id; id = id->next, count++) {
        rc = acknowledge_one(rq, id->string, &r, e);
        if (rc == 0)
            rc = put_result(&j, rq, r, e);
    }
    end_list(&j, rq, false, count);
    return rc < 0 ? rc : api_send_json(rq, 200, &j);
}

struct query {
    struct result_filter filter;
    struct page page;
    int64_t limit;
    bool empty; /* a filter names something that is not there */
};

static int read_limit(struct request *rq, struct query *q, struct err *e)
{
    static const struct param limit = {"limit", PARAM_INT, 0, 1, LARGEST_LIMIT};
    struct query_pair one = {"limit", request_query(rq, "limit"), NULL};
    struct query_pair *all = rq->query;
    q->limit = DEFAULT_LIMIT;
    if (!one.value)
        return 0;
    rq->query = &one; /* the other parameters are not this table's business */
    int rc = request_params(rq, &limit, 1, &q->limit, e);
    rq->query = all;
    return rc;
}

static int read_place(struct request *rq, struct query *q, struct err *e)
{
    struct result *r = NULL;
    const char *after = request_query(rq, "after_id");
    const char *before = request_query(rq, "before_id");
    const char *id = after ? after : before;
    q->filter.oldest_first = !before || after;
    q->page.limit = q->limit + 1;
    if (!id)
        return 0;
    int rc = result_get(api_session(rq), id, &r, e);
    if (rc == ERR_NOT_FOUND)
        return err_at(e, ERR_BAD_REFERENCE, ERR_PARAMETER, after ? "after_id" : "before_id",
                      "there is no result with this id");
    if (rc == 0)
        q->page.before = r->pk;
    return rc;
}

static int read_query(struct request *rq, struct query *q, struct err *e)
{
    const char *task = request_query(rq, "task");
    q->filter.state = request_query(rq, "state");
    if (q->filter.state && store_word(result_state_names, RESULT_STATE_END, q->filter.state) < 0)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "state",
                      "state must be one of: available, consumed, expired");
    int rc = read_limit(rq, q, e);
    if (rc == 0)
        rc = read_place(rq, q, e);
    if (rc == 0 && task)
        rc = job_refer(api_session(rq), task, ERR_PARAMETER, "task", &q->filter.job, e);
    if (rc == ERR_BAD_REFERENCE && task && !q->filter.job && strcmp(e->where, "task") == 0) {
        q->empty = true;
        rc = 0;
    }
    return rc;
}

/* A page that was asked for with before_id comes from new to old; it is shown like the others. */
static struct result *reversed(struct result *r)
{
    struct result *list = NULL;
    while (r) {
        struct result *next = r->next;
        r->next = list;
        list = r;
        r = next;
    }
    return list;
}

static int list(struct request *rq, struct err *e)
{
    struct query q = {.limit = 0};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct result *r = NULL;
    int64_t count = 0;
    int64_t total = 0;
    int rc = read_query(rq, &q, e);
    if (rc == 0 && !q.empty)
        rc = result_list(api_session(rq), &q.filter, &q.page, &r, e);
    if (rc == 0 && !q.empty)
        rc = result_count(api_session(rq), &q.filter, &total, e);
    if (rc < 0)
        return rc;
    struct result *cut = NULL;
    for (struct result *last = r; last; last = last->next)
        if (++count == q.limit) {
            cut = last->next;
            last->next = NULL;
        }
    begin_list(&j);
    for (r = q.filter.oldest_first ? r : reversed(r); rc == 0 && r; r = r->next)
        rc = put_result(&j, rq, r, e);
    end_list(&j, rq, cut != NULL, total);
    return rc < 0 ? rc : api_send_json(rq, 200, &j);
}

/* All root names of that API: unknown paths below them are answered in its words. */
static const char *const prefixes[] = {"/results",      "/polls",         "/tasks",  "/users", "/sessions",
                                       "/sources",      "/subscriptions", "/events", "/keys",  "/key",
                                       "/organisation", "/configs",       NULL};
static const struct route routes[] = {
    {HTTP_GET, "/results", R_READ, BODY_NONE, SCOPE_READ, list},
    {HTTP_POST, "/results/ack", R_WRITE, BODY_WHOLE, SCOPE_ACK, acknowledge_many},
    {HTTP_GET, "/results/{}", R_READ, BODY_NONE, SCOPE_READ, retrieve},
    {HTTP_GET, "/results/{}/ack", R_WRITE, BODY_NONE, SCOPE_ACK, acknowledge},
    {HTTP_POST, "/results/{}/ack", R_WRITE, BODY_WHOLE, SCOPE_ACK, acknowledge},
};

const struct api api_ricloud = {
    .name = "ricloud",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .admit = admit,
    .fail = fail,
};
