/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of small results. */
#include "store/row.h"

int store_bytes_add(struct db *db, int64_t result, const void *bytes, size_t len, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "bytes_add", "INSERT INTO result_bytes (result, bytes) VALUES ($1, $2)", false};
    struct db_value args[] = {db_of_int(result), db_of_blob(bytes, len)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_bytes_get(struct db *db, struct arena *a, int64_t result, const void **ret, size_t *ret_len,
                    struct err *e)
{
    static const struct stmt s DB_LISTED = {"bytes_get", "SELECT bytes FROM result_bytes WHERE result = $1",
                                            false};
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
    static const struct stmt s DB_LISTED = {"bytes_remove", "DELETE FROM result_bytes WHERE result = $1",
                                            false};
    struct db_value args[] = {db_of_int(result)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}
