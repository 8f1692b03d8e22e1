/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server, over libmicrohttpd: event-loop threads that receive, route and send. It knows no database
 * and no domain: where handlers run, and on what, is the business of its hooks.
 */
#pragma once

#include "http/metrics.h"
#include "http/request.h"

struct server;
struct tls;

enum { READ_LATER = 1 };

struct pool;

/*
 * Where the database is on this machine, R_READ handlers run in the event loops: `read` alone is set. Where
 * it may take its time they run while the connection sleeps, by `read_later`; then `read` is asked first for
 * what mostly needs no database, like looking at a key that was seen a moment ago.
 */
struct server_hooks {
    void *ctx;
    /* Runs fn(rq) in the calling event-loop thread, with rq->session set: in a read transaction. Or, with
     * read_later, without a database: READ_LATER if fn has asked for one. */
    int (*read)(void *ctx, struct request *rq, handler_fn *fn, struct err *e);
    /*
     * If set: queues rq for a thread that runs fn(rq) in a read transaction, with rq->session set, and calls
     * server_finish_read; which may also come without that, when rq has waited for too long. ERR_BUSY if the
     * queue is full.
     */
    int (*read_later)(void *ctx, struct request *rq, handler_fn *fn, struct err *e);
    /* If set: threads that read the pieces of slow answers. */
    struct pool *senders;
    /*
     * Queues rq for the writer, which runs fn(rq), with rq->session set, and calls server_finish when its
     * effects are durable. ERR_BUSY if the queue is full. Any thread.
     */
    int (*write)(void *ctx, struct request *rq, handler_fn *fn, struct err *e);
    /* Grows with every change that a waiting request may wait for; see request_wait. May be NULL. */
    uint64_t (*changes)(void *ctx);
    /* The time to drain is over: whoever works for a sleeping connection should give up soon. May be NULL. */
    void (*give_up)(void *ctx);
    /* About each second while server_drain waits for so many requests. May be NULL. */
    void (*draining)(void *ctx, int requests);
};

/* Limits; sizes in bytes, times in seconds. */
struct server_options {
    const char *listen; /* ADDRESS:PORT or [ADDRESS]:PORT, for errors */
    int listen_fd;      /* bound to it (http/listen.h); the server's from server_new on, also if that fails */
    struct tls *tls;    /* whoever connects speaks TLS; NULL: nobody does */
    int64_t hsts;       /* seconds that browsers are told to insist on that; 0: they are told nothing */
    int threads;
    int64_t connection_limit, connection_limit_per_address, connection_memory;
    int64_t body_memory; /* of all that is gathered of BODY_WHOLE */
    int64_t header_limit, header_timeout, body_timeout, keepalive_timeout;
    int (*log_requests)(void);         /* 0 none, 1 those of status 500 and above, 2 all */
    int64_t (*body_limit)(void *ctx);  /* of BODY_WHOLE, now */
    const char *(*cors_origins)(void); /* a list like cors_allow's, now; empty: browsers are told nothing */
};

/*
 * `mounts` ends with one whose `api` is NULL and lives as long as the server; the last API also answers for
 * paths that nobody owns. ERR_BAD_VALUE if two of them get into each other's way (mount_check). *ret_metrics
 * is the server's, and set before the first request is taken.
 */
int server_new(const struct server_options *o, const struct server_hooks *hooks,
               const struct api_mount *mounts, struct server **ret, struct metrics **ret_metrics,
               struct err *e);

/*
 * The end of a queued request: `rc` and `e` as the handler or the commit left them. Renders an error and
 * wakes the connection. Any thread but the event loop's.
 */
void server_finish(struct request *rq, int rc, const struct err *e);
/* The same of what was queued by read_later. */
void server_finish_read(struct request *rq, int rc, const struct err *e);

/* Inside of `read` and read_later: what a handler has prepared is dropped, for it is run once more. */
void server_forget_answer(struct request *rq);

/* Whether the calling thread is an event loop's: nothing may wait there. */
bool server_in_event_loop(void);

/* Microseconds that an event loop has been in one call of ours, of that which is in it for the longest; it
 * should be some milliseconds. Any thread. */
int64_t server_busy(struct server *s);

/*
 * No new connections; new requests are answered 503. After `seconds`, whoever is not done is cut off: then
 * false. Whatever runs handlers must still be working: a sleeping connection is never cut off, only waited
 * for.
 */
bool server_drain(struct server *s, int64_t seconds);
void server_free(struct server *s); /* drained, or never started; NULL is fine */
