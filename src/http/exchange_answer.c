/* SPDX-License-Identifier: Apache-2.0 */
/* Errors and answers; see exchange.h. */
#include "http/exchange.h"

#include "base/log.h"
#include "http/cors.h"

#include <string.h>
#include <unistd.h>

enum {
    READ_BLOCK = 64 << 10,
    FETCH_BLOCK = 256 << 10, /* of what is read elsewhere: the change of threads costs more than a copy */
};

/* --- errors --- */

void exchange_reset_response(struct request *rq)
{
    struct response *r = &rq->response;
    if (r->fd >= 0)
        (void)close(r->fd);
    if (r->read_done)
        r->read_done(r->read_ctx);
    *r = (struct response){.fd = -1};
}

/* A 416 keeps the Content-Range that its handler set; nothing else of an abandoned answer is kept. */
static void keep_content_range(struct request *rq, const struct err *e)
{
    const char *value = NULL;
    for (int i = 0; e->code == ERR_RANGE && i < rq->response.header_count; i++)
        if (strcmp(rq->response.headers[i].name, "Content-Range") == 0)
            value = rq->response.headers[i].value;
    exchange_reset_response(rq);
    if (value)
        response_header(rq, "Content-Range", value);
}

void exchange_fail(struct exchange *x, const struct err *e)
{
    struct request *rq = &x->rq;
    if (*e->log)
        log_line(
            LOG_ERROR, "a request failed",
            (struct log_field[]){{"request", rq->id}, {"code", err_public(e->code)}, {"error", e->log}, {0}});
    keep_content_range(rq, e);
    if (e->code == ERR_METHOD && rq->allow)
        response_header(rq, "Allow", rq->allow);
    if (err_retryable(e->code))
        response_header(rq, "Retry-After", e->code == ERR_READ_ONLY ? "60" : "1"); /* a move takes a while */
    rq->api->fail(rq, e);
    x->answer_ready = true;
}

/* --- sending --- */

static ssize_t breaks_off(const struct exchange *x, const struct err *e)
{
    log_line(LOG_WARN, "an answer breaks off",
             (struct log_field[]){{"request", x->rq.id}, {"error", *e->log ? e->log : e->detail}, {0}});
    return MHD_CONTENT_READER_END_WITH_ERROR; /* never a clean end of a short body */
}

