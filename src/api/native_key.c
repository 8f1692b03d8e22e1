/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: keys of the project. A key itself is in the answer that made it, and in none after that. */
#include "api/native.h"
#include "core/access.h"
#include "core/name.h"

#include <assert.h>

enum { LONGEST_TEXT = 255, MOST_SCOPES = 5, LONGEST_LIFE = 10 * 365 * 86400 };

#define GROUP "keys"

/* --- out --- */

static void put_scopes(struct json_out *j, struct request *rq, const void *object)
{
    (void)rq;
    native_put_scopes(j, ((const struct principal *)object)->scopes);
}

#define KEY(name, kind, field) name, kind, offsetof(struct principal, field)
#define KEY_MEMBERS                                                                                          \
    {KEY("id", SHAPE_TEXT, public_id), "The part of the key that may be shown.", "\"ab12CD34ef56\""},        \
        {KEY("pk", SHAPE_INT, pk), "A number that grows with creation."},                                    \
        {KEY("name", SHAPE_TEXT, name), "What it is called; `creator` of what it makes.", "\"worker\""},     \
        {KEY("scopes", SHAPE_TEXT, scopes), "What it may do.", "[\"read\",\"ack\"]", .is_list = true,        \
         .put = put_scopes},                                                                                 \
        {KEY("created_at", SHAPE_TIME, created_at), "RFC 3339 in UTC."},                                     \
        {KEY("expires_at", SHAPE_TIME, expires_at), "From then on it opens nothing.", "null",                \
         .can_be_null = true},                                                                               \
    {                                                                                                        \
        KEY("revoked_at", SHAPE_TIME, revoked_at), "Since then it opens nothing.", "null",                   \
            .can_be_null = true                                                                              \
    }

static const struct member key_members[] = {KEY_MEMBERS};
static const struct shape key_shape = {"Key", "A key of the project, without its secret.", key_members,
                                       API_COUNT(key_members)};

/* What has just got a secret. */
struct new_key {
    struct principal principal; /* first, for the members above */
    const char *key;
};

static const struct member new_key_members[] = {
    KEY_MEMBERS,
    {"key", SHAPE_TEXT, offsetof(struct new_key, key), "The key itself, which is never shown again.",
     "\"rk_ab12CD34ef56_secret\""},
};
static const struct shape new_key_shape = {"NewKey", "A key that has just been made.", new_key_members,
                                           API_COUNT(new_key_members)};

static int send_new(struct request *rq, int status, const struct principal *p, const char *key)
{
    assert(p);
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const struct new_key made = {*p, arena_strdup(&rq->arena, key)};
    shape_put(&j, rq, &new_key_shape, &made);
    response_header(rq, "Cache-Control", "no-store");
    return native_send(rq, status, &j);
}

/* --- handlers --- */

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

struct body {
    const char *name;
    const struct json *scopes;
    int64_t expires_in;
};

static const struct json_field create_fields[] = {
    {"name", JSON_TO_STRING, offsetof(struct body, name), true, 1, LONGEST_TEXT,
     .about = "What it is called."},
    {"scopes", JSON_TO_STRINGS, offsetof(struct body, scopes), true, 1, MOST_SCOPES,
     .about = "What it may do: of `read`, `ack`, `write`, `delete` and `admin`, which implies all."},
    {"expires_in", JSON_TO_INT, offsetof(struct body, expires_in), false, 1, LONGEST_LIFE,
     .about = "Seconds that it is good for; else until it is revoked."},
};

const struct operation native_op_key_create = {
    .id = "createKey",
    .group = GROUP,
    .summary = "Make a key of the project",
    .fields = create_fields,
    .field_count = API_COUNT(create_fields),
    .body_example = "{\"name\":\"worker\",\"scopes\":[\"read\",\"write\"],\"expires_in\":7776000}",
    .answers = {{201, "The key; this once.", &new_key_shape, .headers = {"Location"}}},
};

int native_key_create(struct request *rq, struct err *e)
{
    struct body b = {.name = NULL};
    char key[ACCESS_KEY_SIZE];
    struct principal *p = NULL;
    int64_t scopes = 0;
    int rc = api_read(rq, NULL, &b, e);
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
    return send_new(rq, 201, p, key);
}

static int put_row(void *ctx, const struct principal *row, struct err *e)
{
    (void)e;
    (void)native_page_put(ctx, &key_shape, row->pk, row);
    return 0;
}

const struct operation native_op_key_list = {
    .id = "listKeys",
    .group = GROUP,
    .summary = "List keys, newest first, revoked ones too",
    .has_pages = true,
    .answers = {{200, "One page.", &key_shape, ANSWER_PAGE, .headers = {"Link"}}},
};

int native_key_list(struct request *rq, struct err *e)
{
    struct native_page page;
    int rc = native_page_open(rq, &page, e);
    if (rc == 0)
        rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = access_keys(api_session(rq), true, &page.page, put_row, &page, e);
    return rc < 0 ? rc : native_page_send(&page);
}

const struct operation native_op_key_get = {
    .id = "getKey",
    .group = GROUP,
    .summary = "Show a key, without its secret",
    .places = {"id"},
    .place_examples = {"ab12CD34ef56"},
    .answers = {{200, "The key.", &key_shape}},
    .refusals = {404},
};

int native_key_get(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct principal *p = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = access_key(api_session(rq), rq->places[0], &p, e);
    if (rc < 0)
        return rc;
    shape_put(&j, rq, &key_shape, p);
    return native_send(rq, 200, &j);
}

const struct operation native_op_key_revoke = {
    .id = "revokeKey",
    .group = GROUP,
    .summary = "Revoke a key, for good",
    .places = {"id"},
    .place_examples = {"ab12CD34ef56"},
    .about =
        "The last key of a project that may do anything stays: 409. Another one counts if it is good for a day, or for "
        "as long as this one.",
    .answers = {{204, "It is revoked, or was already."}},
    .refusals = {404, 409},
};

int native_key_revoke(struct request *rq, struct err *e)
{
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = access_revoke_key(api_session(rq), rq->places[0], e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

const struct operation native_op_key_rotate = {
    .id = "rotateKey",
    .group = GROUP,
    .summary = "Give a key another secret; the old one is worth nothing at once",
    .places = {"id"},
    .place_examples = {"ab12CD34ef56"},
    .answers = {{200, "The key; this once.", &new_key_shape}},
    .refusals = {404, 409},
};

int native_key_rotate(struct request *rq, struct err *e)
{
    char key[ACCESS_KEY_SIZE];
    struct principal *p = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = access_rotate_key(api_session(rq), rq->places[0], key, &p, e);
    return rc < 0 ? rc : send_new(rq, 200, p, key);
}
