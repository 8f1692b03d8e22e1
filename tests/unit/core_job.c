/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: every move from every state, leases, claims, and what goes and comes with a job. */
#include "base/clock.h"
#include "base/id.h"
#include "core/batch.h"
#include "core/document.h"
#include "support/world.h"

#include <stdio.h>
#include <string.h>

static struct world w;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

struct call {
    const char *id;
    struct job_move move;
    struct job *job;
    const char *const *kinds;
};

static int move(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    return job_move(s, c->id, &c->move, &c->job, err);
}

static int claim(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    return job_claim(s, c->kinds, 60, &c->job, err);
}

static int delete_job(struct session *s, void *ctx, struct err *err)
{
    return job_delete(s, ((struct call *)ctx)->id, err);
}

static int restore_job(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    return job_restore(s, c->id, &c->job, err);
}

static int delete_alone(struct session *s, void *ctx, struct err *err)
{
    return job_delete_alone(s, ((struct call *)ctx)->id, err);
}

static int purge_job(struct session *s, void *ctx, struct err *err)
{
    return job_purge(s, ((struct call *)ctx)->id, err);
}

static int purge_result(struct session *s, void *ctx, struct err *err)
{
    return result_purge(s, ((struct result *)ctx)->id, err);
}

static int unkeep(struct session *s, void *ctx, struct err *err)
{
    struct result *r;
    return result_keep(s, ((struct result *)ctx)->id, false, &r, err);
}

struct holding {
    const char *name;
    struct document **ret;
};

static int make_holder(struct session *s, void *ctx, struct err *err)
{
    struct holding *h = ctx;
    return document_create(s, "test.holder", h->name, NULL, "{}", h->ret, err);
}

static const enum job_verb verb_to[] = {[JOB_RUNNING] = JOB_PROGRESS,
                                        [JOB_COMPLETED] = JOB_FINISH,
                                        [JOB_FAILED] = JOB_FAIL,
                                        [JOB_CANCELLED] = JOB_CANCEL};

static struct call job_in(enum job_status status)
{
    struct call c = {.id = world_job(&w)};
    if (status != JOB_QUEUED) {
        c.move = (struct job_move){.verb = verb_to[status], .error = "{}"};
        must(world_run(&w, move, &c, &e), &e);
    }
    assert_int_equal(world_get_job(&w, c.id)->status, status);
    return c;
}

static void every_verb_from_every_state(void **state)
{
    enum { NO = -1 };
    static const int to[JOB_STATUS_END][4] = {
        /*                   progress     finish         fail        cancel */
        [JOB_QUEUED] = {JOB_RUNNING, JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED},
        [JOB_RUNNING] = {JOB_RUNNING, JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED},
        [JOB_COMPLETED] = {NO, JOB_COMPLETED, NO, NO},
        [JOB_FAILED] = {NO, NO, JOB_FAILED, NO},
        [JOB_CANCELLED] = {NO, NO, NO, JOB_CANCELLED},
    };
    (void)state;
    for (int from = 0; from < JOB_STATUS_END; from++)
        for (int verb = JOB_PROGRESS; verb <= JOB_CANCEL; verb++) {
            struct call c = job_in((enum job_status)from);
            int64_t events = world_count(&w, "SELECT count(*) FROM event");
            c.move =
                (struct job_move){.verb = (enum job_verb)verb, .progress = 0.5, .error = "{\"code\":\"x\"}"};
            int rc = world_run(&w, move, &c, &e);
            struct job *j = world_get_job(&w, c.id);
            int want = to[from][verb];
            assert_int_equal(rc, want == NO ? ERR_WRONG_STATE : 0);
            assert_int_equal(j->status, want == NO ? from : want);
            assert_int_equal(world_count(&w, "SELECT count(*) FROM event") - events,
                             want != NO && want != from);
            assert_int_equal(j->finished_at != 0, j->status > JOB_RUNNING);
            assert_int_equal(j->error != NULL, j->status == JOB_FAILED);
            if (j->status == JOB_COMPLETED)
                assert_true(j->progress > 0.99);
        }
}

