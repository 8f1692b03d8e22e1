/* SPDX-License-Identifier: Apache-2.0 */
/* Results: rows one by one. Lists that a request puts together are in result_list.c. */
#include "store/result_row.h"

#include "base/text.h"

#include <string.h>

static void set_counted(struct result *r)
{
    r->counted.state = r->state;
    r->counted.trash = r->deleted_at != 0;
    r->counted.bytes = r->stored ? r->size : 0;
}

static int put_in_state(struct db *db, const struct result *r, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_state_add", "INSERT INTO result_state (in_project, in_state, pk) VALUES ($1, $2, $3)", false};
    struct db_value args[] = {db_of_int(r->project), db_of_text(result_state_names[r->state]),
                              db_of_int(r->pk)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

static int move_to_state(struct db *db, const struct result *r, enum result_state from, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_state_change",
        "UPDATE result_state SET in_state = $4 WHERE in_project = $1 AND in_state = $2 AND pk = $3",
        .one = true};
    struct db_value args[] = {db_of_int(r->project), db_of_text(result_state_names[from]), db_of_int(r->pk),
                              db_of_text(result_state_names[r->state])};
    return from == r->state ? 0 : db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

static int take_out_of_state(struct db *db, const struct result *r, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_state_remove", "DELETE FROM result_state WHERE in_project = $1 AND in_state = $2 AND pk = $3",
        .one = true};
    struct db_value args[] = {db_of_int(r->project), db_of_text(result_state_names[r->counted.state]),
                              db_of_int(r->pk)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

static int count(struct db *db, const struct result *r, int sign, struct err *e)
{
    return usage_add(db, r->project, r->counted.state, r->counted.trash, sign, sign * r->counted.bytes, e);
}

/* What the history says of a change from what was counted to what the row is now. */
static struct activity activity_of(const struct result *r)
{
    return (struct activity){
        .acks = r->state == RESULT_CONSUMED && r->counted.state == RESULT_AVAILABLE,
        .expired = r->state == RESULT_EXPIRED && r->counted.state != RESULT_EXPIRED,
        .deleted = r->deleted_at && !r->counted.trash,
    };
}

/* After the row was changed. */
static int recount(struct db *db, struct result *r, int64_t now, struct err *e)
{
    struct activity seen = activity_of(r);
    int rc = move_to_state(db, r, r->counted.state, e);
    if (rc == 0)
        rc = count(db, r, -1, e);
    set_counted(r);
    if (rc == 0)
        rc = count(db, r, 1, e);
    return rc < 0 ? rc : usage_note(db, r->project, now, &seen, e);
}

struct result *result_row_read(struct db *db, struct db_cursor *c, struct arena *a)
{
    struct result *r = arena_alloc(a, sizeof *r);
    int n = 0;
    r->pk = db_int(db, c, n++);
    r->id = row_text(db, c, a, n++);
    r->project = db_int(db, c, n++);
    r->job = r->job_pk = db_int(db, c, n++);
    r->job_id = row_text(db, c, a, n++);
    r->batch = db_int(db, c, n++);
    r->batch_id = row_text(db, c, a, n++);
    r->kind = row_text(db, c, a, n++);
    r->name = row_text(db, c, a, n++);
    r->type = row_text(db, c, a, n++);
    r->is_primary = db_int(db, c, n++) != 0;
    r->media_type = row_text(db, c, a, n++);
    r->size = db_int(db, c, n++);
    row_hex(db, c, n++, r->digests.md5, DIGEST_MD5_HEX - 1);
    row_hex(db, c, n++, r->digests.sha256, DIGEST_SHA256_HEX - 1);
    r->digests.crc32 = (uint32_t)db_int(db, c, n++);
    r->state = (enum result_state)store_word(result_state_names, RESULT_STATE_END, db_text(db, c, n++));
    r->keep = db_int(db, c, n++) != 0;
    r->stored = db_int(db, c, n++) != 0;
    r->is_inline = db_int(db, c, n++) != 0;
    r->creator = db_int(db, c, n++);
    r->creator_name = row_text(db, c, a, n++);
    r->created_at = db_int(db, c, n++);
    r->consumed_at = db_int(db, c, n++);
    r->expires_at = db_int(db, c, n++);
    r->due_at = db_int(db, c, n++);
    r->expired_at = db_int(db, c, n++);
    r->deleted_at = db_int(db, c, n++);
    r->with_job = db_int(db, c, n++) != 0;
    r->downloads = db_int(db, c, n++);
    r->downloaded_at = db_int(db, c, n++);
    r->content_encoding = row_text(db, c, a, n++);
    r->table.rows = row_count(db, c, n++);
    r->table.columns = row_count(db, c, n++);
    r->table.formats = (unsigned)db_int(db, c, n++);
    r->table.unavailable = row_text(db, c, a, n++);
    r->storage = db_int(db, c, n++);
    r->object = row_text(db, c, a, n++);
    r->etag = row_text(db, c, a, n++);
    r->storage_name = row_text(db, c, a, n++);
    r->storage_url = row_text(db, c, a, n++);
    r->redirects = r->storage && strcmp(db_text(db, c, n), "redirect") == 0;
    set_counted(r);
    return r;
}

int result_row_list(struct db *db, struct arena *a, const struct stmt *s, const struct db_value *args,
                    int count, struct result **ret, struct err *e)
{
    struct db_cursor *c = NULL;
    struct result **link = ret;
    *ret = NULL;
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0) {
        *link = result_row_read(db, c, a);
        link = &(*link)->next;
    }
    db_done(db, c);
    return rc;
}

static int get_result(struct db *db, struct arena *a, const struct stmt *s, const struct db_value *args,
                      int count, struct result **ret, struct err *e)
{
    struct db_cursor *c = NULL;
    int rc = row_one(db, s, args, count, &c, e);
    if (rc > 0) {
        *ret = result_row_read(db, c, a);
        db_done(db, c);
    }
    return rc;
}

static struct db_value of_count(int64_t n)
{
    struct db_value none = {.type = DB_NULL};
    return n < 0 ? none : db_of_int(n);
}

int store_result_add(struct db *db, struct result *r, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_add",
        "INSERT INTO result (id, project, job, job_id, batch, kind, name, type, "
        "is_primary, media_type, size, md5, sha256,"
        " crc32, state, keep, is_inline, creator, created_at, expires_at, due_at,"
        " content_encoding, rows, columns, formats, unavailable, storage, object, etag)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
        "$14, 'available', $15, $16, $17, $18, $19, $20,"
        " $21, $22, $23, $24, $25, $26, $27, $28)"
        " ON CONFLICT (job, name, type) DO NOTHING RETURNING pk",
        false};
    unsigned char md5[DIGEST_MD5_LEN];
    unsigned char sha256[DIGEST_SHA256_LEN];
    (void)text_unhex(r->digests.md5, sizeof md5 * 2, md5);
    (void)text_unhex(r->digests.sha256, sizeof sha256 * 2, sha256);
    struct db_value args[] = {
        db_of_text(r->id),
        db_of_int(r->project),
        db_of_int(r->job),
        db_of_text(r->job_id),
        db_of_time(r->batch),
        db_of_text(r->kind),
        db_of_text(r->name),
        db_of_text(r->type),
        db_of_int(r->is_primary),
        db_of_text(r->media_type),
        db_of_int(r->size),
        db_of_blob(md5, sizeof md5),
        db_of_blob(sha256, sizeof sha256),
        db_of_int(r->digests.crc32),
        db_of_int(r->keep),
        db_of_int(r->is_inline),
        db_of_int(r->creator),
        db_of_int(r->created_at),
        db_of_time(r->expires_at),
        db_of_time(r->due_at),
        db_of_text(r->content_encoding),
        of_count(r->table.rows),
        of_count(r->table.columns),
        db_of_int(r->table.formats),
        db_of_text(r->table.unavailable),
        db_of_time(r->storage),
        db_of_text(r->object),
        db_of_text(r->etag),
    };
    int rc = db_insert(db, &s, args, STORE_COUNT(args), &r->pk, e);
    if (rc < 0 || !r->pk)
        return rc;
    set_counted(r);
    rc = put_in_state(db, r, e);
    if (rc == 0)
        rc = count(db, r, 1, e);
    struct activity seen = {.uploads = 1, .uploaded_bytes = r->size};
    if (rc == 0)
        rc = usage_note(db, r->project, r->created_at, &seen, e);
    return rc < 0 ? rc : 1;
}

int store_result_get(struct db *db, struct arena *a, int64_t project, const char *id, struct result **ret,
                     struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_get", "SELECT " RESULT_COLUMNS RESULT_FROM "WHERE r.id = $1 AND r.project = $2", false};
    struct db_value args[] = {db_of_text(id), db_of_int(project)};
    return get_result(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_result_by_pk(struct db *db, struct arena *a, int64_t project, int64_t pk, struct result **ret,
                       struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_by_pk", "SELECT " RESULT_COLUMNS RESULT_FROM "WHERE r.pk = $1 AND r.project = $2", false};
    struct db_value args[] = {db_of_int(pk), db_of_int(project)};
    return get_result(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_result_by_id(struct db *db, struct arena *a, const char *id, struct result **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {"result_by_id",
                                            "SELECT " RESULT_COLUMNS RESULT_FROM "WHERE r.id = $1", false};
    struct db_value args[] = {db_of_text(id)};
    return get_result(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_result_by_name(struct db *db, struct arena *a, int64_t job, const char *name, const char *type,
                         struct result **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_by_name",
        "SELECT " RESULT_COLUMNS RESULT_FROM "WHERE r.job = $1 AND r.name = $2 AND r.type = $3", false};
    struct db_value args[] = {db_of_int(job), db_of_text(name), db_of_text(type)};
    return get_result(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_result_of_job(struct db *db, struct arena *a, int64_t job, struct result **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_of_job", "SELECT " RESULT_COLUMNS RESULT_FROM "WHERE r.job = $1 ORDER BY r.pk", false};
    struct db_value args[] = {db_of_int(job)};
    return result_row_list(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_result_kept_of_job(struct db *db, int64_t job, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_kept_of_job",
        "SELECT pk FROM result WHERE job = $1 AND keep = 1 AND deleted_at IS NULL LIMIT 1", false};
    struct db_value args[] = {db_of_int(job)};
    int64_t pk;
    return row_int(db, &s, args, STORE_COUNT(args), &pk, e);
}

int store_result_change(struct db *db, struct result *to, int64_t now, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_change",
        "UPDATE result SET state = $3, keep = $4, stored = $5, consumed_at = $6, expires_at = $7, due_at = "
        "$8,"
        " expired_at = $9, deleted_at = $10, with_job = $11 WHERE pk = $1 AND state = $2",
        .one = true};
    struct db_value args[] = {
        db_of_int(to->pk),
        db_of_text(result_state_names[to->counted.state]),
        db_of_text(result_state_names[to->state]),
        db_of_int(to->keep),
        db_of_int(to->stored),
        db_of_time(to->consumed_at),
        db_of_time(to->expires_at),
        db_of_time(to->due_at),
        db_of_time(to->expired_at),
        db_of_time(to->deleted_at),
        db_of_int(to->with_job),
    };
    int rc = db_run(db, &s, args, STORE_COUNT(args), NULL, e);
    return rc < 0 ? rc : recount(db, to, now, e);
}

/* Acknowledging is the most frequent change of all: only the indexes that it concerns are touched. */
int store_result_consume(struct db *db, struct result *to, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_consume",
        "UPDATE result SET state = 'consumed', consumed_at = $2 WHERE pk = $1 AND state = 'available'",
        .one = true};
    struct db_value args[] = {db_of_int(to->pk), db_of_int(to->consumed_at)};
    int rc = db_run(db, &s, args, STORE_COUNT(args), NULL, e);
    return rc < 0 ? rc : recount(db, to, to->consumed_at, e);
}

/* No index has these columns. The row may be gone. */
int store_result_downloaded(struct db *db, int64_t pk, int64_t downloads, int64_t at, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_downloaded",
        "UPDATE result SET downloads = downloads + $2,"
        " downloaded_at = CASE WHEN downloaded_at > $3 THEN downloaded_at ELSE $3 END WHERE pk = $1",
        false};
    struct db_value args[] = {db_of_int(pk), db_of_int(downloads), db_of_int(at)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_result_remove(struct db *db, const struct result *r, int64_t now, struct err *e)
{
    static const struct stmt s DB_LISTED = {"result_remove", "DELETE FROM result WHERE pk = $1", false};
    struct db_value args[] = {db_of_int(r->pk)};
    int rc = row_change(db, &s, args, STORE_COUNT(args), e);
    int followed = rc > 0 ? take_out_of_state(db, r, e) : 0;
    if (rc > 0 && followed == 0)
        followed = count(db, r, -1, e);
    struct activity seen = {.deleted = !r->counted.trash};
    if (rc > 0 && followed == 0)
        followed = usage_note(db, r->project, now, &seen, e);
    return followed < 0 ? followed : rc;
}

int store_result_due(struct db *db, struct arena *a, int64_t now, int64_t limit, struct result **ret,
                     struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_due",
        "SELECT " RESULT_COLUMNS RESULT_FROM
        "WHERE r.due_at <= $1 AND r.expired_at IS NULL ORDER BY r.due_at LIMIT $2",
        false};
    struct db_value args[] = {db_of_int(now), db_of_int(limit)};
    return result_row_list(db, a, &s, args, STORE_COUNT(args), ret, e);
}

/* Without what an index of all projects would serve: of a small one that would be read through. */
int store_result_expiring(struct db *db, struct arena *a, int64_t project, int64_t now, int64_t limit,
                          struct result **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_expiring",
        "SELECT " RESULT_COLUMNS RESULT_FROM
        "WHERE r.project = $1 AND r.due_at > $2 AND r.due_at IS NOT NULL AND r.deleted_at IS NULL"
        " ORDER BY r.due_at LIMIT $3",
        true};
    struct db_value args[] = {db_of_int(project), db_of_int(now), db_of_int(limit)};
    return result_row_list(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_result_purgeable(struct db *db, struct arena *a, int64_t deleted_before, int64_t limit,
                           struct result **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {"result_purgeable",
                                            "SELECT " RESULT_COLUMNS RESULT_FROM
                                            "WHERE r.deleted_at <= $1 ORDER BY r.deleted_at LIMIT $2",
                                            false};
    struct db_value args[] = {db_of_int(deleted_before), db_of_int(limit)};
    return result_row_list(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_result_next_due(struct db *db, int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_next_due",
        "SELECT due_at FROM result WHERE due_at IS NOT NULL AND expired_at IS NULL ORDER BY due_at LIMIT 1",
        false};
    *ret = 0;
    int rc = row_int(db, &s, NULL, 0, ret, e);
    return rc < 0 ? rc : 0;
}

int store_result_stored_after(struct db *db, struct arena *a, int64_t after_pk, int64_t limit,
                              struct result **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "result_stored_after",
        "SELECT " RESULT_COLUMNS RESULT_FROM
        "WHERE r.pk > $1 AND r.stored = 1 AND r.storage IS NULL ORDER BY r.pk LIMIT $2",
        false};
    struct db_value args[] = {db_of_int(after_pk), db_of_int(limit)};
    return result_row_list(db, a, &s, args, STORE_COUNT(args), ret, e);
}
