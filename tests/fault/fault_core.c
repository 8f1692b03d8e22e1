/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of core, with the first, second, third … call of database and blob store failing, until
 * none fails any more. After each failure: all rows are as they were, every visible result has its bytes and
 * digests, and the same operation then succeeds. A conflict makes it succeed by itself. Leaks show under
 * -Db_sanitize=address.
 */
#include "base/clock.h"
#include "base/pool.h"
#include "core/batch.h"
#include "core/deliver.h"
#include "core/sign.h"
#include "support/world.h"

#include <string.h>

static struct world w;
static struct err e;

/* What one run works on: made anew, without faults, before each. */
static const char *job;
static struct result *result;
static const unsigned char *bytes;
static size_t size;

static void make_job(void)
{
    job = world_job(&w);
}

static void make_result(void)
{
    make_job();
    result = world_publish(&w, job, "r", 100, false);
}

static void make_file(void)
{
    make_job();
    result = world_publish(&w, job, "r", 50000, false);
}

static void make_small_bytes(void)
{
    make_job();
    size = 1000;
    bytes = world_bytes(&w, size, 1);
}

static void make_large_bytes(void)
{
    make_job();
    size = 150000;
    bytes = world_bytes(&w, size, 2);
}

static int create_job(struct session *s, void *ctx, struct err *err)
{
    struct job_new n = {.kind = "k", .priority_weight = 5};
    struct batch *b;
    struct job *j;
    (void)ctx;
    int rc = batch_create(s, "b", "", &b, err);
    if (rc < 0)
        return rc;
    n.batch = b->id;
    return job_create(s, &n, &j, err);
}

static int claim_job(struct session *s, void *ctx, struct err *err)
{
    struct job *j;
    (void)ctx;
    return job_claim(s, NULL, 60, &j, err);
}

static int move_by(struct session *s, enum job_verb verb, struct err *err)
{
    struct job_move m = {.verb = verb, .progress = 0.5, .error = verb == JOB_FAIL ? "{}" : NULL};
    struct job *j;
    return job_move(s, job, &m, &j, err);
}

static int fail_job(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return move_by(s, JOB_FAIL, err);
}

static int progress_job(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return move_by(s, JOB_PROGRESS, err);
}

static int finish_job(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return move_by(s, JOB_FINISH, err);
}

static int cancel_job(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return move_by(s, JOB_CANCEL, err);
}

/* Whose lease has run out, and no sweeper came by. */
static void make_lapsed_job(void)
{
    make_job();
    must(world_run(&w, claim_job, NULL, &e), &e);
    w.now += 61 * CLOCK_SECOND;
}

/* Any number will do as a holder: another one each time, for a holder runs one job at a time. */
static int64_t holder;

static int acquire_and_start(struct session *s, void *ctx, struct err *err)
{
    struct job_move m = {.verb = JOB_ACQUIRE, .holder = holder};
    struct job *j;
    (void)ctx;
    int rc = job_move(s, job, &m, &j, err);
    m.verb = JOB_START;
    return rc < 0 ? rc : job_move(s, job, &m, &j, err);
}

static void make_free_job(void)
{
    make_job();
    holder++;
}

static void make_started_job(void)
{
    make_result();
    holder++;
    must(world_run(&w, acquire_and_start, NULL, &e), &e);
}

static int abort_job(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return move_by(s, JOB_ABORT, err);
}

static int delete_job(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return job_delete(s, job, err);
}

static int restore_job(struct session *s, void *ctx, struct err *err)
{
    struct job *j;
    (void)ctx;
    return job_restore(s, job, &j, err);
}

static void make_deleted_job(void)
{
    make_result();
    must(world_run(&w, delete_job, NULL, &e), &e);
}

static int ack(struct session *s, void *ctx, struct err *err)
{
    struct result_ack a = {.size = 100};
    (void)ctx;
    return result_acknowledge(s, result->id, &a, &result, err);
}

static int keep(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return result_keep(s, result->id, true, &result, err);
}

static void make_kept_result(void)
{
    make_result();
    must(world_run(&w, keep, NULL, &e), &e);
}

static int unkeep(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return result_keep(s, result->id, false, &result, err);
}

static int delete_result(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return result_delete(s, result->id, err);
}

static int restore_result(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return result_restore(s, result->id, &result, err);
}

static void make_deleted_result(void)
{
    make_result();
    must(world_run(&w, delete_result, NULL, &e), &e);
}

static int purge(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return result_purge(s, result->id, err);
}

