/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud: results.
 *
 * From the API's document: "Results in the states consumed or expired do not appear in the list by default."
 */
#include "api/ricloud.h"

#include "core/access.h"
#include "core/batch.h"
#include "core/deliver.h"
#include "core/job.h"
#include "core/result.h"
#include "core/sign.h"
#include "core/storage.h"

#include <string.h>
#include <strings.h>

enum { LINK_SECONDS = 3600 };

/* What a result that has no type is shown as, by its format. */
static const struct {
    const char *media_type, *word;
} formats[] = {
    {"application/json", "json"},         {"application/x-ndjson", "ndjson"}, {"text/csv", "csv"},
    {"text/tab-separated-values", "tsv"}, {"application/zip", "zip"},         {"text/plain", "txt"},
};

static const char *type_of(const struct result *r)
{
    size_t len = strcspn(r->media_type, "; ");
    if (*r->type)
        return r->type;
    for (size_t i = 0; i < API_COUNT(formats); i++)
        if (strlen(formats[i].media_type) == len &&
            strncasecmp(formats[i].media_type, r->media_type, len) == 0)
            return formats[i].word;
    return NULL;
}

static const char *media_type_of(const char *type)
{
    for (size_t i = 0; type && i < API_COUNT(formats); i++)
        if (strcmp(formats[i].word, type) == 0)
            return formats[i].media_type;
    return NULL;
}

/* The address of the content, or of the object in a bucket of theirs; for clients on the server's own
 * machine, if a setting allows it and they may read, that of the file. */
static const char *url_of(struct request *rq, const struct result *r)
{
    const struct settings *set = core_settings(&api_app(rq)->core);
    struct err ignored;
    if (r->storage)
        return storage_url_of(&rq->arena, r);
    bool local = set->ricloud_local_urls && access_require(api_session(rq), SCOPE_READ, &ignored) == 0;
    const char *path = local ? deliver_local_path(api_session(rq), r) : NULL;
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
    if (rc == ERR_FORBIDDEN) { /* a key that may acknowledge, say, but not read: it still sees what it did */
        json_null(j);
        return 0;
    }
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

int ricloud_put_result(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    const struct result *r = row;
    ricloud_begin(j, rq, "result", r->id);
    ricloud_put(j, "poll", r->batch_id);
    ricloud_put(j, "task", r->job_id);
    ricloud_put(j, "identifier", r->name);
    ricloud_put(j, "url", url_of(rq, r));
    ricloud_put(j, "type", type_of(r));
    ricloud_put(j, "checksum", r->digests.md5);
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

/* Unknown and deleted ids alike: the caller learns nothing of other projects. */
static int find(struct request *rq, const char *id, struct result **ret, struct err *e)
{
    int rc = result_get(api_session(rq), id, ret, e);
    if (rc == 0 && (*ret)->deleted_at)
        rc = err_set(e, ERR_NOT_FOUND, "there is no such result");
    return rc;
}

int ricloud_result_get(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = find(rq, rq->places[0], &r, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, ricloud_put_result, r, e);
}

static int acknowledge_one(struct request *rq, const char *id, struct result **ret, struct err *e)
{
    static const struct result_ack any = {.size = -1};
    int rc = find(rq, id, ret, e);
    return rc < 0 ? rc : result_acknowledge(api_session(rq), id, &any, ret, e);
}

int ricloud_result_ack(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = acknowledge_one(rq, rq->places[0], &r, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, ricloud_put_result, r, e);
}

const struct json_field ricloud_ack_fields[1] = {
    {"results", JSON_TO_STRINGS, 0, true, 0, RICLOUD_LARGEST_LIMIT, .about = "Ids of results."},
};

/* Like ricloud_ack_fields, or the list alone; other members are ignored, as everywhere in this API. */
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
        good = id->type == JSON_STRING && ++count <= RICLOUD_LARGEST_LIMIT;
    if (!good)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/results",
                      "the body must be {\"results\": […]} with at most %d result ids",
                      RICLOUD_LARGEST_LIMIT);
    *ret = list;
    return 0;
}

