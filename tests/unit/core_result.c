/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a result: publishing, acknowledging, keeping, deleting, expiring, each also at the very moment.
 */
#include "base/clock.h"
#include "core/deliver.h"
#include "support/world.h"

#include <stdio.h>
#include <string.h>

#define DAY (86400 * CLOCK_SECOND)

static struct world w;
static struct err e;
static struct result *r; /* available, of 100 bytes, due in seven days */
static const char *job;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    job = world_job(&w);
    r = world_publish(&w, job, "one", 100, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

struct call {
    struct result_ack ack;
    bool keep;
    struct result *result;
};

static int ack(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    return result_acknowledge(s, r->id, &c->ack, &c->result, err);
}

static int keep(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    return result_keep(s, r->id, c->keep, &c->result, err);
}

static int delete (struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return result_delete(s, r->id, err);
}

static int restore(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    return result_restore(s, r->id, &c->result, err);
}

static int purge(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return result_purge(s, r->id, err);
}

static int get(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    return result_get(s, r->id, &c->result, err);
}

static int deliver(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    struct content content;
    int rc = result_get(s, r->id, &c->result, err);
    if (rc == 0)
        rc = deliver_open(s, c->result, &content, err);
    if (rc == 0) {
        assert_int_equal(content.size, 100);
        assert_memory_equal(content.bytes, world_bytes(&w, 100, 100), 100);
    }
    return rc;
}

static struct call anything = {.ack = {.size = -1}};

static void an_acknowledged_result_stays_as_long_as_it_was_to(void **state)
{
    struct call c = {.ack = {.size = 100}};
    (void)state;
    c.ack.sha256 = r->digests.sha256;
    must(world_run(&w, ack, &c, &e), &e);
    assert_int_equal(c.result->state, RESULT_CONSUMED);
    assert_int_equal(c.result->consumed_at, w.now);
    assert_int_equal(world_get(&w, r->id)->due_at, w.now + 7 * DAY);
    int64_t events = world_count(&w, "SELECT count(*) FROM event");
    w.now += CLOCK_SECOND;
    must(world_run(&w, ack, &c, &e), &e); /* again: nothing changes */
    assert_int_equal(c.result->consumed_at, w.now - CLOCK_SECOND);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM event"), events);
    must(world_run(&w, deliver, &anything, &e), &e);
}

enum { MANY_PROJECTS = 60 }; /* more than one transaction gathers */

static int move_between_projects(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    for (int i = 0; i < MANY_PROJECTS; i++) {
        char name[20];
        int64_t pk;
        struct result one = *world_get(&w, r->id);
        (void)snprintf(name, sizeof name, "project-%d", i);
        int rc = store_project_create(s->db, name, s->now, &pk, err);
        one.id = arena_printf(s->arena, "moved-%d", i);
        one.name = one.id;
        one.project = pk;
        if (rc == 0)
            rc = store_result_add(s->db, &one, err);
        one.deleted_at = s->now;
        if (rc > 0)
            rc = store_result_change(s->db, &one, s->now, err);
        if (rc < 0)
            return rc;
        if (i % 2 && (rc = store_result_remove(s->db, &one, s->now, err)) < 0)
            return rc;
    }
    return 0;
}

static void sums_of_many_projects_in_one_transaction(void **state)
{
    (void)state;
    must(world_run(&w, move_between_projects, NULL, &e), &e);
    assert_int_equal(world_count(&w, "SELECT sum(results) FROM usage"), 1 + MANY_PROJECTS / 2);
    assert_int_equal(world_count(&w, "SELECT sum(bytes) FROM usage WHERE trash = 1"),
                     100 * MANY_PROJECTS / 2);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM usage WHERE results < 0 OR bytes < 0"), 0);
    assert_int_equal(
        world_count(&w, "SELECT sum(results) FROM usage WHERE state = 'available' AND trash = 0"), 1);
}

static void consumed_ttl_shortens_a_life_and_never_lengthens_it(void **state)
{
    (void)state;
    w.settings.consumed_ttl = 3600;
    must(world_run(&w, ack, &anything, &e), &e);
    assert_int_equal(world_get(&w, r->id)->due_at, w.now + 3600 * CLOCK_SECOND);
    r = world_publish(&w, job, "two", 100, false);
    w.settings.consumed_ttl = 30 * 86400;
    must(world_run(&w, ack, &anything, &e), &e);
    assert_int_equal(world_get(&w, r->id)->due_at, w.now + 7 * DAY);
}

static void an_acknowledgement_of_other_bytes_is_refused(void **state)
{
    struct call c = {.ack = {.size = 99}};
    (void)state;
    must_fail(world_run(&w, ack, &c, &e), ERR_MISMATCH);
    assert_string_equal(e.where, "/size");
    c.ack = (struct result_ack){.size = -1, .sha256 = "00"};
    must_fail(world_run(&w, ack, &c, &e), ERR_MISMATCH);
    assert_string_equal(e.where, "/sha256");
    assert_int_equal(world_get(&w, r->id)->state, RESULT_AVAILABLE);
}

static void expiry_is_exact_to_the_microsecond(void **state)
{
    int64_t due = r->due_at;
    struct call c;
    (void)state;
    w.now = due - 1;
    must(world_run(&w, deliver, &c, &e), &e);
    assert_int_equal(c.result->state, RESULT_AVAILABLE);
    w.now = due;
    must(world_run(&w, get, &c, &e), &e);
    assert_int_equal(c.result->state, RESULT_EXPIRED);
    assert_int_equal(c.result->expired_at, due);
    must_fail(world_run(&w, deliver, &c, &e), ERR_EXPIRED);
    assert_int_equal(e.at, due);
    must_fail(world_run(&w, ack, &anything, &e), ERR_EXPIRED);
    must_fail(world_run(&w, keep, &(struct call){.keep = true}, &e), ERR_EXPIRED);
    assert_int_equal(world_get(&w, r->id)->state,
                     RESULT_AVAILABLE); /* nothing was written: the sweeper does that */
}

static void a_kept_result_does_not_expire(void **state)
{
    struct call c = {.keep = true};
    (void)state;
    must(world_run(&w, keep, &c, &e), &e);
    must(world_run(&w, keep, &c, &e), &e);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM event WHERE type = 'result.kept'"), 1);
    w.now += 30 * DAY;
    must(world_run(&w, deliver, &c, &e), &e);
    must_fail(world_run(&w, delete, &c, &e), ERR_KEPT);
    must_fail(world_run(&w, purge, &c, &e), ERR_KEPT);
    c.keep = false;
    must(world_run(&w, keep, &c, &e), &e);
    assert_int_equal(c.result->state, RESULT_EXPIRED); /* its time was over long ago */
    must_fail(world_run(&w, deliver, &c, &e), ERR_EXPIRED);
}

static void a_deleted_result_can_be_restored(void **state)
{
    struct call c;
    (void)state;
    must(world_run(&w, delete, &c, &e), &e);
    must(world_run(&w, delete, &c, &e), &e);
    must_fail(world_run(&w, deliver, &c, &e), ERR_DELETED);
    assert_int_equal(e.at, w.now);
    must_fail(world_run(&w, ack, &anything, &e), ERR_DELETED);
    must(world_run(&w, restore, &c, &e), &e);
    must(world_run(&w, restore, &c, &e), &e);
    must(world_run(&w, deliver, &c, &e), &e);
    assert_int_equal(
        world_count(&w, "SELECT count(*) FROM event WHERE type IN ('result.deleted', 'result.restored')"), 2);
    world_assert_sound(&w);
}

static void a_purged_result_is_gone_with_its_bytes(void **state)
{
    struct call c;
    (void)state;
    must(world_run(&w, purge, &c, &e), &e);
    assert_null(world_get(&w, r->id));
    assert_int_equal(world_count(&w, "SELECT count(*) FROM result_bytes"), 0);
    assert_int_equal(world_get_job(&w, job)->results == NULL, 1);
    must_fail(world_run(&w, purge, &c, &e), ERR_NOT_FOUND);
    r = world_publish(&w, job, "large", 100000, false);
    must(world_run(&w, purge, &c, &e), &e);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob"), 1);
    world_assert_sound(&w);
}

static void other_projects_results_are_not_there(void **state)
{
    struct call c = {.ack = {.size = -1}};
    (void)state;
    w.actor.project++;
    must_fail(world_run(&w, get, &c, &e), ERR_NOT_FOUND);
    must_fail(world_run(&w, ack, &c, &e), ERR_NOT_FOUND);
    must_fail(world_run(&w, purge, &c, &e), ERR_NOT_FOUND);
}

struct publishing {
    struct publish p;
    struct upload_result done;
    struct result *result;
    bool is_new;
};

static int prepare(struct session *s, void *ctx, struct err *err)
{
    struct publishing *c = ctx;
    return publish_prepare(s, &c->p, err);
}

static int commit(struct session *s, void *ctx, struct err *err)
{
    struct publishing *c = ctx;
    return publish_commit(s, &c->p, &c->done, &c->result, &c->is_new, err);
}

static struct publishing publishing(const char *name, const char *bytes)
{
    struct publishing c = {.p = {.job = job,
                                 .name = name,
                                 .type = "",
                                 .media_type = "text/plain",
                                 .kind = "made",
                                 .content_length = (int64_t)strlen(bytes)},
                           .done = {.size = (int64_t)strlen(bytes), .is_inline = true, .bytes = bytes}};
    struct digest *d = digest_new();
    digest_update(d, bytes, strlen(bytes));
    digest_finish(d, &c.done.digests);
    digest_free(d);
    id_new(c.done.id);
    return c;
}

static void an_equal_upload_is_the_same_result(void **state)
{
    struct publishing first = publishing("n", "hello");
    struct publishing again = publishing("n", "hello");
    struct publishing other = publishing("n", "jello");
    (void)state;
    must(world_run(&w, commit, &first, &e), &e);
    assert_true(first.is_new);
    must(world_run(&w, prepare, &again, &e), &e);
    must(world_run(&w, commit, &again, &e), &e);
    assert_false(again.is_new);
    assert_string_equal(again.result->id, first.done.id);
    must_fail(world_run(&w, commit, &other, &e), ERR_TAKEN);
    other.p.content_length = 6; /* few, and on their way: only looked at when they are there */
    must(world_run(&w, prepare, &other, &e), &e);
    other.p.asks_first = true;
    must_fail(world_run(&w, prepare, &other, &e), ERR_TAKEN);
    other = publishing("n", "jello");
    other.p.type = "other";
    must(world_run(&w, commit, &other, &e), &e);
    assert_int_equal(world_count(&w, "SELECT result_count FROM job"), 3);
    world_assert_sound(&w);
}

static void announced_digests_and_sizes_are_held_to(void **state)
{
    struct publishing c = publishing("d", "hello");
    (void)state;
    c.p.want_sha256 = r->digests.sha256;
    must_fail(world_run(&w, commit, &c, &e), ERR_BAD_DIGEST);
    c.p.want_sha256 = c.done.digests.sha256;
    c.p.want_md5 = r->digests.md5;
    must_fail(world_run(&w, commit, &c, &e), ERR_BAD_DIGEST);
    c.p.want_md5 = c.done.digests.md5;
    must(world_run(&w, commit, &c, &e), &e);
    c = publishing("e", "hello");
    w.settings.max_result_size = 4;
    must_fail(world_run(&w, prepare, &c, &e), ERR_TOO_LARGE);
    must_fail(world_run(&w, commit, &c, &e), ERR_TOO_LARGE);
    w.settings.max_result_size = 1 << 20;
    w.settings.max_results_per_job = 2;
    must_fail(world_run(&w, commit, &c, &e), ERR_LIMIT);
    w.settings.disk_floor = INT64_MAX / 2;
    c.p.content_length = 100000;
    must_fail(world_run(&w, prepare, &c, &e), ERR_STORAGE_FULL);
    c.p.name = "a/b";
    must_fail(world_run(&w, prepare, &c, &e), ERR_BAD_VALUE);
    assert_int_equal(e.place, ERR_PARAMETER);
    world_assert_sound(&w);
}

static int finish(struct session *s, void *ctx, struct err *err)
{
    struct job_move m = {.verb = JOB_FINISH};
    struct job *j;
    (void)ctx;
    return job_move(s, job, &m, &j, err);
}

static void results_come_only_to_open_jobs_or_with_one_of_their_own(void **state)
{
    struct publishing c = publishing("late", "hello");
    (void)state;
    must(world_run(&w, finish, NULL, &e), &e);
    c.p.asks_first = true;
    must_fail(world_run(&w, prepare, &c, &e), ERR_WRONG_STATE);
    must_fail(world_run(&w, commit, &c, &e), ERR_WRONG_STATE);
    c.p.job = NULL;
    must(world_run(&w, prepare, &c, &e), &e);
    must(world_run(&w, commit, &c, &e), &e);
    struct job *j = world_get_job(&w, c.result->job_id);
    assert_int_equal(j->status, JOB_COMPLETED);
    assert_string_equal(j->kind, "made");
    assert_string_equal(j->results->name, "late");
}

static void a_lifetime_can_be_asked_for(void **state)
{
    struct publishing c = publishing("short", "hello");
    (void)state;
    c.p.expires_in = 60;
    must(world_run(&w, commit, &c, &e), &e);
    assert_int_equal(c.result->due_at, w.now + 60 * CLOCK_SECOND);
    c = publishing("kept", "hello");
    c.p.keep = true;
    must(world_run(&w, commit, &c, &e), &e);
    assert_int_equal(world_get(&w, c.result->id)->due_at, 0);
    assert_int_equal(world_get(&w, c.result->id)->expires_at, w.now + 7 * DAY);
}

static void bytes_that_are_not_there_are_storage_errors(void **state)
{
    (void)state;
    world_sql(&w, "UPDATE result_bytes SET bytes = (SELECT md5 FROM result LIMIT 1)");
    must_fail(world_run(&w, deliver, &anything, &e), ERR_STORAGE);
    world_sql(&w, "DELETE FROM result_bytes");
    must_fail(world_run(&w, deliver, &anything, &e), ERR_STORAGE);
    r = world_publish(&w, job, "file", 100000, false);
    must(blob_remove(w.core.blobs, r->id, &e), &e);
    must_fail(world_run(&w, deliver, &anything, &e), ERR_STORAGE);
    struct check_report report;
    world_check(&w, &report);
    assert_int_equal(report.missing, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_acknowledged_result_stays_as_long_as_it_was_to),
        TEST(sums_of_many_projects_in_one_transaction),
        TEST(consumed_ttl_shortens_a_life_and_never_lengthens_it),
        TEST(an_acknowledgement_of_other_bytes_is_refused),
        TEST(expiry_is_exact_to_the_microsecond),
        TEST(a_kept_result_does_not_expire),
        TEST(a_deleted_result_can_be_restored),
        TEST(a_purged_result_is_gone_with_its_bytes),
        TEST(other_projects_results_are_not_there),
        TEST(an_equal_upload_is_the_same_result),
        TEST(announced_digests_and_sizes_are_held_to),
        TEST(results_come_only_to_open_jobs_or_with_one_of_their_own),
        TEST(a_lifetime_can_be_asked_for),
        TEST(bytes_that_are_not_there_are_storage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
