/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UFDL's tokens: JSON Web Tokens (RFC 7519) of two types. A user gets both for the password, and with the one
 * that lives longer a new one that opens addresses. `kid` is the number of the key that signed, so tokens
 * outlive neither their time nor its rotation by more than that. What is signed goes on with what is stored
 * of the user's password, which is not in the token: a new password ends those that were had for the old one.
 *
 * One algorithm, ours: what a token says of that is only compared. A refresh token is never accepted, and so
 * never remembered, where an access token is asked for.
 */
#include "api/operation.h"
#include "api/ufdl.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/text.h"
#include "core/access.h"
#include "core/password.h"
#include "core/sign.h"
#include "http/target.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

enum { ACCESS_SECONDS = 5 * 60, REFRESH_SECONDS = 8 * 60 * 60, LONGEST_TOKEN = 4096, TOKEN_DEPTH = 4 };
enum token_type { TOKEN_ACCESS, TOKEN_REFRESH };

struct owner {
    int64_t user;
    const char *stored; /* of the password; NULL: there is no such user */
};

static const char *const type_names[] = {"access", "refresh"};
static const char purpose[] = "ufdl token 1";

/* --- making --- */

static const char *encode(struct request *rq, const struct json_out *j)
{
    return text_base64url(&rq->arena, j->buf.bytes, j->buf.len);
}

static const char *header_of(struct request *rq, int64_t key)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "alg");
    json_string(&j, "HS256");
    json_key(&j, "typ");
    json_string(&j, "JWT");
    json_key(&j, "kid");
    json_string(&j, arena_printf(&rq->arena, "%lld", (long long)key));
    json_end_object(&j);
    return encode(rq, &j);
}

static const char *claims_of(struct request *rq, enum token_type type, int64_t user)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int64_t now = api_session(rq)->now / CLOCK_SECOND;
    char *jti = arena_alloc(&rq->arena, 33);
    unsigned char random[16];
    id_random(random, sizeof random);
    text_hex(random, sizeof random, jti);
    json_begin_object(&j);
    json_key(&j, "jtt");
    json_string(&j, type_names[type]);
    json_key(&j, "exp");
    json_int(&j, now + (type == TOKEN_ACCESS ? ACCESS_SECONDS : REFRESH_SECONDS));
    json_key(&j, "iat");
    json_int(&j, now);
    json_key(&j, "jti");
    json_string(&j, jti);
    json_key(&j, "upk");
    json_int(&j, user);
    json_end_object(&j);
    return encode(rq, &j);
}

/* `text` is HEADER.CLAIMS, of so many bytes. */
static int sign(struct request *rq, const char *text, size_t len, const struct owner *o, int64_t *key,
                const char **ret, struct err *e)
{
    const char *stored = o->stored ? o->stored : "";
    const char *all = arena_printf(&rq->arena, "%.*s\n%s", (int)len, text, stored);
    return sign_text(api_session(rq), purpose, all, strlen(all), key, ret, e);
}

static int put_token(struct json_out *j, struct request *rq, enum token_type type, const struct owner *o,
                     struct err *e)
{
    const char *mac;
    int64_t key = 0;
    int rc = sign(rq, "", 0, o, &key, &mac, e); /* which key signs now? */
    if (rc < 0)
        return rc;
    const char *text = arena_printf(&rq->arena, "%s.%s", header_of(rq, key), claims_of(rq, type, o->user));
    rc = sign(rq, text, strlen(text), o, &key, &mac, e);
    if (rc < 0)
        return rc;
    json_key(j, type_names[type]);
    json_string(j, arena_printf(&rq->arena, "%s.%s", text, mac));
    return 0;
}

/* --- reading --- */

struct token {
    enum token_type type;
    struct owner owner;
};

enum verdict { TOKEN_BAD, TOKEN_GOOD }; /* or a negative code: it could not be found out */

static const struct json *decode(struct request *rq, const char *text, size_t len)
{
    const struct json *object;
    struct err ignored;
    char *bytes;
    size_t n;
    if (!text_unbase64url(&rq->arena, text, len, &bytes, &n) ||
        json_parse(&rq->arena, bytes, n, TOKEN_DEPTH, &object, &ignored) < 0 || object->type != JSON_OBJECT)
        return NULL;
    return object;
}

