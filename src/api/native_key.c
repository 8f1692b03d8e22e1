/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: keys of the project. A key itself is in the answer that made it, and in none after that. */
#include "api/native.h"
#include "core/access.h"
#include "core/name.h"

#include <assert.h>

enum { LONGEST_TEXT = 255, MOST_SCOPES = 5, LONGEST_LIFE = 10 * 365 * 86400 };

static void put_scopes(struct json_out *j, int64_t scopes)
{
    size_t at = 0;
    json_key(j, "scopes");
    json_begin_array(j);
    for (const char *name; (name = access_scope_name(scopes, &at));)
        json_string(j, name);
    json_end_array(j);
}

/* `key` NULL: it is not shown. */
static void put_key(struct json_out *j, const struct principal *p, const char *key)
{
    assert(p);
    json_begin_object(j);
    json_key(j, "id");
    json_string(j, p->public_id);
    json_key(j, "pk");
    json_int(j, p->pk);
    json_key(j, "name");
    json_string(j, p->name);
    put_scopes(j, p->scopes);
    json_key(j, "created_at");
    json_time(j, p->created_at);
    json_key(j, "expires_at");
    json_time(j, p->expires_at);
    json_key(j, "revoked_at");
    json_time(j, p->revoked_at);
    if (key) {
        json_key(j, "key");
        json_string(j, key);
    }
    json_end_object(j);
}

static int send_key(struct request *rq, int status, const struct principal *p, const char *key)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    put_key(&j, p, key);
    if (key)
        response_header(rq, "Cache-Control", "no-store");
    return native_send(rq, status, &j);
}

static int read_scopes(const struct json *list, int64_t *ret, struct err *e)
{
    *ret = 0;
    for (const struct json *v = list->first; v; v = v->next) {
        int64_t scope = access_scope(v->string);
        if (!scope)
            return err_at(
                e, ERR_BAD_VALUE, ERR_POINTER, "/scopes",
                "the member \"scopes\" has what is no scope: read, ack, write, delete and admin are");
        *ret |= scope;
    }
    return 0;
}

int native_key_create(struct request *rq, struct err *e)
{
    struct body {
        const char *name;
        const struct json *scopes;
        int64_t expires_in;
    } b = {.name = NULL};
    static const struct json_field fields[] = {
        {"name", JSON_TO_STRING, offsetof(struct body, name), true, 1, LONGEST_TEXT},
        {"scopes", JSON_TO_STRINGS, offsetof(struct body, scopes), true, 1, MOST_SCOPES},
        {"expires_in", JSON_TO_INT, offsetof(struct body, expires_in), false, 1, LONGEST_LIFE},
    };
    char key[ACCESS_KEY_SIZE];
    struct principal *p = NULL;
    int64_t scopes = 0;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, false, fields, API_COUNT(fields), &b, e);
    if (rc == 0 && (rc = name_check(b.name, "name", e)) < 0)
        err_locate(e, ERR_POINTER, "/name");
    if (rc == 0)
        rc = read_scopes(b.scopes, &scopes, e);
    if (rc == 0)
        rc = access_create_key(api_session(rq), b.name, scopes, b.expires_in, key, e);
    if (rc == 0)
        rc = access_key(api_session(rq), access_public_id(&rq->arena, key), &p, e);
    if (rc < 0)
        return rc;
    assert(p);
    response_header(rq, "Location", arena_printf(&rq->arena, NATIVE "/keys/%s", p->public_id));
    return send_key(rq, 201, p, arena_strdup(&rq->arena, key));
}

struct list {
    struct native_page page;
    struct json_out j;
    bool more;
};

static int put_row(void *ctx, const struct principal *p, struct err *e)
{
    struct list *l = ctx;
    (void)e;
    if (native_page_take(&l->page, p->pk))
        put_key(&l->j, p, NULL);
    else
        l->more = true;
    return 0;
}

int native_key_list(struct request *rq, struct err *e)
{
    struct list l = {.j = {.buf = {.arena = &rq->arena}}};
    int rc = native_page_open(rq, &l.page, e);
    if (rc == 0)
        rc = request_no_params(rq, e);
    if (rc < 0)
        return rc;
    json_begin_object(&l.j);
    json_key(&l.j, "data");
    json_begin_array(&l.j);
    rc = access_keys(api_session(rq), true, &l.page.page, put_row, &l, e);
    return rc < 0 ? rc : native_page_send(rq, &l.page, &l.j, l.more);
}

int native_key_get(struct request *rq, struct err *e)
{
    struct principal *p = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = access_key(api_session(rq), rq->places[0], &p, e);
    return rc < 0 ? rc : send_key(rq, 200, p, NULL);
}

int native_key_revoke(struct request *rq, struct err *e)
{
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = access_revoke_key(api_session(rq), rq->places[0], e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

int native_key_rotate(struct request *rq, struct err *e)
{
    char key[ACCESS_KEY_SIZE];
    struct principal *p = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = access_rotate_key(api_session(rq), rq->places[0], key, &p, e);
    return rc < 0 ? rc : send_key(rq, 200, p, arena_strdup(&rq->arena, key));
}