static void a_claimed_job_moves_only_with_its_lease(void **state)
{
    struct call c = {.id = world_job(&w)};
    (void)state;
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 1);
    assert_string_equal(c.job->id, c.id);
    assert_int_equal(c.job->status, JOB_RUNNING);
    const char *lease = c.job->lease;
    assert_int_equal(strlen(lease), 32);
    c.move = (struct job_move){.verb = JOB_FINISH};
    must_fail(world_run(&w, move, &c, &e), ERR_LEASE);
    c.move.lease = "wrong";
    must_fail(world_run(&w, move, &c, &e), ERR_LEASE);
    c.move = (struct job_move){.verb = JOB_PROGRESS, .progress = 0.25, .lease = lease};
    w.now += 30 * CLOCK_SECOND;
    must(world_run(&w, move, &c, &e), &e);
    assert_int_equal(c.job->lease_expires_at, w.now + 60 * CLOCK_SECOND);
    c.move = (struct job_move){.verb = JOB_FINISH, .lease = lease};
    must(world_run(&w, move, &c, &e), &e);
    assert_null(world_get_job(&w, c.id)->lease);
    must(world_run(&w, move, &c, &e), &e); /* a repeat, whose answer was lost */
}

static void a_claimed_job_can_be_cancelled_by_anybody(void **state)
{
    struct call c = {.id = world_job(&w), .move = {.verb = JOB_CANCEL}};
    (void)state;
    must(world_run(&w, claim, &c, &e), &e);
    must(world_run(&w, move, &c, &e), &e);
    assert_int_equal(world_get_job(&w, c.id)->status, JOB_CANCELLED);
}

static void a_lease_that_ran_out_queues_the_job_again(void **state)
{
    struct call c = {.id = world_job(&w)};
    (void)state;
    must(world_run(&w, claim, &c, &e), &e);
    const char *old = c.job->lease;
    w.now += 60 * CLOCK_SECOND - 1;
    assert_int_equal(world_get_job(&w, c.id)->status, JOB_RUNNING);
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 0);
    w.now += 1;
    assert_int_equal(world_get_job(&w, c.id)->status, JOB_QUEUED);
    c.move = (struct job_move){.verb = JOB_FINISH, .lease = old};
    must_fail(world_run(&w, move, &c, &e), ERR_LEASE);
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 1);
    assert_string_equal(c.job->id, c.id);
    assert_string_not_equal(c.job->lease, old);
    must_fail(world_run(&w, move, &c, &e), ERR_LEASE);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM event WHERE type = 'job.queued'"), 2);
}

static int make(struct session *s, void *ctx, struct err *err)
{
    struct job *j;
    return job_create(s, ctx, &j, err);
}

static void claims_take_the_most_urgent_of_the_kinds(void **state)
{
    static const char *const kinds[] = {"b", "c", NULL};
    struct job_new n[] = {{.kind = "a", .priority_weight = 10, .tag = "0"},
                          {.kind = "b", .priority_weight = 3, .tag = "1"},
                          {.kind = "c", .priority_weight = 7, .tag = "2"},
                          {.kind = "b", .priority_weight = 7, .tag = "3"}};
    static const char *const order[] = {"2", "3", "1"};
    struct call c = {.kinds = kinds};
    (void)state;
    for (size_t i = 0; i < 4; i++)
        must(world_run(&w, make, &n[i], &e), &e);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 1);
        assert_string_equal(c.job->tag, order[i]);
    }
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 0);
    c.kinds = NULL;
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 1);
    assert_string_equal(c.job->tag, "0");
}

static void a_reference_id_is_taken_once(void **state)
{
    struct job_new n = {.kind = "k", .priority_weight = 5, .reference_id = "ref"};
    (void)state;
    must(world_run(&w, make, &n, &e), &e);
    must_fail(world_run(&w, make, &n, &e), ERR_TAKEN);
    assert_string_equal(e.where, "/reference_id");
    n.reference_id = NULL;
    n.batch = "0189a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    must_fail(world_run(&w, make, &n, &e), ERR_BAD_REFERENCE);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM job"), 1);
}

static int delete_result(struct session *s, void *ctx, struct err *err)
{
    return result_delete(s, ctx, err);
}

