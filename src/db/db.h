/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL, whatever engine runs it. The seam is at SQL and not at the domain: engines differ in connecting,
 * binding, stepping and classifying errors, not in our statements.
 *
 * Texts are compared byte by byte, hold no NUL, and are UTF-8; integers have 64 bits.
 *
 * A `struct db` is one connection and belongs to one thread at a time. Parameters are $1 … $n, each bound
 * from args[0] … args[n-1]. A cursor is valid until db_done; texts and blobs it returns until the next step.
 * Every cursor is closed with db_done, also after an error.
 *
 * Errors: ERR_DB_BUSY (locked by somebody else for too long), ERR_DB_CONSTRAINT, ERR_DB_CONFLICT (a retry of
 * the transaction may succeed), ERR_DB_UNCERTAIN (whether the commit took place is not known),
 * ERR_READ_ONLY (the table is frozen), ERR_STORAGE_FULL, ERR_DB.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_cursor;

enum db_type { DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB };

struct db_value {
    enum db_type type;
    int64_t integer;
    double real;
    const void *bytes;
    size_t len;
};

struct db_value db_of_int(int64_t v);
struct db_value db_of_time(int64_t v); /* 0 is NULL */
struct db_value db_of_real(double v);
struct db_value db_of_text(const char *s); /* NULL is NULL */
struct db_value db_of_blob(const void *bytes, size_t len);

/* A statement. `name` shows in errors and logs. Texts made at run time are `dynamic`: they are cached by
 * content, or not at all. `many`: may give more rows than memory should hold at once. `one`: it changes one
 * row, which its transaction has read; that it changed another number is ERR_DB_CONFLICT for db_run. */
struct stmt {
    const char *name;
    const char *text;
    bool dynamic;
    bool many;
    bool one;
};

/* Puts a constant statement into the list that a test goes through on every engine: `static const struct stmt
 * s DB_LISTED = …`. Only what one engine alone can say is left out. */
#define DB_LISTED __attribute__((section("db_statements"), used, aligned(8)))

/*
 * Of the address of a server, as db_open takes it: whether it is one, since errors would quote what it is not
 * taken for, and that may be a password; whether a password stands in it; and what people and logs may see of
 * it, without user, password and parameters.
 */
bool db_address_valid(const char *where);
bool db_address_has_password(const char *where);
void db_address_name(const char *where, char *ret, size_t size);

enum db_mode { DB_READ, DB_WRITE };

/* What db_lock locks. */
enum db_lock {
    DB_LOCK_FILES = 1, /* held alone by who removes files, shared by who copies them */
};

struct db_options {
    bool read_only;
    int64_t busy_ms; /* how long to wait for a lock */
    /* Of an engine in a file of its own: */
    int64_t cache_kib;
    int64_t map_bytes; /* of the file, read through a mapping; a read error there ends the process */
    /* Of a server: */
    int64_t connect_ms;
    int64_t timeout_ms; /* for its answer to a statement; 0: as long as it takes */
    bool standby;       /* a host that takes no writes will do, and is preferred */
    /* Which database it has to be, asked on each new connection: a query of one text, and that text. Where it
     * is another one nothing is ever read: ERR_MISMATCH. NULL: whichever. */
    const char *proof, *proved;
};

/* The moves of a transaction. Savepoints are those of `db->depth`. DB_SETTLE: what was run has run. */
enum db_move {
    DB_BEGIN_READ,
    DB_BEGIN_WRITE,
    DB_COMMIT,
    DB_ROLLBACK,
    DB_SAVE,
    DB_UNDO,
    DB_SETTLE,
    DB_RELEASE,
    DB_MOVE_END
};
extern const char *const db_move_names[DB_MOVE_END];
enum { DB_DEPTH = 4 };

