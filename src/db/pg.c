/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL, by libpq.
 *
 * One writer at a time in the whole cluster: a writing transaction begins by taking an advisory lock, and
 * keeps it until it has ended. So what SQLite's write lock gives to the rules above holds on any number of
 * nodes: each statement sees all that was committed before, keys and events are numbered in the order of
 * commits.
 *
 * Whether a commit took place when its answer did not come: each writing transaction sets its number in the
 * connection's own row of `db_operation`. On the new connection we take the lock, which the old transaction
 * holds while it lives, and look. (A transaction's id would not do: after a failover another one may have
 * it.)
 *
 * Reading statements outside of a transaction see all that was committed when they began.
 */
#include "db/db.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "db/pg_statement.h"
#include "db/whole.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Any number, the same for all nodes. While it is waited for, that is what may take its time; then the
 * statements may, no longer than their node waits for them: else it would have the lock and nobody there. */
#define WRITE_LOCK                                                                                           \
    "SELECT pg_advisory_xact_lock(8243108427654), set_config('statement_timeout', '%lld', true)"
enum { NODE_BYTES = 8, ROWS_TO_SKIP = 1000, TRIES = 3, LOOK_PAUSE_US = 50000 };
#define FORGET_OPERATIONS_US (INT64_C(86400) * CLOCK_SECOND)
#define LONGEST_LOOK_US      (INT64_C(60) * CLOCK_SECOND)

enum transaction { NONE, READING, WRITING };

struct db_cursor {
    struct db_cursor *next; /* in the list of free ones */
    struct link_rows rows;
    PGresult *now;
    int row;
    bool writes;
    bool came; /* a row has been given */
    int again;
    uint64_t number;
    const struct stmt *stmt;
    const struct db_value *args;
    int count;
};

struct pg {
    struct db db;
    struct link *link;
    struct pg_statements *statements;
    struct db_cursor *free;
    enum transaction tx;
    bool broken;  /* the transaction can only be rolled back, or a savepoint of it */
    bool doubts;  /* it has changed what must have been one row, and has not yet seen whether it was */
    struct err e; /* by what */
    int64_t changes;
    int64_t written;
    int64_t written_before; /* the transaction */
    int64_t timeout_us;
    char node[NODE_BYTES * 2 + 1];
    int64_t number; /* of the writing transaction */
};

static struct pg *of(struct db *db)
{
    return (struct pg *)db;
}

/* --- statements --- */

/* Whatever went wrong in a transaction, it is over. */
static int fail(struct pg *p, int rc, struct err *e)
{
    pg_statements_doubt(p->statements);
    if (p->tx != NONE && !p->broken) {
        p->broken = true;
        p->e = *e;
    }
    return rc;
}

static bool is_reading(const char *text)
{
    return strncmp(text, "SELECT", 6) == 0;
}

static int send(struct pg *p, const struct stmt *s, const struct db_value *args, int count,
                struct link_rows *rows, struct err *e)
{
    if (p->tx != NONE && p->broken) {
        *e = p->e;
        return e->code;
    }
    int rc = p->tx == NONE ? link_ensure(p->link, e) : 0;
    if (rc == 0)
        rc = pg_statements_send(p->statements, p->link, s, args, count, rows, e);
    if (rc == 0 && p->tx == NONE)
        rc = link_sync(p->link, e);
    return rc < 0 && rc != ERR_BAD_VALUE ? fail(p, rc, e) : rc;
}

/* Nothing of it has been seen yet, and nobody's transaction was lost with the connection: once more. */
static bool may_send_again(struct pg *p, const struct db_cursor *c)
{
    return p->tx == NONE && link_state(p->link)->lost && link_state(p->link)->e.code == ERR_DB_CONFLICT &&
           !c->came && c->again < TRIES && !c->writes;
}

static int begin_rows(struct pg *p, struct db_cursor *c, struct err *e)
{
    int rc;
    do {
        c->rows = (struct link_rows){.stream = c->stmt->many};
        rc = send(p, c->stmt, c->args, c->count, &c->rows, e);
        c->number = pg_statements_number(p->statements);
        if (rc < 0)
            link_forget(p->link, &c->rows);
    } while (rc < 0 && may_send_again(p, c) && ++c->again);
    return rc;
}