static ssize_t read_block(void *cls, uint64_t pos, char *to, size_t max)
{
    struct exchange *x = cls;
    struct response *r = &x->rq.response;
    struct err e;
    size_t left = (size_t)(r->size - (int64_t)pos);
    if (left == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (max > left)
        max = left;
    if (r->read(r->read_ctx, (int64_t)pos, to, max, &e) < 0)
        return breaks_off(x, &e);
    return (ssize_t)max;
}

/* 0 is "not yet" to the library, and only said while the connection sleeps. */
static ssize_t read_what_there_is(void *cls, uint64_t pos, char *to, size_t max)
{
    struct exchange *x = cls;
    struct response *r = &x->rq.response;
    struct err e;
    size_t len = 0;
    bool has_end = r->size >= 0;
    if (has_end && (int64_t)max > r->size - (int64_t)pos)
        max = (size_t)(r->size - (int64_t)pos);
    if (max == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (x->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    int rc = r->read_some(r->read_ctx, (int64_t)pos, to, max, &len, &e);
    x->sent = (int64_t)pos + (int64_t)len;
    if (rc < 0)
        return breaks_off(x, &e);
    if (rc != RESPONSE_LATER && len == 0)
        return has_end ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    if (rc != RESPONSE_LATER)
        return (ssize_t)len;
    if (!exchange_sleep(x))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    x->phase = SENDING;
    if (!r->read_wait(r->read_ctx))
        exchange_wake(x);
    return 0;
}

static int fetch_piece(struct fetch *f)
{
    const struct response *r = &f->x->rq.response;
    size_t max = FETCH_BLOCK;
    if (r->size >= 0 && (int64_t)max > r->size - f->at)
        max = (size_t)(r->size - f->at);
    f->len = r->read_some ? 0 : max;
    return r->read_some ? r->read_some(r->read_ctx, f->at, f->bytes, max, &f->len, &f->error)
                        : r->read(r->read_ctx, f->at, f->bytes, max, &f->error);
}

/* In a thread that may wait, while the connection sleeps. */
static void run_fetch(struct pool_task *task)
{
    struct fetch *f = (struct fetch *)task;
    const struct response *r = &f->x->rq.response;
    int rc;
    do {
        f->rc = rc = fetch_piece(f);
        if (rc == RESPONSE_LATER && r->read_wait(r->read_ctx))
            return; /* whoever wakes it: it is the event loop's from then on */
    } while (rc == RESPONSE_LATER);
    exchange_wake(f->x);
}

static ssize_t start_fetch(struct exchange *x, uint64_t pos)
{
    struct fetch *f = x->fetch;
    if (!exchange_sleep(x))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    x->phase = SENDING;
    f->at = (int64_t)pos;
    f->len = 0;
    f->rc = RESPONSE_LATER;
    pool_add(x->server->hooks.senders, &f->task);
    return 0;
}

static ssize_t take_fetched(struct fetch *f, uint64_t pos, char *to, size_t max)
{
    size_t from = (size_t)((int64_t)pos - f->at);
    size_t n = f->len - from < max ? f->len - from : max;
    memcpy(to, f->bytes + from, n);
    f->x->sent = (int64_t)pos + (int64_t)n;
    if (from + n == f->len)
        f->rc = RESPONSE_LATER;
    return (ssize_t)n;
}

/* Like read_block and read_what_there_is, of what another thread has read. */
static ssize_t read_fetched(void *cls, uint64_t pos, char *to, size_t max)
{
    struct exchange *x = cls;
    struct fetch *f = x->fetch;
    int64_t size = x->rq.response.size;
    if ((int64_t)pos == size)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (x->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (f->rc == RESPONSE_LATER)
        return start_fetch(x, pos);
    if (f->rc < 0)
        return breaks_off(x, &f->error);
    if (f->len == 0)
        return size >= 0 ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    return take_fetched(f, pos, to, max);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the library's */
static ssize_t read_nothing(void *cls, uint64_t pos, char *to, size_t max)
{
    (void)cls;
    (void)pos;
    (void)to;
    (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

void exchange_timeout(struct exchange *x, int64_t seconds)
{
    (void)MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)seconds);
    x->other_timeout = true;
}

static void prepare_fetch(struct exchange *x)
{
    const struct response *r = &x->rq.response;
    size_t size = r->size >= 0 && r->size < FETCH_BLOCK ? (size_t)r->size : FETCH_BLOCK;
    x->fetch = arena_alloc(&x->rq.arena, sizeof *x->fetch);
    *x->fetch = (struct fetch){.task = {.run = run_fetch}, .x = x, .rc = RESPONSE_LATER};
    x->fetch->bytes = arena_alloc(&x->rq.arena, size);
}

static MHD_ContentReaderCallback reader_of(struct exchange *x)
{
    const struct response *r = &x->rq.response;
    if (r->slow && x->server->hooks.senders && x->rq.method != HTTP_HEAD) {
        prepare_fetch(x);
        return read_fetched;
    }
    return r->size < 0 || r->read_some ? read_what_there_is : read_block;
}

static ssize_t read_watched(void *cls, uint64_t pos, char *to, size_t max)
{
    struct exchange *x = cls;
    loops_enter(x->server->loops);
    ssize_t n = x->reader(x, pos, to, max);
    loops_leave();
    return n;
}

static struct MHD_Response *make_response(struct exchange *x)
{
    struct response *r = &x->rq.response;
    struct MHD_Response *m;
    if (r->status == 304) /* no body follows, whatever its length says */
        return MHD_create_response_from_callback((uint64_t)r->size, READ_BLOCK, read_nothing, NULL, NULL);
    if (r->size < 0 || r->read_some || r->read) {
        uint64_t size = r->size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)r->size;
        exchange_timeout(x, x->server->options.body_timeout);
        x->reader = reader_of(x);
        return MHD_create_response_from_callback(size, READ_BLOCK, read_watched, x, NULL);
    }
    if (r->fd < 0)
        return MHD_create_response_from_buffer((size_t)r->size, (void *)(uintptr_t)r->bytes,
                                               MHD_RESPMEM_PERSISTENT);
    exchange_timeout(x, x->server->options.body_timeout);
    m = MHD_create_response_from_fd_at_offset64((uint64_t)r->size, r->fd, (uint64_t)r->offset);
    if (m)
        r->fd = -1; /* closed with the response */
    return m;
}

/* A body that is not sent and has no known length: the library would chunk it all the same, and the end of
 * those chunks would be read as the begin of the next answer. It does not where it closes the connection. */
static bool has_no_frame(const struct exchange *x)
{
    const struct response *r = &x->rq.response;
    return r->size < 0 && (r->status == 304 || x->rq.method == HTTP_HEAD);
}

static bool add_header(struct MHD_Response *m, const char *name, const char *value)
{
    return MHD_add_response_header(m, name, value) == MHD_YES;
}

/* Vary also to those who are told nothing: no cache may give their answer to a page that is. In one line with
 * what the handler says, since proxies know how to pass on one. */
static bool add_vary(struct MHD_Response *m, struct exchange *x)
{
    struct response *r = &x->rq.response;
    for (int i = 0; i < r->header_count; i++)
        if (strcmp(r->headers[i].name, "Vary") == 0) {
            r->headers[i].value = arena_printf(&x->rq.arena, "Origin, %s", r->headers[i].value);
            return true;
        }
    return add_header(m, "Vary", "Origin");
}

static bool add_cors(struct MHD_Response *m, struct exchange *x)
{
    if (!x->cors)
        return true;
    bool good = add_vary(m, x);
    if (x->cors_allow)
        good = good && add_header(m, "Access-Control-Allow-Origin", x->cors_allow) &&
               add_header(m, "Access-Control-Expose-Headers", cors_exposed);
    return good;
}

/* Over plain HTTP it would be ignored (RFC 6797 section 8.1). */
static bool add_hsts(struct MHD_Response *m, struct exchange *x)
{
    const struct server_options *o = &x->server->options;
    if (!o->tls || o->hsts == 0)
        return true;
    return add_header(m, "Strict-Transport-Security",
                      arena_printf(&x->rq.arena, "max-age=%lld", (long long)o->hsts));
}

enum MHD_Result exchange_answer(struct exchange *x)
{
    struct response *r = &x->rq.response;
    struct MHD_Response *m = make_response(x);
    if (!m)
        return MHD_NO;
    bool good = add_header(m, "X-Request-Id", x->rq.id) && add_cors(m, x) && add_hsts(m, x);
    for (int i = 0; i < r->header_count; i++)
        good = good && add_header(m, r->headers[i].name, r->headers[i].value);
    if (has_no_frame(x))
        good = good && MHD_set_response_options(m, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END) == MHD_YES;
    if (x->last || atomic_load(&x->server->draining))
        good = good && add_header(m, "Connection", "close");
    enum MHD_Result rc = good ? MHD_queue_response(x->connection, (unsigned)r->status, m) : MHD_NO;
    MHD_destroy_response(m);
    return rc;
}
