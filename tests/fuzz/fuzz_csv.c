/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV: how the input is cut makes no difference, a second reading and one from the middle see the same rows,
 * and what is written of them reads back as them.
 */
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "render/reader_csv.h"
#include "render/write_csv.h"

#include <string.h>

enum { OPTIONS = 3, ROWS = 64 };

/* All that one reading told, in a form that compares. */
struct reading {
    struct columns *columns;
    struct csv_reader *reader;
    struct csv_writer *writer; /* NULL: rows are not written */
    struct buf rows;
    size_t begins[ROWS]; /* in `rows`, of the first of them */
    int64_t offsets[ROWS];
    int64_t count;
    struct reader_end end;
    struct err e;
    int rc;
};

static int take_row(void *ctx, const struct row *row, struct err *e)
{
    struct reading *r = ctx;
    if (r->count < ROWS) {
        r->begins[r->count] = r->rows.len;
        r->offsets[r->count] = csv_reader_row_offset(r->reader);
    }
    r->count++;
    buf_add(&r->rows, &row->number, sizeof row->number);
    for (int i = 0; i < row->count; i++) {
        const struct cell *c = &row->cells[i];
        size_t len = c->kind >= CELL_NUMBER ? c->len : 0;
        buf_putc(&r->rows, (char)c->kind);
        buf_add(&r->rows, &len, sizeof len);
        if (len)
            buf_add(&r->rows, c->bytes, len);
    }
    return r->writer ? csv_writer_row(r->writer, row, e) : 0;
}

static int put_bytes(void *ctx, const void *bytes, size_t len, struct err *e)
{
    (void)e;
    buf_add(ctx, bytes, len);
    return 0;
}

/* `from`: where to begin, a row that was seen by an earlier reading, or NULL. */
static void read_all(struct reading *r, const struct reader_options *o, const char *text, size_t len,
                     size_t piece, const struct reading *from, int64_t row)
{
    r->reader = csv_reader_new(o, r->columns, take_row, r);
    if (from) {
        csv_reader_resume(r->reader, from->offsets[row], row);
        text += from->offsets[row];
        len -= (size_t)from->offsets[row];
    }
    for (size_t i = 0, n; r->rc == 0 && i < len; i += n) {
        n = len - i < piece ? len - i : piece;
        r->rc = csv_reader_feed(r->reader, text + i, n, &r->e);
    }
    if (r->rc == 0)
        r->rc = csv_reader_finish(r->reader, &r->end, &r->e);
    csv_reader_free(r->reader);
}

static void same(const struct reading *one, size_t from, const struct reading *other)
{
    FUZZ_ASSERT(one->rc == other->rc && !strcmp(one->e.detail, other->e.detail));
    FUZZ_ASSERT(one->rows.len - from == other->rows.len);
    FUZZ_ASSERT(!other->rows.len || !memcmp(one->rows.bytes + from, other->rows.bytes, other->rows.len));
    if (one->rc == 0)
        FUZZ_ASSERT(one->end.rows == other->end.rows && one->end.delimiter == other->end.delimiter);
}

static void same_columns(struct columns *one, struct columns *other)
{
    FUZZ_ASSERT(columns_count(one) == columns_count(other));
    for (int i = 0; i < columns_count(one); i++) {
        const struct column *x = columns_get(one, i);
        const struct column *y = columns_get(other, i);
        FUZZ_ASSERT(x->at->key_len == y->at->key_len && !memcmp(x->at->key, y->at->key, x->at->key_len));
        FUZZ_ASSERT(x->seen == y->seen && x->fraction == y->fraction);
    }
}

static void read_again(struct arena *a, const struct reader_options *first, struct reading *before,
                       const char *text, size_t len, size_t piece)
{
    struct reader_options o = *first;
    struct reading again = {.columns = before->columns, .rows = {.arena = a}};
    o.columns_are_set = true;
    o.delimiter = before->end.delimiter;
    read_all(&again, &o, text, len, piece, NULL, 0);
    same(before, 0, &again);
    for (int64_t i = 0; i < before->count && i < ROWS; i += 1 + i * 2) {
        struct reading rest = {.columns = before->columns, .rows = {.arena = a}};
        read_all(&rest, &o, text, len, piece, before, i);
        same(before, before->begins[i], &rest);
    }
}

/* Reads once more and writes what is read; reads that, the delimiter of CSV untold; nothing may have changed.
 */
static void write_and_read(struct arena *a, const struct reader_options *first, struct reading *before,
                           const char *text, size_t len, unsigned form)
{
    int count = columns_count(before->columns);
    struct column_name *names = arena_alloc(a, (size_t)count * sizeof *names);
    struct writer_options wo = {.format = form & 1 ? FORMAT_TSV : FORMAT_CSV,
                                .delimiter = ",;|\t"[form >> 1 & 3],
                                .lf = form & 8,
                                .bom = form & 16};
    struct buf out = {.arena = a};
    struct reader_options o = *first;
    struct reading writing = {.columns = before->columns, .rows = {.arena = a}};
    struct reading back = {.columns = columns_new(count, 1 << 20), .rows = {.arena = a}};
    for (int i = 0; i < count; i++) {
        const struct step *s = columns_get(before->columns, i)->at;
        names[i] = (struct column_name){.bytes = s->key, .len = s->key_len};
    }
    o.columns_are_set = true;
    writing.writer = csv_writer_new(&wo, names, count, put_bytes, &out);
    read_all(&writing, &o, text, len, SIZE_MAX, NULL, 0);
    FUZZ_ASSERT(csv_writer_finish(writing.writer, &writing.e) == 0);
    csv_writer_free(writing.writer);
    o = (struct reader_options){.row_limit = 1 << 24, .delimiter = (char)(form & 1 ? '\t' : 0)};
    read_all(&back, &o, out.bytes, out.len, SIZE_MAX, NULL, 0);
    back.end.delimiter = before->end.delimiter;
    same(before, 0, &back);
    same_columns(before->columns, back.columns);
    columns_free(back.columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct reader_options o = {.source = SOURCE_CSV};
    if (size < OPTIONS)
        return 0;
    o.delimiter = "\0,;\t|\0\0\0"[data[0] & 7];
    o.header_absent = data[0] & 8;
    o.types_text = data[0] & 16;
    o.row_limit = data[0] & 32 ? 40 : 1 << 12;
    const char *text = (const char *)data + OPTIONS;
    size_t len = size - OPTIONS;
    struct reading whole = {.columns = columns_new(50, 2000), .rows = {.arena = &a}};
    struct reading cut = {.columns = columns_new(50, 2000), .rows = {.arena = &a}};
    read_all(&whole, &o, text, len, SIZE_MAX, NULL, 0);
    read_all(&cut, &o, text, len, (size_t)data[1] % 80 + 1, NULL, 0);
    same(&whole, 0, &cut);
    same_columns(whole.columns, cut.columns);
    if (whole.rc == 0) {
        read_again(&a, &o, &whole, text, len, (size_t)data[1] % 80 + 1);
        if (columns_count(whole.columns) > 0)
            write_and_read(&a, &o, &whole, text, len, data[2]);
    }
    columns_free(whole.columns);
    columns_free(cut.columns);
    arena_free(&a);
    return 0;
}
