/* SPDX-License-Identifier: Apache-2.0 */
/* The XML that is written for cells, what cells may be, where sheets end, and the archive around them. What
 * other programs make of it is in tests/formats. */
#include "base/arena.h"
#include "render/deflate_zip.h"
#include "render/write_xlsx.h"
#include "support/test.h"
#include "support/unpack.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A place to put bytes: keeps them, and fails where more than `limit` would come. */
struct sink {
    char *bytes;
    size_t len, limit;
    int pieces;
};

static int put_sink(void *ctx, const void *bytes, size_t len, struct err *e)
{
    struct sink *s = ctx;
    assert_true(len > 0);
    if (len > s->limit - s->len)
        return err_set(e, ERR_STORAGE, "full after %zu", s->len);
    s->bytes = mem_realloc(s->bytes, s->len + len);
    memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
    s->pieces++;
    return 0;
}

static struct cell text_cell(const char *text)
{
    return (struct cell){CELL_TEXT, text, strlen(text)};
}

static struct cell number_cell(const char *text)
{
    return (struct cell){CELL_NUMBER, text, strlen(text)};
}

/* Rows of one column each. */
static int write_cells(const struct xlsx_limits *limits, const struct cell *cells, int rows,
                       struct sink *sink, struct err *e)
{
    const struct column_name name = {"h", 1};
    struct xlsx_writer *w = xlsx_writer_new_within(limits, &name, 1, put_sink, sink);
    int rc = 0;
    for (int i = 0; i < rows && rc == 0; i++) {
        const struct row row = {.number = i, .cells = &cells[i], .count = 1};
        rc = xlsx_writer_row(w, &row, e);
    }
    if (rc == 0)
        rc = xlsx_writer_finish(w, e);
    xlsx_writer_free(w);
    return rc;
}

static char *unpack(const struct sink *s, const char *name)
{
    size_t len;
    char *xml = unpack_entry(s->bytes, s->len, 0, name, &len);
    assert_non_null(xml);
    assert_int_equal(strlen(xml), len);
    return xml;
}

/* What stands between <row r="2"> and </row> for a row of one cell. To be freed. */
static char *xml_of(const struct cell *cell)
{
    struct sink s = {.limit = SIZE_MAX};
    struct err e;
    must(write_cells(&xlsx_limits, cell, 1, &s, &e), &e);
    char *xml = unpack(&s, "xl/worksheets/sheet1.xml");
    char *begin = strstr(xml, "<row r=\"2\">");
    assert_non_null(begin);
    begin += strlen("<row r=\"2\">");
    char *end = strstr(begin, "</row></sheetData></worksheet>");
    assert_non_null(end);
    *end = '\0';
    memmove(xml, begin, (size_t)(end - begin) + 1);
    free(s.bytes);
    return xml;
}

static void expect_xml(struct cell cell, const char *expected)
{
    char *xml = xml_of(&cell);
    assert_string_equal(xml, expected);
    free(xml);
}

/* `len` bytes of text become `expected` inside <t>. */
static void expect_text(const char *text, size_t len, const char *expected)
{
    char whole[512];
    const struct cell cell = {CELL_TEXT, text, len};
    (void)snprintf(whole, sizeof whole, "<c r=\"A2\" t=\"inlineStr\"><is><t>%s</t></is></c>", expected);
    expect_xml(cell, whole);
}

static void each_kind_has_its_cell(void **state)
{
    const struct cell nested = {CELL_NESTED, "[1,\"<\"]", 7};
    (void)state;
    expect_xml((struct cell){.kind = CELL_ABSENT}, "");
    expect_xml((struct cell){.kind = CELL_NULL}, "");
    expect_xml((struct cell){.kind = CELL_TRUE}, "<c r=\"A2\" t=\"b\"><v>1</v></c>");
    expect_xml((struct cell){.kind = CELL_FALSE}, "<c r=\"A2\" t=\"b\"><v>0</v></c>");
    expect_xml(number_cell("1.10"), "<c r=\"A2\"><v>1.10</v></c>");
    expect_xml(number_cell("1234567890123456"),
               "<c r=\"A2\" t=\"inlineStr\"><is><t>1234567890123456</t></is></c>");
    expect_xml(nested, "<c r=\"A2\" t=\"inlineStr\"><is><t>[1,\"&lt;\"]</t></is></c>");
    expect_text("", 0, "");
    expect_text("=1+1", 4, "=1+1");
    expect_text("2024-02-30", 10, "2024-02-30");
    expect_text("12", 2, "12");
}

