/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQL, whatever engine runs it. The seam is at SQL and not at the domain: engines differ in connecting,
 * binding, stepping and classifying errors, not in our statements.
 *
 * A `struct db` is one connection and belongs to one thread at a time. Parameters are $1 … $n, each bound
 * from args[0] … args[n-1]. A cursor is valid until db_done; texts and blobs it returns until the next step.
 * Every cursor is closed with db_done, also after an error.
 *
 * Errors: ERR_DB_BUSY (locked by somebody else for too long), ERR_DB_CONSTRAINT, ERR_DB_CONFLICT (a retry of
 * the transaction may succeed), ERR_DB_UNCERTAIN (whether the commit took place is not known),
 * ERR_STORAGE_FULL, ERR_DB.
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
 * content. */
struct stmt {
    const char *name;
    const char *text;
    bool dynamic;
};

enum db_mode { DB_READ, DB_WRITE };

struct db_options {
    bool read_only;
    int64_t busy_ms; /* how long to wait for a lock */
    int64_t cache_kib;
    int64_t map_bytes; /* of the file, read through a mapping; a read error there ends the process */
};

/* What an engine provides; all are called with their own connection's thread. */
struct db_ops {
    const char *name;
    int (*open)(const char *where, const struct db_options *options, struct db **ret, struct err *e);
    void (*close)(struct db *db);
    int (*query)(struct db *db, const struct stmt *s, const struct db_value *args, int count,
                 struct db_cursor **ret, struct err *e);
    int (*step)(struct db *db, struct db_cursor *c, struct err *e); /* 1 a row, 0 the end, negative */
    void (*done)(struct db *db, struct db_cursor *c);
    int64_t (*changes)(struct db *db);     /* rows that the last statement changed */
    int64_t (*written)(struct db *db);     /* rows that all statements of this connection changed */
    int64_t (*inserted)(struct db *db);    /* the integer key of the row that the last INSERT made */
    bool (*in_transaction)(struct db *db); /* false also if the engine ended it by itself, which rolls back */
    int (*script)(struct db *db, const char *text, struct err *e); /* several statements, no parameters */
    enum db_type (*type)(struct db_cursor *c, int column);
    int64_t (*get_int)(struct db_cursor *c, int column);
    double (*get_real)(struct db_cursor *c, int column);
    const char *(*get_text)(struct db_cursor *c, int column); /* with a NUL, which can cost a copy */
    const void *(*get_bytes)(struct db_cursor *c, int column, size_t *ret_len); /* of a text: without */
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

extern const struct db_ops db_sqlite_ops;

int db_open(const struct db_ops *ops, const char *where, const struct db_options *options, struct db **ret,
            struct err *e);
void db_close(struct db *db); /* NULL is fine */

int db_query(struct db *db, const struct stmt *s, const struct db_value *args, int count,
             struct db_cursor **ret, struct err *e);
int db_step(struct db *db, struct db_cursor *c, struct err *e);
void db_done(struct db *db, struct db_cursor *c); /* NULL is fine */

/* A statement that returns no rows; the count of changed rows in *ret_changes unless that is NULL. */
int db_run(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret_changes,
           struct err *e);

/* An INSERT of one row; *ret_key is its integer primary key, or 0 if ON CONFLICT DO NOTHING did nothing. */
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
 * would otherwise begin and end one thousands of times a second. Whoever holds one keeps the log from being
 * shortened.
 */
int db_snapshot_open(struct db *db, struct err *e);
void db_snapshot_close(struct db *db); /* fine if there is none */

/*
 * Inside a transaction: runs the body so that its failure undoes the body's changes and nothing else. Returns
 * what the body returned; if the undoing itself fails, *ret_broken is true and the transaction cannot be
 * committed.
 */
int db_nested(struct db *db, db_body_fn *body, void *ctx, bool *ret_broken, struct err *e);
