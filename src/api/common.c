/* SPDX-License-Identifier: Apache-2.0 */
/* What all APIs share; see api.h. */
#include "api/api.h"

#include "base/json.h"
#include "base/text.h"
#include "core/access.h"
#include "core/deliver.h"
#include "core/upload.h"
#include "http/representation.h"

#include <string.h>
#include <strings.h>

/* The user's part of Basic credentials: curl -u KEY: */
static const char *basic_user(struct arena *a, const char *base64)
{
    char *text;
    size_t len;
    if (!text_unbase64(a, base64, strlen(base64), &text, &len) || memchr(text, '\0', len))
        return NULL;
    char *colon = strchr(text, ':');
    if (!colon)
        return NULL;
    *colon = '\0';
    return text;
}

static const char *after_scheme(const char *value, const char *scheme)
{
    size_t len = strlen(scheme);
    if (strncasecmp(value, scheme, len) != 0 || value[len] != ' ')
        return NULL;
    return value + len + strspn(value + len, " ");
}

const char *api_key_of(struct request *rq, unsigned forms)
{
    const char *value = request_header(rq, "Authorization");
    const char *key = NULL;
    if (value && forms & KEY_BEARER)
        key = after_scheme(value, "Bearer");
    if (value && !key && forms & KEY_TOKEN)
        key = after_scheme(value, "Token");
    if (value && !key && forms & KEY_BASIC) {
        key = after_scheme(value, "Basic");
        key = key ? basic_user(&rq->arena, key) : NULL;
    }
    if (!value && forms & KEY_HEADER)
        key = request_header(rq, "x-api-key");
    return key;
}

int api_admit_key(struct request *rq, unsigned forms, struct err *e)
{
    struct session *s = api_session(rq);
    if (rq->route->need == ROUTE_OPEN)
        return 0;
    int rc = access_authenticate(s, api_key_of(rq, forms), e);
    if (rc == 0)
        rc = access_require(s, rq->route->need, e);
    if (rc == 0) {
        struct actor *copy = arena_alloc(&rq->arena, sizeof *copy);
        *copy = s->actor;
        rq->actor = copy;
    }
    return rc;
}

/* A host that a client named goes into links that only this client sees; still nothing odd may get into them.
 */
static bool plain_host(const char *host)
{
    size_t len = strlen(host);
    return len > 0 && len < 256 &&
           strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]") == len;
}

const char *api_base_url(struct request *rq)
{
    const struct settings *set = core_settings(&api_app(rq)->core);
    const char *host = request_header(rq, "Host");
    if (*set->base_url) {
        size_t len = strlen(set->base_url);
        return arena_copy(&rq->arena, set->base_url, len - (set->base_url[len - 1] == '/'));
    }
    return arena_printf(&rq->arena, "http://%s", host && plain_host(host) ? host : set->listen);
}

int api_read_blob(void *blob, int64_t offset, void *to, size_t len, struct err *e)
{
    return blob_read(blob, offset, to, len, e);
}

void api_close_blob(void *blob)
{
    blob_close(blob);
}

void api_settle_upload(struct request *rq, struct upload *u, bool is_new, int rc)
{
    if (rc == 0 ? is_new : err_status(rc) >= 500)
        upload_keep(u);
    if (rc == 0)
        atomic_fetch_add(&api_app(rq)->core.counters.uploads, 1);
}

void api_wake(void *rq)
{
    request_wake(rq);
}

bool api_gone(void *rq)
{
    return request_gone(rq);
}

int api_send_content(struct request *rq, const struct result *r, struct err *e)
{
    struct content c;
    int rc = deliver_open(api_session(rq), r, &c, e);
    if (rc < 0)
        return rc;
    struct representation rep = {
        .media_type = *r->media_type ? r->media_type : "application/octet-stream",
        .encoding = *r->content_encoding ? r->content_encoding : NULL,
        .etag = arena_printf(&rq->arena, "\"%s\"", r->digests.sha256),
        .sha256 = r->digests.sha256,
        .modified = r->created_at,
        .file_name = c.file_name,
        .size = c.size,
        .bytes = c.bytes,
        .fd = c.blob ? blob_fd(c.blob) : -1,
        .read = api_read_blob,
        .done = api_close_blob,
        .ctx = c.blob,
    };
    return representation_send(rq, &rep, e);
}

int api_parse_body(struct request *rq, bool optional, const struct json **ret, struct err *e)
{
    int depth = (int)core_settings(&api_app(rq)->core)->json_depth_limit;
    *ret = NULL;
    if (optional && rq->body_len == 0)
        return 0;
    return json_parse(&rq->arena, rq->body ? rq->body : "", rq->body_len, depth, ret, e);
}

int api_read_body(struct request *rq, bool optional, const struct json_field *fields, size_t count, void *to,
                  struct err *e)
{
    const struct json *body;
    int rc = api_parse_body(rq, optional, &body, e);
    return rc < 0 || !body ? rc : json_read(body, fields, count, to, e);
}

int api_read_known(struct request *rq, bool optional, const struct json_field *fields, size_t count, void *to,
                   struct err *e)
{
    const struct json *body;
    int rc = api_parse_body(rq, optional, &body, e);
    return rc < 0 || !body ? rc : json_read_known(body, fields, count, to, e);
}

int api_query_int(struct request *rq, const char *name, int64_t smallest, int64_t largest, int64_t *ret,
                  struct err *e)
{
    const struct param param = {name, PARAM_INT, 0, smallest, largest};
    struct query_pair one = {name, request_query(rq, name), NULL};
    struct query_pair *all = rq->query;
    if (!one.value)
        return 0;
    rq->query = &one;
    int rc = request_params(rq, &param, 1, ret, e);
    rq->query = all;
    return rc;
}

int api_send_json(struct request *rq, int status, const struct json_out *j)
{
    response_bytes(rq, status, "application/json", j->buf.bytes, j->buf.len);
    return 0;
}
