/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as JSON and NDJSON: every kind of cell, escapes, and the buffer between rows and what takes the bytes.
 */
#include "base/buf.h"
#include "base/json.h"
#include "render/write_json.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 3, BUFFER = 65536, NEVER = -1 };

/* What was put, and how. */
struct sink {
    struct buf bytes;
    int puts;
    size_t largest;
    int fails_at; /* the number of the put, from 0 */
};

static struct arena a;
static struct err e;
static struct sink sink;

static const struct column_name columns[COLUMNS] = {{"id", 2}, {"a \"b\"\n", 6}, {"größe", 7}};

static int empty_sink(void **state)
{
    (void)state;
    sink = (struct sink){.bytes = {.arena = &a}, .fails_at = NEVER};
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static int put(void *ctx, const void *bytes, size_t len, struct err *error)
{
    struct sink *s = ctx;
    assert_true(len > 0);
    if (s->puts++ == s->fails_at)
        return err_set(error, ERR_STORAGE_FULL, "the sink is full");
    s->largest = len > s->largest ? len : s->largest;
    buf_add(&s->bytes, bytes, len);
    return 0;
}

static struct json_rows_writer *new_writer(bool lines)
{
    return json_rows_writer_new(lines, columns, COLUMNS, put, &sink);
}

static void finish(struct json_rows_writer *w)
{
    must(json_rows_writer_finish(w, &e), &e);
    json_rows_writer_free(w);
}

/* The cells with room behind them, which is not NUL. */
static struct row with_room(struct row row)
{
    struct cell *cells = arena_alloc(&a, (size_t)row.count * sizeof *cells);
    for (int i = 0; i < row.count; i++) {
        const struct cell *c = &row.cells[i];
        size_t len = c->kind >= CELL_NUMBER ? c->len : 0;
        char *bytes = arena_alloc(&a, len + ROW_BEYOND);
        memset(bytes, '"', len + ROW_BEYOND);
        if (len)
            memcpy(bytes, c->bytes, len);
        cells[i] = (struct cell){c->kind, bytes, len};
        row.size += len;
    }
    row.cells = cells;
    row.roomy = true;
    return row;
}

/* Writes rows of COLUMNS cells each and compares the whole document. */
static void writes(bool lines, const struct cell *cells, int rows, const char *wanted)
{
    for (int roomy = 0; roomy < 2; roomy++) {
        struct json_rows_writer *w = new_writer(lines);
        sink.bytes.len = 0;
        sink.puts = 0;
        for (int i = 0; i < rows; i++) {
            const struct row row = {.number = i, .cells = cells + (size_t)i * COLUMNS, .count = COLUMNS};
            const struct row other = with_room(row);
            must(json_rows_writer_row(w, roomy ? &other : &row, &e), &e);
        }
        finish(w);
        buf_putc(&sink.bytes, '\0');
        assert_string_equal(buf_str(&sink.bytes), wanted);
    }
}

static const struct cell kinds[] = {
    {CELL_NUMBER, "-1.10e+5", 8}, {CELL_TEXT, "x", 1},    {CELL_NESTED, "{\"k\":[1,\"\\n\"]}", 14},
    {.kind = CELL_ABSENT},        {.kind = CELL_NULL},    {.kind = CELL_TRUE},
    {.kind = CELL_FALSE},         {.kind = CELL_ABSENT},  {CELL_TEXT, "", 0},
    {.kind = CELL_ABSENT},        {.kind = CELL_ABSENT},  {.kind = CELL_ABSENT},
    {CELL_TEXT, NULL, 0},         {CELL_NESTED, "[]", 2}, {.kind = CELL_ABSENT},
};
enum { KINDS = 5 };

static void json_is_one_array(void **state)
{
    (void)state;
    writes(false, kinds, KINDS,
           "[\n"
           "{\"id\":-1.10e+5,\"a \\\"b\\\"\\n\":\"x\",\"größe\":{\"k\":[1,\"\\n\"]}},\n"
           "{\"a \\\"b\\\"\\n\":null,\"größe\":true},\n"
           "{\"id\":false,\"größe\":\"\"},\n"
           "{},\n"
           "{\"id\":\"\",\"a \\\"b\\\"\\n\":[]}\n"
           "]\n");
    writes(false, kinds + 3 * COLUMNS, 1, "[\n{}\n]\n");
}

static void ndjson_is_one_row_a_line(void **state)
{
    (void)state;
    writes(true, kinds, KINDS,
           "{\"id\":-1.10e+5,\"a \\\"b\\\"\\n\":\"x\",\"größe\":{\"k\":[1,\"\\n\"]}}\n"
           "{\"a \\\"b\\\"\\n\":null,\"größe\":true}\n"
           "{\"id\":false,\"größe\":\"\"}\n"
           "{}\n"
           "{\"id\":\"\",\"a \\\"b\\\"\\n\":[]}\n");
}

static void no_rows(void **state)
{
    (void)state;
    writes(false, NULL, 0, "[]\n");
    assert_int_equal(sink.puts, 1);
    writes(true, NULL, 0, "");
    assert_int_equal(sink.puts, 0);
}

static void no_columns(void **state)
{
    struct json_rows_writer *w = json_rows_writer_new(true, NULL, 0, put, &sink);
    (void)state;
    must(json_rows_writer_row(w, &(struct row){.count = 0}, &e), &e);
    finish(w);
    assert_string_equal(buf_str(&sink.bytes), "{}\n");
}

static void a_row_that_brings_its_json_is_written_as_that(void **state)
{
    static const char json[] = "{\"größe\":{\"m\":1},\"id\":7}";
    struct json_rows_writer *w = new_writer(false);
    struct row row = {.cells = kinds, .count = COLUMNS, .json = json, .json_len = sizeof json - 1};
    (void)state;
    must(json_rows_writer_row(w, &row, &e), &e);
    row.json = NULL;
    row.cells = kinds + COLUMNS;
    must(json_rows_writer_row(w, &row, &e), &e);
    finish(w);
    assert_string_equal(buf_str(&sink.bytes), "[\n{\"größe\":{\"m\":1},\"id\":7},\n"
                                              "{\"a \\\"b\\\"\\n\":null,\"größe\":true}\n]\n");
}

/* One row with one cell of text, as NDJSON. */
static const char *line_of(const char *text, size_t len)
{
    static const struct column_name only[] = {{"t", 1}};
    const struct cell cell = {CELL_TEXT, text, len};
    struct json_rows_writer *w = json_rows_writer_new(true, only, 1, put, &sink);
    sink.bytes.len = 0;
    must(json_rows_writer_row(w, &(struct row){.cells = &cell, .count = 1}, &e), &e);
    finish(w);
    return buf_str(&sink.bytes);
}

static void only_what_must_be_is_escaped(void **state)
{
    static const char plain[] = "/ \x7F é \xE2\x80\xA8 \xE2\x80\xA9 \xF0\x9F\x99\x82 <&> '";
    (void)state;
    assert_string_equal(line_of("\"\\\b\t\n\f\r", 7), "{\"t\":\"\\\"\\\\\\b\\t\\n\\f\\r\"}\n");
    assert_string_equal(line_of("\0\x01\x0B\x1F ", 5), "{\"t\":\"\\u0000\\u0001\\u000b\\u001f \"}\n");
    assert_string_equal(line_of(plain, sizeof plain - 1), arena_printf(&a, "{\"t\":\"%s\"}\n", plain));
}

static void reads_back(const char *text, size_t len)
{
    const struct json *v;
    const char *line = line_of(text, len);
    must(json_parse(&a, line, strlen(line), 2, &v, &e), &e);
    assert_int_equal(v->first->string_len, len);
    assert_memory_equal(v->first->string, text, len);
}

/* Every character at every place of the eight bytes that are looked at together, and behind them. */
static void each_ascii_character_at_each_place(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < 20; at++) {
            char text[20];
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            bool escaped = c < 0x20 || c == '"' || c == '\\';
            reads_back(text, sizeof text);
            assert_int_equal(sink.bytes.len > sizeof text + strlen("{\"t\":\"\"}\n"), escaped);
        }
    }
}

