/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results; see result.h. Whoever lets go of bytes writes their key to doomed_blob in the same transaction:
 * the row says gone before the bytes go, and the sweeper can finish what a crash interrupted.
 */
#include "core/result.h"

#include "base/clock.h"
#include "base/id.h"
#include "core/blobs.h"
#include "core/event.h"

#include <string.h>
#include <strings.h>

enum result_state result_state_now(const struct result *r, int64_t now)
{
    return r->due_at && r->due_at <= now ? RESULT_EXPIRED : r->state;
}

static void show_now(struct result *r, int64_t now)
{
    enum result_state state = result_state_now(r, now);
    if (state != r->state)
        r->expired_at = r->due_at;
    r->state = state;
}

static int found(int rc, struct err *e)
{
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such result");
    return rc < 0 ? rc : 0;
}

/* As stored: for those who go on to change it. */
static int find_result(struct session *s, const char *id, struct result **ret, struct err *e)
{
    return found(id_valid(id) ? store_result_get(s->db, s->arena, s->actor.project, id, ret, e) : 0, e);
}

int result_get(struct session *s, const char *id, struct result **ret, struct err *e)
{
    int rc = find_result(s, id, ret, e);
    if (rc == 0)
        show_now(*ret, s->now);
    return rc;
}

int result_by_pk(struct session *s, int64_t pk, struct result **ret, struct err *e)
{
    int rc = found(store_result_by_pk(s->db, s->arena, s->actor.project, pk, ret, e), e);
    if (rc == 0)
        show_now(*ret, s->now);
    return rc;
}

int result_by_name(struct session *s, const struct job *j, const char *name, const char *type,
                   struct result **ret, struct err *e)
{
    int rc = found(store_result_by_name(s->db, s->arena, j->pk, name, type, ret, e), e);
    if (rc == 0)
        show_now(*ret, s->now);
    return rc;
}

int result_list(struct session *s, struct result_filter *f, const struct page *page, struct result **ret,
                struct err *e)
{
    f->project = s->actor.project;
    f->now = s->now;
    int rc = store_result_list(s->db, s->arena, f, page, ret, e);
    for (struct result *r = rc < 0 ? NULL : *ret; r; r = r->next)
        show_now(r, s->now);
    return rc;
}

int result_expiring(struct session *s, int64_t limit, struct result **ret, struct err *e)
{
    return store_result_expiring(s->db, s->arena, s->actor.project, s->now, limit, ret, e);
}

int result_query(struct session *s, const struct filter *f, store_result_fn *each, void *ctx, struct err *e)
{
    return store_result_query(s->db, s->actor.project, f, each, ctx, e);
}

static bool is_summed(const struct result_filter *f)
{
    return !f->batch && !f->labels.count && !f->name && !f->type && !f->kind && !f->created_after &&
           !f->created_before && f->deleted == DELETED_NO && (!f->state || strcmp(f->state, "any") != 0);
}

int result_count(struct session *s, struct result_filter *f, int64_t *ret, struct err *e)
{
    f->project = s->actor.project;
    f->now = s->now;
    if (!is_summed(f))
        return store_result_count(s->db, s->arena, f, ret, e);
    struct usage u;
    int state = f->state ? store_word(result_state_names, RESULT_STATE_END, f->state) : RESULT_AVAILABLE;
    int rc;
    if (f->job)
        rc = store_usage_of_job(s->db, f->job, s->now, &u, e);
    else
        rc = store_usage_get(s->db, s->actor.project, s->now, &u, e);
    if (rc == 0)
        *ret = u.results[state];
    return rc;
}

int result_require_live(const struct session *s, const struct result *r, struct err *e)
{
    char when[CLOCK_RFC3339_SIZE];
    if (r->deleted_at) {
        clock_rfc3339(r->deleted_at, when);
        err_set(e, ERR_DELETED, "this result was deleted at %s; POST /api/v1/%s/%s/restore brings it back",
                when, r->with_job ? "jobs" : "results", r->with_job ? r->job_id : r->id);
        e->at = r->deleted_at;
        return e->code;
    }
    if (result_state_now(r, s->now) == RESULT_EXPIRED) {
        int64_t at = r->expired_at ? r->expired_at : r->due_at;
        clock_rfc3339(at, when);
        err_set(e, ERR_EXPIRED,
                "this result expired at %s and its bytes are gone; whoever made it has to publish it again",
                when);
        e->at = at;
        return e->code;
    }
    return 0;
}

static int find_live(struct session *s, const char *id, struct result **ret, struct err *e)
{
    int rc = find_result(s, id, ret, e);
    return rc < 0 ? rc : result_require_live(s, *ret, e);
}

static int write_change(struct session *s, struct result *r, const char *verb, struct err *e)
{
    int rc = store_result_change(s->db, r, s->now, e);
    return rc < 0 ? rc : event_of_result(s, r, verb, e);
}

static int compare_ack(const struct result *r, const struct result_ack *a, struct err *e)
{
    if (a->size >= 0 && a->size != r->size)
        return err_at(e, ERR_MISMATCH, ERR_POINTER, "/size", "the result has %lld bytes, not %lld",
                      (long long)r->size, (long long)a->size);
    if (a->sha256 && strcasecmp(a->sha256, r->digests.sha256) != 0)
        return err_at(e, ERR_MISMATCH, ERR_POINTER, "/sha256", "the result has another sha256: %s",
                      r->digests.sha256);
    return 0;
}

