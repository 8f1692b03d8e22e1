/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UFDL's backend API, version 1: job-outputs and what leads to them. A table over the core: a job output is a
 * result, its job the job, both addressed by their integer pk.
 *
 * From the API's document: "Manages the output data attached to jobs. Each job, as a result of its execution,
 * may upload one or more outputs to the server." Errors are those of the framework that it was made with:
 * {"detail": "…"}.
 */
#include "api/ufdl.h"

#include "base/text.h"
#include "core/access.h"
#include "http/target.h"

#include <string.h>

/* --- who may --- */

static int admit(struct request *rq, struct err *e)
{
    unsigned need = rq->route->need;
    if (need == ROUTE_OPEN)
        return 0;
    int rc = ufdl_admit_bearer(rq, e);
    if (rc < 0)
        return rc;
    struct session *s = api_session(rq);
    if (need & UFDL_NOBODY || (need & UFDL_STAFF && !s->actor.staff))
        return ufdl_forbidden(e);
    rc = access_require(s, need & ~(unsigned)(UFDL_STAFF | UFDL_NOBODY), e);
    if (rc == 0) {
        struct actor *copy = arena_alloc(&rq->arena, sizeof *copy);
        *copy = s->actor;
        rq->actor = copy;
    }
    return rc;
}

/* --- errors --- */

int ufdl_forbidden(struct err *e)
{
    return err_set(e, ERR_FORBIDDEN, "You do not have permission to perform this action.");
}

int ufdl_not_found(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "Not found.");
}

static int status_of(int code)
{
    int status = err_status(code);
    if (code == ERR_WRONG_STATE)
        return 406;
    if (code == ERR_NOT_STARTED)
        return 417;
    return status == 409 ? 400 : status;
}

static const char *sentence_of(struct request *rq, const struct err *e)
{
    switch (e->code) {
    case ERR_NOT_FOUND:
        return "Not found.";
    case ERR_FORBIDDEN:
        return "You do not have permission to perform this action.";
    case ERR_METHOD:
        return rq->method < HTTP_OTHER
                   ? arena_printf(&rq->arena, "Method \"%s\" not allowed.", http_method_names[rq->method])
                   : "Method not allowed.";
    case ERR_BAD_JSON:
        return arena_printf(&rq->arena, "JSON parse error - %s", e->detail);
    default:
        return e->detail;
    }
}

/* What a client's token is told; err_at's `where` is the framework's code, if there is one. */
static void put_token_trouble(struct json_out *j, const struct err *e)
{
    if (!*e->where)
        return;
    json_key(j, "code");
    json_string(j, e->where);
    if (e->place != ERR_HEADER || strcmp(e->where, "token_not_valid") != 0)
        return;
    static const char messages[] = "[{\"token_class\":\"AccessToken\",\"token_type\":\"access\","
                                   "\"message\":\"Token is invalid or expired\"}]";
    json_key(j, "messages");
    json_raw(j, messages, sizeof messages - 1);
}

static void fail(struct request *rq, const struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "detail");
    json_string(&j, sentence_of(rq, e));
    if (e->code == ERR_UNAUTHORIZED) {
        put_token_trouble(&j, e);
        response_header(rq, "WWW-Authenticate", "Bearer realm=\"api\"");
    }
    json_end_object(&j);
    (void)ufdl_send(rq, status_of(e->code), &j);
}

int ufdl_refuse(struct request *rq, int status, const char *detail)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "detail");
    json_string(&j, detail);
    json_end_object(&j);
    return ufdl_send(rq, status, &j);
}

/* --- reading and rendering --- */

int ufdl_pk(struct request *rq, int place, int64_t *ret, struct err *e)
{
    const char *digits = rq->places[place];
    size_t len = strlen(digits);
    size_t zeros = strspn(digits, "0");
    if (len > 0 && zeros == len) {
        *ret = 0;
        return 0;
    }
    return text_uint(digits + zeros, len - zeros, ret) ? 0 : ufdl_not_found(e);
}

int ufdl_body(struct request *rq, const struct json **ret, struct err *e)
{
    const struct json *body;
    int rc = api_parse_body(rq, true, &body, e);
    if (rc < 0)
        return rc;
    *ret = NULL;
    if (!body || (body->type == JSON_ARRAY && !body->first))
        return 0;
    if (body->type != JSON_OBJECT)
        return err_set(e, ERR_BAD_VALUE, "the body must be a JSON object");
    *ret = body;
    return 0;
}

