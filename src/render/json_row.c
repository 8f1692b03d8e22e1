/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See json_row.h. The object is read once, its members walking down the steps of columns.h; texts are decoded
 * into a buffer that is as large as what is read, so it never moves while cells point into it. Where JSON is
 * wanted, what lies between stretches of white space is copied while it is read.
 *
 * A key that comes twice in an object (its step is marked already) is rare: then the object's text is written
 * anew by json_once.c and read a second time.
 */
#include "render/json_row.h"

#include "base/arena.h"
#include "render/json_once.h"
#include "render/json_token.h"

#include <stdlib.h>
#include <string.h>

/* A cell of this row that is not absent. */
struct touch {
    int column;
    bool fraction; /* it is a number that is not an integer */
};

struct json_row {
    bool flat;
    bool fixed;   /* the columns are set */
    bool compact; /* texts without white space are wanted */
    bool want_json;
    int depth_limit;
    struct columns *columns;
    struct json_once *once;
    struct cell *cells;
    struct touch *touched;
    int touched_count;
    int room;            /* of both */
    struct cell nowhere; /* for values without a column */
    int columns_before;
    int64_t mark; /* of this reading */
    bool twice;   /* a key came twice */
    bool unknown; /* a column that is not there */
    char *decoded;
    size_t decoded_len;
    char *written; /* the object's text, compact or anew */
    size_t written_len;
    size_t reserved; /* of these two */
};

struct json_row *json_row_new(const struct reader_options *o, struct columns *columns)
{
    struct json_row *r = mem_alloc(sizeof *r);
    *r = (struct json_row){.flat = !o->nested_is_json,
                           .fixed = o->columns_are_set,
                           .compact = o->want_json || o->nested_is_json,
                           .want_json = o->want_json,
                           .depth_limit = o->depth_limit,
                           .columns = columns,
                           .once = json_once_new(columns)};
    return r;
}

void json_row_free(struct json_row *r)
{
    json_once_free(r->once);
    free(r->cells);
    free(r->touched);
    free(r->decoded);
    free(r->written);
    free(r);
}

void json_row_reserve(struct json_row *r, size_t len)
{
    if (len <= r->reserved)
        return;
    r->reserved = len;
    r->decoded = mem_realloc(r->decoded, len + ROW_BEYOND);
    r->written = mem_realloc(r->written, len + TOKEN_PADDING + ROW_BEYOND);
}

static void make_room(struct json_row *r, int columns)
{
    if (columns <= r->room)
        return;
    int room = columns > 2 * r->room ? columns + 16 : 2 * r->room;
    r->cells = mem_realloc(r->cells, (size_t)room * sizeof *r->cells);
    r->touched = mem_realloc(r->touched, (size_t)room * sizeof *r->touched);
    memset(r->cells + r->room, 0, (size_t)(room - r->room) * sizeof *r->cells); /* CELL_ABSENT */
    r->room = room;
}

void json_row_forget(struct json_row *r)
{
    for (int i = 0; i < r->touched_count; i++)
        r->cells[r->touched[i].column].kind = CELL_ABSENT;
    r->touched_count = 0;
}

/* --- reading: functions return where they have come to, or NULL --- */

struct reading {
    struct json_row *row;
    const char *end;
    const char *run; /* what comes from here on is not in `written` yet, if that has anything */
    const char *at;  /* where it stopped, and why: */
    enum token stopped;
    const char **what;
    int error; /* that is not the text's */
    struct err *e;
};

static const char *read_value(struct reading *g, const char *p, struct step *s, int depth);

static const char *stop(struct reading *g, enum token why, const char *at)
{
    g->stopped = why;
    g->at = at;
    return NULL;
}

/* What is there is not what may be there: the end, or a fault. */
static const char *missing(struct reading *g, const char *at, const char *what)
{
    if (at == g->end)
        return stop(g, TOKEN_MORE, at);
    *g->what = what;
    return stop(g, TOKEN_BAD, at);
}

static const char *give_up(struct reading *g, int error)
{
    g->error = error;
    return stop(g, TOKEN_BAD, g->end);
}

/* Copies what comes before `to`: mostly a few bytes, for which sixteen at a time are faster than a call. What
   is copied too much is padding, or what follows, and is written over. */
static inline void copy_run(struct reading *g, const char *to)
{
    struct json_row *r = g->row;
    size_t len = (size_t)(to - g->run);
    char *target = r->written + r->written_len;
    if (len > 64)
        memcpy(target, g->run, len);
    else
        (void)sixteen_copy(target, g->run, len);
    r->written_len += len;
    g->run = to;
}

