/* SPDX-License-Identifier: Apache-2.0 */
/* The engine-independent half: values, and transactions as functions. See db.h. */
#include "db/db.h"

#include "base/arena.h"

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
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    do
        rc = db_step(db, c, e);
    while (rc > 0);
    if (rc == 0 && ret_changes)
        *ret_changes = db->ops->changes(db);
    db_done(db, c);
    return rc;
}

int db_insert(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret_key,
              struct err *e)
{
    int64_t changes;
    int rc = db_run(db, s, args, count, &changes, e);
    if (rc == 0)
        *ret_key = changes ? db->ops->inserted(db) : 0;
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

/* `text` is a literal: its address is its identity. */
static int control(struct db *db, const char *text, struct err *e)
{
    struct stmt s = {.name = text, .text = text};
    return db_run(db, &s, NULL, 0, NULL, e);
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
    int rc = control(db, mode == DB_WRITE ? "BEGIN IMMEDIATE" : "BEGIN", e);
    *ret_again = rc == ERR_DB_CONFLICT;
    if (rc < 0)
        return rc;
    db->in_tx = true;
    rc = run_whole(db, body, ctx, e);
    *ret_again = rc == ERR_DB_CONFLICT;
    if (rc >= 0) {
        int committed = control(db, "COMMIT", e);
        *ret_again = committed == ERR_DB_CONFLICT;
        rc = committed < 0 ? committed : rc;
    }
    /* A failed COMMIT may or may not have left the transaction open: without one, ROLLBACK fails harmlessly.
     */
    if (rc < 0)
        (void)control(db, "ROLLBACK", &ignored);
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
    int rc = control(db, "BEGIN", e);
    db->in_tx = rc == 0;
    return rc;
}

void db_snapshot_close(struct db *db)
{
    struct err ignored;
    if (db->in_tx && control(db, "COMMIT", &ignored) < 0)
        (void)control(db, "ROLLBACK", &ignored);
    db->in_tx = false;
}

/* Savepoints are named by their depth: what goes wrong in one must not be taken for the one around it. */
static const struct {
    const char *set, *undo, *release;
} savepoints[] = {
    {"SAVEPOINT level1", "ROLLBACK TO level1", "RELEASE level1"},
    {"SAVEPOINT level2", "ROLLBACK TO level2", "RELEASE level2"},
    {"SAVEPOINT level3", "ROLLBACK TO level3", "RELEASE level3"},
    {"SAVEPOINT level4", "ROLLBACK TO level4", "RELEASE level4"},
};

static int run_nested(struct db *db, db_body_fn *body, void *ctx, struct err *e)
{
    size_t size = db->gathering ? db->gathering->size : 0;
    void *before = size ? memcpy(mem_alloc(size), db->gathered, size) : NULL;
    db->depth++;
    int rc = body(db, ctx, e);
    db->depth--;
    if (rc < 0 && size)
        memcpy(db->gathered, before, size);
    free(before);
    return rc;
}

int db_nested(struct db *db, db_body_fn *body, void *ctx, bool *ret_broken, struct err *e)
{
    struct err undo;
    int level = db->depth;
    assert(db->in_tx && level < (int)(sizeof savepoints / sizeof savepoints[0]));
    *ret_broken = false;
    int rc = control(db, savepoints[level].set, e);
    if (rc < 0)
        return rc;
    rc = run_nested(db, body, ctx, e);
    if (rc < 0 && control(db, savepoints[level].undo, &undo) < 0)
        *ret_broken = true;
    if (!*ret_broken && control(db, savepoints[level].release, &undo) < 0) {
        *ret_broken = true;
        if (rc >= 0) {
            *e = undo;
            rc = undo.code;
        }
    }
    return rc;
}
