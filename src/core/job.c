/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs; see job.h. Read functions may run on a read connection; the others need a write transaction.
 */
#include "core/job.h"

#include "base/clock.h"
#include "base/id.h"
#include "core/batch.h"
#include "core/event.h"
#include "core/result.h"
#include "core/storage.h"

#include <string.h>

enum { LEASE_LEN = 32, CLAIM_TRIES = 8, LAPSES_PER_CLAIM = 16 };

/* All moves there are, but for the two that leases make: queued → running (claim), running → queued (it ran
 * out). */
enum held { FREE = 1, HELD = 2, ANY = FREE | HELD };
static const struct {
    enum job_status from;
    enum held held; /* before it */
    enum job_verb verb;
    enum job_status to;
} moves[] = {
    {JOB_QUEUED, FREE, JOB_PROGRESS, JOB_RUNNING}, {JOB_RUNNING, ANY, JOB_PROGRESS, JOB_RUNNING},
    {JOB_QUEUED, FREE, JOB_FINISH, JOB_COMPLETED}, {JOB_RUNNING, ANY, JOB_FINISH, JOB_COMPLETED},
    {JOB_QUEUED, FREE, JOB_FAIL, JOB_FAILED},      {JOB_RUNNING, ANY, JOB_FAIL, JOB_FAILED},
    {JOB_QUEUED, ANY, JOB_CANCEL, JOB_CANCELLED},  {JOB_RUNNING, ANY, JOB_CANCEL, JOB_CANCELLED},
    {JOB_QUEUED, FREE, JOB_ACQUIRE, JOB_QUEUED},   {JOB_QUEUED, HELD, JOB_RELEASE, JOB_QUEUED},
    {JOB_QUEUED, HELD, JOB_START, JOB_RUNNING},    {JOB_FAILED, HELD, JOB_RESET, JOB_QUEUED},
    {JOB_QUEUED, HELD, JOB_ABORT, JOB_QUEUED},     {JOB_RUNNING, ANY, JOB_ABORT, JOB_QUEUED},
    {JOB_FAILED, ANY, JOB_ABORT, JOB_QUEUED},
};

static const struct {
    const char *word, *needs;
} verbs[JOB_VERB_END] = {
    [JOB_PROGRESS] = {"progress", "queued or running"},
    [JOB_FINISH] = {"finish", "queued or running"},
    [JOB_FAIL] = {"fail", "queued or running"},
    [JOB_CANCEL] = {"cancel", "queued or running"},
    [JOB_ACQUIRE] = {"acquire", "queued"},
    [JOB_RELEASE] = {"release", "acquired and not started"},
    [JOB_START] = {"start", "acquired and not started"},
    [JOB_RESET] = {"reset", "acquired and failed"},
    [JOB_ABORT] = {"abort", "queued, running or failed"},
};

bool job_is_open(const struct job *j)
{
    return j->status == JOB_QUEUED || j->status == JOB_RUNNING;
}

static bool has_lapsed(const struct job *j, int64_t now)
{
    return j->status == JOB_RUNNING && j->lease_expires_at && j->lease_expires_at <= now;
}

static void end_lease(struct job *j)
{
    j->lease = NULL;
    j->lease_seconds = 0;
    j->lease_expires_at = 0;
}

static void take_lease(struct job *j)
{
    j->status = JOB_QUEUED;
    j->progress = 0;
    end_lease(j);
}

/* What readers see: the sweeper may not have come by yet. */
static void show_now(struct job *j, int64_t now)
{
    if (has_lapsed(j, now))
        take_lease(j);
    for (struct result *r = j->results; r; r = r->next)
        r->state = result_state_now(r, now);
}

int job_lapse(struct session *s, struct job *j, struct err *e)
{
    const struct job before = *j;
    if (!has_lapsed(j, s->now))
        return 0;
    take_lease(j);
    int rc = store_job_move(s->db, j, &before, e);
    if (rc > 0)
        rc = event_of_job(s, j, job_status_names[JOB_QUEUED], e) < 0 ? e->code : 1;
    return rc;
}

static int found(int rc, struct err *e)
{
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such job");
    return rc < 0 ? rc : 0;
}

