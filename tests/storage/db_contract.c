/* SPDX-License-Identifier: Apache-2.0 */
/* What src/db/db.h promises, for every engine of the table below. */
#include "db/db.h"
#include "support/failing.h"
#include "support/temp.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

static const struct db_ops *const engines[] = {&db_sqlite_ops};

static const struct db_ops *engine;
static char folder[TEMP_SIZE];
static char where[TEMP_SIZE + 10];
static struct db *db;
static struct err e;

static struct db *connect_as(bool read_only)
{
    struct db_options o = {.read_only = read_only, .busy_ms = 20, .cache_kib = 512};
    struct db *one;
    must(db_open(engine, where, &o, &one, &e), &e);
    return one;
}

static int set_up(void **state)
{
    (void)state;
    temp_make(folder);
    (void)snprintf(where, sizeof where, "%s/db", folder);
    db = connect_as(false);
    return db->ops->script(
        db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL); CREATE TABLE v (x BLOB)", &e);
}

static int tear_down(void **state)
{
    (void)state;
    db_close(db);
    db_close(NULL);
    temp_remove(folder);
    return 0;
}

static int64_t count(struct db *of)
{
    static const struct stmt s = {"count", "SELECT count(*) FROM t", false};
    struct db_cursor *c;
    must(db_query(of, &s, NULL, 0, &c, &e), &e);
    assert_int_equal(must(db_step(of, c, &e), &e), 1);
    int64_t n = db_int(of, c, 0);
    assert_int_equal(must(db_step(of, c, &e), &e), 0);
    db_done(of, c);
    return n;
}

static int insert(struct db *to, int64_t a, const char *b, struct err *err)
{
    static const struct stmt s = {"insert", "INSERT INTO t (a, b) VALUES ($1, $2)", false};
    struct db_value args[] = {db_of_int(a), db_of_text(b)};
    return db_run(to, &s, args, 2, NULL, err);
}

static void values_come_back_as_they_went_in(void **state)
{
    static const struct stmt s = {"values", "SELECT $1, $2, $3, $4, $5, $6, $7, $8", false};
    struct db_value args[] = {db_of_int(INT64_MIN), db_of_time(0),           db_of_time(7),
                              db_of_real(0.1),      db_of_text("h\xc3\xa9"), db_of_blob("a\0b", 3),
                              db_of_text(NULL),     db_of_blob(NULL, 0)};
    struct db_cursor *c;
    size_t len;
    double tenth = 0.1;
    (void)state;
    must(db_query(db, &s, args, 8, &c, &e), &e);
    assert_int_equal(must(db_step(db, c, &e), &e), 1);
    assert_true(db_int(db, c, 0) == INT64_MIN);
    assert_true(db_is_null(db, c, 1));
    assert_int_equal(db_int(db, c, 1), 0);
    assert_int_equal(db_int(db, c, 2), 7);
    double real = db_real(db, c, 3);
    assert_memory_equal(&real, &tenth, sizeof real);
    assert_string_equal(db_text(db, c, 4), "h\xc3\xa9");
    const void *bytes = db_blob(db, c, 5, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "a\0b", 3);
    assert_null(db_text(db, c, 6));
    assert_null(db_blob(db, c, 6, &len));
    assert_non_null(db_blob(db, c, 7, &len)); /* empty is not NULL */
    assert_int_equal(len, 0);
    db_done(db, c);
    db_done(db, NULL);
}

static void changes_are_counted(void **state)
{
    static const struct stmt s = {"update", "UPDATE t SET b = 'y' WHERE a > $1", false};
    struct db_value args[] = {db_of_int(1)};
    int64_t changes = -1;
    (void)state;
    for (int i = 0; i < 4; i++)
        must(insert(db, i, "x", &e), &e);
    must(db_run(db, &s, args, 1, &changes, &e), &e);
    assert_int_equal(changes, 2);
    args[0] = db_of_int(100);
    must(db_run(db, &s, args, 1, &changes, &e), &e);
    assert_int_equal(changes, 0);
}

