/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round of the sweeper over one of everything that it looks after, with each call of database and blob
 * store failing in turn. Whatever it could not do, no result loses bytes that it still shows, and the next
 * rounds finish.
 */
#include "base/clock.h"
#include "core/removal.h"
#include "core/sweep.h"
#include "support/world.h"

#include <stdio.h>

#define DAY (86400 * CLOCK_SECOND)

static struct world w;
static struct err e;
static struct writer *writer;
static struct db *reader;

static int claim(struct session *s, void *ctx, struct err *err)
{
    return job_claim(s, NULL, 1, ctx, err);
}

static void open_world(void)
{
    world_open(&w);
    w.settings.orphan_grace = -10;
    writer = writer_new(world_writer(&w), 100, 100);
    reader = world_reader(&w);
}

static void close_world(void)
{
    db_close(reader);
    writer_free(writer);
    world_close(&w);
}

static void fill(void)
{
    struct blob_put *p;
    struct job *j;
    char key[ID_SIZE];
    char sql[300];
    w.now = clock_now() - 8 * DAY;
    const char *job = world_job(&w);
    (void)world_publish(&w, job, "due small", 10, false);
    (void)world_publish(&w, job, "due large", 40000, false);
    (void)world_publish(&w, job, "kept", 40000, true);
    (void)world_publish(&w, job, "trash small", 10, false);
    (void)world_publish(&w, job, "trash large", 40000, false);
    must(world_run(&w, claim, &j, &e), &e);
    w.now = clock_now();
    (void)world_publish(&w, world_job(&w), "young", 40000, false);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE result SET deleted_at = %lld, due_at = NULL WHERE name LIKE 'trash%%';"
                   "UPDATE event SET at = 1 WHERE seq = 1",
                   (long long)(clock_now() - 31 * DAY));
    world_sql(&w, sql);
    id_new(key);
    must(blob_put_open(w.core.blobs, key, false, &p, &e), &e);
    must(blob_put_commit(p, &e), &e);
    blob_put_close(p);
}

static int64_t sweep(void)
{
    int64_t rows = sweep_round(&w.core, writer, reader, &e);
    return rows < 0 ? rows : removal_round(&w.core, writer, reader, w.folder.files_lock, &e);
}

static void assert_all_done(void)
{
    assert_int_equal(
        world_count(&w, "SELECT count(*) FROM result WHERE name LIKE 'due%' AND state <> 'expired'"), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM result WHERE name LIKE 'trash%'"), 0);
    assert_int_equal(
        world_count(&w, "SELECT count(*) FROM result WHERE name IN ('kept', 'young') AND stored = 0"), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob WHERE orphan < 2"), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM orphan"), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM job WHERE status = 'running'"), 0);
    struct check_report report;
    world_check(&w, &report);
    assert_int_equal(report.recent_orphans, 0);
    world_assert_sound(&w);
}

static void sweep_faults(bool for_good, int code)
{
    bool any = true;
    open_world();
    for (int n = 1; any; n += n < 60 ? 1 : 17) { /* most of what comes later is 256 lists of files */
        fill();
        failing_arm(&w.fault, FAIL_ANY, n, for_good, code);
        (void)sweep();
        any = failing_disarm(&w.fault) > 0;
        world_assert_sound(&w);
        world_sql(&w, "UPDATE doomed_blob SET retry_at = 0; UPDATE removal SET searched_at = 0");
        if (any && sweep() < 0)
            fail_msg("call %d: the next round fails: %s (%s)", n, e.detail, e.log);
        assert_all_done();
        world_sql(&w, "DELETE FROM job WHERE result_count = 0; UPDATE removal SET searched_at = 0");
    }
    close_world();
}

static void one_call_fails(void **state)
{
    (void)state;
    sweep_faults(false, ERR_DB);
}

static void all_calls_fail_from_one_on(void **state)
{
    (void)state;
    sweep_faults(true, ERR_DB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_fails),
        cmocka_unit_test(all_calls_fail_from_one_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
