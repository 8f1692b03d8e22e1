/* SPDX-License-Identifier: Apache-2.0 */
/* See publish.h. */
#include "core/publish.h"

#include "base/clock.h"
#include "core/access.h"
#include "core/event.h"
#include "core/job.h"
#include "core/name.h"
#include "core/orphans.h"
#include "core/result.h"
#include "core/storage.h"

#include <string.h>

static int check_names(const struct session *s, const struct publish *p, struct err *e)
{
    int rc = name_check(p->name, "the name", e);
    if (rc < 0) {
        err_locate(e, ERR_PARAMETER, "name");
        return rc;
    }
    if ((rc = name_check_text(p->type, "the type", e)) < 0) {
        err_locate(e, ERR_PARAMETER, "type");
        return rc;
    }
    if ((rc = name_check_text(p->media_type, "the Content-Type", e)) < 0) {
        err_locate(e, ERR_HEADER, "Content-Type");
        return rc;
    }
    if (p->content_encoding && (rc = name_check_text(p->content_encoding, "the Content-Encoding", e)) < 0) {
        err_locate(e, ERR_HEADER, "Content-Encoding");
        return rc;
    }
    if (p->kind && (rc = name_check_text(p->kind, "the kind", e)) < 0) {
        err_locate(e, ERR_PARAMETER, "kind");
        return rc;
    }
    return p->keep ? access_require(s, SCOPE_DELETE, e)
                   : 0; /* what is kept can neither expire nor be deleted */
}

/* Whoever has these bytes by now would take ours for orphans. */
static int refuse_disowned(const struct session *s, struct err *e)
{
    if (!atomic_load(&s->core->disowned))
        return 0;
    return err_operator(e, ERR_STORAGE,
                        "this server cannot store anything: its bytes are another one's by now",
                        "the bytes are another database's by now; see: resultd adopt");
}

/* As far as it is known before the bytes are. */
static int check_size(struct session *s, const struct publish *p, struct err *e)
{
    const struct settings *set = core_settings(s->core);
    int64_t room;
    if (p->content_length > set->max_result_size)
        return err_set(e, ERR_TOO_LARGE, "a result may have at most %lld bytes here, this one has %lld",
                       (long long)set->max_result_size, (long long)p->content_length);
    if (p->goal)
        return 0;
    int rc = refuse_disowned(s, e);
    if (rc == 0)
        rc = blob_room(s->core->blobs, &room, e);
    int64_t need = p->content_length > 0 ? p->content_length : 0;
    if (rc == 0 && need > room - set->disk_floor)
        rc = err_set(e, ERR_STORAGE_FULL, "the server's disk is full: it has no room for this upload");
    return rc;
}

static int find_open_job(struct session *s, const struct publish *p, struct job **ret, struct err *e)
{
    int rc = job_load(s, p->job, ret, e);
    if (rc == 0 && !job_is_open(*ret))
        rc = err_set(e, ERR_WRONG_STATE, "the job is %s: results can be added while it is queued or running",
                     job_status_names[(*ret)->status]);
    return rc;
}

static bool is_live(const struct session *s, const struct result *r)
{
    return !r->deleted_at && result_state_now(r, s->now) != RESULT_EXPIRED;
}

static int refuse_taken(const struct session *s, const struct result *r, struct err *e)
{
    char when[CLOCK_RFC3339_SIZE];
    if (r->deleted_at)
        return err_at(
            e, ERR_TAKEN, ERR_PARAMETER, "name",
            "a deleted result of this job has this name and type (%s): restore it, or delete it with "
            "?permanent=true",
            r->id);
    if (result_state_now(r, s->now) == RESULT_EXPIRED) {
        clock_rfc3339(r->expired_at ? r->expired_at : r->due_at, when);
        return err_at(e, ERR_TAKEN, ERR_PARAMETER, "name",
                      "a result of this job that expired at %s has this name and type: DELETE "
                      "/api/v1/results/%s?permanent=true frees them, or take another name",
                      when, r->id);
    }
    return err_at(e, ERR_TAKEN, ERR_PARAMETER, "name",
                  "a result of this job has this name and type already, with other bytes (%s)", r->id);
}

static bool could_be_same(const struct session *s, const struct result *r, const struct publish *p)
{
    if (!is_live(s, r))
        return false;
    if (p->content_length >= 0 && p->content_length != r->size)
        return false;
    return !p->want_sha256 || strcmp(p->want_sha256, r->digests.sha256) == 0;
}

/* Its bytes are on their way anyway, and nothing but the commit depends on its job. */
static bool is_small(const struct session *s, const struct publish *p)
{
    return !s->actor.storages && !p->asks_first && p->content_length >= 0 &&
           p->content_length <= core_settings(s->core)->inline_limit;
}

struct upload_goal publish_goal(const struct publish *p)
{
    return (struct upload_goal){
        .storage = p->goal, .name = p->name, .media_type = p->media_type, .encoding = p->content_encoding};
}

int publish_prepare(struct session *s, struct publish *p, struct err *e)
{
    struct job *j = NULL;
    struct result *existing = NULL;
    int rc = check_names(s, p, e);
    if (rc == 0 && p->job && !is_small(s, p))
        rc = find_open_job(s, p, &j, e);
    if (rc == 0)
        rc = storage_choose(s, p->storage, j, &p->goal, e);
    if (rc == 0)
        rc = check_size(s, p, e);
    if (rc < 0 || !j)
        return rc;
    rc = store_result_by_name(s->db, s->arena, j->pk, p->name, p->type, &existing, e);
    if (rc > 0)
        rc = could_be_same(s, existing, p) ? 0 : refuse_taken(s, existing, e);
    return rc;
}

