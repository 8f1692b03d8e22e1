/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of the native API. A cursor is base64url of `1&PATH&filter=…&after=KEY`, percent-encoded like a
 * query: it is not signed, because all it could be forged into is another list of the same project.
 */
#include "api/native.h"

#include "base/text.h"
#include "http/target.h"

#include <string.h>

enum { DEFAULT_LIMIT = 100, LARGEST_LIMIT = 1000 };

static int bad_cursor(struct err *e)
{
    return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "cursor",
                  "the cursor is not one that this list gave: take it from `next` of the page before");
}

static const char *value_of(const struct query_pair *list, const char *key)
{
    for (; list; list = list->next)
        if (strcmp(list->key, key) == 0)
            return list->value;
    return NULL;
}

/* Takes the pairs of that name out of a list. */
static struct query_pair *without(struct query_pair *list, const char *key)
{
    struct query_pair *rest = NULL;
    struct query_pair **link = &rest;
    for (struct query_pair *p = list, *next; p; p = next) {
        next = p->next;
        if (strcmp(p->key, key) == 0)
            continue;
        p->next = NULL;
        *link = p;
        link = &p->next;
    }
    return rest;
}

static int decode_cursor(struct request *rq, const char *cursor, struct query_pair **ret, struct err *e)
{
    char *text;
    size_t len;
    struct query_pair *pairs;
    if (!text_unbase64url(&rq->arena, cursor, strlen(cursor), &text, &len) || memchr(text, '\0', len) ||
        target_parse_query(&rq->arena, text, &pairs, e) < 0 || !pairs || strcmp(pairs->key, "1") != 0 ||
        !pairs->next || strcmp(pairs->next->key, rq->route->path) != 0)
        return bad_cursor(e);
    *ret = pairs->next->next;
    return 0;
}

/* The filters beside a cursor must be the cursor's own. */
static int compare_filters(const struct query_pair *given, const struct query_pair *held, struct err *e)
{
    for (; given; given = given->next) {
        const char *value = value_of(held, given->key);
        if (!value || strcmp(value, given->value) != 0)
            return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, given->key,
                          "the filter \"%.60s\" is not the one that the cursor was made with", given->key);
    }
    return 0;
}

static int read_limit(const char *value, int64_t *to, struct err *e)
{
    int64_t limit;
    if (!value)
        return 0;
    if (!text_uint(value, strlen(value), &limit) || limit < 1 || limit > LARGEST_LIMIT)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "limit",
                      "the parameter \"limit\" must be from 1 to %d", LARGEST_LIMIT);
    *to = limit;
    return 0;
}

static int open_cursor(struct request *rq, const char *cursor, struct native_page *p, struct err *e)
{
    struct query_pair *held = NULL;
    int rc = decode_cursor(rq, cursor, &held, e);
    if (rc == 0)
        rc = compare_filters(rq->query, held, e);
    if (rc < 0)
        return rc;
    const char *after = value_of(held, "after");
    if (!after || !text_uint(after, strlen(after), &p->page.before) || p->page.before < 1)
        return bad_cursor(e);
    rq->query = without(held, "after");
    return 0;
}

static int refuse_repeated(struct request *rq, const char *key, struct err *e)
{
    int count = 0;
    for (struct query_pair *p = rq->query; p; p = p->next)
        count += strcmp(p->key, key) == 0;
    return count > 1 ? err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, key, "the parameter \"%s\" stands twice", key)
                     : 0;
}

int native_page_open(struct request *rq, struct native_page *p, struct err *e)
{
    *p = (struct native_page){.limit = DEFAULT_LIMIT, .rq = rq, .out = {.buf = {.arena = &rq->arena}}};
    int rc = refuse_repeated(rq, "limit", e);
    if (rc == 0)
        rc = refuse_repeated(rq, "cursor", e);
    if (rc < 0)
        return rc;
    const char *limit = request_query(rq, "limit");
    const char *cursor = request_query(rq, "cursor");
    rq->query = without(without(rq->query, "limit"), "cursor");
    if (cursor)
        rc = open_cursor(rq, cursor, p, e);
    if (rc == 0)
        rc = read_limit(limit, &p->limit, e);
    p->filters = rq->query;
    p->page.limit = p->limit + 1;
    json_begin_object(&p->out);
    json_key(&p->out, "data");
    json_begin_array(&p->out);
    return rc;
}

bool native_page_put(struct native_page *p, const struct shape *s, int64_t pk, const void *object)
{
    if (p->shown == p->limit) {
        p->more = true;
        return false;
    }
    p->shown++;
    p->last = pk;
    shape_put(&p->out, p->rq, s, object);
    return true;
}

static const char *make_cursor(struct request *rq, const struct native_page *p)
{
    struct buf b = {.arena = &rq->arena};
    buf_printf(&b, "1&%s", text_percent(&rq->arena, rq->route->path, strlen(rq->route->path)));
    for (const struct query_pair *f = p->filters; f; f = f->next)
        buf_printf(&b, "&%s=%s", text_percent(&rq->arena, f->key, strlen(f->key)),
                   text_percent(&rq->arena, f->value, strlen(f->value)));
    buf_printf(&b, "&after=%lld", (long long)p->last);
    return text_base64url(&rq->arena, b.bytes, b.len);
}

int native_page_send(struct native_page *p)
{
    struct request *rq = p->rq;
    const char *next = p->more ? make_cursor(rq, p) : NULL;
    json_end_array(&p->out);
    json_put_string(&p->out, "next", next);
    json_end_object(&p->out);
    if (next)
        response_header(rq, "Link",
                        arena_printf(&rq->arena, "<%s%s?limit=%lld&cursor=%s>; rel=\"next\"",
                                     api_base_url(rq), rq->route->path, (long long)p->limit, next));
    return native_send(rq, 200, &p->out);
}

const char *const native_deleted_words[] = {
    [DELETED_NO] = "false", [DELETED_ONLY] = "true", [DELETED_ANY] = "any"};

enum deleted_filter native_deleted(const char *word)
{
    return word ? (enum deleted_filter)store_word(native_deleted_words, 3, word) : DELETED_NO;
}
