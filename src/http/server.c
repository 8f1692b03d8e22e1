/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See server.h. An exchange is one request and its answer; libmicrohttpd calls us for it in its event-loop
 * thread:
 *
 *   on_uri        the request line is there: the exchange is made
 *   on_request    1. the header is there      → open_exchange: route, admit; run what needs no body
 *                 2. each piece of the body   → receive_piece
 *                 3. the body is complete     → close_body: run the handler here, or suspend and queue it
 *                 4. resumed                  → answer
 *   on_completed  sent, or given up           → counted, logged, freed
 *
 * A handler that sleeps runs again in 3, and so does what follows a write (request.h: `then`).
 *
 * While a connection is suspended nothing but the thread that will resume it touches its exchange. A
 * connection is always suspended before the work that will wake it is handed out, so that the wake cannot
 * come first.
 *
 * libmicrohttpd takes an answer only before a body, which ends the connection, or after it, never in its
 * middle. What fails in the middle goes on receiving without keeping (swallowing), up to SWALLOW_LIMIT, and
 * is answered then.
 */
#include "http/server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "http/alarm.h"
#include "http/connections.h"
#include "http/cors.h"
#include "http/listen.h"
#include "http/mount.h"
#include "http/target.h"

#include <assert.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdatomic.h>

enum {
    SWALLOW_SMALL = 1 << 20,  /* a refused body up to this size is received before the answer, which keeps the
                                 connection usable; a larger one is cut off */
    SWALLOW_LIMIT = 64 << 20, /* of a body that failed in its middle */
    READ_BLOCK = 64 << 10,
    REQUEST_ID_LEN = 20,
};

struct server {
    struct server_options options;
    struct server_hooks hooks;
    const struct api_mount *mounts;
    struct MHD_Daemon *daemon;
    struct connections *connections;
    struct metrics *metrics;
    struct alarm *alarm;
    int listen_fd;
    int quiesced_fd; /* the same, once it is ours again; -1 before */
    atomic_bool draining;
    atomic_bool closing; /* drained long enough: connections are cut off instead of put to sleep */
    atomic_int active;   /* exchanges between their header and their end */
    atomic_int asleep;   /* suspended connections: libmicrohttpd cannot be stopped while there are any */
};

enum phase { RECEIVING, PAUSED, ENDING, QUEUED, WAITING, SENDING };

struct exchange {
    struct request rq; /* first, so that one is the other */
    struct server *server;
    struct MHD_Connection *connection;
    struct conn *conn;
    int fd;          /* the library's */
    int64_t started; /* monotonic; 0: the header is not complete */
    int64_t received;
    int64_t swallowed; /* of that, since the answer is known */
    int64_t sent;      /* of an answer whose length was not known */
    enum phase phase;
    bool swallowing;   /* the answer is known, the rest of the body is not wanted */
    bool answer_ready; /* rq.response is complete */
    bool other_timeout;
    bool gone;              /* nobody is there to be answered */
    bool again;             /* the handler has slept and is to be run once more */
    bool cors;              /* the answer depends on who asks */
    const char *cors_allow; /* what this origin is told; NULL: nothing */
    struct alarm_wait wait;
    size_t body_size; /* allocated for rq.body */
    char *body;
    char id[REQUEST_ID_LEN + 1];
};

static struct exchange *of(struct request *rq)
{
    return (struct exchange *)rq;
}

const char *request_header(struct request *rq, const char *name)
{
    return MHD_lookup_connection_value(of(rq)->connection, MHD_HEADER_KIND, name);
}

/* --- errors --- */

static void reset_response(struct request *rq)
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
    reset_response(rq);
    if (value)
        response_header(rq, "Content-Range", value);
}

static void render_error(struct exchange *x, const struct err *e)
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
        response_header(rq, "Retry-After", "1");
    rq->api->fail(rq, e);
    x->answer_ready = true;
}

/* --- sending --- */

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
    if (r->read(r->read_ctx, (int64_t)pos, to, max, &e) < 0) {
        log_line(LOG_ERROR, "an answer breaks off",
                 (struct log_field[]){{"request", x->rq.id}, {"error", e.log}, {0}});
        return MHD_CONTENT_READER_END_WITH_ERROR; /* never a clean end of a short body */
    }
    return (ssize_t)max;
}

