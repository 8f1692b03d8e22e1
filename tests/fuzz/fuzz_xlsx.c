/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells of any bytes as XLSX: the XML has nothing that XML forbids, and reading it the way ECMA-376 says
 * gives back every cell on its sheet, in its row and column.
 *
 * The input: how many columns, how many rows a sheet has, and then the cells, names first: a byte for the
 * kind and the text up to the next FF, which is in no UTF-8.
 */
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "render/write_xlsx.h"
#include "support/unpack.h"

#include <math.h>
#include <string.h>

enum { MOST_CELLS = 64, MOST_COLUMNS = 4 };

struct input {
    int columns, rows;
    int64_t rows_of_sheet;
    struct cell cells[MOST_CELLS]; /* the names, then row by row */
};

struct sink {
    char *bytes;
    size_t len;
};

static int put_sink(void *ctx, const void *bytes, size_t len, struct err *e)
{
    struct sink *s = ctx;
    (void)e;
    FUZZ_ASSERT(len > 0);
    s->bytes = mem_realloc(s->bytes, s->len + len);
    memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
    return 0;
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* Whether it is one number by JSON's grammar: all that a reader ever calls one. */
static bool is_number(const char *p, size_t len)
{
    const char *end = p + len;
    const char *from;
    p += p < end && *p == '-';
    from = p;
    p = p < end && *p == '0' ? p + 1 : skip_digits(p, end);
    if (p == from)
        return false;
    if (p < end && *p == '.') {
        from = ++p;
        if ((p = skip_digits(p, end)) == from)
            return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '-' || *p == '+');
        from = p;
        if ((p = skip_digits(p, end)) == from)
            return false;
    }
    return p == end;
}

static struct cell make_cell(enum cell_kind kind, const char *bytes, size_t len)
{
    struct cell c = {kind, bytes, len};
    if (kind < CELL_NUMBER)
        c = (struct cell){.kind = kind};
    else if (!text_is_utf8(bytes, len))
        c.len = 0;
    if (kind == CELL_NUMBER && !is_number(bytes, c.len))
        c.kind = CELL_TEXT;
    return c;
}

static bool read_input(const uint8_t *data, size_t size, struct input *ret)
{
    int n = 0;
    if (size < 3)
        return false;
    ret->columns = 1 + data[0] % MOST_COLUMNS;
    ret->rows_of_sheet = 2 + data[1] % 8;
    for (size_t i = 2; i < size && n < MOST_CELLS;) {
        enum cell_kind kind = (enum cell_kind)(data[i++] % (CELL_NESTED + 1));
        const uint8_t *end = i < size ? memchr(data + i, 0xFF, size - i) : NULL;
        size_t len = end ? (size_t)(end - (data + i)) : size - i;
        if (n < ret->columns)
            kind = CELL_TEXT;
        ret->cells[n++] = make_cell(kind, (const char *)data + i, len);
        i += len + 1;
    }
    ret->rows = n / ret->columns - 1;
    return ret->rows >= 0;
}

static int write_all(const struct input *in, struct sink *sink, struct err *e)
{
    struct xlsx_limits limits = xlsx_limits;
    struct column_name names[MOST_COLUMNS];
    int rc = 0;
    for (int i = 0; i < in->columns; i++)
        names[i] = (struct column_name){in->cells[i].bytes, in->cells[i].len};
    limits.rows = in->rows_of_sheet;
    struct xlsx_writer *w = xlsx_writer_new_within(&limits, names, in->columns, put_sink, sink);
    for (int i = 0; i < in->rows && rc == 0; i++) {
        const struct row row = {
            .number = i, .cells = &in->cells[(i + 1) * in->columns], .count = in->columns};
        rc = xlsx_writer_row(w, &row, e);
    }
    if (rc == 0)
        rc = xlsx_writer_finish(w, e);
    xlsx_writer_free(w);
    return rc;
}

/* ---- reading it back ---------------------------------------------------------------------------------- */

static void expect(const char **at, const char *text)
{
    size_t len = strlen(text);
    FUZZ_ASSERT(!strncmp(*at, text, len));
    *at += len;
}