static void put_away(struct pg *p, struct db_cursor *c)
{
    PQclear(c->now);
    link_forget(p->link, &c->rows);
    c->now = NULL;
    c->next = p->free;
    p->free = c;
}

static int pg_query(struct db *db, const struct stmt *s, const struct db_value *args, int count,
                    struct db_cursor **ret, struct err *e)
{
    struct pg *p = of(db);
    struct db_cursor *c = p->free;
    if (c)
        p->free = c->next;
    else
        c = mem_alloc(sizeof *c);
    *c = (struct db_cursor){.stmt = s, .args = args, .count = count, .writes = !is_reading(s->text)};
    int rc = begin_rows(p, c, e);
    if (rc < 0)
        put_away(p, c);
    else
        *ret = c;
    return rc;
}

static bool next_row(struct db_cursor *c)
{
    if (c->now && ++c->row < PQntuples(c->now))
        return true;
    PQclear(c->now);
    c->now = NULL;
    if (c->rows.first == c->rows.count)
        return false;
    c->now = c->rows.results[c->rows.first++];
    if (c->rows.first == c->rows.count)
        c->rows.first = c->rows.count = 0;
    c->row = 0;
    return true;
}

static int end_of_rows(struct pg *p, struct db_cursor *c, struct err *e)
{
    if (c->rows.rc < 0) {
        *e = link_state(p->link)->e;
        return fail(p, c->rows.rc, e);
    }
    pg_statements_keep(p->statements, c->number);
    p->changes = c->rows.changes;
    p->written += c->writes ? c->rows.changes : 0;
    return 0;
}

static int pg_step(struct db *db, struct db_cursor *c, struct err *e)
{
    struct pg *p = of(db);
    while (!next_row(c)) {
        if (c->rows.whole && !(c->rows.rc < 0 && may_send_again(p, c)))
            return end_of_rows(p, c, e);
        int rc = c->rows.whole ? c->rows.rc : link_receive(p->link, e);
        if (rc < 0 && may_send_again(p, c)) {
            c->again++;
            link_forget(p->link, &c->rows);
            rc = begin_rows(p, c, e);
        }
        if (rc < 0)
            return fail(p, rc, e);
    }
    c->came = true;
    return 1;
}

/* Of many rows that nobody wants the first are read over; for more the connection is given up. */
static void skip_rows(struct pg *p, struct db_cursor *c)
{
    struct err e;
    for (int i = 0; !c->rows.whole && (p->tx != NONE || i < ROWS_TO_SKIP); i++) {
        if (link_receive(p->link, &e) < 0)
            return;
        while (next_row(c))
            ;
    }
    if (!c->rows.whole) {
        (void)err_operator(&e, ERR_DB_CONFLICT, "the database was interrupted; try again in a moment",
                           "%s was left in the middle", c->stmt->name);
        link_lose(p->link, &e);
    }
}

static void pg_done(struct db *db, struct db_cursor *c)
{
    if (c->rows.stream && !c->rows.whole)
        skip_rows(of(db), c);
    put_away(of(db), c);
}

static int pg_run(struct db *db, const struct stmt *s, const struct db_value *args, int count, struct err *e)
{
    struct pg *p = of(db);
    int rc = send(p, s, args, count, NULL, e);
    p->written += !is_reading(s->text);
    if (rc == 0 && s->one) {
        link_one(p->link, s);
        p->doubts = true;
    }
    if (rc < 0 || p->tx != NONE)
        return rc;
    rc = link_settle(p->link, false, e);
    return rc < 0 ? fail(p, rc, e) : rc;
}

static int pg_script(struct db *db, const char *text, struct err *e)
{
    struct pg *p = of(db);
    int rc = p->tx == NONE ? link_ensure(p->link, e) : 0;
    if (rc == 0)
        rc = link_script(p->link, text, e);
    p->written++;
    return rc < 0 ? fail(p, rc, e) : rc;
}

/* --- transactions --- */

