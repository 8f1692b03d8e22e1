/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header and body; see exchange.h. libmicrohttpd takes an answer only before a body, which ends the
 * connection, or after it, never in its middle. What fails in the middle goes on receiving without keeping
 * (swallowing), up to SWALLOW_LIMIT, and is answered then.
 */
#include "http/exchange.h"

#include "base/buf.h"
#include "base/clock.h"
#include "http/address.h"
#include "http/cors.h"
#include "http/fields.h"
#include "http/target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    SWALLOW_SMALL = 1 << 20,  /* a refused body up to this size is received before the answer, which keeps the
                                 connection usable; a larger one is cut off */
    SWALLOW_LIMIT = 64 << 20, /* of a body that failed in its middle */
    HOST_LONGEST = 255,
};

static bool valid_request_id(const char *id)
{
    size_t len = id ? strlen(id) : 0;
    return len > 0 && len <= 64 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static enum http_method parse_method(const char *m)
{
    for (int i = 0; i < HTTP_OTHER; i++)
        if (strcmp(m, http_method_names[i]) == 0)
            return (enum http_method)i;
    return HTTP_OTHER;
}

static int read_framing(struct exchange *x, struct err *e)
{
    int rc = fields_parse_framing(request_header_list(&x->rq, "Content-Length"),
                                  request_header_list(&x->rq, "Transfer-Encoding"), x->rq.http_1_0,
                                  &x->rq.content_length, e);
    x->rq.has_body = x->rq.content_length != 0;
    return rc;
}

static int check_header_size(struct exchange *x, struct err *e)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info && (int64_t)info->header_size > x->server->options.header_limit)
        return err_set(e, ERR_HEADER_TOO_LARGE, "the header of a request may have at most %lld bytes",
                       (long long)x->server->options.header_limit);
    if (strlen(x->rq.raw_path) > TARGET_LONGEST)
        return err_set(e, ERR_URI_TOO_LONG, "an address may have at most %d bytes", TARGET_LONGEST);
    return 0;
}

struct hosts {
    int count;
    bool valid;
};

static enum MHD_Result see_host(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct hosts *h = ctx;
    struct address_place place;
    (void)kind;
    if (strcasecmp(name, "Host") != 0)
        return MHD_YES;
    size_t len = value ? strlen(value) : 0;
    h->count++;
    h->valid = h->valid && (len == 0 || (len <= HOST_LONGEST && address_parse_place(value, len, &place)));
    return MHD_YES;
}

/* RFC 9112 section 3.2. Links in answers are made of it, so nothing else may get through. */
static int check_host(struct exchange *x, struct err *e)
{
    struct hosts h = {.valid = true};
    (void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, see_host, &h);
    if (h.valid && (h.count == 1 || (h.count == 0 && x->rq.http_1_0)))
        return 0;
    return err_set(e, ERR_BAD_REQUEST,
                   "a request needs one header field Host, which is a name or an address "
                   "and, if need be, a port");
}

static int check_blanks(const struct exchange *x, struct err *e)
{
    const char *query = x->rq.raw_query;
    if (!strpbrk(x->rq.raw_path, " \t") && !(query && strpbrk(query, " \t")))
        return 0;
    return err_set(e, ERR_BAD_REQUEST, "an address has no blanks: they are written %%20");
}

static int check_body_size(struct exchange *x, struct err *e)
{
    int64_t limit = x->server->options.body_limit(x->server->hooks.ctx);
    if (x->rq.route->body == BODY_WHOLE && x->rq.content_length > limit)
        return err_set(e, ERR_TOO_LARGE, "a body may have at most %lld bytes here", (long long)limit);
    return 0;
}

static int find_target(struct exchange *x, struct err *e)
{
    int rc = target_find(&x->rq, x->server->mounts, e);
    int other = check_header_size(x, e);
    if (other == 0)
        other = check_host(x, e);
    if (other == 0)
        other = check_blanks(x, e);
    if (other < 0)
        return other;
    if (rc < 0)
        return rc;
    if (atomic_load(&x->server->draining))
        return err_set(e, ERR_SHUTTING_DOWN, "the server is being stopped; try again in a moment");
    if (!x->rq.api->as_sent)
        rc = target_parse_query(&x->rq.arena, x->rq.raw_query, &x->rq.query, e);
    return rc < 0 ? rc : check_body_size(x, e);
}

/*
 * The refusal is rendered; before or after the body is the question. Before it means to lose the connection,
 * which libmicrohttpd then closes.
 */
