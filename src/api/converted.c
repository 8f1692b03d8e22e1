/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending a converted result; see converted.h. What was made before is sent like any stored file. What is
 * being made is sent as it comes, its length unknown: the handler sleeps until it is known that what was
 * asked can be made, and runs once more. Who asks for a range, or speaks HTTP/1.0, or wants a spreadsheet
 * sleeps until it is whole.
 */
#include "api/converted.h"

#include "core/format.h"
#include "core/look.h"
#include "core/making.h"
#include "core/result.h"
#include "http/representation.h"

struct waiting {
    struct request *rq;
    struct look *look;     /* NULL: not needed */
    struct making *making; /* NULL: not asked for */
    struct made made;      /* of `blob` not NULL: whether it is there is not known yet */
    struct making_waiter waiter;
};

static void release(struct request *rq)
{
    struct waiting *w = rq->own;
    making_release(w->making);
    look_free(w->look);
    deliver_close(w->made.blob);
}

static struct waiting *waiting(struct request *rq)
{
    struct waiting *w = rq->own;
    if (!w) {
        w = arena_alloc(&rq->arena, sizeof *w);
        *w = (struct waiting){.rq = rq};
        rq->own = w;
        rq->done = release;
    }
    return w;
}

/* --- made already --- */

static int send_made(struct request *rq, struct representation *rep, const struct made *m, struct err *e)
{
    rep->sha256 = m->sha256;
    rep->size = m->size;
    api_source_of(rq, m->blob, m->key, rep);
    return representation_send(rq, rep, e);
}

static bool wait_for_made(struct request *rq)
{
    struct waiting *w = rq->own;
    return deliver_wait(w->made.blob, api_wake, rq);
}

/* 1: it is there, and the caller's to close; 0: it is not, as if it had never been made; or this handler runs
 * once more when that is known: *ret_later. */
static int find_made(struct request *rq, const char *tag, struct made *ret, bool *ret_later, struct err *e)
{
    struct waiting *w = rq->own;
    bool known = w && w->made.blob;
    int rc = 1;
    if (known)
        *ret = w->made;
    else
        rc = deliver_made(api_session(rq), tag, ret, e);
    if (rc > 0)
        rc = deliver_look(ret, e);
    *ret_later = rc == DELIVER_UNKNOWN;
    if (known && !*ret_later)
        w->made.blob = NULL;
    if (!*ret_later)
        return rc;
    if (!known) {
        waiting(rq)->made = *ret;
        waiting(rq)->made.sha256 = arena_strdup(&rq->arena, ret->sha256);
    }
    rq->sleep = wait_for_made;
    return 0;
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
    rq->response.to_end = true;
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

static int make(struct request *rq, const struct result *r, const struct conversion_options *o,
                const char *tag, struct representation *rep, struct err *e)
{
    struct making *making = NULL;
    int rc = making_get(api_session(rq), r, o, tag, &making, e);
    if (rc < 0)
        return rc;
    waiting(rq)->making = making;
    if (making_outcome(making, e) > 0)
        return send_held(rq, rep, e);
    bool whole = o->writer.format == FORMAT_XLSX || rq->http_1_0 || request_header(rq, "Range");
    rq->sleep = whole ? wait_for_the_end : wait_for_the_begin;
    return 0;
}

/* --- nothing is made --- */

static bool start_look(struct request *rq)
{
    const struct waiting *w = rq->own;
    look_start(w->look, api_wake, rq);
    return true;
}

/* Whether it may be answered without making anything, though what is asked for may be wrong. */
static bool must_look(struct request *rq, const struct conversion_options *o)
{
    static const char *const conditions[] = {"If-Match", "If-None-Match", "If-Modified-Since",
                                             "If-Unmodified-Since"};
    bool conditional = rq->method == HTTP_HEAD;
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++)
        conditional = conditional || request_header(rq, conditions[i]);
    return conditional && (o->fields || o->omit || o->where_count || o->nested_is_json);
}

/* 1: it was looked and what is asked for can be had, or need not be looked; 0: the handler sleeps. */
static int look(struct request *rq, const struct result *r, const struct conversion_options *o, struct err *e)
{
    if (!must_look(rq, o))
        return 1;
    struct waiting *w = waiting(rq);
    if (w->look)
        return look_outcome(w->look, e) < 0 ? e->code : 1;
    rq->sleep = start_look;
    return look_new(api_session(rq), r, o, &w->look, e);
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
    bool later = false;
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
    api_count_download(rq, r);
    const struct waiting *w = rq->own;
    if (w && w->making)
        return send_held(rq, &rep, e);
    bool known = w && w->made.blob; /* it was looked for there before */
    if (!known && making_find(&api_app(rq)->core, tag, &making)) {
        waiting(rq)->making = making;
        return send_held(rq, &rep, e);
    }
    rc = find_made(rq, tag, &made, &later, e);
    if (later)
        return 0;
    if (rc > 0)
        return send_made(rq, &rep, &made, e);
    if (rc == 0)
        rc = look(rq, r, o, e);
    if (rc <= 0)
        return rc;
    rc = representation_check(rq, &rep, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return rq->method == HTTP_HEAD ? send_head(rq, &rep) : make(rq, r, o, tag, &rep, e);
}