static void white_space_at_the_ends_and_lines_are_preserved(void **state)
{
    static const char *const kept[] = {" a", "a ", "\ta", "a\t", "a\nb", "\n", " "};
    char whole[128];
    (void)state;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        (void)snprintf(whole, sizeof whole,
                       "<c r=\"A2\" t=\"inlineStr\"><is><t xml:space=\"preserve\">%s</t></is></c>", kept[i]);
        expect_xml(text_cell(kept[i]), whole);
    }
    expect_text("a b\tc", 5, "a b\tc");
}

static void markup_is_escaped(void **state)
{
    (void)state;
    expect_text("a&b", 3, "a&amp;b");
    expect_text("</t>]]>&amp;", 12, "&lt;/t&gt;]]&gt;&amp;amp;");
    expect_text("\"'", 2, "\"'");
}

static void what_xml_cannot_hold_is_escaped(void **state)
{
    (void)state;
    expect_text("a\0b", 3, "a_x0000_b");
    expect_text("x\x01\x1fy", 4, "x_x0001__x001F_y");
    expect_text("a\r\b.", 4, "a_x000D__x0008_.");
    expect_text("\x7f\xc2\x85", 3, "\x7f\xc2\x85");
    expect_text("\xef\xbf\xbe\xef\xbf\xbf", 6, "_xFFFE__xFFFF_");
    expect_text("\xef\xbf\xbd\xef\xbb\xbf\xef\xac\x81", 9, "\xef\xbf\xbd\xef\xbb\xbf\xef\xac\x81");
    expect_text("\xf0\x9f\xbf\xbe", 4, "\xf0\x9f\xbf\xbe");
}

static void what_looks_like_an_escape_is_escaped(void **state)
{
    (void)state;
    expect_text("_x0041_", 7, "_x005F_x0041_");
    expect_text("_xaBcD_", 7, "_x005F_xaBcD_");
    expect_text("_x005F_x0041_", 13, "_x005F_x005F_x005F_x0041_");
    expect_text("__x0041__", 9, "__x005F_x0041__");
    expect_text("_x0041\x01", 7, "_x005F_x0041_x0001_"); /* whose first underscore would close it */
    expect_text("_x0041\xef\xbf\xbe", 9, "_x005F_x0041_xFFFE_");
    expect_text("_x0041_", 6, "_x0041");
    expect_text("_x004_ _X0041_ _x004g_ _x00411_", 31, "_x004_ _X0041_ _x004g_ _x00411_");
    expect_text("_x0041\xef\xbf\xbd", 9, "_x0041\xef\xbf\xbd");
    expect_text("_", 1, "_");
}

/* A cell longer than the writer's pieces, and one escape across each of their ends. */
static void long_texts_are_whole(void **state)
{
    enum { LEN = 32767 };
    char *text = mem_alloc(LEN);
    char *expected = mem_alloc(7 * LEN + 200);
    (void)state;
    for (int shift = 0; shift < 8; shift++) {
        size_t n = 0;
        for (int i = 0; i < LEN; i++)
            text[i] = "\x01_x0041_"[(i + shift) % 8];
        for (size_t i = 0, taken; i < LEN; i += taken) {
            size_t len = 1;
            if (xlsx_special[(unsigned char)text[i]]) {
                taken = xlsx_escape(text + i, LEN - i, expected + n, &len);
            } else {
                expected[n] = text[i];
                taken = 1;
            }
            n += len;
        }
        expected[n] = '\0';
        const struct cell cell = {CELL_TEXT, text, LEN};
        char *xml = xml_of(&cell);
        char *inner = strchr(strstr(xml, "<t"), '>') + 1;
        assert_memory_equal(inner, expected, n);
        assert_string_equal(inner + n, "</t></is></c>");
        free(xml);
    }
    free(expected);
    free(text);
}

