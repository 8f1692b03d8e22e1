/* SPDX-License-Identifier: Apache-2.0 */
/* Tables among uploads: what is looked at, what is found out, and how it is read again. */
#include "core/format.h"
#include "core/table.h"
#include "support/world.h"

#include <stdio.h>
#include <string.h>

static struct world w;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

/* --- what is looked at --- */

static void check_source(const char *media_type, const char *name, enum table_source source, char delimiter)
{
    struct table_kind k;
    if (!table_guess(media_type, NULL, name, &k))
        fail_msg("%s, %s: no candidate", media_type, name);
    if (k.source != source || k.delimiter != delimiter)
        fail_msg("%s, %s: %d, '%c'", media_type, name, k.source, k.delimiter);
    assert_int_equal(k.compression, COMPRESSION_NONE);
    assert_int_equal(k.charset, CHARSET_UTF8);
    assert_false(k.header_absent);
}

static void check_none(const char *media_type, const char *name)
{
    struct table_kind k;
    if (table_guess(media_type, NULL, name, &k))
        fail_msg("%s, %s: a candidate", media_type, name);
}

static void media_types_tell(void **state)
{
    (void)state;
    check_source("application/json", "x", SOURCE_JSON, 0);
    check_source("Application/JSON; charset=utf-8", "x.csv", SOURCE_JSON, 0);
    check_source("text/json", "x", SOURCE_JSON, 0);
    check_source("application/geo+json", "x", SOURCE_JSON, 0);
    check_source("application/vnd.api+JSON;profile=\"a;b\"", "x", SOURCE_JSON, 0);
    check_source("application/x-ndjson", "x.json", SOURCE_NDJSON, 0);
    check_source("application/jsonl", "x", SOURCE_NDJSON, 0);
    check_source("text/csv", "x.tsv", SOURCE_CSV, 0);
    check_source("text/csv ; header=present", "x", SOURCE_CSV, 0);
    check_source("text/tab-separated-values", "x", SOURCE_CSV, '\t');
    check_none("image/png", "x.csv");
    check_none("text/html", "x.json");
    check_none("application/zip", "x.csv");
    check_none("application/jsonx", "x");
    check_none("+json", "x");
    check_none("application/json5", "x.json");
}

static void names_tell_where_media_types_do_not(void **state)
{
    static const char *const generic[] = {"",
                                          "application/octet-stream",
                                          "text/plain",
                                          "text/plain; charset=utf-8",
                                          "application/gzip",
                                          "application/zstd",
                                          "application/x-www-form-urlencoded"};
    (void)state;
    for (size_t i = 0; i < sizeof generic / sizeof generic[0]; i++) {
        check_source(generic[i], "a.json", SOURCE_JSON, 0);
        check_source(generic[i], "a.ndjson", SOURCE_NDJSON, 0);
        check_source(generic[i], "a.b.JSONL", SOURCE_NDJSON, 0);
        check_source(generic[i], "a.csv", SOURCE_CSV, 0);
        check_source(generic[i], "a.tsv", SOURCE_CSV, '\t');
        check_source(generic[i], "a.csv.gz", SOURCE_CSV, 0);
        check_source(generic[i], "a.JSON.ZST", SOURCE_JSON, 0);
        check_none(generic[i], "a");
        check_none(generic[i], "json");
        check_none(generic[i], ".csv");
        check_none(generic[i], "a.csv.bz2");
        check_none(generic[i], "a.csv.gz.gz");
        check_none(generic[i], "a.json.txt");
        check_none(generic[i], ".gz");
    }
}

