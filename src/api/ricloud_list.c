/* SPDX-License-Identifier: Apache-2.0 */
/* ricloud: list objects and their parameters, objects that are documents, references, Ricloud-Await. */
#include "api/ricloud.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

enum { DEFAULT_LIMIT = 10, LARGEST_PAGE = 4 << 20, LONGEST_WAIT = 10 };

/* Of what is stored: the largest json_depth_limit, and what is around it. */
enum { DEEPEST = 1008 };

/* From narrow to broad. */
const char *const ricloud_poll_labels[] = {"subscription", "session", "source", "user", "requestor", NULL};

/* --- parameters --- */

static int read_limit(struct request *rq, int64_t *to, struct err *e)
{
    const char *value = request_query(rq, "limit");
    *to = DEFAULT_LIMIT;
    if (value && (!text_uint(value, strlen(value), to) || *to < 1 || *to > RICLOUD_LARGEST_LIMIT))
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "limit",
                      "the parameter \"limit\" must be a whole number from 1 to %d", RICLOUD_LARGEST_LIMIT);
    return 0;
}

/* The client sends times without a zone, which are in UTC. */
static int read_since(struct request *rq, int64_t *to, struct err *e)
{
    const char *value = request_query(rq, "since");
    if (!value)
        return 0;
    if (!clock_parse_rfc3339(value, to) && !clock_parse_rfc3339(arena_printf(&rq->arena, "%sZ", value), to))
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "since",
                      "\"since\" must be a time like 2026-01-02T03:04:05Z");
    *to = *to > 1 ? *to - 1 : 1;
    return 0;
}

static int read_end(struct request *rq, ricloud_place_fn *place, const char *kind, const char *name,
                    int64_t *to, struct err *e)
{
    const char *id = request_query(rq, name);
    if (!id)
        return 0;
    int rc = place(rq, kind, id, to, e);
    if (rc == ERR_NOT_FOUND)
        return err_at(e, ERR_BAD_REFERENCE, ERR_PARAMETER, name, "there is nothing with this id in the list");
    return rc;
}

static int read_place(struct request *rq, ricloud_place_fn *place, const char *kind, struct ricloud_query *q,
                      struct err *e)
{
    int64_t after = 0;
    int64_t before = 0;
    int rc = read_end(rq, place, kind, "after_id", &after, e);
    if (rc == 0)
        rc = read_end(rq, place, kind, "before_id", &before, e);
    q->newest_first = before && !after;
    q->page.limit = q->limit + 1;
    q->page.before = q->newest_first ? before : after;
    q->page.until = q->newest_first ? 0 : before;
    return rc;
}

int ricloud_read_query(struct request *rq, ricloud_place_fn *place, const char *kind,
                       const char *const *labels, struct ricloud_query *ret, struct err *e)
{
    *ret = (struct ricloud_query){.limit = 0};
    for (; labels && *labels; labels++) {
        const char *value = request_query(rq, *labels);
        if (value)
            ret->label[ret->label_count++] =
                (struct label){arena_printf(&rq->arena, RICLOUD_OF "%s", *labels), value};
    }
    int rc = read_limit(rq, &ret->limit, e);
    if (rc == 0)
        rc = read_since(rq, &ret->since, e);
    return rc < 0 ? rc : read_place(rq, place, kind, ret, e);
}

struct labels ricloud_labels(const struct ricloud_query *q)
{
    return (struct labels){q->label, q->label_count};
}

/* --- lists --- */

void ricloud_take(struct ricloud_rows *rows, const struct ricloud_query *q, const void *row)
{
    if (rows->count < q->limit)
        rows->row[rows->count++] = row;
    else
        rows->more = true;
}

void ricloud_begin_list(struct json_out *j)
{
    json_begin_object(j);
    ricloud_put(j, "resource", "list");
    json_key(j, "data");
    json_begin_array(j);
}

