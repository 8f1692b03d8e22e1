/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending a converted result; see converted.h. What was made before is sent like any stored file. What is
 * being made is sent as it comes, its length unknown: the handler sleeps until it is known that what was
 * asked can be made, and runs once more. Who asks for a range, or speaks HTTP/1.0, or wants a spreadsheet
 * sleeps until it is whole.
 */
#include "api/converted.h"

#include "core/format.h"
#include "core/making.h"
#include "core/result.h"
#include "http/representation.h"

struct waiting {
    struct request *rq;
    struct making *making;
    struct making_waiter waiter;
};

static void release(struct request *rq)
{
    struct waiting *w = rq->own;
    making_release(w->making);
}

/* --- made already --- */

static int send_made(struct request *rq, struct representation *rep, const struct made *m, struct err *e)
{
    rep->sha256 = m->sha256;
    rep->size = m->size;
    rep->fd = blob_fd(m->blob);
    rep->read = api_read_blob;
    rep->done = api_close_blob;
    rep->ctx = m->blob;
    return representation_send(rq, rep, e);
}

/* --- in the making --- */

static int read_some(void *ctx, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    struct waiting *w = ctx;
    int rc = making_read(w->making, offset, to, max, ret_len, e);
    if (rc < 0 || *ret_len > 0)
        return rc;
    rc = making_outcome(w->making, e);
    if (rc > 0) /* done: was there more in the meantime? */
        return making_read(w->making, offset, to, max, ret_len, e);
    w->waiter = (struct making_waiter){.offset = offset, .wake = api_wake, .gone = api_gone, .ctx = w->rq};
    return rc < 0 ? rc : RESPONSE_LATER;
}

static bool wait_for_more(void *ctx)
{
    struct waiting *w = ctx;
    return making_wait(w->making, &w->waiter);
}

static bool wait_for(struct request *rq, int64_t offset)
{
    struct waiting *w = rq->own;
    w->waiter = (struct making_waiter){.offset = offset, .wake = api_wake, .gone = api_gone, .ctx = rq};
    return making_wait(w->making, &w->waiter);
}

static bool wait_for_the_end(struct request *rq)
{
    return wait_for(rq, INT64_MAX);
}

static bool wait_for_the_begin(struct request *rq)
{
    return wait_for(rq, -1);
}

static void add_headers(struct request *rq, const struct representation *rep)
{
    representation_headers(rq, rep);
    response_header(rq, "Content-Type", rep->media_type);
}

static void send_as_it_comes(struct request *rq, const struct representation *rep)
{
    add_headers(rq, rep);
    rq->response.status = 200;
    rq->response.size = -1;
    rq->response.read_some = read_some;
    rq->response.read_wait = wait_for_more;
    rq->response.read_ctx = rq->own;
}

static int read_making(void *ctx, int64_t offset, void *to, size_t len, struct err *e)
{
    const struct waiting *w = ctx;
    size_t got = 0;
    int rc = making_read(w->making, offset, to, len, &got, e);
    if (rc == 0 && got != len)
        rc = err_operator(e, ERR_INTERNAL, "internal error", "read beyond the end of a representation");
    return rc;
}

/* It was slept for, or done already. Its row may not be there yet, or have made room for others already, so
 * it is sent from what is held. */
static int send_held(struct request *rq, struct representation *rep, struct err *e)
{
    struct waiting *w = rq->own;
    int rc = making_outcome(w->making, e);
    if (rc < 0)
        return rc;
    if (rc == 0) {
        send_as_it_comes(rq, rep);
        return 0;
    }
    rep->size = making_made(w->making, &rep->sha256);
    rep->read = read_making;
    rep->ctx = w;
    return representation_send(rq, rep, e);
}

static void hold(struct request *rq, struct making *making)
{
    struct waiting *w = arena_alloc(&rq->arena, sizeof *w);
    *w = (struct waiting){.rq = rq, .making = making};
    rq->own = w;
    rq->done = release;
}

static int make(struct request *rq, const struct result *r, const struct conversion_options *o,
                const char *tag, struct representation *rep, struct err *e)
{
    struct making *making = NULL;
    int rc = making_get(api_session(rq), r, o, tag, &making, e);
    if (rc < 0)
        return rc;
    hold(rq, making);
    if (making_outcome(making, e) > 0)
        return send_held(rq, rep, e);
    bool whole = o->writer.format == FORMAT_XLSX || rq->http_1_0 || request_header(rq, "Range");
    rq->sleep = whole ? wait_for_the_end : wait_for_the_begin;
    return 0;
}

/* A HEAD makes nothing: it is answered by what is known. */
static int send_head(struct request *rq, const struct representation *rep)
{
    add_headers(rq, rep);
    response_empty(rq, 200);
    rq->response.size = -1;
    return 0;
}

int converted_send(struct request *rq, const struct result *r, const struct conversion_options *o,
                   struct err *e)
{
    char tag[DIGEST_SHA256_HEX];
    struct made made;
    struct making *making = NULL;
    int rc = result_require_live(api_session(rq), r, e);
    if (rc == 0)
        rc = convert_check(r, o, e);
    if (rc < 0)
        return rc;
    convert_tag(r, o, tag);
    const struct format_words *words = &format_words[o->writer.format];
    struct representation rep = {
        .media_type = words->media_type,
        .etag = arena_printf(&rq->arena, "\"%s\"", tag),
        .modified = r->created_at,
        .file_name = deliver_file_name_as(&rq->arena, r, words->extension),
        .fd = -1,
        .size = -1,
    };
    response_header(rq, "Vary", "Accept");
    if (rq->own)
        return send_held(rq, &rep, e);
    if (making_find(&api_app(rq)->core, tag, &making)) {
        hold(rq, making);
        return send_held(rq, &rep, e);
    }
    rc = deliver_made(api_session(rq), tag, &made, e);
    if (rc > 0)
        return send_made(rq, &rep, &made, e);
    if (rc == 0)
        rc = representation_check(rq, &rep, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return rq->method == HTTP_HEAD ? send_head(rq, &rep) : make(rq, r, o, tag, &rep, e);
}
