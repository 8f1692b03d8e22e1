/* SPDX-License-Identifier: Apache-2.0 */
/* What a database knows of being moved elsewhere, or here; and the results whose bytes were lost on the way.
 */
#include "base/text.h"
#include "store/row.h"

static const char *const roles[RELOCATION_ROLE_END] = {"source", "target", "arrived"};

int store_relocation_get(struct db *db, struct relocation *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "relocation_get",
        "SELECT role, token, stage, after_key, blobs, bytes, rows, started_at, finished_at FROM relocation",
        false};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, NULL, 0, &c, e);
    if (rc <= 0)
        return rc;
    *ret = (struct relocation){.role = store_word(roles, RELOCATION_ROLE_END, db_text(db, c, 0)),
                               .after_key = db_int(db, c, 3),
                               .blobs = db_int(db, c, 4),
                               .bytes = db_int(db, c, 5),
                               .rows = db_int(db, c, 6),
                               .started_at = db_int(db, c, 7),
                               .finished_at = db_int(db, c, 8)};
    text_copy(ret->token, sizeof ret->token, db_text(db, c, 1));
    text_copy(ret->stage, sizeof ret->stage, db_text(db, c, 2));
    db_done(db, c);
    return 1;
}

int store_relocation_put(struct db *db, const struct relocation *r, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "relocation_put",
        "INSERT INTO relocation (one, role, token, stage, after_key, blobs, bytes, rows, started_at, finished_at)"
        " VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (one) DO UPDATE SET role = excluded.role,"
        " token = excluded.token, stage = excluded.stage, after_key = excluded.after_key, blobs = excluded.blobs,"
        " bytes = excluded.bytes, rows = excluded.rows, started_at = excluded.started_at,"
        " finished_at = excluded.finished_at",
        false};
    struct db_value args[] = {
        db_of_text(roles[r->role]), db_of_text(r->token),     db_of_text(r->stage),
        db_of_int(r->after_key),    db_of_int(r->blobs),      db_of_int(r->bytes),
        db_of_int(r->rows),         db_of_int(r->started_at), db_of_time(r->finished_at)};
    int64_t ignored;
    return db_run(db, &s, args, STORE_COUNT(args), &ignored, e);
}

int store_relocation_remove(struct db *db, struct err *e)
{
    static const struct stmt s DB_LISTED = {"relocation_remove", "DELETE FROM relocation", false};
    int64_t ignored;
    return db_run(db, &s, NULL, 0, &ignored, e);
}

int store_relocation_advance(struct db *db, const struct relocation *to, const struct relocation *from,
                             struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "relocation_advance",
        "UPDATE relocation SET stage = $1, after_key = $2, blobs = $3, bytes = $4, rows = $5"
        " WHERE token = $6 AND stage = $7 AND after_key = $8 AND role = 'target'",
        false};
    struct db_value args[] = {db_of_text(to->stage),   db_of_int(to->after_key),  db_of_int(to->blobs),
                              db_of_int(to->bytes),    db_of_int(to->rows),       db_of_text(from->token),
                              db_of_text(from->stage), db_of_int(from->after_key)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_lost_add(struct db *db, int64_t result, const char *id, const char *why, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "lost_add",
        "INSERT INTO relocation_lost (result, id, why) VALUES ($1, $2, $3)"
        " ON CONFLICT (result) DO UPDATE SET why = excluded.why",
        false};
    struct db_value args[] = {db_of_int(result), db_of_text(id), db_of_text(why)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_lost_remove(struct db *db, int64_t result, struct err *e)
{
    static const struct stmt s DB_LISTED = {"lost_remove", "DELETE FROM relocation_lost WHERE result = $1",
                                            false};
    struct db_value args[] = {db_of_int(result)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_lost_clear(struct db *db, struct err *e)
{
    static const struct stmt s DB_LISTED = {"lost_clear", "DELETE FROM relocation_lost", false};
    return db_run(db, &s, NULL, 0, NULL, e);
}

int store_lost_count(struct db *db, int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {"lost_count", "SELECT count(*) FROM relocation_lost", false};
    int rc = row_int(db, &s, NULL, 0, ret, e);
    return rc < 0 ? rc : 0;
}

int store_lost_each(struct db *db, int64_t after, int64_t limit, store_lost_fn *each, void *ctx,
                    struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "lost_each", "SELECT result, id, why FROM relocation_lost WHERE result > $1 ORDER BY result LIMIT $2",
        false};
    struct db_value args[] = {db_of_int(after), db_of_int(limit)};
    struct db_cursor *c = NULL;
    int rc = db_query(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    while (rc == 0 && (rc = db_step(db, c, e)) > 0)
        rc = each(ctx, db_int(db, c, 0), db_text(db, c, 1), db_text(db, c, 2), e);
    db_done(db, c);
    return rc;
}