static void constraints_have_their_own_error(void **state)
{
    (void)state;
    must(insert(db, 1, "x", &e), &e);
    must_fail(insert(db, 1, "y", &e), ERR_DB_CONSTRAINT);
    must_fail(insert(db, 2, NULL, &e), ERR_DB_CONSTRAINT);
    must(insert(db, 2, "y", &e), &e); /* the statement is usable afterwards */
    assert_int_equal(count(db), 2);
}

static void scripts_stop_at_their_first_error(void **state)
{
    (void)state;
    assert_true(db->ops->script(db, "INSERT INTO t VALUES (1, 'a'); nonsense; INSERT INTO t VALUES (2, 'b')",
                                &e) < 0);
    assert_int_equal(count(db), 1);
}

struct call {
    int runs, rc, fail_runs;
    struct db *other;
};

static int body(struct db *in, void *ctx, struct err *err)
{
    struct call *c = ctx;
    c->runs++;
    assert_true(in->in_tx);
    int rc = insert(in, c->runs, "x", err);
    if (rc == 0 && c->other)
        assert_int_equal(count(c->other), 0); /* invisible before the commit */
    if (rc == 0 && (c->rc < 0) && c->runs <= c->fail_runs)
        return err_set(err, c->rc, "on purpose");
    return rc;
}

static void a_transaction_is_visible_all_at_once(void **state)
{
    struct call c = {.other = connect_as(true)};
    (void)state;
    must(db_tx(db, DB_WRITE, body, &c, &e), &e);
    assert_false(db->in_tx);
    assert_int_equal(count(c.other), 1);
    db_close(c.other);
}

static void a_failing_body_is_rolled_back(void **state)
{
    struct call c = {.rc = ERR_KEPT, .fail_runs = 9};
    (void)state;
    must_fail(db_tx(db, DB_WRITE, body, &c, &e), ERR_KEPT);
    assert_int_equal(c.runs, 1);
    assert_false(db->in_tx);
    assert_int_equal(count(db), 0);
    c.rc = 0;
    must(db_tx(db, DB_WRITE, body, &c, &e), &e);
}

static void a_conflict_is_tried_again_a_few_times(void **state)
{
    struct call c = {.rc = ERR_DB_CONFLICT, .fail_runs = 2};
    (void)state;
    must(db_tx(db, DB_WRITE, body, &c, &e), &e);
    assert_int_equal(c.runs, 3);
    assert_int_equal(count(db), 1);
    c = (struct call){.runs = 100, .rc = ERR_DB_CONFLICT, .fail_runs = 1000};
    must_fail(db_tx(db, DB_WRITE, body, &c, &e), ERR_DB_CONFLICT);
    assert_true(c.runs > 101 && c.runs < 200);
    assert_int_equal(count(db), 1);
}

/* db.h: "a database that stays locked is ERR_DB_BUSY": it has been waited for already. */
static void a_busy_beginning_is_told_and_nothing_runs(void **state)
{
    struct failing plan = {0};
    struct db *wrapped = failing_db(&plan, connect_as(false));
    struct call c = {0};
    (void)state;
    failing_arm(&plan, FAIL_DB_STEP, 1, false, ERR_DB_BUSY); /* the first step is BEGIN's */
    int rc = db_tx(wrapped, DB_WRITE, body, &c, &e);
    assert_int_equal(failing_disarm(&plan), 1);
    assert_int_equal(rc, ERR_DB_BUSY);
    assert_int_equal(c.runs, 0);
    must(db_tx(wrapped, DB_WRITE, body, &c, &e), &e);
    assert_int_equal(c.runs, 1);
    db_close(wrapped);
}

static void two_writers_do_not_write_at_once(void **state)
{
    struct db *other = connect_as(false);
    struct call c = {0};
    (void)state;
    must(other->ops->script(other, "BEGIN IMMEDIATE", &e), &e);
    int rc = db_tx(db, DB_WRITE, body, &c, &e);
    assert_int_equal(c.runs, 0);
    must(other->ops->script(other, "ROLLBACK", &e), &e);
    db_close(other);
    assert_true(rc == ERR_DB_BUSY || rc == ERR_DB_CONFLICT);
    assert_false(db->in_tx);
    must(db_tx(db, DB_WRITE, body, &c, &e), &e);
}

