/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See server.h. libmicrohttpd calls us for each exchange (exchange.h) in its event-loop thread:
 *
 *   on_uri        the request line is there: the exchange is made
 *   on_request    1. the header is there      → exchange_open: route, admit; run what needs no body
 *                 2. each piece of the body   → exchange_receive
 *                 3. the body is complete     → exchange_close: run the handler, or queue it for the writer
 *                 4. resumed                  → the next step; or 3 again, to answer
 *   on_completed  sent, or given up           → counted, logged, freed
 *
 * A connection that was suspended in 1 or 3 is asked the same once more when it was resumed: in 1 that is
 * before the client is told to go on ("100 Continue"). A handler that sleeps runs again in 3, and so does
 * what follows a write (request.h: `then`).
 */
#include "http/server.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "http/exchange.h"
#include "http/listen.h"
#include "http/mount.h"
#include "http/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

const char *request_header(struct request *rq, const char *name)
{
    return MHD_lookup_connection_value(exchange_of(rq)->connection, MHD_HEADER_KIND, name);
}

struct line_list {
    struct arena *arena;
    const char *name, *values;
};

static enum MHD_Result add_line(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct line_list *l = ctx;
    (void)kind;
    if (strcasecmp(name, l->name) == 0 && value)
        l->values = l->values ? arena_printf(l->arena, "%s, %s", l->values, value) : value;
    return MHD_YES;
}

const char *request_header_list(struct request *rq, const char *name)
{
    struct line_list l = {.arena = &rq->arena, .name = name};
    (void)MHD_get_connection_values(exchange_of(rq)->connection, MHD_HEADER_KIND, add_line, &l);
    return l.values;
}

bool server_in_event_loop(void)
{
    return loops_inside();
}

/* --- libmicrohttpd's callbacks --- */

static enum MHD_Result go_on(struct exchange *x, const char *method, const char *version, const char *bytes,
                             size_t *len)
{
    if (!x->started) {
        x->rq.http_1_0 = strcmp(version, "HTTP/1.0") == 0;
        return exchange_open(x, method);
    }
    exchange_step *next = x->next;
    if (next) {
        x->next = NULL;
        return next(x);
    }
    if (!*len)
        return exchange_close(x);
    if (exchange_is_asleep(x))
        return MHD_YES; /* of a chunked body it offers the next chunk even then: it stays where it is */
    return exchange_receive(x, bytes, len);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **con_cls)
{
    struct server *s = cls;
    (void)connection;
    (void)url;
    loops_enter(s->loops);
    enum MHD_Result rc = go_on(*con_cls, method, version, upload_data, upload_data_size);
    loops_leave();
    return rc;
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
    loops_enter(s->loops);
    *x = (struct exchange){.server = s, .connection = connection};
    x->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    x->rq.response.fd = -1;
    x->rq.app = s->hooks.ctx;
    x->conn = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    (void)conn_deadline(x->conn, s->options.header_timeout, true);
    id_token(x->id, REQUEST_ID_LEN);
    x->rq.id = x->id;
    uri = path_of(uri);
    const char *question = strchr(uri, '?');
    x->rq.raw_path = arena_copy(&x->rq.arena, uri, question ? (size_t)(question - uri) : strlen(uri));
    x->rq.raw_query = question ? arena_strdup(&x->rq.arena, question + 1) : NULL;
    loops_leave();
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
    loops_enter(s->loops);
    if (x->started) {
        int64_t took = clock_monotonic() - x->started;
        metrics_count(s->metrics, x->rq.route, x->rq.response.status, took, bytes_sent(x, complete));
        metrics_bytes_in(s->metrics, x->received);
        if (complete)
            metrics_bytes_left(s->metrics, x->rq.response.left);
        log_request(x, took, complete);
        atomic_fetch_sub(&s->active, 1);
    }
    const struct response *r = &x->rq.response;
    if (r->sent && x->rq.method != HTTP_HEAD)
        r->sent(r->sent_ctx, bytes_sent(x, complete) + (complete ? r->left : 0), complete && r->to_end);
    (void)conn_deadline(x->conn, s->options.keepalive_timeout + s->options.header_timeout, false);
    if (x->other_timeout)
        exchange_timeout(x, s->options.keepalive_timeout);
    exchange_reset_response(&x->rq);
    if (x->rq.done)
        x->rq.done(&x->rq);
    if (x->rq.sink)
        x->rq.sink_ops->free(x->rq.sink);
    exchange_drop_body(x);
    arena_free(&x->rq.arena);
    free(x);
    *con_cls = NULL;
    loops_leave();
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        struct conn *conn = connections_open(s->connections, fd);
        (void)conn_deadline(conn, s->options.header_timeout, false);
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

/* Not strict, as the library calls it: it would refuse requests without Host and addresses with blanks by
 * itself, the first with an answer that is none. exchange_receive.c does. */
static struct MHD_Daemon *start(struct server *s)
{
    const struct server_options *o = &s->options;
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)tls_give_pair},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    return MHD_start_daemon(flags | (o->tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, s,
                            MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_ARRAY, o->tls ? tls : none,
                            MHD_OPTION_LISTEN_SOCKET, s->listen_fd, MHD_OPTION_THREAD_POOL_SIZE,
                            (unsigned)o->threads, MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->connection_limit,
                            MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)o->connection_limit_per_address,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)o->connection_memory,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)o->keepalive_timeout,
                            MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                            MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                            s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
}

int server_new(const struct server_options *o, const struct server_hooks *hooks,
               const struct api_mount *mounts, struct server **ret, struct metrics **ret_metrics,
               struct err *e)
{
    int fd = o->listen_fd;
    int rc = mount_check(mounts, e);
    if (rc == 0)
        rc = listen_begin(fd, o->listen, e);
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    struct server *s = mem_alloc(sizeof *s);
    *s = (struct server){.options = *o, .hooks = *hooks, .mounts = mounts, .listen_fd = fd};
    s->metrics = *ret_metrics = metrics_new(mounts);
    s->connections = connections_new(!o->tls);
    s->loops = loops_new();
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

int64_t server_busy(struct server *s)
{
    return loops_busy(s->loops);
}

/* False: the time is over first. */
static bool await_idle(struct server *s, int64_t until)
{
    int64_t tell_at = 0;
    for (int active; (active = atomic_load(&s->active)) > 0;) {
        int64_t now = clock_monotonic();
        if (now >= until)
            return false;
        if (s->hooks.draining && now >= tell_at) {
            s->hooks.draining(s->hooks.ctx, active);
            tell_at = now + CLOCK_SECOND;
        }
        (void)usleep(10000);
    }
    return true;
}

bool server_drain(struct server *s, int64_t seconds)
{
    int64_t until = clock_monotonic() + seconds * CLOCK_SECOND;
    atomic_store(&s->draining, true);
    alarm_off(s->alarm);
    listen_end(s->listen_fd);
    bool finished = await_idle(s, until);
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
    alarm_free(s->alarm);
    connections_free(s->connections);
    loops_free(s->loops);
    metrics_free(s->metrics);
    free(s);
}
