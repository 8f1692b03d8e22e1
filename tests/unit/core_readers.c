/* SPDX-License-Identifier: Apache-2.0 */
/* The readers' queue: bounded in length and in time, also while all threads are stuck; and its end. */
#include "core/readers.h"

#include "base/clock.h"
#include "support/temp.h"
#include "support/test.h"

struct task {
    struct reader_task task;
    struct temp_signal *gate;
    int ran, refused;
    int code;
    int64_t waited;
};

static struct temp_signal gate = TEMP_SIGNAL;
static struct temp_signal entered = TEMP_SIGNAL;
static struct temp_signal over = TEMP_SIGNAL;
static struct readers *readers;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    gate.count = entered.count = over.count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    readers_free(readers);
    readers = NULL;
    return 0;
}

static void run(struct reader_task *task)
{
    struct task *t = (struct task *)task;
    t->ran++;
    if (t->gate) {
        temp_signal(&entered);
        temp_signal_wait(t->gate, 1);
    }
    temp_signal(&over);
}

static void refuse(struct reader_task *task, const struct err *err)
{
    struct task *t = (struct task *)task;
    t->refused++;
    t->code = err->code;
    t->waited = clock_monotonic() - task->since;
    temp_signal(&over);
}

static int submit(struct task *t)
{
    t->task.run = run;
    t->task.refuse = refuse;
    return readers_submit(readers, &t->task, &e);
}

static void hold(struct task *t)
{
    *t = (struct task){.gate = &gate};
    assert_int_equal(submit(t), 0);
    temp_signal_wait(&entered, 1);
}

static void tasks_are_run_oldest_first(void **state)
{
    static struct task tasks[100];
    struct reader_stats stats;
    (void)state;
    readers = readers_new(3, 100, 10);
    for (int i = 0; i < 100; i++)
        assert_int_equal(submit(&tasks[i]), 0);
    temp_signal_wait(&over, 100);
    for (int i = 0; i < 100; i++)
        assert_true(tasks[i].ran == 1 && tasks[i].refused == 0);
    readers_stats(readers, &stats);
    assert_true(stats.done == 100 && stats.depth == 0 && stats.full == 0 && stats.late == 0);
}

static void a_full_queue_refuses_and_does_nothing(void **state)
{
    struct task first;
    struct task tasks[3] = {{.code = 0}};
    struct reader_stats stats;
    (void)state;
    readers = readers_new(1, 2, 60);
    hold(&first);
    assert_int_equal(submit(&tasks[0]), 0);
    assert_int_equal(submit(&tasks[1]), 0);
    assert_int_equal(submit(&tasks[2]), ERR_BUSY);
    readers_stats(readers, &stats);
    assert_true(stats.depth == 2 && stats.full == 1);
    temp_signal(&gate);
    temp_signal_wait(&over, 3);
    assert_true(tasks[0].ran == 1 && tasks[1].ran == 1 && tasks[2].ran == 0 && tasks[2].refused == 0);
}

static void who_waits_for_too_long_is_refused_while_all_threads_are_stuck(void **state)
{
    struct task first;
    struct task tasks[2] = {{.code = 0}};
    struct reader_stats stats;
    (void)state;
    readers = readers_new(1, 10, 1);
    hold(&first);
    assert_int_equal(submit(&tasks[0]), 0);
    assert_int_equal(submit(&tasks[1]), 0);
    temp_signal_wait(&over, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(tasks[i].ran == 0 && tasks[i].refused == 1 && tasks[i].code == ERR_BUSY);
        assert_true(tasks[i].waited >= CLOCK_SECOND && tasks[i].waited < 5 * CLOCK_SECOND);
    }
    readers_stats(readers, &stats);
    assert_true(stats.late == 2 && stats.depth == 0);
    temp_signal(&gate);
    temp_signal_wait(&over, 3);
    assert_int_equal(first.ran, 1);
}

static void a_stop_refuses_what_waits_and_what_comes(void **state)
{
    struct task first;
    struct task waits = {.code = 0};
    struct task comes = {.code = 0};
    (void)state;
    readers = readers_new(1, 10, 60);
    hold(&first);
    assert_int_equal(submit(&waits), 0);
    readers_stop(readers);
    assert_true(waits.refused == 1 && waits.code == ERR_SHUTTING_DOWN && waits.ran == 0);
    assert_int_equal(submit(&comes), ERR_SHUTTING_DOWN);
    assert_int_equal(comes.refused, 0);
    temp_signal(&gate);
    temp_signal_wait(&over, 2);
    assert_int_equal(first.ran, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tasks_are_run_oldest_first),
        TEST(a_full_queue_refuses_and_does_nothing),
        TEST(who_waits_for_too_long_is_refused_while_all_threads_are_stuck),
        TEST(a_stop_refuses_what_waits_and_what_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