static int find_job(struct session *s, const char *id, struct job **ret, struct err *e)
{
    return found(id_valid(id) ? store_job_get(s->db, s->arena, s->actor.project, id, ret, e) : 0, e);
}

int job_refer(struct session *s, const char *id, enum err_place place, const char *where, int64_t *ret,
              struct err *e)
{
    struct job *j = NULL;
    int rc = find_job(s, id, &j, e);
    if (rc == ERR_NOT_FOUND)
        return err_at(e, ERR_BAD_REFERENCE, place, where, "there is no job with this id");
    if (rc == 0)
        *ret = j->pk;
    return rc;
}

static int add_results(struct session *s, struct job *j, struct err *e)
{
    struct result *all = NULL;
    struct result **link = &j->results;
    int rc = store_result_of_job(s->db, s->arena, j->pk, &all, e);
    if (rc < 0)
        return rc;
    j->results = NULL;
    for (struct result *r = all, *next; r; r = next) {
        next = r->next;
        if (r->deleted_at && !r->with_job)
            continue;
        r->next = NULL;
        *link = r;
        link = &r->next;
    }
    show_now(j, s->now);
    return 0;
}

int job_get(struct session *s, const char *id, struct job **ret, struct err *e)
{
    int rc = find_job(s, id, ret, e);
    return rc < 0 ? rc : add_results(s, *ret, e);
}

int job_by_pk(struct session *s, int64_t pk, struct job **ret, struct err *e)
{
    int rc = found(store_job_by_pk(s->db, s->arena, s->actor.project, pk, ret, e), e);
    return rc < 0 ? rc : add_results(s, *ret, e);
}

int job_results(struct session *s, const struct job *j, struct result **ret, struct err *e)
{
    return store_result_of_job(s->db, s->arena, j->pk, ret, e);
}

struct result *job_primary(const struct job *j)
{
    for (struct result *r = j->results; r; r = r->next)
        if (r->is_primary)
            return r;
    return j->results;
}

int job_list(struct session *s, struct job_filter *f, const struct page *page, struct job **ret,
             bool *ret_cut, struct err *e)
{
    f->project = s->actor.project;
    f->now = s->now;
    int rc = store_job_list(s->db, s->arena, f, page, ret, ret_cut, e);
    for (struct job *j = rc < 0 ? NULL : *ret; j; j = j->next)
        show_now(j, s->now);
    return rc;
}

int job_totals(struct session *s, int64_t ret[JOB_STATUS_END], struct err *e)
{
    return store_job_totals(s->db, s->actor.project, ret, e);
}

struct showing {
    int64_t now;
    store_job_fn *each;
    void *ctx;
};

static int show_each(void *ctx, struct job *j, const struct document *described, struct err *e)
{
    const struct showing *show = ctx;
    show_now(j, show->now);
    return show->each(show->ctx, j, described, e);
}

int job_query(struct session *s, struct job_query *what, store_job_fn *each, void *ctx, struct err *e)
{
    struct showing show = {s->now, each, ctx};
    what->project = s->actor.project;
    return store_job_query(s->db, what, show_each, &show, e);
}

int job_count(struct session *s, struct job_filter *f, int64_t *ret, struct err *e)
{
    f->project = s->actor.project;
    f->now = s->now;
    return store_job_count(s->db, s->arena, f, ret, e);
}

int job_create(struct session *s, const struct job_new *n, struct job **ret, struct err *e)
{
    struct job *j = arena_alloc(s->arena, sizeof *j);
    char *id = arena_alloc(s->arena, ID_SIZE);
    id_new(id);
    *j = (struct job){
        .id = id,
        .project = s->actor.project,
        .batch_id = n->batch,
        .kind = n->kind,
        .reference_id = n->reference_id,
        .tag = n->tag,
        .priority_weight = n->priority_weight,
        .status = n->completed ? JOB_COMPLETED : JOB_QUEUED,
        .progress = n->completed ? 1 : 0,
        .input = n->input,
        .creator = s->actor.pk,
        .creator_name = s->actor.name,
        .created_at = s->now,
        .started_at = n->completed ? s->now : 0,
        .finished_at = n->completed ? s->now : 0,
    };
    int rc = n->batch ? batch_refer(s, n->batch, ERR_POINTER, "/batch", &j->batch, e) : 0;
    if (rc == 0 && n->storage)
        rc = storage_refer(s, n->storage, "/storage", &j->storage, e);
    j->storage_name = n->storage;
    if (rc == 0)
        rc = store_job_add(s->db, j, e);
    if (rc == ERR_DB_CONSTRAINT && n->reference_id)
        return err_at(e, ERR_TAKEN, ERR_POINTER, "/reference_id",
                      "another job of this project has this reference_id; find it with GET "
                      "/api/v1/jobs?reference_id=…&deleted=any");
    if (rc == 0)
        rc = event_of_job(s, j, job_status_names[j->status], e);
    if (rc == 0)
        *ret = j;
    return rc;
}

