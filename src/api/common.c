/* SPDX-License-Identifier: Apache-2.0 */
/* What all APIs share; see api.h. */
#include "api/api.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"
#include "core/access.h"
#include "core/deliver.h"
#include "core/downloads.h"
#include "core/upload.h"
#include "http/fields.h"
#include "http/representation.h"

#include <fcntl.h>
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

void api_keep_actor(struct request *rq)
{
    struct actor *copy = arena_alloc(&rq->arena, sizeof *copy);
    *copy = api_session(rq)->actor;
    rq->actor = copy;
}

int api_admit_key(struct request *rq, unsigned forms, struct err *e)
{
    struct session *s = api_session(rq);
    if (rq->route->need == ROUTE_OPEN)
        return 0;
    int rc = access_authenticate(s, api_key_of(rq, forms), e);
    if (rc == 0)
        rc = access_require(s, rq->route->need, e);
    if (rc == 0)
        api_keep_actor(rq);
    return rc;
}

const char *api_base_url(struct request *rq)
{
    const struct settings *set = core_settings(&api_app(rq)->core);
    const char *host = request_header(rq, "Host");
    if (*set->base_url) {
        size_t len = strlen(set->base_url);
        return arena_copy(&rq->arena, set->base_url, len - (set->base_url[len - 1] == '/'));
    }
    const char *scheme = api_app(rq)->tls ? "https" : "http";
    return arena_printf(&rq->arena, "%s://%s", scheme, host && *host ? host : set->listen);
}

/* --- bytes of blobs --- */

struct source {
    struct request *rq;
    struct blob *blob;
};

static int read_source(void *ctx, int64_t offset, void *to, size_t len, struct err *e)
{
    const struct source *s = ctx;
    return deliver_read(s->blob, offset, to, len, e);
}

static int read_some_of_source(void *ctx, int64_t offset, void *to, size_t max, size_t *ret_len,
                               struct err *e)
{
    const struct source *s = ctx;
    int rc = deliver_read_some(s->blob, offset, to, max, ret_len, e);
    return rc == DELIVER_LATER ? RESPONSE_LATER : rc;
}

static int begin_source(void *ctx, int64_t offset, struct err *e)
{
    size_t none;
    return read_some_of_source(ctx, offset, NULL, 0, &none, e);
}

static int begin_whole_source(void *ctx, struct err *e)
{
    return begin_source(ctx, 0, e);
}

static bool wait_for_source(void *ctx)
{
    const struct source *s = ctx;
    return deliver_wait(s->blob, api_wake, s->rq);
}

static void set_window(void *ctx, int64_t first, int64_t end)
{
    const struct source *s = ctx;
    deliver_window(s->blob, first, end);
}

static void close_source(void *ctx)
{
    const struct source *s = ctx;
    deliver_close(s->blob);
}

static struct source *make_source(struct request *rq, struct blob *b)
{
    struct source *s = arena_alloc(&rq->arena, sizeof *s);
    *s = (struct source){rq, b};
    return s;
}

void api_source(struct request *rq, struct blob *b, struct representation *ret)
{
    ret->fd = deliver_fd(b);
    ret->ctx = make_source(rq, b);
    ret->done = close_source;
    if (ret->fd >= 0) {
        ret->read = read_source;
        return;
    }
    ret->read_some = read_some_of_source;
    ret->read_wait = wait_for_source;
    ret->window = set_window;
    ret->begin = begin_source;
}

/* Whoever else sends the field learns nothing, and gets the bytes. */
static bool is_from_proxy(struct request *rq)
{
    const char *wanted = core_settings(&api_app(rq)->core)->accel_key;
    const char *given = request_header(rq, "X-Accel-Key");
    size_t len = strlen(wanted);
    return len > 0 && given && strlen(given) == len && digest_equal(wanted, given, len);
}

void api_source_of(struct request *rq, struct blob *b, const char *key, struct representation *ret)
{
    api_source(rq, b, ret);
    if (is_from_proxy(rq))
        ret->proxy_path = deliver_proxy_path(api_session(rq), b, key);
}

/* A file's bytes go from its descriptor, which outlives the opened blob. */
void api_send_blob(struct request *rq, struct blob *b)
{
    struct response *to = &rq->response;
    to->fd = deliver_fd(b) < 0 ? -1 : fcntl(deliver_fd(b), F_DUPFD_CLOEXEC, 0);
    if (to->fd >= 0) {
        deliver_close(b);
        return;
    }
    to->read_ctx = make_source(rq, b);
    to->read_done = close_source;
    if (deliver_fd(b) >= 0) {
        to->read = read_source;
        return;
    }
    to->read_some = read_some_of_source;
    to->read_wait = wait_for_source;
    to->read_begin = to->size > 0 ? begin_whole_source : NULL;
}