static void texts_of_any_length(void **state)
{
    enum { LONGEST = 20000 };
    char *text = arena_alloc(&a, LONGEST);
    (void)state;
    memset(text, 'y', LONGEST);
    for (size_t len = 0; len < 40; len++)
        reads_back(text, len);
    for (size_t i = 0; i < LONGEST; i += 7)
        text[i] = (char)(i % 0x20);
    reads_back(text, LONGEST);
    memset(text, '\x01', LONGEST);
    reads_back(text, LONGEST);
}

/* Pieces that end everywhere around the end of the buffer, of each kind. */
static void a_document_is_the_same_over_buffers(void **state)
{
    enum { AROUND = 40 };
    char *filler = arena_alloc(&a, 3 * BUFFER);
    (void)state;
    memset(filler, '9', 3 * BUFFER);
    for (size_t len = BUFFER - AROUND; len <= BUFFER + 2; len++) {
        struct json_rows_writer *w = new_writer(true);
        const struct cell cells[] = {{CELL_NUMBER, filler, len}, {.kind = CELL_TRUE}, {CELL_TEXT, "\n\n", 2}};
        sink.bytes.len = 0;
        must(json_rows_writer_row(w, &(struct row){.cells = cells, .count = COLUMNS}, &e), &e);
        finish(w);
        assert_int_equal(sink.bytes.len,
                         len + strlen("{\"id\":,\"a \\\"b\\\"\\n\":true,\"größe\":\"\\n\\n\"}\n"));
        assert_string_equal(sink.bytes.bytes + 6 + len, ",\"a \\\"b\\\"\\n\":true,\"größe\":\"\\n\\n\"}\n");
    }
    assert_true(sink.largest <= BUFFER + 2);
}

