/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Representations that were made and are kept: which blob holds what. They can be made again at any time, so
 * the oldest make room for new ones; a blob is let go of in the transaction that removes its row.
 */
#include "base/text.h"
#include "store/row.h"

enum { PAGE = 100 };

int store_representation_get(struct db *db, struct arena *a, const char *tag, struct representation_row *ret,
                             struct err *e)
{
    static const struct stmt s DB_LISTED = {
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

static int add_to_total(struct db *db, int64_t size, struct err *e)
{
    static const struct stmt s DB_LISTED = {"representation_total_add",
                                            "UPDATE representation_total SET size = size + $1", false};
    struct db_value args[] = {db_of_int(size)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

static int next_page(struct db *db, struct arena *a, const char *after, struct representation_row *page,
                     struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "representation_after",
        "SELECT tag, result, key, size, sha256, crc32, made_at FROM representation WHERE tag > $1"
        " ORDER BY tag LIMIT $2",
        false};
    struct db_value args[] = {db_of_text(after), db_of_int(PAGE)};
    struct db_cursor *c = NULL;
    int n = 0;
    int rc = db_query(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    while (n < PAGE && (rc = db_step(db, c, e)) > 0)
        page[n++] = (struct representation_row){
            .tag = row_text(db, c, a, 0),
            .result = db_int(db, c, 1),
            .key = row_text(db, c, a, 2),
            .size = db_int(db, c, 3),
            .sha256 = row_text(db, c, a, 4),
            .crc32 = (uint32_t)db_int(db, c, 5),
            .made_at = db_int(db, c, 6),
        };
    db_done(db, c);
    return rc < 0 ? rc : n;
}

int store_representation_each(struct db *db, store_representation_fn *each, void *ctx, struct err *e)
{
    struct representation_row page[PAGE];
    char after[DIGEST_SHA256_HEX] = "";
    int n = 0;
    do {
        struct arena a = {0};
        int rc = 0;
        n = next_page(db, &a, after, page, e);
        for (int i = 0; rc == 0 && i < n; i++)
            rc = each(ctx, &page[i], e);
        if (n > 0)
            text_copy(after, sizeof after, page[n - 1].tag);
        arena_free(&a);
        if (rc < 0)
            return rc;
    } while (n == PAGE);
    return n < 0 ? n : 0;
}

int store_representation_add(struct db *db, const struct representation_row *r, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "representation_add",
        "INSERT INTO representation (tag, result, key, size, sha256, crc32, made_at)"
        " SELECT $1, pk, $3, $4, $5, $6, $7 FROM result WHERE pk = $2 AND stored = 1"
        " ON CONFLICT (tag) DO NOTHING" /* another node may have been quicker */,
        false};
    struct db_value args[] = {db_of_text(r->tag),   db_of_int(r->result),  db_of_text(r->key),
                              db_of_int(r->size),   db_of_text(r->sha256), db_of_int(r->crc32),
                              db_of_int(r->made_at)};
    int64_t changes = 0;
    int rc = db_run(db, &s, args, STORE_COUNT(args), &changes, e);
    if (rc < 0)
        return rc;
    return changes ? add_to_total(db, r->size, e)
                   : store_doomed_add(db, r->key, r->made_at, e); /* its result has gone in the meantime */
}

/* Statements about the rows of one condition. */
struct dropping {
    struct stmt doom, subtract, remove;
};

#define DOOM "INSERT INTO doomed_blob (key, retry_at) SELECT key, $2 FROM representation WHERE "
#define SUBTRACT                                                                                             \
    "UPDATE representation_total SET size = size - (SELECT coalesce(sum(size), 0) FROM representation WHERE "
#define DROP "DELETE FROM representation WHERE "

/* The rows go, and their blobs. */
static int drop(struct db *db, const struct dropping *d, const struct db_value *args, int count,
                struct err *e)
{
    int64_t changes = 0;
    int rc = db_run(db, &d->doom, args, count, &changes, e);
    if (rc < 0 || changes == 0)
        return rc;
    rc = db_run(db, &d->subtract, args, 1, NULL, e);
    return rc < 0 ? rc : db_run(db, &d->remove, args, 1, NULL, e);
}

int store_representation_drop(struct db *db, const char *tag, int64_t due_at, struct err *e)
{
    static const struct dropping these DB_LISTED = {
        .doom = {"representation_doom", DOOM "tag = $1", false},
        .subtract = {"representation_subtract", SUBTRACT "tag = $1)", false},
        .remove = {"representation_drop", DROP "tag = $1", false},
    };
    struct db_value args[] = {db_of_text(tag), db_of_int(due_at)};
    return drop(db, &these, args, STORE_COUNT(args), e);
}

int store_representation_drop_of(struct db *db, int64_t result, int64_t due_at, struct err *e)
{
    static const struct dropping these DB_LISTED = {
        .doom = {"representation_doom_of", DOOM "result = $1", false},
        .subtract = {"representation_subtract_of", SUBTRACT "result = $1)", false},
        .remove = {"representation_drop_of", DROP "result = $1", false},
    };
    struct db_value args[] = {db_of_int(result), db_of_int(due_at)};
    return drop(db, &these, args, STORE_COUNT(args), e);
}

int store_representation_make_room(struct db *db, int64_t limit, int64_t due_at, struct err *e)
{
    static const struct stmt total DB_LISTED = {"representation_total",
                                                "SELECT size FROM representation_total", false};
    static const struct stmt oldest DB_LISTED = {
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
        rc = store_representation_drop(db, tag, due_at, e);
    }
    arena_free(&a);
    return rc < 0 ? rc : 0;
}