/* Before a worker is told that nothing is queued: jobs whose lease has run out are. */
static int lapse_some(struct session *s, struct err *e)
{
    struct job *j = NULL;
    int rc = store_job_lapsed(s->db, s->arena, s->actor.project, s->now, LAPSES_PER_CLAIM, &j, e);
    for (; rc >= 0 && j; j = j->next)
        rc = job_lapse(s, j, e);
    return rc < 0 ? rc : 0;
}

static bool more_urgent(const struct job *a, const struct job *b)
{
    if (a->priority_weight != b->priority_weight)
        return a->priority_weight > b->priority_weight;
    return a->pk < b->pk;
}

static int find_queued(struct session *s, const char *const *kinds, struct job **ret, struct err *e)
{
    struct job *best = NULL;
    struct job *j = NULL;
    if (!kinds)
        return store_job_next_queued(s->db, s->arena, s->actor.project, NULL, ret, e);
    for (; *kinds; kinds++) {
        int rc = store_job_next_queued(s->db, s->arena, s->actor.project, *kinds, &j, e);
        if (rc < 0)
            return rc;
        if (rc > 0 && (!best || more_urgent(j, best)))
            best = j;
    }
    *ret = best;
    return best ? 1 : 0;
}

static int take_job(struct session *s, struct job *j, int64_t lease_seconds, struct err *e)
{
    const struct job before = *j;
    char *lease = arena_alloc(s->arena, LEASE_LEN + 1);
    id_token(lease, LEASE_LEN);
    j->status = JOB_RUNNING;
    j->lease = lease;
    j->lease_seconds = lease_seconds;
    j->lease_expires_at = s->now + lease_seconds * CLOCK_SECOND;
    if (!j->started_at)
        j->started_at = s->now;
    int rc = store_job_move(s->db, j, &before, e);
    if (rc <= 0)
        return rc;
    rc = event_of_job(s, j, job_status_names[JOB_RUNNING], e);
    if (rc == 0)
        rc = add_results(s, j, e);
    return rc < 0 ? rc : 1;
}

int job_claim(struct session *s, const char *const *kinds, int64_t lease_seconds, struct job **ret,
              struct err *e)
{
    int rc = lapse_some(s, e);
    for (int i = 0; rc == 0 && i < CLAIM_TRIES; i++) {
        struct job *j;
        rc = find_queued(s, kinds, &j, e);
        if (rc <= 0)
            return rc;
        rc = take_job(s, j, lease_seconds, e);
        if (rc > 0)
            *ret = j;
    }
    return rc;
}

int job_load(struct session *s, const char *id, struct job **ret, struct err *e)
{
    int rc = find_job(s, id, ret, e);
    if (rc < 0)
        return rc;
    if ((*ret)->deleted_at) {
        err_set(e, ERR_DELETED, "this job was deleted; POST /api/v1/jobs/%s/restore brings it back", id);
        e->at = (*ret)->deleted_at;
        return e->code;
    }
    return 0;
}

static int check_lease(const struct job *j, const struct job_move *m, struct err *e)
{
    if (j->lease && !m->lease)
        return err_at(e, ERR_LEASE, ERR_POINTER, "/lease",
                      "a worker has claimed this job: it moves only with the lease that the claim returned");
    if (m->lease && (!j->lease || strcmp(m->lease, j->lease) != 0))
        return err_at(e, ERR_LEASE, ERR_POINTER, "/lease",
                      "this lease is not valid (any more): it ran out or is of another claim");
    return 0;
}

