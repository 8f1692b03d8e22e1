/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /-/session: a browser gives a key once and gets a cookie, which no script can read, that stands for it.
 *
 * Browsers send cookies along with whatever a page of another origin makes them ask. SameSite=Strict keeps
 * the cookie away from other sites, but not from other ports or names of the same one. So Sec-Fetch-Site must
 * not name another origin, and what may change something needs the header field Resultd-Page: no page of
 * another origin can send it without a preflight, which allows neither this field nor cookies
 * (http/cors.h). The same is asked of signing in, so that nobody can sign others in with a key of his own.
 */
#include "api/login.h"

#include "api/native.h"
#include "api/operation.h"
#include "base/clock.h"
#include "core/access.h"
#include "core/ticket.h"
#include "http/cookie.h"

#include <string.h>
#include <strings.h>

enum { LONGEST_KEY = 255 };

/* Behind https the prefix makes browsers refuse one that a neighbouring name has set. */
static bool is_secure(struct request *rq)
{
    return strncasecmp(api_base_url(rq), "https://", 8) == 0;
}

static const char *cookie_name(struct request *rq)
{
    return is_secure(rq) ? "__Host-resultd_session" : "resultd_session";
}

static int check_site(struct request *rq, struct err *e)
{
    const char *site = request_header(rq, "Sec-Fetch-Site");
    if (!site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0)
        return 0;
    return err_at(e, ERR_FORBIDDEN, ERR_HEADER, "Sec-Fetch-Site",
                  "a session is for pages of this server's own origin");
}

static int check_page(struct request *rq, struct err *e)
{
    if (api_names_page(rq))
        return 0;
    return err_at(e, ERR_FORBIDDEN, ERR_HEADER, "Resultd-Page",
                  "with a session, all methods but GET and HEAD need the header field \"Resultd-Page: 1\"");
}

static int check_origin(struct request *rq, struct err *e)
{
    bool reads = rq->method == HTTP_GET || rq->method == HTTP_HEAD;
    int rc = check_site(rq, e);
    return rc == 0 && !reads ? check_page(rq, e) : rc;
}

static bool carries_key(struct request *rq)
{
    return request_header(rq, "Authorization") || request_header(rq, "x-api-key");
}

/* 1: it is, by the cookie; 0: there is none. */
static int redeem(struct request *rq, struct ticket *ret, struct err *e)
{
    const char *text = NULL;
    switch (cookie_find(&rq->arena, request_header_list(rq, "Cookie"), cookie_name(rq), &text)) {
    case COOKIE_NONE:
        return 0;
    case COOKIE_UNCLEAR:
        return err_set(e, ERR_UNAUTHORIZED,
                       "the cookie \"%s\" is there twice or is damaged: remove it and sign in",
                       cookie_name(rq));
    case COOKIE_ONE:
        break;
    }
    int rc = ticket_redeem(api_session(rq), text, ret, e);
    if (rc == 0)
        rc = check_origin(rq, e);
    return rc < 0 ? rc : 1;
}

/* *ret_until: when the session ends; 0: it is a key. */
static int authenticate(struct request *rq, int64_t *ret_until, struct err *e)
{
    struct ticket t = {NULL, 0};
    int rc = carries_key(rq) ? 0 : redeem(rq, &t, e);
    if (rc == 0)
        rc = access_authenticate(api_session(rq), api_key_of(rq, KEY_ANY), e);
    *ret_until = t.expires_at;
    return rc < 0 ? rc : 0;
}

int login_admit(struct request *rq, struct err *e)
{
    int64_t until;
    if (rq->route->need == ROUTE_OPEN)
        return 0;
    int rc = authenticate(rq, &until, e);
    if (rc == 0)
        rc = access_require(api_session(rq), rq->route->need, e);
    if (rc < 0)
        return rc;
    api_session(rq)->actor.by_cookie = until != 0;
    api_keep_actor(rq);
    return 0;
}

/* --- /-/session --- */

/* Neither can pages of other origins send JSON without a preflight. */
static bool sends_json(struct request *rq)
{
    static const char type[] = "application/json";
    const char *given = request_header(rq, "Content-Type");
    size_t len = given ? strcspn(given, "; \t") : 0;
    return len == sizeof type - 1 && strncasecmp(given, type, len) == 0;
}

static int admit(struct request *rq, struct err *e)
{
    if (rq->route->method == HTTP_GET)
        return 0; /* `show` does */
    bool signs_in = rq->route->method == HTTP_POST;
    int rc = check_site(rq, e);
    if (rc < 0 || (signs_in && sends_json(rq)))
        return rc;
    rc = check_page(rq, e);
    return rc < 0 && signs_in ? err_at(e, ERR_FORBIDDEN, ERR_HEADER, "Content-Type",
                                       "signing in takes JSON, with \"Content-Type: application/json\"")
                              : rc;
}