static void parameters_tell_more(void **state)
{
    static const struct {
        const char *media_type;
        enum charset charset;
        bool header_absent;
    } rows[] = {
        {"text/csv; header=absent", CHARSET_UTF8, true},
        {"text/csv;HEADER=\"Absent\";charset=UTF-16", CHARSET_UTF16, true},
        {"text/csv; charset=windows-1252", CHARSET_WINDOWS_1252, false},
        {"text/csv; charset=\"ISO-8859-1\"; header=present", CHARSET_WINDOWS_1252, false},
        {"text/csv; x=1; charset=us-ascii", CHARSET_UTF8, false},
        {"text/csv; xcharset=utf-16", CHARSET_UTF8, false},
        {"text/csv; header", CHARSET_UTF8, false},
        {"text/csv;", CHARSET_UTF8, false},
    };
    struct table_kind k;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(table_guess(rows[i].media_type, NULL, "", &k));
        assert_int_equal(k.charset, rows[i].charset);
        assert_int_equal(k.header_absent, rows[i].header_absent);
    }
    check_source("text/csv; delimiter=;", "x", SOURCE_CSV, 0);
    check_source("text/csv; delimiter=\";\"; x=1", "x", SOURCE_CSV, ';');
    check_source("text/csv; delimiter=:", "x", SOURCE_CSV, ':');
    check_source("text/csv; delimiter=Tab", "x", SOURCE_CSV, '\t');
    check_source("text/csv; delimiter=::", "x", SOURCE_CSV, 0);
    check_source("text/tab-separated-values; delimiter=\"\"", "x", SOURCE_CSV, '\t');
    check_source("application/json; delimiter=:", "x", SOURCE_JSON, 0);
    assert_true(table_guess("text/csv; charset=koi8-r", NULL, "", &k));
    assert_string_equal(k.unread, "charset koi8-r is not read");
    assert_true(table_guess("text/csv; charset=", NULL, "", &k));
    assert_string_equal(k.unread, "this charset is not read");
    assert_true(table_guess("text/csv; charset=\"<\xFF>\"", NULL, "", &k));
    assert_string_equal(k.unread, "this charset is not read");
    assert_false(table_guess("image/png; charset=koi8-r", NULL, "", &k));
}

static void encodings_are_known(void **state)
{
    static const struct {
        const char *encoding;
        enum compression compression;
    } rows[] = {{NULL, COMPRESSION_NONE},   {"", COMPRESSION_NONE},       {"identity", COMPRESSION_NONE},
                {"gzip", COMPRESSION_GZIP}, {"X-GZIP", COMPRESSION_GZIP}, {"zstd", COMPRESSION_ZSTD}};
    struct table_kind k;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(table_guess("text/csv", rows[i].encoding, "", &k));
        assert_int_equal(k.compression, rows[i].compression);
    }
    assert_true(table_guess("text/csv", "br", "", &k));
    assert_string_equal(k.unread, "Content-Encoding br is not read");
    assert_true(table_guess("text/csv", "gzip, gzip", "", &k));
    assert_string_equal(k.unread, "this Content-Encoding is not read");
}

/* --- what is found out --- */

enum { ALL = (1 << FORMAT_END) - 1 };

static struct table_facts scan(const char *media_type, const void *bytes, size_t size, size_t piece)
{
    struct table_kind k;
    assert_true(table_guess(media_type, NULL, "", &k));
    struct table_scan *s = table_scan_new(&w.settings, &k);
    for (size_t at = 0; at < size; at += piece)
        table_scan_feed(s, (const char *)bytes + at, size - at < piece ? size - at : piece);
    struct table_facts f = *table_scan_finish(s);
    f.unavailable = f.unavailable ? arena_strdup(&w.arena, f.unavailable) : NULL;
    f.description = f.description ? arena_strdup(&w.arena, f.description) : NULL;
    f.offsets = f.offsets ? arena_copy(&w.arena, f.offsets, f.offsets_len) : NULL;
    table_scan_free(s);
    return f;
}

static void check_table(const char *media_type, const char *text, size_t size, int64_t rows, int64_t columns)
{
    for (size_t piece = 1; piece <= size + 1; piece += 1 + size / 3) {
        struct table_facts f = scan(media_type, text, size, piece);
        if (f.rows != rows || f.columns != columns)
            fail_msg("%s: %lld rows, %lld columns, %s", text, (long long)f.rows, (long long)f.columns,
                     f.unavailable);
        assert_int_equal(f.formats, columns ? ALL : 1 << FORMAT_JSON | 1 << FORMAT_NDJSON);
        assert_int_equal(f.unavailable == NULL, columns > 0);
        assert_non_null(f.description);
    }
}

static void check_text(const char *media_type, const char *text, int64_t rows, int64_t columns)
{
    check_table(media_type, text, strlen(text), rows, columns);
}

static void check_no_table(const char *media_type, const char *text, const char *unavailable)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece += 5) {
        struct table_facts f = scan(media_type, text, strlen(text), piece);
        assert_int_equal(f.rows, -1);
        assert_int_equal(f.columns, -1);
        assert_int_equal(f.formats, 0);
        assert_null(f.description);
        assert_null(f.offsets);
        assert_string_equal(f.unavailable, unavailable);
    }
}

