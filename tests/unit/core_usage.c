/* SPDX-License-Identifier: Apache-2.0 */
/* The history of usage: which hour a change counts in, hours without one, days, and how long it is kept. */
#include "core/usage.h"

#include "base/clock.h"
#include "support/world.h"

#define HOUR (3600 * CLOCK_SECOND)
#define DAY  (24 * HOUR)

static struct world w;
static struct err e;
static int64_t first; /* the begin of the hour in which the world begins */
static const char *job;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    w.now -= w.now % DAY;
    first = w.now;
    job = world_job(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

struct asked {
    int64_t hours;
    struct usage_history history;
};

static int ask(struct session *s, void *ctx, struct err *err)
{
    struct asked *a = ctx;
    s->arena = &w.arena;
    return usage_history(s, a->hours, &a->history, err);
}

static struct usage_history history(int64_t hours)
{
    struct asked a = {.hours = hours};
    must(world_run(&w, ask, &a, &e), &e);
    return a.history;
}

static int ack_and_delete(struct session *s, void *ctx, struct err *err)
{
    struct result_ack any = {.size = -1};
    struct result *r;
    int rc = result_acknowledge(s, ctx, &any, &r, err);
    return rc < 0 ? rc : result_delete(s, ctx, err);
}

static int restore(struct session *s, void *ctx, struct err *err)
{
    struct result *r;
    return result_restore(s, ctx, &r, err);
}

static int expire(struct session *s, void *ctx, struct err *err)
{
    return result_expire(s, world_get(&w, ctx), err);
}

static int purge(struct session *s, void *ctx, struct err *err)
{
    return result_purge(s, ctx, err);
}

static void a_new_project_has_a_history_of_nothing(void **state)
{
    struct usage_history h = history(24);
    (void)state;
    assert_int_equal(h.count, 24);
    assert_int_equal(h.step, HOUR);
    assert_int_equal(h.spans[0].at, first - 23 * HOUR);
    assert_int_equal(h.spans[23].at, first);
    for (int i = 0; i < 24; i++) {
        static const struct activity nothing;
        assert_memory_equal(&h.spans[i].seen, &nothing, sizeof nothing);
        assert_int_equal(h.spans[i].after.bytes[RESULT_AVAILABLE], 0);
    }
}

static void each_change_counts_in_its_hour_and_what_there_was_stays_until_the_next(void **state)
{
    const char *id = world_publish(&w, job, "one", 100, false)->id;
    (void)state;
    world_publish(&w, job, "two", 11, false);
    w.now += 3 * HOUR - 1; /* the last moment of the third hour */
    must(world_run(&w, ack_and_delete, (void *)(uintptr_t)id, &e), &e);
    w.now += 2 * HOUR + 1;
    must(world_run(&w, restore, (void *)(uintptr_t)id, &e), &e);
    w.now += HOUR;
    struct usage_history h = history(7);
    assert_int_equal(h.spans[0].at, first);
    assert_int_equal(h.spans[0].seen.uploads, 2);
    assert_int_equal(h.spans[0].seen.uploaded_bytes, 111);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(h.spans[i].after.results[RESULT_AVAILABLE], 2);
        assert_int_equal(h.spans[i].after.bytes[RESULT_AVAILABLE], 111);
    }
    assert_int_equal(h.spans[1].seen.uploads, 0);
    assert_int_equal(h.spans[2].seen.acks, 1);
    assert_int_equal(h.spans[2].seen.deleted, 1);
    for (int i = 2; i < 5; i++) {
        assert_int_equal(h.spans[i].after.results[RESULT_AVAILABLE], 1);
        assert_int_equal(h.spans[i].after.trash_results, 1);
        assert_int_equal(h.spans[i].after.trash_bytes, 100);
    }
    for (int i = 5; i < 7; i++) { /* restoring is no activity, but changes what there is */
        assert_int_equal(h.spans[i].seen.deleted, 0);
        assert_int_equal(h.spans[i].after.trash_results, 0);
        assert_int_equal(h.spans[i].after.results[RESULT_CONSUMED], 1);
    }
}

static void what_came_before_the_first_hour_is_known(void **state)
{
    (void)state;
    world_publish(&w, job, "one", 100, false);
    w.now += 5 * HOUR;
    struct usage_history h = history(2);
    assert_int_equal(h.spans[0].at, first + 4 * HOUR);
    assert_int_equal(h.spans[0].seen.uploads, 0);
    assert_int_equal(h.spans[0].after.bytes[RESULT_AVAILABLE], 100);
}

