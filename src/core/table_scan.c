/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding out whether an upload is a table; see table.h. Bytes pass a decoder and a reader; of the rows only
 * what is worth knowing is kept: how many, which columns, what a spreadsheet could not hold, and where some
 * of the rows begin. The first fault ends the looking, never the upload.
 *
 * Memory: the reader's (a few times table_row_limit) and MOST_PLACES places.
 */
#include "core/table.h"

#include "base/json.h"
#include "core/format.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PLACES = 16384, FIRST_STRIDE = 32 << 10, COLUMNS_MEMORY = 16 << 20, MAGIC = 4 };

struct place {
    int64_t row;
    int64_t offset;
};

struct table_scan {
    struct arena arena;
    struct table_kind kind;
    struct reader_options options;
    struct columns *columns;
    struct decoder *decoder;
    struct reader *reader;
    unsigned char magic[MAGIC]; /* the first bytes, until there are enough to see a compression */
    size_t magic_len;
    bool failed;
    struct err problem; /* why it is no table */
    bool no_xlsx;
    struct err xlsx_problem;
    int64_t stride; /* bytes between two places at least */
    int64_t next_at;
    struct place *places;
    int place_count;
    struct table_facts facts;
};

static void keep_place(struct table_scan *s, int64_t row, int64_t offset)
{
    if (!s->places)
        s->places = mem_alloc(MOST_PLACES * sizeof *s->places);
    if (s->place_count == MOST_PLACES) { /* every second one goes */
        for (int i = 0; i < MOST_PLACES / 2; i++)
            s->places[i] = s->places[(ptrdiff_t)2 * i];
        s->place_count = MOST_PLACES / 2;
        s->stride *= 2;
    }
    s->places[s->place_count++] = (struct place){row, offset};
    s->next_at = offset + s->stride;
}

static void check_cells(struct table_scan *s, const struct row *row)
{
    if (row->size <= XLSX_CELL) /* most rows: a table may have thousands of columns that they do not have */
        return;
    for (int i = 0; i < row->count && !s->no_xlsx; i++) {
        const struct cell *c = &row->cells[i];
        if (c->kind < CELL_NUMBER || c->len <= XLSX_CELL)
            continue;
        const struct step *at = columns_get(s->columns, i)->at;
        struct column_name name = {at->key, at->key_len};
        s->no_xlsx = xlsx_check_cell(c, &name, row->number, &s->xlsx_problem) < 0;
    }
}

static int see_row(void *ctx, const struct row *row, struct err *e)
{
    struct table_scan *s = ctx;
    int64_t offset = reader_row_offset(s->reader);
    (void)e;
    if (offset >= s->next_at)
        keep_place(s, row->number, offset);
    check_cells(s, row);
    return 0;
}

static void forget_rows(void *ctx)
{
    struct table_scan *s = ctx;
    s->place_count = 0;
    s->next_at = s->stride;
    s->no_xlsx = false;
}

static int read_text(void *ctx, const void *bytes, size_t len, struct err *e)
{
    struct table_scan *s = ctx;
    return reader_feed(s->reader, bytes, len, e);
}

struct table_scan *table_scan_new(const struct settings *set, const struct table_kind *kind)
{
    struct table_scan *s = mem_alloc(sizeof *s);
    *s = (struct table_scan){.kind = *kind, .stride = FIRST_STRIDE, .next_at = FIRST_STRIDE};
    s->options = (struct reader_options){
        .source = kind->source,
        .row_limit = (size_t)set->table_row_limit,
        .depth_limit = (int)set->json_depth_limit,
        .delimiter = kind->delimiter,
        .header_absent = kind->header_absent,
        .restart = forget_rows,
    };
    s->columns = columns_new((int)set->table_columns_limit, COLUMNS_MEMORY);
    s->reader = reader_new(&s->options, s->columns, see_row, s);
    if (*kind->unread) {
        s->failed = true;
        (void)err_set(&s->problem, ERR_BAD_VALUE, "%s", kind->unread);
    }
    return s;
}

void table_scan_free(struct table_scan *s)
{
    if (!s)
        return;
    decoder_free(s->decoder);
    reader_free(s->reader);
    columns_free(s->columns);
    free(s->places);
    arena_free(&s->arena);
    free(s);
}

static void feed(struct table_scan *s, const void *bytes, size_t len)
{
    if (!s->failed && len > 0)
        s->failed = decoder_feed(s->decoder, bytes, len, &s->problem) < 0;
}

static void begin(struct table_scan *s)
{
    if (s->kind.compression == COMPRESSION_NONE)
        s->kind.compression = decode_sniff_compression(s->magic, s->magic_len);
    if (s->kind.compression == COMPRESSION_NONE && s->magic_len < MAGIC)
        s->kind.compression = decode_sniff_cut(s->magic, s->magic_len, s->kind.named);
    s->decoder = decoder_new(s->kind.compression, s->kind.charset, read_text, s);
    feed(s, s->magic, s->magic_len);
}