static void tables_are_counted(void **state)
{
    static const char gzipped[] = "\037\213\010\000\000\000\000\000\002\003\213\256\126\112\124\262\062"
                                  "\254\325\001\323\106\265\261\000\143\255\167\307\021\000\000\000";
    static const char zstd[] = "\x28\xb5\x2f\xfd\x20\x11\x89\x00\x00[{\"a\":1},{\"a\":2}]";
    static const char utf16[] = "\xff\xfe[\0{\0\"\0a\0\"\0:\0\"\0\xe9\0\"\0}\0]";
    (void)state;
    check_text("application/json", "[{\"a\":1,\"b\":{\"c\":2,\"d\":[3]}},{\"e\":null}]", 2, 4);
    check_text("application/json", "{\"x\":[{\"a\":1}],\"data\":[{\"b\":1},{\"c\":2}]}", 2, 2);
    check_text("application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n", 2, 1);
    check_text("text/csv", "a,b\n1,2\n3,4\n", 2, 2);
    check_text("application/json", "[]", 0, 0);
    check_text("application/json", "[{}]", 1, 0);
    check_table("application/json", gzipped, sizeof gzipped - 1, 2, 1);
    check_table("application/json", zstd, sizeof zstd - 1, 2, 1);
    check_table("application/json", utf16, sizeof utf16, 1, 1);
}

static void what_is_no_table_has_a_reason(void **state)
{
    (void)state;
    check_no_table("application/json", "[{\"a\":1},{\"a\" 2}]",
                   "{\"*\":\"row 2 at byte 14: a colon is missing\"}");
    check_no_table("application/json", "[{\"a\":1}",
                   "{\"*\":\"row 2 at byte 8: the text ends in the middle\"}");
    check_no_table("application/json", "", "{\"*\":\"row 1 at byte 0: the text ends in the middle\"}");
    check_no_table("application/json", "{\"a\":[1]}",
                   "{\"*\":\"no member of the object is an array of objects\"}");
    check_no_table("application/x-ndjson", "{}\n[]\n", "{\"*\":\"row 2 at byte 3: not an object\"}");
    w.settings.table_columns_limit = 2;
    check_no_table("application/json", "[{\"a\":1,\"b\":2,\"c\":3}]", "{\"*\":\"more than 2 columns\"}");
    w.settings.table_row_limit = 10;
    check_no_table("application/json", "[{\"a\":1},{\"a\":12345}]",
                   "{\"*\":\"row 2 at byte 9: a row is larger than may be\"}");
}

static bool is_damaged(const char *media_type, const char *text, size_t size)
{
    struct result r = {.table = scan(media_type, text, size, 3)};
    return table_is_damaged(&r);
}