static int look_twice(struct db *in, void *ctx, struct err *err)
{
    (void)err;
    assert_int_equal(count(in), 0);
    must(insert(ctx, 1, "x", &e), &e);
    assert_int_equal(count(in), 0);
    return 0;
}

static void a_reading_transaction_sees_one_moment(void **state)
{
    struct db *reader = connect_as(true);
    (void)state;
    must(db_tx(reader, DB_READ, look_twice, db, &e), &e);
    assert_int_equal(count(reader), 1);
    db_close(reader);
}

static void a_reader_cannot_write(void **state)
{
    struct db *reader = connect_as(true);
    (void)state;
    assert_true(insert(reader, 1, "x", &e) < 0);
    assert_int_equal(count(reader), 0);
    db_close(reader);
}

struct nest {
    int depth, fail_at;
};

static int nested(struct db *in, void *ctx, struct err *err)
{
    const struct nest *n = ctx;
    struct nest deeper = {n->depth + 1, n->fail_at};
    bool broken = true;
    int rc = insert(in, n->depth, "x", err);
    if (rc == 0 && n->depth < 4) {
        int inner = db_nested(in, nested, &deeper, &broken, err);
        assert_false(broken);
        assert_int_equal(inner, n->depth + 1 == n->fail_at ? ERR_KEPT : 0);
    }
    return rc == 0 && n->depth == n->fail_at ? err_set(err, ERR_KEPT, "on purpose") : rc;
}

struct total {
    int64_t sum;
};

static int write_total(struct db *in, void *gathered, struct err *err)
{
    struct total *t = gathered;
    return t->sum < 0 ? err_set(err, ERR_BAD_VALUE, "refused") : insert(in, t->sum, "total", err);
}

static const struct db_gathering totals = {sizeof(struct total), write_total};

struct addition {
    int64_t amount;
    int fail;
    struct addition *inside;
};

static int add_to_total(struct db *in, void *ctx, struct err *err)
{
    struct addition *a = ctx;
    bool broken;
    ((struct total *)db_gathered(in))->sum += a->amount;
    if (a->inside) {
        (void)db_nested(in, add_to_total, a->inside, &broken, err);
        assert_false(broken);
    }
    return a->fail ? err_set(err, ERR_BAD_VALUE, "on purpose") : 0;
}

static int64_t total_after(struct addition *a, int expected)
{
    static const struct stmt clear = {"clear", "DELETE FROM t", false};
    static const struct stmt sum = {"sum", "SELECT coalesce(sum(a), 0) FROM t", false};
    struct db_cursor *c;
    must(db_run(db, &clear, NULL, 0, NULL, &e), &e);
    assert_int_equal(db_tx(db, DB_WRITE, add_to_total, a, &e), expected);
    must(db_query(db, &sum, NULL, 0, &c, &e), &e);
    must(db_step(db, c, &e), &e);
    int64_t n = db_int(db, c, 0);
    db_done(db, c);
    return n;
}

static void what_is_gathered_is_written_once_at_the_end(void **state)
{
    (void)state;
    assert_null(db_gathered(db));
    db_gather(db, &totals);
    assert_null(db_gathered(db));
    struct addition lost = {.amount = 30, .fail = 1};
    struct addition kept = {.amount = 4};
    assert_int_equal(total_after(&(struct addition){.amount = 1}, 0), 1);
    assert_int_equal(total_after(&(struct addition){.amount = 2, .inside = &kept}, 0), 6);
    assert_int_equal(total_after(&(struct addition){.amount = 2, .inside = &lost}, 0), 2);
    assert_int_equal(total_after(&(struct addition){.amount = 2, .fail = 1}, ERR_BAD_VALUE), 0);
    assert_int_equal(total_after(&(struct addition){.amount = -1}, ERR_BAD_VALUE), 0);
    assert_int_equal(total_after(&(struct addition){.amount = 7}, 0), 7);
}

