/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, savepoints and migrations when the engine fails at each of their calls in turn. */
#include "db/migrate.h"
#include "support/world.h"

static struct world w;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    world_sql(&w, "CREATE TABLE t (a INTEGER)");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)failing_disarm(&w.fault);
    world_close(&w);
    return 0;
}

static int insert(struct db *db, int64_t a, struct err *err)
{
    static const struct stmt s = {"insert", "INSERT INTO t VALUES ($1)", false};
    struct db_value args[] = {db_of_int(a)};
    return db_run(db, &s, args, 1, NULL, err);
}

static int inner(struct db *db, void *ctx, struct err *err)
{
    (void)ctx;
    return insert(db, 2, err);
}

/* As the writer does it: a task in a savepoint, and in the task a row in one of its own, as the sweeper does.
 */
static int task(struct db *db, void *ctx, struct err *err)
{
    bool broken;
    int rc = insert(db, 1, err);
    if (rc == 0)
        rc = db_nested(db, inner, ctx, &broken, err);
    return rc;
}

struct outcome {
    int rc;
    bool broken;
};

static int batch(struct db *db, void *ctx, struct err *err)
{
    struct outcome *o = ctx;
    o->rc = db_nested(db, task, NULL, &o->broken, err);
    return o->broken ? (o->rc < 0 ? o->rc : ERR_DB) : 0;
}

static void a_task_is_there_wholly_or_not_at_all(void **state)
{
    (void)state;
    for (int for_good = 0; for_good < 2; for_good++)
        for (int n = 1;; n++) {
            struct outcome o = {0};
            world_sql(&w, "DELETE FROM t");
            failing_arm(&w.fault, FAIL_DB, n, for_good, ERR_DB);
            int rc = db_tx(w.db, DB_WRITE, batch, &o, &e);
            int failed = failing_disarm(&w.fault);
            int64_t rows = world_count(&w, "SELECT count(*) FROM t");
            bool told_well = rc == 0 && o.rc >= 0;
            if (rows != (told_well ? 2 : 0))
                fail_msg("call %d failed: rc %d, task %d, but %d rows", n, rc, o.rc, (int)rows);
            if (!failed) {
                assert_true(told_well);
                break;
            }
        }
}

static void a_migration_is_there_wholly_or_not_at_all(void **state)
{
    static const struct migration steps[] = {
        {1, "a", "CREATE TABLE one (a INTEGER); CREATE TABLE two (a INTEGER)"},
        {2, "b", "CREATE TABLE three (a INTEGER)"}};
    (void)state;
    for (int for_good = 0; for_good < 2; for_good++)
        for (int n = 1;; n++) {
            world_sql(&w, "DELETE FROM schema_migration; DROP TABLE IF EXISTS one; DROP TABLE IF EXISTS two;"
                          "DROP TABLE IF EXISTS three");
            failing_arm(&w.fault, FAIL_DB, n, for_good, ERR_DB);
            int rc = migrate(w.db, steps, 2, &e);
            int failed = failing_disarm(&w.fault);
            int64_t tables = world_count(
                &w,
                w.db->ops->remote
                    ? "SELECT count(*) FROM pg_tables WHERE tablename IN ('one', 'two', 'three')"
                    : "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('one', 'two', 'three')");
            assert_int_equal(world_count(&w, "SELECT count(*) FROM schema_migration"), failed ? 0 : 2);
            assert_int_equal(tables, failed ? 0 : 3);
            assert_int_equal(rc, failed ? ERR_DB : 0);
            must(migrate(w.db, steps, 2, &e), &e);
            if (!failed)
                break;
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_task_is_there_wholly_or_not_at_all),
        TEST(a_migration_is_there_wholly_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
