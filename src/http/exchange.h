/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange is one request and its answer; the server's own view of it, for the files that take it from its
 * first line to its last byte:
 *
 *   server.c            libmicrohttpd's callbacks, the begin and the end of an exchange
 *   exchange_receive.c  header and body
 *   exchange_run.c      where handlers run; falling asleep and waking up
 *   exchange_answer.c   errors and answers
 *
 * While a connection is suspended nothing but the thread that will resume it touches its exchange. A
 * connection is always suspended before the work that will wake it is handed out, so that the wake cannot
 * come first. All functions are called in the exchange's event loop if they do not say otherwise.
 */
#pragma once

#include "base/pool.h"
#include "http/alarm.h"
#include "http/connections.h"
#include "http/loops.h"
#include "http/server.h"

#include <microhttpd.h>
#include <stdatomic.h>

enum { REQUEST_ID_LEN = 20 };

struct server {
    struct server_options options;
    struct server_hooks hooks;
    const struct api_mount *mounts;
    struct MHD_Daemon *daemon;
    struct connections *connections;
    struct loops *loops;
    struct metrics *metrics;
    struct alarm *alarm;
    int listen_fd;
    atomic_bool draining;
    atomic_bool closing;     /* drained long enough: connections are cut off instead of put to sleep */
    atomic_llong body_bytes; /* gathered, of all exchanges */
    atomic_int active;       /* exchanges between their header and their end */
    atomic_int asleep;       /* suspended connections: libmicrohttpd cannot be stopped while there are any */
};

enum phase { RECEIVING, PAUSED, READING, ENDING, QUEUED, WAITING, SENDING };

struct exchange;
typedef enum MHD_Result exchange_step(struct exchange *x);

/* A piece of an answer that was read in another thread than the event loop. */
struct fetch {
    struct pool_task task; /* first, so that one is the other */
    struct exchange *x;
    char *bytes;
    int64_t at;
    size_t len;
    int rc; /* RESPONSE_LATER: there is nothing to be sent, more is to be read; of 0 bytes the end */
    struct err error;
};

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
    exchange_step *next; /* once what runs elsewhere has run; NULL: nothing does */
    bool swallowing;     /* the answer is known, the rest of the body is not wanted */
    bool answer_ready;   /* rq.response is complete */
    bool other_timeout;
    bool gone;              /* nobody is there to be answered */
    bool again;             /* the handler has slept and is to be run once more */
    bool last;              /* the connection is closed after the answer */
    bool cors;              /* the answer depends on who asks */
    const char *cors_allow; /* what this origin is told; NULL: nothing */
    struct alarm_wait wait;
    MHD_ContentReaderCallback reader; /* of an answer that is read */
    struct fetch *fetch;              /* of an answer that is read elsewhere; the arena's */
    size_t body_size;                 /* allocated for rq.body */
    char *body;
    char id[REQUEST_ID_LEN + 1];
};

static inline struct exchange *exchange_of(struct request *rq)
{
    return (struct exchange *)rq;
}

/* --- receiving --- */

enum MHD_Result exchange_open(struct exchange *x, const char *method); /* the header is there */
enum MHD_Result exchange_receive(struct exchange *x, const char *bytes,
                                 size_t *len);      /* a piece of the body */
enum MHD_Result exchange_close(struct exchange *x); /* the body is complete, or it was woken after that */

void exchange_drop_body(struct exchange *x); /* what was gathered */

/* --- running --- */

/* False: the server is closing, the caller cuts the connection off. */
bool exchange_sleep(struct exchange *x);
/*
 * In the event loop: until it has noticed a wake-up itself, whenever that was called. Suspending a second
 * time before that would spoil the library's lists and lose other connections.
 */
bool exchange_is_asleep(struct exchange *x);
/* Any thread. The exchange belongs to its event loop from here on, and may be gone already on return. */
void exchange_wake(struct exchange *x);

/* Runs fn in a read transaction, here or while the connection sleeps, and then the next step, in the event
 * loop. */
enum MHD_Result exchange_read(struct exchange *x, handler_fn *fn, exchange_step *next);
/* The same for what may need no database, and sleeps only if it does. */
enum MHD_Result exchange_try(struct exchange *x, handler_fn *fn, exchange_step *next);
/* Runs the handler in the writer; the connection is suspended. Any thread. */
void exchange_write(struct exchange *x);

/* --- answering --- */

void exchange_reset_response(struct request *rq);            /* any thread */
void exchange_fail(struct exchange *x, const struct err *e); /* renders an error; any thread */
void exchange_timeout(struct exchange *x, int64_t seconds);  /* of the pauses from now on */
enum MHD_Result exchange_answer(struct exchange *x);         /* sends rq.response */