void ricloud_end_list(struct json_out *j, struct request *rq, bool more, int64_t total, const char *path)
{
    json_end_array(j);
    json_key(j, "has_more");
    json_bool(j, more);
    json_key(j, "total_count");
    json_int(j, total);
    ricloud_put(j, "url", arena_printf(&rq->arena, "%s%s", rq->mount, path));
    json_end_object(j);
}

/* Nearest to the cursor first, so that what is left out of a page that gets long is at its far end. */
static int render_rows(struct request *rq, const struct ricloud_rows *rows, ricloud_put_fn *put,
                       struct json_out *each, int *ret_count, struct err *e)
{
    size_t bytes = 0;
    int n = 0;
    for (; n < rows->count && bytes < LARGEST_PAGE; n++) {
        each[n] = (struct json_out){.buf = {.arena = &rq->arena}};
        int rc = put(&each[n], rq, rows->row[n], e);
        if (rc < 0)
            return rc;
        bytes += each[n].buf.len;
    }
    *ret_count = n;
    return 0;
}

int ricloud_send_list(struct request *rq, const struct ricloud_query *q, const struct ricloud_rows *rows,
                      ricloud_put_fn *put, int64_t total, const char *path, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct json_out *each = arena_alloc(&rq->arena, (size_t)(rows->count + 1) * sizeof *each);
    int count = 0;
    int rc = render_rows(rq, rows, put, each, &count, e);
    if (rc < 0)
        return rc;
    ricloud_begin_list(&j);
    for (int i = 0; i < count; i++) {
        const struct buf *b = &each[q->newest_first ? count - 1 - i : i].buf;
        json_raw(&j, b->bytes, b->len);
    }
    ricloud_end_list(&j, rq, rows->more || count < rows->count, total, path);
    return api_send_json(rq, 200, &j);
}

int ricloud_send(struct request *rq, int status, ricloud_put_fn *put, const void *row, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = put(&j, rq, row, e);
    return rc < 0 ? rc : api_send_json(rq, status, &j);
}

/* --- objects --- */

void ricloud_put(struct json_out *j, const char *key, const char *value)
{
    json_key(j, key);
    json_string(j, value);
}

void ricloud_begin(struct json_out *j, struct request *rq, const char *resource, const char *id)
{
    json_begin_object(j);
    ricloud_put(j, "id", id);
    ricloud_put(j, "resource", resource);
    ricloud_put(j, "organisation", api_session(rq)->actor.project_name);
}

int ricloud_parse(struct request *rq, const struct document *d, const struct json **ret, struct err *e)
{
    return json_parse(&rq->arena, d->body, strlen(d->body), DEEPEST, ret, e);
}

int ricloud_put_document(struct json_out *j, struct request *rq, const char *resource,
                         const struct document *d, struct err *e)
{
    const struct json *body = NULL;
    int rc = ricloud_parse(rq, d, &body, e);
    if (rc < 0)
        return rc;
    ricloud_begin(j, rq, resource, d->id);
    for (const struct json *m = body->first; m; m = m->next)
        if (*m->key != '_') {
            json_key(j, m->key);
            json_raw(j, m->raw, m->raw_len);
        }
    json_key(j, "date_created");
    json_time(j, d->created_at);
    json_end_object(j);
    return 0;
}

const char *ricloud_text(struct request *rq, const struct document *d, const char *member)
{
    const struct json *body = NULL;
    struct err unused;
    if (ricloud_parse(rq, d, &body, &unused) < 0)
        return NULL;
    const struct json *value = json_member(body, member);
    return value && value->type == JSON_STRING ? value->string : NULL;
}

static int place_document(struct request *rq, const char *kind, const char *id, int64_t *ret, struct err *e)
{
    struct document *d = NULL;
    int rc = document_get(api_session(rq), kind, id, &d, e);
    if (rc == 0)
        *ret = d->pk;
    return rc;
}

