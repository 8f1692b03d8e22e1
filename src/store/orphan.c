/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that no row names, and who looks for them. What names a file is said once, in CLAIMS: whichever table
 * comes to refer to blobs has to be added there. One key at a time is looked up: of EXISTS a planner may make
 * a reading of the whole table.
 */
#include "base/text.h"
#include "store/row.h"

#define CLAIMS(key)                                                                                          \
    "(SELECT 1 FROM result r WHERE r.id = " key                                                              \
    " AND r.is_inline = 0 AND r.stored = 1 AND r.storage IS NULL) IS NOT NULL"                               \
    " OR (SELECT 1 FROM representation p WHERE p.key = " key ") IS NOT NULL"

/* ["KEY","KEY"]: an array in one parameter, which both engines take apart. */
static struct db_value of_keys(struct arena *a, const struct store_keys *keys)
{
    struct buf text = {.arena = a};
    for (int i = 0; i < keys->count; i++)
        buf_printf(&text, "%c\"%s\"", i ? ',' : '[', keys->keys[i]);
    buf_puts(&text, keys->count ? "]" : "[]");
    return db_of_text(buf_str(&text));
}

int store_unclaimed(struct db *db, struct arena *a, const struct store_keys *keys, const char **ret,
                    int *ret_count, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "unclaimed",
        "SELECT k.value FROM json_each(CAST($1 AS TEXT)) k WHERE NOT (" CLAIMS(
            "k.value") ")"
                       " AND (SELECT 1 FROM doomed_blob d WHERE d.key = k.value) IS NULL",
        false};
    struct db_value args[] = {of_keys(a, keys)};
    struct db_cursor *c = NULL;
    int n = 0;
    int rc = db_query(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    while (n < keys->count && (rc = db_step(db, c, e)) > 0)
        ret[n++] = row_text(db, c, a, 0);
    db_done(db, c);
    *ret_count = n;
    return rc < 0 ? rc : 0;
}

int store_orphan_note(struct db *db, const struct store_keys *keys, int64_t now, int64_t search,
                      struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "orphan_note",
        "INSERT INTO orphan (key, found_at, search) SELECT k.value, $2, $3 FROM json_each(CAST($1 AS TEXT)) k"
        " WHERE 1 = 1 ON CONFLICT (key) DO UPDATE SET search = excluded.search",
        false};
    struct arena a = {0};
    struct db_value args[] = {of_keys(&a, keys), db_of_int(now), db_of_int(search)};
    int rc = row_change(db, &s, args, STORE_COUNT(args), e);
    arena_free(&a);
    return rc < 0 ? rc : 0;
}

int store_orphan_forget(struct db *db, int64_t search, struct err *e)
{
    static const struct stmt s DB_LISTED = {"orphan_forget", "DELETE FROM orphan WHERE search <> $1", false};
    struct db_value args[] = {db_of_int(search)};
    int rc = row_change(db, &s, args, STORE_COUNT(args), e);
    return rc < 0 ? rc : 0;
}

int store_orphan_count(struct db *db, int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "orphan_count", "SELECT count(*) FROM orphan o WHERE NOT (" CLAIMS("o.key") ")", false};
    int rc = row_int(db, &s, NULL, 0, ret, e);
    return rc < 0 ? rc : 0;
}

/* With the keys in hand, so that all that is done with them is done with the same ones. */
static int find_old(struct db *db, struct arena *a, int64_t before, int64_t limit, struct store_keys *ret,
                    struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "orphan_old", "SELECT key FROM orphan WHERE found_at <= $1 ORDER BY found_at LIMIT $2", false};
    struct db_value args[] = {db_of_int(before), db_of_int(limit)};
    const char **keys = arena_alloc(a, (size_t)limit * sizeof *keys);
    struct db_cursor *c = NULL;
    int rc = db_query(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    *ret = (struct store_keys){.keys = keys};
    while (ret->count < limit && (rc = db_step(db, c, e)) > 0)
        keys[ret->count++] = row_text(db, c, a, 0);
    db_done(db, c);
    return rc < 0 ? rc : 0;
}

int store_orphan_doom(struct db *db, int64_t before, int64_t now, int64_t limit, int64_t *ret_count,
                      struct err *e)
{
    static const struct stmt doom DB_LISTED = {
        "orphan_doom",
        "INSERT INTO doomed_blob (key, retry_at, orphan) SELECT k.value, $2, 1"
        " FROM json_each(CAST($1 AS TEXT)) k WHERE NOT (" CLAIMS("k.value") ") ON CONFLICT (key) DO NOTHING",
        false};
    static const struct stmt forget DB_LISTED = {
        "orphan_doomed",
        "DELETE FROM orphan WHERE key IN (SELECT k.value FROM json_each(CAST($1 AS TEXT)) k)", false};
    struct arena a = {0};
    struct store_keys keys;
    int rc = find_old(db, &a, before, limit, &keys, e);
    if (rc == 0 && keys.count) {
        struct db_value args[] = {of_keys(&a, &keys), db_of_int(now)};
        rc = row_change(db, &doom, args, 2, e);
        rc = rc < 0 ? rc : row_change(db, &forget, args, 1, e);
    }
    if (rc >= 0)
        *ret_count = keys.count;
    arena_free(&a);
    return rc < 0 ? rc : 0;
}

/* --- who looks for them --- */

int store_removal_get(struct db *db, struct removal_row *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "removal_get",
        "SELECT node, till, begun_at, part, after_key, seen, searched_at, tidied_at, held, held_of FROM removal",
        false};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, NULL, 0, &c, e);
    if (rc <= 0)
        return rc < 0 ? rc : err_operator(e, ERR_DB, "the database failed", "its table removal is empty");
    *ret = (struct removal_row){.till = db_int(db, c, 1),
                                .begun_at = db_int(db, c, 2),
                                .part = db_int(db, c, 3),
                                .seen = db_int(db, c, 5),
                                .searched_at = db_int(db, c, 6),
                                .tidied_at = db_int(db, c, 7),
                                .held = db_int(db, c, 8),
                                .held_of = db_int(db, c, 9)};
    text_copy(ret->node, sizeof ret->node, db_text(db, c, 0));
    text_copy(ret->after, sizeof ret->after, db_text(db, c, 4));
    db_done(db, c);
    return 0;
}

int store_removal_claim(struct db *db, const char *node, int64_t now, int64_t till, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "removal_claim", "UPDATE removal SET node = $1, till = $3 WHERE node = $1 OR till < $2", false};
    struct db_value args[] = {db_of_text(node), db_of_int(now), db_of_int(till)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_removal_put(struct db *db, const struct removal_row *r, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "removal_put",
        "UPDATE removal SET begun_at = $2, part = $3, after_key = $4, seen = $5, searched_at = $6,"
        " tidied_at = $7, held = $8, held_of = $9 WHERE node = $1",
        false};
    struct db_value args[] = {db_of_text(r->node),     db_of_int(r->begun_at), db_of_int(r->part),
                              db_of_text(r->after),    db_of_int(r->seen),     db_of_int(r->searched_at),
                              db_of_int(r->tidied_at), db_of_int(r->held),     db_of_int(r->held_of)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_removal_release(struct db *db, const char *node, struct err *e)
{
    static const struct stmt s DB_LISTED = {"removal_release", "UPDATE removal SET till = 0 WHERE node = $1",
                                            false};
    struct db_value args[] = {db_of_text(node)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}