static bool fall_asleep(struct exchange *x);
static void wake_up(struct exchange *x);

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
    if (rc < 0) {
        log_line(LOG_WARN, "an answer breaks off",
                 (struct log_field[]){{"request", x->rq.id}, {"error", *e.log ? e.log : e.detail}, {0}});
        return MHD_CONTENT_READER_END_WITH_ERROR; /* never a clean end of a short body */
    }
    if (rc != RESPONSE_LATER && len == 0)
        return has_end ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    if (rc != RESPONSE_LATER)
        return (ssize_t)len;
    if (!fall_asleep(x))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    x->phase = SENDING;
    if (!r->read_wait(r->read_ctx))
        wake_up(x);
    return 0;
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

static void set_timeout(struct exchange *x, int64_t seconds)
{
    (void)MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)seconds);
    x->other_timeout = true;
}

static struct MHD_Response *make_response(struct exchange *x)
{
    struct response *r = &x->rq.response;
    struct MHD_Response *m;
    if (r->status == 304) /* no body follows, whatever its length says */
        return MHD_create_response_from_callback((uint64_t)r->size, READ_BLOCK, read_nothing, NULL, NULL);
    if (r->size < 0 || r->read_some) {
        uint64_t size = r->size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)r->size;
        set_timeout(x, x->server->options.body_timeout);
        return MHD_create_response_from_callback(size, READ_BLOCK, read_what_there_is, x, NULL);
    }
    if (r->read) {
        set_timeout(x, x->server->options.body_timeout);
        return MHD_create_response_from_callback((uint64_t)r->size, READ_BLOCK, read_block, x, NULL);
    }
    if (r->fd < 0)
        return MHD_create_response_from_buffer((size_t)r->size, (void *)(uintptr_t)r->bytes,
                                               MHD_RESPMEM_PERSISTENT);
    set_timeout(x, x->server->options.body_timeout);
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

/* Vary also to those who are told nothing: no cache may give their answer to a page that is. */
static bool add_cors(struct MHD_Response *m, const struct exchange *x)
{
    if (!x->cors)
        return true;
    bool good = add_header(m, "Vary", "Origin");
    if (x->cors_allow)
        good = good && add_header(m, "Access-Control-Allow-Origin", x->cors_allow) &&
               add_header(m, "Access-Control-Expose-Headers", cors_exposed);
    return good;
}

static enum MHD_Result answer(struct exchange *x)
{
    struct response *r = &x->rq.response;
    struct MHD_Response *m = make_response(x);
    if (!m)
        return MHD_NO;
    bool good = add_header(m, "X-Request-Id", x->rq.id) && add_cors(m, x);
    for (int i = 0; i < r->header_count; i++)
        good = good && add_header(m, r->headers[i].name, r->headers[i].value);
    if (has_no_frame(x))
        good = good && MHD_set_response_options(m, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END) == MHD_YES;
    if (atomic_load(&x->server->draining))
        good = good && add_header(m, "Connection", "close");
    enum MHD_Result rc = good ? MHD_queue_response(x->connection, (unsigned)r->status, m) : MHD_NO;
    MHD_destroy_response(m);
    return rc;
}

/* --- sleeping --- */

/* False: the server is closing, the caller cuts the connection off. */
static bool fall_asleep(struct exchange *x)
{
    atomic_fetch_add(&x->server->asleep, 1);
    if (atomic_load(&x->server->closing)) {
        atomic_fetch_sub(&x->server->asleep, 1);
        return false;
    }
    MHD_suspend_connection(x->connection);
    return true;
}

/*
 * In the event loop: until it has noticed a wake-up itself, whenever that was called. Suspending a second
 * time before that would spoil the library's lists and lose other connections.
 */
static bool is_asleep(struct exchange *x)
{
    return MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED)->suspended !=
           MHD_NO;
}

/* Any thread. The exchange belongs to its event loop from here on, and may be gone already on return. */
static void wake_up(struct exchange *x)
{
    struct server *s = x->server;
    MHD_resume_connection(x->connection);
    atomic_fetch_sub(&s->asleep, 1);
}

/* --- running handlers --- */

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

static int handle_in_writer(struct request *rq, struct err *e)
{
    reset_response(rq); /* of a run before this one */
    rq->then = NULL;
    return rq->route->handle(rq, e);
}

static void run_here(struct exchange *x, handler_fn *fn)
{
    struct err e;
    const struct server_hooks *h = &x->server->hooks;
    x->wait.seen = alarm_changes(x->server->alarm); /* before it looks: no change goes by unseen */
    if (h->read(h->ctx, &x->rq, fn, &e) < 0)
        render_error(x, &e);
    else
        x->answer_ready = true;
}

void server_finish(struct request *rq, int rc, const struct err *e)
{
    struct exchange *x = of(rq);
    if (rq->settled)
        rq->settled(rq, rc);
    if (rc < 0)
        render_error(x, e);
    x->again = rc == 0 && rq->then;
    x->answer_ready = true;
    wake_up(x);
}