static int refuse_digest(const char *field, const char *algorithm, const char *is, struct err *e)
{
    (void)err_set(e, ERR_BAD_DIGEST,
                  "the bytes that arrived have the %s %s, not the announced one; nothing was kept", algorithm,
                  is);
    if (field)
        err_locate(e, ERR_HEADER, field);
    return e->code;
}

static int check_digests(const struct publish *p, const struct upload_result *u, struct err *e)
{
    if (p->want_sha256 && strcmp(p->want_sha256, u->digests.sha256) != 0)
        return refuse_digest(p->sha256_field, "sha256", u->digests.sha256, e);
    if (p->want_md5 && strcmp(p->want_md5, u->digests.md5) != 0)
        return refuse_digest(p->md5_field, "md5", u->digests.md5, e);
    return 0;
}

static int refuse_orphan(struct session *s, const struct upload_result *u, struct err *e)
{
    if (u->is_inline || u->storage)
        return 0;
    int rc = refuse_disowned(s, e);
    return rc == 0 ? orphans_refuse(s->db, u->id, u->since, e) : rc;
}

/* 1; 0 if the name is taken. */
static int insert(struct session *s, const struct publish *p, const struct upload_result *u,
                  const struct job *j, struct result **ret, struct err *e)
{
    static const struct table_facts no_table = {.rows = -1, .columns = -1};
    const struct settings *set = core_settings(s->core);
    int64_t expires_at = s->now + (p->expires_in ? p->expires_in : set->results_ttl) * CLOCK_SECOND;
    struct result *r = arena_alloc(s->arena, sizeof *r);
    *r = (struct result){
        .id = arena_strdup(s->arena, u->id),
        .project = s->actor.project,
        .job = j->pk,
        .job_pk = j->pk,
        .job_id = j->id,
        .batch = j->batch,
        .batch_id = j->batch_id,
        .kind = j->kind,
        .name = p->name,
        .type = p->type,
        .is_primary = p->primary,
        .media_type = p->media_type,
        .size = u->size,
        .digests = u->digests,
        .keep = p->keep,
        .stored = true,
        .is_inline = u->is_inline,
        .creator = s->actor.pk,
        .creator_name = s->actor.name,
        .created_at = s->now,
        .expires_at = expires_at,
        .due_at = p->keep ? 0 : expires_at,
        .content_encoding = p->content_encoding ? p->content_encoding : "",
        .storage = u->storage,
        .object = u->object,
        .etag = u->etag,
        .storage_name = p->goal ? p->goal->name : NULL,
        .storage_url = p->goal ? p->goal->url : NULL,
        .redirects = p->goal && p->goal->redirects,
        .table = u->table ? *u->table : no_table,
    };
    int rc = refuse_orphan(s, u, e);
    if (rc == 0)
        rc = store_result_add(s->db, r, e);
    if (rc <= 0)
        return rc;
    rc = r->table.description ? store_table_add(s->db, r->pk, &r->table, e) : 0;
    if (rc == 0 && u->is_inline)
        rc = store_bytes_add(s->db, r->pk, u->bytes, (size_t)u->size, e);
    if (rc == 0)
        rc = store_job_count_result(s->db, j->pk, 1, set->max_results_per_job, e);
    if (rc == 0)
        return err_set(e, ERR_LIMIT, "a job may have at most %lld results here",
                       (long long)set->max_results_per_job);
    if (rc > 0)
        rc = event_of_result(s, r, result_state_names[RESULT_AVAILABLE], e);
    *ret = r;
    return rc < 0 ? rc : 1;
}

/* That the bytes are still where the storage says: it may have been changed while they were on their way. */
static int check_place(struct session *s, const struct publish *p, const struct upload_result *u,
                       struct err *e)
{
    const struct storage *now = NULL;
    int rc = u->storage ? storage_of(s, u->storage, &now, e) : 0;
    if (rc < 0 || !now || strcmp(storage_address(s->arena, now), storage_address(s->arena, p->goal)) == 0)
        return rc;
    return err_set(e, ERR_WRONG_STATE,
                   "the storage \"%.100s\" was changed while this was sent there: send it again", now->name);
}

int publish_commit(struct session *s, const struct publish *p, const struct upload_result *u,
                   struct result **ret, bool *ret_new, struct err *e)
{
    struct job *j = NULL;
    struct job_new around = {.kind = p->kind, .input = p->input, .priority_weight = 5, .completed = true};
    int rc = check_digests(p, u, e);
    if (rc < 0)
        return rc;
    if (u->size > core_settings(s->core)->max_result_size)
        return err_set(e, ERR_TOO_LARGE, "a result may have at most %lld bytes here",
                       (long long)core_settings(s->core)->max_result_size);
    rc = check_place(s, p, u, e);
    if (rc == 0)
        rc = p->job ? find_open_job(s, p, &j, e) : job_create(s, &around, &j, e);
    if (rc < 0 || !j)
        return rc;
    rc = insert(s, p, u, j, ret, e);
    *ret_new = rc > 0;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = store_result_by_name(s->db, s->arena, j->pk, p->name, p->type, ret, e);
    if (rc <= 0)
        return rc < 0 ? rc : err_operator(e, ERR_DB, "the database failed", "a name is taken by no result");
    if (strcmp((*ret)->id, u->id) == 0) { /* this upload's own, of a commit whose answer was lost */
        *ret_new = true;
        return 0;
    }
    bool is_same =
        is_live(s, *ret) && (*ret)->size == u->size && strcmp((*ret)->digests.sha256, u->digests.sha256) == 0;
    return is_same ? 0 : refuse_taken(s, *ret, e);
}