static int settle(struct pg *p, bool sync, struct err *e)
{
    uint64_t number = pg_statements_number(p->statements);
    int rc = link_settle(p->link, sync, e);
    p->doubts = false;
    if (rc < 0)
        return fail(p, rc, e);
    pg_statements_keep(p->statements, number);
    return 0;
}

static int roll_back(struct pg *p)
{
    struct err ignored;
    if (!link_state(p->link)->lost && link_settle(p->link, true, &ignored) < 0 && link_state(p->link)->lost)
        pg_statements_doubt(p->statements);
    if (!link_state(p->link)->lost && link_plain(p->link, "ROLLBACK", NULL, &ignored) == 0)
        (void)link_settle(p->link, true, &ignored); /* a lost connection has rolled back, too */
    p->tx = NONE;
    p->broken = p->doubts = false;
    return 0;
}

static int try_begin(struct pg *p, const char *first, const char *then, struct err *e)
{
    struct err ignored;
    int rc = link_ensure(p->link, e);
    if (rc == 0 && link_state(p->link)->failed) /* a single statement before did, and whoever ran it knows */
        (void)link_settle(p->link, false, &ignored);
    if (rc == 0)
        rc = link_plain(p->link, first, NULL, e);
    if (rc == 0 && then)
        rc = link_plain(p->link, then, NULL, e);
    link_wait_for_lock(p->link, true);
    if (rc == 0)
        rc = link_settle(p->link, false, e);
    link_wait_for_lock(p->link, false);
    return rc;
}

/* Waits, so that nothing runs without the lock, nor on a connection that has been lost in the meantime. */
static int begin(struct pg *p, enum transaction tx, const char *first, const char *then, struct err *e)
{
    int rc = try_begin(p, first, then, e);
    for (int i = 1; i < TRIES && rc == ERR_DB_CONFLICT && link_state(p->link)->lost; i++)
        rc = try_begin(p, first, then, e);
    if (rc < 0) {
        (void)roll_back(p);
        return rc;
    }
    p->tx = tx;
    p->written_before = p->written;
    return 0;
}

static int begin_writing(struct pg *p, struct err *e)
{
    char lock[sizeof WRITE_LOCK + 24];
    (void)snprintf(lock, sizeof lock, WRITE_LOCK, (long long)(p->timeout_us / 1000));
    return begin(p, WRITING, "BEGIN", lock, e);
}

static int begin_reading(struct pg *p, struct err *e)
{
    return begin(p, READING, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, e);
}

/* All nodes' times must be of one clock: by one that runs a day ahead another's number would be forgotten
 * while that one still asks for it. */
#define SERVERS_NOW "CAST(extract(epoch FROM now()) * 1000000 AS BIGINT)"

static int send_operation(struct pg *p, struct err *e)
{
    static const struct stmt s = {
        "operation",
        "INSERT INTO db_operation (node, number, at) VALUES ($1, $2, " SERVERS_NOW ")"
        " ON CONFLICT (node) DO UPDATE SET number = excluded.number, at = excluded.at",
        false, false};
    struct db_value args[] = {db_of_text(p->node), db_of_int(p->number)};
    return send(p, &s, args, 2, NULL, e);
}

static int read_number(struct pg *p, int64_t *ret, struct err *e)
{
    static const struct stmt s = {"operation_look", "SELECT number FROM db_operation WHERE node = $1", false,
                                  false};
    struct db_value args[] = {db_of_text(p->node)};
    struct db_cursor *c = NULL;
    int rc = pg_query(&p->db, &s, args, 1, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = pg_step(&p->db, c, e)) > 0)
        *ret = pg_int(c->now, c->row, 0);
    pg_done(&p->db, c);
    return rc;
}

static int commit_number(struct pg *p, struct err *e)
{
    int rc = send_operation(p, e);
    if (rc == 0)
        rc = link_plain(p->link, "COMMIT", NULL, e);
    return rc < 0 ? rc : settle(p, true, e);
}

/*
 * 1: our last transaction is there; 0: it is not. A primary shows what its synchronous standby may not have
 * yet; it has it once a later commit has returned.
 */
