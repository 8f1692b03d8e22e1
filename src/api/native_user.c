/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native API: users of the project, who log in with a password where an API has such a thing. Passwords come
 * in and never go out. Storing one takes some tenths of a second: the request sleeps until that is done in a
 * thread of its own, and then until the writer has committed.
 */
#include "api/native.h"
#include "base/text.h"
#include "core/name.h"
#include "core/password.h"

#include <string.h>

enum { LONGEST_TEXT = 255, LONGEST_PASSWORD = 1024 };

#define GROUP "users"

/* --- out --- */

static void put_active(struct json_out *j, struct request *rq, const void *object)
{
    (void)rq;
    json_bool(j, !((const struct principal *)object)->revoked_at);
}

static const struct member user_members[] = {
    {"pk", SHAPE_INT, offsetof(struct principal, pk), "The number under which it is found."},
    {"name", SHAPE_TEXT, offsetof(struct principal, name), "For logging in; unique on the server.",
     "\"ada\""},
    {"staff", SHAPE_BOOL, offsetof(struct principal, staff),
     "May delete, and restore what others have deleted."},
    {"active", SHAPE_BOOL, 0, "May log in.", "true", .put = put_active},
    {"created_at", SHAPE_TIME, offsetof(struct principal, created_at), "RFC 3339 in UTC."},
};
static const struct shape user_shape = {"User", "Somebody with a password.", user_members,
                                        API_COUNT(user_members)};

static int send_user(struct request *rq, int status, int64_t pk, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct principal *p = NULL;
    int rc = access_user_by_pk(api_session(rq), pk, &p, e);
    if (rc < 0)
        return rc;
    shape_put(&j, rq, &user_shape, p);
    return native_send(rq, status, &j);
}

/* A number that is too large is nobody's. */
static int64_t pk_of(struct request *rq)
{
    int64_t pk = 0;
    (void)text_uint(rq->places[0], strlen(rq->places[0]), &pk);
    return pk;
}

/* --- changes, which sleep --- */

struct change {
    struct password_hash hash; /* first, so that one is the other */
    struct writer_task task;
    struct request *rq;
    struct actor actor;
    const char *name; /* of a new user; NULL: `pk` is changed */
    int64_t pk;
    struct access_user_change to;
    bool written;
    int rc;
    struct err error;
};

static struct change *change_of(struct writer_task *t)
{
    return (struct change *)((char *)t - offsetof(struct change, task));
}

static int write_change(struct writer_task *t, struct db *db, struct err *e)
{
    struct change *c = change_of(t);
    struct core *core = &api_app(c->rq)->core;
    struct arena a = {0};
    struct session s = {.core = core, .db = db, .arena = &a, .actor = c->actor, .now = core_now(core)};
    int rc = c->name ? access_add_user(&s, c->name, c->to.stored, c->to.staff, &c->pk, e)
                     : access_change_user(&s, c->pk, &c->to, e);
    arena_free(&a);
    return rc;
}

static void end_change(struct writer_task *t, int rc, const struct err *e)
{
    struct change *c = change_of(t);
    c->written = true;
    c->rc = rc;
    if (rc < 0)
        c->error = *e;
    request_wake(c->rq); /* the change may be gone after this */
}

/* What was started may have ended by now, and said how: only a failure to start is noted here. */
static bool has_started(struct change *c, int rc)
{
    if (rc < 0)
        c->rc = rc;
    return rc == 0;
}

static bool start_writing(struct request *rq)
{
    struct change *c = rq->own;
    c->task = (struct writer_task){.body = write_change, .done = end_change};
    return has_started(c, writer_submit(api_app(rq)->writer, &c->task, &c->error));
}

static bool start_hashing(struct request *rq)
{
    struct change *c = rq->own;
    return has_started(c, password_hash_start(api_app(rq)->core.passwords, &c->hash, &c->error));
}

static void end_hashing(void *ctx)
{
    struct change *c = ctx;
    c->rc = c->hash.rc;
    c->error = c->hash.error;
    c->to.stored = c->hash.stored;
    request_wake(c->rq);
}

static struct change *new_change(struct request *rq, const char *password)
{
    struct change *c = arena_alloc(&rq->arena, sizeof *c);
    *c = (struct change){.rq = rq, .actor = api_session(rq)->actor};
    c->hash.password = password;
    c->hash.wake = end_hashing;
    c->hash.ctx = c;
    rq->own = c;
    rq->sleep = password ? start_hashing : start_writing;
    return c;
}

/* 1: it is written; 0: the handler sleeps once more. */
static int proceed(struct request *rq, struct err *e)
{
    const struct change *c = rq->own;
    if (c->rc < 0) {
        *e = c->error;
        return c->rc;
    }
    if (!c->written)
        rq->sleep = start_writing;
    return c->written;
}

/* --- handlers --- */

struct body {
    const char *name, *password;
    const struct json *staff, *active; /* true or false */
};

#define PASSWORD(required)                                                                                   \
    {                                                                                                        \
        "password", JSON_TO_STRING, offsetof(struct body, password), required, 1, LONGEST_PASSWORD,          \
            .about = "It is stored as a hash that takes long to make."                                       \
    }
#define STAFF                                                                                                \
    {                                                                                                        \
        "staff", JSON_TO_VALUE, offsetof(struct body, staff), .about = "May delete, and restore.",           \
                                                              .types = "boolean"                             \
    }