static enum MHD_Result refuse(struct exchange *x)
{
    if (!x->rq.has_body)
        return MHD_YES;
    bool small = x->rq.content_length >= 0 && x->rq.content_length <= SWALLOW_SMALL;
    if (small && !request_header(&x->rq, "Expect") && x->rq.response.status != 413) {
        x->swallowing = true;
        return MHD_YES;
    }
    conn_linger(x->conn);
    return exchange_answer(x);
}

/* Nobody knows where its body ends: what follows on the connection is not looked at. */
static enum MHD_Result cut_off(struct exchange *x)
{
    x->last = true;
    conn_linger(x->conn);
    return exchange_answer(x);
}

static void read_origin(struct exchange *x)
{
    const char *list = x->server->options.cors_origins();
    x->cors = *list != '\0';
    const char *origin = x->cors ? request_header(&x->rq, "Origin") : NULL;
    x->cors_allow = origin ? cors_allow(list, origin) : NULL;
}

/* Of an allowed origin, and of an address that there is: the answer to any other is an error like any. */
static bool is_preflight(struct exchange *x, int found)
{
    return x->rq.method == HTTP_OPTIONS && x->cors_allow && (found == 0 || found == ERR_METHOD) &&
           request_header(&x->rq, "Access-Control-Request-Method");
}

static int admit_and_begin(struct request *rq, struct err *e)
{
    int rc = rq->api->admit(rq, e);
    if (rc == 0 && rq->route->begin)
        rc = rq->route->begin(rq, e);
    return rc;
}

static int admit_and_handle(struct request *rq, struct err *e)
{
    int rc = rq->api->admit(rq, e);
    return rc < 0 ? rc : rq->route->handle(rq, e);
}

static enum MHD_Result answer_preflight(struct exchange *x)
{
    cors_answer_preflight(&x->rq, target_methods(&x->rq));
    x->answer_ready = true;
    return refuse(x);
}

/* What has no body and only reads is handled when its header is there. */
static bool answers_at_once(const struct exchange *x)
{
    return !x->rq.has_body && x->rq.route->mode == R_READ;
}

static enum MHD_Result admitted(struct exchange *x)
{
    if (answers_at_once(x))
        return MHD_YES;        /* exchange_close does */
    if (x->rq.response.status) /* refused */
        return refuse(x);
    x->answer_ready = false;
    if (x->rq.has_body)
        exchange_timeout(x, x->server->options.body_timeout);
    return MHD_YES;
}

enum MHD_Result exchange_open(struct exchange *x, const char *method)
{
    struct err e;
    struct err framing;
    const char *given = request_header(&x->rq, "X-Request-Id");
    x->started = clock_monotonic();
    x->rq.method = parse_method(method);
    x->rq.id = valid_request_id(given) ? arena_strdup(&x->rq.arena, given) : x->id;
    atomic_fetch_add(&x->server->active, 1);
    if (!conn_deadline(x->conn, 0, false))
        return MHD_NO; /* it was told that it was too slow */
    bool framed = read_framing(x, &framing) == 0;
    read_origin(x);
    int rc = find_target(x, &e);
    if (!framed) {
        exchange_fail(x, &framing);
        return cut_off(x);
    }
    if (is_preflight(x, rc))
        return answer_preflight(x);
    if (rc < 0) {
        exchange_fail(x, &e);
        return refuse(x);
    }
    if (!answers_at_once(x))
        return exchange_try(x, admit_and_begin, admitted);
    return x->rq.route->no_database ? exchange_try(x, admit_and_handle, admitted)
                                    : exchange_read(x, admit_and_handle, admitted);
}

static void fail_in_middle(struct exchange *x, const struct err *e)
{
    exchange_fail(x, e);
    x->swallowing = true;
}

void exchange_drop_body(struct exchange *x)
{
    atomic_fetch_sub(&x->server->body_bytes, (long long)x->body_size);
    free(x->body);
    x->body = NULL;
    x->body_size = 0;
    x->rq.body = NULL;
    x->rq.body_len = 0;
}

/* Twice as much each time, but never more than the body may have. */
static int make_room(struct exchange *x, size_t need, int64_t limit, struct err *e)
{
    int64_t most = x->rq.content_length >= 0 ? x->rq.content_length + 1 : limit + 1;
    size_t size = 2 * x->body_size < (size_t)most ? 2 * x->body_size : (size_t)most;
    if (size < need)
        size = need;
    long long more = (long long)(size - x->body_size);
    if (atomic_fetch_add(&x->server->body_bytes, more) + more > x->server->options.body_memory) {
        atomic_fetch_sub(&x->server->body_bytes, more);
        return err_set(e, ERR_BUSY, "too many bodies are on their way here; try again in a moment");
    }
    x->body = mem_realloc(x->body, size);
    x->body_size = size;
    return 0;
}

