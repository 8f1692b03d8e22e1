/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See filter.h. There are no statistics for SQLite to choose an index by, so the narrowest condition that one
 * serves is chosen here, and the others are written so that no index fits: `col || '' = …`, `col + 0 = …`.
 */
#include "store/row.h"

#include <assert.h>

static bool is_comparison(const struct filter_node *n)
{
    return n->op >= FILTER_EQUAL && n->op <= FILTER_AT_LEAST;
}

static bool is_served(const struct filter_node *n)
{
    return is_comparison(n) && n->column && !n->invert && !n->fold && n->column->index;
}

static bool is_narrower(const struct filter_node *n, const struct filter_node *than)
{
    bool exact = n->op == FILTER_EQUAL;
    if (!than || exact != (than->op == FILTER_EQUAL))
        return !than || exact;
    return n->column->index < than->column->index;
}

static const struct filter_node *narrowest(const struct filter_node *list, const struct filter_node *best)
{
    for (const struct filter_node *n = list; n; n = n->next) {
        if (n->op == FILTER_AND && !n->invert)
            best = narrowest(n->first, best);
        else if (is_served(n) && is_narrower(n, best))
            best = n;
    }
    return best;
}

const struct filter_node *filter_narrowest(const struct filter *f)
{
    return narrowest(f->first, NULL);
}

/* --- conditions --- */

static struct db_value folded(struct arena *a, struct db_value v)
{
    char *text = arena_copy(a, v.bytes, v.len);
    for (size_t i = 0; i < v.len; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] + ('a' - 'A'));
    v.bytes = text;
    return v;
}

static void add_column(struct row_sql *q, const struct filter_node *n, bool by_index)
{
    assert(n->column);
    const char *sql = n->column->sql;
    if (n->fold)
        buf_printf(&q->text, "lower(%s)", sql);
    else if (by_index)
        row_sql_add(q, sql);
    else
        buf_printf(&q->text, n->column->type == FILTER_TEXT ? "%s || ''" : "%s + 0", sql);
}

static void add_comparison(struct row_sql *q, const struct filter_node *n, bool by_index)
{
    static const char *const operators[] = {[FILTER_EQUAL] = " = ",
                                            [FILTER_LESS] = " < ",
                                            [FILTER_AT_MOST] = " <= ",
                                            [FILTER_GREATER] = " > ",
                                            [FILTER_AT_LEAST] = " >= "};
    const char *keys = by_index ? n->column->keys : NULL;
    if (keys)
        row_sql_add(q, keys);
    else
        add_column(q, n, by_index);
    row_sql_value(q, operators[n->op], n->fold ? folded(q->text.arena, n->value) : n->value);
    row_sql_add(q, keys ? ")" : "");
}

/* A text that changes when all of the part is taken out has it: unlike LIKE this means the same everywhere.
 */
static void add_contains(struct row_sql *q, const struct filter_node *n)
{
    const char *sql = n->column->sql;
    if (n->column->type != FILTER_TEXT)
        sql = arena_printf(q->text.arena, "CAST(%s AS TEXT)", sql);
    if (n->fold)
        sql = arena_printf(q->text.arena, "lower(%s)", sql);
    buf_printf(&q->text, "replace(%s", sql);
    row_sql_value(q, ", ", n->fold ? folded(q->text.arena, n->value) : n->value);
    buf_printf(&q->text, ", '') <> %s", sql);
}

static void add_node(struct row_sql *q, const struct filter_node *n, const struct filter_column *by_index);

static void add_list(struct row_sql *q, const struct filter_node *n, const char *between,
                     const struct filter_column *by_index)
{
    for (const struct filter_node *child = n->first; child; child = child->next) {
        add_node(q, child, by_index);
        if (child->next)
            row_sql_add(q, between);
    }
    if (!n->first)
        row_sql_add(q, n->op == FILTER_OR ? "1 = 0" : "1 = 1");
}

/* Of what is not true null is a part, so NOT would not do. */
static void add_node(struct row_sql *q, const struct filter_node *n, const struct filter_column *by_index)
{
    const struct filter_column *inside = n->op == FILTER_AND && !n->invert ? by_index : NULL;
    row_sql_add(q, "(");
    if (n->op == FILTER_AND || n->op == FILTER_OR)
        add_list(q, n, n->op == FILTER_OR ? " OR " : " AND ", inside);
    else if (n->op == FILTER_CONTAINS)
        add_contains(q, n);
    else if (n->op == FILTER_IS_NULL)
        buf_printf(&q->text, "%s IS NULL", n->column->sql);
    else
        add_comparison(q, n, by_index == n->column && is_served(n));
    row_sql_add(q, n->invert ? ") IS NOT TRUE" : ")");
}

void filter_add(struct row_sql *q, const struct filter *f, const struct filter_node *served)
{
    for (const struct filter_node *n = f->first; n; n = n->next) {
        row_sql_add(q, " AND ");
        add_node(q, n, served ? served->column : NULL);
    }
}

/* --- order --- */

static void add_order(struct row_sql *q, const struct filter_order *o)
{
    const char *nulls = o->nulls_first ? " NULLS FIRST" : " NULLS LAST";
    buf_printf(&q->text, "%s%s%s, ", o->column->sql, o->descending ? " DESC" : "",
               o->column->nullable ? nulls : "");
}

/* After a range, or for several keys, the rows do not come in the order of pk: to read all of them for its
 * sake would be worse than to sort. */
void filter_add_order(struct row_sql *q, const struct filter *f, const struct filter_column *pk,
                      const struct filter_node *served)
{
    const struct filter_order *o = f->order;
    bool one_key = served && served->op == FILTER_EQUAL && !served->column->keys;
    bool sort = served && served->column != pk && !one_key && (!o || o->column == pk);
    row_sql_add(q, " ORDER BY ");
    for (; o && o->column != pk; o = o->next)
        add_order(q, o);
    buf_printf(&q->text, "%s%s%s", pk->sql, sort ? " + 0" : "", o && o->descending ? " DESC" : "");
}
