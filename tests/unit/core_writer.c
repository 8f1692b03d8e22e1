/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: tasks share a commit, a failing one is undone alone, the queue has its limit, nothing is left
 * undone. */
#include "core/writer.h"
#include "support/world.h"

#include <stdio.h>
#include <unistd.h>

enum { TASKS = 40 };

static struct world w;
static struct err e;
static struct db *db;
static struct writer *writer;
static struct temp_signal done_signal = TEMP_SIGNAL;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    world_sql(&w, "CREATE TABLE t (a INTEGER PRIMARY KEY)");
    db = world_writer(&w);
    done_signal.count = 0;
    writer = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    writer_free(writer);
    world_close(&w);
    return 0;
}

struct task {
    struct writer_task task;
    int64_t number;
    bool fails;
    bool misses; /* the row that it has read is not there */
    struct temp_signal *gate, *entered;
    int rc, code, runs;
};

static int insert(struct db *to, int64_t number, struct err *err)
{
    static const struct stmt s = {"insert", "INSERT INTO t VALUES ($1)", false};
    struct db_value args[] = {db_of_int(number)};
    return db_run(to, &s, args, 1, NULL, err);
}

static int miss(struct db *to, struct err *err)
{
    static const struct stmt s = {"miss", "UPDATE t SET a = -8 WHERE a = -7", .one = true};
    return db_run(to, &s, NULL, 0, NULL, err);
}

static int body(struct writer_task *task, struct db *to, struct err *err)
{
    struct task *t = (struct task *)task;
    t->runs++;
    if (t->gate) {
        temp_signal(t->entered);
        temp_signal_wait(t->gate, 1);
    }
    int rc = insert(to, t->number, err);
    if (rc == 0 && t->misses)
        rc = miss(to, err);
    return rc == 0 && t->fails ? err_set(err, ERR_WRONG_STATE, "on purpose") : rc;
}

static void done(struct writer_task *task, int rc, const struct err *err)
{
    struct task *t = (struct task *)task;
    t->rc = rc;
    t->code = rc < 0 ? err->code : 0;
    temp_signal(&done_signal);
}

static void submit(struct task *t)
{
    t->task.body = body;
    t->task.done = done;
    must(writer_submit(writer, &t->task, &e), &e);
}

/* Holds the writer in a first task, so that what is submitted next waits and becomes one batch. */
static struct temp_signal gate = TEMP_SIGNAL;
static struct temp_signal entered = TEMP_SIGNAL;

static void hold_writer(struct task *t)
{
    gate.count = entered.count = 0;
    *t = (struct task){.number = 1000, .gate = &gate, .entered = &entered};
    submit(t);
    temp_signal_wait(&entered, 1);
}

static void tasks_that_wait_share_commits(void **state)
{
    static struct task tasks[TASKS];
    struct task first;
    struct writer_stats stats;
    (void)state;
    writer = writer_new(db, 100, 16);
    hold_writer(&first);
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){.number = i};
        submit(&tasks[i]);
    }
    writer_stats(writer, &stats);
    assert_int_equal(stats.depth, TASKS);
    temp_signal(&gate);
    temp_signal_wait(&done_signal, TASKS + 1);
    writer_stats(writer, &stats);
    assert_int_equal(stats.depth, 0);
    assert_int_equal(stats.tasks, TASKS + 1);
    assert_int_equal(stats.batches, 4); /* 1, 16, 16, 8 */
    assert_int_equal(stats.size[0], 1);
    assert_int_equal(stats.size[3], 1);
    assert_int_equal(stats.size[4], 2);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), TASKS + 1);
}

static void a_failing_task_is_undone_alone(void **state)
{
    static struct task tasks[10];
    struct task first;
    struct writer_stats stats;
    (void)state;
    writer = writer_new(db, 100, 100);
    hold_writer(&first);
    for (int i = 0; i < 10; i++) {
        tasks[i] = (struct task){.number = i == 7 ? 1 : i, .fails = i == 3};
        submit(&tasks[i]);
    }
    temp_signal(&gate);
    temp_signal_wait(&done_signal, 11);
    for (int i = 0; i < 10; i++)
        assert_int_equal(tasks[i].rc, i == 3 ? ERR_WRONG_STATE : i == 7 ? ERR_DB_CONSTRAINT : 0);
    assert_int_equal(tasks[3].code, ERR_WRONG_STATE);
    writer_stats(writer, &stats);
    assert_int_equal(stats.batches, 2);
    assert_int_equal(stats.failures, 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), 9);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t WHERE a IN (3, 7)"), 0);
}