void table_scan_feed(struct table_scan *s, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    while (!s->decoder && len > 0) {
        s->magic[s->magic_len++] = *p++;
        len--;
        if (s->magic_len == MAGIC)
            begin(s);
    }
    if (s->decoder)
        feed(s, p, len);
}

/* --- the facts --- */

static void put_path(struct json_out *j, const struct step *s)
{
    if (!s->parent)
        return;
    put_path(j, s->parent);
    json_string_len(j, s->key, s->key_len);
}

static const char *describe(struct table_scan *s, const struct reader_end *end)
{
    struct json_out j = {.buf = {.arena = &s->arena}};
    json_begin_object(&j);
    json_key(&j, "source");
    json_int(&j, s->kind.source);
    json_key(&j, "charset");
    json_int(&j, s->kind.charset);
    json_key(&j, "compression");
    json_int(&j, s->kind.compression);
    json_key(&j, "delimiter");
    json_int(&j, end->delimiter);
    json_key(&j, "header_absent");
    json_bool(&j, s->kind.header_absent);
    json_key(&j, "member");
    json_string(&j, end->member);
    json_key(&j, "columns");
    json_begin_array(&j);
    for (int i = 0; i < columns_count(s->columns); i++) {
        const struct column *c = columns_get(s->columns, i);
        json_begin_array(&j);
        json_int(&j, c->seen);
        json_bool(&j, c->fraction);
        put_path(&j, c->at);
        json_end_array(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    return buf_str(&j.buf);
}

static size_t put_varint(unsigned char *to, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        to[n++] = (unsigned char)(v | 0x80);
    to[n++] = (unsigned char)v;
    return n;
}

/* Only where an offset of the text is one of the stored bytes. */
static void pack_places(struct table_scan *s)
{
    if (!s->place_count || !decoder_is_identity(s->decoder))
        return;
    unsigned char *to = arena_alloc(&s->arena, (size_t)s->place_count * 20);
    struct place before = {0, 0};
    size_t n = 0;
    for (int i = 0; i < s->place_count; i++) {
        n += put_varint(to + n, (uint64_t)(s->places[i].row - before.row));
        n += put_varint(to + n, (uint64_t)(s->places[i].offset - before.offset));
        before = s->places[i];
    }
    s->facts.offsets = to;
    s->facts.offsets_len = n;
}

static const char *reason(struct table_scan *s, const char *what, const char *text)
{
    struct json_out j = {.buf = {.arena = &s->arena}};
    json_begin_object(&j);
    json_key(&j, what);
    json_string(&j, text);
    json_end_object(&j);
    return buf_str(&j.buf);
}

static const char *refuse_flat(struct table_scan *s)
{
    struct json_out j = {.buf = {.arena = &s->arena}};
    json_begin_object(&j);
    for (int f = FORMAT_CSV; f <= FORMAT_XLSX; f++) {
        json_key(&j, format_words[f].name);
        json_string(&j, "no columns");
    }
    json_end_object(&j);
    return buf_str(&j.buf);
}

static void check_columns(struct table_scan *s)
{
    int count = columns_count(s->columns);
    struct column_name *names = arena_alloc(&s->arena, (size_t)count * sizeof *names);
    for (int i = 0; i < count; i++)
        names[i] =
            (struct column_name){columns_get(s->columns, i)->name, columns_get(s->columns, i)->name_len};
    struct err e;
    if (xlsx_check_columns(names, count, &e) < 0) {
        s->no_xlsx = true;
        s->xlsx_problem = e;
    }
}

static void finish_table(struct table_scan *s, const struct reader_end *end)
{
    struct table_facts *f = &s->facts;
    columns_name(s->columns);
    f->rows = end->rows;
    f->columns = columns_count(s->columns);
    f->formats = (1U << FORMAT_END) - 1;
    f->description = describe(s, end);
    pack_places(s);
    if (f->columns == 0) {
        f->formats = 1U << FORMAT_JSON | 1U << FORMAT_NDJSON;
        f->unavailable = refuse_flat(s);
        return;
    }
    check_columns(s);
    if (s->no_xlsx) {
        f->formats &= ~(1U << FORMAT_XLSX);
        f->unavailable = reason(s, format_words[FORMAT_XLSX].name, s->xlsx_problem.detail);
    }
}

const struct table_facts *table_scan_finish(struct table_scan *s)
{
    struct reader_end end = {0};
    if (!s->decoder)
        begin(s);
    if (!s->failed)
        s->failed = decoder_finish(s->decoder, &s->problem) < 0;
    if (!s->failed)
        s->failed = reader_finish(s->reader, &end, &s->problem) < 0;
    s->facts = (struct table_facts){.rows = -1, .columns = -1};
    if (s->failed)
        s->facts.unavailable = reason(s, "*", s->problem.detail);
    else
        finish_table(s, &end);
    return &s->facts;
}
