/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded engine. WAL with synchronous=FULL: a commit that returned survives a crash of the machine.
 *
 * Every connection keeps its prepared statements, found by the address of a constant text or the content of a
 * dynamic one; each has WAYS places in the table, and takes that of the least recently used. $n is resolved
 * to SQLite's own numbering (by first appearance) once, at prepare. A connection is used by one thread at a
 * time, so SQLite's own mutexes are off (SQLITE_OPEN_NOMUTEX).
 */
#include "db/db.h"

#include "base/arena.h"
#include "base/text.h"
#include "db/sqlite_gather.h"
#include "db/whole.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_SIZE = 256, WAYS = 8 };

struct db_cursor {
    const char *text;
    char *copy; /* of a dynamic text: what `text` points to */
    const char *name;
    sqlite3_stmt *stmt;
    uint64_t used; /* when, on the connection's own clock */
    bool dynamic;
    bool open;
    int arg_count;  /* the largest n of a $n */
    int bind_count; /* of SQLite's parameters */
    int *args;      /* the n of each of these */
};

struct sqlite {
    struct db db;
    sqlite3 *handle;
    uint64_t ticks;
    struct db_cursor cache[CACHE_SIZE];
};

static struct sqlite *of(struct db *db)
{
    return (struct sqlite *)db;
}

static int classify(int code)
{
    if (code == SQLITE_CONSTRAINT_TRIGGER) /* there are no triggers but those of sqlite_freeze */
        return ERR_READ_ONLY;
    switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_DB_BUSY;
    case SQLITE_CONSTRAINT:
        return ERR_DB_CONSTRAINT;
    case SQLITE_FULL:
        return ERR_STORAGE_FULL;
    default:
        return ERR_DB;
    }
}

static const char *sentence(int code)
{
    if (code == ERR_DB_BUSY)
        return "the database is locked by another process";
    if (code == ERR_STORAGE_FULL)
        return "the server's disk is full";
    return "the database failed";
}

static int fail(struct sqlite *s, const char *name, struct err *e)
{
    int code = classify(sqlite3_extended_errcode(s->handle));
    if (code == ERR_READ_ONLY) /* nothing that an operator would have to know of each request */
        return err_set(e, code, DB_FROZEN);
    return err_operator(e, code, sentence(code), "%s: %s (%d)", name, sqlite3_errmsg(s->handle),
                        sqlite3_extended_errcode(s->handle));
}

static void forget(struct db_cursor *c)
{
    (void)sqlite3_finalize(c->stmt);
    free(c->copy);
    free(c->args);
    *c = (struct db_cursor){0};
}

static void sqlite_close(struct db *db)
{
    struct sqlite *s = of(db);
    for (int i = 0; i < CACHE_SIZE; i++)
        forget(&s->cache[i]);
    (void)sqlite3_close(s->handle);
    free(s);
}

static int sqlite_script(struct db *db, const char *text, struct err *e)
{
    struct sqlite *s = of(db);
    return sqlite3_exec(s->handle, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, "script", e);
}

static int configure(struct sqlite *s, const struct db_options *o, struct err *e)
{
    char text[480];
    (void)sqlite3_busy_timeout(s->handle, (int)o->busy_ms);
    (void)sqlite3_extended_result_codes(s->handle, 1);
    (void)snprintf(
        text, sizeof text,
        "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA cache_size = -%lld; PRAGMA mmap_size = %lld;"
        "PRAGMA temp_store = %s; PRAGMA journal_size_limit = 67108864;"
        "PRAGMA wal_autocheckpoint = 16384; PRAGMA trusted_schema = OFF;%s",
        (long long)o->cache_kib, (long long)o->map_bytes,
        o->read_only ? "FILE" : "MEMORY", /* a file is made when a sort is larger than the cache */
        o->read_only ? "PRAGMA query_only = ON;" : "PRAGMA journal_mode = WAL;");
    return sqlite_script(&s->db, text, e);
}

/*
 * Without its statistics of memory, which nobody reads, SQLite takes no global lock for each allocation. What
 * a sort cannot hold goes beside the first database, where there is room, and not to wherever the system has
 * its temporary files, which may be memory.
 */
static void configure_library(const char *where)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static bool configured;
    const char *slash = strrchr(where, '/');
    (void)pthread_mutex_lock(&mutex);
    if (!configured) {
        (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
        (void)sqlite_gather_register(); /* if it fails, so does opening with it */
        sqlite3_temp_directory = slash ? sqlite3_mprintf("%.*s", (int)(slash - where), where) : NULL;
    }
    configured = true;
    (void)pthread_mutex_unlock(&mutex);
}