static int check_mover(const struct job *j, const struct job_move *m, struct err *e)
{
    if (m->verb == JOB_CANCEL || m->verb == JOB_ABORT || m->verb == JOB_ACQUIRE)
        return 0;
    if (j->holder != m->holder)
        return err_set(e, ERR_LEASE, "only who has acquired this job can move it, but for cancelling it");
    return check_lease(j, m, e);
}

static bool is_repeat(const struct job *j, const struct job_move *m)
{
    static const enum job_status goal[] = {
        [JOB_FINISH] = JOB_COMPLETED, [JOB_FAIL] = JOB_FAILED, [JOB_CANCEL] = JOB_CANCELLED};
    if (m->verb == JOB_ACQUIRE)
        return j->status == JOB_QUEUED && j->holder == m->holder;
    if (m->verb == JOB_ABORT)
        return j->status == JOB_QUEUED && !j->holder;
    return m->verb >= JOB_FINISH && m->verb <= JOB_CANCEL && j->status == goal[m->verb];
}

static int find_move(const struct job *j, enum job_verb verb, enum job_status *ret, struct err *e)
{
    enum held held = j->holder ? HELD : FREE;
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        if (moves[i].from == j->status && moves[i].held & held && moves[i].verb == verb) {
            *ret = moves[i].to;
            return 0;
        }
    return err_set(e, ERR_WRONG_STATE, "%s needs a job that is %s; this one is %s%s", verbs[verb].word,
                   verbs[verb].needs, job_is_open(j) && j->holder ? "acquired and " : "",
                   job_status_names[j->status]);
}

/* As it was before anybody worked on it. */
static void begin_anew(struct job *j)
{
    take_lease(j);
    j->error = NULL;
    j->started_at = 0;
    j->finished_at = 0;
}

static void progress(struct session *s, struct job *j, const struct job_move *m)
{
    j->progress = m->progress;
    if (j->lease)
        j->lease_expires_at = s->now + j->lease_seconds * CLOCK_SECOND;
}

static void end(struct session *s, struct job *j, const struct job_move *m)
{
    if (m->verb == JOB_FINISH)
        j->progress = 1;
    j->error = m->verb == JOB_FAIL ? m->error : NULL;
    j->finished_at = s->now;
    end_lease(j);
}

static void apply_move(struct session *s, struct job *j, const struct job_move *m, enum job_status to)
{
    j->status = to;
    if (!j->started_at && to != JOB_QUEUED && to != JOB_CANCELLED)
        j->started_at = s->now;
    if (m->verb == JOB_PROGRESS)
        progress(s, j, m);
    if (!job_is_open(j))
        end(s, j, m);
    if (m->verb == JOB_RESET || m->verb == JOB_ABORT)
        begin_anew(j);
    if (m->verb == JOB_ACQUIRE)
        j->holder = m->holder;
    if (m->verb == JOB_RELEASE || m->verb == JOB_ABORT)
        j->holder = 0;
}

/* Those that are there, by `deleted_at`; with 0 those come back that went with their job. */
static int mark_results(struct session *s, struct job *j, int64_t deleted_at, bool with_job, struct err *e)
{
    struct result *r = NULL;
    int rc = store_result_of_job(s->db, s->arena, j->pk, &r, e);
    for (; rc == 0 && r; r = r->next) {
        if (deleted_at ? r->deleted_at != 0 : !r->with_job)
            continue;
        r->deleted_at = deleted_at;
        r->with_job = with_job;
        rc = store_result_change(s->db, r, s->now, e);
        if (rc >= 0)
            rc = event_of_result(s, r, deleted_at ? "deleted" : "restored", e);
    }
    return rc;
}

static int refuse_kept(struct session *s, const struct job *j, struct err *e)
{
    int rc = store_result_kept_of_job(s->db, j->pk, e);
    return rc > 0 ? err_set(e, ERR_KEPT, "a result of this job is kept; DELETE its /keep first") : rc;
}

/* Results of a run that did not count. */
static int drop_results(struct session *s, struct job *j, const struct job_move *m, struct err *e)
{
    if (m->verb != JOB_RESET && m->verb != JOB_ABORT)
        return 0;
    int rc = refuse_kept(s, j, e);
    return rc < 0 ? rc : mark_results(s, j, s->now, false, e);
}