static void results_go_and_come_with_their_job(void **state)
{
    struct call c = {.id = world_job(&w)};
    struct result *alone = world_publish(&w, c.id, "alone", 10, false);
    struct result *with = world_publish(&w, c.id, "with", 10, false);
    char id[ID_SIZE];
    (void)state;
    memcpy(id, alone->id, sizeof id);
    must(world_run(&w, delete_result, id, &e), &e);
    must(world_run(&w, delete_job, &c, &e), &e);
    must(world_run(&w, delete_job, &c, &e), &e);
    assert_true(world_get(&w, with->id)->deleted_at && world_get(&w, with->id)->with_job);
    assert_false(world_get(&w, alone->id)->with_job);
    c.move = (struct job_move){.verb = JOB_FINISH};
    must_fail(world_run(&w, move, &c, &e), ERR_DELETED);
    must(world_run(&w, restore_job, &c, &e), &e);
    assert_int_equal(world_get(&w, with->id)->deleted_at, 0);
    assert_int_not_equal(world_get(&w, alone->id)->deleted_at, 0);
    world_assert_sound(&w);
}

static void a_kept_result_holds_its_job(void **state)
{
    struct call c = {.id = world_job(&w)};
    (void)state;
    (void)world_publish(&w, c.id, "kept", 10, true);
    must_fail(world_run(&w, delete_job, &c, &e), ERR_KEPT);
    assert_int_equal(world_get_job(&w, c.id)->deleted_at, 0);
}

static void other_projects_jobs_are_not_there(void **state)
{
    struct call c = {.id = world_job(&w), .move = {.verb = JOB_CANCEL}};
    (void)state;
    w.actor.project++;
    must_fail(world_run(&w, move, &c, &e), ERR_NOT_FOUND);
    must_fail(world_run(&w, delete_job, &c, &e), ERR_NOT_FOUND);
    must_fail(world_run(&w, restore_job, &c, &e), ERR_NOT_FOUND);
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 0);
    c.id = "no id";
    must_fail(world_run(&w, move, &c, &e), ERR_NOT_FOUND);
}

static const char *job_of(struct session *s, const char *batch, struct err *err)
{
    struct job_new n = {.kind = "k", .batch = batch, .priority_weight = 5};
    struct job *j;
    must(job_create(s, &n, &j, err), err);
    return j->id;
}

static void end(struct session *s, const char *id, enum job_verb verb, struct err *err)
{
    struct job_move m = {.verb = verb, .error = "{}"};
    struct job *j;
    must(job_move(s, id, &m, &j, err), err);
}

static void assert_batches(struct session *s, int64_t all, int64_t done)
{
    int64_t have, are;
    must(batch_totals(s, &have, &are, &e), &e);
    assert_int_equal(have, all);
    assert_int_equal(are, done);
}

static int count_batches(struct session *s, void *ctx, struct err *err)
{
    struct batch *empty, *full, *found;
    (void)ctx;
    must(batch_create(s, "empty", "", &empty, err), err);
    must(batch_create(s, "full", "what it is", &full, err), err);
    const char *first = job_of(s, full->id, err);
    const char *second = job_of(s, full->id, err);
    end(s, first, JOB_FINISH, err);
    assert_batches(s, 2, 0);
    end(s, second, JOB_PROGRESS, err);
    assert_batches(s, 2, 0);
    end(s, second, JOB_FAIL, err);
    assert_batches(s, 2, 1);
    must(job_delete(s, first, err), err);
    assert_batches(s, 2, 1);
    must(job_delete(s, second, err), err);
    assert_batches(s, 2, 0);
    must(batch_find(s, full->id, &found, err), err);
    assert_string_equal(found->description, "what it is");
    s->actor.project++;
    assert_batches(s, 0, 0);
    must_fail(batch_find(s, full->id, &found, err), ERR_NOT_FOUND);
    must_fail(batch_find(s, "no id", &found, err), ERR_NOT_FOUND);
    return 0;
}

static void a_batch_is_done_when_none_of_its_jobs_is_open(void **state)
{
    (void)state;
    must(world_run(&w, count_batches, NULL, &e), &e);
}

static int count_jobs(struct session *s, void *ctx, struct err *err)
{
    int64_t counts[JOB_STATUS_END];
    (void)ctx;
    end(s, job_of(s, NULL, err), JOB_FINISH, err);
    end(s, job_of(s, NULL, err), JOB_FINISH, err);
    end(s, job_of(s, NULL, err), JOB_PROGRESS, err);
    const char *deleted = job_of(s, NULL, err);
    end(s, deleted, JOB_FINISH, err);
    must(job_delete(s, deleted, err), err);
    must(job_totals(s, counts, err), err);
    assert_int_equal(counts[JOB_COMPLETED], 2);
    assert_int_equal(counts[JOB_RUNNING], 1);
    assert_int_equal(counts[JOB_QUEUED], 0);
    s->actor.project++;
    must(job_totals(s, counts, err), err);
    assert_int_equal(counts[JOB_COMPLETED], 0);
    return 0;
}

