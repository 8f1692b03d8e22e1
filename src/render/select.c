/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing rows and columns; see select.h. Names are looked up once, in select_resolve; what runs for each
 * row works on indexes and allocates nothing. Sentences for clients quote names up to SHOWN bytes, cut
 * between characters, so that they are UTF-8 and leave room for what would be right.
 */
#include "render/select.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 60, LISTED = 150 };

/* A name as a sentence can hold it. */
static const char *shown(struct arena *a, const char *name, size_t len)
{
    if (len <= SHOWN)
        return arena_copy(a, name, len);
    len = SHOWN;
    while (len && ((unsigned char)name[len] & 0xC0) == 0x80)
        len--;
    return arena_printf(a, "%.*s…", (int)len, name);
}

/* --- conditions --- */

static int refuse(struct err *e, const char *text, const char *what)
{
    struct arena scratch = {0};
    int rc = err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "where",
                    "the condition %s %s; write a column, one of = != < <= > >= ~, a value: price>=10",
                    shown(&scratch, text, strlen(text)), what);
    arena_free(&scratch);
    return rc;
}

/* The bytes of the operator that stands at p; 0: none does. */
static size_t operator_at(const char *p, enum where_op *ret)
{
    bool equal = p[0] && p[1] == '=';
    switch (p[0]) {
    case '!':
        *ret = WHERE_NE;
        return equal ? 2 : 0;
    case '<':
        *ret = equal ? WHERE_LE : WHERE_LT;
        return equal ? 2 : 1;
    case '>':
        *ret = equal ? WHERE_GE : WHERE_GT;
        return equal ? 2 : 1;
    case '=':
        *ret = WHERE_EQ;
        return 1;
    case '~':
        *ret = WHERE_CONTAINS;
        return 1;
    default:
        return 0;
    }
}

/* Takes the quotes of the name at p away, in place. NULL: it is not closed; else what stands after it. */
static char *unquote(char *p, size_t *ret_len)
{
    char *to = p;
    for (char *from = p + 1; *from; *to++ = *from++) {
        if (*from == '"' && *++from != '"') {
            *ret_len = (size_t)(to - p);
            return from;
        }
    }
    return NULL;
}

int where_parse(struct arena *a, const char *text, struct where **ret, struct err *e)
{
    struct where *w = arena_alloc(a, sizeof *w);
    char *p = arena_copy(a, text, strlen(text));
    size_t width = 0;
    w->column = p;
    if (*p == '"') {
        if (!(p = unquote(p, &w->column_len)))
            return refuse(e, text, "has a quoted column without a closing quote");
        if (!(width = operator_at(p, &w->op)))
            return refuse(e, text, "has no operator after its quoted column");
    } else {
        while (*p && !(width = operator_at(p, &w->op)))
            p++;
        if (!width)
            return refuse(e, text, "has no operator");
        if (!(w->column_len = (size_t)(p - w->column)))
            return refuse(e, text, "has no column");
    }
    w->value.bytes = p + width;
    w->value.len = strlen(w->value.bytes);
    w->value.kind = decimal_is_number(w->value.bytes, w->value.len) ? CELL_NUMBER : CELL_TEXT;
    *ret = w;
    return 0;
}

/* The text that a cell is compared by: its own, or the word for it. */
static struct cell text_of(const struct cell *c)
{
    if (c->kind == CELL_TRUE)
        return (struct cell){CELL_TEXT, "true", 4};
    if (c->kind == CELL_FALSE)
        return (struct cell){CELL_TEXT, "false", 5};
    return *c;
}