static void more_than_thirty_days_are_told_by_the_day(void **state)
{
    (void)state;
    world_publish(&w, job, "one", 100, false);
    w.now += 5 * HOUR;
    world_publish(&w, job, "two", 10, false);
    w.now += DAY;
    world_publish(&w, job, "three", 1, false);
    assert_int_equal(history(720).step, HOUR);
    assert_int_equal(history(720).count, 720);
    struct usage_history h = history(721);
    assert_int_equal(h.step, DAY);
    assert_int_equal(h.count, 31);
    assert_int_equal(h.spans[29].at, first);
    assert_int_equal(h.spans[29].seen.uploads, 2);
    assert_int_equal(h.spans[29].seen.uploaded_bytes, 110);
    assert_int_equal(h.spans[29].after.bytes[RESULT_AVAILABLE], 110);
    assert_int_equal(h.spans[30].seen.uploads, 1);
    assert_int_equal(h.spans[30].after.bytes[RESULT_AVAILABLE], 111);
    assert_int_equal(history(USAGE_HOURS_MOST).count, 365);
}

static void the_end_of_a_result_counts_once(void **state)
{
    const char *id = world_publish(&w, job, "one", 100, false)->id;
    const char *other = world_publish(&w, job, "two", 100, false)->id;
    const char *third = world_publish(&w, job, "three", 100, false)->id;
    (void)state;
    must(world_run(&w, expire, (void *)(uintptr_t)id, &e), &e);
    must(world_run(&w, ack_and_delete, (void *)(uintptr_t)other, &e), &e);
    must(world_run(&w, purge, (void *)(uintptr_t)other, &e), &e); /* it was deleted before */
    must(world_run(&w, purge, (void *)(uintptr_t)third, &e), &e);
    struct activity seen = history(1).spans[0].seen;
    assert_int_equal(seen.expired, 1);
    assert_int_equal(seen.acks, 1);
    assert_int_equal(seen.deleted, 2);
}

static void what_is_due_counts_as_expired_now(void **state)
{
    (void)state;
    world_publish(&w, job, "one", 100, false);
    w.now += 8 * DAY;
    struct usage_history h = history(2);
    assert_int_equal(h.spans[1].after.results[RESULT_EXPIRED], 1);
    assert_int_equal(h.spans[0].after.results[RESULT_AVAILABLE], 1); /* nobody has swept */
}

static int delete_and_fail(struct session *s, void *ctx, struct err *err)
{
    int rc = result_purge(s, ctx, err);
    return rc < 0 ? rc : err_set(err, ERR_WRONG_STATE, "undone");
}

static void a_change_that_is_undone_is_not_in_the_history(void **state)
{
    const char *id = world_publish(&w, job, "one", 100, false)->id;
    (void)state;
    assert_int_equal(world_run(&w, delete_and_fail, (void *)(uintptr_t)id, &e), ERR_WRONG_STATE);
    assert_int_equal(history(1).spans[0].seen.deleted, 0);
    assert_int_equal(history(1).spans[0].seen.uploads, 1);
}

static void hours_that_are_too_old_go(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++, w.now += HOUR)
        world_publish(&w, world_job(&w), "a", 1, false);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM usage_hour"), 5);
    must(store_usage_prune(w.db, first + 2 * HOUR, 1, &e), &e);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM usage_hour"), 4);
    must(store_usage_prune(w.db, first + 2 * HOUR, 100, &e), &e);
    assert_int_equal(world_count(&w, "SELECT min(at) FROM usage_hour"),
                     first + HOUR); /* what there was then */
}

static void what_a_quiet_project_has_is_known_when_its_hours_have_gone(void **state)
{
    (void)state;
    world_publish(&w, world_job(&w), "a", 1, false);
    w.now += 10 * HOUR;
    must(store_usage_prune(w.db, w.now - 5 * HOUR, 100, &e), &e);
    assert_int_equal(history(3).spans[0].after.results[RESULT_AVAILABLE], 1);
    world_publish(&w, world_job(&w), "b", 1, false);
    must(store_usage_prune(w.db, w.now - 5 * HOUR, 100, &e), &e);
    struct usage_history h = history(3);
    assert_int_equal(h.spans[0].after.results[RESULT_AVAILABLE], 1);
    assert_int_equal(h.spans[2].after.results[RESULT_AVAILABLE], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_project_has_a_history_of_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            each_change_counts_in_its_hour_and_what_there_was_stays_until_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_came_before_the_first_hour_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_thirty_days_are_told_by_the_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_a_result_counts_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_due_counts_as_expired_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_that_is_undone_is_not_in_the_history, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hours_that_are_too_old_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_quiet_project_has_is_known_when_its_hours_have_gone, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