static void jobs_are_counted_by_state_without_deleted_ones(void **state)
{
    (void)state;
    must(world_run(&w, count_jobs, NULL, &e), &e);
}

/* A holder is a document of some API; here of none. */
static int64_t holder(const char *name)
{
    struct document *d;
    must(world_run(&w, make_holder, &(struct holding){name, &d}, &e), &e);
    return d->pk;
}

static void acquire(struct call *c, int64_t by)
{
    c->move = (struct job_move){.verb = JOB_ACQUIRE, .holder = by};
    must(world_run(&w, move, c, &e), &e);
    assert_int_equal(c->job->holder, by);
}

static void start(struct call *c, int64_t by)
{
    acquire(c, by);
    c->move = (struct job_move){.verb = JOB_START, .holder = by};
    must(world_run(&w, move, c, &e), &e);
}

/* Acquired and then brought to `status`. */
static struct call held_in(enum job_status status, int64_t by)
{
    struct call c = {.id = world_job(&w)};
    acquire(&c, by);
    if (status != JOB_QUEUED && status != JOB_CANCELLED)
        start(&c, by);
    if (status > JOB_RUNNING) {
        c.move = (struct job_move){.verb = verb_to[status], .holder = by, .error = "{}"};
        must(world_run(&w, move, &c, &e), &e);
    }
    assert_int_equal(world_get_job(&w, c.id)->status, status);
    return c;
}

static void every_verb_of_its_holder_from_every_state(void **state)
{
    enum { NO = -1 };
    /* What comes out, and whether it is acquired then. */
    static const struct {
        int to;
        bool held;
    } want[JOB_STATUS_END][JOB_VERB_END] = {
        [JOB_QUEUED] = {{NO, true},
                        {NO, true},
                        {NO, true},
                        {JOB_CANCELLED, true},
                        {JOB_QUEUED, true},
                        {JOB_QUEUED, false},
                        {JOB_RUNNING, true},
                        {NO, true},
                        {JOB_QUEUED, false}},
        [JOB_RUNNING] = {{JOB_RUNNING, true},
                         {JOB_COMPLETED, true},
                         {JOB_FAILED, true},
                         {JOB_CANCELLED, true},
                         {NO, true},
                         {NO, true},
                         {NO, true},
                         {NO, true},
                         {JOB_QUEUED, false}},
        [JOB_COMPLETED] = {{NO, true},
                           {JOB_COMPLETED, true},
                           {NO, true},
                           {NO, true},
                           {NO, true},
                           {NO, true},
                           {NO, true},
                           {NO, true},
                           {NO, true}},
        [JOB_FAILED] = {{NO, true},
                        {NO, true},
                        {JOB_FAILED, true},
                        {NO, true},
                        {NO, true},
                        {NO, true},
                        {NO, true},
                        {JOB_QUEUED, true},
                        {JOB_QUEUED, false}},
        [JOB_CANCELLED] = {{NO, true},
                           {NO, true},
                           {NO, true},
                           {JOB_CANCELLED, true},
                           {NO, true},
                           {NO, true},
                           {NO, true},
                           {NO, true},
                           {NO, true}},
    };
    char name[32];
    (void)state;
    for (int from = 0; from < JOB_STATUS_END; from++)
        for (int verb = 0; verb < JOB_VERB_END; verb++) {
            (void)snprintf(name, sizeof name, "holder %d %d", from, verb);
            int64_t by = holder(name); /* one of its own: it may be busy in the end */
            struct call c = held_in((enum job_status)from, by);
            int64_t events = world_count(&w, "SELECT count(*) FROM event");
            int to = want[from][verb].to;
            c.move = (struct job_move){.verb = (enum job_verb)verb, .holder = by, .error = "{}"};
            assert_int_equal(world_run(&w, move, &c, &e), to == NO ? ERR_WRONG_STATE : 0);
            struct job *j = world_get_job(&w, c.id);
            assert_int_equal(j->status, to == NO ? from : to);
            assert_int_equal(j->holder, want[from][verb].held ? by : 0);
            assert_int_equal(world_count(&w, "SELECT count(*) FROM event") - events,
                             (to != NO && to != from) || !j->holder);
            assert_int_equal(j->started_at != 0,
                             j->status != JOB_QUEUED && (j->status != JOB_CANCELLED || from == JOB_RUNNING));
            assert_int_equal(j->finished_at != 0, j->status > JOB_RUNNING);
            assert_int_equal(j->error != NULL, j->status == JOB_FAILED);
        }
}

