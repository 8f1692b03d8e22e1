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
 * <> …` and `kind || '' = …` say the same without one. The state's is a table of its own. Narrow means job,
 * batch, labels, name, type, kind, deleted, in this order.
 */
static bool has_narrow_filter(const struct result_filter *f)
{
    return f->job || f->batch || f->labels.count || f->name || f->type || f->kind ||
           f->deleted == DELETED_ONLY;
}

static void add_other_states(struct row_sql *q, const char *state)
{
    for (int i = 0; i < RESULT_STATE_END; i++)
        if (strcmp(result_state_names[i], state) != 0)
            row_sql_value(q, " AND r.state <> ", db_of_text(result_state_names[i]));
}

/* The expression is that of the index result_untyped. */
static void add_untyped(struct row_sql *q, const char *media_type, bool narrowed)
{
    row_sql_add(q, narrowed ? " AND r.type || '' = ''" : " AND r.type = ''");
    row_sql_value(q, " AND lower(rtrim(substr(r.media_type, 1, instr(r.media_type || ';', ';') - 1))) = ",
                  db_of_text(media_type));
}

static void add_filters(struct row_sql *q, const struct result_filter *f, bool by_state)
{
    row_sql_project(q, by_state ? "r.in_project" : "r.project", f->project, &f->labels);
    if (f->job)
        row_sql_value(q, " AND r.job = ", db_of_int(f->job));
    if (f->batch)
        row_sql_value(q, " AND r.batch = ", db_of_int(f->batch));
    row_sql_batch_labels(q, "r.batch", f->project, &f->labels);
    bool narrowed = f->job || f->batch || f->labels.count;
    if (f->name)
        row_sql_value(q, narrowed ? " AND r.name || '' = " : " AND r.name = ", db_of_text(f->name));
    narrowed = narrowed || f->name;
    if (f->type && f->untyped)
        add_untyped(q, f->untyped, narrowed);
    else if (f->type)
        row_sql_value(q, narrowed ? " AND r.type || '' = " : " AND r.type = ", db_of_text(f->type));
    narrowed = narrowed || f->type;
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

/* `state`: what it is recorded in, NULL for whatever that is. */
static void add_select(struct row_sql *q, const struct result_filter *f, const struct page *page,
                       const char *state)
{
    bool by_state = state && !has_narrow_filter(f);
    row_sql_add(q, by_state ? "SELECT " RESULT_COLUMNS " FROM " RESULT_BY_STATE RESULT_JOINS
                            : "SELECT " RESULT_COLUMNS RESULT_FROM);
    add_filters(q, f, by_state);
    row_sql_place(q, "r.pk", f->oldest_first, page);
    if (by_state)
        row_sql_value(q, " AND r.in_state = ", db_of_text(state));
    else if (state)
        add_other_states(q, state);
}

/* A list that is put together: from one part, or merged from several in the order of pk. */
struct list {
    struct row_sql *q;
    const struct page *page;
    bool several;
    int parts;
};

static void add_order(struct list *l, const struct result_filter *f)
{
    row_sql_value(l->q, f->oldest_first ? " ORDER BY 1 LIMIT " : " ORDER BY 1 DESC LIMIT ",
                  db_of_int(l->page->limit));
}

/* Each of several has the limit, too: else PostgreSQL reads all of each and sorts. */
static void begin_part(struct list *l, const struct result_filter *f, const char *state)
{
    if (l->several)
        row_sql_add(l->q, l->parts ? " UNION ALL SELECT * FROM (" : "SELECT * FROM (");
    add_select(l->q, f, l->page, state);
}

static void end_part(struct list *l, const struct result_filter *f)
{
    l->parts++;
    if (!l->several)
        return;
    add_order(l, f);
    buf_printf(&l->q->text, ") part%d", l->parts);
}

static void add_expired(struct list *l, const struct result_filter *f)
{
    begin_part(l, f, result_state_names[RESULT_EXPIRED]);
    end_part(l, f);
    begin_part(l, f, NULL);
    row_sql_value(l->q, " AND r.pk IN (SELECT pk FROM result WHERE due_at <= ",
                  db_of_int(f->now)); /* few: by their index */
    row_sql_add(l->q, " AND expired_at IS NULL)");
    end_part(l, f);
}

static void add_in_state(struct list *l, const struct result_filter *f, const char *state)
{
    begin_part(l, f, state);
    row_sql_value(l->q, " AND (r.due_at IS NULL OR r.due_at > ", db_of_int(f->now));
    row_sql_add(l->q, ")");
    end_part(l, f);
}

/* Narrower filters do not need the states. */
static void add_any(struct list *l, const struct result_filter *f)
{
    for (int i = 0; i < (has_narrow_filter(f) ? 1 : RESULT_STATE_END); i++) {
        begin_part(l, f, has_narrow_filter(f) ? NULL : result_state_names[i]);
        end_part(l, f);
    }
}

static const char *state_of(const struct result_filter *f)
{
    return f->state ? f->state : result_state_names[RESULT_AVAILABLE];
}

static bool is_any(const struct result_filter *f)
{
    return strcmp(state_of(f), "any") == 0;
}

static bool is_expired(const struct result_filter *f)
{
    return strcmp(state_of(f), result_state_names[RESULT_EXPIRED]) == 0;
}

static void add_parts(struct list *l, const struct result_filter *f)
{
    if (is_any(f))
        add_any(l, f);
    else if (is_expired(f))
        add_expired(l, f);
    else
        add_in_state(l, f, state_of(f));
}

static void add_page(struct row_sql *q, const struct result_filter *f, const struct page *page)
{
    bool several = f->untyped || is_expired(f) || (is_any(f) && !has_narrow_filter(f));
    struct list l = {.q = q, .page = page, .several = several};
    if (f->untyped) {
        struct result_filter typed = *f;
        typed.untyped = NULL;
        add_parts(&l, &typed);
    }
    add_parts(&l, f);
    add_order(&l, f);
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
    struct row_sql q = {.text = {.arena = a}};
    add_page(&q, f, &row_counted);
    return row_sql_count(db, &q, "result_count", ret, e);
}
