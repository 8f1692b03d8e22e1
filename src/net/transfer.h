/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many HTTP requests at once, over libcurl, by a few threads that wait for all of them together. They go to
 * servers that the operator named, or, where options say so, to none but public addresses: what counts is the
 * address that is connected to, whatever name it hides behind. No redirect is followed, no proxy used.
 * Connections are kept and used again. An answer's body is handed on as it comes;
 * who has no room for it says so, and the connection is not read from until transfer_resume.
 *
 * Servers may be slow on purpose. So what is sent, and answers that stream, may have to come at a lowest rate
 * on the average of some time, in which what was not wanted of an answer does not count; other answers have
 * a time in all. And transfers of one holder (base/shares.h) have half of the connections at most: what is
 * more waits for them to end, until it is given up.
 *
 * A transfer belongs to its owner again once `done` was called, which happens exactly once for each start,
 * in the thread of the loop and without locks; it may start it again there, or free it. Until then it may be
 * resumed and cancelled, also while `done` is on its way, where that changes nothing.
 */
#pragma once

#include "base/shares.h"

#include <stddef.h>

struct transfers;
struct loop;

enum { TRANSFER_LINGER = 5 };

enum transfer_outcome {
    TRANSFER_ANSWERED,  /* with `status`, whatever it is, and its whole body */
    TRANSFER_FAILED,    /* no connection, or an answer that broke off or paused for too long */
    TRANSFER_NEGLECTED, /* its owner had no room for longer than `neglect` */
    TRANSFER_CROWDED,   /* others of its holder had all its connections for too long */
    TRANSFER_REFUSED,   /* the server has an address that the options do not let it go to */
    TRANSFER_CANCELLED,
};

struct transfer {
    /* The owner's: borrowed until it is done. */
    const char *method;
    const char *url;
    const char *const *header; /* lines, ends with NULL */
    const void *body;          /* `body_size` bytes of it, */
    int body_fd;               /* or of this file from `body_at` on if there is none; */
    int64_t body_at;
    int64_t body_size;  /* -1: no body is sent */
    int64_t start_at;   /* monotonic: not before that */
    int64_t until;      /* monotonic: it has failed if it is not done by then; 0: no such limit */
    int64_t holder;     /* whose it is; 0: nobody's */
    int64_t turn_until; /* monotonic: it has failed if its holder has no connection for it by then; 0: no such
                           limit */
    bool streams;       /* its answer may take as long as it has the lowest rate */
    bool lingers;       /* it has TRANSFER_LINGER more seconds once transfers_give_up was called */
    /* All in the thread of the loop. A header is handed on as "name: value". */
    void (*on_header)(struct transfer *t, const char *line, size_t len);
    bool (*on_body)(struct transfer *t, const void *bytes, size_t len); /* false: no room, offer it again */
    void (*on_round)(struct transfer *t); /* bytes were taken, and no more are there at once; or NULL */
    void (*done)(struct transfer *t);

    /* What came of it. */
    enum transfer_outcome outcome;
    int status;
    char reason[256]; /* of one that failed */

    /* The loop's own. */
    struct loop *loop;
    struct transfer *next, *prev;
    struct transfer *next_wish;
    unsigned wishes; /* the loop's mutex */
    bool ended;      /* the loop's mutex */
    void *easy, *lines;
    int64_t sent;
    int64_t paused_at; /* 0: it is not */
    bool has_taken;
    bool refused; /* one of the server's addresses was */
    size_t header_len;
    struct share_wish wish;
    bool has_share, waits;   /* it has one of its holder's connections; it waits for one */
    int64_t begun_at;        /* monotonic: since when it has a connection; 0: it has none */
    int64_t sent_at;         /* monotonic: since when all that is to be sent was; 0: it is not yet */
    int64_t rated_at, rated; /* since when its rate is averaged, and the bytes that had gone by until then */
};

struct transfer_options {
    int threads;
    int connections;     /* at once, of all threads; what is beyond waits */
    int64_t silence;     /* seconds without a byte in either direction */
    int64_t neglect;     /* seconds that a transfer without room may hold its connection */
    int64_t lowest_rate; /* bytes a second; 0: any */
    int64_t rate_time;   /* seconds of which it is the average */
    int64_t answer_time; /* seconds from when the request was sent until an answer that does not stream has
                            ended; 0: as long as it takes */
    bool (*any_address)(
        void *ctx); /* whether a connection may be to an address that is not public; NULL: yes */
    void *ctx;
};

/* outgoing_start was called. */
struct transfers *transfers_new(const struct transfer_options *o);
void transfers_give_up(struct transfers *all); /* cancels all that are under way, and all that will start */
void transfers_free(struct transfers *all);    /* after all are done; NULL is fine */

/* Any thread. */
void transfer_start(struct transfers *all, struct transfer *t);
void transfer_resume(struct transfer *t); /* there is room */
void transfer_cancel(struct transfer *t); /* it will be done soon, if it is not on its way to that already */