static const struct db_ops *whole_ops;
static int undos;

static int move_but_for_the_first_undo(struct db *d, enum db_move what, struct err *err)
{
    if (what == DB_UNDO && undos++ == 0)
        return err_set(err, ERR_DB, "the connection is lost");
    return whole_ops->move(d, what, err);
}

/* Why a task is undone is that task's: others that share its transaction never hear of it. */
static void a_connection_lost_while_a_task_is_undone_fails_no_other(void **state)
{
    static struct task tasks[10];
    static struct db_ops ops;
    struct task first;
    (void)state;
    whole_ops = db->ops;
    ops = *db->ops;
    ops.move = move_but_for_the_first_undo;
    undos = 0;
    db->ops = &ops;
    writer = writer_new(db, 100, 100);
    hold_writer(&first);
    for (int i = 0; i < 10; i++) {
        tasks[i] = (struct task){.number = i, .fails = i == 3};
        submit(&tasks[i]);
    }
    temp_signal(&gate);
    temp_signal_wait(&done_signal, 11);
    assert_true(undos > 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(tasks[i].rc, i == 3 ? ERR_WRONG_STATE : 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), 10);
}

static void a_full_queue_refuses_and_does_nothing(void **state)
{
    static struct task tasks[4];
    struct task first;
    (void)state;
    writer = writer_new(db, 3, 100);
    hold_writer(&first);
    for (int i = 0; i < 3; i++) {
        tasks[i] = (struct task){.number = i};
        submit(&tasks[i]);
    }
    tasks[3] = (struct task){.task = {.body = body, .done = done}, .number = 3};
    must_fail(writer_submit(writer, &tasks[3].task, &e), ERR_BUSY);
    temp_signal(&gate);
    temp_signal_wait(&done_signal, 4);
    assert_int_equal(tasks[3].runs, 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), 4);
    submit(&tasks[3]);
    temp_signal_wait(&done_signal, 5);
    assert_int_equal(tasks[3].rc, 0);
}

static void what_waits_for_too_long_is_refused_while_the_writer_is_stuck(void **state)
{
    static struct task tasks[6];
    struct task first;
    struct writer_stats stats;
    (void)state;
    writer = writer_new(db, 100, 100);
    hold_writer(&first);
    for (int i = 0; i < 6; i++) {
        tasks[i] = (struct task){.number = i};
        tasks[i].task.patient = i == 0 || i == 5;
        submit(&tasks[i]);
    }
    writer_tick(writer, 3600);
    assert_int_equal(temp_signal_count(&done_signal), 0);
    (void)usleep(20000);
    writer_tick(writer, 0);
    assert_int_equal(temp_signal_count(&done_signal), 4); /* told at once, by this thread */
    for (int i = 1; i < 5; i++)
        assert_int_equal(tasks[i].code, ERR_BUSY);
    writer_stats(writer, &stats);
    assert_int_equal(stats.late, 4);
    assert_int_equal(stats.depth, 2);
    tasks[1] = (struct task){.number = 7};
    submit(&tasks[1]); /* behind the last one that has stayed */
    temp_signal(&gate);
    temp_signal_wait(&done_signal, 8);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t WHERE a IN (0, 5, 7)"), 3);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), 4);
}

static int call_body(struct db *to, void *ctx, struct err *err)
{
    int64_t *number = ctx;
    return *number < 0 ? err_set(err, ERR_KEPT, "no") : insert(to, *number, err);
}

static void a_call_waits_for_its_commit_even_when_the_queue_is_full(void **state)
{
    int64_t number = 5;
    (void)state;
    writer = writer_new(db, 0, 1);
    must(writer_call(writer, call_body, &number, &e), &e);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), 1);
    number = -1;
    must_fail(writer_call(writer, call_body, &number, &e), ERR_KEPT);
}

