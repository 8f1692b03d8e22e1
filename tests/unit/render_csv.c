/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV both ways. Whatever is read is read whole and in pieces of several sizes, which must make no
 * difference, and compared as a transcript: `#1.10` a number, `'text'`, T, F, `-` for null; the columns in
 * brackets first.
 */
#include "base/buf.h"
#include "render/csv.h"
#include "render/reader_csv.h"
#include "render/write_csv.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena a;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static const struct reader_options plain = {.source = SOURCE_CSV, .row_limit = 1 << 20};

static void put_cell(struct buf *b, const struct cell *c)
{
    static const char *const words[] = {"?", "-", "F", "T", "#", "'", "{"};
    buf_puts(b, words[c->kind]);
    if (c->kind >= CELL_NUMBER)
        buf_add(b, c->bytes, c->len);
    if (c->kind == CELL_TEXT)
        buf_putc(b, '\'');
}

static int put_row(void *ctx, const struct row *row, struct err *e)
{
    struct buf *b = ctx;
    (void)e;
    assert_null(row->json);
    for (int i = 0; i < row->count; i++) {
        if (i)
            buf_putc(b, ' ');
        put_cell(b, &row->cells[i]);
    }
    buf_putc(b, '\n');
    return 0;
}

static void put_columns(struct buf *b, struct columns *c)
{
    for (int i = 0; i < columns_count(c); i++) {
        const struct step *at = columns_get(c, i)->at;
        buf_putc(b, '[');
        buf_add(b, at->key, at->key_len);
        buf_putc(b, ']');
    }
    buf_putc(b, '\n');
}

/* Feeds all in pieces, each of them in memory of its own, so that a read beyond its end is seen. */
static int feed(struct csv_reader *r, const char *text, size_t len, size_t piece, struct err *e)
{
    int rc = 0;
    for (size_t i = 0, n; rc == 0 && i < len; i += n) {
        n = len - i < piece ? len - i : piece;
        char *exact = mem_alloc(n);
        memcpy(exact, text + i, n);
        rc = csv_reader_feed(r, exact, n, e);
        free(exact);
    }
    return rc;
}

static struct buf transcribe(const struct reader_options *o, struct columns *c, const char *text, size_t len,
                             size_t piece)
{
    struct buf rows = {.arena = &a};
    struct buf all = {.arena = &a};
    struct reader_end end = {0};
    struct err e = {0};
    struct csv_reader *r = csv_reader_new(o, c, put_row, &rows);
    int rc = feed(r, text, len, piece, &e);
    if (rc == 0)
        rc = csv_reader_finish(r, &end, &e);
    put_columns(&all, c);
    buf_add(&all, buf_str(&rows), rows.len);
    if (rc < 0)
        buf_printf(&all, "%s: %s\n", err_public(rc), e.detail);
    csv_reader_free(r);
    return all;
}

static struct buf read_len(const struct reader_options *o, const char *text, size_t len)
{
    static const size_t pieces[] = {1, 2, 3, 7, 63, 64, 65, 1000};
    struct columns *c = columns_new(100, 10000);
    struct buf whole = transcribe(o, c, text, len, SIZE_MAX);
    columns_free(c);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        c = columns_new(100, 10000);
        struct buf cut = transcribe(o, c, text, len, pieces[i]);
        columns_free(c);
        assert_int_equal(cut.len, whole.len);
        assert_memory_equal(cut.bytes, whole.bytes, whole.len);
    }
    return whole;
}

static const char *read_with(const struct reader_options *o, const char *text)
{
    struct buf b = read_len(o, text, strlen(text));
    return buf_str(&b);
}

#define reads(text, transcript)         assert_string_equal(read_with(&plain, text), transcript)
#define reads_with(o, text, transcript) assert_string_equal(read_with(&(o), text), transcript)

static void cells_have_kinds(void **state)
{
    (void)state;
    reads("a,b,c\n1.10,1e400,12345678901234567890\n", "[a][b][c]\n#1.10 #1e400 #12345678901234567890\n");
    reads("a,b,c\ntrue,false,null\n", "[a][b][c]\nT F 'null'\n");
    reads("a,b,c\n\"1\",\"true\",\"\"\n", "[a][b][c]\n'1' 'true' ''\n");
    reads("a,b,c\n,,\n", "[a][b][c]\n- - -\n");
    reads("a,b,c\nTrue,truer,tru\nfalsey,fals,f\n", "[a][b][c]\n'True' 'truer' 'tru'\n'falsey' 'fals' 'f'\n");
    reads("a,b\n 1, x \n", "[a][b]\n' 1' ' x '\n");
}