/* What an engine provides; all are called with their own connection's thread. */
struct db_ops {
    const char *name;
    /* A server that others write to, too: a statement takes a round trip, or much longer, so it is not for an
     * event loop; and what this process has not written may still have changed. */
    bool remote;
    int (*open)(const char *where, const struct db_options *options, struct db **ret, struct err *e);
    void (*close)(struct db *db);
    int (*query)(struct db *db, const struct stmt *s, const struct db_value *args, int count,
                 struct db_cursor **ret, struct err *e);
    int (*step)(struct db *db, struct db_cursor *c, struct err *e); /* 1 a row, 0 the end, negative */
    void (*done)(struct db *db, struct db_cursor *c);
    /* A statement that returns no rows and whose count of changes nobody looks at. In a transaction its
     * failure may show later: at the next step, db_nested's end or the commit, which then fails. */
    int (*run)(struct db *db, const struct stmt *s, const struct db_value *args, int count, struct err *e);
    int (*move)(struct db *db, enum db_move move, struct err *e);
    int64_t (*changes)(struct db *db);     /* rows that the last statement changed */
    int64_t (*written)(struct db *db);     /* rows that all statements of this connection changed */
    bool (*in_transaction)(struct db *db); /* false also if the engine ended it by itself, which rolls back */
    int (*script)(struct db *db, const char *text, struct err *e); /* several statements, no parameters */
    int (*freeze)(struct db *db, const char *const *tables, bool frozen, struct err *e);
    int (*sequence)(struct db *db, const char *table, int64_t *ret, struct err *e);
    int (*set_sequence)(struct db *db, const char *table, int64_t last, struct err *e);
    /* Of a server, which others use from elsewhere; NULL: it is in a file of this machine. See db_clock and
     * db_lock. */
    int (*clock)(struct db *db, int64_t *ret, struct err *e);
    int (*lock)(struct db *db, enum db_lock what, bool alone, int64_t silence_ms, struct err *e);
    int (*locked)(struct db *db, enum db_lock what, struct err *e);
    int (*unlock)(struct db *db, enum db_lock what, struct err *e);
    const struct stmt *checks; /* each row that one gives says what is damaged in the engine's own storage */
    int check_count;
    enum db_type (*type)(struct db_cursor *c, int column);
    int64_t (*get_int)(struct db_cursor *c, int column);
    double (*get_real)(struct db_cursor *c, int column);
    const char *(*get_text)(struct db_cursor *c, int column); /* with a NUL, which can cost a copy */
    const void *(*get_bytes)(struct db_cursor *c, int column, size_t *ret_len); /* of a text: without */
    int (*columns)(struct db_cursor *c);
    const char *(*column)(struct db_cursor *c, int column);
};

/*
 * What a transaction gathers while it runs and writes once, at its end: sums that nearly all of its changes
 * touch. `size` bytes, zero when it begins. `flush` writes them, just before the commit; the transaction
 * fails if it does. What is gathered in the body of db_nested is undone with it.
 */
struct db_gathering {
    size_t size;
    int (*flush)(struct db *db, void *gathered, struct err *e);
};

/* The head of every engine's connection. */
struct db {
    const struct db_ops *ops;
    bool in_tx;
    int depth; /* of savepoints */
    const struct db_gathering *gathering;
    void *gathered;
};

extern const struct db_ops db_sqlite_ops, db_pg_ops;

int db_open(const struct db_ops *ops, const char *where, const struct db_options *options, struct db **ret,
            struct err *e);
void db_close(struct db *db); /* NULL is fine */
bool db_is_remote(const struct db *db);

/* For engines: the error of a statement that has changed another number of rows than one. */
int db_not_one(const struct stmt *s, struct err *e);

int db_query(struct db *db, const struct stmt *s, const struct db_value *args, int count,
             struct db_cursor **ret, struct err *e);
int db_step(struct db *db, struct db_cursor *c, struct err *e);
void db_done(struct db *db, struct db_cursor *c); /* NULL is fine */

/* A statement that returns no rows; the count of changed rows in *ret_changes. NULL: nobody looks at the
 * outcome; inside a transaction a failure may then show later, at the latest at its commit. */
int db_run(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret_changes,
           struct err *e);

/* An INSERT … RETURNING the integer key of one row; 0 if ON CONFLICT DO NOTHING did nothing. */
int db_insert(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret_key,
              struct err *e);

/* Grows with every row that this connection changes: equal before and after means that nothing was written.
 */