static int sign(struct session *s, void *ctx, struct err *err)
{
    struct sign_link l;
    (void)ctx;
    return sign_create(s, result->id, "", NULL, 60, &l, err);
}

static int rotate(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return sign_rotate(s, err);
}

static int deliver(struct session *s, void *ctx, struct err *err)
{
    struct content c;
    struct result *r;
    unsigned char *to = arena_alloc(s->arena, 50000);
    (void)ctx;
    int rc = result_get(s, result->id, &r, err);
    if (rc == 0)
        rc = deliver_open(s, r, &c, err);
    if (rc < 0)
        return rc;
    rc = blob_read(c.blob, 0, to, (size_t)c.size, err);
    blob_close(c.blob);
    if (rc == 0)
        assert_memory_equal(to, world_bytes(&w, 50000, 50000), 50000);
    return rc;
}

struct publishing {
    struct publish p;
    const struct upload_result *done;
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
    return publish_commit(s, &c->p, c->done, &result, &c->is_new, err);
}

/* As the native API does it: prepare in one transaction, take the bytes in, commit in another. */
static int publish(struct err *err)
{
    struct publishing c = {.p = {.job = job,
                                 .name = "p",
                                 .type = "",
                                 .media_type = "text/plain",
                                 .content_length = (int64_t)size}};
    struct upload *u = NULL;
    int rc = world_run(&w, prepare, &c, err);
    if (rc == 0)
        rc = world_upload(&w, bytes, size, &u, &c.done, err);
    if (rc == 0)
        rc = world_run(&w, commit, &c, err);
    if (rc == 0 && c.is_new)
        upload_settle(u, true, 0);
    upload_free(u);
    return rc;
}

#define NEWEST(n) "(SELECT type FROM event ORDER BY seq DESC LIMIT 1 OFFSET " n ")"

static const struct scenario {
    const char *name;
    void (*make)(void);
    world_fn *run;
    int (*run_whole)(struct err *err); /* or this, in transactions of its own */
    const char *proof;                 /* is 1 for what the run has done */
    bool files;                        /* bytes in files take part: prove them each time */
} scenarios[] = {
    {"publish a small result", make_small_bytes, NULL, publish,
     "SELECT count(*) = 1 AND min(length(b.bytes)) = 1000 FROM result r JOIN result_bytes b ON b.result = r.pk"
     " WHERE r.job = (SELECT max(pk) FROM job)",
     true},
    {"publish a large result", make_large_bytes, NULL, publish,
     "SELECT count(*) = 1 AND min(size) = 150000 FROM result WHERE job = (SELECT max(pk) FROM job)", true},
    {"create a job", make_job, create_job, NULL, "SELECT batch IS NOT NULL FROM job ORDER BY pk DESC LIMIT 1",
     false},
    {"claim a job", make_job, claim_job, NULL, "SELECT count(*) = 1 FROM job WHERE status = 'running'",
     false},
    {"claim a job whose lease ran out", make_lapsed_job, claim_job, NULL,
     "SELECT " NEWEST("0") " = 'job.running' AND " NEWEST("1") " = 'job.queued' AND " NEWEST(
         "2") " = 'job.running'",
     false},
    {"tell of progress", make_job, progress_job, NULL,
     "SELECT status = 'running' AND progress = 0.5 FROM job ORDER BY pk DESC LIMIT 1", false},
    {"finish a job", make_result, finish_job, NULL,
     "SELECT status = 'completed' AND progress = 1 AND finished_at > 0 FROM job ORDER BY pk DESC LIMIT 1",
     false},
    {"cancel a job", make_job, cancel_job, NULL,
     "SELECT status = 'cancelled' AND finished_at > 0 FROM job ORDER BY pk DESC LIMIT 1", false},
    {"fail a job", make_job, fail_job, NULL, "SELECT status = 'failed' FROM job ORDER BY pk DESC LIMIT 1",
     false},
    {"acquire and start a job", make_free_job, acquire_and_start, NULL,
     "SELECT status = 'running' AND holder IS NOT NULL FROM job ORDER BY pk DESC LIMIT 1", false},
    {"abort a job", make_started_job, abort_job, NULL,
     "SELECT j.status = 'queued' AND j.holder IS NULL AND r.deleted_at IS NOT NULL AND r.with_job = 0"
     " FROM job j JOIN result r ON r.job = j.pk ORDER BY j.pk DESC LIMIT 1",
     false},
    {"delete a job", make_result, delete_job, NULL,
     "SELECT j.deleted_at IS NOT NULL AND r.with_job = 1 FROM job j JOIN result r ON r.job = j.pk ORDER BY j.pk"
     " DESC LIMIT 1",
     false},
    {"restore a job", make_deleted_job, restore_job, NULL,
     "SELECT j.deleted_at IS NULL AND r.deleted_at IS NULL FROM job j JOIN result r ON r.job = j.pk ORDER BY j.pk DESC "
     "LIMIT 1",
     false},
    {"acknowledge", make_result, ack, NULL, "SELECT state = 'consumed' FROM result ORDER BY pk DESC LIMIT 1",
     false},
    {"keep", make_result, keep, NULL,
     "SELECT keep = 1 AND due_at IS NULL FROM result ORDER BY pk DESC LIMIT 1", false},
    {"keep no more", make_kept_result, unkeep, NULL,
     "SELECT keep = 0 AND due_at = expires_at FROM result ORDER BY pk DESC LIMIT 1", false},
    {"delete a result", make_result, delete_result, NULL,
     "SELECT deleted_at IS NOT NULL FROM result ORDER BY pk DESC LIMIT 1", false},
    {"restore a result", make_deleted_result, restore_result, NULL,
     "SELECT deleted_at IS NULL FROM result ORDER BY pk DESC LIMIT 1", false},
    {"purge a small result", make_result, purge, NULL,
     "SELECT result_count = 0 AND (SELECT count(*) FROM result WHERE job = j.pk) = 0 FROM job j ORDER BY pk DESC"
     " LIMIT 1",
     false},
    {"purge a large result", make_file, purge, NULL,
     "SELECT (SELECT count(*) FROM result WHERE job = j.pk) = 0 AND (SELECT count(*) FROM doomed_blob) > 0 FROM job j"
     " ORDER BY pk DESC LIMIT 1",
     true},
    {"sign a link", make_result, sign, NULL,
     "SELECT count(*) = 1 FROM link WHERE result = (SELECT max(pk) FROM result)", false},
    {"rotate the signing key", make_job, rotate, NULL,
     "SELECT count(*) = 1 FROM signing_key WHERE retired_at IS NULL", false},
    {"deliver a file", make_file, deliver, NULL, "SELECT 1", false},
};