static void numbers_are_those_of_json(void **state)
{
    static const char *const good[] = {
        "0",    "-0",      "7",   "10",   "-12",       "0.5",       "1.10",          "12345678", "1e5",
        "1E+5", "1.5e-10", "0e0", "-0.0", "1234567.8", "123456789", "0.00000000001", "1.2345678"};
    static const char *const bad[] = {
        "00",        "01",         "-",      "-01",   "+1",    ".5",      "1.",       "1.e5",
        "1e",        "1e+",        "1e5x",   "1.5.5", "0x10",  "1 ",      "1_000",    "--1",
        "1-1",       "1e5.5",      "Inf",    "NaN",   "1:2",   "1/2",     "00.5",     "1.5e",
        "1\xc3\xa9", "2024-01-02", "12345.", "1;",    "1\x01", "0123456", "01234567", "012345678"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_string_equal(read_with(&plain, arena_printf(&a, "a,b\n%s,x\n", good[i])),
                            arena_printf(&a, "[a][b]\n#%s 'x'\n", good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_string_equal(read_with(&plain, arena_printf(&a, "a,b\n%s,x\n", bad[i])),
                            arena_printf(&a, "[a][b]\n'%s' 'x'\n", bad[i]));
}

static void types_text_makes_all_text(void **state)
{
    struct reader_options o = plain;
    (void)state;
    o.types_text = true;
    reads_with(o, "a,b,c\n1,true,\n\"\",\"1\",x\n", "[a][b][c]\n'1' 'true' -\n'' '1' 'x'\n");
}

static void lines_end_in_any_way(void **state)
{
    (void)state;
    reads("a,b\n1,2\r\n3,4\r5,6", "[a][b]\n#1 #2\n#3 #4\n#5 #6\n");
    reads("a,b\r\r1,2\r\r\n\n3,4\n\n", "[a][b]\n#1 #2\n#3 #4\n");
    reads("a,b\n1,", "[a][b]\n#1 -\n");
    reads("a,b\n1,\"\"", "[a][b]\n#1 ''\n");
    reads("\n\r\na,b\n1,2", "[a][b]\n#1 #2\n");
}

static void empty_lines_are_rows_of_a_single_column(void **state)
{
    (void)state;
    reads("a\n1\n\n2\n\n", "[a]\n#1\n-\n#2\n-\n");
    reads("a\r\n\r\n\r1", "[a]\n-\n-\n#1\n");
    reads("a\n", "[a]\n");
    reads("a", "[a]\n");
    reads("\n\"\"\n1\n", "[]\n#1\n");
}

static void quoted_cells_hold_anything(void **state)
{
    (void)state;
    reads("a,b\n\"x,y\",\"1\r\n2\n3\r4\"\n", "[a][b]\n'x,y' '1\r\n2\n3\r4'\n");
    reads("a,b\n\"\"\"\",\"\"\"x\"\"\"\"y\"\n", "[a][b]\n'\"' '\"x\"\"y'\n");
    reads("a,b\nx\"y\",1\"\n", "[a][b]\n'x\"y\"' '1\"'\n");
    reads("\"a\nb\",\"c\"\"d\"\n1,2\n", "[a\nb][c\"d]\n#1 #2\n");
    reads("a,b\n\"\xc3\xa9\"\"\xf0\x9f\x98\x80\"\"\",\xe2\x82\xac\n",
          "[a][b]\n'\xc3\xa9\"\xf0\x9f\x98\x80\"' '\xe2\x82\xac'\n");
}

static void broken_quotes_say_where(void **state)
{
    (void)state;
    reads("a,b\n1,2\n3,\"4\n5", "[a][b]\n#1 #2\nbad_value: row 2 at byte 8: unclosed quote\n");
    reads("a,b\n1,\"2\"x\n", "[a][b]\nbad_value: row 1 at byte 9: text after a closing quote\n");
    reads("a,b\n1,\"2\" ", "[a][b]\nbad_value: row 1 at byte 9: text after a closing quote\n");
    reads("a,b\n1,\"2\" \"", "[a][b]\nbad_value: row 1 at byte 9: text after a closing quote\n");
    reads("a,\"b\n", "[a]\nbad_value: header at byte 0: unclosed quote\n");
}

static void rows_may_be_short_but_not_long(void **state)
{
    struct reader_options o = plain;
    (void)state;
    reads("a,b,c\n1\n1,2\n,\n", "[a][b][c]\n#1 - -\n#1 #2 -\n- - -\n");
    reads("a,b\n1,2\n\n1,2,\n", "[a][b]\n#1 #2\nbad_value: row 2 at byte 9: 3 cells, the header has 2\n");
    o.header_absent = true;
    reads_with(o, "1,2\n1,2,3,4\n",
               "[c1][c2]\n#1 #2\nbad_value: row 2 at byte 4: 4 cells, the first row has 2\n");
}

static void the_delimiter_is_found_out(void **state)
{
    struct reader_options o = plain;
    (void)state;
    reads("a;b;c,d\n1;2;3\n", "[a][b][c,d]\n#1 #2 #3\n");
    reads("a\tb\n1\t2\n", "[a][b]\n#1 #2\n");
    reads("a|b\n1|2\n", "[a][b]\n#1 #2\n");
    reads("\"a,,,\";b\n1;2\n", "[a,,,][b]\n#1 #2\n");
    reads("a;\"x\"\",,\n|\";b|c", "[a][x\",,\n|][b|c]\n");
    reads("a;b|c\n1,2\n", "[a;b|c]\nbad_value: row 1 at byte 6: 2 cells, the header has 1\n");
    reads("a;b|c|d;e,f\n", "[a;b|c|d;e][f]\n");
    reads("a\n1;2\n", "[a]\n'1;2'\n");
    reads("\n\na;b", "[a][b]\n");
    reads("x\"y;z\"\n", "[x\"y][z\"]\n");
    o.delimiter = '|';
    reads_with(o, "a,b|c\n1|2\n", "[a,b][c]\n#1 #2\n");
}

static void columns_of_one_name_get_numbers(void **state)
{
    (void)state;
    reads("a,a,b,a\n", "[a][a_2][b][a_3]\n");
    reads("a,a_2,a,a_2\n", "[a][a_2][a_3][a_2_2]\n");
    reads(",,\n1,2,3\n", "[][_2][_3]\n#1 #2 #3\n");
    reads("1,true,\"1\"\n", "[1][true][1_2]\n");
}

static void a_header_may_be_absent(void **state)
{
    struct reader_options o = plain;
    (void)state;
    o.header_absent = true;
    reads_with(o, "1,x\n2\n", "[c1][c2]\n#1 'x'\n#2 -\n");
    reads_with(o, "\n\n1\n\n2\n", "[c1]\n#1\n-\n#2\n");
    reads_with(o, "", "\n");
    reads("", "\nbad_value: no header\n");
    reads("\n\r\n", "\nbad_value: no header\n");
    reads("\xEF\xBB\xBF", "\nbad_value: no header\n");
}

static void a_bom_is_skipped_at_the_start_only(void **state)
{
    (void)state;
    reads("\xEF\xBB\xBF\"a\",b\n1,2\n", "[a][b]\n#1 #2\n");
    reads("\xEF\xBB\xBF\xEF\xBB\xBFx,b\n", "[\xEF\xBB\xBFx][b]\n");
    reads("\"\xEF\xBB\xBFx\",b\n", "[\xEF\xBB\xBFx][b]\n");
    reads("\xEF\xBB", "\nbad_value: header at byte 0: not UTF-8 (0xEF)\n");
}

static void what_is_not_utf8_says_where(void **state)
{
    (void)state;
    reads("a,b\n1,2\n\xc3\xa9,x\xff\n", "[a][b]\n#1 #2\nbad_value: row 2 at byte 12: not UTF-8 (0xFF)\n");
    reads("a,\xc3\n", "[a]\nbad_value: header at byte 2: not UTF-8 (0xC3)\n");
    reads("a,b\n1,\"\xed\xa0\x80\"\n", "[a][b]\nbad_value: row 1 at byte 7: not UTF-8 (0xED)\n");
    reads("a,b\n1,\xe2\x82", "[a][b]\nbad_value: row 1 at byte 6: not UTF-8 (0xE2)\n");
}

static void a_nul_is_a_character(void **state)
{
    (void)state;
    struct buf b = read_len(&plain, "a\0,b\n\0,\"\0\"\n", 11);
    assert_int_equal(b.len, 16);
    assert_memory_equal(b.bytes, "[a\0][b]\n'\0' '\0'\n", 16);
}

static void rows_have_a_limit(void **state)
{
    struct reader_options o = plain;
    (void)state;
    o.row_limit = 10;
    reads_with(o, "a,b\n12345,7890\r\n1,2\n", "[a][b]\n#12345 #7890\n#1 #2\n");
    reads_with(
        o, "a,b\n1,2\n12345,78901\n",
        "[a][b]\n#1 #2\nbad_value: row 2 at byte 8: longer than 10 bytes, the most that a row may have\n");
    reads_with(o, "a,b\n\"34567\n\n\n\n\n\n\n",
               "[a][b]\nbad_value: row 1 at byte 4: longer than 10 bytes, the most that a row may have\n");
    reads_with(o, "aaaaaaaaaaa,b\n",
               "\nbad_value: header at byte 0: longer than 10 bytes, the most that a row may have\n");
    reads_with(o, "\n\n\n\n\n\n\n\n\n\n\n\n\n\na,b\n1,2", "[a][b]\n#1 #2\n");
}

static int see_large_row(void *ctx, const struct row *row, struct err *e)
{
    (void)e;
    assert_int_equal(row->count, 3);
    assert_int_equal(row->cells[0].len, 1);
    assert_int_equal(row->cells[1].len, 6 << 20);
    for (size_t i = 0; i < row->cells[1].len; i += 997)
        assert_int_equal(row->cells[1].bytes[i], '"');
    assert_memory_equal(row->cells[2].bytes, "end", 3);
    (*(int *)ctx)++;
    return 0;
}

/* Were it parsed again with each piece, this would take hours. */
static void a_large_row_in_small_pieces_is_parsed_once(void **state)
{
    struct reader_options o = {.row_limit = 13 << 20, .delimiter = ','};
    struct columns *c = columns_new(10, 1000);
    struct reader_end end;
    struct err e;
    char quotes[16];
    int seen = 0;
    (void)state;
    memset(quotes, '"', sizeof quotes);
    struct csv_reader *r = csv_reader_new(&o, c, see_large_row, &seen);
    must(csv_reader_feed(r, "a,b,c\n", 6, &e), &e);
    for (int k = 0; k < 3; k++) {
        must(csv_reader_feed(r, "1,\"", 3, &e), &e);
        for (int i = 0; i < 12 << 16; i++)
            must(csv_reader_feed(r, quotes, sizeof quotes, &e), &e);
        must(csv_reader_feed(r, "\",end\r\n", 7, &e), &e);
    }
    must(csv_reader_finish(r, &end, &e), &e);
    assert_int_equal(seen, 3);
    assert_int_equal(end.rows, 3);
    csv_reader_free(r);
    columns_free(c);
}

static void columns_tell_what_was_seen(void **state)
{
    struct columns *c = columns_new(10, 1000);
    (void)state;
    (void)transcribe(&plain, c, "a,b,c,d\n1,1.0,x,true\n2,3,\"1\",false\n-1,1e2\n", 42, 100);
    assert_int_equal(columns_get(c, 0)->seen, 1 << CELL_NUMBER);
    assert_false(columns_get(c, 0)->fraction);
    assert_int_equal(columns_get(c, 1)->seen, 1 << CELL_NUMBER);
    assert_true(columns_get(c, 1)->fraction);
    assert_int_equal(columns_get(c, 2)->seen, 1 << CELL_TEXT | 1 << CELL_NULL);
    assert_int_equal(columns_get(c, 3)->seen, 1 << CELL_TRUE | 1 << CELL_FALSE | 1 << CELL_NULL);
    columns_free(c);
}

static void columns_have_limits(void **state)
{
    struct columns *c = columns_new(2, 1000);
    struct buf b;
    (void)state;
    b = transcribe(&plain, c, "a,b,c\n", 6, 100);
    assert_non_null(strstr(buf_str(&b), "\nlimit: "));
    columns_free(c);
    c = columns_new(2, sizeof(struct step) + KEY_BEYOND + 4);
    b = transcribe(&plain, c, "a,bcdefg\n", 9, 100);
    assert_string_equal(buf_str(&b), "[a]\nlimit: the names of the columns are too long together\n");
    columns_free(c);
}

static void given_columns_are_compared_by_their_number(void **state)
{
    struct reader_options o = plain;
    struct columns *c = columns_new(10, 1000);
    struct buf b;
    (void)state;
    (void)transcribe(&plain, c, "a,b\nx,y\n,3\n", 11, 100);
    o.columns_are_set = true;
    b = transcribe(&o, c, "a,b\nx,y\n1,2\n,true\n", 18, 1);
    assert_string_equal(buf_str(&b), "[a][b]\n'x' 'y'\n'1' #2\n- T\n");
    assert_int_equal(columns_get(c, 0)->seen, 1 << CELL_TEXT | 1 << CELL_NULL);
    assert_int_equal(columns_get(c, 1)->seen, 1 << CELL_TEXT | 1 << CELL_NUMBER);
    b = transcribe(&o, c, "a,b,c\n", 6, 1);
    assert_string_equal(buf_str(&b), "[a][b]\nbad_value: header at byte 0: 3 columns, not 2 as before\n");
    columns_free(c);
}

struct places {
    struct csv_reader *r;
    int64_t offset[8], number[8];
    int count;
};

static int note_place(void *ctx, const struct row *row, struct err *e)
{
    struct places *p = ctx;
    (void)e;
    p->offset[p->count] = csv_reader_row_offset(p->r);
    p->number[p->count++] = row->number;
    return 0;
}

static void reading_resumes_at_any_row(void **state)
{
    static const char text[] = "\xEF\xBB\xBF"
                               "a;b\r\n1;2\r\n\r\n\"x\r\n\";\r\xEF\xBB\xBFy;z";
    static const int64_t starts[] = {8, 15, 22};
    struct reader_options o = plain;
    struct columns *c = columns_new(10, 1000);
    struct places all = {0};
    struct reader_end end;
    struct err e;
    (void)state;
    all.r = csv_reader_new(&o, c, note_place, &all);
    must(csv_reader_feed(all.r, text, sizeof text - 1, &e), &e);
    must(csv_reader_finish(all.r, &end, &e), &e);
    assert_int_equal(all.count, 3);
    assert_int_equal(end.rows, 3);
    assert_int_equal(end.delimiter, ';');
    csv_reader_free(all.r);
    o.columns_are_set = true;
    o.delimiter = end.delimiter;
    for (int i = 0; i < 3; i++) {
        struct places rest = {0};
        assert_int_equal(all.offset[i], starts[i]);
        assert_int_equal(all.number[i], i);
        rest.r = csv_reader_new(&o, c, note_place, &rest);
        csv_reader_resume(rest.r, all.offset[i], i);
        must(csv_reader_feed(rest.r, text + starts[i], sizeof text - 1 - (size_t)starts[i], &e), &e);
        must(csv_reader_finish(rest.r, &end, &e), &e);
        assert_int_equal(rest.count, 3 - i);
        assert_memory_equal(rest.offset, all.offset + i, (size_t)rest.count * sizeof rest.offset[0]);
        assert_memory_equal(rest.number, all.number + i, (size_t)rest.count * sizeof rest.number[0]);
        assert_int_equal(end.rows, 3);
        csv_reader_free(rest.r);
    }
    columns_free(c);
}

static int stop(void *ctx, const struct row *row, struct err *e)
{
    (void)ctx;
    (void)row;
    return err_set(e, ERR_STORAGE, "enough");
}

static void an_error_of_the_callee_ends_the_reading(void **state)
{
    struct columns *c = columns_new(10, 1000);
    struct csv_reader *r = csv_reader_new(&plain, c, stop, NULL);
    struct err e;
    (void)state;
    must_fail(csv_reader_feed(r, "a\n1\n2\n", 6, &e), ERR_STORAGE);
    csv_reader_free(r);
    columns_free(c);
}

/* --- writing ----------------------------------------------------------------------------------------------
 */

static int put_bytes(void *ctx, const void *bytes, size_t len, struct err *e)
{
    (void)e;
    assert_true(len > 0);
    buf_add(ctx, bytes, len);
    return 0;
}

static const struct column_name one_name[] = {{"a", 1}};
static const struct column_name two_names[] = {{"a", 1}, {"b", 1}};

static const char *write_rows(const struct writer_options *o, const struct column_name *names, int count,
                              const struct cell *cells, int rows)
{
    struct buf b = {.arena = &a};
    struct err e;
    struct csv_writer *w = csv_writer_new(o, names, count, put_bytes, &b);
    for (int i = 0; i < rows; i++) {
        struct row row = {.number = i, .cells = cells + i * count, .count = count};
        must(csv_writer_row(w, &row, &e), &e);
    }
    must(csv_writer_finish(w, &e), &e);
    csv_writer_free(w);
    return buf_str(&b);
}

#define TEXT(s)                                                                                              \
    {                                                                                                        \
        CELL_TEXT, s, sizeof(s) - 1                                                                          \
    }
#define NUMBER(s)                                                                                            \
    {                                                                                                        \
        CELL_NUMBER, s, sizeof(s) - 1                                                                        \
    }

static const struct writer_options csv = {.format = FORMAT_CSV, .delimiter = ','};

static void every_kind_is_written(void **state)
{
    static const struct cell cells[] = {{CELL_ABSENT},
                                        {CELL_NULL},
                                        {CELL_TRUE},
                                        {CELL_FALSE},
                                        NUMBER("1.10"),
                                        NUMBER("-1e400"),
                                        TEXT("x y"),
                                        TEXT(""),
                                        TEXT("1"),
                                        TEXT("true"),
                                        TEXT("false"),
                                        TEXT("null"),
                                        TEXT("a,b"),
                                        TEXT("say \"x\""),
                                        TEXT("a\rb\nc"),
                                        TEXT("1x"),
                                        {CELL_NESTED, "{\"a\":1}", 7},
                                        {CELL_NESTED, "[]", 2}};
    (void)state;
    assert_string_equal(
        write_rows(&csv, two_names, 2, cells, 9),
        "a,b\r\n,\r\ntrue,false\r\n1.10,-1e400\r\nx y,\"\"\r\n\"1\",\"true\"\r\n\"false\",null\r\n"
        "\"a,b\",\"say \"\"x\"\"\"\r\n\"a\rb\nc\",1x\r\n\"{\"\"a\"\":1}\",[]\r\n");
    assert_string_equal(write_rows(&csv, one_name, 1, cells, 2), "a\r\n\r\n\r\n");
    assert_string_equal(write_rows(&csv, two_names, 2, NULL, 0), "a,b\r\n");
}

static void options_change_the_form(void **state)
{
    static const struct cell cells[] = {TEXT("x\ty"), TEXT("x;y")};
    static const struct cell more[] = {TEXT("x,y"), TEXT("x|y")};
    (void)state;
    assert_string_equal(
        write_rows(&(struct writer_options){.format = FORMAT_CSV, .delimiter = ';', .lf = true}, two_names, 2,
                   cells, 1),
        "a;b\nx\ty;\"x;y\"\n");
    assert_string_equal(
        write_rows(&(struct writer_options){.format = FORMAT_TSV, .delimiter = ';', .bom = true}, two_names,
                   2, cells, 1),
        "\xEF\xBB\xBF"
        "a\tb\r\n\"x\ty\"\tx;y\r\n");
    assert_string_equal(
        write_rows(&(struct writer_options){.format = FORMAT_CSV, .delimiter = '|', .lf = true}, two_names, 2,
                   more, 1),
        "a|b\nx,y|\"x|y\"\n");
}

static void safe_texts_are_no_formulas(void **state)
{
    static const struct column_name names[] = {{"=n", 2}, {"+", 1}};
    static const struct cell cells[] = {TEXT("=1+1"), TEXT("+1"),   TEXT("-1"), TEXT("@x"),       TEXT("\tx"),
                                        TEXT("\rx"),  NUMBER("-1"), TEXT("1"),  TEXT("=\"a\",b"), TEXT("")};
    (void)state;
    assert_string_equal(write_rows(&(struct writer_options){.format = FORMAT_CSV, .safe = true, .lf = true},
                                   names, 2, cells, 5),
                        "'=n,'+\n'=1+1,'+1\n'-1,'@x\n'\tx,\"'\rx\"\n-1,\"1\"\n\"'=\"\"a\"\",b\",\"\"\n");
    assert_string_equal(write_rows(&csv, names, 2, cells, 1), "=n,+\r\n=1+1,+1\r\n");
}

static void names_are_quoted_where_they_must_be(void **state)
{
    static const struct column_name names[] = {{"1", 1}, {"a,b", 3}, {"", 0}, {"true", 4}, {"x\"y", 3}};
    static const struct column_name nothing[] = {{"", 0}};
    static const struct column_name bom[] = {{"\xEF\xBB\xBFx", 4}, {"\xEF\xBB\xBFy", 4}};
    (void)state;
    assert_string_equal(write_rows(&csv, names, 5, NULL, 0), "1,\"a,b\",,true,\"x\"\"y\"\r\n");
    assert_string_equal(write_rows(&csv, nothing, 1, NULL, 0), "\"\"\r\n");
    assert_string_equal(write_rows(&csv, bom, 2, NULL, 0), "\"\xEF\xBB\xBFx\",\xEF\xBB\xBFy\r\n");
}

static void texts_of_all_lengths_come_back(void **state)
{
    static const size_t lengths[] = {1,     7,     8,     9,     63,    64,    65,    4095,
                                     16383, 16384, 16385, 65535, 65536, 65537, 200000};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (int quotes = 0; quotes < 3; quotes++) {
            struct buf text = {.arena = &a};
            struct buf expected = {.arena = &a};
            for (size_t k = 0; k < lengths[i]; k++)
                buf_putc(&text, "xx\"x\nxxxx\"\"\0,"[quotes * k % 13]);
            buf_puts(&expected, "[a][b]\n");
            struct cell cells[] = {{CELL_TEXT, text.bytes, text.len},
                                   NUMBER("1"),
                                   {CELL_TRUE},
                                   {CELL_TEXT, text.bytes, text.len}};
            struct buf out = {.arena = &a};
            struct err e;
            struct csv_writer *w = csv_writer_new(&csv, two_names, 2, put_bytes, &out);
            for (int row = 0; row < 2; row++) {
                struct row r = {.number = row, .cells = cells + (ptrdiff_t)2 * row, .count = 2};
                must(csv_writer_row(w, &r, &e), &e);
                (void)put_row(&expected, &r, &e);
            }
            must(csv_writer_finish(w, &e), &e);
            csv_writer_free(w);
            struct buf back = read_len(&plain, out.bytes, out.len);
            assert_int_equal(back.len, expected.len);
            assert_memory_equal(back.bytes, expected.bytes, expected.len);
        }
}

static int refuse(void *ctx, const void *bytes, size_t len, struct err *e)
{
    (void)ctx;
    (void)bytes;
    (void)len;
    return err_set(e, ERR_STORAGE, "full");
}

static void an_error_of_put_ends_the_writing(void **state)
{
    static char large[1 << 17];
    struct cell cell = {CELL_TEXT, large, sizeof large};
    struct row row = {.cells = &cell, .count = 1};
    struct csv_writer *w = csv_writer_new(&csv, one_name, 1, refuse, NULL);
    struct err e;
    (void)state;
    must_fail(csv_writer_row(w, &row, &e), ERR_STORAGE);
    csv_writer_free(w);
    w = csv_writer_new(&csv, one_name, 1, refuse, NULL);
    must_fail(csv_writer_finish(w, &e), ERR_STORAGE);
    csv_writer_free(w);
}

static void marks_are_found_alike_with_and_without_sse(void **state)
{
    uint32_t random = 1;
    char bytes[64];
    (void)state;
    for (int round = 0; round < 10000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = (char)(random >> 31 ? random >> 23 : (unsigned)"\",;\t|\r\n\x8a"[random >> 24 & 7]);
        }
        for (const char *d = ",;\t|"; *d; d++) {
            struct csv_block one = csv_block(bytes, *d);
            struct csv_block other = csv_block_by_eight(bytes, *d);
            assert_true(one.ends == other.ends && one.quotes == other.quotes && one.wide == other.wide);
            for (unsigned i = 0; i < 64; i++) {
                assert_int_equal(one.ends >> i & 1, bytes[i] == *d || (bytes[i] && strchr("\r\n", bytes[i])));
                assert_int_equal(one.quotes >> i & 1, bytes[i] == '"');
                assert_int_equal(one.wide >> i & 1, bytes[i] < 0);
            }
            assert_int_equal(sixteen_marks(bytes, *d), sixteen_marks_by_eight(bytes, *d));
            assert_int_equal(sixteen_marks(bytes, *d), (one.ends | one.quotes) & 0xFFFF);
        }
    }
}

static void sixteen_bytes_are_told_apart_alike_with_and_without_sse(void **state)
{
    uint32_t random = 1;
    char bytes[SIXTEEN];
    (void)state;
    for (int round = 0; round < 100000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = (char)(random >> 31 ? random >> 23 : (unsigned)"09/:\"\\\x1f\x20"[random >> 24 & 7]);
        }
        assert_int_equal(sixteen_others(bytes), sixteen_others_by_eight(bytes));
        assert_int_equal(sixteen_escapes(bytes), sixteen_escapes_by_eight(bytes));
        for (unsigned i = 0; i < SIXTEEN; i++) {
            unsigned char c = (unsigned char)bytes[i];
            assert_int_equal(sixteen_others(bytes) >> i & 1, c < '0' || c > '9');
            assert_int_equal(sixteen_escapes(bytes) >> i & 1, c < 0x20 || c == '"' || c == '\\');
        }
    }
}

/* Each cell alone and beside others, behind other bytes than NUL. */
static void rows_with_room_are_written_as_others_are(void **state)
{
    static const char *const texts[] = {"",
                                        "1",
                                        "-1",
                                        "0",
                                        "01",
                                        "1.5",
                                        "1.",
                                        "1e5",
                                        "1.5e-7",
                                        "1.2.3",
                                        "2020-01-01",
                                        "true",
                                        "false",
                                        "truest",
                                        "t",
                                        "x",
                                        "\"",
                                        "\"\"",
                                        "a\"b",
                                        "sixteen letters,",
                                        "sixteen letters.\"",
                                        "12345678901234567890",
                                        "1234567890123456",
                                        "123456789012345.5",
                                        "a\nb",
                                        "\r",
                                        "=1",
                                        "\xC3\xA9",
                                        "a;b",
                                        "a|b",
                                        "a\tb",
                                        "a text that is longer than sixteen bytes",
                                        "a text that is longer than sixteen bytes, and has a comma"};
    static const enum cell_kind kinds[] = {CELL_TEXT, CELL_NUMBER, CELL_NULL,
                                           CELL_TRUE, CELL_FALSE,  CELL_NESTED};
    const struct writer_options options[] = {{.format = FORMAT_CSV, .delimiter = ','},
                                             {.format = FORMAT_CSV, .delimiter = '|', .lf = true},
                                             {.format = FORMAT_CSV, .delimiter = ';', .safe = true},
                                             {.format = FORMAT_TSV}};
    char bytes[100];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] * 6 * 4; i++) {
        size_t len = strlen(texts[i / 24]);
        memset(bytes, "\"1,t"[i & 3], sizeof bytes);
        memcpy(bytes, texts[i / 24], len);
        struct cell cells[2] = {{kinds[i / 4 % 6], bytes, len}, {CELL_TEXT, bytes, len}};
        struct buf out[2] = {{.arena = &a}, {.arena = &a}};
        for (int roomy = 0; roomy < 2; roomy++) {
            struct row row = {.cells = cells, .count = 2, .size = 2 * len, .roomy = roomy};
            struct csv_writer *w = csv_writer_new(&options[i & 3], two_names, 2, put_bytes, &out[roomy]);
            struct err e;
            must(csv_writer_row(w, &row, &e), &e);
            must(csv_writer_finish(w, &e), &e);
            csv_writer_free(w);
        }
        assert_string_equal(buf_str(&out[1]), buf_str(&out[0]));
    }
}

