/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native API: uploads. `begin` reads parameters and header and decides before the first byte is read; the
 * body streams into an upload; the handler makes the row when all bytes are in.
 */
#include "api/native.h"
#include "core/publish.h"
#include "core/upload.h"
#include "http/fields.h"

#include <string.h>

enum { LONGEST_NAME = 4096, TEN_YEARS = 3652 * 86400 };

struct native_publish {
    struct publish publish;
    struct upload *upload;
    struct result *result; /* once it is there */
    bool is_new;
};

#define UPLOAD_PARAMS                                                                                        \
    {"type", PARAM_TEXT, offsetof(struct publish, type), 0, LONGEST_NAME},                                   \
        {"primary", PARAM_BOOL, offsetof(struct publish, primary), 0, 0},                                    \
        {"keep", PARAM_BOOL, offsetof(struct publish, keep), 0, 0},                                          \
    {                                                                                                        \
        "expires_in", PARAM_INT, offsetof(struct publish, expires_in), 1, TEN_YEARS                          \
    }

static const struct param upload_params[] = {UPLOAD_PARAMS};
static const struct param publish_params[] = {
    {"name", PARAM_TEXT, offsetof(struct publish, name), 1, LONGEST_NAME},
    {"kind", PARAM_TEXT, offsetof(struct publish, kind), 1, 255},
    UPLOAD_PARAMS,
};

static int feed(void *sink, const void *bytes, size_t len, struct err *e)
{
    return upload_feed(sink, bytes, len, e);
}

static bool pause_upload(void *sink)
{
    return upload_pause(sink);
}

static bool end(void *sink)
{
    return upload_end(sink);
}

static void free_upload(void *sink)
{
    upload_free(sink);
}

static const struct sink_ops upload_sink = {feed, pause_upload, end, free_upload};

static int read_digests(struct request *rq, struct publish *p, struct err *e)
{
    struct wanted_digests wanted = {.md5 = NULL};
    const char *md5 = request_header(rq, "Content-MD5");
    const char *content = request_header(rq, "Content-Digest");
    const char *repr = request_header(rq, "Repr-Digest");
    int rc = md5 ? fields_parse_content_md5(&rq->arena, md5, &wanted, e) : 0;
    if (rc == 0 && content)
        rc = fields_parse_digest(&rq->arena, "Content-Digest", content, &wanted, e);
    if (rc == 0 && repr)
        rc = fields_parse_digest(&rq->arena, "Repr-Digest", repr, &wanted, e);
    p->want_md5 = wanted.md5;
    p->want_sha256 = wanted.sha256;
    return rc;
}

static int begin(struct request *rq, const struct param *params, size_t count, struct publish *p,
                 struct err *e)
{
    const char *media_type = request_header(rq, "Content-Type");
    const char *encoding = request_header(rq, "Content-Encoding");
    struct native_publish *n = arena_alloc(&rq->arena, sizeof *n);
    struct table_kind kind;
    p->type = "";
    p->kind = "publish";
    p->content_length = rq->content_length;
    p->asks_first = request_header(rq, "Expect") != NULL;
    p->media_type =
        media_type && *media_type ? arena_strdup(&rq->arena, media_type) : "application/octet-stream";
    p->content_encoding = encoding ? arena_strdup(&rq->arena, encoding) : NULL;
    int rc = request_params(rq, params, count, p, e);
    if (rc == 0 && !p->name)
        rc = err_at(e, ERR_MISSING, ERR_PARAMETER, "name", "the parameter \"name\" is required");
    if (rc == 0)
        rc = read_digests(rq, p, e);
    if (rc == 0)
        rc = publish_prepare(api_session(rq), p, e);
    if (rc < 0)
        return rc;
    n->publish = *p;
    bool is_candidate = table_guess(p->media_type, p->content_encoding, p->name, &kind);
    n->upload = upload_new(&api_app(rq)->core, rq->content_length, is_candidate ? &kind : NULL, api_wake, rq);
    rq->own = n;
    rq->sink = n->upload;
    rq->sink_ops = &upload_sink;
    return 0;
}

int native_upload_begin(struct request *rq, struct err *e)
{
    struct publish p = {.job = rq->places[0], .name = rq->places[1]};
    return begin(rq, upload_params, API_COUNT(upload_params), &p, e);
}

int native_publish_begin(struct request *rq, struct err *e)
{
    struct publish p = {.job = NULL};
    return begin(rq, publish_params, API_COUNT(publish_params), &p, e);
}

static void settled(struct request *rq, int rc)
{
    struct native_publish *n = rq->own;
    api_settle_upload(rq, n->upload, n->is_new, rc);
}

int native_upload(struct request *rq, struct err *e)
{
    struct native_publish *n = rq->own;
    const struct upload_result *bytes;
    rq->settled = settled;
    int rc = upload_finished(n->upload, &bytes, e);
    return rc < 0 ? rc : publish_commit(api_session(rq), &n->publish, bytes, &n->result, &n->is_new, e);
}

void native_upload_render(struct request *rq)
{
    const struct native_publish *n = rq->own;
    response_header(rq, "Location", arena_printf(&rq->arena, NATIVE "/results/%s", n->result->id));
    (void)native_send_result(rq, n->is_new ? 201 : 200, n->result);
}