static void an_acquired_job_is_queued_and_nobody_claims_it(void **state)
{
    struct call c = {.id = world_job(&w)};
    (void)state;
    acquire(&c, holder("one"));
    w.now += 365LL * 86400 * CLOCK_SECOND; /* there is no lease that could run out */
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 0);
    static const char *const kinds[] = {"k", NULL};
    c.kinds = kinds;
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 0);
    assert_int_equal(world_get_job(&w, c.id)->status, JOB_QUEUED);
    c.move.verb = JOB_RELEASE;
    must(world_run(&w, move, &c, &e), &e);
    c.kinds = NULL;
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 1);
    must_fail(world_run(&w, move, &c, &e), ERR_WRONG_STATE);
    c.move.verb = JOB_ACQUIRE;
    must_fail(world_run(&w, move, &c, &e), ERR_WRONG_STATE);
}

static void one_of_two_holders_wins(void **state)
{
    struct call c = {.id = world_job(&w)};
    int64_t one = holder("one");
    int64_t two = holder("two");
    (void)state;
    acquire(&c, one);
    acquire(&c, one); /* a repeat, whose answer was lost */
    assert_int_equal(world_count(&w, "SELECT count(*) FROM event WHERE type = 'job.acquired'"), 1);
    for (int verb = JOB_ACQUIRE; verb <= JOB_START; verb++) {
        c.move = (struct job_move){.verb = (enum job_verb)verb, .holder = two};
        assert_int_equal(world_run(&w, move, &c, &e), verb == JOB_ACQUIRE ? ERR_WRONG_STATE : ERR_LEASE);
    }
    start(&c, one);
    c.move = (struct job_move){.verb = JOB_FINISH, .holder = two};
    must_fail(world_run(&w, move, &c, &e), ERR_LEASE);
    c.move = (struct job_move){.verb = JOB_FINISH}; /* natively */
    must_fail(world_run(&w, move, &c, &e), ERR_LEASE);
    c.move = (struct job_move){.verb = JOB_CANCEL};
    must(world_run(&w, move, &c, &e), &e);
}

/* Both have read the job before one of them moved it. */
static int race(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    struct job *seen = NULL;
    int rc = job_load(s, c->id, &seen, err);
    const struct job before = *seen;
    if (rc == 0)
        rc = job_move(s, c->id, &c->move, &c->job, err);
    seen->holder = c->move.holder + 1;
    return rc < 0 ? rc : store_job_move(s->db, seen, &before, err);
}

static void a_move_is_guarded_by_the_holder(void **state)
{
    struct call c = {.id = world_job(&w), .move = {.verb = JOB_ACQUIRE, .holder = holder("one")}};
    (void)state;
    assert_int_equal(must(world_run(&w, race, &c, &e), &e), 0);
    assert_int_equal(world_get_job(&w, c.id)->holder, c.move.holder);
}

static int running(struct session *s, void *ctx, struct err *err)
{
    int64_t *pk = ctx;
    return job_of_holder(s, *pk, pk, err);
}

static void a_holder_runs_one_job_at_a_time(void **state)
{
    int64_t by = holder("one");
    int64_t pk = by;
    struct call first = held_in(JOB_RUNNING, by);
    struct call second = {.id = world_job(&w)};
    (void)state;
    must(world_run(&w, running, &pk, &e), &e);
    assert_int_equal(pk, first.job->pk);
    acquire(&second, by);
    second.move.verb = JOB_START;
    must_fail(world_run(&w, move, &second, &e), ERR_WRONG_STATE);
    assert_int_equal(world_get_job(&w, second.id)->started_at, 0);
    must(world_run(&w, delete_job, &first, &e), &e);
    must(world_run(&w, move, &second, &e), &e);
    must_fail(world_run(&w, restore_job, &first, &e), ERR_WRONG_STATE);
    second.move.verb = JOB_FINISH;
    must(world_run(&w, move, &second, &e), &e);
    pk = by;
    must(world_run(&w, running, &pk, &e), &e);
    assert_int_equal(pk, 0);
    must(world_run(&w, restore_job, &first, &e), &e);
}