static const char *leave_out_space(struct reading *g, const char *p)
{
    const char *before = p;
    if (*p == ' ' && (unsigned char)p[1] > ' ')
        p++;
    else
        token_space(&p, g->end);
    if (p != before && g->row->compact) {
        copy_run(g, before);
        g->run = p;
    }
    return p;
}

static inline const char *past_space(struct reading *g, const char *p)
{
    return (unsigned char)*p > ' ' ? p : leave_out_space(g, p);
}

/* The column of a step that has no cell yet; negative: none. */
static int new_column(struct reading *g, struct step *s)
{
    struct json_row *r = g->row;
    if (r->fixed && s->column < 0) {
        r->unknown = true;
        return -1;
    }
    int index = columns_of_step(r->columns, s, g->e);
    if (index < 0)
        (void)give_up(g, index);
    else
        make_room(r, index + 1);
    return index;
}

/* NULL: there cannot be one. */
static inline struct cell *cell_of(struct reading *g, struct step *s, bool fraction)
{
    struct json_row *r = g->row;
    int index = s->column;
    if (index < 0 || index >= r->room) {
        index = new_column(g, s);
        if (index < 0)
            return g->error ? NULL : &r->nowhere;
    }
    struct cell *c = &r->cells[index];
    if (c->kind == CELL_ABSENT)
        r->touched[r->touched_count++] = (struct touch){index, fraction};
    return c;
}

static inline const char *set_cell(struct reading *g, const char *p, struct step *s, struct cell cell,
                                   bool fraction)
{
    struct cell *c = cell_of(g, s, fraction);
    if (!c)
        return NULL;
    *c = cell;
    return p;
}

/* A text with escapes, or far beyond ASCII, or not there: the slow way. */
static const char *read_any_text(struct reading *g, const char *p, struct step *s)
{
    struct cell c = {.kind = CELL_TEXT};
    bool escaped = false;
    enum token t = token_string(&p, g->end, &c.bytes, &c.len, &escaped, g->what);
    if (t != TOKEN_OK)
        return stop(g, t, p);
    if (escaped) {
        char *to = g->row->decoded + g->row->decoded_len;
        c.len = token_unescape(c.bytes, c.len, to);
        c.bytes = to;
        g->row->decoded_len += c.len;
    }
    return set_cell(g, p, s, c, false);
}

static inline const char *read_text(struct reading *g, const char *p, struct step *s)
{
    const char *close = token_past_text(p + 1);
    if (*close != '"')
        return read_any_text(g, p, s);
    return set_cell(g, close + 1, s, (struct cell){CELL_TEXT, p + 1, (size_t)(close - p) - 1}, false);
}

static const char *read_any_number(struct reading *g, const char *p, struct step *s)
{
    bool fraction = false;
    const char *end = p;
    enum token t = token_number(&end, g->end, false, &fraction, g->what);
    if (t != TOKEN_OK)
        return stop(g, t, end);
    return set_cell(g, end, s, (struct cell){CELL_NUMBER, p, (size_t)(end - p)}, fraction);
}

static inline const char *read_number(struct reading *g, const char *p, struct step *s)
{
    bool fraction = false;
    const char *end = token_past_number(p, &fraction);
    if (!end)
        return read_any_number(g, p, s);
    return set_cell(g, end, s, (struct cell){CELL_NUMBER, p, (size_t)(end - p)}, fraction);
}

/* `len` is that of `word`, and less than the padding. */
static inline const char *read_word(struct reading *g, const char *p, struct step *s, const char *word,
                                    size_t len, enum cell_kind kind)
{
    if (memcmp(p, word, len) == 0)
        return set_cell(g, p + len, s, (struct cell){.kind = kind}, false);
    enum token t = token_word(&p, g->end, word, g->what);
    return stop(g, t, p);
}

static inline struct step *mark(struct reading *g, struct step *s)
{
    if (s->mark == g->row->mark)
        g->row->twice = true;
    s->mark = g->row->mark;
    return s;
}

static inline struct step *step_of(struct reading *g, struct step *parent, struct step *guess,
                                   const char *key, size_t len)
{
    struct step *s = guess;
    if (!s || s->key_len != len || memcmp(s->key, key, len) != 0)
        s = columns_step(g->row->columns, parent, NULL, key, len);
    if (!s) {
        int rc = err_set(g->e, ERR_LIMIT, "the names of the columns take more memory than may be");
        (void)give_up(g, rc);
        return NULL;
    }
    return mark(g, s);
}

/* Whether the text at `p` begins with the key of `s` and a quote. Where it does not, it is not read beyond
   its padding: no plain key has a NUL. */
