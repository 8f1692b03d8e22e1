/* SPDX-License-Identifier: Apache-2.0 */
/* The list of files that are to be removed, and of those that no row may name any more. */
#include "base/clock.h"
#include "store/row.h"

int store_doomed_add(struct db *db, const char *key, int64_t due_at, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "doomed_add", "INSERT INTO doomed_blob (key, retry_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
        false};
    struct db_value args[] = {db_of_text(key), db_of_int(due_at)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_doomed_due(struct db *db, struct arena *a, int64_t now, int64_t limit, struct doomed **ret,
                     int64_t *ret_count, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "doomed_due", "SELECT key, orphan FROM doomed_blob WHERE retry_at <= $1 ORDER BY retry_at LIMIT $2",
        false};
    struct db_value args[] = {db_of_int(now), db_of_int(limit)};
    struct db_cursor *c = NULL;
    struct doomed *all = arena_alloc(a, (size_t)limit * sizeof *all);
    int64_t n = 0;
    int rc = db_query(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        all[n++] = (struct doomed){.key = row_text(db, c, a, 0), .orphan = db_int(db, c, 1) == 1};
    db_done(db, c);
    *ret = all;
    *ret_count = n;
    return rc;
}

int store_doomed_removed(struct db *db, const struct doomed *d, int64_t again, struct err *e)
{
    static const struct stmt gone DB_LISTED = {"doomed_remove", "DELETE FROM doomed_blob WHERE key = $1",
                                               false};
    static const struct stmt once DB_LISTED = {
        "doomed_once", "UPDATE doomed_blob SET orphan = 2, attempts = 0, retry_at = $2 WHERE key = $1",
        false};
    struct db_value args[] = {db_of_text(d->key), db_of_int(again)};
    return row_change(db, d->orphan ? &once : &gone, args, d->orphan ? 2 : 1, e);
}

/* 10 s, 20 s, 40 s … up to about three hours. */
int store_doomed_retry(struct db *db, const char *key, int64_t now, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "doomed_retry",
        "UPDATE doomed_blob SET attempts = attempts + 1,"
        " retry_at = $2 + $3 * (1 << CAST(CASE WHEN attempts < 10 THEN attempts ELSE 10 END AS INTEGER))"
        " WHERE key = $1",
        false};
    struct db_value args[] = {db_of_text(key), db_of_int(now), db_of_int(10 * CLOCK_SECOND)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_doomed_has(struct db *db, const char *key, struct err *e)
{
    static const struct stmt s DB_LISTED = {"doomed_has", "SELECT pk FROM doomed_blob WHERE key = $1", false};
    struct db_value args[] = {db_of_text(key)};
    int64_t pk;
    return row_int(db, &s, args, STORE_COUNT(args), &pk, e);
}