static void damage_is_not_another_shape(void **state)
{
    static const char cut_gzip[] = "\037\213\010\000\000\000\000\000\002\003\213\256\126\112\124\262\062";
    static const struct {
        const char *media_type, *text;
        bool damaged;
    } all[] = {
        {"application/json", "[{\"a\":1}", true},
        {"application/json", "{\"a\":", true},
        {"application/json", "{\"a\":1}}", true},
        {"application/json", "nonsense", true},
        {"application/json", "", true},
        {"text/csv", "a,b\n1,2,3\n", true},
        {"text/csv", "a\n\"1\n", true},
        {"text/csv", "a\n\xFF\n", true},
        {"application/x-ndjson", "{\"a\":1}\n{\"a\"\n", true},
        {"application/json", "{\"a\":1}", false},
        {"application/json", "[1,2]", false},
        {"application/json", "{\"a\":[{}],\"b\":[{}]}", false},
        {"application/json", "[{\"a\":1}]", false},
        {"text/csv", "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (is_damaged(all[i].media_type, all[i].text, strlen(all[i].text)) != all[i].damaged)
            fail_msg("%s: %s", all[i].text,
                     scan(all[i].media_type, all[i].text, strlen(all[i].text), 3).unavailable);
    assert_true(is_damaged("text/csv", cut_gzip, sizeof cut_gzip - 1));
    w.settings.table_row_limit = 10;
    assert_false(is_damaged("text/csv", "a\n12345678901234567890\n", 23));
    assert_false(table_is_damaged(&(struct result){.table = {.rows = -1}}));
}

static void a_spreadsheet_may_be_out_of_reach(void **state)
{
    struct buf b = {.arena = &w.arena};
    (void)state;
    buf_puts(&b, "[{\"a\":{\"b\":\"");
    for (int i = 0; i < 32768; i++)
        buf_putc(&b, 'x');
    buf_puts(&b, "\"}}]");
    struct table_facts f = scan("application/json", b.bytes, b.len, 1000);
    assert_int_equal(f.rows, 1);
    assert_int_equal(f.formats, ALL & ~(1 << FORMAT_XLSX));
    assert_memory_equal(f.unavailable, "{\"xlsx\":\"", 9);
    b.len = 0;
    buf_puts(&b, "[{");
    for (int i = 0; i < 16385; i++)
        buf_printf(&b, "%s\"%d\":0", i ? "," : "", i);
    buf_puts(&b, "}]");
    f = scan("application/json", b.bytes, b.len, 70000);
    assert_int_equal(f.columns, 16385);
    assert_int_equal(f.formats, ALL & ~(1 << FORMAT_XLSX));
    assert_string_equal(f.unavailable, "{\"xlsx\":\"16385 columns, 16384 is the most\"}");
    /* Not what was taken back. */
    b.len = 0;
    buf_puts(&b, "{\"x\":[{\"a\":\"");
    for (int i = 0; i < 32768; i++)
        buf_putc(&b, 'x');
    buf_puts(&b, "\"}],\"data\":[{\"a\":1}]}");
    f = scan("application/json", b.bytes, b.len, 1000);
    assert_int_equal(f.formats, ALL);
}

/* --- read again --- */

struct call {
    struct publish p;
    const struct upload_result *done;
    struct result *result;
    bool nested_is_json;
    struct table *table;
};

static int publish_call(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    bool is_new;
    return publish_commit(s, &c->p, c->done, &c->result, &is_new, err);
}

static struct result *publish(const char *media_type, const char *bytes, size_t size)
{
    struct call c = {.p = {.name = "x",
                           .type = "",
                           .kind = "test",
                           .media_type = media_type,
                           .content_encoding = "",
                           .content_length = (int64_t)size}};
    struct temp_signal wake = TEMP_SIGNAL;
    struct table_kind k;
    assert_true(table_guess(media_type, NULL, "x", &k));
    struct upload *u = upload_new(&w.core, (int64_t)size, &k, NULL, temp_signal, &wake);
    for (size_t at = 0; at < size; at += 10000)
        must(upload_feed(u, bytes + at, size - at < 10000 ? size - at : 10000, &e), &e);
    if (!upload_end(u))
        temp_signal_wait(&wake, 1);
    must(upload_finished(u, &c.done, &e), &e);
    must(world_run(&w, publish_call, &c, &e), &e);
    upload_settle(u, true, 0);
    upload_free(u);
    return world_get(&w, c.result->id);
}

static int load_call(struct session *s, void *ctx, struct err *err)
{
    struct call *c = ctx;
    struct table_facts f;
    int rc = table_fetch(s, c->result, &f, err);
    return rc < 0 ? rc : table_parse(s->arena, &f, c->nested_is_json, c->table, err);
}

static struct table load(struct result *r, bool nested_is_json)
{
    struct table t = {0};
    struct call c = {.result = r, .nested_is_json = nested_is_json, .table = &t};
    must(world_run(&w, load_call, &c, &e), &e);
    return t;
}

/* name:type of each column. */
static const char *columns_of(const struct table *t)
{
    struct buf b = {.arena = &w.arena};
    for (int i = 0; i < columns_count(t->columns); i++) {
        const struct column *c = columns_get(t->columns, i);
        buf_printf(&b, "%s%s:%s", i ? " " : "", c->name, column_type(c));
        assert_string_equal(t->names[i].bytes, c->name);
        assert_int_equal(t->names[i].len, c->name_len);
    }
    return buf_str(&b);
}

static void a_table_is_described_and_read_again(void **state)
{
    static const char text[] = "{\"n\":1,\"rows\":[{\"a.b\":1.5,\"a\":{\"b\":\"x\"},\"l\":[]},"
                               "{\"l\":[true],\"a\":2,\"q\\u0000\\\"\":null}]}";
    struct result *r = publish("application/json", text, sizeof text - 1);
    (void)state;
    assert_int_equal(r->table.rows, 2);
    assert_int_equal(r->table.columns, 6);
    assert_int_equal(r->table.formats, ALL);
    struct table t = load(r, false);
    assert_int_equal(t.rows, 2);
    assert_int_equal(t.reader.source, SOURCE_JSON);
    assert_string_equal(t.reader.member, "rows");
    assert_true(t.reader.columns_are_set);
    assert_int_equal(t.compression, COMPRESSION_NONE);
    assert_string_equal(columns_of(&t),
                        "a.b:number a.b_2:text l:text l.0:boolean a:integer q\xe2\x90\x80\":null");
    columns_free(t.columns);
    t = load(r, true);
    assert_true(t.reader.nested_is_json);
    assert_string_equal(columns_of(&t), "a.b:number a:mixed l:text q\xe2\x90\x80\":null");
    columns_free(t.columns);
}

static void what_is_no_table_is_not_loaded(void **state)
{
    struct table t;
    struct result *r = publish("application/json", "[1]", 3);
    struct call c = {.result = r, .table = &t};
    (void)state;
    assert_int_equal(r->table.rows, -1);
    assert_string_equal(r->table.unavailable, "{\"*\":\"row 1 at byte 1: not an object\"}");
    must_fail(world_run(&w, load_call, &c, &e), ERR_NOT_FOUND);
}

/* --- places --- */

struct check {
    struct reader *reader;
    int64_t first;
    int64_t offset;
    int64_t rows;
};

static int check_row(void *ctx, const struct row *row, struct err *err)
{
    struct check *c = ctx;
    char number[32];
    (void)err;
    if (c->rows++ == 0) {
        c->first = row->number;
        c->offset = reader_row_offset(c->reader);
    }
    int len = snprintf(number, sizeof number, "%lld", (long long)row->number);
    assert_int_equal(row->cells[0].len, len);
    assert_memory_equal(row->cells[0].bytes, number, (size_t)len);
    return 0;
}

/* A place is that of the row it names: read from there on, each row has its number. */
static void check_place(const struct table *t, const char *text, size_t size, int64_t row)
{
    struct check c = {0};
    struct reader_end end;
    int64_t offset = -1;
    int64_t number = -1;
    assert_true(table_seek(t, row, &offset, &number));
    assert_in_range(number, 0, row);
    c.reader = reader_new(&t->reader, t->columns, check_row, &c);
    reader_resume(c.reader, offset, number);
    must(reader_feed(c.reader, text + offset, size - (size_t)offset, &e), &e);
    must(reader_finish(c.reader, &end, &e), &e);
    reader_free(c.reader);
    assert_int_equal(c.first, number);
    assert_int_equal(c.offset, offset);
    assert_int_equal(number + c.rows, t->rows);
    if (row < t->rows)
        assert_in_range(row - number, 0, 2 * 32768 / 2); /* not far before it: rows have two bytes at least */
}

enum { ROWS = 40000 };

static void check_places(const char *media_type, struct buf *text)
{
    struct result *r = publish(media_type, text->bytes, text->len);
    struct table t = load(r, false);
    int64_t offset;
    int64_t number;
    assert_int_equal(t.rows, ROWS);
    assert_false(table_seek(&t, 0, &offset, &number)); /* the beginning needs no place */
    for (int row = 10000; row < ROWS; row += 9999)
        check_place(&t, text->bytes, text->len, row);
    check_place(&t, text->bytes, text->len, ROWS + 1000);
    columns_free(t.columns);
}

static void places_of_an_array(void **state)
{
    struct buf b = {.arena = &w.arena};
    (void)state;
    buf_puts(&b, "{\"n\":0,\"data\":[ ");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&b, "%s{ \"n\":%d}", i ? " ,\n" : "", i);
    buf_puts(&b, "],\"x\":[{}]}");
    check_places("application/json", &b);
}

static void places_of_lines(void **state)
{
    struct buf b = {.arena = &w.arena};
    (void)state;
    for (int i = 0; i < ROWS; i++)
        buf_printf(&b, "\n {\"n\":%d}\r\n", i);
    check_places("application/x-ndjson", &b);
}

static void places_of_csv(void **state)
{
    struct buf b = {.arena = &w.arena};
    (void)state;
    buf_puts(&b, "n\n");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&b, "%d\n", i);
    check_places("text/csv", &b);
}

/* Offsets of the text are not those of stored bytes then. */
static void no_places_of_what_is_decoded(void **state)
{
    struct buf b = {.arena = &w.arena};
    int64_t offset;
    int64_t number;
    (void)state;
    for (int i = 0; i < ROWS; i++)
        buf_printf(&b, "{\"n\":\"\xe9\"}\n");
    struct table t = load(publish("application/x-ndjson; charset=latin1", b.bytes, b.len), false);
    assert_int_equal(t.rows, ROWS);
    assert_false(table_seek(&t, ROWS, &offset, &number));
    columns_free(t.columns);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_types_tell),
        cmocka_unit_test(names_tell_where_media_types_do_not),
        cmocka_unit_test(parameters_tell_more),
        cmocka_unit_test(encodings_are_known),
        TEST(tables_are_counted),
        TEST(what_is_no_table_has_a_reason),
        TEST(damage_is_not_another_shape),
        TEST(a_spreadsheet_may_be_out_of_reach),
        TEST(a_table_is_described_and_read_again),
        TEST(what_is_no_table_is_not_loaded),
        TEST(places_of_an_array),
        TEST(places_of_lines),
        TEST(places_of_csv),
        TEST(no_places_of_what_is_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
