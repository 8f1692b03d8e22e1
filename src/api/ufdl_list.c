/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UFDL's lists have no pages: the answer is the whole array. A thread of a pool writes it as fast as the
 * database gives rows, into a spool (core/spool.h), and the connection sends from there as fast as the client
 * takes it. What is short is answered whole, with its length.
 */
#include "api/ufdl.h"

#include "core/spool.h"

#include <stdlib.h>

enum {
    LONGEST = 128 << 10, /* of a FilterSpec, which has some hundred expressions at most */
    DEEPEST = 8,         /* of its nesting */
    PIECE = 32 << 10,
};

/* What one list is made of; lives as long as the spool. */
struct listing {
    struct arena arena;
    const struct ufdl_listing *what;
    struct filter filter;
};

struct ufdl_rows {
    struct arena arena;
    struct json_out out;
    struct spool *to;
};

static void free_listing(void *ctx)
{
    struct listing *l = ctx;
    arena_free(&l->arena);
    free(l);
}

/* --- making: in a thread of the pool --- */

static int flush(struct ufdl_rows *rows, struct err *e)
{
    int rc = spool_write(rows->to, rows->out.buf.bytes, rows->out.buf.len, e);
    rows->out.buf.len = 0;
    return rc;
}

struct json_out *ufdl_row_begin(struct ufdl_rows *rows)
{
    return &rows->out;
}

int ufdl_row_end(struct ufdl_rows *rows, struct err *e)
{
    return rows->out.buf.len < PIECE ? 0 : flush(rows, e);
}

static int make(struct session *s, struct spool *to, void *ctx, struct err *e)
{
    struct listing *l = ctx;
    struct ufdl_rows rows = {.to = to};
    rows.out.buf.arena = &rows.arena;
    json_begin_array(&rows.out);
    int rc = l->what->each(s, &l->filter, &rows, e);
    json_end_array(&rows.out);
    if (rc == 0)
        rc = flush(&rows, e);
    arena_free(&rows.arena);
    return rc;
}

/* --- answering: in the event loop --- */

struct answer {
    struct request *rq;
    struct spool *spool;
    int64_t sent;
};

static void let_go(struct request *rq)
{
    spool_free(((struct answer *)rq->own)->spool);
}

static bool wait_for_some(struct request *rq)
{
    return spool_wait(((struct answer *)rq->own)->spool, INT64_MAX, api_wake, rq);
}

static int read_spec(struct request *rq, struct listing *l, struct err *e)
{
    const struct json *body = NULL;
    int rc = 0;
    if (rq->body_len > LONGEST)
        return err_set(e, ERR_BAD_VALUE, "Unable to parse JSON: a filter may have at most %d bytes", LONGEST);
    if (rq->body_len)
        rc = json_parse(&l->arena, arena_copy(&l->arena, rq->body, rq->body_len), rq->body_len, DEEPEST,
                        &body, e);
    if (rc < 0)
        return rc;
    return ufdl_filter_parse(&l->arena, body, l->what->fields, l->what->count, &l->filter, e);
}

static int start(struct request *rq, const struct ufdl_listing *what, struct err *e)
{
    struct listing *l = mem_alloc(sizeof *l);
    struct answer *a = arena_alloc(&rq->arena, sizeof *a);
    *l = (struct listing){.what = what};
    a->rq = rq;
    int rc = read_spec(rq, l, e);
    if (rc == 0)
        rc = spool_start(api_session(rq), make, l, free_listing, &a->spool, e);
    if (rc < 0) {
        free_listing(l);
        return rc;
    }
    rq->own = a;
    rq->done = let_go;
    rq->sleep = wait_for_some;
    return 0;
}

static int read_some(void *ctx, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    struct answer *a = ctx;
    int rc = spool_read(a->spool, offset, to, max, ret_len, e);
    a->sent = offset + (int64_t)*ret_len;
    return rc == 0 && *ret_len == 0 ? RESPONSE_LATER : rc < 0 ? rc : 0;
}

static bool read_wait(void *ctx)
{
    struct answer *a = ctx;
    return spool_wait(a->spool, a->sent, api_wake, a->rq);
}

static int send(struct request *rq, struct err *e)
{
    struct answer *a = rq->own;
    const void *bytes;
    size_t len;
    int rc = spool_outcome(a->spool, &bytes, &len, e);
    if (rc < 0)
        return rc;
    response_bytes(rq, 200, "application/json", bytes, len);
    ufdl_headers(rq);
    if (rc == 0 || !bytes) {
        rq->response.size = -1;
        rq->response.read_some = read_some;
        rq->response.read_wait = read_wait;
        rq->response.read_ctx = a;
    }
    return 0;
}

int ufdl_list(struct request *rq, const struct ufdl_listing *l, struct err *e)
{
    return rq->own ? send(rq, e) : start(rq, l, e);
}
