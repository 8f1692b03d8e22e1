/* SPDX-License-Identifier: Apache-2.0 */
/* Projects. */
#include "store/row.h"

int store_project_create(struct db *db, const char *name, int64_t now, int64_t *ret_pk, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "project_create", "INSERT INTO project (name, created_at) VALUES ($1, $2) RETURNING pk", false};
    struct db_value args[] = {db_of_text(name), db_of_int(now)};
    return db_insert(db, &s, args, STORE_COUNT(args), ret_pk, e);
}

int store_project_get(struct db *db, const char *name, int64_t *ret_pk, struct err *e)
{
    static const struct stmt s DB_LISTED = {"project_get", "SELECT pk FROM project WHERE name = $1", false};
    struct db_value args[] = {db_of_text(name)};
    return row_int(db, &s, args, STORE_COUNT(args), ret_pk, e);
}

int store_project_created_at(struct db *db, int64_t pk, int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {"project_created_at",
                                            "SELECT created_at FROM project WHERE pk = $1", false};
    struct db_value args[] = {db_of_int(pk)};
    return row_int(db, &s, args, STORE_COUNT(args), ret, e);
}
