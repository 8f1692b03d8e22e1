/* SPDX-License-Identifier: Apache-2.0 */
/* Who a database is: its one row of `instance`. */
#include "base/text.h"
#include "store/row.h"

const char store_instance_proof[] = "SELECT id FROM instance";

int store_instance_get(struct db *db, struct instance *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "instance_get",
        "SELECT id, coalesce(store, ''), coalesce(copy_of, ''), coalesce(sealed, '') FROM instance", false};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, NULL, 0, &c, e);
    if (rc <= 0)
        return rc;
    text_copy(ret->id, sizeof ret->id, db_text(db, c, 0));
    text_copy(ret->store, sizeof ret->store, db_text(db, c, 1));
    text_copy(ret->copy_of, sizeof ret->copy_of, db_text(db, c, 2));
    text_copy(ret->sealed, sizeof ret->sealed, db_text(db, c, 3));
    db_done(db, c);
    return 1;
}

int store_instance_add(struct db *db, const char *id, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "instance_add", "INSERT INTO instance (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING", false};
    struct db_value args[] = {db_of_text(id)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

static struct db_value or_null(const char *text)
{
    return db_of_text(*text ? text : NULL);
}

int store_instance_put(struct db *db, const struct instance *i, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "instance_put",
        "INSERT INTO instance (one, id, store, copy_of, sealed) VALUES (1, $1, $2, $3, $4) ON CONFLICT (one)"
        " DO UPDATE SET id = excluded.id, store = excluded.store, copy_of = excluded.copy_of,"
        " sealed = excluded.sealed",
        false};
    struct db_value args[] = {db_of_text(i->id), or_null(i->store), or_null(i->copy_of), or_null(i->sealed)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_instance_bind(struct db *db, const char *store, struct err *e)
{
    static const struct stmt s DB_LISTED = {"instance_bind",
                                            "UPDATE instance SET store = $1 WHERE store IS NULL", false};
    struct db_value args[] = {db_of_text(store)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_instance_rebind(struct db *db, const char *store, struct err *e)
{
    static const struct stmt s DB_LISTED = {"instance_rebind",
                                            "UPDATE instance SET store = $1, copy_of = NULL", false};
    struct db_value args[] = {db_of_text(store)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_instance_seal(struct db *db, const char *sealed, struct err *e)
{
    static const struct stmt s DB_LISTED = {"instance_seal", "UPDATE instance SET sealed = $1", false};
    struct db_value args[] = {db_of_text(sealed)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}
