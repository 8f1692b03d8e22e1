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

/* --- out --- */

static void put_user(struct json_out *j, const struct principal *p)
{
    json_begin_object(j);
    json_key(j, "pk");
    json_int(j, p->pk);
    json_key(j, "name");
    json_string(j, p->name);
    json_key(j, "staff");
    json_bool(j, p->staff);
    json_key(j, "active");
    json_bool(j, !p->revoked_at);
    json_key(j, "created_at");
    json_time(j, p->created_at);
    json_end_object(j);
}

static int send_user(struct request *rq, int status, int64_t pk, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct principal *p = NULL;
    int rc = access_user_by_pk(api_session(rq), pk, &p, e);
    if (rc < 0)
        return rc;
    put_user(&j, p);
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

static const struct json_field fields[] = {
    {"password", JSON_TO_STRING, offsetof(struct body, password), false, 1, LONGEST_PASSWORD},
    {"staff", JSON_TO_VALUE, offsetof(struct body, staff), false, 0, 0},
    {"active", JSON_TO_VALUE, offsetof(struct body, active), false, 0, 0},
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
    static const struct json_field all[] = {
        {"name", JSON_TO_STRING, offsetof(struct body, name), true, 1, LONGEST_TEXT},
        {"password", JSON_TO_STRING, offsetof(struct body, password), true, 1, LONGEST_PASSWORD},
        {"staff", JSON_TO_VALUE, offsetof(struct body, staff), false, 0, 0},
    };
    struct access_user_change to = {.stored = NULL};
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, false, all, API_COUNT(all), &b, e);
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
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = access_user_by_pk(api_session(rq), pk_of(rq), &p, e);
    if (rc == 0)
        rc = api_read_body(rq, false, fields, API_COUNT(fields), &b, e);
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

int native_user_change(struct request *rq, struct err *e)
{
    const struct change *c = rq->own;
    int rc = c ? proceed(rq, e) : ask_to_change(rq, e);
    return rc <= 0 ? rc : send_user(rq, 200, c->pk, e);
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
        put_user(&l->j, p);
    else
        l->more = true;
    return 0;
}

int native_user_list(struct request *rq, struct err *e)
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
    rc = access_users(api_session(rq), &l.page.page, put_row, &l, e);
    return rc < 0 ? rc : native_page_send(rq, &l.page, &l.j, l.more);
}

int native_user_get(struct request *rq, struct err *e)
{
    int rc = request_no_params(rq, e);
    return rc < 0 ? rc : send_user(rq, 200, pk_of(rq), e);
}

/* What he made stays, and with it his row. */
int native_user_delete(struct request *rq, struct err *e)
{
    const struct access_user_change off = {.sets_active = true};
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = access_change_user(api_session(rq), pk_of(rq), &off, e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}
