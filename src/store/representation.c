/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Representations that were made and are kept: which blob holds what. They can be made again at any time, so
 * the oldest make room for new ones; a blob is let go of in the transaction that removes its row.
 */
#include "store/row.h"

int store_representation_get(struct db *db, struct arena *a, const char *tag, struct representation_row *ret,
                             struct err *e)
{
    static const struct stmt s = {
        "representation_get",
        "SELECT result, key, size, sha256, crc32, made_at FROM representation WHERE tag = $1", false};
    struct db_value args[] = {db_of_text(tag)};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc <= 0)
        return rc;
    *ret = (struct representation_row){
        .tag = tag,
        .result = db_int(db, c, 0),
        .key = row_text(db, c, a, 1),
        .size = db_int(db, c, 2),
        .sha256 = row_text(db, c, a, 3),
        .crc32 = (uint32_t)db_int(db, c, 4),
        .made_at = db_int(db, c, 5),
    };
    db_done(db, c);
    return rc;
}

int store_representation_add(struct db *db, const struct representation_row *r, struct err *e)
{
    static const struct stmt s = {
        "representation_add",
        "INSERT INTO representation (tag, result, key, size, sha256, crc32, made_at)"
        " SELECT $1, pk, $3, $4, $5, $6, $7 FROM result WHERE pk = $2 AND stored = 1",
        false};
    struct db_value args[] = {db_of_text(r->tag),   db_of_int(r->result),  db_of_text(r->key),
                              db_of_int(r->size),   db_of_text(r->sha256), db_of_int(r->crc32),
                              db_of_int(r->made_at)};
    int64_t changes = 0;
    int rc = db_run(db, &s, args, STORE_COUNT(args), &changes, e);
    if (rc == 0 && changes == 0)
        rc = store_doomed_add(db, r->key, r->made_at, e); /* its result has gone in the meantime */
    return rc;
}

/* The rows that `condition` names, and their blobs. */
static int drop(struct db *db, const struct stmt *doom, const struct stmt *remove,
                const struct db_value *args, int count, struct err *e)
{
    int rc = db_run(db, doom, args, count, NULL, e);
    return rc < 0 ? rc : db_run(db, remove, args, count, NULL, e);
}

#define DOOM "INSERT INTO doomed_blob (key, retry_at) SELECT key, $2 FROM representation WHERE "
#define DROP "DELETE FROM representation WHERE "

int store_representation_drop(struct db *db, const char *tag, int64_t now, struct err *e)
{
    static const struct stmt doom = {"representation_doom", DOOM "tag = $1", false};
    static const struct stmt remove = {"representation_drop", DROP "tag = $1", false};
    struct db_value args[] = {db_of_text(tag), db_of_int(now)};
    return drop(db, &doom, &remove, args, STORE_COUNT(args), e);
}

int store_representation_drop_of(struct db *db, int64_t result, int64_t now, struct err *e)
{
    static const struct stmt doom = {"representation_doom_of", DOOM "result = $1", false};
    static const struct stmt remove = {"representation_drop_of", DROP "result = $1", false};
    struct db_value args[] = {db_of_int(result), db_of_int(now)};
    return drop(db, &doom, &remove, args, STORE_COUNT(args), e);
}

int store_representation_make_room(struct db *db, int64_t limit, int64_t now, struct err *e)
{
    static const struct stmt total = {"representation_total", "SELECT sum(size) FROM representation", false};
    static const struct stmt oldest = {
        "representation_oldest", "SELECT tag, size FROM representation ORDER BY made_at LIMIT 1", false};
    int64_t sum = 0;
    struct arena a = {0};
    int rc = row_int(db, &total, NULL, 0, &sum, e);
    while (rc >= 0 && sum > 0 && sum > limit) {
        struct db_cursor *c = NULL;
        rc = row_one(db, &oldest, NULL, 0, &c, e);
        if (rc <= 0)
            break;
        const char *tag = row_text(db, c, &a, 0);
        sum -= db_int(db, c, 1);
        db_done(db, c);
        rc = store_representation_drop(db, tag, now, e);
    }
    arena_free(&a);
    return rc < 0 ? rc : 0;
}