/* As a number, as written. */
static void expect_number(const char *text)
{
    char out[XLSX_NUMBER];
    assert_int_equal(xlsx_number(text, strlen(text), out), strlen(text));
    assert_memory_equal(out, text, strlen(text));
}

static void expect_no_number(const char *text)
{
    char out[XLSX_NUMBER];
    if (xlsx_number(text, strlen(text), out))
        fail_msg("%s would be a number", text);
}

static void numbers_that_a_double_holds(void **state)
{
    static const char *const held[] = {"0",
                                       "-0",
                                       "0.0",
                                       "0e999999999999999999999",
                                       "1",
                                       "-1.10",
                                       "123456789012345",
                                       "12345678901234500000",
                                       "0.000000000000123456789012345",
                                       "100000000000000000000",
                                       "-1.50000000000000000000e+10",
                                       "1E-307",
                                       "2.22507385850721e-308",
                                       "2.2250738585073e-308",
                                       "1.79769313486231e308",
                                       "0.00000000000001e320",
                                       "1000000000000e-310"};
    static const char *const not_held[] = {"1234567890123456",
                                           "-1.234567890123456",
                                           "0.1234567890123456",
                                           "1000000000000001",
                                           "12345678901234567890",
                                           "1e309",
                                           "-1e400",
                                           "1.79769313486232e308",
                                           "1e99999999999999999999999999999",
                                           "1e-99999999999999999999999999999",
                                           "1e-400",
                                           "5e-324",
                                           "1e-310",
                                           "2.22507385850720e-308",
                                           "10000000000000e300"};
    (void)state;
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++)
        expect_number(held[i]);
    for (size_t i = 0; i < sizeof not_held / sizeof not_held[0]; i++)
        expect_no_number(not_held[i]);
}

/* A number of many zeros stands in fewer characters, and is the same. */
static void long_numbers_are_shortened(void **state)
{
    char text[400];
    char out[XLSX_NUMBER + 1];
    (void)state;
    memset(text, '0', sizeof text);
    memcpy(text, "-12.5", 5);
    size_t len = xlsx_number(text, sizeof text, out);
    assert_int_equal(len, 7);
    assert_memory_equal(out, "-125e-1", 7);
    memcpy(text, "00000", 5);
    text[1] = '.';
    text[300] = '7';
    len = xlsx_number(text, sizeof text, out);
    out[len] = '\0';
    assert_string_equal(out, "7e-299");
    text[300] = '0';
    assert_int_equal(xlsx_number(text, sizeof text, out), 1);
    assert_int_equal(out[0], '0');
    memset(text, '0', 10);
    text[0] = '1';
    len = xlsx_number(text, 300, out);
    out[len] = '\0';
    assert_string_equal(out, "1e299");
    assert_int_equal(xlsx_number(text, 310, out), 0);
    memcpy(text + 100, "e-100", 5);
    len = xlsx_number(text, 105, out);
    out[len] = '\0';
    assert_string_equal(out, "1e-1");
}

static void columns_are_counted(void **state)
{
    struct column_name *names = mem_alloc((XLSX_COLUMNS + 1) * sizeof *names);
    struct err e;
    (void)state;
    for (int i = 0; i <= XLSX_COLUMNS; i++)
        names[i] = (struct column_name){"n", 1};
    must(xlsx_check_columns(names, XLSX_COLUMNS, &e), &e);
    must_fail(xlsx_check_columns(names, XLSX_COLUMNS + 1, &e), ERR_LIMIT);
    assert_string_equal(e.detail, "16385 columns, 16384 is the most");
    must_fail(xlsx_check_columns(names, 0, &e), ERR_LIMIT);
    assert_string_equal(e.detail, "no columns");
    free(names);
}

static void names_of_columns_have_a_length(void **state)
{
    enum { LEN = 3 * 32768 };
    char *name = mem_alloc(LEN);
    struct column_name names[2] = {{"a", 1}, {name, XLSX_CELL}};
    struct err e;
    (void)state;
    for (int i = 0; i < LEN; i++)
        name[i] = "\xe2\x82\xac"[i % 3];
    names[1].len = 3 * XLSX_CELL;
    must(xlsx_check_columns(names, 2, &e), &e);
    names[1].len = LEN;
    must_fail(xlsx_check_columns(names, 2, &e), ERR_LIMIT);
    assert_string_equal(
        e.detail, "the name of column 2, \"€€€€€€€€€€€€€€€€€€€€…\": 32768 characters, 32767 is the most");
    free(name);
}

