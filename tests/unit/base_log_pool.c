/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines are one line each whatever is in them; a pool runs every task once, oldest first, and ends
 * cleanly. */
#include "base/log.h"
#include "base/pool.h"
#include "support/test.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static char caught[65536];

/* Runs fn with standard error going to a pipe; what it wrote is in `caught`. */
static void catch_log(void (*fn)(void))
{
    int pipes[2];
    int old = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipes), 0);
    assert_true(dup2(pipes[1], STDERR_FILENO) >= 0);
    fn();
    log_flush();
    (void)dup2(old, STDERR_FILENO);
    (void)close(old);
    (void)close(pipes[1]);
    size_t len = 0;
    for (ssize_t n; (n = read(pipes[0], caught + len, sizeof caught - 1 - len)) > 0;)
        len += (size_t)n;
    caught[len] = '\0';
    (void)close(pipes[0]);
}

static void write_hostile(void)
{
    log_line(LOG_ERROR, "a \"message\"",
             (struct log_field[]){{"plain", "x/y"}, {"none", NULL}, {"odd", "a\nb\x1b[2J\"\\ ="}, {0}});
}

static void a_hostile_value_stays_on_its_line(void **state)
{
    (void)state;
    catch_log(write_hostile);
    char *end = strchr(caught, '\n');
    assert_non_null(end);
    assert_string_equal(end, "\n");
    assert_non_null(strstr(
        caught, " error \"a \\\"message\\\"\" plain=x/y none=\"\" odd=\"a\\x0ab\\x1b[2J\\\"\\\\ =\"\n"));
}

static void write_long(void)
{
    char value[5000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_line(LOG_WARN, "long", (struct log_field[]){{"value", value}, {"after", value}, {0}});
    for (int i = 0; i < 20; i++)
        log_line(LOG_INFO, "more", (struct log_field[]){{"value", value}, {0}});
}

static void long_lines_are_cut_and_end_with_a_newline(void **state)
{
    int lines = 0;
    (void)state;
    catch_log(write_long);
    for (char *p = caught, *end; (end = strchr(p, '\n')); p = end + 1, lines++)
        assert_true(end - p < 2048);
    assert_int_equal(lines, 21);
    assert_int_equal(caught[strlen(caught) - 1], '\n');
}

static void write_levels(void)
{
    enum log_level level = LOG_ERROR;
    assert_true(log_parse_level("warn", &level));
    assert_false(log_parse_level("warning", &level));
    log_set_level(level);
    log_text(LOG_INFO, "not %s", "this");
    log_text(LOG_WARN, "but %s", "that");
    assert_false(log_enabled(LOG_INFO));
    log_set_level(LOG_INFO);
}

static void less_severe_lines_are_left_out(void **state)
{
    (void)state;
    catch_log(write_levels);
    assert_null(strstr(caught, "not this"));
    assert_non_null(strstr(caught, "but that"));
}

enum { TASKS = 500 };

struct task {
    struct pool_task task;
    struct pool *pool;
    atomic_int runs;
    int again;
    int order;
};

static atomic_int finished;

static void run(struct pool_task *task)
{
    struct task *t = (struct task *)task;
    t->order = atomic_fetch_add(&finished, 1);
    atomic_fetch_add(&t->runs, 1);
    if (t->again-- > 0)
        pool_add(t->pool, task);
}

static void every_task_runs_before_the_pool_ends(void **state)
{
    static struct task tasks[TASKS];
    struct pool *p = pool_new(4, "test");
    (void)state;
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){.task = {.run = run}, .pool = p, .again = i % 3};
        pool_add(p, &tasks[i].task);
    }
    pool_free(p);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(atomic_load(&tasks[i].runs), 1 + i % 3);
    pool_free(NULL);
}

static void block(struct pool_task *task)
{
    struct task *t = (struct task *)task;
    while (!atomic_load(&t->runs))
        (void)usleep(1000);
}

static void one_thread_takes_the_oldest_first(void **state)
{
    static struct task tasks[20];
    struct task gate = {.task = {.run = block}};
    struct pool *p = pool_new(1, "test");
    (void)state;
    atomic_store(&finished, 0);
    pool_add(p, &gate.task);
    for (int i = 0; i < 20; i++) {
        tasks[i] = (struct task){.task = {.run = run}, .pool = p};
        pool_add(p, &tasks[i].task);
    }
    assert_true(pool_depth(p) >= 20);
    atomic_store(&gate.runs, 1);
    pool_free(p);
    for (int i = 0; i < 20; i++)
        assert_int_equal(tasks[i].order, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hostile_value_stays_on_its_line),
        cmocka_unit_test(long_lines_are_cut_and_end_with_a_newline),
        cmocka_unit_test(less_severe_lines_are_left_out),
        cmocka_unit_test(every_task_runs_before_the_pool_ends),
        cmocka_unit_test(one_thread_takes_the_oldest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
