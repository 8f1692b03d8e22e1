/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside db/: a connection to PostgreSQL in libpq's pipeline mode. What is sent waits in the client's buffer
 * until somebody wants a result; the server answers in the order of sending. So a statement whose outcome
 * nobody looks at costs no round trip: its error shows at the next result that is asked for, and ends what
 * was sent behind it. Who asks for a result ends a unit (a sync), also inside a transaction: only then the
 * server sees that it waits for us, and ends what a stopped process has left.
 *
 * Nothing here waits for longer than the options say: a server that is stopped, or a network that swallows
 * packets, is a lost connection. A lost connection is made anew by link_ensure, not before a back-off is
 * over. One thread at a time.
 */
#pragma once

#include "db/db.h"

#include <libpq-fe.h>

struct link;

/* Whoever a statement's rows are for. NULL: nobody. */
struct link_rows {
    PGresult **results; /* that were not yet taken, from `first` on */
    int first, count, cap;
    bool stream; /* row by row, so that they need not fit into memory */
    bool whole;  /* all have come, or an error has */
    int rc;
    int64_t changes;
};

struct link_state {
    bool lost;    /* there is no connection */
    bool failed;  /* the server skips what is sent until link_sync */
    struct err e; /* of the first failure */
};

/* Connects later, by link_ensure. */
struct link *link_open(const char *where, const struct db_options *o);
void link_close(struct link *l);
const struct link_state *link_state(const struct link *l);
/* From now on an answer may take longer, by busy_ms; or it may not any more. */
void link_wait_for_lock(struct link *l, bool wait);

/* Connects if there is no connection. ERR_DB: it is not to be had at the moment; ERR_MISMATCH: it is not the
 * one that it has to be. */
int link_ensure(struct link *l, struct err *e);
/* Ends the connection: what has been sent and not answered fails with e. */
void link_lose(struct link *l, const struct err *e);
/* Grows with each connection: what a server keeps for one is gone when it has changed. */
unsigned link_generation(const struct link *l);

/* Each of these only puts it into the buffer. `rows` stays where it is until link_forget. */
int link_prepare(struct link *l, const char *name, const char *text, int count, const Oid *types,
                 struct err *e);
int link_execute(struct link *l, const char *name, int count, const char *const *values, const int *lengths,
                 const int *formats, struct link_rows *rows, struct err *e);
/* The same without a name: planned for these values. */
int link_once(struct link *l, const char *text, int count, const Oid *types, const char *const *values,
              const int *lengths, const int *formats, struct link_rows *rows, struct err *e);
int link_plain(struct link *l, const char *text, struct link_rows *rows, struct err *e); /* no parameters */
/* What was just put there has to change one row: else the next link_settle fails with db_not_one's error. */
void link_one(struct link *l, const struct stmt *s);
int link_sync(struct link *l, struct err *e); /* the end of a unit: outside of BEGIN it commits */

/* Waits for one more result, or the end, of what was sent. Behind the last one: 0 without waiting. */
int link_receive(struct link *l, struct err *e);
/* Until everything that was sent is answered; returns the first failure, and is ready for more. Sends a sync
 * if `sync`. */
int link_settle(struct link *l, bool sync, struct err *e);
/* Nobody wants these rows any more: they are freed, now and when they come. */
void link_forget(struct link *l, struct link_rows *rows);
/* Several statements without parameters, one transaction unless there is one. */
int link_script(struct link *l, const char *text, struct err *e);

/* What an SQLSTATE means. */
int link_classify(const char *sqlstate);
