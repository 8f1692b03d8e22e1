/* SPDX-License-Identifier: Apache-2.0 */
/* What is SQLite's own: its cache of statements, parameters out of order, its classes of errors, its
 * settings, its files. */
#include "db/db.h"
#include "db/none.h"
#include "support/temp.h"
#include "support/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static char folder[TEMP_SIZE];
static char path[TEMP_SIZE + 20];
static struct err e;

static struct db *open_one(bool read_only)
{
    struct db_options o = {.read_only = read_only, .busy_ms = 0, .cache_kib = 512};
    struct db *db;
    must(db_open(&db_sqlite_ops, path, &o, &db, &e), &e);
    return db;
}

static int set_up(void **state)
{
    temp_make(folder);
    (void)snprintf(path, sizeof path, "%s/db", folder);
    *state = open_one(false);
    struct db *db = *state;
    return db->ops->script(db, "CREATE TABLE t (a INTEGER UNIQUE, b TEXT)", &e);
}

static int tear_down(void **state)
{
    db_close(*state);
    temp_remove(folder);
    return 0;
}

static int64_t one_int(struct db *db, const struct stmt *s, const struct db_value *args, int count)
{
    struct db_cursor *c;
    must(db_query(db, s, args, count, &c, &e), &e);
    assert_int_equal(must(db_step(db, c, &e), &e), 1);
    int64_t n = db_int(db, c, 0);
    db_done(db, c);
    return n;
}

static void parameters_in_any_order_and_some_unused(void **state)
{
    static const struct stmt s = {"order", "SELECT $3 * 100 + $1 * 10 + $3", false};
    struct db_value args[] = {db_of_int(2), db_of_text("unused"), db_of_int(7)};
    assert_int_equal(one_int(*state, &s, args, 3), 727);
    args[0] = db_of_int(3);
    assert_int_equal(one_int(*state, &s, args, 3), 737);
}

static void a_connection_to_nothing_remembers_that_it_was_asked(void **state)
{
    struct stmt s = {"anything", "SELECT 1", false};
    struct db_none none;
    struct db_cursor *c = NULL;
    (void)state;
    db_none_init(&none);
    assert_false(none.asked);
    assert_int_equal(db_query(&none.db, &s, NULL, 0, &c, &e), ERR_DB);
    assert_true(none.asked);
    assert_null(c);
    none.asked = false;
    assert_int_equal(db_run(&none.db, &s, NULL, 0, NULL, &e), ERR_DB);
    assert_true(none.asked);
}

/* More statements than the cache holds, constant and dynamic: each still gives its own answer. */
static void the_cache_never_mixes_statements_up(void **state)
{
    static char texts[600][40];
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 600; i++) {
            (void)snprintf(texts[i], sizeof texts[i], "SELECT %d + $1", i);
            struct stmt s = {"cache", texts[i], i % 2 == 0};
            struct db_value args[] = {db_of_int(round)};
            assert_int_equal(one_int(*state, &s, args, 1), i + round);
        }
}

static void a_dynamic_text_is_found_by_its_content(void **state)
{
    char text[40] = "SELECT 1";
    struct stmt s = {"dynamic", text, true};
    assert_int_equal(one_int(*state, &s, NULL, 0), 1);
    text[7] = '2'; /* the same address with another content */
    assert_int_equal(one_int(*state, &s, NULL, 0), 2);
}

/* The same dynamic statement twice at once, which a list inside a list may well do. */
static void a_dynamic_statement_may_be_open_twice(void **state)
{
    struct stmt s = {"twice", "SELECT 1 UNION SELECT 2", true};
    struct db_cursor *x;
    struct db_cursor *y;
    must(db_query(*state, &s, NULL, 0, &x, &e), &e);
    must(db_query(*state, &s, NULL, 0, &y, &e), &e);
    assert_ptr_not_equal(x, y);
    must(db_step(*state, x, &e), &e);
    must(db_step(*state, y, &e), &e);
    must(db_step(*state, x, &e), &e);
    assert_int_equal(db_int(*state, x, 0), 2);
    assert_int_equal(db_int(*state, y, 0), 1);
    db_done(*state, x);
    db_done(*state, y);
}

static void statements_survive_a_change_of_the_schema(void **state)
{
    struct db *db = *state;
    static const struct stmt s = {"schema", "SELECT count(*) FROM t", false};
    assert_int_equal(one_int(db, &s, NULL, 0), 0);
    must(db->ops->script(db, "ALTER TABLE t ADD COLUMN c TEXT; INSERT INTO t (a) VALUES (1)", &e), &e);
    assert_int_equal(one_int(db, &s, NULL, 0), 1);
}

static void errors_tell_the_operator_and_not_the_client(void **state)
{
    static const struct stmt broken = {"broken", "SELECT no_such_column FROM t", false};
    struct db_cursor *c;
    must_fail(db_query(*state, &broken, NULL, 0, &c, &e), ERR_DB);
    assert_non_null(strstr(e.log, "no_such_column"));
    assert_null(strstr(e.detail, "no_such_column"));
    struct db_options o = {.read_only = true};
    struct db *none;
    must_fail(db_open(&db_sqlite_ops, "/nowhere/at/all", &o, &none, &e), ERR_DB);
}

