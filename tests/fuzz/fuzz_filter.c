/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FilterSpec: whatever is taken stays within the limits, and the database makes of it what a plain walk over
 * all rows makes: the same rows in the same order.
 */
#include "api/ufdl.h"
#include "base/clock.h"
#include "fuzz/fuzz.h"
#include "support/world.h"

#include <string.h>

enum { ROWS = 10, FIELDS = 20, DEEPEST = 8 };

/* --- rows --- */

struct sample {
    int64_t pk;
    bool deleted;
    struct db_value cells[FIELDS]; /* as in ufdl_outputs */
};

static struct world w;
static struct sample rows[ROWS];

static const char *const changes[] = {
    "UPDATE result SET name = char(100 + pk) || CASE pk % 3 WHEN 0 THEN 'AbC' WHEN 1 THEN 'abc' ELSE 'é' END",
    "UPDATE result SET type = CASE pk % 4 WHEN 0 THEN '' WHEN 1 THEN 'JSON' WHEN 2 THEN 'json' ELSE 'x' END",
    "UPDATE result SET kind = CASE pk % 2 WHEN 0 THEN 'train' ELSE 'predict' END",
    "UPDATE result SET created_at = created_at + (pk * 7 % 5) * 1000000",
    "UPDATE result SET deleted_at = pk * 1000000 WHERE pk % 5 = 0",
    "UPDATE result SET state = CASE pk % 3 WHEN 0 THEN 'consumed' WHEN 1 THEN 'expired' ELSE state END",
    "UPDATE job SET finished_at = NULL WHERE pk % 2 = 0",
    "UPDATE job SET status = 'cancelled' WHERE pk % 3 = 0",
    "UPDATE job SET input = '{\"description\":\"job ' || pk || '\"}' WHERE pk % 2 = 1",
    ("INSERT INTO document (id, project, kind, name, body, creator, created_at, changed_at)"
     " VALUES ('d', 1, 'ufdl.template', 'train', '{}', 1, 0, 0)"),
};

static struct db_value cell(struct db_cursor *c, int column, enum filter_type type)
{
    size_t len;
    if (db_is_null(w.db, c, column))
        return (struct db_value){.type = DB_NULL};
    if (type != FILTER_TEXT)
        return db_of_int(db_int(w.db, c, column));
    const char *bytes = db_blob(w.db, c, column, &len);
    return (struct db_value){.type = DB_TEXT, .bytes = arena_copy(&w.arena, bytes, len), .len = len};
}

static void load(void)
{
    struct buf sql = {.arena = &w.arena};
    struct db_value project = db_of_int(w.actor.project);
    struct db_cursor *c = NULL;
    struct err e;
    FUZZ_ASSERT(ufdl_outputs.count <= FIELDS);
    buf_puts(&sql, "SELECT r.pk, r.deleted_at");
    for (size_t i = 0; i < ufdl_outputs.count; i++)
        buf_printf(&sql, ", %s", ufdl_outputs.fields[i].column->sql);
    buf_puts(&sql, " FROM result r WHERE r.project = $1 ORDER BY r.pk");
    struct stmt s = {"rows", buf_str(&sql), true};
    FUZZ_ASSERT(db_query(w.db, &s, &project, 1, &c, &e) == 0);
    for (int n = 0; n < ROWS; n++) {
        FUZZ_ASSERT(db_step(w.db, c, &e) == 1);
        rows[n].pk = db_int(w.db, c, 0);
        rows[n].deleted = !db_is_null(w.db, c, 1);
        for (size_t i = 0; i < ufdl_outputs.count; i++)
            rows[n].cells[i] = cell(c, (int)i + 2, ufdl_outputs.fields[i].column->type);
    }
    db_done(w.db, c);
}

static void begin(void)
{
    const char *job = NULL;
    char name[] = "a";
    world_open(&w);
    for (int n = 0; n < ROWS; n++, name[0]++) {
        job = n % 3 ? job : world_job(&w);
        world_publish(&w, job, name, 1, false);
    }
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        world_sql(&w, changes[i]);
    load();
}

/* --- a plain walk --- */

static const struct db_value *of(const struct sample *r, const struct filter_column *column)
{
    size_t i = 0;
    while (ufdl_outputs.fields[i].column != column)
        i++;
    return &r->cells[i];
}

