/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of results: the statement is put together from constant pieces so that each combination of filters
 * can use an index that ends in pk, which is the order of pages: whatever the size of the table, a page reads
 * as many rows as it shows.
 *
 * Whether a result is expired depends on the clock, up to the sweep that records it: "available" excludes
 * what is due, and "expired" is the union of the recorded and the due.
 */
#include "store/result_row.h"

#include <string.h>

/*
 * SQLite has no statistics here, so only the narrowest filter is written so that an index serves it: `state
 * <> …` and `kind || '' = …` say the same without one. Narrow means job, batch, labels, name, type, kind,
 * deleted, in this order.
 */
static bool has_narrow_filter(const struct result_filter *f)
{
    return f->job || f->batch || f->labels.count || f->name || f->kind || (f->type && *f->type) ||
           f->deleted == DELETED_ONLY;
}

static void add_state(struct row_sql *q, const struct result_filter *f, const char *state)
{
    if (!has_narrow_filter(f)) {
        row_sql_value(q, " AND r.state = ", db_of_text(state));
        return;
    }
    for (int i = 0; i < RESULT_STATE_END; i++)
        if (strcmp(result_state_names[i], state) != 0)
            row_sql_value(q, " AND r.state <> ", db_of_text(result_state_names[i]));
}

static void add_filters(struct row_sql *q, const struct result_filter *f)
{
    row_sql_project(q, "r.project", f->project, &f->labels);
    if (f->job)
        row_sql_value(q, " AND r.job = ", db_of_int(f->job));
    if (f->batch)
        row_sql_value(q, " AND r.batch = ", db_of_int(f->batch));
    row_sql_batch_labels(q, "r.batch", f->project, &f->labels);
    bool narrowed = f->job || f->batch || f->labels.count;
    if (f->name)
        row_sql_value(q, narrowed ? " AND r.name || '' = " : " AND r.name = ", db_of_text(f->name));
    narrowed = narrowed || f->name;
    if (f->type)
        row_sql_value(q, *f->type && !narrowed ? " AND r.type <> '' AND r.type = " : " AND r.type || '' = ",
                      db_of_text(f->type));
    narrowed = narrowed || (f->type && *f->type);
    if (f->kind)
        row_sql_value(q, narrowed ? " AND r.kind || '' = " : " AND r.kind = ", db_of_text(f->kind));
    if (f->created_after)
        row_sql_value(q, " AND r.created_at + 0 > ", db_of_int(f->created_after));
    if (f->created_before)
        row_sql_value(q, " AND r.created_at + 0 < ", db_of_int(f->created_before));
    if (f->deleted == DELETED_NO)
        row_sql_add(q, " AND r.deleted_at IS NULL");
    if (f->deleted == DELETED_ONLY)
        row_sql_add(q, " AND r.deleted_at IS NOT NULL");
}

static void add_select(struct row_sql *q, const struct result_filter *f, const struct page *page)
{
    row_sql_add(q, "SELECT " RESULT_COLUMNS RESULT_FROM);
    add_filters(q, f);
    row_sql_place(q, "r.pk", f->oldest_first, page);
}

static void add_expired(struct row_sql *q, const struct result_filter *f, const struct page *page)
{
    add_select(q, f, page);
    add_state(q, f, result_state_names[RESULT_EXPIRED]);
    row_sql_add(q, " UNION ALL ");
    add_select(q, f, page);
    row_sql_value(q, " AND r.pk IN (SELECT pk FROM result WHERE due_at <= ",
                  db_of_int(f->now)); /* few: by their index */
    row_sql_add(q, ")");
}

static void add_in_state(struct row_sql *q, const struct result_filter *f, const struct page *page,
                         const char *state)
{
    add_select(q, f, page);
    add_state(q, f, state);
    row_sql_value(q, " AND (r.due_at IS NULL OR r.due_at > ", db_of_int(f->now));
    row_sql_add(q, ")");
}

/* Three lists merged in the order of pk, each from the index of its state; narrower filters need only one. */
static void add_any(struct row_sql *q, const struct result_filter *f, const struct page *page)
{
    if (has_narrow_filter(f)) {
        add_select(q, f, page);
        return;
    }
    for (int i = 0; i < RESULT_STATE_END; i++) {
        if (i)
            row_sql_add(q, " UNION ALL ");
        add_select(q, f, page);
        add_state(q, f, result_state_names[i]);
    }
}

static void add_page(struct row_sql *q, const struct result_filter *f, const struct page *page)
{
    const char *state = f->state ? f->state : result_state_names[RESULT_AVAILABLE];
    if (strcmp(state, "any") == 0)
        add_any(q, f, page);
    else if (strcmp(state, result_state_names[RESULT_EXPIRED]) == 0)
        add_expired(q, f, page);
    else
        add_in_state(q, f, page, state);
    row_sql_value(q, f->oldest_first ? " ORDER BY 1 LIMIT " : " ORDER BY 1 DESC LIMIT ",
                  db_of_int(page->limit));
}

int store_result_list(struct db *db, struct arena *a, const struct result_filter *f, const struct page *page,
                      struct result **ret, struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    add_page(&q, f, page);
    struct stmt s = {"result_list", buf_str(&q.text), true};
    return result_row_list(db, a, &s, q.args, q.count, ret, e);
}

int store_result_count(struct db *db, struct arena *a, const struct result_filter *f, int64_t *ret,
                       struct err *e)
{
    static const struct page all = {.limit = STORE_COUNT_LIMIT};
    struct row_sql q = {.text = {.arena = a}};
    row_sql_add(&q, "SELECT count(*) FROM (");
    add_page(&q, f, &all);
    row_sql_add(&q, ") counted");
    return row_sql_int(db, &q, "result_count", ret, e);
}
