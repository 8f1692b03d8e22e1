/* SPDX-License-Identifier: Apache-2.0 */
/* Which node makes a representation at the moment. Times are those of whoever claims. */
#include "store/row.h"

int store_making_claim(struct db *db, const char *tag, const char *node, int64_t now, int64_t till,
                       struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "making_claim",
        "INSERT INTO making (tag, node, till) VALUES ($1, $2, $4) ON CONFLICT (tag) DO UPDATE"
        " SET node = excluded.node, till = excluded.till WHERE making.till < $3 OR making.node = $2",
        false};
    struct db_value args[] = {db_of_text(tag), db_of_text(node), db_of_int(now), db_of_int(till)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_making_renew(struct db *db, const char *tag, const char *node, int64_t till, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "making_renew", "UPDATE making SET till = $3 WHERE tag = $1 AND node = $2", false};
    struct db_value args[] = {db_of_text(tag), db_of_text(node), db_of_int(till)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_making_release(struct db *db, const char *tag, const char *node, struct err *e)
{
    static const struct stmt s DB_LISTED = {"making_release",
                                            "DELETE FROM making WHERE tag = $1 AND node = $2", false};
    struct db_value args[] = {db_of_text(tag), db_of_text(node)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_making_is_claimed(struct db *db, const char *tag, int64_t now, struct err *e)
{
    static const struct stmt s DB_LISTED = {"making_claimed",
                                            "SELECT 1 FROM making WHERE tag = $1 AND till >= $2", false};
    struct db_value args[] = {db_of_text(tag), db_of_int(now)};
    int64_t one;
    return row_int(db, &s, args, STORE_COUNT(args), &one, e);
}

int store_making_prune(struct db *db, int64_t before, int64_t limit, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "making_prune",
        "DELETE FROM making WHERE till < $1 AND till <= "
        "coalesce((SELECT till FROM making WHERE till < $1 ORDER BY till LIMIT 1 OFFSET $2), $1)",
        false};
    struct db_value args[] = {db_of_int(before), db_of_int(limit)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}