static int compare(const struct db_value *a, const struct db_value *b)
{
    if (a->type != DB_TEXT)
        return (a->integer > b->integer) - (a->integer < b->integer);
    size_t len = a->len < b->len ? a->len : b->len;
    int order = len ? memcmp(a->bytes, b->bytes, len) : 0;
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static struct db_value lower(struct arena *a, const struct db_value *v)
{
    struct db_value low = *v;
    char *text = arena_copy(a, v->bytes, v->len);
    for (char *p = text; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    low.bytes = text;
    return low;
}

static bool contains(struct arena *a, const struct db_value *whole, const struct db_value *part)
{
    const char *text = whole->type == DB_TEXT ? arena_copy(a, whole->bytes, whole->len)
                                              : arena_printf(a, "%lld", (long long)whole->integer);
    return strstr(text, arena_copy(a, part->bytes, part->len)) != NULL;
}

static bool holds(struct arena *a, const struct filter_node *n, const struct sample *r);

static bool all_or_any(struct arena *a, const struct filter_node *n, const struct sample *r)
{
    bool all = n->op == FILTER_AND;
    for (const struct filter_node *child = n->first; child; child = child->next)
        if (holds(a, child, r) != all)
            return !all;
    return all;
}

static bool is_so(struct arena *a, const struct filter_node *n, const struct sample *r)
{
    if (n->op == FILTER_AND || n->op == FILTER_OR)
        return all_or_any(a, n, r);
    struct db_value left = *of(r, n->column);
    struct db_value right = n->value;
    if (n->op == FILTER_IS_NULL || left.type == DB_NULL)
        return n->op == FILTER_IS_NULL && left.type == DB_NULL;
    FUZZ_ASSERT(right.type ==
                (n->column->type == FILTER_TEXT || n->op == FILTER_CONTAINS ? DB_TEXT : DB_INT));
    if (n->fold && left.type == DB_TEXT)
        left = lower(a, &left);
    if (n->fold)
        right = lower(a, &right);
    if (n->op == FILTER_CONTAINS)
        return contains(a, &left, &right);
    int order = compare(&left, &right);
    return n->op == FILTER_EQUAL     ? order == 0
           : n->op == FILTER_LESS    ? order < 0
           : n->op == FILTER_AT_MOST ? order <= 0
           : n->op == FILTER_GREATER ? order > 0
                                     : order >= 0;
}

static bool holds(struct arena *a, const struct filter_node *n, const struct sample *r)
{
    return is_so(a, n, r) != n->invert;
}

static int in_order(const struct filter *f, const struct sample *a, const struct sample *b)
{
    for (const struct filter_order *o = f->order; o; o = o->next) {
        const struct db_value *x = of(a, o->column);
        const struct db_value *y = of(b, o->column);
        int nulls = (x->type == DB_NULL) - (y->type == DB_NULL);
        if (nulls)
            return o->nulls_first ? -nulls : nulls;
        int order = x->type == DB_NULL ? 0 : compare(x, y);
        if (order)
            return o->descending ? -order : order;
    }
    return (a->pk > b->pk) - (a->pk < b->pk);
}

static int walk(struct arena *a, const struct filter *f, const struct sample *ret[ROWS])
{
    const struct filter_node all = {.op = FILTER_AND, .first = (struct filter_node *)(uintptr_t)f->first};
    int count = 0;
    for (int i = 0; i < ROWS; i++) {
        int at = count;
        if ((rows[i].deleted && !f->deleted) || !holds(a, &all, &rows[i]))
            continue;
        for (; at > 0 && in_order(f, ret[at - 1], &rows[i]) > 0; at--)
            ret[at] = ret[at - 1];
        ret[at] = &rows[i];
        count++;
    }
    return count;
}

/* --- and what the database makes of it --- */

struct found {
    const struct sample *wanted[ROWS];
    int count;
    int seen;
};

static int see(void *ctx, const struct result *r, struct err *e)
{
    struct found *f = ctx;
    (void)e;
    FUZZ_ASSERT(f->seen < f->count);
    FUZZ_ASSERT(f->wanted[f->seen]->pk == r->pk);
    f->seen++;
    return 0;
}

static int count_nodes(const struct filter_node *n, int depth)
{
    int count = 0;
    FUZZ_ASSERT(depth <= 3);
    for (; n; n = n->next)
        count += 1 + count_nodes(n->first, depth + 1);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    const struct json *body = NULL;
    struct found found = {.count = 0};
    struct filter f;
    struct err e;
    if (!w.db)
        begin();
    const char *text = arena_copy(&a, data, size);
    if ((size && json_parse(&a, text, size, DEEPEST, &body, &e) < 0) ||
        ufdl_filter_parse(&a, body, ufdl_outputs.fields, ufdl_outputs.count, &f, &e) < 0) {
        FUZZ_ASSERT(err_status(e.code) == 400 && *e.detail);
        arena_free(&a);
        return 0;
    }
    FUZZ_ASSERT(count_nodes(f.first, 0) <= FILTER_NODES);
    found.count = walk(&a, &f, found.wanted);
    FUZZ_ASSERT(store_result_query(w.db, w.actor.project, &f, see, &found, &e) == 0);
    FUZZ_ASSERT(found.seen == found.count);
    arena_free(&a);
    return 0;
}
