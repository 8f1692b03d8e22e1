/* SPDX-License-Identifier: Apache-2.0 */
/* The schema in steps: run once, refused when of a newer or another program, all or nothing. */
#include "db/migrate.h"
#include "store/store.h"
#include "support/temp.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

static char folder[TEMP_SIZE];
static struct err e;

static const struct migration steps[] = {
    {1, "first", "CREATE TABLE one (a INTEGER) STRICT; INSERT INTO one VALUES (1);"},
    {2, "second", "CREATE TABLE two (a INTEGER) STRICT; UPDATE one SET a = a + 1;"},
    {3, "broken",
     "CREATE TABLE three (a INTEGER) STRICT; UPDATE one SET a = a + 10; INSERT INTO nowhere VALUES (1);"},
};

static int set_up(void **state)
{
    char path[TEMP_SIZE + 20];
    struct db_options o = {.busy_ms = 0, .cache_kib = 512};
    temp_make(folder);
    (void)snprintf(path, sizeof path, "%s/db", folder);
    return db_open(&db_sqlite_ops, path, &o, (struct db **)state, &e);
}

static int tear_down(void **state)
{
    db_close(*state);
    temp_remove(folder);
    return 0;
}

static int64_t ask(struct db *db, const char *sql)
{
    struct stmt s = {"ask", sql, true};
    struct db_cursor *c;
    must(db_query(db, &s, NULL, 0, &c, &e), &e);
    must(db_step(db, c, &e), &e);
    int64_t n = db_int(db, c, 0);
    db_done(db, c);
    return n;
}

static void each_step_runs_once(void **state)
{
    must(migrate(*state, steps, 1, &e), &e);
    assert_int_equal(ask(*state, "SELECT sum(a) FROM one"), 1);
    must(migrate(*state, steps, 2, &e), &e);
    must(migrate(*state, steps, 2, &e), &e);
    assert_int_equal(ask(*state, "SELECT sum(a) FROM one"), 2);
    assert_int_equal(ask(*state, "SELECT count(*) FROM schema_migration"), 2);
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
    must(migrate(*state, steps, 2, &e), &e);
    must_fail(migrate(*state, steps, 1, &e), ERR_DB);
    assert_non_null(strstr(e.detail, "newer"));
    assert_int_equal(ask(*state, "SELECT count(*) FROM schema_migration"), 2);
    must(migrate(*state, steps, 2, &e), &e);
}

static void a_changed_step_is_refused(void **state)
{
    struct migration other[] = {steps[0], {2, "second", "CREATE TABLE two (a INTEGER, b INTEGER) STRICT;"}};
    must(migrate(*state, steps, 2, &e), &e);
    must_fail(migrate(*state, other, 2, &e), ERR_DB);
    assert_non_null(strstr(e.detail, "second"));
    assert_int_equal(ask(*state, "SELECT count(*) FROM pragma_table_info('two')"), 1);
}

static void a_failing_step_leaves_the_schema_as_it_was(void **state)
{
    must(migrate(*state, steps, 1, &e), &e);
    assert_true(migrate(*state, steps, 3, &e) < 0);
    assert_int_equal(ask(*state, "SELECT count(*) FROM schema_migration"), 1);
    assert_int_equal(ask(*state, "SELECT sum(a) FROM one"), 1);
    assert_int_equal(ask(*state, "SELECT count(*) FROM sqlite_schema WHERE name IN ('two', 'three')"), 0);
    must(migrate(*state, steps, 2, &e), &e);
}

static void a_failing_first_step_leaves_nothing(void **state)
{
    struct migration broken[] = {{1, "broken", "CREATE TABLE x (a INTEGER) STRICT; SELECT nonsense;"}};
    assert_true(migrate(*state, broken, 1, &e) < 0);
    assert_int_equal(ask(*state, "SELECT count(*) FROM sqlite_schema"), 0);
}

static void our_own_schema_goes_in_twice(void **state)
{
    must(migrate(*state, store_sqlite_migrations, store_sqlite_migration_count, &e), &e);
    must(migrate(*state, store_sqlite_migrations, store_sqlite_migration_count, &e), &e);
    assert_int_equal(ask(*state, "SELECT count(*) FROM schema_migration"), store_sqlite_migration_count);
    assert_int_equal(ask(*state, "SELECT count(*) FROM sqlite_schema WHERE name = 'result'"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_step_runs_once),
        TEST(a_newer_schema_is_refused_and_left_alone),
        TEST(a_changed_step_is_refused),
        TEST(a_failing_step_leaves_the_schema_as_it_was),
        TEST(a_failing_first_step_leaves_nothing),
        TEST(our_own_schema_goes_in_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