int ricloud_list_documents(struct request *rq, const char *kind, const char *const *labels,
                           ricloud_put_fn *put, const char *path, struct err *e)
{
    struct ricloud_rows *rows = arena_alloc(&rq->arena, sizeof *rows);
    struct document_filter f = {.kind = kind};
    struct document *d = NULL;
    struct ricloud_query q;
    int64_t total = 0;
    int rc = ricloud_read_query(rq, place_document, kind, labels, &q, e);
    if (rc < 0)
        return rc;
    f.labels = ricloud_labels(&q);
    f.newest_first = q.newest_first;
    rc = document_list(api_session(rq), &f, &q.page, &d, e);
    if (rc == 0)
        rc = document_count(api_session(rq), &f, &total, e);
    for (; rc == 0 && d; d = d->next)
        ricloud_take(rows, &q, d);
    return rc < 0 ? rc : ricloud_send_list(rq, &q, rows, put, total, path, e);
}

int ricloud_put_documents(struct json_out *j, struct request *rq, const char *kind, ricloud_put_fn *put,
                          const char *path, struct err *e)
{
    struct page page = {.limit = RICLOUD_LARGEST_LIMIT};
    struct document *d = NULL;
    int64_t total = 0;
    int64_t shown = 0;
    struct document_filter f = {.kind = kind};
    int rc = document_list(api_session(rq), &f, &page, &d, e);
    if (rc == 0)
        rc = document_count(api_session(rq), &f, &total, e);
    ricloud_begin_list(j);
    for (; rc == 0 && d; d = d->next, shown++)
        rc = put(j, rq, d, e);
    ricloud_end_list(j, rq, shown < total, total, path);
    return rc;
}

int ricloud_label(struct request *rq, const char *id, const char *what, const char *value, struct err *e)
{
    struct label l = {arena_printf(&rq->arena, RICLOUD_OF "%s", what), value};
    return value ? document_label(api_session(rq), id, &l, e) : 0;
}

const struct json_field ricloud_reference_fields[1] = {
    {"id", JSON_TO_STRING, 0, false, 1, RICLOUD_LONGEST_TEXT, .about = "Its id."},
};

int ricloud_refer(struct request *rq, const struct json *value, const char *member, const char *kind,
                  struct document **ret, struct err *e)
{
    if (value && value->type == JSON_OBJECT)
        value = json_member(value, "id");
    if (!value || value->type == JSON_NULL)
        return 0;
    int rc = value->type == JSON_STRING ? document_get(api_session(rq), kind, value->string, ret, e)
                                        : err_set(e, ERR_NOT_FOUND, "an id is a string");
    if (rc == ERR_NOT_FOUND)
        return err_at(e, ERR_BAD_REFERENCE, ERR_POINTER, arena_printf(&rq->arena, "/%s", member),
                      value->type == JSON_STRING ? "there is no %s with this id"
                                                 : "the id of a %s is a string",
                      member);
    return rc < 0 ? rc : 1;
}

/* --- Ricloud-Await --- */

static int read_await(struct request *rq, int64_t *ret_seconds, struct err *e)
{
    const char *value = request_header(rq, "Ricloud-Await");
    *ret_seconds = 0;
    if (value && !text_uint(value, strlen(value), ret_seconds))
        return err_at(e, ERR_BAD_VALUE, ERR_HEADER, "Ricloud-Await",
                      "Ricloud-Await must be a whole number of seconds, up to %d", LONGEST_WAIT);
    if (*ret_seconds > LONGEST_WAIT)
        *ret_seconds = LONGEST_WAIT;
    return 0;
}

int ricloud_check_await(struct request *rq, struct err *e)
{
    int64_t unused;
    return read_await(rq, &unused, e);
}

int ricloud_await(struct request *rq, bool done, struct err *e)
{
    int64_t *until = rq->own;
    int64_t seconds = 0;
    int rc = read_await(rq, &seconds, e);
    if (rc < 0 || done || seconds == 0)
        return rc;
    if (!until) {
        rq->own = until = arena_alloc(&rq->arena, sizeof *until);
        *until = clock_monotonic() + seconds * CLOCK_SECOND;
    }
    return request_wait(rq, *until);
}