static void what_is_larger_than_the_buffer(void **state)
{
    enum { LARGE = 3 * BUFFER };
    char *large = arena_alloc(&a, LARGE);
    const struct column_name wide = {large, LARGE};
    const struct cell cell = {CELL_TEXT, large, LARGE};
    const struct json *v;
    (void)state;
    memset(large, '\n', LARGE);
    struct json_rows_writer *w = json_rows_writer_new(false, &wide, 1, put, &sink);
    must(json_rows_writer_row(w, &(struct row){.cells = &cell, .count = 1}, &e), &e);
    finish(w);
    must(json_parse(&a, sink.bytes.bytes, sink.bytes.len, 3, &v, &e), &e);
    assert_int_equal(v->first->first->key_len, LARGE);
    assert_int_equal(v->first->first->string_len, LARGE);
    assert_memory_equal(v->first->first->string, large, LARGE);
}

static void bytes_are_put_by_the_buffer(void **state)
{
    struct json_rows_writer *w = new_writer(false);
    (void)state;
    for (int i = 0; i < 10000; i++) {
        const struct row row = {.cells = kinds, .count = COLUMNS};
        must(json_rows_writer_row(w, &row, &e), &e);
    }
    finish(w);
    assert_true(sink.bytes.len > 8 * (size_t)BUFFER);
    assert_true(sink.largest <= BUFFER);
    assert_true((size_t)sink.puts <= sink.bytes.len / (BUFFER / 2));
}

static int write_many(struct json_rows_writer *w, const struct cell *cells)
{
    for (int i = 0; i < 5000; i++) {
        int rc = json_rows_writer_row(w, &(struct row){.cells = cells, .count = COLUMNS}, &e);
        if (rc < 0)
            return rc;
    }
    return json_rows_writer_finish(w, &e);
}

/* Whichever put fails and whatever is being added then: the error comes out, and nothing is put after it. */
static void an_error_ends_the_writing(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        for (int n = 0; n < 2; n++) {
            struct json_rows_writer *w = new_writer(kind % 2);
            sink.puts = 0;
            sink.fails_at = n;
            if (kind == 3)
                sink.fails_at = 0; /* rows without members fill less than a buffer */
            must_fail(write_many(w, kinds + (size_t)kind * COLUMNS), ERR_STORAGE_FULL);
            assert_string_equal(e.detail, "the sink is full");
            assert_int_equal(sink.puts, sink.fails_at + 1);
            json_rows_writer_free(w);
        }
    }
}

static void an_error_in_the_middle_of_a_piece(void **state)
{
    char *large = arena_alloc(&a, 2 * (size_t)BUFFER);
    (void)state;
    memset(large, '\n', 2 * (size_t)BUFFER);
    for (int n = 0; n < 3; n++) {
        const struct cell text[COLUMNS] = {{CELL_TEXT, large, 2 * (size_t)BUFFER}};
        struct json_rows_writer *w = new_writer(true);
        sink.puts = 0;
        sink.fails_at = n;
        must_fail(write_many(w, text), ERR_STORAGE_FULL);
        assert_int_equal(sink.puts, n + 1);
        json_rows_writer_free(w);
    }
    for (int n = 0; n < 3; n++) { /* a buffer, and a piece that is put without one, in turns */
        const struct cell number[COLUMNS] = {{CELL_NUMBER, large, 2 * (size_t)BUFFER}};
        struct json_rows_writer *w = new_writer(true);
        sink.puts = 0;
        sink.fails_at = n;
        must_fail(write_many(w, number), ERR_STORAGE_FULL);
        assert_int_equal(sink.puts, n + 1);
        json_rows_writer_free(w);
    }
}

static void a_writer_may_be_freed_at_any_time(void **state)
{
    struct json_rows_writer *w = new_writer(false);
    (void)state;
    json_rows_writer_free(NULL);
    json_rows_writer_free(new_writer(true));
    must(json_rows_writer_row(w, &(struct row){.cells = kinds, .count = COLUMNS}, &e), &e);
    json_rows_writer_free(w);
    assert_int_equal(sink.puts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(json_is_one_array, empty_sink),
        cmocka_unit_test_setup(ndjson_is_one_row_a_line, empty_sink),
        cmocka_unit_test_setup(no_rows, empty_sink),
        cmocka_unit_test_setup(no_columns, empty_sink),
        cmocka_unit_test_setup(a_row_that_brings_its_json_is_written_as_that, empty_sink),
        cmocka_unit_test_setup(only_what_must_be_is_escaped, empty_sink),
        cmocka_unit_test_setup(each_ascii_character_at_each_place, empty_sink),
        cmocka_unit_test_setup(texts_of_any_length, empty_sink),
        cmocka_unit_test_setup(a_document_is_the_same_over_buffers, empty_sink),
        cmocka_unit_test_setup(what_is_larger_than_the_buffer, empty_sink),
        cmocka_unit_test_setup(bytes_are_put_by_the_buffer, empty_sink),
        cmocka_unit_test_setup(an_error_ends_the_writing, empty_sink),
        cmocka_unit_test_setup(an_error_in_the_middle_of_a_piece, empty_sink),
        cmocka_unit_test_setup(a_writer_may_be_freed_at_any_time, empty_sink),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