/* UTF-8 sorts by its bytes as by its code points. */
static int compare_text(const struct cell *a, const struct cell *b)
{
    size_t common = a->len < b->len ? a->len : b->len;
    int order = common ? memcmp(a->bytes, b->bytes, common) : 0;
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static bool is_same(const struct cell *a, const struct cell *b)
{
    return a->len == b->len && compare_text(a, b) == 0;
}

static bool order_satisfies(enum where_op op, int order)
{
    switch (op) {
    case WHERE_EQ:
        return order == 0;
    case WHERE_NE:
        return order != 0;
    case WHERE_LT:
        return order < 0;
    case WHERE_LE:
        return order <= 0;
    case WHERE_GT:
        return order > 0;
    case WHERE_GE:
        return order >= 0;
    case WHERE_CONTAINS:
        break;
    }
    return false;
}

bool where_holds(const struct where *w, const struct cell *cell)
{
    const struct cell *value = &w->value;
    if (cell->kind == CELL_ABSENT || cell->kind == CELL_NULL)
        return w->op == WHERE_NE;
    if (w->op != WHERE_CONTAINS && cell->kind == CELL_NUMBER && value->kind == CELL_NUMBER)
        return order_satisfies(w->op, decimal_compare(cell->bytes, cell->len, value->bytes, value->len));
    struct cell text = text_of(cell);
    if (w->op == WHERE_CONTAINS)
        return !value->len || (text.len && memmem(text.bytes, text.len, value->bytes, value->len));
    if (w->op == WHERE_EQ || w->op == WHERE_NE)
        return is_same(&text, value) == (w->op == WHERE_EQ);
    return order_satisfies(w->op, compare_text(&text, value));
}

/* --- columns --- */

/* The names of a table, and the same sorted, so that looking up very many takes no square of time. */
struct lookup {
    struct arena *arena;
    const struct column_name *names;
    int count;
    const struct column_name **sorted;
};

static int compare_names(const struct column_name *a, const struct column_name *b)
{
    struct cell x = {CELL_TEXT, a->bytes, a->len};
    struct cell y = {CELL_TEXT, b->bytes, b->len};
    return compare_text(&x, &y);
}

static int by_name(const void *a, const void *b)
{
    return compare_names(*(const struct column_name *const *)a, *(const struct column_name *const *)b);
}

static void sort_names(struct lookup *l)
{
    l->sorted = arena_alloc(l->arena, (size_t)l->count * sizeof(const struct column_name *));
    for (int i = 0; i < l->count; i++)
        l->sorted[i] = &l->names[i];
    qsort(l->sorted, (size_t)l->count, sizeof(const struct column_name *), by_name);
}

/* The first columns' names, as many as a sentence has room for. */
static const char *list_names(const struct lookup *l)
{
    struct buf b = {.arena = l->arena};
    if (!l->count)
        return "the table has no columns";
    buf_puts(&b, "the columns are: ");
    for (int i = 0; i < l->count; i++) {
        const char *name = shown(l->arena, l->names[i].bytes, l->names[i].len);
        if (b.len + strlen(name) > LISTED) {
            buf_puts(&b, i ? ", …" : "…");
            break;
        }
        buf_printf(&b, "%s%s", i ? ", " : "", name);
    }
    return buf_str(&b);
}

/* The index of the column of that name. */
static int find_column(const struct lookup *l, const char *name, size_t len, const char *parameter,
                       struct err *e)
{
    const struct column_name wanted = {name, len};
    const struct column_name *key = &wanted;
    const struct column_name *const *found =
        bsearch(&key, l->sorted, (size_t)l->count, sizeof(const struct column_name *), by_name);
    if (!found)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, parameter, "there is no column \"%s\"; %s",
                      shown(l->arena, name, len), list_names(l));
    return (int)(*found - l->names);
}

static int mark_omitted(const struct lookup *l, const struct selection *s, bool *omitted, struct err *e)
{
    for (int i = 0; i < s->omit_count; i++) {
        int column = find_column(l, s->omit[i], strlen(s->omit[i]), "omit", e);
        if (column < 0)
            return column;
        omitted[column] = true;
    }
    return 0;
}