static inline bool is_key(const char *p, const struct step *s)
{
    size_t i = 0;
    for (; s->key_len - i > SIXTEEN; i += SIXTEEN)
        if (sixteen_differ(p + i, s->key + i))
            return false;
    return !(sixteen_differ(p + i, s->key + i) & sixteen_first(s->key_len - i)) && p[s->key_len] == '"';
}

/* Behind the colon and white space after a key. */
static inline const char *past_colon(struct reading *g, const char *p)
{
    p = past_space(g, p);
    return *p == ':' ? past_space(g, p + 1) : missing(g, p, "a colon is missing");
}

/* A key with escapes, or far beyond ASCII, or not there. */
static const char *read_any_key(struct reading *g, const char *p, struct step *parent, struct step *guess,
                                struct step **ret)
{
    const char *key = NULL;
    size_t len = 0;
    bool escaped = false;
    if (*p != '"')
        return missing(g, p, "a member needs a name in quotes");
    enum token t = token_string(&p, g->end, &key, &len, &escaped, g->what);
    if (t != TOKEN_OK)
        return stop(g, t, p);
    if (escaped) {
        char *to = g->row->decoded + g->row->decoded_len; /* only for now */
        len = token_unescape(key, len, to);
        key = to;
    }
    *ret = step_of(g, parent, guess, key, len);
    return *ret ? past_colon(g, p) : NULL;
}

/* The step of the next member; the position is then at its value. */
static inline const char *read_key(struct reading *g, const char *p, struct step *parent, struct step *guess,
                                   struct step **ret)
{
    if (guess && guess->plain && *p == '"' && is_key(p + 1, guess)) {
        *ret = mark(g, guess);
        return past_colon(g, p + guess->key_len + 2);
    }
    const char *close = *p == '"' ? token_past_text(p + 1) : p;
    if (*close != '"' || close == p)
        return read_any_key(g, p, parent, guess, ret);
    *ret = step_of(g, parent, guess, p + 1, (size_t)(close - p) - 1);
    return *ret ? past_colon(g, close + 1) : NULL;
}

/* Behind what separates two values, and white space; *ret_done: behind the closing bracket. */
static inline const char *past_comma(struct reading *g, const char *p, char close, bool *ret_done)
{
    p = past_space(g, p);
    if (*p == ',')
        return past_space(g, p + 1);
    *ret_done = *p == close;
    return *ret_done ? p + 1 : missing(g, p, "a comma is missing");
}

/* The position is after the opening brace, white space skipped, and not at the closing one. */
static const char *read_members(struct reading *g, const char *p, struct step *s, int depth)
{
    struct step *guess = s->first_child;
    struct step *before = NULL;
    for (bool done = false; p && !done;) {
        struct step *child = NULL;
        p = read_key(g, p, s, guess, &child);
        if (!p)
            return NULL;
        if (before)
            before->expected = child;
        before = child;
        guess = child->expected;
        p = read_value(g, p, child, depth);
        if (p)
            p = past_comma(g, p, '}', &done);
    }
    return p;
}

/* A decimal number becomes the one after it. The length. */
static size_t count_on(char *digits, size_t len)
{
    size_t i = len;
    while (i > 0 && digits[i - 1] == '9')
        digits[--i] = '0';
    if (i > 0) {
        digits[i - 1]++;
        return len;
    }
    digits[0] = '1';
    digits[len] = '0';
    return len + 1;
}

/* The same of an array. */
static const char *read_elements(struct reading *g, const char *p, struct step *s, int depth)
{
    struct step *guess = s->first_child;
    struct step *before = NULL;
    char index[24] = "0";
    size_t len = 1;
    for (bool done = false; p && !done; len = count_on(index, len)) {
        struct step *child = step_of(g, s, guess, index, len);
        if (!child)
            return NULL;
        if (before)
            before->expected = child;
        before = child;
        guess = child->expected;
        p = read_value(g, p, child, depth);
        if (p)
            p = past_comma(g, p, ']', &done);
    }
    return p;
}

/* Whether what is nested here is one cell: a member of the row, in a table that is not flat. */
static bool is_one_cell(const struct json_row *r, const struct step *s)
{
    return !r->flat && s->parent && !s->parent->parent;
}

/* Whether values here become cells: in a table that is not flat only the members of the row do. */
static inline bool becomes_cell(const struct json_row *r, const struct step *s)
{
    return r->flat || !s->parent->parent;
}

/* The position is at the opening bracket. */
static const char *read_inside(struct reading *g, const char *p, struct step *s, int depth, bool *ret_empty)
{
    char close = *p == '{' ? '}' : ']';
    p = past_space(g, p + 1);
    *ret_empty = *p == close;
    if (*ret_empty)
        return p + 1;
    return close == '}' ? read_members(g, p, s, depth) : read_elements(g, p, s, depth);
}