void ufdl_put_member(struct json_out *j, const struct json *member)
{
    json_string_len(j, member->key, member->key_len);
    buf_puts(&j->buf, ":");
    j->comma = false;
    json_raw(j, member->raw, member->raw_len);
}

/* The original's framework sends them, so recorded answers have them. The server adds Allow to a 405. */
void ufdl_headers(struct request *rq)
{
    const char *methods = rq->allow ? NULL : target_methods(rq);
    if (methods)
        response_header(rq, "Allow", methods);
    response_header(rq, "Vary", "Accept");
    response_header(rq, "X-Frame-Options", "DENY");
    response_header(rq, "X-Content-Type-Options", "nosniff");
    response_header(rq, "Referrer-Policy", "same-origin");
}

int ufdl_send(struct request *rq, int status, const struct json_out *j)
{
    int rc = api_send_json(rq, status, j);
    ufdl_headers(rq);
    return rc;
}

/* --- routes --- */

enum {
    READ = SCOPE_READ,
    WRITE = SCOPE_WRITE,
    STAFF = SCOPE_DELETE | UFDL_STAFF,
    CHANGE = SCOPE_WRITE | UFDL_STAFF,
    NOBODY = UFDL_NOBODY
};

static const char *const prefixes[] = {"/v1", NULL};

#define IS(name)     ufdl_##name, .operation = &ufdl_op_##name
#define AS(name, op) ufdl_##name, .operation = &ufdl_op_##op