static void set_cookie(struct request *rq, const char *value, int64_t seconds)
{
    response_header(rq, "Set-Cookie",
                    arena_printf(&rq->arena, "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
                                 cookie_name(rq), value, (long long)seconds,
                                 is_secure(rq) ? "; Secure" : ""));
}

struct shown {
    const char *id, *name, *project;
    int64_t scopes, until;
};

static void put_scope_names(struct json_out *j, struct request *rq, const void *object)
{
    (void)rq;
    native_put_scopes(j, ((const struct shown *)object)->scopes);
}

#define SHOWN(name, kind, field) name, kind, offsetof(struct shown, field)
static const struct member session_members[] = {
    {SHOWN("id", SHAPE_TEXT, id), "Of its key: the part that may be shown.", "\"ab12CD34ef56\""},
    {SHOWN("name", SHAPE_TEXT, name), "What the key is called.", "\"worker\""},
    {SHOWN("project", SHAPE_TEXT, project), "Whose results it opens.", "\"default\""},
    {SHOWN("scopes", SHAPE_TEXT, scopes), "What it may do.", "[\"read\",\"ack\"]", .is_list = true,
     .put = put_scope_names},
    {SHOWN("expires_at", SHAPE_TIME, until), "When it ends; null: a key that does not expire.",
     .can_be_null = true},
};
static const struct shape session_shape = {"Session", "Who asks, and until when.", session_members,
                                           API_COUNT(session_members)};

static int send_session(struct request *rq, int64_t until)
{
    const struct actor *actor = &api_session(rq)->actor;
    const struct shown shown = {actor->public_id, actor->name, actor->project_name, actor->scopes, until};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    shape_put(&j, rq, &session_shape, &shown);
    response_header(rq, "Cache-Control", "no-store");
    return native_send(rq, 200, &j);
}

#define GROUP "session"

static const char *const page_words[] = {"1"};
static const struct param page_header[] = {
    {"Resultd-Page", PARAM_TEXT, 0, 1, 1, "No page of another origin can send it.", page_words, 1,
     .required = true},
};

static const struct json_field sign_in_fields[] = {
    {"key", JSON_TO_STRING, 0, true, 1, LONGEST_KEY, .about = "A key of the project."},
};
static const struct operation op_sign_in = {
    .id = "signIn",
    .group = GROUP,
    .summary = "Get a session of a browser for a key",
    .about = "For pages of the server's own origin.",
    .fields = sign_in_fields,
    .field_count = API_COUNT(sign_in_fields),
    .body_example = "{\"key\":\"rk_ab12CD34ef56_secret\"}",
    .answers = {{200, "The session.", &session_shape, .headers = {"Set-Cookie"}}},
    .refusals = {401, 403},
};

static int sign_in(struct request *rq, struct err *e)
{
    struct session *s = api_session(rq);
    const char *key = NULL;
    struct ticket t = {NULL, 0};
    int rc = api_read(rq, NULL, &key, e);
    if (rc == 0)
        rc = access_authenticate(s, key, e);
    if (rc == 0)
        rc = ticket_issue(s, &t, e);
    if (rc < 0)
        return rc;
    set_cookie(rq, t.text, t.expires_at / CLOCK_SECOND - s->now / CLOCK_SECOND);
    return send_session(rq, t.expires_at);
}

static const struct operation op_show = {
    .id = "showSession",
    .group = GROUP,
    .summary = "Show the session, or what a key is",
    .about = "Needs no scope.",
    .asks_key = true,
    .answers = {{200, "The session.", &session_shape}},
};

static int show(struct request *rq, struct err *e)
{
    int64_t until = 0;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = authenticate(rq, &until, e);
    return rc < 0 ? rc : send_session(rq, until ? until : api_session(rq)->actor.expires_at);
}

static const struct operation op_sign_out = {
    .id = "signOut",
    .group = GROUP,
    .summary = "Take the session away from the browser",
    .headers = page_header,
    .header_count = API_COUNT(page_header),
    .answers = {{204, "The cookie is gone.", .headers = {"Set-Cookie"}}},
    .refusals = {403},
};

/* Also what the browser has kept of answers: the next one who signs in there may have another key. */
static int sign_out(struct request *rq, struct err *e)
{
    int rc = api_read(rq, NULL, NULL, e);
    if (rc < 0)
        return rc;
    response_empty(rq, 204);
    set_cookie(rq, "", 0);
    response_header(rq, "Clear-Site-Data", "\"cache\"");
    return 0;
}

static const char *const prefixes[] = {"/-/session", NULL};
static const struct route routes[] = {
    {HTTP_POST, "/-/session", R_READ, BODY_WHOLE, ROUTE_OPEN, sign_in, .operation = &op_sign_in},
    {HTTP_GET, "/-/session", R_READ, BODY_NONE, ROUTE_OPEN, show, .operation = &op_show},
    {HTTP_DELETE, "/-/session", R_READ, BODY_NONE, ROUTE_OPEN, sign_out, .operation = &op_sign_out,
     .no_database = true},
};

const struct api api_login = {
    .name = "login",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .admit = admit,
    .fail = native_fail,
};