static void a_commit_that_fails_fails_all_its_tasks(void **state)
{
    static struct task tasks[5];
    struct task first;
    struct writer_stats stats;
    (void)state;
    writer = writer_new(db, 100, 100);
    hold_writer(&first);
    for (int i = 0; i < 5; i++) {
        tasks[i] = (struct task){.number = i};
        submit(&tasks[i]);
    }
    atomic_store(&w.fault.only, "COMMIT");
    failing_arm(&w.fault, FAIL_DB_STEP, 2, false, ERR_STORAGE_FULL); /* the first one is the held task's */
    temp_signal(&gate);
    temp_signal_wait(&done_signal, 6);
    assert_int_equal(failing_disarm(&w.fault), 1);
    assert_int_equal(first.rc, 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(tasks[i].rc, ERR_STORAGE_FULL);
    writer_stats(writer, &stats);
    assert_int_equal(stats.failures, 1);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), 1);
    submit(&tasks[0]); /* and it goes on working */
    temp_signal_wait(&done_signal, 7);
    assert_int_equal(tasks[0].rc, 0);
}

static void a_conflict_runs_the_batch_again(void **state)
{
    static struct task tasks[5];
    struct task first;
    (void)state;
    writer = writer_new(db, 100, 100);
    hold_writer(&first);
    for (int i = 0; i < 5; i++) {
        tasks[i] = (struct task){.number = i};
        submit(&tasks[i]);
    }
    atomic_store(&w.fault.only, "COMMIT");
    failing_arm(&w.fault, FAIL_DB_STEP, 2, false, ERR_DB_CONFLICT);
    temp_signal(&gate);
    temp_signal_wait(&done_signal, 6);
    assert_int_equal(failing_disarm(&w.fault), 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tasks[i].rc, 0);
        assert_int_equal(tasks[i].runs, 2);
    }
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), 6);
}

/* PostgreSQL says so only at the end of the transaction. */
static void a_task_whose_row_is_not_there_fails_alone(void **state)
{
    static struct task tasks[10];
    struct task first;
    (void)state;
    writer = writer_new(db, 100, 100);
    hold_writer(&first);
    for (int i = 0; i < 10; i++) {
        tasks[i] = (struct task){.number = i, .misses = i == 3 || i == 7};
        submit(&tasks[i]);
    }
    temp_signal(&gate);
    temp_signal_wait(&done_signal, 11);
    for (int i = 0; i < 10; i++)
        assert_int_equal(tasks[i].rc, tasks[i].misses ? ERR_DB_CONFLICT : 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), 1 + 8);
}

/* SQLite ends the transaction by itself after some errors (a full disk, I/O); a trigger can make it do so. */
static void when_the_engine_rolls_back_by_itself_every_task_is_told_the_truth(void **state)
{
    static struct task tasks[10];
    struct task first;
    (void)state;
    if (w.db->ops->remote) { /* PostgreSQL never does */
        db_close(db);
        return;
    }
    world_sql(
        &w,
        "CREATE TRIGGER gone BEFORE INSERT ON t WHEN new.a = 5 BEGIN SELECT RAISE(ROLLBACK, 'gone'); END");
    writer = writer_new(db, 100, 100);
    hold_writer(&first);
    for (int i = 0; i < 10; i++) {
        tasks[i] = (struct task){.number = i};
        submit(&tasks[i]);
    }
    temp_signal(&gate);
    temp_signal_wait(&done_signal, 11);
    for (int i = 0; i < 10; i++) {
        char sql[60];
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM t WHERE a = %d", i);
        if ((tasks[i].rc == 0) != (world_count(&w, sql) == 1))
            fail_msg("task %d was told %d, and that is not so", i, tasks[i].rc);
    }
}

static void what_waits_is_done_before_the_end(void **state)
{
    static struct task tasks[TASKS];
    (void)state;
    writer = writer_new(db, 100, 4);
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){.number = i};
        submit(&tasks[i]);
    }
    writer_free(writer);
    writer = NULL;
    assert_int_equal(temp_signal_count(&done_signal), TASKS);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM t"), TASKS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tasks_that_wait_share_commits),
        TEST(a_failing_task_is_undone_alone),
        TEST(a_connection_lost_while_a_task_is_undone_fails_no_other),
        TEST(a_full_queue_refuses_and_does_nothing),
        TEST(what_waits_for_too_long_is_refused_while_the_writer_is_stuck),
        TEST(a_call_waits_for_its_commit_even_when_the_queue_is_full),
        TEST(a_commit_that_fails_fails_all_its_tasks),
        TEST(a_conflict_runs_the_batch_again),
        TEST(a_task_whose_row_is_not_there_fails_alone),
        TEST(when_the_engine_rolls_back_by_itself_every_task_is_told_the_truth),
        TEST(what_waits_is_done_before_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