static const char no_members[2 + ROW_BEYOND] = "{}";
static const char no_elements[2 + ROW_BEYOND] = "[]";

static const char *read_nested(struct reading *g, const char *p, struct step *s, int depth)
{
    struct json_row *r = g->row;
    const char *start = p;
    const char *run = g->run;
    size_t written_at = r->written_len + (size_t)(start - run);
    bool empty = false;
    if (depth == 0)
        return missing(g, p, "nested too deeply");
    p = read_inside(g, p, s, depth - 1, &empty);
    if (!p || !s->parent)
        return p;
    if (empty && r->flat)
        return set_cell(g, p, s, (struct cell){CELL_NESTED, *start == '{' ? no_members : no_elements, 2},
                        false);
    if (!is_one_cell(r, s))
        return p;
    if (g->run == run) /* no white space in it */
        return set_cell(g, p, s, (struct cell){CELL_NESTED, start, (size_t)(p - start)}, false);
    copy_run(g, p);
    return set_cell(g, p, s, (struct cell){CELL_NESTED, r->written + written_at, r->written_len - written_at},
                    false);
}

static const char *skip_scalar(struct reading *g, const char *p)
{
    enum token t = token_skip(&p, g->end, false, 0, g->what);
    return t == TOKEN_OK ? p : stop(g, t, p);
}

static const char *read_value(struct reading *g, const char *p, struct step *s, int depth)
{
    if (*p == '{' || *p == '[')
        return read_nested(g, p, s, depth);
    if (!becomes_cell(g->row, s))
        return skip_scalar(g, p);
    switch (*p) {
    case '"':
        return read_text(g, p, s);
    case 't':
        return read_word(g, p, s, "true", 4, CELL_TRUE);
    case 'f':
        return read_word(g, p, s, "false", 5, CELL_FALSE);
    case 'n':
        return read_word(g, p, s, "null", 4, CELL_NULL);
    default:
        break;
    }
    if (*p == '-' || (*p >= '0' && *p <= '9'))
        return read_number(g, p, s);
    return missing(g, p, "a value is missing");
}

/* --- one row --- */

/* Behind the object; NULL: g says why not. */
static const char *read_row(struct reading *g, const char *start)
{
    struct json_row *r = g->row;
    json_row_forget(r);
    r->mark++;
    r->decoded_len = r->written_len = 0;
    r->twice = r->unknown = false;
    r->columns_before = columns_count(r->columns);
    g->run = start;
    g->error = 0;
    const char *p = read_nested(g, start, columns_root(r->columns), r->depth_limit);
    if (!p || r->twice)
        columns_truncate(r->columns, r->columns_before);
    return p;
}

/* The same of the object's text with each key once, in which there is no white space. */
static const char *read_once(struct reading *g, const char *start, const char *end)
{
    struct json_row *r = g->row;
    size_t len = json_once_write(r->once, start, end, r->written, r->decoded);
    memset(r->written + len, 0, TOKEN_PADDING);
    g->end = r->written + len;
    return read_row(g, r->written);
}

static void note_kinds(const struct json_row *r)
{
    struct column *columns = r->touched_count ? columns_get(r->columns, 0) : NULL;
    for (int i = 0; i < r->touched_count; i++) {
        const struct touch *t = &r->touched[i];
        columns[t->column].seen |= 1U << r->cells[t->column].kind;
        columns[t->column].fraction |= t->fraction;
    }
}

static void give(struct reading *g, const char *start, const char *end, struct row *ret)
{
    struct json_row *r = g->row;
    if (!r->fixed)
        note_kinds(r);
    ret->roomy = true;
    ret->count = columns_count(r->columns);
    make_room(r, ret->count);
    ret->cells = r->cells;
    ret->size = (size_t)(end - start);
    if (!r->want_json)
        return;
    ret->json = start;
    ret->json_len = (size_t)(end - start);
    if (g->run != start) {
        copy_run(g, end);
        ret->json = r->written;
        ret->json_len = r->written_len;
    }
}

int json_row_read(struct json_row *r, const char **at, const char *end, struct row *ret, const char **what,
                  struct err *e)
{
    struct reading g = {.row = r, .end = end, .what = what, .e = e};
    const char *start = *at;
    *what = "";
    const char *p = read_row(&g, start);
    const char *behind = p;
    if (p && r->twice) {
        p = read_once(&g, start, p);
        start = r->written;
    }
    if (g.error)
        return g.error;
    if (!p && g.stopped == TOKEN_MORE)
        return 1;
    *at = p ? behind : g.at;
    if (p && r->unknown)
        *what = "a column that was not there when the table was looked through";
    if (**what)
        return -1;
    give(&g, start, p, ret);
    return 0;
}