static bool is_text(const struct json *v, const char *text)
{
    return v && v->type == JSON_STRING && v->string_len == strlen(text) && strcmp(v->string, text) == 0;
}

static int64_t number_of(const struct json *v)
{
    int64_t n = 0;
    bool good = v && v->type == JSON_NUMBER && text_uint(v->raw, v->raw_len, &n);
    return good ? n : 0;
}

/* `text` is HEADER.CLAIMS.MAC. */
static int check_mac(struct request *rq, const char *text, const char *claims, const char *mac,
                     const struct owner *o, struct err *e)
{
    const struct json *header = decode(rq, text, (size_t)(claims - 1 - text));
    const struct json *kid = header ? json_member(header, "kid") : NULL;
    const char *right;
    int64_t key = 0;
    if (!is_text(header ? json_member(header, "alg") : NULL, "HS256") || !kid || kid->type != JSON_STRING ||
        !text_uint(kid->string, kid->string_len, &key) || key == 0)
        return TOKEN_BAD;
    int rc = sign(rq, text, (size_t)(mac - 1 - text), o, &key, &right, e);
    if (rc == ERR_BAD_SIGNATURE)
        return TOKEN_BAD;
    if (rc < 0)
        return rc;
    size_t len = strlen(right);
    return strlen(mac) == len && digest_equal(mac, right, len) ? TOKEN_GOOD : TOKEN_BAD;
}

static int read_claims(struct request *rq, const char *text, size_t len, struct token *ret)
{
    const struct json *claims = decode(rq, text, len);
    if (!claims || number_of(json_member(claims, "exp")) <= api_session(rq)->now / CLOCK_SECOND)
        return TOKEN_BAD;
    const struct json *type = json_member(claims, "jtt");
    bool access = is_text(type, type_names[TOKEN_ACCESS]);
    *ret =
        (struct token){access ? TOKEN_ACCESS : TOKEN_REFRESH, {number_of(json_member(claims, "upk")), NULL}};
    return (access || is_text(type, type_names[TOKEN_REFRESH])) && ret->owner.user > 0 ? TOKEN_GOOD
                                                                                       : TOKEN_BAD;
}

/* Whose it is comes first, since that is a part of what was signed; nothing of it counts before. */
static int read_token(struct request *rq, const char *text, struct token *ret, struct err *e)
{
    const char *dot = strchr(text, '.');
    const char *second = dot ? strchr(dot + 1, '.') : NULL;
    if (!second || strlen(text) > LONGEST_TOKEN)
        return TOKEN_BAD;
    if (read_claims(rq, dot + 1, (size_t)(second - dot - 1), ret) == TOKEN_BAD)
        return TOKEN_BAD;
    int rc = access_stored_password(api_session(rq), ret->owner.user, &ret->owner.stored, e);
    return rc < 0 ? rc : check_mac(rq, text, dot + 1, second + 1, &ret->owner, e);
}

/* --- who asks --- */

static int refuse_bearer(struct err *e)
{
    return err_at(e, ERR_UNAUTHORIZED, ERR_HEADER, "token_not_valid",
                  "Given token not valid for any token type");
}

static int become(struct session *s, int64_t user, const char *credential, struct err *e)
{
    int rc = access_become(s, user, credential, e);
    if (rc == ERR_UNAUTHORIZED)
        return err_at(e, ERR_UNAUTHORIZED, ERR_HEADER, "user_not_found", "User not found");
    return rc;
}

static int admit_token(struct request *rq, const char *text, struct err *e)
{
    struct token t = {.type = TOKEN_REFRESH};
    if (access_recall(api_session(rq), text))
        return 0;
    int rc = read_token(rq, text, &t, e);
    if (rc < 0)
        return rc;
    if (rc == TOKEN_BAD || t.type != TOKEN_ACCESS)
        return refuse_bearer(e);
    return become(api_session(rq), t.owner.user, text, e);
}

static int admit_key(struct request *rq, const char *key, struct err *e)
{
    int rc = access_authenticate(api_session(rq), key, e);
    return rc == ERR_UNAUTHORIZED || rc == ERR_KEY_EXPIRED ? refuse_bearer(e) : rc;
}

