/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON and NDJSON tables. The first byte says how the rest is read, the second in what pieces. The same is
 * found in pieces, with columns that are set, and from any row on; another JSON reader finds the same values.
 */
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "fuzz/reference.h"
#include "render/decimal.h"
#include "render/reader.h"

#include <stdbool.h>
#include <string.h>

enum { NDJSON = 1, UNFLAT = 2, ROW_LIMIT = 3000, DEPTH = 20, COLUMNS = 200, NAMES = 32 << 10, PLACES = 64 };

struct input {
    struct reader_options options;
    const char *text;
    size_t len;
    struct arena *arena;
};

/* What one reading found. */
struct found {
    struct reader *reader;
    struct columns *columns;
    struct buf rows;
    struct {
        int64_t offset;
        size_t at; /* in `rows` */
    } places[PLACES];
    int64_t count;
    const void *items; /* the rows as the other reader has them; NULL: it was not asked */
    struct reader_end end;
    int rc;
    struct err e;
};

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* --- against the other reader --- */

static const void *go(const void *value, const struct step *s)
{
    size_t index = 0;
    if (!s->parent)
        return value;
    value = go(value, s->parent);
    if (value && reference_kind(value) == REF_OBJECT)
        return reference_member(value, s->key);
    if (!value || reference_kind(value) != REF_ARRAY)
        return NULL;
    for (size_t i = 0; i < s->key_len; i++) {
        FUZZ_ASSERT(s->key[i] >= '0' && s->key[i] <= '9');
        index = index * 10 + (size_t)(s->key[i] - '0');
    }
    return reference_item(value, index);
}

static void compare_cell(const struct cell *c, const void *value, bool flat)
{
    static const enum reference_kind kinds[] = {
        [CELL_NULL] = REF_NULL,     [CELL_FALSE] = REF_BOOL,  [CELL_TRUE] = REF_BOOL,
        [CELL_NUMBER] = REF_NUMBER, [CELL_TEXT] = REF_STRING, [CELL_NESTED] = REF_ARRAY};
    FUZZ_ASSERT(value);
    enum reference_kind kind = reference_kind(value);
    FUZZ_ASSERT(kind == kinds[c->kind] || (kind == REF_OBJECT && c->kind == CELL_NESTED));
    if (kind == REF_BOOL)
        FUZZ_ASSERT(reference_truth(value) == (c->kind == CELL_TRUE));
    if (kind == REF_STRING) {
        size_t len;
        const char *text = reference_string(value, &len);
        FUZZ_ASSERT(same(c->bytes, c->len, text, len));
    }
    if (c->kind == CELL_NUMBER)
        FUZZ_ASSERT(decimal_is_number(c->bytes, c->len));
    if (c->kind == CELL_NESTED)
        FUZZ_ASSERT(c->bytes[0] == (kind == REF_OBJECT ? '{' : '[') && (!flat || c->len == 2));
}

/* Every cell is where its path leads, and there is nothing else. */
static void compare_row(const struct found *f, const struct row *row, const void *value, bool flat)
{
    size_t cells = 0;
    for (int i = 0; i < row->count; i++)
        if (row->cells[i].kind != CELL_ABSENT) {
            compare_cell(&row->cells[i], go(value, columns_get(f->columns, i)->at), flat);
            cells++;
        }
    FUZZ_ASSERT(cells == (flat ? reference_leaves(value) : reference_count(value)));
}

/* The row's own text: each key once, no white space. */
static void check_json(const struct found *f, const struct row *row, bool flat)
{
    bool own_limit;
    bool in_string = false;
    void *value = reference_load(row->json, row->json_len, false, &own_limit);
    FUZZ_ASSERT(value || own_limit);
    if (value)
        compare_row(f, row, value, flat);
    reference_free(value);
    for (size_t i = 0; i < row->json_len; i++) {
        FUZZ_ASSERT(in_string || !memchr(" \t\r\n", row->json[i], 4));
        if (in_string && row->json[i] == '\\')
            i++;
        else if (row->json[i] == '"')
            in_string = !in_string;
    }
}