static int order_fields(const struct lookup *l, const struct selection *s, const bool *omitted,
                        struct selected *ret, struct err *e)
{
    bool *seen = arena_alloc(l->arena, (size_t)l->count);
    for (int i = 0; i < s->field_count; i++) {
        int column = find_column(l, s->fields[i], strlen(s->fields[i]), "fields", e);
        if (column < 0)
            return column;
        if (seen[column])
            return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "fields",
                          "the column \"%s\" is named twice; name it once",
                          shown(l->arena, s->fields[i], strlen(s->fields[i])));
        seen[column] = true;
        if (!omitted[column])
            ret->order[ret->count++] = column;
    }
    return 0;
}

static int choose_columns(const struct lookup *l, const struct selection *s, struct selected *ret,
                          struct err *e)
{
    bool *omitted = arena_alloc(l->arena, (size_t)l->count);
    int rc = mark_omitted(l, s, omitted, e);
    if (rc < 0)
        return rc;
    ret->all = !s->fields && !s->omit_count;
    ret->order = arena_alloc(l->arena, (size_t)l->count * sizeof ret->order[0]);
    ret->cells = arena_alloc(l->arena, (size_t)l->count * sizeof ret->cells[0]);
    for (int i = 0; !s->fields && i < l->count; i++)
        if (!omitted[i])
            ret->order[ret->count++] = i;
    if (s->fields && (rc = order_fields(l, s, omitted, ret, e)) < 0)
        return rc;
    if (!ret->count && !ret->all)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, s->omit_count ? "omit" : "fields",
                      "no column is left; keep at least one: %s", list_names(l));
    return 0;
}

static int resolve_conditions(const struct lookup *l, const struct where *first, struct selected *ret,
                              struct err *e)
{
    int count = 0;
    for (const struct where *w = first; w; w = w->next)
        count++;
    ret->conditions = arena_alloc(l->arena, (size_t)count * sizeof(const struct where *));
    ret->condition_columns = arena_alloc(l->arena, (size_t)count * sizeof ret->condition_columns[0]);
    for (const struct where *w = first; w; w = w->next) {
        int column = find_column(l, w->column, w->column_len, "where", e);
        if (column < 0)
            return column;
        ret->conditions[ret->condition_count] = w;
        ret->condition_columns[ret->condition_count++] = column;
    }
    return 0;
}

int select_resolve(struct arena *a, const struct selection *s, const struct column_name *names, int count,
                   struct selected *ret, struct err *e)
{
    struct lookup l = {.arena = a, .names = names, .count = count};
    struct selected selected = {.offset = s->offset, .limit = s->limit};
    int rc;
    if (s->fields || s->omit_count || s->where)
        sort_names(&l);
    if ((rc = choose_columns(&l, s, &selected, e)) < 0)
        return rc;
    if ((rc = resolve_conditions(&l, s->where, &selected, e)) < 0)
        return rc;
    *ret = selected;
    return 0;
}

/* --- rows --- */

static const struct cell absent = {.kind = CELL_ABSENT};

static bool conditions_hold(const struct selected *s, const struct row *row)
{
    for (int i = 0; i < s->condition_count; i++) {
        int column = s->condition_columns[i];
        if (!where_holds(s->conditions[i], column < row->count ? &row->cells[column] : &absent))
            return false;
    }
    return true;
}

static void rearrange(struct selected *s, const struct row *row, struct row *ret)
{
    for (int i = 0; i < s->count; i++)
        s->cells[i] = s->order[i] < row->count ? row->cells[s->order[i]] : absent;
    ret->cells = s->cells;
    ret->count = s->count;
}

int select_row(struct selected *s, const struct row *row, struct row *ret)
{
    if (!conditions_hold(s, row) || s->matched++ < s->offset || select_is_full(s))
        return 0;
    s->taken++;
    *ret = *row;
    if (!s->all || row->count != s->count)
        rearrange(s, row, ret);
    if (!s->all) {
        ret->json = NULL;
        ret->json_len = 0;
    }
    return 1;
}

bool select_is_full(const struct selected *s)
{
    return s->limit >= 0 && s->taken >= s->limit;
}