/* Where a quote is none in one block, those of others are still what they are. */
static void stray_quotes_beside_others(void **state)
{
    struct buf text = {.arena = &a};
    struct buf wanted = {.arena = &a};
    (void)state;
    buf_puts(&text, "a,b\n");
    buf_puts(&wanted, "[a][b]\n");
    for (int i = 0; i < 200; i++) {
        buf_printf(&text, "%*sx\"y,\"p\"\"q,\n\"\n", i % 70, "");
        buf_printf(&wanted, "'%*sx\"y' 'p\"q,\n'\n", i % 70, "");
    }
    reads(buf_str(&text), buf_str(&wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_bytes_are_told_apart_alike_with_and_without_sse),
        cmocka_unit_test(rows_with_room_are_written_as_others_are),
        cmocka_unit_test(stray_quotes_beside_others),
        cmocka_unit_test(cells_have_kinds),
        cmocka_unit_test(numbers_are_those_of_json),
        cmocka_unit_test(types_text_makes_all_text),
        cmocka_unit_test(lines_end_in_any_way),
        cmocka_unit_test(empty_lines_are_rows_of_a_single_column),
        cmocka_unit_test(quoted_cells_hold_anything),
        cmocka_unit_test(broken_quotes_say_where),
        cmocka_unit_test(rows_may_be_short_but_not_long),
        cmocka_unit_test(the_delimiter_is_found_out),
        cmocka_unit_test(columns_of_one_name_get_numbers),
        cmocka_unit_test(a_header_may_be_absent),
        cmocka_unit_test(a_bom_is_skipped_at_the_start_only),
        cmocka_unit_test(what_is_not_utf8_says_where),
        cmocka_unit_test(a_nul_is_a_character),
        cmocka_unit_test(rows_have_a_limit),
        cmocka_unit_test(a_large_row_in_small_pieces_is_parsed_once),
        cmocka_unit_test(columns_tell_what_was_seen),
        cmocka_unit_test(columns_have_limits),
        cmocka_unit_test(given_columns_are_compared_by_their_number),
        cmocka_unit_test(reading_resumes_at_any_row),
        cmocka_unit_test(an_error_of_the_callee_ends_the_reading),
        cmocka_unit_test(every_kind_is_written),
        cmocka_unit_test(options_change_the_form),
        cmocka_unit_test(safe_texts_are_no_formulas),
        cmocka_unit_test(names_are_quoted_where_they_must_be),
        cmocka_unit_test(texts_of_all_lengths_come_back),
        cmocka_unit_test(an_error_of_put_ends_the_writing),
        cmocka_unit_test(marks_are_found_alike_with_and_without_sse),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
