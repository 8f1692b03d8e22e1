/* SPDX-License-Identifier: Apache-2.0 */
/* See connections.h. */
#include "http/connections.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENDED = -1, TICK_US = 100000, LINGER_SECONDS = 3, LINGER_LIMIT = 256, RECEIVES_PER_TICK = 64 };

struct conn {
    struct conn *next;
    struct conn **link;
    int fd;
    bool linger; /* the event-loop thread's */
    atomic_bool begun;
    atomic_llong deadline; /* monotonic microseconds; 0: none; ENDED: it is over, and was shut down */
};

struct lingering {
    struct lingering *next;
    int fd;
    int64_t until;
};

struct connections {
    pthread_t thread;
    bool plain;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
    struct conn *first;
    struct lingering *lingering;
    int lingering_count;
};

/* True once it is over: the client has closed, or its time is up. */
static bool drain(const struct lingering *l, int64_t now)
{
    char sink[65536];
    ssize_t n = 1;
    if (now > l->until)
        return true;
    for (int i = 0; i < RECEIVES_PER_TICK && n > 0; i++)
        n = recv(l->fd, sink, sizeof sink, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void drain_all(struct connections *c, int64_t now)
{
    for (struct lingering **link = &c->lingering; *link;) {
        struct lingering *l = *link;
        if (!drain(l, now)) {
            link = &l->next;
            continue;
        }
        *link = l->next;
        c->lingering_count--;
        (void)close(l->fd);
        free(l);
    }
}

/* Nobody else writes while a header is awaited: who takes the deadline away first has the connection. */
static void tell_why(int fd)
{
    static const char body[] = "{\"type\":\"about:blank\",\"title\":\"Request timeout\",\"status\":408,"
                               "\"detail\":\"the header of this request took too long to arrive\","
                               "\"code\":\"request_timeout\"}";
    char answer[400];
    int len = snprintf(answer, sizeof answer,
                       "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                       "Content-Type: application/problem+json\r\nContent-Length: %zu\r\n\r\n%s",
                       sizeof body - 1, body);
    (void)send(fd, answer, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void end_overdue(struct connections *c, int64_t now)
{
    for (struct conn *conn = c->first; conn; conn = conn->next) {
        long long deadline = atomic_load_explicit(&conn->deadline, memory_order_relaxed);
        if (deadline > 0 && deadline < now &&
            atomic_compare_exchange_strong(&conn->deadline, &deadline, ENDED)) {
            if (c->plain && atomic_load(&conn->begun))
                tell_why(conn->fd);
            (void)shutdown(conn->fd, SHUT_RDWR); /* the event loop sees its end and closes it */
        }
    }
}

static void *watch(void *arg)
{
    struct connections *c = arg;
    (void)pthread_mutex_lock(&c->mutex);
    while (!c->stopping) {
        (void)wait_until(&c->wake, &c->mutex, clock_monotonic() + TICK_US);
        int64_t now = clock_monotonic();
        end_overdue(c, now);
        drain_all(c, now);
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return NULL;
}

struct connections *connections_new(bool plain)
{
    struct connections *c = mem_alloc(sizeof *c);
    *c = (struct connections){.plain = plain};
    wait_init(&c->wake);
    if (pthread_mutex_init(&c->mutex, NULL) || pthread_create(&c->thread, NULL, watch, c))
        abort();
    (void)pthread_setname_np(c->thread, "connections");
    return c;
}

void connections_free(struct connections *c)
{
    if (!c)
        return;
    (void)pthread_mutex_lock(&c->mutex);
    c->stopping = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->mutex);
    (void)pthread_join(c->thread, NULL);
    for (struct lingering *l = c->lingering, *next; l; l = next) {
        next = l->next;
        (void)close(l->fd);
        free(l);
    }
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->mutex);
    free(c);
}

struct conn *connections_open(struct connections *c, int fd)
{
    struct conn *conn = mem_alloc(sizeof *conn);
    *conn = (struct conn){.fd = fd};
    (void)pthread_mutex_lock(&c->mutex);
    conn->next = c->first;
    if (conn->next)
        conn->next->link = &conn->next;
    conn->link = &c->first;
    c->first = conn;
    (void)pthread_mutex_unlock(&c->mutex);
    return conn;
}

static void keep_half_open(struct connections *c, int fd)
{
    if (c->lingering_count >= LINGER_LIMIT)
        return;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return;
    (void)shutdown(copy, SHUT_WR);
    struct lingering *l = mem_alloc(sizeof *l);
    *l = (struct lingering){c->lingering, copy, clock_monotonic() + LINGER_SECONDS * CLOCK_SECOND};
    c->lingering = l;
    c->lingering_count++;
}

void connections_close(struct connections *c, struct conn *conn)
{
    (void)pthread_mutex_lock(&c->mutex);
    *conn->link = conn->next;
    if (conn->next)
        conn->next->link = conn->link;
    if (conn->linger)
        keep_half_open(c, conn->fd);
    (void)pthread_mutex_unlock(&c->mutex);
    free(conn);
}

bool conn_deadline(struct conn *conn, int64_t seconds, bool begun)
{
    long long deadline = seconds ? clock_monotonic() + seconds * CLOCK_SECOND : 0;
    atomic_store_explicit(&conn->begun, begun, memory_order_relaxed);
    return atomic_exchange(&conn->deadline, deadline) != ENDED;
}

void conn_linger(struct conn *conn)
{
    conn->linger = true;
}