static int look(struct pg *p, struct err *e)
{
    int64_t number = 0;
    int rc = begin_writing(p, e);
    if (rc < 0)
        return rc;
    rc = read_number(p, &number, e);
    bool there = number == p->number;
    if (rc == 0 && there)
        rc = commit_number(p, e);
    if (rc < 0 || !there)
        (void)roll_back(p);
    p->tx = NONE;
    return rc < 0 ? rc : there;
}

/* The answer to COMMIT did not come. */
static int find_out(struct pg *p, struct err *e)
{
    int64_t limit = p->timeout_us ? p->timeout_us : LONGEST_LOOK_US;
    int64_t until = clock_monotonic() + limit;
    struct err why;
    int there;
    p->tx = NONE;
    p->broken = false;
    while ((there = look(p, &why)) < 0 && clock_monotonic() < until)
        (void)usleep(LOOK_PAUSE_US);
    if (there > 0)
        return 0;
    if (there == 0)
        return err_operator(e, ERR_DB_CONFLICT, "the database was interrupted; try again in a moment",
                            "the connection was lost before the commit");
    return err_operator(
        e, ERR_DB_UNCERTAIN,
        "the database was lost in the middle of this; whether it took place is not known: look, "
        "or send it again",
        "commit %lld of node %s: %s", (long long)p->number, p->node, why.log);
}

static int commit_writing(struct pg *p, struct err *e)
{
    bool wrote = p->written != p->written_before;
    p->number += wrote;
    int rc = p->doubts ? settle(p, false, e) : 0;
    if (rc == 0 && wrote)
        rc = send_operation(p, e);
    if (rc == 0)
        rc = link_plain(p->link, "COMMIT", NULL, e);
    if (rc < 0)
        return fail(p, rc, e);
    rc = settle(p, true, e);
    if (rc < 0 && link_state(p->link)->lost && wrote)
        return find_out(p, e);
    if (rc == 0)
        p->tx = NONE;
    return rc;
}

/* Nobody waits for its answer, which comes before that of the next statement. */
static int commit_reading(struct pg *p, struct err *e)
{
    if (link_plain(p->link, "COMMIT", NULL, e) == 0)
        (void)link_sync(p->link, e);
    p->tx = NONE;
    return 0;
}

static int commit(struct pg *p, struct err *e)
{
    if (p->broken) {
        *e = p->e;
        return e->code;
    }
    return p->tx == WRITING ? commit_writing(p, e) : commit_reading(p, e);
}

static int send_level(struct pg *p, const char *what, struct err *e)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%s level%d", what, p->db.depth);
    if (p->broken) {
        *e = p->e;
        return e->code;
    }
    int rc = link_plain(p->link, text, NULL, e);
    return rc < 0 ? fail(p, rc, e) : rc;
}

/* What has not yet been seen to have changed its row is not of what follows. */
static int save(struct pg *p, struct err *e)
{
    int rc = p->doubts && !p->broken ? settle(p, false, e) : 0;
    return rc < 0 ? rc : send_level(p, "SAVEPOINT", e);
}

static int undo(struct pg *p, struct err *e)
{
    struct err ignored;
    (void)link_settle(p->link, true, &ignored); /* in a transaction that ends nothing but the skipping */
    if (link_state(p->link)->lost) {
        *e = p->e;
        return e->code;
    }
    p->broken = false;
    int rc = send_level(p, "ROLLBACK TO", e);
    return rc < 0 ? rc : settle(p, false, e);
}

static int pg_move(struct db *db, enum db_move move, struct err *e)
{
    struct pg *p = of(db);
    switch (move) {
    case DB_BEGIN_READ:
        return begin_reading(p, e);
    case DB_BEGIN_WRITE:
        return begin_writing(p, e);
    case DB_COMMIT:
        return commit(p, e);
    case DB_ROLLBACK:
        return roll_back(p);
    case DB_SAVE:
        return save(p, e);
    case DB_UNDO:
        return undo(p, e);
    case DB_SETTLE:
        return p->broken ? (*e = p->e, e->code) : settle(p, false, e);
    case DB_RELEASE:
        return send_level(p, "RELEASE", e);
    case DB_MOVE_END:
        break;
    }
    abort();
}