/* The connection is suspended. */
static void queue_write(struct exchange *x)
{
    struct err e;
    const struct server_hooks *h = &x->server->hooks;
    x->phase = QUEUED;
    int rc = h->write(h->ctx, &x->rq, handle_in_writer, &e);
    if (rc < 0)
        server_finish(&x->rq, rc, &e);
}

void request_wake(struct request *rq)
{
    struct exchange *x = of(rq);
    if (x->phase == PAUSED)
        x->phase = RECEIVING;
    if (x->phase != ENDING) {
        wake_up(x);
        return;
    }
    queue_write(x);
}

/* 0: nothing of it has happened. */
static int poll_client(struct request *rq, short events)
{
    struct pollfd p = {.fd = of(rq)->fd, .events = events};
    return poll(&p, 1, 0) > 0 ? p.revents : 0;
}

bool request_was_left(struct request *rq)
{
    return poll_client(rq, POLLRDHUP) != 0;
}

bool request_gone(struct request *rq)
{
    struct exchange *x = of(rq);
    short end = x->phase == WAITING ? POLLRDHUP : 0;
    x->gone = x->gone || (poll_client(rq, end) & (end | POLLERR | POLLHUP)) != 0;
    return x->gone;
}

static bool wait_for_alarm(struct request *rq)
{
    struct exchange *x = of(rq);
    return alarm_add(x->server->alarm, &x->wait);
}

bool request_wait(struct request *rq, int64_t until)
{
    struct exchange *x = of(rq);
    if (clock_monotonic() >= until || alarm_is_off(x->server->alarm))
        return false;
    x->wait.rq = rq;
    x->wait.until = until;
    rq->sleep = wait_for_alarm;
    return true;
}

/* --- receiving --- */

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

static void read_framing(struct exchange *x)
{
    const char *length = request_header(&x->rq, "Content-Length");
    x->rq.content_length = 0;
    if (request_header(&x->rq, "Transfer-Encoding"))
        x->rq.content_length = -1;
    else if (length && !text_uint(length, strlen(length), &x->rq.content_length))
        x->rq.content_length = strspn(length, "0") == strlen(length) ? 0 : INT64_MAX;
    x->rq.has_body = x->rq.content_length != 0;
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
    if (other < 0)
        return other;
    if (rc < 0)
        return rc;
    if (atomic_load(&x->server->draining))
        return err_set(e, ERR_SHUTTING_DOWN, "the server is being stopped; try again in a moment");
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
    return answer(x);
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

static enum MHD_Result answer_preflight(struct exchange *x)
{
    cors_answer_preflight(&x->rq, target_methods(&x->rq));
    x->answer_ready = true;
    return refuse(x);
}

static enum MHD_Result open_exchange(struct exchange *x, const char *method)
{
    struct err e;
    const char *given = request_header(&x->rq, "X-Request-Id");
    x->started = clock_monotonic();
    x->rq.method = parse_method(method);
    x->rq.id = valid_request_id(given) ? arena_strdup(&x->rq.arena, given) : x->id;
    conn_deadline(x->conn, 0);
    atomic_fetch_add(&x->server->active, 1);
    read_framing(x);
    read_origin(x);
    int rc = find_target(x, &e);
    if (is_preflight(x, rc))
        return answer_preflight(x);
    if (rc < 0) {
        render_error(x, &e);
        return refuse(x);
    }
    if (!x->rq.has_body && x->rq.route->mode == R_READ) {
        run_here(x, admit_and_handle);
        return MHD_YES; /* close_body answers */
    }
    run_here(x, admit_and_begin);
    if (x->rq.response.status) /* refused */
        return refuse(x);
    x->answer_ready = false;
    if (x->rq.has_body)
        set_timeout(x, x->server->options.body_timeout);
    return MHD_YES;
}

static void fail_in_middle(struct exchange *x, const struct err *e)
{
    render_error(x, e);
    x->swallowing = true;
}

static void collect(struct exchange *x, const char *bytes, size_t len)
{
    struct err e;
    size_t need = x->rq.body_len + len + 1;
    int64_t limit = x->server->options.body_limit(x->server->hooks.ctx);
    if ((int64_t)(need - 1) > limit) {
        err_set(&e, ERR_TOO_LARGE, "a body may have at most %lld bytes here", (long long)limit);
        fail_in_middle(x, &e);
        return;
    }
    if (need > x->body_size) {
        x->body_size = need > 2 * x->body_size ? need : 2 * x->body_size;
        x->body = mem_realloc(x->body, x->body_size);
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
    if (!fall_asleep(x))
        return MHD_NO;
    if (!x->rq.sink_ops->pause(x->rq.sink)) {
        x->phase = RECEIVING;
        wake_up(x);
    }
    return MHD_YES;
}

static enum MHD_Result receive_piece(struct exchange *x, const char *bytes, size_t *len)
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
    if (!fall_asleep(x))
        return MHD_NO;
    x->phase = WAITING;
    if (!wait(&x->rq))
        wake_up(x);
    return MHD_YES;
}

static enum MHD_Result close_body(struct exchange *x)
{
    if (x->gone)
        return MHD_NO;
    if (x->again) {
        x->again = false;
        reset_response(&x->rq);
        run_here(x, x->rq.then ? x->rq.then : x->rq.route->handle);
    } else if (!x->answer_ready && x->rq.route->mode == R_READ) {
        run_here(x, x->rq.route->handle);
    }
    if (x->rq.sleep)
        return sleep_before_answer(x);
    if (x->answer_ready) {
        if (!x->rq.response.status)
            x->rq.route->render(&x->rq);
        return answer(x);
    }
    if (!fall_asleep(x))
        return MHD_NO;
    x->phase = ENDING;
    if (!x->rq.sink || x->rq.sink_ops->end(x->rq.sink))
        queue_write(x);
    return MHD_YES;
}

/* --- libmicrohttpd's callbacks --- */

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **con_cls)
{
    struct exchange *x = *con_cls;
    (void)cls;
    (void)connection;
    (void)url;
    if (!x->started) {
        x->rq.http_1_0 = strcmp(version, "HTTP/1.0") == 0;
        return open_exchange(x, method);
    }
    if (!*upload_data_size)
        return close_body(x);
    if (is_asleep(x))
        return MHD_YES; /* of a chunked body it offers the next chunk even then: it stays where it is */
    return receive_piece(x, upload_data, upload_data_size);
}