/* All of them or none: one unknown id undoes the others, because all are in one savepoint. */
int ricloud_result_ack_many(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const struct json *ids = NULL;
    struct result *r = NULL;
    int64_t count = 0;
    int rc = read_ids(rq, &ids, e);
    if (rc < 0)
        return rc;
    ricloud_begin_list(&j);
    for (const struct json *id = ids->first; rc == 0 && id; id = id->next, count++) {
        rc = acknowledge_one(rq, id->string, &r, e);
        if (rc == 0)
            rc = ricloud_put_result(&j, rq, r, e);
    }
    ricloud_end_list(&j, rq, false, count, "/results");
    return rc < 0 ? rc : api_send_json(rq, 200, &j);
}

/* --- the list --- */

struct query {
    struct ricloud_query common;
    struct result_filter filter;
};

static int place(struct request *rq, const char *kind, const char *id, int64_t *ret, struct err *e)
{
    struct result *r = NULL;
    (void)kind;
    int rc = result_get(api_session(rq), id, &r, e);
    if (rc == 0)
        *ret = r->pk;
    return rc;
}

/* A task or poll that is not there has no results. */
static int none_if_unknown(int rc, struct query *q)
{
    if (rc != ERR_BAD_REFERENCE)
        return rc;
    q->common.empty = true;
    return 0;
}

static int read_references(struct request *rq, struct query *q, struct err *e)
{
    const char *task = request_query(rq, "task");
    const char *poll = request_query(rq, "poll");
    int rc = 0;
    if (task)
        rc = none_if_unknown(job_refer(api_session(rq), task, ERR_PARAMETER, "task", &q->filter.job, e), q);
    if (rc == 0 && poll)
        rc = none_if_unknown(batch_refer(api_session(rq), poll, ERR_PARAMETER, "poll", &q->filter.batch, e),
                             q);
    return rc;
}

static int read_query(struct request *rq, struct query *q, struct err *e)
{
    struct result_filter *f = &q->filter;
    int rc = ricloud_read_query(rq, place, NULL, ricloud_poll_labels, &q->common, e);
    if (rc < 0)
        return rc;
    *f = (struct result_filter){.state = request_query(rq, "state"),
                                .name = request_query(rq, "identifier"),
                                .type = request_query(rq, "type"),
                                .untyped = media_type_of(request_query(rq, "type")),
                                .created_after = q->common.since,
                                .labels = ricloud_labels(&q->common),
                                .oldest_first = !q->common.newest_first};
    if (f->state && store_word(result_state_names, RESULT_STATE_END, f->state) < 0)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "state",
                      "state must be one of: available, consumed, expired");
    return read_references(rq, q, e);
}

int ricloud_result_list(struct request *rq, struct err *e)
{
    struct ricloud_rows *rows = arena_alloc(&rq->arena, sizeof *rows);
    struct result *r = NULL;
    struct query q;
    int64_t total = 0;
    int rc = read_query(rq, &q, e);
    if (rc == 0 && !q.common.empty)
        rc = result_list(api_session(rq), &q.filter, &q.common.page, &r, e);
    if (rc == 0 && !q.common.empty)
        rc = result_count(api_session(rq), &q.filter, &total, e);
    for (; rc == 0 && r; r = r->next)
        ricloud_take(rows, &q.common, r);
    return rc < 0 ? rc : ricloud_send_list(rq, &q.common, rows, ricloud_put_result, total, "/results", e);
}

/* --- inside of polls and tasks --- */

int ricloud_put_results(struct json_out *j, struct request *rq, const char *what, const char *id,
                        struct result_filter *of, struct err *e)
{
    struct page page = {.limit = RICLOUD_LARGEST_LIMIT};
    struct result *r = NULL;
    int64_t shown = 0;
    int64_t total = 0;
    of->state = "any";
    of->oldest_first = true;
    int rc = result_list(api_session(rq), of, &page, &r, e);
    ricloud_begin_list(j);
    for (; rc == 0 && r; r = r->next, shown++)
        rc = ricloud_put_result(j, rq, r, e);
    total = shown;
    if (rc == 0 && shown == page.limit)
        rc = result_count(api_session(rq), of, &total, e);
    ricloud_end_list(j, rq, shown < total, total, arena_printf(&rq->arena, "/results?%s=%s", what, id));
    return rc;
}