static void a_full_database_is_storage_full(void **state)
{
    struct db *db = *state;
    static const struct stmt fill = {"fill", "INSERT INTO t (b) VALUES (hex(zeroblob(1000000)))", false};
    must(db->ops->script(db, "PRAGMA max_page_count = 20", &e), &e);
    must_fail(db_run(db, &fill, NULL, 0, NULL, &e), ERR_STORAGE_FULL);
    assert_int_equal(err_status(ERR_STORAGE_FULL), 507);
}

static void it_is_set_up_to_survive_a_crash(void **state)
{
    static const struct stmt sync = {"sync", "PRAGMA synchronous", false};
    static const struct stmt keys = {"keys", "PRAGMA foreign_keys", false};
    static const struct stmt mode = {"mode", "SELECT journal_mode = 'wal' FROM pragma_journal_mode", false};
    assert_int_equal(one_int(*state, &sync, NULL, 0), 2);
    assert_int_equal(one_int(*state, &keys, NULL, 0), 1);
    assert_int_equal(one_int(*state, &mode, NULL, 0), 1);
}

/* --- writes that are gathered --- */

static int fill_with(struct db *db, const char *text)
{
    return db->ops->script(db, text, &e);
}

static int64_t sum_of(struct db *db, const char *text)
{
    struct stmt s = {"sum", text, true};
    return one_int(db, &s, NULL, 0);
}

static void nobody_sees_what_is_not_committed_and_everybody_what_is(void **state)
{
    struct db *db = *state;
    struct db *other = open_one(true);
    static const char many[] =
        "BEGIN; INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
        " SELECT i, hex(zeroblob(200)) FROM n;"; /* more than its cache, so it writes before it commits */
    assert_int_equal(fill_with(db, many), 0);
    assert_int_equal(sum_of(db, "SELECT count(*) FROM t WHERE length(b) = 400"), 9000);
    assert_int_equal(sum_of(other, "SELECT count(*) FROM t"), 0);
    assert_int_equal(fill_with(db, "COMMIT"), 0);
    assert_int_equal(sum_of(other, "SELECT count(*) FROM t WHERE length(b) = 400"), 9000);
    db_close(other);
}

/* The log is then somebody else's, and nothing that was undone may come over what they write. */
static void what_was_undone_is_not_written_later(void **state)
{
    struct db *db = *state;
    struct db_options o = {.busy_ms = 0, .cache_kib = 512};
    struct db *other;
    must(db_open(&db_sqlite_ops, path, &o, &other, &e), &e);
    for (int round = 0; round < 20; round++) {
        assert_int_equal(
            fill_with(db,
                      "BEGIN; INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                      " WHERE i < 9000) SELECT -i, hex(zeroblob(200)) FROM n; ROLLBACK"),
            0);
        assert_int_equal(
            fill_with(other, "INSERT INTO t SELECT coalesce(max(a), 0) + 1, hex(randomblob(3000)) FROM t"),
            0);
        assert_int_equal(fill_with(db, "INSERT INTO t SELECT max(a) + 1, hex(randomblob(3000)) FROM t;"
                                       "PRAGMA wal_checkpoint"),
                         0);
    }
    assert_int_equal(sum_of(other, "SELECT count(*) FROM t WHERE length(b) = 6000"), 40);
    assert_int_equal(sum_of(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
                     1);
    db_close(other);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit now;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &now), 0);
    now.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

static void a_write_that_fails_fails_the_commit_and_nothing_else(void **state)
{
    struct db *db = *state;
    static const char one[] = "INSERT INTO t SELECT coalesce(max(a), 0) + 1, hex(randomblob(60000)) FROM t";
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(fill_with(db, one), 0);
    limit_file_size(200000);
    int failures = 0;
    for (int i = 0; i < 10; i++)
        failures += fill_with(db, one) < 0;
    limit_file_size(RLIM_INFINITY);
    assert_true(failures > 0);
    assert_int_equal(fill_with(db, one), 0);
    assert_int_equal(sum_of(db, "SELECT count(*) FROM t WHERE length(b) = 120000"), 12 - failures);
    assert_int_equal(sum_of(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
                     1);
    struct db *other = open_one(true);
    assert_int_equal(sum_of(other, "SELECT count(*) FROM t WHERE length(b) = 120000"), 12 - failures);
    db_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parameters_in_any_order_and_some_unused),
        TEST(a_connection_to_nothing_remembers_that_it_was_asked),
        TEST(the_cache_never_mixes_statements_up),
        TEST(a_dynamic_text_is_found_by_its_content),
        TEST(a_dynamic_statement_may_be_open_twice),
        TEST(statements_survive_a_change_of_the_schema),
        TEST(errors_tell_the_operator_and_not_the_client),
        TEST(a_full_database_is_storage_full),
        TEST(it_is_set_up_to_survive_a_crash),
        TEST(nobody_sees_what_is_not_committed_and_everybody_what_is),
        TEST(what_was_undone_is_not_written_later),
        TEST(a_write_that_fails_fails_the_commit_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