static int run(const struct scenario *s, struct err *err)
{
    return s->run ? world_run(&w, s->run, NULL, err) : s->run_whole(err);
}

static void settle_workers(void)
{
    pool_free(w.core.workers);
    w.core.workers = pool_new(2, "worker");
}

static void prove(const struct scenario *s, int n)
{
    if (world_count(&w, s->proof) != 1)
        fail_msg("%s, call %d: it succeeded and is not there", s->name, n);
}

/* False once no call has failed. */
static bool fail_call(const struct scenario *s, int n, bool for_good, int code)
{
    s->make();
    const char *before = world_snapshot(&w);
    failing_arm(&w.fault, FAIL_ANY, n, for_good, code);
    int rc = run(s, &e);
    int failed = failing_disarm(&w.fault);
    assert_false(w.db->in_tx);
    if (rc < 0 && !failed)
        fail_msg("%s fails by itself: %s (%s)", s->name, e.detail, e.log);
    if (rc >= 0) {
        if (failed && code != ERR_DB_CONFLICT)
            fail_msg("%s, call %d: a failure was not told", s->name, n);
        prove(s, n);
    } else {
        if (strcmp(before, world_snapshot(&w)) != 0)
            fail_msg("%s, call %d: a failed operation has changed something", s->name, n);
        if (s->files) {
            settle_workers();
            world_assert_sound(&w);
        }
        must(run(s, &e), &e);
        prove(s, n);
    }
    return failed > 0;
}

static void sweep(bool for_good, int code)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        int n = 1;
        world_open(&w);
        while (fail_call(&scenarios[i], n, for_good, code)) {
            n++;
            assert_true(n < 1000);
            world_sql(&w, "UPDATE job SET status = 'completed', lease = NULL, lease_expires_at = NULL");
        }
        if (n < 3)
            fail_msg("%s: only %d calls were counted", scenarios[i].name, n);
        settle_workers();
        world_assert_sound(&w);
        world_close(&w);
    }
}

static void one_call_fails(void **state)
{
    (void)state;
    sweep(false, ERR_DB);
}

static void all_calls_fail_from_one_on(void **state)
{
    (void)state;
    sweep(true, ERR_STORAGE_FULL);
}

static void one_call_meets_a_conflict(void **state)
{
    (void)state;
    sweep(false, ERR_DB_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_fails),
        cmocka_unit_test(all_calls_fail_from_one_on),
        cmocka_unit_test(one_call_meets_a_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