/* http://host/path as well as /path (RFC 9112 section 3.2.2). */
static const char *path_of(const char *uri)
{
    if (strncasecmp(uri, "http://", 7) != 0 && strncasecmp(uri, "https://", 8) != 0)
        return uri;
    const char *slash = strchr(strchr(uri, ':') + 3, '/');
    return slash ? slash : "/";
}

static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct server *s = cls;
    struct exchange *x = mem_alloc(sizeof *x);
    *x = (struct exchange){.server = s, .connection = connection};
    x->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    x->rq.response.fd = -1;
    x->rq.app = s->hooks.ctx;
    x->conn = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    conn_deadline(x->conn, s->options.header_timeout);
    id_token(x->id, REQUEST_ID_LEN);
    x->rq.id = x->id;
    uri = path_of(uri);
    const char *question = strchr(uri, '?');
    x->rq.raw_path = arena_copy(&x->rq.arena, uri, question ? (size_t)(question - uri) : strlen(uri));
    x->rq.raw_query = question ? arena_strdup(&x->rq.arena, question + 1) : NULL;
    return x;
}

static int64_t bytes_sent(const struct exchange *x, bool complete)
{
    bool with_body = complete && x->rq.method != HTTP_HEAD && x->rq.response.status != 304;
    if (x->rq.response.size < 0)
        return x->sent;
    return with_body ? x->rq.response.size : 0;
}

/* An address may open something by itself (a signed link), also where it was misspelt and found no route. */
static const char *loggable_path(struct exchange *x)
{
    const struct api *api = x->rq.api;
    if (x->rq.route)
        return api->secret_paths ? x->rq.route->path : x->rq.raw_path;
    size_t first = 1 + strcspn(x->rq.raw_path + (*x->rq.raw_path == '/'), "/");
    return strlen(x->rq.raw_path) <= first ? x->rq.raw_path
                                           : arena_printf(&x->rq.arena, "%.*s/…", (int)first, x->rq.raw_path);
}