static void collect(struct exchange *x, const char *bytes, size_t len)
{
    struct err e;
    size_t need = x->rq.body_len + len + 1;
    int64_t limit = x->server->options.body_limit(x->server->hooks.ctx);
    int rc = 0;
    if ((int64_t)(need - 1) > limit)
        rc = err_set(&e, ERR_TOO_LARGE, "a body may have at most %lld bytes here", (long long)limit);
    else if (need > x->body_size)
        rc = make_room(x, need, limit, &e);
    if (rc < 0) {
        exchange_drop_body(x);
        fail_in_middle(x, &e);
        return;
    }
    memcpy(x->body + x->rq.body_len, bytes, len);
    x->rq.body_len += len;
    x->body[x->rq.body_len] = '\0';
    x->rq.body = x->body;
}

static enum MHD_Result feed_sink(struct exchange *x, const char *bytes, size_t len)
{
    struct err e;
    int rc = x->rq.sink_ops->feed(x->rq.sink, bytes, len, &e);
    if (rc < 0)
        fail_in_middle(x, &e);
    if (rc <= 0)
        return MHD_YES;
    x->phase = PAUSED;
    if (!exchange_sleep(x))
        return MHD_NO;
    if (!x->rq.sink_ops->pause(x->rq.sink)) {
        x->phase = RECEIVING;
        exchange_wake(x);
    }
    return MHD_YES;
}

enum MHD_Result exchange_receive(struct exchange *x, const char *bytes, size_t *len)
{
    size_t size = *len;
    *len = 0;
    x->received += (int64_t)size;
    if (x->swallowing || x->rq.route->body == BODY_NONE) {
        x->swallowed += (int64_t)size;
        if (x->swallowed > SWALLOW_LIMIT)
            return MHD_NO;
    } else if (x->rq.route->body == BODY_WHOLE) {
        collect(x, bytes, size);
    } else {
        return feed_sink(x, bytes, size);
    }
    return MHD_YES;
}

/* The handler cannot answer yet. */
static enum MHD_Result sleep_before_answer(struct exchange *x)
{
    bool (*wait)(struct request * rq) = x->rq.sleep;
    x->rq.sleep = NULL;
    x->answer_ready = false;
    x->again = true;
    if (!exchange_sleep(x))
        return MHD_NO;
    x->phase = WAITING;
    if (!wait(&x->rq))
        exchange_wake(x);
    return MHD_YES;
}

/* Where the first bytes come from elsewhere, it is not said that all is well before they are there. */
static enum MHD_Result begin_answer(struct exchange *x)
{
    struct err e;
    struct response *r = &x->rq.response;
    bool has_body = r->read_begin && x->rq.method != HTTP_HEAD && r->status != 304;
    int rc = has_body ? r->read_begin(r->read_ctx, &e) : 0;
    if (rc < 0)
        exchange_fail(x, &e);
    if (rc != RESPONSE_LATER)
        return exchange_answer(x);
    if (!exchange_sleep(x))
        return MHD_NO;
    x->phase = WAITING;
    if (!r->read_wait(r->read_ctx))
        exchange_wake(x);
    return MHD_YES;
}

static enum MHD_Result conclude(struct exchange *x)
{
    if (x->rq.sleep)
        return sleep_before_answer(x);
    if (x->answer_ready) {
        if (!x->rq.response.status)
            x->rq.route->render(&x->rq);
        return begin_answer(x);
    }
    if (!exchange_sleep(x))
        return MHD_NO;
    x->phase = ENDING;
    if (!x->rq.sink || x->rq.sink_ops->end(x->rq.sink))
        exchange_write(x);
    return MHD_YES;
}

enum MHD_Result exchange_close(struct exchange *x)
{
    if (x->gone)
        return MHD_NO;
    if (x->again) {
        x->again = false;
        exchange_reset_response(&x->rq);
        return exchange_read(x, x->rq.then ? x->rq.then : x->rq.route->handle, conclude);
    }
    if (!x->answer_ready && x->rq.route->mode == R_READ)
        return exchange_read(x, x->rq.route->handle, conclude);
    return conclude(x);
}
