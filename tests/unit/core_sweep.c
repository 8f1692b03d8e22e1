/* SPDX-License-Identifier: Apache-2.0 */
/* The sweeper: what is due goes, and its bytes; what is not stays; and one bad row does not stop the others.
 */
#include "base/clock.h"
#include "core/deliver.h"
#include "core/removal.h"
#include "core/sweep.h"
#include "support/world.h"

#include <stdio.h>
#include <unistd.h>

#define DAY (86400 * CLOCK_SECOND)

static struct world w;
static struct err e;
static struct writer *writer;
static struct db *reader;
static const char *job;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    writer = writer_new(world_writer(&w), 100, 100);
    reader = world_reader(&w);
    w.now = clock_now();
    job = world_job(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    db_close(reader);
    writer_free(writer);
    world_close(&w);
    return 0;
}

static int64_t sweep(void)
{
    int64_t rows = sweep_round(&w.core, writer, reader, &e);
    must(rows < 0 ? -1 : 0, &e);
    int64_t files = removal_round(&w.core, writer, reader, w.folder.files_lock, &e);
    must(files < 0 ? -1 : 0, &e);
    return rows + files;
}

static bool has_blob(const char *id)
{
    struct blob *b;
    int64_t size;
    int rc = blob_open(w.core.blobs, id, &b, &size, &e);
    if (rc == 0)
        blob_close(b);
    return rc == 0;
}

static struct result *publish_at(int64_t now, const char *name, size_t size, bool keep)
{
    w.now = now;
    struct result *r = world_publish(&w, job, name, size, keep);
    w.now = clock_now();
    return r;
}

static void what_is_due_expires_and_its_bytes_go(void **state)
{
    int64_t long_ago = clock_now() - 8 * DAY;
    (void)state;
    struct result *small = publish_at(long_ago, "small", 10, false);
    struct result *large = publish_at(long_ago, "large", 50000, false);
    struct result *kept = publish_at(long_ago, "kept", 50000, true);
    struct result *young = publish_at(clock_now(), "young", 50000, false);
    assert_int_equal(sweep(), 3); /* two rows and a file */
    assert_int_equal(world_get(&w, small->id)->state, RESULT_EXPIRED);
    assert_int_equal(world_get(&w, large->id)->state, RESULT_EXPIRED);
    assert_int_equal(world_get(&w, large->id)->expired_at, large->due_at);
    assert_false(world_get(&w, large->id)->stored);
    assert_int_equal(world_get(&w, kept->id)->state, RESULT_AVAILABLE);
    assert_int_equal(world_get(&w, young->id)->state, RESULT_AVAILABLE);
    assert_false(has_blob(large->id));
    assert_true(has_blob(kept->id) && has_blob(young->id));
    assert_int_equal(world_count(&w, "SELECT count(*) FROM result_bytes"), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob"), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM event WHERE type = 'result.expired'"), 2);
    assert_int_equal(sweep(), 0);
    world_assert_sound(&w);
}

static void the_trash_is_emptied_in_time(void **state)
{
    char sql[200];
    (void)state;
    struct result *old = world_publish(&w, job, "old", 50000, false);
    struct result *new = world_publish(&w, job, "new", 50000, false);
    const char *old_job = world_job(&w);
    (void)snprintf(sql, sizeof sql, "UPDATE result SET deleted_at = %lld WHERE name = 'old'",
                   (long long)(clock_now() - 31 * DAY));
    world_sql(&w, sql);
    (void)snprintf(sql, sizeof sql, "UPDATE result SET deleted_at = %lld WHERE name = 'new'",
                   (long long)clock_now());
    world_sql(&w, sql);
    (void)snprintf(sql, sizeof sql, "UPDATE job SET deleted_at = %lld WHERE id = '%s'",
                   (long long)(clock_now() - 31 * DAY), old_job);
    world_sql(&w, sql);
    (void)sweep();
    assert_null(world_get(&w, old->id));
    assert_false(has_blob(old->id));
    assert_non_null(world_get(&w, new->id));
    assert_true(has_blob(new->id));
    assert_int_equal(world_count(&w, "SELECT count(*) FROM job"), 1);
    assert_int_equal(
        world_count(&w, "SELECT count(*) FROM event WHERE type IN ('result.purged', 'job.purged')"), 2);
    world_assert_sound(&w);
}

/* A deleted job goes with its last result, in one round. */
static void a_deleted_job_goes_after_its_results(void **state)
{
    char sql[200];
    (void)state;
    (void)world_publish(&w, job, "a", 10, false);
    long long then = clock_now() - 31 * DAY;
    (void)snprintf(sql, sizeof sql,
                   "UPDATE result SET deleted_at = %lld, with_job = 1; UPDATE job SET deleted_at = %lld",
                   then, then);
    world_sql(&w, sql);
    assert_int_equal(sweep(), 2);
    assert_int_equal(world_count(&w, "SELECT (SELECT count(*) FROM job) + (SELECT count(*) FROM result)"), 0);
}

