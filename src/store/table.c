/* SPDX-License-Identifier: Apache-2.0 */
/* How tables are read: one row beside that of the result. What lists show of a table is in the result's own
 * row. */
#include "store/row.h"

int store_table_add(struct db *db, int64_t result, const struct table_facts *t, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "table_add", "INSERT INTO result_table (result, description, offsets) VALUES ($1, $2, $3)", false};
    struct db_value args[] = {db_of_int(result), db_of_text(t->description),
                              db_of_blob(t->offsets, t->offsets_len)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_table_head(struct db *db, struct arena *a, int64_t result, const char **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "table_head", "SELECT substr(description, 1, 100) FROM result_table WHERE result = $1", false};
    struct db_value args[] = {db_of_int(result)};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc <= 0)
        return rc;
    *ret = row_text(db, c, a, 0);
    db_done(db, c);
    return rc;
}

int store_table_get(struct db *db, struct arena *a, int64_t result, struct table_facts *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "table_get", "SELECT description, offsets FROM result_table WHERE result = $1", false};
    struct db_value args[] = {db_of_int(result)};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc <= 0)
        return rc;
    ret->description = row_text(db, c, a, 0);
    const void *offsets = db_blob(db, c, 1, &ret->offsets_len);
    ret->offsets = offsets ? arena_copy(a, offsets, ret->offsets_len) : NULL;
    db_done(db, c);
    return rc;
}