/* --- one reading --- */

static bool flat;

static int note_row(void *ctx, const struct row *row, struct err *e)
{
    struct found *f = ctx;
    int64_t offset = reader_row_offset(f->reader);
    (void)e;
    if (f->count < PLACES) {
        f->places[f->count].offset = offset;
        f->places[f->count].at = f->rows.len;
    }
    buf_printf(&f->rows, "\n%lld@%lld ", (long long)row->number, (long long)offset);
    for (int i = 0; i < row->count; i++)
        if (row->cells[i].kind != CELL_ABSENT) {
            const struct cell *c = &row->cells[i];
            size_t len = c->kind < CELL_NUMBER ? 0 : c->len;
            buf_printf(&f->rows, "%d:%d:%zu:", i, c->kind, len);
            if (len)
                buf_add(&f->rows, c->bytes, len);
        }
    buf_add(&f->rows, row->json, row->json_len);
    check_json(f, row, flat);
    if (f->items)
        compare_row(f, row, reference_item(f->items, (size_t)f->count), flat);
    f->count++;
    return 0;
}

static void forget_rows(void *ctx)
{
    struct found *f = ctx;
    FUZZ_ASSERT(f->count > 0 || columns_count(f->columns) == 0);
    f->rows.len = 0;
    f->count = 0;
}

/* The reader's member, kept. */
static void keep_end(struct found *f, const struct input *in)
{
    if (f->end.member)
        f->end.member = arena_strdup(in->arena, f->end.member);
    columns_name(f->columns);
}

/* From row `from` of an earlier reading on; 0: all. */
static void read_all(struct found *f, const struct input *in, size_t piece, const struct found *earlier,
                     int64_t from)
{
    f->reader = reader_new(&in->options, f->columns, note_row, f);
    size_t at = 0;
    if (from > 0) {
        at = (size_t)earlier->places[from].offset;
        reader_resume(f->reader, (int64_t)at, from);
    }
    for (; f->rc == 0 && at < in->len; at += piece)
        f->rc = reader_feed(f->reader, in->text + at, in->len - at < piece ? in->len - at : piece, &f->e);
    if (f->rc == 0)
        f->rc = reader_finish(f->reader, &f->end, &f->e);
    if (f->rc == 0)
        keep_end(f, in);
    FUZZ_ASSERT(f->rc == 0 || f->rc == ERR_BAD_VALUE || f->rc == ERR_LIMIT);
    FUZZ_ASSERT(f->rc == 0 || f->e.detail[0]);
    reader_free(f->reader);
}

static struct found *read_afresh(const struct input *in, size_t piece, const void *items)
{
    struct found *f = arena_alloc(in->arena, sizeof *f);
    f->columns = columns_new(COLUMNS, NAMES);
    f->rows.arena = in->arena;
    f->items = items;
    read_all(f, in, piece, NULL, 0);
    return f;
}

static void compare_columns(struct columns *a, struct columns *b)
{
    FUZZ_ASSERT(columns_count(a) == columns_count(b));
    for (int i = 0; i < columns_count(a); i++) {
        const struct column *x = columns_get(a, i);
        const struct column *y = columns_get(b, i);
        FUZZ_ASSERT(same(x->name, x->name_len, y->name, y->name_len) && strlen(x->name) == x->name_len);
        FUZZ_ASSERT(x->seen == y->seen && x->fraction == y->fraction);
        for (int j = 0; j < i; j++)
            FUZZ_ASSERT(strcmp(columns_get(a, j)->name, x->name) != 0);
    }
}