static const struct json_field create_fields[] = {
    {"name", JSON_TO_STRING, offsetof(struct body, name), true, 1, LONGEST_TEXT, .about = "For logging in."},
    PASSWORD(true),
    STAFF,
};
static const struct json_field change_fields[] = {
    PASSWORD(false),
    STAFF,
    {"active", JSON_TO_VALUE, offsetof(struct body, active), .about = "May log in.", .types = "boolean"},
};

static int read_flag(const struct json *v, const char *pointer, bool *ret_set, bool *ret, struct err *e)
{
    *ret_set = v != NULL;
    if (v && v->type != JSON_BOOL)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, pointer, "the member \"%s\" must be true or false",
                      pointer + 1);
    *ret = v && v->truth;
    return 0;
}

static int ask_to_create(struct request *rq, struct err *e)
{
    struct body b = {.name = NULL};
    struct access_user_change to = {.stored = NULL};
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0 && (rc = name_check(b.name, "name", e)) < 0)
        err_locate(e, ERR_POINTER, "/name");
    if (rc == 0)
        rc = read_flag(b.staff, "/staff", &to.sets_staff, &to.staff, e);
    if (rc < 0)
        return rc;
    struct change *c = new_change(rq, b.password);
    c->name = b.name;
    c->to = to;
    return 0;
}

const struct operation native_op_user_create = {
    .id = "createUser",
    .group = GROUP,
    .summary = "Make a user, who logs in with a password",
    .fields = create_fields,
    .field_count = API_COUNT(create_fields),
    .body_example = "{\"name\":\"ada\",\"password\":\"correct horse battery staple\"}",
    .answers = {{201, "The user.", &user_shape, .headers = {"Location"}}},
    .refusals = {409, 507},
};

int native_user_create(struct request *rq, struct err *e)
{
    const struct change *c = rq->own;
    int rc = c ? proceed(rq, e) : ask_to_create(rq, e);
    if (rc <= 0)
        return rc;
    response_header(rq, "Location", arena_printf(&rq->arena, NATIVE "/users/%lld", (long long)c->pk));
    return send_user(rq, 201, c->pk, e);
}

/* Whether there is such a user is known before a password is hashed. */
static int ask_to_change(struct request *rq, struct err *e)
{
    struct body b = {.name = NULL};
    struct access_user_change to = {.stored = NULL};
    struct principal *p = NULL;
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0)
        rc = access_user_by_pk(api_session(rq), pk_of(rq), &p, e);
    if (rc == 0)
        rc = read_flag(b.staff, "/staff", &to.sets_staff, &to.staff, e);
    if (rc == 0)
        rc = read_flag(b.active, "/active", &to.sets_active, &to.active, e);
    if (rc < 0)
        return rc;
    struct change *c = new_change(rq, b.password);
    c->pk = pk_of(rq);
    c->to = to;
    return 0;
}

const struct operation native_op_user_change = {
    .id = "changeUser",
    .group = GROUP,
    .summary = "Change a user: what is named, and nothing else",
    .places = {"pk"},
    .place_examples = {"7"},
    .fields = change_fields,
    .field_count = API_COUNT(change_fields),
    .body_example = "{\"staff\":true}",
    .answers = {{200, "The user.", &user_shape}},
    .refusals = {404, 409, 507},
};

int native_user_change(struct request *rq, struct err *e)
{
    const struct change *c = rq->own;
    int rc = c ? proceed(rq, e) : ask_to_change(rq, e);
    return rc <= 0 ? rc : send_user(rq, 200, c->pk, e);
}

static int put_row(void *ctx, const struct principal *row, struct err *e)
{
    (void)e;
    (void)native_page_put(ctx, &user_shape, row->pk, row);
    return 0;
}

const struct operation native_op_user_list = {
    .id = "listUsers",
    .group = GROUP,
    .summary = "List users, newest first",
    .has_pages = true,
    .answers = {{200, "One page.", &user_shape, ANSWER_PAGE, .headers = {"Link"}}},
};

int native_user_list(struct request *rq, struct err *e)
{
    struct native_page page;
    int rc = native_page_open(rq, &page, e);
    if (rc == 0)
        rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = access_users(api_session(rq), &page.page, put_row, &page, e);
    return rc < 0 ? rc : native_page_send(&page);
}

const struct operation native_op_user_get = {
    .id = "getUser",
    .group = GROUP,
    .summary = "Show a user",
    .places = {"pk"},
    .place_examples = {"7"},
    .answers = {{200, "The user.", &user_shape}},
    .refusals = {404},
};

int native_user_get(struct request *rq, struct err *e)
{
    int rc = api_read(rq, NULL, NULL, e);
    return rc < 0 ? rc : send_user(rq, 200, pk_of(rq), e);
}

/* What he made stays, and with it his row. */
const struct operation native_op_user_delete = {
    .id = "deactivateUser",
    .group = GROUP,
    .summary = "Let a user log in no more; what they made stays theirs",
    .places = {"pk"},
    .place_examples = {"7"},
    .answers = {{204, "It is not active, or was not."}},
    .refusals = {404},
};

int native_user_delete(struct request *rq, struct err *e)
{
    const struct access_user_change off = {.sets_active = true};
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = access_change_user(api_session(rq), pk_of(rq), &off, e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}
