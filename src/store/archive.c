/* SPDX-License-Identifier: Apache-2.0 */
/* Results for an archive: thousands at once, so only the columns that it needs, and one row at a time. */
#include "store/row.h"

#define ARCHIVE_COLUMNS                                                                                      \
    "r.pk, r.id, r.job_id, r.name, r.type, r.media_type, r.size, r.sha256, r.crc32, r.state, r.is_inline,"   \
    " r.created_at, r.due_at, r.expired_at, r.deleted_at, r.content_encoding, r.rows, r.columns, r.formats," \
    " r.unavailable, r.storage, j.reference_id"
#define ARCHIVE_FROM " FROM result r JOIN job j ON j.pk = r.job "

/* Returns the job's reference_id. */
static const char *read_row(struct db *db, struct db_cursor *c, struct result *ret)
{
    int n = 0;
    *ret = (struct result){.pk = db_int(db, c, n++)};
    ret->id = db_text(db, c, n++);
    ret->job_id = db_text(db, c, n++);
    ret->name = db_text(db, c, n++);
    ret->type = db_text(db, c, n++);
    ret->media_type = db_text(db, c, n++);
    ret->size = db_int(db, c, n++);
    row_hex(db, c, n++, ret->digests.sha256, DIGEST_SHA256_HEX - 1);
    ret->digests.crc32 = (uint32_t)db_int(db, c, n++);
    ret->state = (enum result_state)store_word(result_state_names, RESULT_STATE_END, db_text(db, c, n++));
    ret->is_inline = db_int(db, c, n++) != 0;
    ret->created_at = db_int(db, c, n++);
    ret->due_at = db_int(db, c, n++);
    ret->expired_at = db_int(db, c, n++);
    ret->deleted_at = db_int(db, c, n++);
    ret->content_encoding = db_text(db, c, n++);
    ret->table.rows = row_count(db, c, n++);
    ret->table.columns = row_count(db, c, n++);
    ret->table.formats = (unsigned)db_int(db, c, n++);
    ret->table.unavailable = db_text(db, c, n++);
    ret->storage = db_int(db, c, n++);
    return db_text(db, c, n);
}

int store_archive_each(struct db *db, int64_t job, int64_t batch, int64_t after, int64_t most,
                       store_archive_fn *each, void *ctx, struct err *e)
{
    static const struct stmt of_job DB_LISTED = {"archive_of_job",
                                                 "SELECT " ARCHIVE_COLUMNS ARCHIVE_FROM
                                                 "WHERE r.job = $1 AND r.pk > $2 ORDER BY r.pk LIMIT $3",
                                                 false};
    static const struct stmt of_batch DB_LISTED = {"archive_of_batch",
                                                   "SELECT " ARCHIVE_COLUMNS ARCHIVE_FROM
                                                   "WHERE r.batch = $1 AND r.pk > $2 ORDER BY r.pk LIMIT $3",
                                                   false};
    struct db_value args[] = {db_of_int(job ? job : batch), db_of_int(after), db_of_int(most)};
    struct db_cursor *c = NULL;
    struct result r;
    int rc = db_query(db, job ? &of_job : &of_batch, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0) {
        const char *reference_id = read_row(db, c, &r);
        if ((rc = each(ctx, &r, reference_id, e)) < 0)
            break;
    }
    db_done(db, c);
    return rc;
}

int store_archive_count(struct db *db, int64_t job, int64_t batch, int64_t most, int64_t *ret, struct err *e)
{
    static const struct stmt of_job DB_LISTED = {
        "archive_count_of_job", "SELECT count(*) FROM (SELECT 1 FROM result WHERE job = $1 LIMIT $2) counted",
        false};
    static const struct stmt of_batch DB_LISTED = {
        "archive_count_of_batch",
        "SELECT count(*) FROM (SELECT 1 FROM result WHERE batch = $1 LIMIT $2) counted", false};
    struct db_value args[] = {db_of_int(job ? job : batch), db_of_int(most)};
    int rc = row_int(db, job ? &of_job : &of_batch, args, STORE_COUNT(args), ret, e);
    return rc < 0 ? rc : 0;
}
