/* SPDX-License-Identifier: Apache-2.0 */
/* See received.h. */
#include "api/received.h"

#include "core/upload.h"
#include "http/fields.h"

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
    p->md5_field = wanted.md5_field;
    p->sha256_field = wanted.sha256_field;
    return rc;
}

static int read_header(struct request *rq, struct publish *p, struct err *e)
{
    const char *media_type = request_header(rq, "Content-Type");
    const char *encoding = request_header(rq, "Content-Encoding");
    p->content_length = rq->content_length;
    p->asks_first = request_header(rq, "Expect") != NULL;
    p->media_type =
        media_type && *media_type ? arena_strdup(&rq->arena, media_type) : "application/octet-stream";
    p->content_encoding = encoding ? arena_strdup(&rq->arena, encoding) : NULL;
    return read_digests(rq, p, e);
}

int received_begin(struct request *rq, const struct publish *p, struct err *e)
{
    struct received *r = arena_alloc(&rq->arena, sizeof *r);
    struct table_kind kind;
    r->publish = *p;
    int rc = read_header(rq, &r->publish, e);
    if (rc == 0)
        rc = publish_prepare(api_session(rq), &r->publish, e);
    if (rc < 0)
        return rc;
    struct upload_goal goal = publish_goal(&r->publish);
    bool is_candidate = table_guess(r->publish.media_type, r->publish.content_encoding, p->name, &kind);
    r->upload =
        upload_new(&api_app(rq)->core, rq->content_length, is_candidate ? &kind : NULL, &goal, api_wake, rq);
    rq->own = r;
    rq->sink = r->upload;
    rq->sink_ops = &upload_sink;
    return 0;
}

static void settled(struct request *rq, int rc)
{
    struct received *r = rq->own;
    api_settle_upload(rq, r->upload, r->is_new, rc);
}

int received_commit(struct request *rq, struct err *e)
{
    struct received *r = rq->own;
    const struct upload_result *bytes;
    rq->settled = settled;
    int rc = upload_finished(r->upload, &bytes, e);
    return rc < 0 ? rc : publish_commit(api_session(rq), &r->publish, bytes, &r->result, &r->is_new, e);
}
