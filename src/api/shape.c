/* SPDX-License-Identifier: Apache-2.0 */
/* Objects written by the tables that describe them, and requests read by those of their operation; see
 * operation.h. */
#include "api/operation.h"

#include <assert.h>
#include <string.h>

static void put_text(struct json_out *j, const char *json)
{
    if (json)
        json_raw(j, json, strlen(json));
    else
        json_null(j);
}

static void put_count(struct json_out *j, int64_t n)
{
    if (n < 0)
        json_null(j);
    else
        json_int(j, n);
}

static void put_member(struct json_out *j, struct request *rq, const struct member *m, const void *object)
{
    const void *at = (const char *)object + m->offset;
    switch (m->kind) {
    case SHAPE_TEXT:
    case SHAPE_UUID:
    case SHAPE_URL:
        json_string(j, *(const char *const *)at);
        break;
    case SHAPE_CHARS:
        json_string(j, at);
        break;
    case SHAPE_TIME:
        json_time(j, *(const int64_t *)at);
        break;
    case SHAPE_INT:
        json_int(j, *(const int64_t *)at);
        break;
    case SHAPE_COUNT:
        put_count(j, *(const int64_t *)at);
        break;
    case SHAPE_REAL:
        json_real(j, *(const double *)at);
        break;
    case SHAPE_BOOL:
        json_bool(j, *(const bool *)at);
        break;
    case SHAPE_WORD:
        assert(*(const unsigned *)at < (unsigned)m->word_count);
        json_string(j, m->words[*(const unsigned *)at]);
        break;
    case SHAPE_JSON:
        put_text(j, *(const char *const *)at);
        break;
    case SHAPE_OBJECT:
        shape_put(j, rq, m->of, at);
        break;
    }
}

void shape_put(struct json_out *j, struct request *rq, const struct shape *s, const void *object)
{
    json_begin_object(j);
    for (size_t i = 0; i < s->count; i++) {
        const struct member *m = &s->members[i];
        json_key(j, m->name);
        if (m->put)
            m->put(j, rq, object);
        else
            put_member(j, rq, m, object);
    }
    json_end_object(j);
}

/* The first of each name that the operation knows. */
static struct query_pair *known_pairs(struct request *rq, const struct operation *o)
{
    struct query_pair *first = NULL;
    struct query_pair **link = &first;
    for (size_t i = 0; i < o->param_count; i++) {
        const char *value = request_query(rq, o->params[i].name);
        if (!value)
            continue;
        *link = arena_alloc(&rq->arena, sizeof **link);
        **link = (struct query_pair){o->params[i].name, value, NULL};
        link = &(*link)->next;
    }
    return first;
}

static int read_query(struct request *rq, const struct operation *o, void *params, struct err *e)
{
    struct query_pair *sent = rq->query;
    if (o->query_open)
        rq->query = known_pairs(rq, o);
    int rc = request_params(rq, o->params, o->param_count, params, e);
    rq->query = sent;
    return rc;
}

int api_read(struct request *rq, void *params, void *body, struct err *e)
{
    const struct operation *o = rq->route->operation;
    assert(!o->param_count == !params && !o->field_count == !body);
    int rc = read_query(rq, o, params, e);
    if (rc == 0 && body)
        rc = (o->body_open ? api_read_known : api_read_body)(rq, o->body_optional, o->fields, o->field_count,
                                                             body, e);
    return rc;
}