/* Those for NOBODY have no operation: there is nothing to call. */
/* clang-format off */
static const struct route routes[] = {
    {HTTP_POST,   "/v1/auth/obtain",                  R_READ,  BODY_WHOLE, ROUTE_OPEN, IS(token_obtain)},
    {HTTP_POST,   "/v1/auth/refresh",                 R_READ,  BODY_WHOLE, ROUTE_OPEN, IS(token_refresh)},
    {HTTP_POST,   "/v1/auth/verify",                  R_READ,  BODY_WHOLE, ROUTE_OPEN, IS(token_verify)},
    {HTTP_POST,   "/v1/job-outputs/list",             R_READ,  BODY_WHOLE, READ,   IS(output_list)},
    {HTTP_POST,   "/v1/job-outputs/create",           R_READ,  BODY_WHOLE, NOBODY, ufdl_output_never},
    {HTTP_GET,    "/v1/job-outputs/{#}",              R_READ,  BODY_NONE,  READ,   IS(output_retrieve)},
    {HTTP_PUT,    "/v1/job-outputs/{#}",              R_READ,  BODY_WHOLE, NOBODY, ufdl_output_never},
    {HTTP_PATCH,  "/v1/job-outputs/{#}",              R_READ,  BODY_WHOLE, NOBODY, ufdl_output_never},
    {HTTP_DELETE, "/v1/job-outputs/{#}",              R_WRITE, BODY_NONE,  STAFF,  IS(output_destroy)},
    {HTTP_DELETE, "/v1/job-outputs/{#}/hard",         R_WRITE, BODY_NONE,  STAFF,  IS(output_hard_delete)},
    {HTTP_DELETE, "/v1/job-outputs/{#}/reinstate",    R_WRITE, BODY_NONE,  STAFF,  IS(output_reinstate)},
    {HTTP_POST,   "/v1/job-outputs/{#}/download",     R_READ,  BODY_WHOLE, READ,   IS(output_download)},
    {HTTP_POST,   "/v1/job-templates/list",           R_READ,  BODY_WHOLE, READ,   IS(template_list)},
    {HTTP_POST,   "/v1/job-templates/create",         R_WRITE, BODY_WHOLE, WRITE,  IS(template_create)},
    {HTTP_GET,    "/v1/job-templates/{#}",            R_READ,  BODY_NONE,  READ,   IS(template_retrieve)},
    {HTTP_POST,   "/v1/job-templates/{#}/create-job", R_WRITE, BODY_WHOLE, WRITE,  IS(template_create_job)},
    {HTTP_POST,   "/v1/nodes/list",                   R_READ,  BODY_WHOLE, READ,   IS(node_list)},
    {HTTP_POST,   "/v1/nodes/create",                 R_WRITE, BODY_WHOLE, WRITE,  IS(node_create)},
    {HTTP_GET,    "/v1/nodes/ping",                   R_WRITE, BODY_NONE,  WRITE,  IS(node_ping)},
    {HTTP_GET,    "/v1/nodes/{#}",                    R_READ,  BODY_NONE,  READ,   IS(node_retrieve)},
    {HTTP_PUT,    "/v1/nodes/{#}",                    R_WRITE, BODY_WHOLE, WRITE,  IS(node_update)},
    {HTTP_PATCH,  "/v1/nodes/{#}",                    R_WRITE, BODY_WHOLE, WRITE,  AS(node_update, node_patch)},
    {HTTP_DELETE, "/v1/nodes/{#}",                    R_READ,  BODY_NONE,  NOBODY, ufdl_output_never},
    {HTTP_POST,   "/v1/jobs/list",                    R_READ,  BODY_WHOLE, READ,   IS(job_list)},
    {HTTP_POST,   "/v1/jobs/create",                  R_READ,  BODY_WHOLE, NOBODY, ufdl_output_never},
    {HTTP_GET,    "/v1/jobs/{#}",                     R_READ,  BODY_NONE,  READ,   IS(job_retrieve)},
    {HTTP_PUT,    "/v1/jobs/{#}",                     R_WRITE, BODY_WHOLE, CHANGE, IS(job_update)},
    {HTTP_PATCH,  "/v1/jobs/{#}",                     R_WRITE, BODY_WHOLE, CHANGE, AS(job_update, job_patch)},
    {HTTP_DELETE, "/v1/jobs/{#}",                     R_WRITE, BODY_NONE,  STAFF,  IS(job_destroy)},
    {HTTP_DELETE, "/v1/jobs/{#}/hard",                R_WRITE, BODY_NONE,  STAFF,  IS(job_hard_delete)},
    {HTTP_DELETE, "/v1/jobs/{#}/reinstate",           R_WRITE, BODY_NONE,  STAFF,  IS(job_reinstate)},
    {HTTP_GET,    "/v1/jobs/{#}/acquire",             R_WRITE, BODY_NONE,  WRITE,  IS(job_acquire)},
    {HTTP_DELETE, "/v1/jobs/{#}/release",             R_WRITE, BODY_NONE,  WRITE,  IS(job_release)},
    {HTTP_GET,    "/v1/jobs/{#}/release",             R_WRITE, BODY_NONE,  WRITE,  AS(job_release, job_release_by_get)},
    {HTTP_POST,   "/v1/jobs/{#}/start",               R_WRITE, BODY_WHOLE, WRITE,  IS(job_start)},
    {HTTP_POST,   "/v1/jobs/{#}/progress/{}",         R_WRITE, BODY_WHOLE, WRITE,  IS(job_progress)},
    {HTTP_POST,   "/v1/jobs/{#}/finish",              R_WRITE, BODY_WHOLE, WRITE,  IS(job_finish)},
    {HTTP_DELETE, "/v1/jobs/{#}/reset",               R_WRITE, BODY_NONE,  WRITE,  IS(job_reset)},
    {HTTP_DELETE, "/v1/jobs/{#}/abort",               R_WRITE, BODY_NONE,  CHANGE, IS(job_abort)},
    {HTTP_DELETE, "/v1/jobs/{#}/cancel",              R_WRITE, BODY_NONE,  CHANGE, IS(job_cancel)},
    {HTTP_POST,   "/v1/jobs/{#}/outputs/{}/{}",       R_WRITE, BODY_STREAM, WRITE, IS(add_output),
                  .begin = ufdl_add_output_begin, .exact = true},
    {HTTP_GET,    "/v1/jobs/{#}/outputs/{}/{}",       R_READ,  BODY_NONE,  READ,   IS(get_output), .exact = true},
    {HTTP_DELETE, "/v1/jobs/{#}/outputs/{}/{}",       R_WRITE, BODY_NONE,  STAFF,  IS(delete_output), .exact = true},
    {HTTP_GET,    "/v1/jobs/{#}/outputs/{}/{}/info",  R_READ,  BODY_NONE,  READ,   IS(get_output_info), .exact = true},
};
/* clang-format on */

const struct api api_ufdl = {
    .name = "ufdl",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .trailing_slash = true,
    .admit = admit,
    .fail = fail,
    .description = &ufdl_description,
};