static void one_bad_row_does_not_stop_the_others(void **state)
{
    char name[8];
    (void)state;
    w.settings.sweep_batch = 3;
    for (int i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        (void)publish_at(clock_now() - 8 * DAY + i, name, i % 2 ? 10 : 40000, false);
    }
    if (w.db->ops->remote)
        world_sql(
            &w,
            "CREATE FUNCTION fail() RETURNS trigger AS $$ BEGIN RAISE 'on purpose'; END $$ LANGUAGE plpgsql;"
            " CREATE TRIGGER bad BEFORE UPDATE ON result FOR EACH ROW"
            " WHEN (old.name IN ('n0', 'n1', 'n5', 'n9')) EXECUTE FUNCTION fail()");
    else
        world_sql(&w, "CREATE TRIGGER bad BEFORE UPDATE ON result WHEN old.name IN ('n0', 'n1', 'n5', 'n9')"
                      " BEGIN SELECT RAISE(ABORT, 'on purpose'); END");
    (void)sweep();
    assert_int_equal(world_count(&w, "SELECT count(*) FROM result WHERE state = 'expired'"), 6);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM result WHERE state = 'available' AND stored = 1"),
                     4);
    assert_int_equal(atomic_load(&w.core.counters.sweep_errors), 4);
    assert_int_equal(atomic_load(&w.core.counters.expired), 6);
    world_assert_sound(&w);
    world_sql(&w, w.db->ops->remote ? "DROP TRIGGER bad ON result" : "DROP TRIGGER bad");
    (void)sweep();
    assert_int_equal(world_count(&w, "SELECT count(*) FROM result WHERE state = 'expired'"), 10);
    world_assert_sound(&w);
}

static void what_is_being_downloaded_can_be_read_to_its_end(void **state)
{
    struct session s;
    struct content c;
    struct result *r;
    char bytes[50000];
    (void)state;
    r = world_publish(&w, job, "r", 50000, false);
    world_session(&w, w.db, &s);
    must(deliver_open(&s, r, &c, &e), &e);
    world_sql(&w, "UPDATE result SET due_at = 1");
    assert_int_equal(sweep(), 2);
    assert_false(has_blob(r->id));
    must(blob_read(c.blob, 0, bytes, sizeof bytes, &e), &e);
    assert_memory_equal(bytes, world_bytes(&w, 50000, 50000), 50000);
    blob_close(c.blob);
}

static int claim(struct session *s, void *ctx, struct err *err)
{
    return job_claim(s, NULL, 60, ctx, err);
}

static void leases_that_ran_out_are_recorded(void **state)
{
    struct job *j;
    (void)state;
    w.now = clock_now() - 61 * CLOCK_SECOND;
    must(world_run(&w, claim, &j, &e), &e);
    assert_int_equal(sweep(), 1);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM job WHERE status = 'queued' AND lease IS NULL"),
                     1);
    assert_int_equal(atomic_load(&w.core.counters.lapsed), 1);
    assert_int_equal(sweep(), 0);
}

static void old_events_go_from_the_front(void **state)
{
    (void)state;
    world_sql(&w, "UPDATE event SET at = 1");
    (void)world_job(&w);
    int64_t last = world_count(&w, "SELECT max(seq) FROM event");
    (void)sweep();
    assert_int_equal(world_count(&w, "SELECT count(*) FROM event"), 1);
    assert_int_equal(world_count(&w, "SELECT max(seq) FROM event"), last);
}

/* Another node's clock was ahead of ours. */
static void what_is_newer_keeps_the_older_after_it(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        (void)world_job(&w);
    world_sql(&w, "UPDATE event SET at = 1 WHERE seq <> (SELECT min(seq) + 1 FROM event)");
    int64_t last = world_count(&w, "SELECT max(seq) FROM event");
    int64_t first = world_count(&w, "SELECT min(seq) FROM event");
    (void)sweep();
    assert_int_equal(world_count(&w, "SELECT min(seq) FROM event"), first + 1);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM event"), last - first);
}

static void its_thread_sweeps_and_ends(void **state)
{
    struct result *r = publish_at(clock_now() - 8 * DAY, "r", 50000, false);
    (void)state;
    struct sweeper *s = sweeper_new(&w.core, writer, world_reader(&w));
    while (atomic_load(&w.core.counters.sweeps) == 0)
        (void)usleep(1000);
    sweeper_free(s);
    sweeper_free(NULL);
    assert_int_equal(world_get(&w, r->id)->state, RESULT_EXPIRED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_due_expires_and_its_bytes_go),
        TEST(the_trash_is_emptied_in_time),
        TEST(a_deleted_job_goes_after_its_results),
        TEST(one_bad_row_does_not_stop_the_others),
        TEST(what_is_being_downloaded_can_be_read_to_its_end),
        TEST(leases_that_ran_out_are_recorded),
        TEST(old_events_go_from_the_front),
        TEST(what_is_newer_keeps_the_older_after_it),
        TEST(its_thread_sweeps_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