/* --- opening --- */

static int make_operations(struct db *db, void *ctx, struct err *e)
{
    static const struct stmt make = {"operation_table",
                                     "CREATE TABLE IF NOT EXISTS db_operation (node TEXT PRIMARY KEY,"
                                     " number BIGINT NOT NULL, at BIGINT NOT NULL) WITH (fillfactor = 20)",
                                     false, false};
    static const struct stmt prune = {
        "operation_prune", "DELETE FROM db_operation WHERE at < " SERVERS_NOW " - $1", false, false};
    struct db_value args[] = {db_of_int(FORGET_OPERATIONS_US)};
    (void)ctx;
    int rc = db_run(db, &make, NULL, 0, NULL, e);
    of(db)->written_before = of(db)->written; /* not yet one that could be found */
    rc = rc == 0 ? pg_move(db, DB_SETTLE, e) : rc;
    return rc == 0 ? db_run(db, &prune, args, 1, NULL, e) : rc;
}

static void pg_close(struct db *db)
{
    struct pg *p = of(db);
    link_close(p->link);
    for (struct db_cursor *c = p->free, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    pg_statements_free(p->statements);
    free(p);
}

/* Who only reads connects when there is something to read: else each who asks while the database is away
 * would begin with patience again, instead of waiting for the time that is known to be over first. */
static int pg_open(const char *where, const struct db_options *o, struct db **ret, struct err *e)
{
    unsigned char node[NODE_BYTES];
    struct pg *p = mem_alloc(sizeof *p);
    *p = (struct pg){
        .db = {.ops = &db_pg_ops}, .link = link_open(where, o), .timeout_us = o->timeout_ms * 1000};
    p->statements = pg_statements_new();
    id_random(node, sizeof node);
    text_hex(node, sizeof node, p->node);
    int rc = o->read_only ? 0 : db_tx(&p->db, DB_WRITE, make_operations, NULL, e);
    if (rc < 0)
        pg_close(&p->db);
    else
        *ret = &p->db;
    return rc;
}

/* --- what was found --- */

static int64_t pg_changes(struct db *db)
{
    return of(db)->changes;
}

static int64_t pg_written(struct db *db)
{
    return of(db)->written;
}

static bool pg_in_transaction(struct db *db)
{
    const struct pg *p = of(db);
    return p->tx != NONE && !p->broken && !link_state(p->link)->lost;
}

static enum db_type type_of(struct db_cursor *c, int column)
{
    return pg_type(c->now, c->row, column);
}

static int64_t int_of(struct db_cursor *c, int column)
{
    return pg_int(c->now, c->row, column);
}

static double real_of(struct db_cursor *c, int column)
{
    return pg_real(c->now, c->row, column);
}

static const char *text_of(struct db_cursor *c, int column)
{
    return PQgetvalue(c->now, c->row, column);
}

static const void *bytes_of(struct db_cursor *c, int column, size_t *ret_len)
{
    *ret_len = (size_t)PQgetlength(c->now, c->row, column);
    return PQgetvalue(c->now, c->row, column);
}

static int columns_of(struct db_cursor *c)
{
    return PQnfields(c->now);
}

static const char *column_of(struct db_cursor *c, int column)
{
    return PQfname(c->now, column);
}

const struct db_ops db_pg_ops = {
    .name = "postgresql",
    .remote = true,
    .open = pg_open,
    .close = pg_close,
    .query = pg_query,
    .step = pg_step,
    .done = pg_done,
    .run = pg_run,
    .move = pg_move,
    .changes = pg_changes,
    .written = pg_written,
    .in_transaction = pg_in_transaction,
    .script = pg_script,
    .freeze = pg_freeze,
    .sequence = pg_sequence,
    .set_sequence = pg_set_sequence,
    .clock = pg_clock,
    .lock = pg_lock,
    .locked = pg_locked,
    .unlock = pg_unlock,
    .type = type_of,
    .get_int = int_of,
    .get_real = real_of,
    .get_text = text_of,
    .get_bytes = bytes_of,
    .columns = columns_of,
    .column = column_of,
};
