/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole requests: the input is sent over a loopback connection to a real server with a small API. Whatever
 * comes, the answer is HTTP or nothing, never 500, and the server goes on answering others.
 */
#include "base/pool.h"
#include "fuzz/fuzz.h"
#include "http/listen.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server *server;
static struct pool *writer;
static struct sockaddr_in address = {.sin_family = AF_INET};

/* --- the API --- */

static int admit(struct request *rq, struct err *e)
{
    (void)rq;
    (void)e;
    return 0;
}

static void fail(struct request *rq, const struct err *e)
{
    response_bytes(rq, err_status(e->code), "text/plain", "failed\n", 7);
}

static int hello(struct request *rq, struct err *e)
{
    (void)e;
    response_bytes(rq, 200, "text/plain", "hello\n", 6);
    return 0;
}

static int echo(struct request *rq, struct err *e)
{
    (void)e;
    response_bytes(rq, 200, "application/octet-stream", rq->body ? rq->body : "", rq->body_len);
    return 0;
}

static int feed(void *sink, const void *bytes, size_t len, struct err *e)
{
    (void)bytes;
    (void)e;
    *(size_t *)sink += len;
    return 0;
}

static bool pause_sink(void *sink)
{
    (void)sink;
    return false;
}

static bool end(void *sink)
{
    (void)sink;
    return true;
}

static const struct sink_ops sink_ops = {.feed = feed, .pause = pause_sink, .end = end, .free = free};

static int begin(struct request *rq, struct err *e)
{
    (void)e;
    rq->sink = calloc(1, sizeof(size_t));
    rq->sink_ops = &sink_ops;
    return 0;
}

static const struct route routes[] = {
    {HTTP_GET, "/hello", R_READ, BODY_NONE, 0, hello, NULL},
    {HTTP_GET, "/hello/{}", R_WRITE, BODY_NONE, 0, hello, NULL},
    {HTTP_POST, "/echo", R_WRITE, BODY_WHOLE, 0, echo, NULL},
    {HTTP_PATCH, "/echo", R_WRITE, BODY_WHOLE, 0, echo, NULL},
    {HTTP_PUT, "/sink/{}", R_WRITE, BODY_STREAM, 0, hello, begin},
};
static const char *const prefixes[] = {"/", NULL};
static const struct api api = {.name = "test",
                               .prefixes = prefixes,
                               .routes = routes,
                               .route_count = sizeof routes / sizeof routes[0],
                               .trailing_slash = true,
                               .admit = admit,
                               .fail = fail};
static const struct api_mount mounts[] = {{&api, ""}, {0}};

/* --- where handlers run --- */

static int read_hook(void *ctx, struct request *rq, handler_fn *fn, struct err *e)
{
    (void)ctx;
    return fn(rq, e);
}

struct write {
    struct pool_task task;
    struct request *rq;
    handler_fn *fn;
};

static void run_write(struct pool_task *task)
{
    struct write *w = (struct write *)task;
    struct err e;
    server_finish(w->rq, w->fn(w->rq, &e), &e);
}

static int write_hook(void *ctx, struct request *rq, handler_fn *fn, struct err *e)
{
    struct write *w = arena_alloc(&rq->arena, sizeof *w);
    (void)ctx;
    (void)e;
    *w = (struct write){.task = {.run = run_write}, .rq = rq, .fn = fn};
    pool_add(writer, &w->task);
    return 0;
}

static int log_nothing(void)
{
    return 0;
}

static const char *cors_origins(void)
{
    return "https://page.example";
}

static int64_t body_limit(void *ctx)
{
    (void)ctx;
    return 4096;
}

static void stop(void)
{
    (void)server_drain(server, 1);
    server_free(server);
    pool_free(writer);
}

static void start(void)
{
    socklen_t len = sizeof address;
    struct metrics *metrics;
    struct err e;
    int fd = -1;
    FUZZ_ASSERT(listen_bind("127.0.0.1:0", &fd, &e) == 0);
    FUZZ_ASSERT(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    struct server_options o = {.listen = "127.0.0.1:0",
                               .listen_fd = fd,
                               .threads = 1,
                               .connection_limit = 64,
                               .connection_limit_per_address = 64,
                               .connection_memory = 64 << 10,
                               .body_memory = 1 << 20,
                               .header_limit = 8 << 10,
                               .header_timeout = 1,
                               .body_timeout = 1,
                               .keepalive_timeout = 1,
                               .log_requests = log_nothing,
                               .body_limit = body_limit,
                               .cors_origins = cors_origins};
    struct server_hooks hooks = {.read = read_hook, .write = write_hook};
    writer = pool_new(1, "writer");
    FUZZ_ASSERT(server_new(&o, &hooks, mounts, &server, &metrics, &e) == 0);
    (void)atexit(stop);
}

/* Sends, ends sending, and reads until the server closes. Returns how much of the answer is in `to`. */
static size_t exchange(const void *bytes, size_t size, char *to, size_t max)
{
    struct linger reset = {.l_onoff = 1};
    struct timeval patience = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t len = 0;
    FUZZ_ASSERT(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)send(fd, bytes, size, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    for (ssize_t n; len < max && (n = recv(fd, to + len, max - len, 0)) > 0;)
        len += (size_t)n;
    (void)close(fd);
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char plain[] = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static char answer[1 << 16];
    if (!server)
        start();
    size_t len = exchange(data, size, answer, sizeof answer - 1);
    answer[len] = '\0';
    FUZZ_ASSERT(len == 0 || strncmp(answer, "HTTP/1.", 7) == 0);
    FUZZ_ASSERT(len < 12 || strncmp(answer + 9, "500", 3) != 0);
    len = exchange(plain, sizeof plain - 1, answer, sizeof answer - 1);
    answer[len] = '\0';
    FUZZ_ASSERT(strncmp(answer, "HTTP/1.1 200", 12) == 0 && strstr(answer, "hello\n"));
    return 0;
}