static void set_due(struct result *r)
{
    r->due_at = r->keep ? 0 : r->expires_at;
}

int result_acknowledge(struct session *s, const char *id, const struct result_ack *a, struct result **ret,
                       struct err *e)
{
    struct result *r = NULL;
    int64_t ttl = core_settings(s->core)->consumed_ttl;
    int rc = find_live(s, id, &r, e);
    if (rc == 0)
        rc = compare_ack(r, a, e);
    if (rc < 0)
        return rc;
    *ret = r;
    if (r->state == RESULT_CONSUMED)
        return 0;
    r->state = RESULT_CONSUMED;
    r->consumed_at = s->now;
    if (ttl && (!r->expires_at || s->now + ttl * CLOCK_SECOND < r->expires_at)) {
        r->expires_at = s->now + ttl * CLOCK_SECOND;
        set_due(r);
        rc = store_result_change(s->db, r, s->now, e);
    } else {
        rc = store_result_consume(s->db, r, e);
    }
    return rc < 0 ? rc : event_of_result(s, r, result_state_names[RESULT_CONSUMED], e);
}

int result_keep(struct session *s, const char *id, bool keep, struct result **ret, struct err *e)
{
    struct result *r = NULL;
    int rc = find_live(s, id, &r, e);
    if (rc < 0)
        return rc;
    if (r->keep != keep) {
        r->keep = keep;
        set_due(r);
        rc = write_change(s, r, keep ? "kept" : "unkept", e);
    }
    show_now(r, s->now);
    *ret = r;
    return rc;
}

static int refuse_kept(const struct result *r, struct err *e)
{
    return r->keep ? err_set(e, ERR_KEPT, "this result is kept; DELETE /api/v1/results/%s/keep first", r->id)
                   : 0;
}

int result_delete(struct session *s, const char *id, struct err *e)
{
    struct result *r = NULL;
    int rc = find_result(s, id, &r, e);
    if (rc < 0 || r->deleted_at || (rc = refuse_kept(r, e)) < 0)
        return rc;
    r->deleted_at = s->now;
    return write_change(s, r, "deleted", e);
}

/* A result of a deleted job stays deleted, whichever of the two went first: nobody would find it there. */
static int refuse_without_job(struct session *s, const struct result *r, struct err *e)
{
    struct job *j = NULL;
    if (r->with_job)
        return err_set(e, ERR_WRONG_STATE, "this result was deleted with its job: restore job %s", r->job_id);
    int rc = store_job_by_pk(s->db, s->arena, r->project, r->job, &j, e);
    if (rc > 0 && j->deleted_at)
        return err_set(e, ERR_WRONG_STATE, "the job of this result is deleted, too: restore job %s first",
                       r->job_id);
    return rc < 0 ? rc : 0;
}

int result_restore(struct session *s, const char *id, struct result **ret, struct err *e)
{
    struct result *r = NULL;
    int rc = find_result(s, id, &r, e);
    if (rc < 0)
        return rc;
    if (r->deleted_at) {
        if ((rc = refuse_without_job(s, r, e)) < 0)
            return rc;
        r->deleted_at = 0;
        rc = write_change(s, r, "restored", e);
    }
    show_now(r, s->now);
    *ret = r;
    return rc;
}

static int let_go_of_bytes(struct session *s, const struct result *r, struct err *e)
{
    if (!r->stored)
        return 0;
    if (r->table.rows >= 0 &&
        store_representation_drop_of(s->db, r->pk, blobs_due_at(s->core, s->now), e) < 0)
        return e->code;
    if (r->storage) /* what lies in a bucket of clients stays there */
        return 0;
    if (!r->is_inline)
        return store_doomed_add(s->db, r->id, blobs_due_at(s->core, s->now), e);
    int rc = store_bytes_remove(s->db, r->pk, e);
    return rc < 0 ? rc : 0;
}

int result_remove(struct session *s, struct result *r, struct err *e)
{
    int rc = let_go_of_bytes(s, r, e);
    if (rc == 0)
        rc = store_result_remove(s->db, r, s->now, e) < 0 ? e->code : 0;
    if (rc == 0)
        rc = store_job_count_result(s->db, r->job, -1, INT64_MAX, e) < 0 ? e->code : 0;
    return rc < 0 ? rc : event_of_result(s, r, "purged", e);
}

int result_purge(struct session *s, const char *id, struct err *e)
{
    struct result *r = NULL;
    int rc = find_result(s, id, &r, e);
    if (rc == 0)
        rc = refuse_kept(r, e);
    return rc < 0 ? rc : result_remove(s, r, e);
}

int result_expire(struct session *s, struct result *r, struct err *e)
{
    int rc = let_go_of_bytes(s, r, e);
    if (rc < 0)
        return rc;
    r->state = RESULT_EXPIRED;
    r->expired_at = r->due_at;
    r->due_at = 0;
    r->stored = false;
    return write_change(s, r, result_state_names[RESULT_EXPIRED], e);
}
