/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of small results, and the list of files that are to be removed. */
#include "base/clock.h"
#include "store/row.h"

int store_bytes_add(struct db *db, int64_t result, const void *bytes, size_t len, struct err *e)
{
    static const struct stmt s = {"bytes_add", "INSERT INTO result_bytes (result, bytes) VALUES ($1, $2)",
                                  false};
    struct db_value args[] = {db_of_int(result), db_of_blob(bytes, len)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_bytes_get(struct db *db, struct arena *a, int64_t result, const void **ret, size_t *ret_len,
                    struct err *e)
{
    static const struct stmt s = {"bytes_get", "SELECT bytes FROM result_bytes WHERE result = $1", false};
    struct db_value args[] = {db_of_int(result)};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc > 0) {
        const void *bytes = db_blob(db, c, 0, ret_len);
        *ret = arena_copy(a, bytes, *ret_len);
        db_done(db, c);
    }
    return rc;
}

int store_bytes_remove(struct db *db, int64_t result, struct err *e)
{
    static const struct stmt s = {"bytes_remove", "DELETE FROM result_bytes WHERE result = $1", false};
    struct db_value args[] = {db_of_int(result)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_doomed_add(struct db *db, const char *key, int64_t now, struct err *e)
{
    static const struct stmt s = {
        "doomed_add", "INSERT INTO doomed_blob (key, retry_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
        false};
    struct db_value args[] = {db_of_text(key), db_of_int(now)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_doomed_due(struct db *db, struct arena *a, int64_t now, int64_t limit, const char ***ret_keys,
                     int64_t *ret_count, struct err *e)
{
    static const struct stmt s = {
        "doomed_due", "SELECT key FROM doomed_blob WHERE retry_at <= $1 ORDER BY retry_at LIMIT $2", false};
    struct db_value args[] = {db_of_int(now), db_of_int(limit)};
    struct db_cursor *c = NULL;
    const char **keys = arena_alloc(a, (size_t)limit * sizeof *keys);
    int64_t n = 0;
    int rc = db_query(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        keys[n++] = row_text(db, c, a, 0);
    db_done(db, c);
    *ret_keys = keys;
    *ret_count = n;
    return rc;
}

int store_doomed_remove(struct db *db, const char *key, struct err *e)
{
    static const struct stmt s = {"doomed_remove", "DELETE FROM doomed_blob WHERE key = $1", false};
    struct db_value args[] = {db_of_text(key)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

/* 10 s, 20 s, 40 s … up to about three hours. */
int store_doomed_retry(struct db *db, const char *key, int64_t now, struct err *e)
{
    static const struct stmt s = {
        "doomed_retry",
        "UPDATE doomed_blob SET attempts = attempts + 1,"
        " retry_at = $2 + $3 * (1 << CASE WHEN attempts < 10 THEN attempts ELSE 10 END)"
        " WHERE key = $1",
        false};
    struct db_value args[] = {db_of_text(key), db_of_int(now), db_of_int(10 * CLOCK_SECOND)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_doomed_has(struct db *db, const char *key, struct err *e)
{
    static const struct stmt s = {"doomed_has", "SELECT pk FROM doomed_blob WHERE key = $1", false};
    struct db_value args[] = {db_of_text(key)};
    int64_t pk;
    return row_int(db, &s, args, STORE_COUNT(args), &pk, e);
}