int64_t db_written(struct db *db);
/* Inside db_tx: whether its transaction is still there. A full disk, for one, can make an engine end it. */
bool db_in_transaction(struct db *db);

bool db_is_null(struct db *db, struct db_cursor *c, int column);
int64_t db_int(struct db *db, struct db_cursor *c, int column); /* NULL is 0 */
double db_real(struct db *db, struct db_cursor *c, int column);
const char *db_text(struct db *db, struct db_cursor *c, int column); /* NULL stays NULL */
/* NULL stays NULL. Of a text too: its bytes without a NUL. */
const void *db_blob(struct db *db, struct db_cursor *c, int column, size_t *ret_len);

/* Of the row that a step has just given: how many columns it has, what each is called, and its value, which
 * is borrowed until the next step. */
int db_columns(struct db *db, struct db_cursor *c);
const char *db_column(struct db *db, struct db_cursor *c, int column);
struct db_value db_value(struct db *db, struct db_cursor *c, int column);

/*
 * Inside a writing transaction: from its commit on nobody can change these tables (NULL ends the list), on
 * whatever connection, of whatever process: ERR_READ_ONLY. Or they can be changed again. Either may be so
 * already.
 */
#define DB_FROZEN                                                                                            \
    "the data of this server are being moved elsewhere: until that is over they can be read, but not changed"
int db_freeze(struct db *db, const char *const *tables, bool frozen, struct err *e);

/* The last key that was given to a row of this table by itself, 0 for none: whether or not the row is still
 * there, no other gets it. */
int db_sequence(struct db *db, const char *table, int64_t *ret, struct err *e);
int db_set_sequence(struct db *db, const char *table, int64_t last, struct err *e);

/* What time it is where the database is, in microseconds since 1970. */
int db_clock(struct db *db, int64_t *ret, struct err *e);

/*
 * A lock that everybody sees who uses the database, from wherever: some share it, or one has it alone. Not
 * inside a transaction, and no part of one: it ends with db_unlock, with its connection or with the process.
 * A database in a file has none: it is always to be had, and whoever is on this machine agrees in other ways.
 *
 * A server takes it from who is gone without a word: from a machine that cannot be reached after half a
 * minute, and from a process that asks nothing on this connection for `silence_ms` (0: it may be silent), by
 * ending the connection. So who was stopped and goes on asks db_locked before anything else.
 */
int db_lock(struct db *db, enum db_lock what, bool alone, int64_t silence_ms,
            struct err *e);                                     /* 1: had; 0: not now, others have it */
int db_locked(struct db *db, enum db_lock what, struct err *e); /* 1: still had; 0: the connection was lost */
void db_unlock(struct db *db, enum db_lock what);               /* fine without it */

/*
 * The only way to a transaction: begin, body, commit; rolled back when the body fails. A conflict is
 * tried again a few times, so the body may run more than once; a database that stays locked is ERR_DB_BUSY
 * once busy_ms have passed.
 */
typedef int db_body_fn(struct db *db, void *ctx, struct err *e);
int db_tx(struct db *db, enum db_mode mode, db_body_fn *body, void *ctx, struct err *e);

/* From now on the transactions of this connection gather. Not inside one. */
void db_gather(struct db *db, const struct db_gathering *g);
/* Where to gather, until the end of the transaction; NULL: not in a transaction, or the connection does not.
 */
void *db_gathered(struct db *db);

/*
 * A reading transaction that stays open over several uses, so that they all see one moment: for readers that
 * would otherwise begin and end one thousands of times a second. Whoever holds one keeps the engine from
 * clearing up what was changed since.
 */
int db_snapshot_open(struct db *db, struct err *e);
void db_snapshot_close(struct db *db); /* fine if there is none */

/*
 * Inside a transaction: runs the body so that its failure undoes the body's changes and nothing else. Returns
 * what the body returned; if the undoing itself fails, or what came before the body turns out to have failed,
 * *ret_broken is true and the transaction cannot be committed.
 */
int db_nested(struct db *db, db_body_fn *body, void *ctx, bool *ret_broken, struct err *e);