static int sqlite_open(const char *where, const struct db_options *o, struct db **ret, struct err *e)
{
    configure_library(where);
    struct sqlite *s = mem_alloc(sizeof *s);
    *s = (struct sqlite){.db = {.ops = &db_sqlite_ops}};
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (o->read_only ? 0 : SQLITE_OPEN_CREATE);
    int rc = 0;
    const char *vfs = o->read_only ? NULL : SQLITE_GATHER_VFS;
    if (sqlite3_open_v2(where, &s->handle, flags, vfs) != SQLITE_OK)
        rc = err_operator(e, ERR_DB, "the database cannot be opened", "%s: %s", where,
                          sqlite3_errmsg(s->handle));
    else
        rc = configure(s, o, e);
    if (rc < 0) {
        sqlite_close(&s->db);
        return rc;
    }
    *ret = &s->db;
    return 0;
}

static uint64_t hash_of(const struct stmt *st)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    if (!st->dynamic)
        return ((uintptr_t)st->text >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32;
    for (const char *p = st->text; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    return h;
}

static bool same(const struct db_cursor *c, const struct stmt *st)
{
    if (!c->text || c->dynamic != st->dynamic)
        return false;
    return st->dynamic ? !c->open && strcmp(c->text, st->text) == 0 : c->text == st->text;
}

/* The statement's place: where it is, or else the least recently used one of the few where it may be. */
static struct db_cursor *find(struct sqlite *s, const struct stmt *st, bool *ret_known)
{
    uint64_t hash = hash_of(st);
    struct db_cursor *best = NULL;
    *ret_known = true;
    for (unsigned i = 0; i < WAYS; i++) {
        struct db_cursor *c = &s->cache[(hash + i) % CACHE_SIZE];
        if (same(c, st))
            return c;
        if (!c->open && (!best || c->used < best->used))
            best = c;
    }
    assert(best); /* nobody has that many cursors open */
    *ret_known = false;
    return best;
}

static int prepare(struct sqlite *s, const struct stmt *st, struct db_cursor *c, struct err *e)
{
    forget(c);
    if (sqlite3_prepare_v3(s->handle, st->text, -1, SQLITE_PREPARE_PERSISTENT, &c->stmt, NULL) != SQLITE_OK)
        return fail(s, st->name, e);
    c->dynamic = st->dynamic;
    c->copy = st->dynamic ? mem_strdup(st->text) : NULL;
    c->text = st->dynamic ? c->copy : st->text;
    c->name = st->dynamic ? "dynamic" : st->name;
    c->bind_count = sqlite3_bind_parameter_count(c->stmt);
    c->args = c->bind_count ? mem_alloc((size_t)c->bind_count * sizeof c->args[0]) : NULL;
    for (int i = 0; i < c->bind_count; i++) {
        const char *name = sqlite3_bind_parameter_name(c->stmt, i + 1);
        int64_t n = 0;
        (void)text_uint(name + 1, strlen(name + 1), &n); /* ours, so it is $ and a number */
        c->args[i] = (int)n;
        if (c->arg_count < c->args[i])
            c->arg_count = c->args[i];
    }
    return 0;
}

static int bind(struct db_cursor *c, int at, const struct db_value *v)
{
    switch (v->type) {
    case DB_INT:
        return sqlite3_bind_int64(c->stmt, at, v->integer);
    case DB_REAL:
        return sqlite3_bind_double(c->stmt, at, v->real);
    case DB_TEXT:
        return sqlite3_bind_text64(c->stmt, at, v->bytes, v->len, SQLITE_STATIC, SQLITE_UTF8);
    case DB_BLOB:
        return sqlite3_bind_blob64(c->stmt, at, v->len ? v->bytes : "", v->len, SQLITE_STATIC);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(c->stmt, at);
}

static int sqlite_query(struct db *db, const struct stmt *st, const struct db_value *args, int count,
                        struct db_cursor **ret, struct err *e)
{
    struct sqlite *s = of(db);
    bool known;
    struct db_cursor *c = find(s, st, &known);
    int rc = known ? 0 : prepare(s, st, c, e);
    if (rc < 0)
        return rc;
    assert(!c->open && c->arg_count <= count);
    c->used = ++s->ticks;
    for (int i = 0; i < c->bind_count; i++)
        if (bind(c, i + 1, &args[c->args[i] - 1]) != SQLITE_OK)
            return fail(s, st->name, e);
    c->open = true;
    *ret = c;
    return 0;
}

static int sqlite_step(struct db *db, struct db_cursor *c, struct err *e)
{
    switch (sqlite3_step(c->stmt)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    default:
        return fail(of(db), c->name, e);
    }
}

/* Arguments are bound as SQLITE_STATIC, so they must not outlive this. */
static void sqlite_done(struct db *db, struct db_cursor *c)
{
    (void)db;
    (void)sqlite3_reset(c->stmt);
    (void)sqlite3_clear_bindings(c->stmt);
    c->open = false;
}

static int sqlite_run(struct db *db, const struct stmt *st, const struct db_value *args, int count,
                      struct err *e)
{
    struct db_cursor *c = NULL;
    int rc = sqlite_query(db, st, args, count, &c, e);
    if (rc < 0)
        return rc;
    do
        rc = sqlite_step(db, c, e);
    while (rc > 0);
    sqlite_done(db, c);
    if (rc == 0 && st->one && db->ops->changes(db) != 1)
        return db_not_one(st, e);
    return rc;
}

/* Savepoints are named by their depth: what goes wrong in one must not be taken for the one around it. */
static int sqlite_move(struct db *db, enum db_move move, struct err *e)
{
    static const char *const texts[DB_MOVE_END][DB_DEPTH] = {
        [DB_BEGIN_READ] = {"BEGIN"},
        [DB_BEGIN_WRITE] = {"BEGIN IMMEDIATE"},
        [DB_COMMIT] = {"COMMIT"},
        [DB_ROLLBACK] = {"ROLLBACK"},
        [DB_SAVE] = {"SAVEPOINT level1", "SAVEPOINT level2", "SAVEPOINT level3", "SAVEPOINT level4"},
        [DB_UNDO] = {"ROLLBACK TO level1", "ROLLBACK TO level2", "ROLLBACK TO level3", "ROLLBACK TO level4"},
        [DB_RELEASE] = {"RELEASE level1", "RELEASE level2", "RELEASE level3", "RELEASE level4"},
    };
    if (move == DB_SETTLE)
        return 0; /* it has run already */
    struct stmt st = {.name = db_move_names[move], .text = texts[move][move < DB_SAVE ? 0 : db->depth]};
    return sqlite_run(db, &st, NULL, 0, e);
}

static int64_t sqlite_changes(struct db *db)
{
    return sqlite3_changes64(of(db)->handle);
}

static int64_t sqlite_written(struct db *db)
{
    return sqlite3_total_changes64(of(db)->handle);
}

static bool sqlite_in_transaction(struct db *db)
{
    return !sqlite3_get_autocommit(of(db)->handle);
}

static enum db_type sqlite_type(struct db_cursor *c, int column)
{
    switch (sqlite3_column_type(c->stmt, column)) {
    case SQLITE_INTEGER:
        return DB_INT;
    case SQLITE_FLOAT:
        return DB_REAL;
    case SQLITE_TEXT:
        return DB_TEXT;
    case SQLITE_BLOB:
        return DB_BLOB;
    default:
        return DB_NULL;
    }
}

static int64_t sqlite_int(struct db_cursor *c, int column)
{
    return sqlite3_column_int64(c->stmt, column);
}

static double sqlite_real(struct db_cursor *c, int column)
{
    return sqlite3_column_double(c->stmt, column);
}

static const char *sqlite_text(struct db_cursor *c, int column)
{
    const unsigned char *s = sqlite3_column_text(c->stmt, column);
    return s ? (const char *)s : "";
}

static const void *sqlite_bytes(struct db_cursor *c, int column, size_t *ret_len)
{
    const void *p = sqlite3_column_blob(c->stmt, column);
    *ret_len = (size_t)sqlite3_column_bytes(c->stmt, column);
    return p ? p : "";
}

static int sqlite_columns(struct db_cursor *c)
{
    return sqlite3_column_count(c->stmt);
}

static const char *sqlite_column(struct db_cursor *c, int column)
{
    return sqlite3_column_name(c->stmt, column);
}

static const struct stmt checks[] = {
    {"integrity_check", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'", false},
    {"foreign_key_check",
     "SELECT 'a row of ' || \"table\" || ' refers to nothing' FROM pragma_foreign_key_check", false},
};

const struct db_ops db_sqlite_ops = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .query = sqlite_query,
    .step = sqlite_step,
    .done = sqlite_done,
    .run = sqlite_run,
    .move = sqlite_move,
    .changes = sqlite_changes,
    .written = sqlite_written,
    .in_transaction = sqlite_in_transaction,
    .script = sqlite_script,
    .freeze = sqlite_freeze,
    .sequence = sqlite_sequence,
    .set_sequence = sqlite_set_sequence,
    .checks = checks,
    .check_count = sizeof checks / sizeof checks[0],
    .type = sqlite_type,
    .get_int = sqlite_int,
    .get_real = sqlite_real,
    .get_text = sqlite_text,
    .get_bytes = sqlite_bytes,
    .columns = sqlite_columns,
    .column = sqlite_column,
};