static bool take(const char **at, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

/* The text up to the next tag, with the entities undone, as an XML parser hands it on. */
static size_t parse_xml(const char **at, char *to)
{
    size_t n = 0;
    while (**at != '<') {
        unsigned char c = (unsigned char)**at;
        FUZZ_ASSERT(c >= 0x20 || c == '\t' || c == '\n');
        FUZZ_ASSERT(c != '>' && strncmp(*at, "\xef\xbf\xbe", 3) != 0 && strncmp(*at, "\xef\xbf\xbf", 3) != 0);
        if (take(at, "&amp;")) {
            to[n++] = '&';
        } else if (take(at, "&lt;")) {
            to[n++] = '<';
        } else if (take(at, "&gt;")) {
            to[n++] = '>';
        } else {
            FUZZ_ASSERT(c != '&');
            to[n++] = *(*at)++;
        }
    }
    return n;
}

/* The code of _x0041_ at s, or -1. */
static int sequence(const char *s, size_t left)
{
    unsigned char code[2];
    if (left < 7 || s[0] != '_' || s[1] != 'x' || s[6] != '_' || !text_unhex(s + 2, 4, code))
        return -1;
    return code[0] << 8 | code[1];
}

/* In place: what is escaped becomes what it was. */
static size_t unescape(char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        int code = sequence(s + i, len - i);
        if (code < 0) {
            s[n++] = s[i++];
            continue;
        }
        i += 7;
        if (code < 0x80) {
            s[n++] = (char)code;
        } else {
            FUZZ_ASSERT(code >= 0xFFFE);
            memcpy(s + n, code == 0xFFFE ? "\xef\xbf\xbe" : "\xef\xbf\xbf", 3);
            n += 3;
        }
    }
    return n;
}

static void expect_text(const char **at, const struct cell *cell, char *room)
{
    expect(at, " t=\"inlineStr\"><is><t");
    (void)take(at, " xml:space=\"preserve\"");
    expect(at, ">");
    size_t len = unescape(room, parse_xml(at, room));
    FUZZ_ASSERT(len == cell->len && !memcmp(room, cell->bytes, len));
    expect(at, "</t></is></c>");
}

static void expect_number(const char **at, const struct cell *cell, char *room)
{
    char *end;
    expect(at, "><v>");
    double found = strtod(*at, &end);
    FUZZ_ASSERT(end > *at && isfinite(found));
    *at = end;
    memcpy(room, cell->bytes, cell->len);
    room[cell->len] = '\0';
    FUZZ_ASSERT(found == strtod(room, NULL));
    expect(at, "</v></c>");
}

static void expect_cell(const char **at, const struct cell *cell, int column, int64_t row, bool header,
                        char *room)
{
    char reference[64];
    if (cell->kind <= CELL_NULL)
        return;
    (void)snprintf(reference, sizeof reference, "<c r=\"%c%lld\"%s", 'A' + column, (long long)row,
                   header ? " s=\"1\"" : "");
    expect(at, reference);
    if (cell->kind <= CELL_TRUE)
        expect(at, cell->kind == CELL_TRUE ? " t=\"b\"><v>1</v></c>" : " t=\"b\"><v>0</v></c>");
    else if (cell->kind == CELL_NUMBER && **at == '>')
        expect_number(at, cell, room);
    else
        expect_text(at, cell, room);
}

static void expect_row(const char **at, const struct input *in, int index, int64_t number, char *room)
{
    char begin[64];
    (void)snprintf(begin, sizeof begin, "<row r=\"%lld\">", (long long)number);
    expect(at, begin);
    for (int i = 0; i < in->columns; i++)
        expect_cell(at, &in->cells[index * in->columns + i], i, number, number == 1, room);
    expect(at, "</row>");
}

/* One sheet, of the rows from `first` on; returns the first of the next one. */
static int expect_sheet(const char *xml, const struct input *in, int first, char *room)
{
    const char *at = strstr(xml, "<sheetData>");
    int64_t number = 1;
    FUZZ_ASSERT(at);
    expect(&at, "<sheetData>");
    expect_row(&at, in, 0, number++, room);
    for (; first < in->rows && number <= in->rows_of_sheet; first++)
        expect_row(&at, in, first + 1, number++, room);
    expect(&at, "</sheetData></worksheet>");
    FUZZ_ASSERT(*at == '\0');
    return first;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {0};
    struct sink sink = {0};
    struct err e;
    if (!read_input(data, size, &in))
        return 0;
    if (write_all(&in, &sink, &e) < 0) {
        FUZZ_ASSERT(size > XLSX_CELL); /* only a text that is too long is refused */
        free(sink.bytes);
        return 0;
    }
    char *room = mem_alloc(7 * size + 1);
    int row = 0;
    for (int sheet = 1; sheet == 1 || row < in.rows; sheet++) {
        char name[64];
        size_t len;
        (void)snprintf(name, sizeof name, "xl/worksheets/sheet%d.xml", sheet);
        char *xml = unpack_entry(sink.bytes, sink.len, 0, name, &len);
        FUZZ_ASSERT(xml && strlen(xml) == len);
        row = expect_sheet(xml, &in, row, room);
        free(xml);
    }
    free(room);
    free(sink.bytes);
    return 0;
}
