/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables as they are, whatever columns they have: both engines have the same. What is put together here has
 * names of tables and columns in it, which come from the schema.
 */
#include "store/row.h"

#include <string.h>

/* What refers to something comes after it. */
const struct whole_table store_whole_tables[] = {
    {"project", "pk", true, NULL},
    {"principal", "pk", true, NULL},
    {"signing_key", "pk", true, NULL},
    {"storage", "pk", true, NULL},
    {"batch", "pk", true, NULL},
    {"document", "pk", true, NULL},
    {"job", "pk", true, NULL},
    {"result", "pk", true,
     "INSERT INTO result_state (in_project, in_state, pk) SELECT project, state, pk FROM result WHERE pk = $1"},
    {"result_bytes", "result", false, NULL},
    {"result_table", "result", false, NULL},
    {"link", "pk", true, NULL},
    {"event", "seq", false, NULL},
    {"usage", /* some rows for each project: which one is it */
     "project * 8 + trash * 4 + CASE state WHEN 'available' THEN 0 WHEN 'consumed' THEN 1 ELSE 2 END", false,
     NULL},
    {"usage_hour", "pk", true, NULL},
    {NULL, NULL, false, NULL},
};

const char *const store_whole_names[] = {
    "project",      "principal",    "signing_key", "storage", "batch", "document",   "job", "result",
    "result_bytes", "result_table", "link",        "event",   "usage", "usage_hour", NULL};

const char *const store_whole_left[] = {"result_state",
                                        "representation",
                                        "representation_total",
                                        "making",
                                        "doomed_blob",
                                        "orphan",
                                        "removal",
                                        "heartbeat",
                                        "schema_migration",
                                        "relocation",
                                        "relocation_lost",
                                        "instance",
                                        NULL};

static const struct stmt *make_page(struct arena *a, const struct whole_table *t)
{
    struct stmt *s = arena_alloc(a, sizeof *s);
    *s = (struct stmt){
        "whole_page",
        arena_printf(a, "SELECT (%s) AS key_of_row, t.* FROM %s t WHERE (%s) > $1 ORDER BY 1 LIMIT $2",
                     t->key, t->name, t->key),
        true, true};
    return s;
}

/* The first column is the key. */
static int give_row(struct db *db, struct db_cursor *c, struct arena *a, store_whole_fn *each, void *ctx,
                    struct err *e)
{
    int count = db_columns(db, c) - 1;
    const char **names = arena_alloc(a, (size_t)count * sizeof *names);
    struct db_value *values = arena_alloc(a, (size_t)count * sizeof *values);
    for (int i = 0; i < count; i++) {
        names[i] = db_column(db, c, i + 1);
        values[i] = db_value(db, c, i + 1);
    }
    struct whole_row r = {.key = db_int(db, c, 0), .count = count, .names = names, .values = values};
    return each(ctx, &r, e);
}

int store_whole_page(struct db *db, const struct whole_table *t, int64_t after, int64_t limit,
                     store_whole_fn *each, void *ctx, struct err *e)
{
    struct db_value args[] = {db_of_int(after), db_of_int(limit)};
    struct arena a = {0};
    struct db_cursor *c = NULL;
    int rc = db_query(db, make_page(&a, t), args, STORE_COUNT(args), &c, e);
    while (rc == 0 && (rc = db_step(db, c, e)) > 0) {
        struct arena row = {0};
        rc = give_row(db, c, &row, each, ctx, e);
        arena_free(&row);
    }
    db_done(db, c);
    arena_free(&a);
    return rc;
}

int store_whole_add(struct db *db, const struct whole_table *t, const struct whole_row *r, struct err *e)
{
    struct arena a = {0};
    struct buf text = {.arena = &a};
    buf_printf(&text, "INSERT INTO %s (", t->name);
    for (int i = 0; i < r->count; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", r->names[i]);
    buf_puts(&text, ") VALUES (");
    for (int i = 0; i < r->count; i++)
        buf_printf(&text, "%s$%d", i ? ", " : "", i + 1);
    buf_puts(&text, ")");
    struct stmt s = {"whole_add", buf_str(&text), true, false};
    struct stmt also = {"whole_also", t->also, true, false};
    struct db_value key = db_of_int(r->key);
    int rc = db_run(db, &s, r->values, r->count, NULL, e);
    if (rc == 0 && t->also)
        rc = db_run(db, &also, &key, 1, NULL, e);
    arena_free(&a);
    return rc;
}

int store_whole_count(struct db *db, const struct whole_table *t, int64_t *ret, struct err *e)
{
    struct arena a = {0};
    struct stmt s = {"whole_count", arena_printf(&a, "SELECT count(*) FROM %s", t->name), true, false};
    int rc = row_int(db, &s, NULL, 0, ret, e);
    arena_free(&a);
    return rc < 0 ? rc : 0;
}

int store_whole_last(struct db *db, const struct whole_table *t, int64_t *ret_key, struct err *e)
{
    struct arena a = {0};
    const char *text = arena_printf(&a, "SELECT coalesce(max(%s), 0) FROM %s", t->key, t->name);
    struct stmt s = {"whole_last", text, true, false};
    int rc = row_int(db, &s, NULL, 0, ret_key, e);
    arena_free(&a);
    return rc < 0 ? rc : 0;
}

int store_whole_bytes(struct db *db, int64_t *ret_results, int64_t *ret_bytes, struct err *e)
{
    static const struct stmt s DB_LISTED = {"whole_bytes",
                                            "SELECT count(*), coalesce(sum(size), 0) FROM result"
                                            " WHERE stored = 1 AND storage IS NULL",
                                            false};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, NULL, 0, &c, e);
    if (rc <= 0)
        return rc;
    *ret_results = db_int(db, c, 0);
    *ret_bytes = db_int(db, c, 1);
    db_done(db, c);
    return 0;
}