void api_settle_upload(struct request *rq, struct upload *u, bool is_new, int rc)
{
    upload_settle(u, is_new, rc);
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

static struct representation describe(struct request *rq, const struct result *r)
{
    return (struct representation){
        .media_type = *r->media_type ? r->media_type : "application/octet-stream",
        .encoding = *r->content_encoding ? r->content_encoding : NULL,
        .etag = arena_printf(&rq->arena, "\"%s\"", r->digests.sha256),
        .sha256 = r->digests.sha256,
        .modified = r->created_at,
        .file_name = deliver_file_name(&rq->arena, r),
        .size = r->size,
        .fd = -1,
    };
}

/* The client gets the bytes from where they are; conditions are answered here, ranges there. */
static int redirect(struct request *rq, const struct result *r, struct err *e)
{
    struct representation rep = describe(rq, r);
    const char *url = NULL;
    int rc = representation_check(rq, &rep, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = deliver_link(api_session(rq), r, fields_disposition(&rq->arena, rep.file_name), &url, e);
    if (rc < 0)
        return rc;
    response_empty(rq, 307);
    response_header(rq, "Location", url);
    response_header(rq, "Cache-Control", "no-store");
    return 0;
}

struct delivery {
    struct downloads *downloads;
    int64_t project, result;
};

static void count_delivery(void *ctx, int64_t bytes, bool to_end)
{
    const struct delivery *d = ctx;
    if (bytes > 0 || to_end)
        downloads_count(d->downloads, d->project, d->result, bytes, to_end);
}

bool api_names_page(struct request *rq)
{
    const char *page = request_header(rq, "Resultd-Page");
    return page && strcmp(page, "1") == 0;
}

void api_count_download(struct request *rq, const struct result *r)
{
    if (api_session(rq)->actor.by_cookie && api_names_page(rq))
        return;
    struct delivery *d = arena_alloc(&rq->arena, sizeof *d);
    *d = (struct delivery){api_app(rq)->core.downloads, r->project, r->pk};
    rq->response.sent = count_delivery;
    rq->response.sent_ctx = d;
}

int api_send_content(struct request *rq, const struct result *r, struct err *e)
{
    struct content c;
    if (rq->method == HTTP_GET && deliver_redirects(api_session(rq), r))
        return redirect(rq, r, e);
    int rc = deliver_open(api_session(rq), r, &c, e);
    if (rc < 0)
        return rc;
    struct representation rep = describe(rq, r);
    rep.bytes = c.bytes;
    if (c.blob)
        api_source_of(rq, c.blob, r->id, &rep);
    api_count_download(rq, r);
    return representation_send(rq, &rep, e);
}

int api_parse_fields(struct request *rq, bool optional, const struct json_field *fields, size_t count,
                     const struct json **ret, struct err *e)
{
    const struct settings *set = core_settings(&api_app(rq)->core);
    struct json_bounds b = {(int)set->json_depth_limit, set->json_values_limit, fields, count};
    *ret = NULL;
    if (optional && rq->body_len == 0)
        return 0;
    return json_parse_bounded(&rq->arena, rq->body ? rq->body : "", rq->body_len, &b, ret, e);
}

int api_parse_body(struct request *rq, bool optional, const struct json **ret, struct err *e)
{
    return api_parse_fields(rq, optional, NULL, 0, ret, e);
}

int api_read_body(struct request *rq, bool optional, const struct json_field *fields, size_t count, void *to,
                  struct err *e)
{
    const struct json *body;
    int rc = api_parse_fields(rq, optional, fields, count, &body, e);
    return rc < 0 || !body ? rc : json_read(body, fields, count, to, e);
}

int api_read_known(struct request *rq, bool optional, const struct json_field *fields, size_t count, void *to,
                   struct err *e)
{
    const struct json *body;
    int rc = api_parse_fields(rq, optional, fields, count, &body, e);
    return rc < 0 || !body ? rc : json_read_known(body, fields, count, to, e);
}

int api_send_json(struct request *rq, int status, const struct json_out *j)
{
    response_bytes(rq, status, "application/json", j->buf.bytes, j->buf.len);
    return 0;
}