static void compare_found(const struct found *a, const struct found *b)
{
    FUZZ_ASSERT(a->rc == b->rc);
    FUZZ_ASSERT(same(a->rows.bytes, a->rows.len, b->rows.bytes, b->rows.len));
    if (a->rc < 0) {
        FUZZ_ASSERT(strcmp(a->e.detail, b->e.detail) == 0);
        return;
    }
    FUZZ_ASSERT(a->end.rows == b->end.rows && a->end.rows == a->count && b->end.rows == b->count);
    FUZZ_ASSERT(!a->end.member == !b->end.member);
    FUZZ_ASSERT(!a->end.member || strcmp(a->end.member, b->end.member) == 0);
    compare_columns(a->columns, b->columns);
}

/* Once more with what is known now, from the beginning or from row `from` on. */
static void read_again(struct input in, size_t piece, const struct found *f, int64_t from)
{
    struct found again = {.columns = f->columns, .rows = {.arena = in.arena}};
    size_t skipped = from > 0 ? f->places[from].at : 0;
    in.options.columns_are_set = true;
    in.options.member = f->end.member;
    in.options.restart = NULL;
    read_all(&again, &in, piece, f, from);
    FUZZ_ASSERT(again.rc == 0 && again.end.rows == f->end.rows);
    FUZZ_ASSERT(same(again.rows.bytes, again.rows.len, (f->rows.bytes ? f->rows.bytes : "") + skipped,
                     f->rows.len - skipped));
}

/* --- the document as a whole --- */

static bool all_objects(const void *array)
{
    for (size_t i = 0; i < reference_count(array); i++)
        if (reference_kind(reference_item(array, i)) != REF_OBJECT)
            return false;
    return true;
}

/* Whether it was refused for what the other reader has no limit for, or does not see: a NUL ends its text. */
static bool may_be_refused(const struct input *in, const struct found *f)
{
    return memchr(in->text, 0, in->len) || f->rc == ERR_LIMIT || strstr(f->e.detail, "nested too deeply") ||
           strstr(f->e.detail, "larger than may be");
}

static void compare_document(const struct input *in, const struct found *f)
{
    size_t mark = in->len >= 3 && memcmp(in->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    bool own_limit;
    void *other = reference_load(in->text + mark, in->len - mark, true, &own_limit);
    const void *items = other;
    if (f->rc == 0) {
        FUZZ_ASSERT(other || own_limit);
        if (other && f->end.member)
            items = reference_member(other, f->end.member);
        if (other) {
            FUZZ_ASSERT(items && reference_kind(items) == REF_ARRAY && all_objects(items));
            FUZZ_ASSERT((int64_t)reference_count(items) == f->end.rows);
            struct input known = *in; /* else rows come that are taken back */
            known.options.member = f->end.member;
            struct found *checked = read_afresh(&known, in->len + 1, items);
            FUZZ_ASSERT(checked->rc == 0 && checked->count == f->count);
            columns_free(checked->columns);
        }
    } else if (other && reference_kind(other) == REF_ARRAY && all_objects(other)) {
        FUZZ_ASSERT(may_be_refused(in, f));
    }
    reference_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    if (size < 2)
        return 0;
    struct input in = {.text = (const char *)data + 2, .len = size - 2, .arena = &a};
    in.options = (struct reader_options){.source = data[0] & NDJSON ? SOURCE_NDJSON : SOURCE_JSON,
                                         .row_limit = ROW_LIMIT,
                                         .depth_limit = DEPTH,
                                         .nested_is_json = data[0] & UNFLAT,
                                         .want_json = true,
                                         .restart = forget_rows};
    flat = !in.options.nested_is_json;
    size_t piece = data[1] % 32 + 1;
    struct found *whole = read_afresh(&in, in.len + 1, NULL);
    struct found *pieces = read_afresh(&in, piece, NULL);
    compare_found(whole, pieces);
    if (whole->rc == 0)
        read_again(in, piece, whole, 0);
    if (whole->rc == 0 && whole->count > 1)
        read_again(in, piece, whole, 1 + data[1] % ((whole->count < PLACES ? whole->count : PLACES) - 1));
    if (in.options.source == SOURCE_JSON)
        compare_document(&in, whole);
    columns_free(whole->columns);
    columns_free(pieces->columns);
    arena_free(&a);
    return 0;
}