static void cells_have_a_length(void **state)
{
    enum { LEN = 40000 };
    const struct column_name name = {"note", 4};
    char *text = mem_alloc(LEN);
    struct cell cell = {CELL_TEXT, text, XLSX_CELL};
    struct err e;
    (void)state;
    memset(text, 'x', LEN);
    must(xlsx_check_cell(&cell, &name, 11, &e), &e);
    cell.len = LEN;
    must_fail(xlsx_check_cell(&cell, &name, 11, &e), ERR_LIMIT);
    assert_string_equal(e.detail, "row 12, column \"note\": 40000 characters in a cell, 32767 is the most");
    cell.kind = CELL_NESTED;
    must_fail(xlsx_check_cell(&cell, &name, 0, &e), ERR_LIMIT);
    memset(text, '1', LEN);
    cell.kind = CELL_NUMBER;
    must_fail(xlsx_check_cell(&cell, &name, 0, &e), ERR_LIMIT);
    memset(text, '0', LEN);
    text[1] = '.';
    text[5] = '1';
    must(xlsx_check_cell(&cell, &name, 0, &e), &e);
    cell = (struct cell){.kind = CELL_NULL};
    must(xlsx_check_cell(&cell, &name, 0, &e), &e);
    free(text);
}

/* Characters beyond U+FFFF count twice, as they do in the programs that have the limit. */
static void lengths_are_utf_16(void **state)
{
    const struct column_name name = {"n", 1};
    char *text = mem_alloc(4 * 16384);
    struct cell cell = {CELL_TEXT, text, 4 * 16383};
    struct err e;
    (void)state;
    for (int i = 0; i < 16384; i++)
        memcpy(text + 4 * (size_t)i, "\xf0\x9f\x98\x80", 4);
    must(xlsx_check_cell(&cell, &name, 0, &e), &e);
    cell.len += 4;
    must_fail(xlsx_check_cell(&cell, &name, 0, &e), ERR_LIMIT);
    assert_non_null(strstr(e.detail, " 32768 characters"));
    assert_int_equal(xlsx_units("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10), 5);
    free(text);
}

static void a_row_that_is_too_long_is_refused_not_cut(void **state)
{
    char *text = mem_alloc(XLSX_CELL + 1);
    struct cell cells[2] = {text_cell("a"), {CELL_TEXT, text, XLSX_CELL + 1}};
    struct sink s = {.limit = SIZE_MAX};
    struct err e;
    (void)state;
    memset(text, 'x', XLSX_CELL + 1);
    must_fail(write_cells(&xlsx_limits, cells, 2, &s, &e), ERR_LIMIT);
    assert_string_equal(e.detail, "row 2, column \"h\": 32768 characters in a cell, 32767 is the most");
    free(s.bytes);
    free(text);
}

static void no_columns_no_document(void **state)
{
    struct sink s = {.limit = SIZE_MAX};
    struct err e;
    (void)state;
    struct xlsx_writer *w = xlsx_writer_new(NULL, 0, put_sink, &s);
    must_fail(xlsx_writer_finish(w, &e), ERR_LIMIT);
    xlsx_writer_free(w);
    assert_int_equal(s.len, 0);
    xlsx_writer_free(NULL);
    deflate_zip_free(NULL);
}

static int count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void no_rows_leave_the_header(void **state)
{
    struct sink s = {.limit = SIZE_MAX};
    struct err e;
    (void)state;
    must(write_cells(&xlsx_limits, NULL, 0, &s, &e), &e);
    assert_int_equal(unpack_count(s.bytes, s.len), 6);
    char *xml = unpack(&s, "xl/worksheets/sheet1.xml");
    assert_int_equal(count_of(xml, "<row"), 1);
    assert_non_null(
        strstr(xml, "<row r=\"1\"><c r=\"A1\" s=\"1\" t=\"inlineStr\"><is><t>h</t></is></c></row>"));
    assert_non_null(strstr(xml, "state=\"frozen\""));
    free(xml);
    free(s.bytes);
}

static void columns_have_letters(void **state)
{
    enum { COUNT = XLSX_COLUMNS };
    struct column_name *names = mem_alloc(COUNT * sizeof *names);
    struct sink s = {.limit = SIZE_MAX};
    struct err e;
    (void)state;
    for (int i = 0; i < COUNT; i++)
        names[i] = (struct column_name){"n", 1};
    struct xlsx_writer *w = xlsx_writer_new(names, COUNT, put_sink, &s);
    must(xlsx_writer_finish(w, &e), &e);
    xlsx_writer_free(w);
    char *xml = unpack(&s, "xl/worksheets/sheet1.xml");
    static const char *const references[] = {"\"A1\"",  "\"Z1\"",  "\"AA1\"",  "\"AZ1\"",
                                             "\"BA1\"", "\"ZZ1\"", "\"AAA1\"", "\"XFD1\""};
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++)
        assert_int_equal(count_of(xml, references[i]), 1);
    assert_null(strstr(xml, "\"XFE1\""));
    free(xml);
    free(s.bytes);
    free(names);
}

static void rows_continue_on_further_sheets(void **state)
{
    const struct xlsx_limits limits = {.rows = 3, .sheet_bytes = xlsx_limits.sheet_bytes};
    static const int sheets[] = {1, 1, 1, 2, 2, 3}; /* for 0 to 5 rows */
    struct cell cells[5];
    char name[64];
    struct err e;
    (void)state;
    for (int i = 0; i < 5; i++)
        cells[i] = number_cell(&"10\0"
                                "11\0"
                                "12\0"
                                "13\0"
                                "14"[3 * i]);
    for (int rows = 0; rows <= 5; rows++) {
        struct sink s = {.limit = SIZE_MAX};
        must(write_cells(&limits, cells, rows, &s, &e), &e);
        assert_int_equal(unpack_count(s.bytes, s.len), 5 + sheets[rows]);
        for (int i = 0; i < sheets[rows]; i++) {
            (void)snprintf(name, sizeof name, "xl/worksheets/sheet%d.xml", i + 1);
            char *xml = unpack(&s, name);
            int here = rows - 2 * i > 2 ? 2 : rows - 2 * i;
            assert_int_equal(count_of(xml, "<row"), 1 + here);
            assert_int_equal(count_of(xml, " s=\"1\""), 1);
            (void)snprintf(name, sizeof name, "<row r=\"2\"><c r=\"A2\"><v>1%d</v>", 2 * i);
            assert_int_equal(count_of(xml, name), here > 0);
            free(xml);
        }
        char *xml = unpack(&s, "xl/workbook.xml");
        assert_int_equal(count_of(xml, "<sheet "), sheets[rows]);
        free(xml);
        free(s.bytes);
    }
}

/* The XML of a sheet has a limit, too; a row that no sheet could hold is refused. */
static void sheets_end_before_their_bytes_do(void **state)
{
    const struct xlsx_limits limits = {.rows = 100, .sheet_bytes = 16384};
    char text[1800];
    struct cell cells[4];
    struct err e;
    (void)state;
    memset(text, '&', sizeof text);
    for (int i = 0; i < 4; i++)
        cells[i] = (struct cell){CELL_TEXT, text, 1000};
    struct sink s = {.limit = SIZE_MAX};
    must(write_cells(&limits, cells, 4, &s, &e), &e);
    assert_int_equal(unpack_count(s.bytes, s.len), 5 + 2);
    for (int i = 1; i <= 2; i++) {
        char *xml = unpack(&s, i == 1 ? "xl/worksheets/sheet1.xml" : "xl/worksheets/sheet2.xml");
        assert_true(strlen(xml) <= 16384);
        free(xml);
    }
    free(s.bytes);
    s = (struct sink){.limit = SIZE_MAX};
    cells[2].len = sizeof text;
    must(write_cells(&limits, cells, 3, &s, &e), &e);
    free(s.bytes);
    s = (struct sink){.limit = SIZE_MAX};
    const struct xlsx_limits tight = {.rows = 100, .sheet_bytes = 14000};
    must_fail(write_cells(&tight, cells, 3, &s, &e), ERR_LIMIT);
    assert_string_equal(e.detail, "row 3: more characters than a sheet can have");
    free(s.bytes);
}

/* Numbers that do not compress much, so that there are several pieces. */
static struct cell *many_cells(int rows, char *room)
{
    struct cell *cells = mem_alloc((size_t)rows * sizeof *cells);
    for (int i = 0; i < rows; i++) {
        char *text = room + 16 * (size_t)i;
        (void)snprintf(text, 16, "%u", (unsigned)i * 2654435761U);
        cells[i] = number_cell(text);
    }
    return cells;
}

static void an_error_of_put_ends_the_writing(void **state)
{
    enum { ROWS = 40000 };
    static char room[16 * ROWS];
    struct cell *cells = many_cells(ROWS, room);
    struct sink whole = {.limit = SIZE_MAX};
    struct err e;
    (void)state;
    must(write_cells(&xlsx_limits, cells, ROWS, &whole, &e), &e);
    assert_true(whole.pieces > 3);
    for (size_t limit = 0; limit < whole.len; limit += whole.len / 7) {
        struct sink s = {.limit = limit};
        must_fail(write_cells(&xlsx_limits, cells, ROWS, &s, &e), ERR_STORAGE);
        assert_non_null(strstr(e.detail, "full after"));
        free(s.bytes);
    }
    struct sink s = {.limit = whole.len - 1};
    must_fail(write_cells(&xlsx_limits, cells, ROWS, &s, &e), ERR_STORAGE);
    free(s.bytes);
    free(whole.bytes);
    free(cells);
}

static void an_error_stays(void **state)
{
    enum { ROWS = 40000 };
    static char room[16 * ROWS];
    const struct column_name name = {"h", 1};
    struct cell *cells = many_cells(ROWS, room);
    struct sink s = {.limit = 0};
    struct row row = {.count = 1};
    struct err e = {0};
    int rc = 0;
    (void)state;
    struct xlsx_writer *w = xlsx_writer_new(&name, 1, put_sink, &s);
    for (row.number = 0; row.number < ROWS && rc == 0; row.number++) {
        row.cells = &cells[row.number];
        rc = xlsx_writer_row(w, &row, &e);
    }
    must_fail(rc, ERR_STORAGE);
    s.limit = SIZE_MAX;
    e = (struct err){0};
    must_fail(xlsx_writer_row(w, &row, &e), ERR_STORAGE);
    assert_string_equal(e.detail, "full after 0");
    must_fail(xlsx_writer_finish(w, &e), ERR_STORAGE);
    assert_int_equal(s.len, 0);
    xlsx_writer_free(w);
    free(cells);
}

static void pieces_are_large_and_bytes_the_same_each_time(void **state)
{
    enum { ROWS = 40000 };
    static char room[16 * ROWS];
    struct cell *cells = many_cells(ROWS, room);
    struct sink one = {.limit = SIZE_MAX};
    struct sink two = {.limit = SIZE_MAX};
    struct err e;
    (void)state;
    must(write_cells(&xlsx_limits, cells, ROWS, &one, &e), &e);
    must(write_cells(&xlsx_limits, cells, ROWS, &two, &e), &e);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.bytes, two.bytes, one.len);
    assert_int_equal(one.pieces, (one.len + 65535) / 65536);
    free(one.bytes);
    free(two.bytes);
    free(cells);
}

