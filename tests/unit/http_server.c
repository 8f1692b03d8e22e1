/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's end, while clients keep connecting: event loops at work must not be surprised by it.
 *
 * epoll_ctl is defined here and takes the place of the C library's in this program, also for libmicrohttpd:
 * what the stopping thread removes from a loop's set is slow, so that the loop is there before it.
 */
#include "http/listen.h"
#include "http/server.h"
#include "support/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 20, CLIENTS = 3, SLOW_MICROSECONDS = 2000 };

static pthread_t stopping;
static atomic_bool enough;
static struct sockaddr_in address;
static int listening;

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    static int (*real)(int, int, int, struct epoll_event *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
    if (op == EPOLL_CTL_DEL && pthread_equal(pthread_self(), stopping))
        (void)usleep(SLOW_MICROSECONDS);
    return real(epoll, op, fd, event);
}

static void *connect_and_leave(void *unused)
{
    (void)unused;
    while (!atomic_load(&enough)) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)connect(fd, (struct sockaddr *)&address, sizeof address);
        (void)close(fd);
    }
    return NULL;
}

static int log_nothing(void)
{
    return 0;
}

static const char *no_origins(void)
{
    return "";
}

static int64_t no_body(void *ctx)
{
    (void)ctx;
    return 0;
}

/* --- an event loop that hangs --- */

static atomic_bool hang;

static int admit_all(struct request *rq, struct err *e)
{
    (void)rq;
    (void)e;
    return 0;
}

static int hang_for_a_while(struct request *rq, struct err *e)
{
    (void)e;
    while (atomic_load(&hang))
        (void)usleep(1000);
    response_empty(rq, 204);
    return 0;
}

static int run(void *ctx, struct request *rq, handler_fn *fn, struct err *e)
{
    (void)ctx;
    return fn(rq, e);
}

static struct server *start(void)
{
    static const char *const prefixes[] = {"/", NULL};
    static const struct route routes[] = {{HTTP_GET, "/", R_READ, BODY_NONE, ROUTE_OPEN, hang_for_a_while}};
    static const struct api api = {
        .name = "none", .prefixes = prefixes, .routes = routes, .route_count = 1, .admit = admit_all};
    static const struct api_mount mounts[] = {{&api, ""}, {0}};
    static const struct server_hooks hooks = {.read = run};
    socklen_t len = sizeof address;
    struct metrics *metrics;
    struct server *s;
    struct err e;
    assert_int_equal(listen_bind("127.0.0.1:0", &listening, &e), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &len), 0);
    struct server_options o = {.listen = "127.0.0.1:0",
                               .listen_fd = listening,
                               .threads = 2,
                               .connection_limit = 1000,
                               .connection_limit_per_address = 1000,
                               .connection_memory = 64 << 10,
                               .header_limit = 8 << 10,
                               .header_timeout = 1,
                               .body_timeout = 1,
                               .keepalive_timeout = 1,
                               .log_requests = log_nothing,
                               .body_limit = no_body,
                               .cors_origins = no_origins};
    assert_int_equal(server_new(&o, &hooks, mounts, &s, &metrics, &e), 0);
    return s;
}

static void it_ends_under_a_storm_of_connections(void **state)
{
    (void)state;
    stopping = pthread_self();
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t clients[CLIENTS];
        socklen_t len = sizeof address;
        struct server *s = start();
        atomic_store(&enough, false);
        for (int i = 0; i < CLIENTS; i++)
            assert_int_equal(pthread_create(&clients[i], NULL, connect_and_leave, NULL), 0);
        (void)usleep(10000);
        assert_true(server_drain(s, 1));
        atomic_store(&enough, true);
        for (int i = 0; i < CLIENTS; i++)
            (void)pthread_join(clients[i], NULL);
        /* To connect would prove nothing: somebody else may have the port by now. */
        assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &len), -1);
        assert_int_equal(errno, ENOTSOCK);
        server_free(s);
    }
}

static void ask(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, request, sizeof request - 1, 0), sizeof request - 1);
    (void)close(fd);
}

static void a_loop_that_hangs_is_seen(void **state)
{
    (void)state;
    struct server *s = start();
    assert_int_equal(server_busy(s), 0);
    atomic_store(&hang, true);
    ask();
    while (server_busy(s) < 50000) /* or the test is ended for its time */
        (void)usleep(1000);
    atomic_store(&hang, false);
    while (server_busy(s) > 0)
        (void)usleep(1000);
    assert_true(server_drain(s, 10));
    server_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_ends_under_a_storm_of_connections),
                                       cmocka_unit_test(a_loop_that_hangs_is_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