static int tell_move(struct session *s, const struct job *before, const struct job *j, struct err *e)
{
    if (before->status != j->status)
        return event_of_job(s, j, job_status_names[j->status], e);
    if (before->holder != j->holder)
        return event_of_job(s, j, j->holder ? "acquired" : "released", e);
    return 0;
}

static int write_move(struct session *s, const struct job *before, const struct job *j, struct err *e)
{
    int rc = store_job_move(s->db, j, before, e);
    if (rc == ERR_DB_CONSTRAINT)
        return err_set(e, ERR_WRONG_STATE, "who has acquired this job is running another one");
    if (rc == 0)
        return err_set(e, ERR_WRONG_STATE, "the job has just moved elsewhere");
    return rc < 0 ? rc : tell_move(s, before, j, e);
}

int job_move(struct session *s, const char *id, const struct job_move *m, struct job **ret, struct err *e)
{
    struct job *j = NULL;
    enum job_status to = JOB_QUEUED;
    int rc = job_load(s, id, &j, e);
    if (rc == 0)
        rc = job_lapse(s, j, e);
    if (rc < 0)
        return rc;
    *ret = j;
    if (is_repeat(j, m))
        return add_results(s, j, e);
    if ((rc = find_move(j, m->verb, &to, e)) < 0 || (rc = check_mover(j, m, e)) < 0)
        return rc;
    const struct job before = *j;
    rc = drop_results(s, j, m, e);
    if (rc < 0)
        return rc;
    apply_move(s, j, m, to);
    rc = write_move(s, &before, j, e);
    return rc < 0 ? rc : add_results(s, j, e);
}

int job_of_holder(struct session *s, int64_t holder, int64_t *ret, struct err *e)
{
    return store_job_of_holder(s->db, holder, ret, e);
}

int job_change_input(struct session *s, struct job *j, const char *input, struct err *e)
{
    int rc = store_job_set_input(s->db, j->pk, input, e);
    if (rc > 0)
        j->input = input;
    return found(rc, e);
}

static int mark_deleted(struct session *s, struct job *j, struct err *e)
{
    int rc = store_job_mark_deleted(s->db, j->pk, s->now, e);
    return rc > 0 ? event_of_job(s, j, "deleted", e) : rc;
}

int job_delete(struct session *s, const char *id, struct err *e)
{
    struct job *j = NULL;
    int rc = find_job(s, id, &j, e);
    if (rc < 0 || j->deleted_at)
        return rc;
    rc = refuse_kept(s, j, e);
    if (rc == 0)
        rc = mark_deleted(s, j, e);
    return rc < 0 ? rc : mark_results(s, j, s->now, true, e);
}

int job_delete_alone(struct session *s, const char *id, struct err *e)
{
    struct job *j = NULL;
    int rc = find_job(s, id, &j, e);
    return rc < 0 || j->deleted_at ? rc : mark_deleted(s, j, e);
}

static int bring_back(struct session *s, struct job *j, struct err *e)
{
    int rc = store_job_mark_deleted(s->db, j->pk, 0, e);
    if (rc == ERR_DB_CONSTRAINT)
        return err_set(e, ERR_WRONG_STATE, "who has acquired this job is running another one by now");
    if (rc > 0)
        rc = event_of_job(s, j, "restored", e);
    return rc < 0 ? rc : mark_results(s, j, 0, false, e);
}

int job_restore(struct session *s, const char *id, struct job **ret, struct err *e)
{
    struct job *j = NULL;
    int rc = find_job(s, id, &j, e);
    if (rc == 0 && j->deleted_at)
        rc = bring_back(s, j, e);
    if (rc < 0)
        return rc;
    j->deleted_at = 0;
    *ret = j;
    return add_results(s, j, e);
}

int job_purge(struct session *s, const char *id, struct err *e)
{
    struct job *j = NULL;
    struct result *r = NULL;
    int rc = find_job(s, id, &j, e);
    if (rc == 0)
        rc = store_result_of_job(s->db, s->arena, j->pk, &r, e);
    if (rc == 0 && r)
        return err_set(e, ERR_WRONG_STATE,
                       "this job has results, also if deleted: remove them for good first");
    if (rc == 0)
        rc = store_job_remove(s->db, j->pk, e);
    return rc < 0 ? rc : event_of_job(s, j, "purged", e);
}
