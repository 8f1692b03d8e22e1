/* SPDX-License-Identifier: Apache-2.0 */
/* The engine-independent half: values, and transactions as functions. See db.h. */
#include "db/db.h"

#include "base/arena.h"
#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 4 };

struct db_value db_of_int(int64_t v)
{
    return (struct db_value){.type = DB_INT, .integer = v};
}

struct db_value db_of_time(int64_t v)
{
    return v ? db_of_int(v) : (struct db_value){.type = DB_NULL};
}

struct db_value db_of_real(double v)
{
    return (struct db_value){.type = DB_REAL, .real = v};
}

struct db_value db_of_text(const char *s)
{
    if (!s)
        return (struct db_value){.type = DB_NULL};
    return (struct db_value){.type = DB_TEXT, .bytes = s, .len = strlen(s)};
}

struct db_value db_of_blob(const void *bytes, size_t len)
{
    return (struct db_value){.type = DB_BLOB, .bytes = bytes, .len = len};
}

int db_open(const struct db_ops *ops, const char *where, const struct db_options *options, struct db **ret,
            struct err *e)
{
    return ops->open(where, options, ret, e);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    free(db->gathered);
    db->ops->close(db);
}

bool db_is_remote(const struct db *db)
{
    return db->ops->remote;
}

int db_not_one(const struct stmt *s, struct err *e)
{
    return err_operator(e, ERR_DB_CONFLICT, "what this changes has just changed; try again in a moment",
                        "%s did not change one row", s->name);
}

int db_query(struct db *db, const struct stmt *s, const struct db_value *args, int count,
             struct db_cursor **ret, struct err *e)
{
    return db->ops->query(db, s, args, count, ret, e);
}

int db_step(struct db *db, struct db_cursor *c, struct err *e)
{
    return db->ops->step(db, c, e);
}

void db_done(struct db *db, struct db_cursor *c)
{
    if (c)
        db->ops->done(db, c);
}

int db_run(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret_changes,
           struct err *e)
{
    struct db_cursor *c = NULL;
    if (!ret_changes)
        return db->ops->run(db, s, args, count, e);
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    do
        rc = db_step(db, c, e);
    while (rc > 0);
    if (rc == 0)
        *ret_changes = db->ops->changes(db);
    db_done(db, c);
    return rc;
}

int db_insert(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret_key,
              struct err *e)
{
    struct db_cursor *c = NULL;
    int64_t key = 0;
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        key = db_int(db, c, 0);
    db_done(db, c);
    if (rc == 0)
        *ret_key = key;
    return rc;
}

int64_t db_written(struct db *db)
{
    return db->ops->written(db);
}

bool db_in_transaction(struct db *db)
{
    return db->ops->in_transaction(db);
}

bool db_is_null(struct db *db, struct db_cursor *c, int column)
{
    return db->ops->type(c, column) == DB_NULL;
}

int64_t db_int(struct db *db, struct db_cursor *c, int column)
{
    return db->ops->get_int(c, column);
}

double db_real(struct db *db, struct db_cursor *c, int column)
{
    return db->ops->get_real(c, column);
}

const char *db_text(struct db *db, struct db_cursor *c, int column)
{
    return db_is_null(db, c, column) ? NULL : db->ops->get_text(c, column);
}

const void *db_blob(struct db *db, struct db_cursor *c, int column, size_t *ret_len)
{
    *ret_len = 0;
    return db_is_null(db, c, column) ? NULL : db->ops->get_bytes(c, column, ret_len);
}

int db_columns(struct db *db, struct db_cursor *c)
{
    return db->ops->columns(c);
}

const char *db_column(struct db *db, struct db_cursor *c, int column)
{
    return db->ops->column(c, column);
}

struct db_value db_value(struct db *db, struct db_cursor *c, int column)
{
    struct db_value v = {.type = db->ops->type(c, column)};
    switch (v.type) {
    case DB_INT:
        v.integer = db_int(db, c, column);
        break;
    case DB_REAL:
        v.real = db_real(db, c, column);
        break;
    case DB_TEXT:
    case DB_BLOB:
        v.bytes = db_blob(db, c, column, &v.len);
        break;
    case DB_NULL:
        break;
    }
    return v;
}

int db_freeze(struct db *db, const char *const *tables, bool frozen, struct err *e)
{
    return db->ops->freeze(db, tables, frozen, e);
}

int db_sequence(struct db *db, const char *table, int64_t *ret, struct err *e)
{
    return db->ops->sequence(db, table, ret, e);
}

int db_set_sequence(struct db *db, const char *table, int64_t last, struct err *e)
{
    return db->ops->set_sequence(db, table, last, e);
}

const char *const db_move_names[DB_MOVE_END] = {
    [DB_BEGIN_READ] = "BEGIN",  [DB_BEGIN_WRITE] = "BEGIN WRITE", [DB_COMMIT] = "COMMIT",
    [DB_ROLLBACK] = "ROLLBACK", [DB_SAVE] = "SAVEPOINT",          [DB_SETTLE] = "SETTLE",
    [DB_UNDO] = "ROLLBACK TO",  [DB_RELEASE] = "RELEASE",
};

