/* SPDX-License-Identifier: Apache-2.0 */
/* Shares, and the threads of a pool that are handed out by them. */
#include "base/clock.h"
#include "base/pool.h"
#include "support/temp.h"
#include "support/test.h"

#include <stdatomic.h>
#include <unistd.h>

static void half_leaves_something_wherever_there_is_more_than_one(void **state)
{
    (void)state;
    assert_int_equal(shares_half(1), 1);
    for (int all = 2; all < 300; all++) {
        int half = shares_half(all);
        assert_true(half >= 1 && half < all && 2 * half >= all);
    }
}

static void who_has_as_many_as_may_be_waits_in_order(void **state)
{
    struct shares *s = shares_new(2);
    struct share_wish wishes[5];
    (void)state;
    assert_true(shares_take(s, 7, &wishes[0]));
    assert_true(shares_take(s, 7, &wishes[1]));
    for (int i = 2; i < 5; i++)
        assert_false(shares_take(s, 7, &wishes[i]));
    assert_ptr_equal(shares_give(s, 7), &wishes[2]);
    assert_ptr_equal(shares_give(s, 7), &wishes[3]);
    assert_ptr_equal(shares_give(s, 7), &wishes[4]);
    assert_null(shares_give(s, 7));
    assert_true(shares_take(s, 7, &wishes[0]));
    assert_false(shares_take(s, 7, &wishes[1]));
    assert_ptr_equal(shares_give(s, 7), &wishes[1]);
    assert_null(shares_give(s, 7));
    assert_null(shares_give(s, 7));
    shares_free(s);
    shares_free(NULL);
}

static void others_are_not_held_up_and_nobody_is_not_counted(void **state)
{
    struct shares *s = shares_new(1);
    struct share_wish wishes[200];
    (void)state;
    for (int i = 0; i < 200; i++) /* more than there are chains */
        assert_true(shares_take(s, i + 1, &wishes[i]));
    for (int i = 0; i < 5; i++)
        assert_true(shares_take(s, 0, &wishes[i]));
    for (int i = 0; i < 200; i++)
        assert_false(shares_take(s, i + 1, &wishes[i]));
    assert_null(shares_give(s, 0));
    for (int i = 0; i < 200; i++) {
        assert_ptr_equal(shares_give(s, i + 1), &wishes[i]);
        assert_null(shares_give(s, i + 1));
    }
    shares_free(s);
}

static void a_wish_is_withdrawn_wherever_it_stands(void **state)
{
    struct share_wish wishes[4];
    (void)state;
    for (int gone = 1; gone < 4; gone++) {
        struct shares *s = shares_new(1);
        assert_true(shares_take(s, 9, &wishes[0]));
        for (int i = 1; i < 4; i++)
            assert_false(shares_take(s, 9, &wishes[i]));
        shares_forget(s, 9, &wishes[gone]);
        shares_forget(s, 9, &wishes[gone]);
        shares_forget(s, 8, &wishes[gone]);
        assert_false(shares_take(s, 9, &wishes[gone])); /* it comes last now */
        for (int i = 1; i < 4; i++)
            if (i != gone)
                assert_ptr_equal(shares_give(s, 9), &wishes[i]);
        assert_ptr_equal(shares_give(s, 9), &wishes[gone]);
        assert_null(shares_give(s, 9));
        shares_free(s);
    }
}

/* --- a pool --- */

struct job {
    struct pool_task task;
    struct temp_signal *gate; /* NULL: it does not wait */
    struct temp_signal *ran;
    int order;
};

static atomic_int running[3], most[3], ended;

static void run(struct pool_task *task)
{
    struct job *j = (struct job *)task;
    int now = atomic_fetch_add(&running[j->task.holder], 1) + 1;
    if (now > atomic_load(&most[j->task.holder]))
        atomic_store(&most[j->task.holder], now);
    if (j->gate)
        temp_signal_wait(j->gate, 1);
    atomic_fetch_sub(&running[j->task.holder], 1);
    j->order = atomic_fetch_add(&ended, 1);
    temp_signal(j->ran);
}