/* Exactly two words, of which the first is Bearer; *ret NULL: another scheme, or none. */
static int bearer_of(struct request *rq, const char **ret, struct err *e)
{
    static const char scheme[] = "Bearer";
    enum { LEN = sizeof scheme - 1 };
    const char *value = request_header(rq, "Authorization");
    *ret = NULL;
    if (!value || strncasecmp(value, scheme, LEN) != 0 || (value[LEN] && value[LEN] != ' '))
        return 0;
    const char *word = value + LEN + strspn(value + LEN, " ");
    size_t len = strcspn(word, " ");
    if (len == 0 || word[len + strspn(word + len, " ")])
        return err_at(e, ERR_UNAUTHORIZED, ERR_HEADER, "bad_authorization_header",
                      "Authorization header must contain two space-delimited values");
    *ret = arena_copy(&rq->arena, word, len);
    return 0;
}

int ufdl_admit_bearer(struct request *rq, struct err *e)
{
    const char *word;
    int rc = bearer_of(rq, &word, e);
    if (rc < 0)
        return rc;
    if (word)
        return strncmp(word, "rk_", 3) == 0 ? admit_key(rq, word, e) : admit_token(rq, word, e);
    const char *key = request_header(rq, "Authorization") ? NULL : request_header(rq, "x-api-key");
    return key ? admit_key(rq, key, e)
               : err_set(e, ERR_UNAUTHORIZED, "Authentication credentials were not provided.");
}

/* --- bodies of the token addresses --- */

enum { FIELDS = 2 };

struct form {
    const char *names[FIELDS]; /* NULL: one field only */
    const char *values[FIELDS];
    const char *troubles[FIELDS];
};

/* Its names are those that the operation's table has; all of them are needed. */
static struct form empty_form(const struct request *rq)
{
    const struct operation *o = rq->route->operation;
    struct form f = {.names = {NULL}};
    assert(o->field_count <= FIELDS);
    for (size_t i = 0; i < o->field_count; i++)
        f.names[i] = o->fields[i].name;
    return f;
}

static bool is_form(struct request *rq)
{
    static const char type[] = "application/x-www-form-urlencoded";
    const char *given = request_header(rq, "Content-Type");
    return given && strncasecmp(given, type, sizeof type - 1) == 0;
}

static void check_value(struct form *f, int i)
{
    if (f->troubles[i])
        return;
    if (!f->values[i])
        f->troubles[i] = "This field is required.";
    else if (!*f->values[i])
        f->troubles[i] = "This field may not be blank.";
}

static int read_pairs(struct request *rq, struct form *f, struct err *e)
{
    struct query_pair *pairs;
    const char *text = arena_copy(&rq->arena, rq->body ? rq->body : "", rq->body_len);
    int rc = target_parse_query(&rq->arena, text, &pairs, e);
    for (struct query_pair *p = rc < 0 ? NULL : pairs; p; p = p->next)
        for (int i = 0; i < FIELDS; i++)
            if (f->names[i] && strcmp(f->names[i], p->key) == 0)
                f->values[i] = p->value;
    return rc;
}

static void read_member(struct request *rq, struct form *f, int i, const struct json *v)
{
    if (!v)
        return;
    if (v->type == JSON_NULL)
        f->troubles[i] = "This field may not be null.";
    else if (v->type == JSON_NUMBER)
        f->values[i] = arena_copy(&rq->arena, v->raw, v->raw_len);
    else if (v->type != JSON_STRING || memchr(v->string, '\0', v->string_len))
        f->troubles[i] = "Not a valid string.";
    else
        f->values[i] = v->string;
}

static int read_members(struct request *rq, struct form *f, struct err *e)
{
    const struct json *body;
    int rc = api_parse_body(rq, true, &body, e);
    if (rc < 0)
        return rc;
    if (body && body->type != JSON_OBJECT)
        return err_set(e, ERR_BAD_VALUE, "Invalid data. Expected a dictionary.");
    for (int i = 0; body && i < FIELDS; i++)
        if (f->names[i])
            read_member(rq, f, i, json_member(body, f->names[i]));
    return 0;
}

/* {"password":["This field is required."]} */
static int send_troubles(struct request *rq, const struct form *f)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    for (int i = 0; i < FIELDS; i++) {
        if (!f->names[i] || !f->troubles[i])
            continue;
        json_key(&j, f->names[i]);
        json_begin_array(&j);
        json_string(&j, f->troubles[i]);
        json_end_array(&j);
    }
    json_end_object(&j);
    return ufdl_send(rq, 400, &j);
}