static void an_insert_tells_the_key_it_made(void **state)
{
    static const struct stmt s = {"insert_b", "INSERT INTO t (b) VALUES ($1)", false};
    struct db_value args[] = {db_of_text("x")};
    int64_t first = 0;
    int64_t second = 0;
    (void)state;
    must(insert(db, 41, "before", &e), &e);
    must(db_insert(db, &s, args, 1, &first, &e), &e);
    must(db_insert(db, &s, args, 1, &second, &e), &e);
    assert_int_equal(first, 42);
    assert_int_equal(second, 43);
    args[0] = db_of_text(NULL);
    must_fail(db_insert(db, &s, args, 1, &second, &e), ERR_DB_CONSTRAINT);
    assert_int_equal(second, 43);
}

static void an_insert_that_does_nothing_made_no_key(void **state)
{
    static const struct stmt s = {"insert_new",
                                  "INSERT INTO t (a, b) VALUES ($1, 'x') ON CONFLICT (a) DO NOTHING", false};
    struct db_value args[] = {db_of_int(7)};
    int64_t key = -1;
    (void)state;
    must(db_insert(db, &s, args, 1, &key, &e), &e);
    assert_int_equal(key, 7);
    must(db_insert(db, &s, args, 1, &key, &e), &e);
    assert_int_equal(key, 0);
    assert_int_equal(count(db), 1);
}

static void a_nested_failure_undoes_itself_and_nothing_else(void **state)
{
    (void)state;
    for (int fail_at = 1; fail_at <= 4; fail_at++) {
        struct nest n = {0, fail_at};
        must(db->ops->script(db, "DELETE FROM t", &e), &e);
        must(db_tx(db, DB_WRITE, nested, &n, &e), &e);
        assert_int_equal(count(db), fail_at); /* all above it, none below */
    }
}

static void a_cursor_may_be_left_in_the_middle(void **state)
{
    static const struct stmt s = {"middle", "SELECT a FROM t ORDER BY a", false};
    struct db_cursor *c;
    (void)state;
    for (int i = 0; i < 10; i++)
        must(insert(db, i, "x", &e), &e);
    for (int i = 0; i < 3; i++) {
        must(db_query(db, &s, NULL, 0, &c, &e), &e);
        assert_int_equal(must(db_step(db, c, &e), &e), 1);
        assert_int_equal(db_int(db, c, 0), 0);
        db_done(db, c);
    }
    struct call call = {.runs = 100};
    must(db_tx(db, DB_WRITE, body, &call, &e), &e);
}

static void what_was_committed_is_there_after_reopening(void **state)
{
    struct call c = {0};
    (void)state;
    must(db_tx(db, DB_WRITE, body, &c, &e), &e);
    db_close(db);
    db = connect_as(false);
    assert_int_equal(count(db), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_come_back_as_they_went_in),
        TEST(changes_are_counted),
        TEST(constraints_have_their_own_error),
        TEST(scripts_stop_at_their_first_error),
        TEST(a_transaction_is_visible_all_at_once),
        TEST(a_failing_body_is_rolled_back),
        TEST(a_conflict_is_tried_again_a_few_times),
        TEST(a_busy_beginning_is_told_and_nothing_runs),
        TEST(two_writers_do_not_write_at_once),
        TEST(a_reading_transaction_sees_one_moment),
        TEST(a_reader_cannot_write),
        TEST(a_nested_failure_undoes_itself_and_nothing_else),
        TEST(what_is_gathered_is_written_once_at_the_end),
        TEST(an_insert_tells_the_key_it_made),
        TEST(an_insert_that_does_nothing_made_no_key),
        TEST(a_cursor_may_be_left_in_the_middle),
        TEST(what_was_committed_is_there_after_reopening),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        engine = engines[i];
        failed += cmocka_run_group_tests_name(engine->name, tests, NULL, NULL);
    }
    return failed;
}