static void nothing_is_put_before_the_first_row(void **state)
{
    const struct column_name name = {"h", 1};
    struct sink s = {.limit = 0};
    (void)state;
    xlsx_writer_free(xlsx_writer_new(&name, 1, put_sink, &s));
    assert_int_equal(s.len, 0);
}

/* An archive behind 4 GiB says where it is by ZIP64, one before it does not. */
static void far_archives_have_zip64(void **state)
{
    static const uint64_t offsets[] = {0, 1000, UINT32_MAX - 1000, UINT32_MAX, UINT64_C(1) << 33};
    struct err e;
    (void)state;
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct sink s = {.limit = SIZE_MAX};
        const struct cell cell = text_cell("a");
        size_t len;
        struct xlsx_limits limits = xlsx_limits;
        limits.offset = offsets[i];
        must(write_cells(&limits, &cell, 1, &s, &e), &e);
        char *first = unpack_entry(s.bytes, s.len, offsets[i], "[Content_Types].xml", &len);
        char *last = unpack_entry(s.bytes, s.len, offsets[i], "xl/_rels/workbook.xml.rels", &len);
        assert_non_null(first);
        assert_non_null(last);
        assert_int_equal(memcmp(s.bytes + s.len - 42, "PK\x06\x07", 4) == 0, offsets[i] > 1000);
        free(first);
        free(last);
        free(s.bytes);
    }
}