/* 1: read; 0: answered; or an error. */
static int read_form(struct request *rq, struct form *f, struct err *e)
{
    int rc = is_form(rq) ? read_pairs(rq, f, e) : read_members(rq, f, e);
    if (rc < 0)
        return rc;
    bool good = true;
    for (int i = 0; i < FIELDS; i++)
        if (f->names[i]) {
            check_value(f, i);
            good = good && !f->troubles[i];
        }
    return good ? 1 : send_troubles(rq, f);
}

/* --- obtain: "username", "password" --- */

struct login {
    struct password_check check;
    struct owner owner;
    struct err error;
    int rc;
};

static bool start_check(struct request *rq)
{
    struct login *l = rq->own;
    l->rc = password_check_start(api_app(rq)->core.passwords, &l->check, &l->error);
    return l->rc == 0;
}

static int ask(struct request *rq, struct err *e)
{
    struct form f = empty_form(rq);
    int rc = read_form(rq, &f, e);
    if (rc <= 0)
        return rc;
    struct login *l = arena_alloc(&rq->arena, sizeof *l);
    rc = access_user(api_session(rq), f.values[0], &l->owner.user, &l->owner.stored, e);
    if (rc < 0)
        return rc;
    l->check.stored = l->owner.stored;
    l->check.password = f.values[1];
    l->check.wake = api_wake;
    l->check.ctx = rq;
    rq->own = l;
    rq->sleep = start_check;
    return 0;
}

static int send_tokens(struct request *rq, bool both, const struct owner *o, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    int rc = both ? put_token(&j, rq, TOKEN_REFRESH, o, e) : 0;
    if (rc == 0)
        rc = put_token(&j, rq, TOKEN_ACCESS, o, e);
    json_end_object(&j);
    if (rc < 0)
        return rc;
    rc = ufdl_send(rq, 200, &j);
    response_header(rq, "Cache-Control", "no-store");
    return rc;
}

int ufdl_token_obtain(struct request *rq, struct err *e)
{
    struct login *l = rq->own;
    if (!l)
        return ask(rq, e);
    if (l->rc < 0) {
        *e = l->error;
        return l->rc;
    }
    if (!l->check.matches)
        return err_set(e, ERR_UNAUTHORIZED, "No active account found with the given credentials");
    return send_tokens(rq, true, &l->owner, e);
}

/* --- refresh: "refresh"; verify: "token" --- */

static int refuse_token(struct err *e, const char *detail)
{
    return err_at(e, ERR_UNAUTHORIZED, ERR_POINTER, "token_not_valid", "%s", detail);
}

/* 1: *ret is a token that is good; 0: answered. The user may be gone, and then so are the tokens. */
static int read_sent(struct request *rq, struct token *ret, struct err *e)
{
    struct form f = empty_form(rq);
    int rc = read_form(rq, &f, e);
    if (rc <= 0)
        return rc;
    assert(f.values[0]); /* it has been read */
    rc = read_token(rq, f.values[0], ret, e);
    if (rc == TOKEN_BAD)
        return refuse_token(e, "Token is invalid or expired");
    /* Remembered by a text that no header can hold, so that this opens no address. */
    const char *unusable = arena_printf(&rq->arena, "%s \n%s", f.names[0], f.values[0]);
    if (rc == TOKEN_GOOD)
        rc = access_become(api_session(rq), ret->owner.user, unusable, e);
    if (rc == ERR_UNAUTHORIZED)
        return refuse_token(e, "Token is invalid or expired");
    return rc < 0 ? rc : 1;
}

int ufdl_token_refresh(struct request *rq, struct err *e)
{
    struct token t = {.type = TOKEN_ACCESS};
    int rc = read_sent(rq, &t, e);
    if (rc <= 0)
        return rc;
    if (t.type != TOKEN_REFRESH)
        return refuse_token(e, "Token has wrong type");
    return send_tokens(rq, false, &t.owner, e);
}

int ufdl_token_verify(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct token t;
    int rc = read_sent(rq, &t, e);
    if (rc <= 0)
        return rc;
    json_begin_object(&j);
    json_end_object(&j);
    return ufdl_send(rq, 200, &j);
}