static void run_late(struct pool_task *task)
{
    struct job *j = (struct job *)task;
    j->order = task->late ? -1 : 0;
    temp_signal(j->ran);
}

/* Whose turn does not come in time is run without a share, and takes nobody else's. */
static void who_waits_for_too_long_is_late(void **state)
{
    struct temp_signal gate = TEMP_SIGNAL;
    struct temp_signal ran = TEMP_SIGNAL;
    struct temp_signal late = TEMP_SIGNAL;
    struct job first = {.task = {.run = run, .holder = 1}, .gate = &gate, .ran = &ran};
    struct job jobs[4];
    (void)state;
    struct pool *p = pool_new(2, "test");
    pool_add(p, &first.task);
    for (int i = 0; i < 4; i++) {
        jobs[i] = (struct job){.task = {.run = run_late, .holder = 1}, .ran = &late};
        if (i % 2 == 0)
            jobs[i].task.turn_until = clock_monotonic() + (4 - i) * CLOCK_SECOND / 20;
        pool_add(p, &jobs[i].task);
    }
    temp_signal_wait(&late, 2);
    assert_int_equal(pool_depth(p), 2);
    temp_signal(&gate);
    temp_signal_wait(&late, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(jobs[i].order, i % 2 ? 0 : -1);
    jobs[0].task.turn_until = clock_monotonic() + 3600 * CLOCK_SECOND;
    pool_add(p, &jobs[0].task);
    temp_signal_wait(&late, 5);
    assert_int_equal(jobs[0].order, 0);
    pool_free(p);
}

/* Whose work waits has half of the threads; what others bring goes past it, and each of it has its turn. */
static void one_holder_has_half_of_the_threads(void **state)
{
    enum { N = 12 };
    static struct job theirs[N], others[N];
    struct temp_signal gate = TEMP_SIGNAL;
    struct temp_signal ran = TEMP_SIGNAL;
    struct temp_signal past = TEMP_SIGNAL;
    struct pool *p = pool_new(4, "test");
    (void)state;
    for (int i = 0; i < N; i++) {
        theirs[i] = (struct job){.task = {.run = run, .holder = 1}, .gate = &gate, .ran = &ran};
        pool_add(p, &theirs[i].task);
    }
    for (int i = 0; i < N; i++) {
        others[i] = (struct job){.task = {.run = run, .holder = i % 2 ? 2 : 0}, .ran = &past};
        pool_add(p, &others[i].task);
    }
    temp_signal_wait(&past, N);
    assert_int_equal(temp_signal_count(&ran), 0);
    assert_int_equal(pool_depth(p), N - 2);
    temp_signal(&gate);
    pool_free(p);
    assert_int_equal(temp_signal_count(&ran), N);
    assert_int_equal(atomic_load(&most[1]), 2);
}

static void what_waits_for_its_share_keeps_its_order(void **state)
{
    enum { N = 20 };
    static struct job all[N];
    struct temp_signal ran = TEMP_SIGNAL;
    struct pool *p = pool_new(1, "test");
    (void)state;
    atomic_store(&ended, 0);
    for (int i = 0; i < N; i++) {
        all[i] = (struct job){.task = {.run = run, .holder = 2}, .ran = &ran};
        pool_add(p, &all[i].task);
    }
    pool_free(p);
    for (int i = 0; i < N; i++)
        assert_int_equal(all[i].order, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_leaves_something_wherever_there_is_more_than_one),
        cmocka_unit_test(who_has_as_many_as_may_be_waits_in_order),
        cmocka_unit_test(others_are_not_held_up_and_nobody_is_not_counted),
        cmocka_unit_test(a_wish_is_withdrawn_wherever_it_stands),
        cmocka_unit_test(who_waits_for_too_long_is_late),
        cmocka_unit_test(one_holder_has_half_of_the_threads),
        cmocka_unit_test(what_waits_for_its_share_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