static void log_request(struct exchange *x, int64_t microseconds, bool complete)
{
    char status[8];
    char time[24];
    char bytes[24];
    int wanted = x->server->options.log_requests();
    int level = x->rq.response.status >= 500 ? LOG_WARN : LOG_INFO;
    if (wanted == 0 || (wanted == 1 && x->rq.response.status < 500))
        return;
    (void)snprintf(status, sizeof status, "%d", x->rq.response.status);
    (void)snprintf(time, sizeof time, "%.6f", (double)microseconds / 1e6);
    (void)snprintf(bytes, sizeof bytes, "%lld", (long long)bytes_sent(x, complete));
    log_line((enum log_level)level, "request",
             (struct log_field[]){{"request", x->rq.id},
                                  {"method", http_method_names[x->rq.method]},
                                  {"path", loggable_path(x)},
                                  {"status", status},
                                  {"bytes", bytes},
                                  {"seconds", time},
                                  {"complete", complete ? "yes" : "no"},
                                  {0}});
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode how)
{
    struct server *s = cls;
    struct exchange *x = *con_cls;
    bool complete = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    (void)connection;
    if (!x)
        return;
    if (x->started) {
        int64_t took = clock_monotonic() - x->started;
        metrics_count(s->metrics, x->rq.route, x->rq.response.status, took, bytes_sent(x, complete));
        metrics_bytes_in(s->metrics, x->received);
        log_request(x, took, complete);
        atomic_fetch_sub(&s->active, 1);
    }
    conn_deadline(x->conn, s->options.keepalive_timeout + s->options.header_timeout);
    if (x->other_timeout)
        set_timeout(x, s->options.keepalive_timeout);
    reset_response(&x->rq);
    if (x->rq.done)
        x->rq.done(&x->rq);
    if (x->rq.sink)
        x->rq.sink_ops->free(x->rq.sink);
    free(x->body);
    arena_free(&x->rq.arena);
    free(x);
    *con_cls = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        struct conn *conn = connections_open(s->connections, fd);
        conn_deadline(conn, s->options.header_timeout);
        *socket_context = conn;
        metrics_connection(s->metrics, 1);
        return;
    }
    connections_close(s->connections, *socket_context);
    *socket_context = NULL;
    metrics_connection(s->metrics, -1);
}

static void on_log(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_log(void *cls, const char *fmt, va_list ap)
{
    char text[512];
    (void)cls;
    if (!log_enabled(LOG_DEBUG))
        return;
    (void)vsnprintf(text, sizeof text, fmt, ap);
    text[strcspn(text, "\n")] = '\0';
    log_line(LOG_DEBUG, "http library", (struct log_field[]){{"text", text}, {0}});
}

/* --- the server --- */

static struct MHD_Daemon *start(struct server *s)
{
    const struct server_options *o = &s->options;
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
                            NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
                            MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_THREAD_POOL_SIZE,
                            (unsigned)o->threads, MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->connection_limit,
                            MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)o->connection_limit_per_address,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)o->connection_memory,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)o->keepalive_timeout,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                            MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                            s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
}

int server_new(const struct server_options *o, const struct server_hooks *hooks,
               const struct api_mount *mounts, struct server **ret, struct metrics **ret_metrics,
               struct err *e)
{
    int fd = -1;
    int rc = mount_check(mounts, e);
    if (rc == 0)
        rc = listen_open(o->listen, &fd, e);
    if (rc < 0)
        return rc;
    struct server *s = mem_alloc(sizeof *s);
    *s = (struct server){
        .options = *o, .hooks = *hooks, .mounts = mounts, .listen_fd = fd, .quiesced_fd = MHD_INVALID_SOCKET};
    s->metrics = *ret_metrics = metrics_new(mounts);
    s->connections = connections_new();
    s->alarm = alarm_new(hooks->changes, hooks->ctx);
    s->daemon = start(s);
    if (!s->daemon) {
        (void)close(fd);
        server_free(s);
        return err_set(e, ERR_INTERNAL, "the HTTP library cannot start");
    }
    *ret = s;
    return 0;
}

bool server_drain(struct server *s, int64_t seconds)
{
    int64_t until = clock_monotonic() + seconds * CLOCK_SECOND;
    atomic_store(&s->draining, true);
    alarm_off(s->alarm);
    s->quiesced_fd = MHD_quiesce_daemon(s->daemon);
    if (s->quiesced_fd != MHD_INVALID_SOCKET)
        (void)shutdown(s->quiesced_fd, SHUT_RD); /* refuses; closed when the event loops use it no more */
    while (atomic_load(&s->active) > 0 && clock_monotonic() < until)
        (void)usleep(10000);
    bool finished = atomic_load(&s->active) == 0;
    atomic_store(&s->closing, true);
    if (s->hooks.give_up)
        s->hooks.give_up(s->hooks.ctx);
    while (atomic_load(&s->asleep) > 0)
        (void)usleep(1000);
    return finished;
}

void server_free(struct server *s)
{
    if (!s)
        return;
    if (s->daemon)
        MHD_stop_daemon(s->daemon);
    if (s->quiesced_fd != MHD_INVALID_SOCKET)
        (void)close(s->quiesced_fd);
    alarm_free(s->alarm);
    connections_free(s->connections);
    metrics_free(s->metrics);
    free(s);
}