static int move(struct db *db, enum db_move m, struct err *e)
{
    return db->ops->move(db, m, e);
}

int db_clock(struct db *db, int64_t *ret, struct err *e)
{
    if (db->ops->clock)
        return db->ops->clock(db, ret, e);
    *ret = clock_now();
    return 0;
}

int db_lock(struct db *db, enum db_lock what, bool alone, int64_t silence_ms, struct err *e)
{
    assert(!db->in_tx);
    return db->ops->lock ? db->ops->lock(db, what, alone, silence_ms, e) : 1;
}

int db_locked(struct db *db, enum db_lock what, struct err *e)
{
    return db->ops->locked ? db->ops->locked(db, what, e) : 1;
}

void db_unlock(struct db *db, enum db_lock what)
{
    struct err ignored; /* with a connection that is lost it is lost, too */
    if (db->ops->unlock)
        (void)db->ops->unlock(db, what, &ignored);
}

void db_gather(struct db *db, const struct db_gathering *g)
{
    assert(!db->in_tx && !db->gathered);
    db->gathering = g;
    db->gathered = mem_alloc(g->size);
}

void *db_gathered(struct db *db)
{
    return db->in_tx ? db->gathered : NULL;
}

static int run_whole(struct db *db, db_body_fn *body, void *ctx, struct err *e)
{
    if (db->gathering)
        memset(db->gathered, 0, db->gathering->size);
    int rc = body(db, ctx, e);
    int flushed = rc >= 0 && db->gathering ? db->gathering->flush(db, db->gathered, e) : 0;
    return flushed < 0 ? flushed : rc;
}

static int attempt(struct db *db, enum db_mode mode, db_body_fn *body, void *ctx, bool *ret_again,
                   struct err *e)
{
    struct err ignored;
    int rc = move(db, mode == DB_WRITE ? DB_BEGIN_WRITE : DB_BEGIN_READ, e);
    *ret_again = rc == ERR_DB_CONFLICT;
    if (rc < 0)
        return rc;
    db->in_tx = true;
    rc = run_whole(db, body, ctx, e);
    *ret_again = rc == ERR_DB_CONFLICT;
    if (rc >= 0) {
        int committed = move(db, DB_COMMIT, e);
        *ret_again = committed == ERR_DB_CONFLICT;
        rc = committed < 0 ? committed : rc;
    }
    /* A failed COMMIT may or may not have left the transaction open: without one, ROLLBACK fails harmlessly.
     */
    if (rc < 0)
        (void)move(db, DB_ROLLBACK, &ignored);
    db->in_tx = false;
    return rc;
}

int db_tx(struct db *db, enum db_mode mode, db_body_fn *body, void *ctx, struct err *e)
{
    bool again;
    int rc;
    assert(!db->in_tx);
    for (int i = 0; i < TRIES; i++) {
        rc = attempt(db, mode, body, ctx, &again, e);
        if (!again)
            break;
    }
    return rc;
}

int db_snapshot_open(struct db *db, struct err *e)
{
    assert(!db->in_tx);
    int rc = move(db, DB_BEGIN_READ, e);
    db->in_tx = rc == 0;
    return rc;
}

void db_snapshot_close(struct db *db)
{
    struct err ignored;
    if (db->in_tx && move(db, DB_COMMIT, &ignored) < 0)
        (void)move(db, DB_ROLLBACK, &ignored);
    db->in_tx = false;
}

static int run_nested(struct db *db, db_body_fn *body, void *ctx, struct err *e)
{
    size_t size = db->gathering ? db->gathering->size : 0;
    void *before = size ? memcpy(mem_alloc(size), db->gathered, size) : NULL;
    db->depth++;
    int rc = body(db, ctx, e);
    db->depth--;
    int settled = rc < 0 ? 0 : move(db, DB_SETTLE, e);
    rc = settled < 0 ? settled : rc;
    if (rc < 0 && size)
        memcpy(db->gathered, before, size);
    free(before);
    return rc;
}

int db_nested(struct db *db, db_body_fn *body, void *ctx, bool *ret_broken, struct err *e)
{
    struct err undo;
    assert(db->in_tx && db->depth < DB_DEPTH);
    int rc = move(db, DB_SAVE, e);
    *ret_broken = rc < 0; /* perhaps by what came before it */
    if (rc < 0)
        return rc;
    rc = run_nested(db, body, ctx, e);
    if (rc < 0 && move(db, DB_UNDO, &undo) < 0)
        *ret_broken = true;
    if (!*ret_broken && move(db, DB_RELEASE, &undo) < 0) {
        *ret_broken = true;
        if (rc >= 0) {
            *e = undo;
            rc = undo.code;
        }
    }
    return rc;
}