static void an_entry_has_less_than_4_gib(void **state)
{
    struct sink s = {.limit = SIZE_MAX};
    struct err e;
    (void)state;
    struct deflate_zip *z = deflate_zip_new(0, put_sink, &s);
    must(deflate_zip_begin(z, "a", &e), &e);
    must_fail(deflate_zip_add(z, "", UINT32_MAX, &e), ERR_LIMIT);
    deflate_zip_free(z);
    free(s.bytes);
}

/* What does not compress, and entries of nothing. */
static void archives_hold_any_bytes(void **state)
{
    enum { LEN = 200000 };
    unsigned char *noise = mem_alloc(LEN);
    struct sink s = {.limit = SIZE_MAX};
    uint32_t seed = 1;
    struct err e;
    size_t len;
    (void)state;
    for (int i = 0; i < LEN; i++)
        noise[i] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
    struct deflate_zip *z = deflate_zip_new(0, put_sink, &s);
    must(deflate_zip_begin(z, "empty", &e), &e);
    must(deflate_zip_end(z, &e), &e);
    must(deflate_zip_store(z, "stored", noise, LEN, &e), &e);
    must(deflate_zip_begin(z, "noise", &e), &e);
    for (int i = 0; i < 4; i++)
        must(deflate_zip_add(z, noise + i * (LEN / 4), LEN / 4, &e), &e);
    must(deflate_zip_end(z, &e), &e);
    must(deflate_zip_finish(z, &e), &e);
    deflate_zip_free(z);
    char *empty = unpack_entry(s.bytes, s.len, 0, "empty", &len);
    assert_non_null(empty);
    assert_int_equal(len, 0);
    char *stored = unpack_entry(s.bytes, s.len, 0, "stored", &len);
    assert_memory_equal(stored, noise, LEN);
    char *packed = unpack_entry(s.bytes, s.len, 0, "noise", &len);
    assert_int_equal(len, LEN);
    assert_memory_equal(packed, noise, LEN);
    free(empty);
    free(stored);
    free(packed);
    free(s.bytes);
    free(noise);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_cell),
        cmocka_unit_test(white_space_at_the_ends_and_lines_are_preserved),
        cmocka_unit_test(markup_is_escaped),
        cmocka_unit_test(what_xml_cannot_hold_is_escaped),
        cmocka_unit_test(what_looks_like_an_escape_is_escaped),
        cmocka_unit_test(long_texts_are_whole),
        cmocka_unit_test(numbers_that_a_double_holds),
        cmocka_unit_test(long_numbers_are_shortened),
        cmocka_unit_test(columns_are_counted),
        cmocka_unit_test(names_of_columns_have_a_length),
        cmocka_unit_test(cells_have_a_length),
        cmocka_unit_test(lengths_are_utf_16),
        cmocka_unit_test(a_row_that_is_too_long_is_refused_not_cut),
        cmocka_unit_test(no_columns_no_document),
        cmocka_unit_test(no_rows_leave_the_header),
        cmocka_unit_test(columns_have_letters),
        cmocka_unit_test(rows_continue_on_further_sheets),
        cmocka_unit_test(sheets_end_before_their_bytes_do),
        cmocka_unit_test(an_error_of_put_ends_the_writing),
        cmocka_unit_test(an_error_stays),
        cmocka_unit_test(pieces_are_large_and_bytes_the_same_each_time),
        cmocka_unit_test(nothing_is_put_before_the_first_row),
        cmocka_unit_test(far_archives_have_zip64),
        cmocka_unit_test(an_entry_has_less_than_4_gib),
        cmocka_unit_test(archives_hold_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