static void a_run_that_is_undone_leaves_its_results_in_the_trash(void **state)
{
    static const enum job_verb undo[] = {JOB_RESET, JOB_ABORT};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int64_t by = holder(i ? "abort" : "reset");
        struct call c = held_in(JOB_RUNNING, by);
        struct result *r = world_publish(&w, c.id, "half", 10, i == 0);
        if (i == 0) {
            c.move = (struct job_move){.verb = JOB_FAIL, .holder = by, .error = "{}"};
            must(world_run(&w, move, &c, &e), &e);
            c.move.verb = undo[i];
            must_fail(world_run(&w, move, &c, &e), ERR_KEPT);
            assert_int_equal(world_get_job(&w, c.id)->status, JOB_FAILED);
            must(world_run(&w, unkeep, r, &e), &e);
        }
        c.move.verb = undo[i];
        must(world_run(&w, move, &c, &e), &e);
        assert_int_equal(c.job->status, JOB_QUEUED);
        assert_int_equal(c.job->holder, i ? 0 : by);
        assert_null(c.job->results);
        assert_true(world_get(&w, r->id)->deleted_at && !world_get(&w, r->id)->with_job);
    }
    world_assert_sound(&w);
}

static void an_abort_takes_the_job_from_a_claimer(void **state)
{
    struct call c = {.id = world_job(&w)};
    (void)state;
    must(world_run(&w, claim, &c, &e), &e);
    const char *lease = c.job->lease;
    c.move = (struct job_move){.verb = JOB_ABORT};
    must(world_run(&w, move, &c, &e), &e);
    c.move = (struct job_move){.verb = JOB_FINISH, .lease = lease};
    must_fail(world_run(&w, move, &c, &e), ERR_LEASE);
    assert_int_equal(must(world_run(&w, claim, &c, &e), &e), 1);
}

static void a_job_can_go_without_its_results_and_for_good(void **state)
{
    struct call c = {.id = world_job(&w)};
    struct result *r = world_publish(&w, c.id, "stays", 10, false);
    (void)state;
    must(world_run(&w, delete_alone, &c, &e), &e);
    must(world_run(&w, delete_alone, &c, &e), &e);
    assert_int_not_equal(world_get_job(&w, c.id)->deleted_at, 0);
    assert_int_equal(world_get(&w, r->id)->deleted_at, 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM event WHERE type = 'job.deleted'"), 1);
    must_fail(world_run(&w, purge_job, &c, &e), ERR_WRONG_STATE);
    must(world_run(&w, purge_result, r, &e), &e);
    must(world_run(&w, purge_job, &c, &e), &e);
    must_fail(world_run(&w, purge_job, &c, &e), ERR_NOT_FOUND);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM job"), 0);
    world_assert_sound(&w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_verb_from_every_state),
        TEST(a_claimed_job_moves_only_with_its_lease),
        TEST(a_claimed_job_can_be_cancelled_by_anybody),
        TEST(a_lease_that_ran_out_queues_the_job_again),
        TEST(claims_take_the_most_urgent_of_the_kinds),
        TEST(a_reference_id_is_taken_once),
        TEST(results_go_and_come_with_their_job),
        TEST(a_kept_result_holds_its_job),
        TEST(other_projects_jobs_are_not_there),
        TEST(a_batch_is_done_when_none_of_its_jobs_is_open),
        TEST(jobs_are_counted_by_state_without_deleted_ones),
        TEST(every_verb_of_its_holder_from_every_state),
        TEST(an_acquired_job_is_queued_and_nobody_claims_it),
        TEST(one_of_two_holders_wins),
        TEST(a_move_is_guarded_by_the_holder),
        TEST(a_holder_runs_one_job_at_a_time),
        TEST(a_run_that_is_undone_leaves_its_results_in_the_trash),
        TEST(an_abort_takes_the_job_from_a_claimer),
        TEST(a_job_can_go_without_its_results_and_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
