/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite alone, the peer of a durable acknowledgement: no HTTP, no JSON, no threads; only what one
 * acknowledgement writes, one UPDATE found by a unique text id and one INSERT, committed in groups of GROUP
 * (1: a commit each) with WAL and synchronous=FULL for SECONDS seconds.
 *
 *   sqlite_alone FILE GROUP SECONDS      prints the rows changed per second
 *
 * FILE is a copy of resultd's database: then indexes and triggers are those of resultd. If it is not there,
 * it is made with two bare tables. The same rows are used again and again, moved to and fro between two
 * states.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 100000, ID = 36 };

static const char bare_tables[] =
    "CREATE TABLE result (pk INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,"
    " name TEXT NOT NULL, sha256 BLOB NOT NULL, consumed_at INTEGER) STRICT;"
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, project INTEGER NOT NULL, at INTEGER NOT NULL,"
    " type TEXT NOT NULL, object TEXT NOT NULL, job TEXT) STRICT;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    "INSERT INTO result SELECT i, printf('018f0000-0000-7000-8000-%012d', i), 'available', 'result-' || i,"
    " zeroblob(32), NULL FROM n";

static const char *const states[] = {"available", "consumed"};

struct row {
    char id[ID + 1];
    int state;
};

static sqlite3 *db;
static struct row rows[ROWS];
static sqlite3_stmt *begin, *commit, *update, *insert;

static void die(const char *what)
{
    fprintf(stderr, "sqlite_alone: %s: %s\n", what, db ? sqlite3_errmsg(db) : "no database");
    exit(1);
}

static void exec(const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sql);
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
        die(sql);
    return stmt;
}

static void step(sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE)
        die(sqlite3_sql(stmt));
    sqlite3_reset(stmt);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Whether FILE already holds the tables. */
static int is_filled(void)
{
    sqlite3_stmt *stmt = prepare("SELECT 1 FROM sqlite_schema WHERE name = 'result'");
    int found = sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    return found;
}

static long load_rows(void)
{
    sqlite3_stmt *stmt = prepare("SELECT id, state FROM result ORDER BY pk LIMIT 100000");
    long count = 0;
    for (; sqlite3_step(stmt) == SQLITE_ROW; count++) {
        snprintf(rows[count].id, sizeof rows[count].id, "%s", (const char *)sqlite3_column_text(stmt, 0));
        rows[count].state = strcmp((const char *)sqlite3_column_text(stmt, 1), states[1]) == 0;
    }
    sqlite3_finalize(stmt);
    return count;
}

static void change(struct row *row, int64_t at)
{
    sqlite3_bind_text(update, 1, states[!row->state], -1, SQLITE_STATIC);
    sqlite3_bind_int64(update, 2, at);
    sqlite3_bind_text(update, 3, row->id, ID, SQLITE_STATIC);
    sqlite3_bind_text(update, 4, states[row->state], -1, SQLITE_STATIC);
    step(update);
    if (sqlite3_changes(db) != 1)
        die("a row was not changed");
    sqlite3_bind_int64(insert, 1, at);
    sqlite3_bind_text(insert, 2, row->id, ID, SQLITE_STATIC);
    step(insert);
    row->state = !row->state;
}

int main(int argc, char **argv)
{
    long group = argc == 4 ? atol(argv[2]) : 0;
    double seconds = argc == 4 ? atof(argv[3]) : 0;
    if (group < 1 || seconds <= 0) {
        fprintf(stderr, "usage: sqlite_alone FILE GROUP SECONDS\n");
        return 2;
    }
    if (sqlite3_open(argv[1], &db) != SQLITE_OK)
        die("open");
    exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    if (!is_filled())
        exec(bare_tables);
    long count = load_rows();
    if (count == 0)
        die("no rows");
    exec("PRAGMA wal_checkpoint(TRUNCATE)");
    begin = prepare("BEGIN IMMEDIATE");
    commit = prepare("COMMIT");
    update = prepare("UPDATE result SET state = ?1, consumed_at = ?2 WHERE id = ?3 AND state = ?4");
    insert = prepare("INSERT INTO event (project, at, type, object, job)"
                     " VALUES (1, ?1, 'result.consumed', ?2, '018f0000-0000-7000-8000-000000000000')");

    double start = now(), end = start;
    long done = 0;
    for (; end - start < seconds; end = now()) {
        step(begin);
        for (long i = 0; i < group; i++, done++)
            change(&rows[done % count], (int64_t)(end * 1e6) + i);
        step(commit);
    }
    printf("%.1f\n", (double)done / (end - start));

    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(update);
    sqlite3_finalize(insert);
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
