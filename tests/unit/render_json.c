/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON and NDJSON tables. What a reader finds is written down as text and compared; every text is
 * read whole and in small pieces, which must make no difference.
 */
#include "base/buf.h"
#include "render/reader.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

static struct arena a;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static const struct reader_options plain = {.row_limit = 4096, .depth_limit = 16};
static const struct reader_options with_json = {.row_limit = 4096, .depth_limit = 16, .want_json = true};
static const struct reader_options lines = {.source = SOURCE_NDJSON, .row_limit = 4096, .depth_limit = 16};
static const struct reader_options unflat = {
    .row_limit = 4096, .depth_limit = 16, .want_json = true, .nested_is_json = true};

/* --- what was read, as text --- */

struct reading {
    struct reader *reader;
    struct buf found;
    bool offsets;
};

static void put_cell(struct buf *b, const struct cell *cell)
{
    static const char *const words[] = {
        [CELL_ABSENT] = "-", [CELL_NULL] = "null", [CELL_FALSE] = "false", [CELL_TRUE] = "true"};
    static const char *const around[] = {[CELL_NUMBER] = "", [CELL_TEXT] = "'", [CELL_NESTED] = "~"};
    if (cell->kind < CELL_NUMBER) {
        buf_puts(b, words[cell->kind]);
        return;
    }
    buf_puts(b, around[cell->kind]);
    buf_add(b, cell->bytes, cell->len);
    buf_puts(b, around[cell->kind]);
}

static int note_row(void *ctx, const struct row *row, struct err *e)
{
    struct reading *g = ctx;
    (void)e;
    if (g->offsets)
        buf_printf(&g->found, "%lld@%lld:", (long long)row->number, (long long)reader_row_offset(g->reader));
    for (int i = 0; i < row->count; i++) {
        buf_puts(&g->found, i ? " " : "");
        put_cell(&g->found, &row->cells[i]);
    }
    if (row->json) {
        buf_puts(&g->found, " = ");
        buf_add(&g->found, row->json, row->json_len);
    }
    buf_putc(&g->found, '\n');
    return 0;
}

static void note_restart(void *ctx)
{
    struct reading *g = ctx;
    buf_puts(&g->found, "restart\n");
}

static void note_end(struct reading *g, struct columns *columns, const struct reader_end *end)
{
    columns_name(columns);
    for (int i = 0; i < columns_count(columns); i++)
        buf_printf(&g->found, "%s%s:%s", i ? " " : "", columns_get(columns, i)->name,
                   column_type(columns_get(columns, i)));
    buf_printf(&g->found, "\n%lld rows", (long long)end->rows);
    if (end->member)
        buf_printf(&g->found, " of %s", end->member);
}

static int feed(struct reader *r, const char *text, size_t len, size_t piece, struct err *e)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        char *exact = malloc(n); /* so that a sanitizer sees a read beyond the end */
        assert_non_null(exact);
        memcpy(exact, text + at, n);
        rc = reader_feed(r, exact, n, e);
        free(exact);
    }
    return rc;
}

/* Reads with `columns`; what was found, then what the end told, or the error. */
static const char *read_into(struct columns *columns, const struct reader_options *o, const char *text,
                             size_t len, size_t piece)
{
    struct reading g = {.found = {.arena = &a}};
    struct reader_options options = *o;
    struct reader_end end;
    struct err e;
    if (!o->member && !o->columns_are_set)
        options.restart = note_restart;
    g.reader = reader_new(&options, columns, note_row, &g);
    int rc = feed(g.reader, text, len, piece, &e);
    if (rc == 0)
        rc = reader_finish(g.reader, &end, &e);
    if (rc == 0)
        note_end(&g, columns, &end);
    else
        buf_printf(&g.found, "%s: %s", err_public(rc), e.detail);
    reader_free(g.reader);
    return buf_str(&g.found);
}

static const char *read_pieces(const struct reader_options *o, const char *text, size_t len, size_t piece)
{
    struct columns *columns = columns_new(o->source == SOURCE_CSV ? 1 : 12, 1 << 20);
    const char *found = read_into(columns, o, text, len, piece);
    columns_free(columns);
    return found;
}

static const char *read_len(const struct reader_options *o, const char *text, size_t len)
{
    static const size_t pieces[] = {1, 2, 3, 7, 64};
    const char *found = read_pieces(o, text, len, len ? len : 1);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        const char *other = read_pieces(o, text, len, pieces[i]);
        if (strcmp(found, other) != 0)
            fail_msg("%s: in pieces of %zu: %s, not %s", text, pieces[i], other, found);
    }
    return found;
}

static void check(const struct reader_options *o, const char *text, const char *wanted)
{
    const char *found = read_len(o, text, strlen(text));
    if (strcmp(found, wanted) != 0)
        fail_msg("%s:\n%s\nnot\n%s", text, found, wanted);
}

/* The error, whatever was found before it. */
static void check_error(const struct reader_options *o, const char *text, const char *wanted)
{
    const char *found = read_len(o, text, strlen(text));
    const char *last = strrchr(found, '\n');
    last = last ? last + 1 : found;
    if (strcmp(last, wanted) != 0)
        fail_msg("%s: %s, not %s", text, last, wanted);
}

static void check_bad(const struct reader_options *o, const char *text, const char *sentence)
{
    check_error(o, text, arena_printf(&a, "bad_value: %s", sentence));
}

/* --- which part of a document is the table --- */

static void an_array_of_objects(void **state)
{
    (void)state;
    check(&plain, "[{\"a\":1,\"b\":\"x\"},{\"b\":null,\"a\":true}]",
          "1 'x'\ntrue null\na:mixed b:text\n2 rows");
    check(&plain, "[]", "\n0 rows");
    check(&plain, " [ ] ", "\n0 rows");
    check(&plain, "[{}]", "\n\n1 rows");
    check(&plain, "[{},{ }]", "\n\n\n2 rows");
    check(&plain, "\r\n[\t{\"a\":1}\n,\n{\"a\":2} ]\n", "1\n2\na:integer\n2 rows");
    check_bad(&plain, "[{\"a\":1},2]", "row 2 at byte 9: not an object");
    check_bad(&plain, "[1]", "row 1 at byte 1: not an object");
    check_bad(&plain, "[[{}]]", "row 1 at byte 1: not an object");
    check_bad(&plain, "[null]", "row 1 at byte 1: not an object");
}

static void other_documents_are_no_tables(void **state)
{
    static const char *const texts[] = {"1", "\"[{}]\"", "null", "x", "\xef\xbb\xbf 1", "\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_bad(&plain, texts[i], "neither an array of objects nor an object with one");
    check_bad(&plain, "", "row 1 at byte 0: the text ends in the middle");
    check_bad(&plain, "  ", "row 1 at byte 2: the text ends in the middle");
    check_bad(&plain, "{}", "no member of the object is an array of objects");
    check_bad(&plain, "{\"a\":1,\"b\":{\"data\":[{}]}}", "no member of the object is an array of objects");
    check_bad(&plain, "{\"data\":[]}", "no member of the object is an array of objects");
    check_bad(&plain, "{\"data\":[1,{}]}", "no member of the object is an array of objects");
}

static void a_mark_is_skipped(void **state)
{
    (void)state;
    check(&plain, "\xef\xbb\xbf[{\"a\":1}]", "1\na:integer\n1 rows");
    check(&plain, "\xef\xbb\xbf {\"data\":[{\"a\":1}]}", "1\na:integer\n1 rows of data");
    check(&lines, "\xef\xbb\xbf{\"a\":1}\n", "1\na:integer\n1 rows");
    check(&lines, "\xef\xbb\xbf", "\n0 rows");
    check_bad(&plain, " \xef\xbb\xbf[]", "neither an array of objects nor an object with one");
    check_bad(&plain, "\xef\xbb\xbf\xef\xbb\xbf[]", "neither an array of objects nor an object with one");
    check_bad(&plain, "\xef\xbb", "neither an array of objects nor an object with one");
    check_bad(&lines, "\xef\xbb", "row 1 at byte 0: not an object");
    check_bad(&lines, "{}\n\xef\xbb\xbf{}", "row 2 at byte 3: not an object");
}

static void an_object_with_one_array(void **state)
{
    (void)state;
    check(&plain, "{\"x\":[{\"a\":1},{\"a\":2}]}", "1\n2\na:integer\n2 rows of x");
    check(&plain,
          "{\"n\":1,\"e\":[],\"s\":\"[{}]\",\"o\":{\"data\":[{}]},\"m\":[1,2],\"x\":[{\"a\":1}],\"z\":null}",
          "1\na:integer\n1 rows of x");
    check(&plain, "{ \"n\" : [ ] , \"x\" : [ { \"a\" : 1 } ] , \"t\" : true }", "1\na:integer\n1 rows of x");
    check(&plain, "{\"\":[{\"a\":1}]}", "1\na:integer\n1 rows of ");
    check(&plain, "{\"d\\u0061ta\":[{\"a\":1}],\"y\":[{\"b\":2}]}", "1\na:integer\n1 rows of data");
    check_bad(&plain, "{\"x\":[{\"a\":1}],\"y\":[{\"b\":1}]}",
              "2 members are arrays of objects, and none is called data, records, results or items");
    check_bad(&plain, "{\"x\":[{}],\"y\":[{}],\"z\":[{}]}",
              "3 members are arrays of objects, and none is called data, records, results or items");
}

static void of_several_arrays_the_name_decides(void **state)
{
    (void)state;
    check(&plain, "{\"data\":[{\"a\":1}],\"records\":[{\"b\":1}],\"x\":[{\"c\":1}],\"y\":[{}]}",
          "1\na:integer\n1 rows of data");
    check(&plain, "{\"x\":[{\"c\":1},{}],\"y\":[{}],\"items\":[{\"b\":2}]}",
          "1\n-\nrestart\n2\nb:integer\n1 rows of items");
    check(&plain,
          "{\"items\":[{\"i\":1}],\"results\":[{\"r\":1}],\"records\":[{\"e\":1}],\"data\":[{\"d\":1}]}",
          "1\nrestart\n1\nrestart\n1\nrestart\n1\nd:integer\n1 rows of data");
    check(&plain, "{\"records\":[{\"a\":1}],\"results\":[{\"b\":1}],\"items\":[{\"b\":1}]}",
          "1\na:integer\n1 rows of records");
    check(&plain, "{\"x\":[{\"a\":1}],\"data\":[],\"items\":[1]}", "1\na:integer\n1 rows of x");
    check(&plain, "{\"Data\":[{\"a\":1}],\"data\":[{\"b\":1}]}", "1\nrestart\n1\nb:integer\n1 rows of data");
}

/* What begins like the table and is none. */
static void an_array_that_disappoints(void **state)
{
    (void)state;
    check(&plain, "{\"x\":[{\"a\":1},2],\"y\":[{\"b\":1}]}", "1\nrestart\n1\nb:integer\n1 rows of y");
    check(&plain, "{\"data\":[[],{\"a\":1}],\"y\":[{\"b\":1}]}", "1\nb:integer\n1 rows of y");
    check(&plain, "{\"y\":[{\"b\":1}],\"x\":[{\"a\":1},2]}", "1\nb:integer\n1 rows of y");
    check_bad(&plain, "{\"x\":[{\"a\":1},2]}", "no member of the object is an array of objects");
    /* Rows before it would have been given up for it, which cannot be undone: so it is bad wherever it is. */
    check_bad(&plain, "{\"data\":[{\"a\":1},[]],\"y\":[{\"b\":1}]}", "row 2 at byte 17: not an object");
    check_bad(&plain, "{\"data\":[{\"a\":1}],\"items\":[{\"b\":1},[]]}", "row 2 at byte 35: not an object");
    check_bad(&plain, "{\"x\":[{\"a\":1}],\"data\":[{\"b\":1},2]}", "row 2 at byte 31: not an object");
}

static void the_table_cannot_come_twice(void **state)
{
    (void)state;
    check_bad(&plain, "{\"data\":[{}],\"data\":1}", "row 2 at byte 20: the member with the rows comes twice");
    check_bad(&plain, "{\"x\":[{}],\"x\":[]}", "row 2 at byte 14: the member with the rows comes twice");
    check(&plain, "{\"x\":[{\"a\":1},2],\"x\":[{\"b\":1}]}", "1\nrestart\n1\nb:integer\n1 rows of x");
    check(&plain, "{\"data\":1,\"data\":[{\"a\":1}]}", "1\na:integer\n1 rows of data");
    check(&plain, "{\"n\":1,\"n\":2,\"data\":[{\"a\":1}]}", "1\na:integer\n1 rows of data");
}

/* A name with a NUL cannot be told to others: it is no name of a table. */
static void names_with_nul(void **state)
{
    (void)state;
    check_bad(&plain, "{\"data\\u0000\":[{}]}", "no member of the object is an array of objects");
    check(&plain, "{\"x\\u0000\":[{\"b\":1}],\"x\":[{\"a\":1}],\"x\\u0000y\":[{}]}",
          "1\na:integer\n1 rows of x");
}

static void the_member_may_be_known(void **state)
{
    struct reader_options o = plain;
    (void)state;
    o.member = "y";
    check(&o, "{\"data\":[{\"a\":1}],\"y\":[{\"b\":1}],\"x\":[{\"c\":1}]}", "1\nb:integer\n1 rows of y");
    check_bad(&o, "{\"data\":[{\"a\":1}]}", "no member of the object is an array of objects");
    check_bad(&o, "{\"y\":[{\"a\":1},1]}", "row 2 at byte 14: not an object");
}

static void what_follows_is_read_too(void **state)
{
    (void)state;
    check_bad(&plain, "[{}] x", "row 2 at byte 5: something follows the end of the document");
    check_bad(&plain, "[{}]]", "row 2 at byte 4: something follows the end of the document");
    check_bad(&plain, "{\"data\":[{}]}{", "row 2 at byte 13: something follows the end of the document");
    check_bad(&plain, "[{},]", "row 2 at byte 4: not an object");
    check_bad(&plain, "[,{}]", "row 1 at byte 1: not an object");
    check_bad(&plain, "[{}{}]", "row 2 at byte 3: a comma is missing");
    check_bad(&plain, "[{}}", "row 2 at byte 3: a comma is missing");
    check_bad(&plain, "{\"data\":[{}],}", "row 2 at byte 13: a member needs a name in quotes");
    check_bad(&plain, "{\"data\":[{}] \"a\":1}", "row 2 at byte 13: a comma is missing");
    check_bad(&plain, "{\"data\":[{}]]", "row 2 at byte 12: a comma is missing");
    check_bad(&plain, "{\"data\":[{}],\"a\":01}", "row 2 at byte 17: a number must not begin with 0");
    check_bad(&plain, "{,}", "row 1 at byte 1: a member needs a name in quotes");
    check_bad(&plain, "{\"a\" 1}", "row 1 at byte 5: a colon is missing");
    check_bad(&plain, "{a:1}", "row 1 at byte 1: a member needs a name in quotes");
}

/* --- rows --- */

static void cells_are_as_written(void **state)
{
    (void)state;
    check(&plain, "[{\"n\":1.10,\"big\":1e400,\"long\":12345678901234567890,\"minus\":-0,\"e\":1E+2}]",
          "1.10 1e400 12345678901234567890 -0 1E+2\n"
          "n:number big:number long:integer minus:integer e:number\n1 rows");
    check(&plain, "[{\"t\":\"a\\\"\\\\\\/\\u00e9\\ud83d\\ude00\\tb\",\"e\":\"\",\"x\":\"caf\xc3\xa9\"}]",
          "'a\"\\/\xc3\xa9\xf0\x9f\x98\x80\tb' '' 'caf\xc3\xa9'\nt:text e:text x:text\n1 rows");
    check(&plain, "[{\"a\":null,\"b\":false,\"c\":true},{\"a\":null}]",
          "null false true\nnull - -\na:null b:boolean c:boolean\n2 rows");
}

static void control_characters_come_escaped(void **state)
{
    static const char text[] = "[{\"a\\u0000b\":\"x\\u0000y\\u001f\"}]";
    static const char wanted[] = "'x\0y\x1f'\n";
    struct columns *columns = columns_new(9, 4096);
    struct reading g = {.found = {.arena = &a}};
    struct reader_end end;
    struct err e;
    (void)state;
    g.reader = reader_new(&plain, columns, note_row, &g);
    must(feed(g.reader, text, sizeof text - 1, 5, &e), &e);
    must(reader_finish(g.reader, &end, &e), &e);
    reader_free(g.reader);
    assert_int_equal(g.found.len, sizeof wanted - 1);
    assert_memory_equal(g.found.bytes, wanted, sizeof wanted - 1);
    assert_int_equal(columns_get(columns, 0)->at->key_len, 3);
    columns_free(columns);
    check_bad(&plain, "[{\"a\":\"\n\"}]", "row 1 at byte 7: a control character in a string");
    check_bad(&plain, "[{\"a\t\":1}]", "row 1 at byte 4: a control character in a string");
    check_bad(&plain, "[{\"a\\n\":1},{\"a\n\":1}]", "row 2 at byte 14: a control character in a string");
}

static void columns_in_the_order_of_first_sight(void **state)
{
    (void)state;
    check(&plain, "[{\"b\":1},{\"a\":2,\"b\":3},{},{\"c\":4,\"a\":5}]",
          "1\n3 2\n- -\n- 5 4\nb:integer a:integer c:integer\n4 rows");
    check(&plain, "[{\"a\":1},{\"a\":2.0}]", "1\n2.0\na:number\n2 rows");
    check(&plain, "[{\"a\":[1]},{\"a\":5},{\"a\":[2,3]}]",
          "1\n- 5\n2 - 3\na.0:integer a:integer a.1:integer\n3 rows");
}

static void nested_values_are_flattened(void **state)
{
    (void)state;
    check(&with_json, "[{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}},\"tags\":[\"p\",[true,{\"k\":null}]]}]",
          "1 'x' 'p' true null = {\"a\":{\"b\":1,\"c\":{\"d\":\"x\"}},\"tags\":[\"p\",[true,{\"k\":null}]]}\n"
          "a.b:integer a.c.d:text tags.0:text tags.1.0:boolean tags.1.1.k:null\n1 rows");
    check(&plain, "[{\"o\":{},\"l\":[],\"n\":{\"x\":[ ]}}]",
          "~{}~ ~[]~ ~[]~\no:text l:text n.x:text\n1 rows");
    check(&plain, "[{\"o\":{ \n }}]", "~{}~\no:text\n1 rows");
    check(&plain, "[{\"\":{\"\":1}}]", "1\n.:integer\n1 rows");
    check(&plain, "[{\"l\":[0,1,2,3,4,5,6,7,8,9,10]}]",
          "0 1 2 3 4 5 6 7 8 9 10\nl.0:integer l.1:integer l.2:integer l.3:integer l.4:integer l.5:integer "
          "l.6:integer l.7:integer l.8:integer l.9:integer l.10:integer\n1 rows");
}

static void names_that_meet(void **state)
{
    (void)state;
    check(&plain, "[{\"a\":{\"b\":1},\"a.b\":2}]", "1 2\na.b_2:integer a.b:integer\n1 rows");
    check(&plain, "[{\"a.b\":2,\"a\":{\"b\":1}}]", "2 1\na.b:integer a.b_2:integer\n1 rows");
    check(&plain, "[{\"a.b\":1,\"a.b_2\":2,\"a\":{\"b\":3}}]",
          "1 2 3\na.b:integer a.b_2:integer a.b_3:integer\n1 rows");
    check(&plain, "[{\"a\":{\"b.c\":1},\"a.b\":{\"c\":2}}]", "1 2\na.b.c:integer a.b.c_2:integer\n1 rows");
    /* An array and an object with the same steps are one path. */
    check(&plain, "[{\"a\":[1]},{\"a\":{\"0\":2}}]", "1\n2\na.0:integer\n2 rows");
}

static void nested_values_as_json(void **state)
{
    (void)state;
    check(&unflat, "[{\"a\":{\"b\":1,\"c\":[1,2]},\"d\":[],\"e\":2}]",
          "~{\"b\":1,\"c\":[1,2]}~ ~[]~ 2 = {\"a\":{\"b\":1,\"c\":[1,2]},\"d\":[],\"e\":2}\n"
          "a:text d:text e:integer\n1 rows");
    check(
        &unflat, "[{ \"a\" : { \"b c\" : [ 1 , \" x \\\" \" ] } , \"d\" : [ ] , \"f\":[{}] }]",
        "~{\"b c\":[1,\" x \\\" \"]}~ ~[]~ ~[{}]~ = {\"a\":{\"b c\":[1,\" x \\\" \"]},\"d\":[],\"f\":[{}]}\n"
        "a:text d:text f:text\n1 rows");
    check(&unflat, "[{\"a\":[1],\n\"b\":[2]}]", "~[1]~ ~[2]~ = {\"a\":[1],\"b\":[2]}\na:text b:text\n1 rows");
}

static void rows_without_white_space(void **state)
{
    (void)state;
    check(&with_json, "[{\"a\":1,\"b\":\" x \"}]",
          "1 ' x ' = {\"a\":1,\"b\":\" x \"}\na:integer b:text\n1 rows");
    check(&with_json, "[ {\n  \"a\" : 1 ,\r\n\t\"b\" : [ true , { } ]\n} ]",
          "1 true ~{}~ = {\"a\":1,\"b\":[true,{}]}\na:integer b.0:boolean b.1:text\n1 rows");
    check(&with_json, "[{\"\\u0061 \": \"\\\" \\\\\"}, {\"b\":\"\\u0062\" }]",
          "'\" \\' = {\"\\u0061 \":\"\\\" \\\\\"}\n- 'b' = {\"b\":\"\\u0062\"}\na :text b:text\n2 rows");
    check(&with_json, "[{ }, {}]", " = {}\n = {}\n\n2 rows");
}

/* The last value, at the place of the first. */
static void a_key_that_comes_twice(void **state)
{
    (void)state;
    check(&with_json, "[{\"a\":1,\"b\":2,\"a\":3}]", "3 2 = {\"a\":3,\"b\":2}\na:integer b:integer\n1 rows");
    check(&with_json, "[{\"a\":1, \"a\" : 2 , \"a\":\"x\"}]", "'x' = {\"a\":\"x\"}\na:text\n1 rows");
    check(&with_json, "[{\"a\":1,\"\\u0061\":2}]", "2 = {\"a\":2}\na:integer\n1 rows");
    check(&with_json, "[{\"o\":{\"x\":1,\"y\":2,\"x\":[{\"k\":1,\"k\":2}]}}]",
          "2 2 = {\"o\":{\"x\":[{\"k\":2}],\"y\":2}}\no.x.0.k:integer o.y:integer\n1 rows");
    check(&with_json, "[{\"a\":{\"b\":1},\"c\":0,\"a\":5}]",
          "5 0 = {\"a\":5,\"c\":0}\na:integer c:integer\n1 rows");
    check(&with_json, "[{\"a\":5,\"c\":0,\"a\":{\"b\":[1]}}]",
          "1 0 = {\"a\":{\"b\":[1]},\"c\":0}\na.b.0:integer c:integer\n1 rows");
    check(&with_json, "[{\"a\":{\"b\":1},\"a\":{\"b\":2}}]", "2 = {\"a\":{\"b\":2}}\na.b:integer\n1 rows");
    check(&with_json, "[{\"a\":{\"b\":1,\"c\":2},\"a\":{\"c\":3}}]",
          "3 = {\"a\":{\"c\":3}}\na.c:integer\n1 rows");
    check(&with_json, "[{\"a\":[1,2],\"a\":[3]}]", "3 = {\"a\":[3]}\na.0:integer\n1 rows");
    check(&with_json, "[{\"a\":[1],\"a\":{\"0\":2}}]", "2 = {\"a\":{\"0\":2}}\na.0:integer\n1 rows");
    check(&with_json, "[{\"a\":1,\"a\":{}},{\"a\":1,\"a\":[ ]}]",
          "~{}~ = {\"a\":{}}\n~[]~ = {\"a\":[]}\na:text\n2 rows");
    check(&with_json, "[{\"\":1,\"\":2}]", "2 = {\"\":2}\n:integer\n1 rows");
    check(&plain, "[{\"a\":1},{\"a\":1.5,\"a\":2},{\"b\":true,\"b\":3}]",
          "1\n2\n- 3\na:integer b:integer\n3 rows");
    check(&lines, "{\"a\":1,\"a\":2}\n{\"a\":3}\n", "2\n3\na:integer\n2 rows");
}

static void a_key_that_comes_twice_in_nested_json(void **state)
{
    (void)state;
    check(&unflat, "[{\"a\":1,\"b\":{\"x\":1,\"x\":2 },\"a\":{ \"y\":3,\"y\":[4, 5]}}]",
          "~{\"y\":[4,5]}~ ~{\"x\":2}~ = {\"a\":{\"y\":[4,5]},\"b\":{\"x\":2}}\na:text b:text\n1 rows");
    check(&unflat, "[{\"a\":[{\"x\":1,\"x\":2}],\"a\":0}]", "0 = {\"a\":0}\na:integer\n1 rows");
}

static void damaged_rows_are_told(void **state)
{
    (void)state;
    check_bad(&plain, "[{\"a\":1},{\"a\" 1}]", "row 2 at byte 14: a colon is missing");
    check_bad(&plain, "[{\"a\":1},{\"a\":}]", "row 2 at byte 14: a value is missing");
    check_bad(&plain, "[{\"a\":1},{a:1}]", "row 2 at byte 10: a member needs a name in quotes");
    check_bad(&plain, "[{\"a\":1,}]", "row 1 at byte 8: a member needs a name in quotes");
    check_bad(&plain, "[{\"a\":1 \"b\":2}]", "row 1 at byte 8: a comma is missing");
    check_bad(&plain, "[{\"a\":[1,]}]", "row 1 at byte 9: a value is missing");
    check_bad(&plain, "[{\"a\":[1}]}]", "row 1 at byte 8: a comma is missing");
    check_bad(&plain, "[{\"a\":01}]", "row 1 at byte 6: a number must not begin with 0");
    check_bad(&plain, "[{\"a\":1.}]", "row 1 at byte 8: a digit is missing");
    check_bad(&plain, "[{\"a\":-}]", "row 1 at byte 7: a digit is missing");
    check_bad(&plain, "[{\"a\":tru}]", "row 1 at byte 6: neither true, false nor null");
    check_bad(&plain, "[{\"a\":\"\\ud800\"}]", "row 1 at byte 8: a lone surrogate");
    check_bad(&plain, "[{\"\\udc00\":1}]", "row 1 at byte 4: a lone surrogate");
    check_bad(&plain, "[{\"a\":\"\xff\"}]", "row 1 at byte 7: invalid UTF-8");
    check_bad(&plain, "[{\"\xc3\":1}]", "row 1 at byte 3: invalid UTF-8");
    check_bad(&unflat, "[{\"a\":{\"b\":[1,\"\\q\"]}}]", "row 1 at byte 16: an unknown escape");
    check_bad(&unflat, "[{\"a\":{\"b\":[1,xx]}}]", "row 1 at byte 14: a value is missing");
}

/* A key that is like one before it only as long as nobody decodes it. */
static void keys_are_compared_decoded(void **state)
{
    (void)state;
    check(&plain, "[{\"q\\\"x\":1},{\"q\\\"x\":2}]", "1\n2\nq\"x:integer\n2 rows");
    check_bad(&plain, "[{\"q\\\"x\":1},{\"q\"x\":2}]", "row 2 at byte 16: a colon is missing");
    check(&plain, "[{\"q\\\\n\":1},{\"q\\n\":2}]", "1\n- 2\nq\\n:integer q\n:integer\n2 rows");
    check(&plain, "[{\"ab\":1},{\"abc\":2},{\"a\":3},{\"\\u0061b\":4}]",
          "1\n- 2\n- - 3\n4 - -\nab:integer abc:integer a:integer\n4 rows");
}

/* --- limits --- */

static const char *repeated(const char *before, char c, size_t count, const char *after)
{
    struct buf b = {.arena = &a};
    buf_puts(&b, before);
    for (size_t i = 0; i < count; i++)
        buf_putc(&b, c);
    buf_puts(&b, after);
    return buf_str(&b);
}

static const char *nest(int levels)
{
    struct buf b = {.arena = &a};
    buf_puts(&b, "[{\"a\":");
    buf_puts(&b, repeated("", '[', (size_t)levels, "1"));
    buf_puts(&b, repeated("", ']', (size_t)levels, "}]"));
    return buf_str(&b);
}

static void depth_is_limited(void **state)
{
    (void)state;
    assert_non_null(strstr(read_len(&plain, nest(15), strlen(nest(15))), "1 rows"));
    check_bad(&plain, nest(16), "row 1 at byte 21: nested too deeply");
    assert_non_null(strstr(read_len(&unflat, nest(15), strlen(nest(15))), "1 rows"));
    check_bad(&unflat, nest(16), "row 1 at byte 21: nested too deeply");
    check_bad(&plain, repeated("{\"x\":{\"y\":", '[', 16, "]"), "row 1 at byte 25: nested too deeply");
}

/* The row itself counts, white space around it does not. */
static void rows_are_limited(void **state)
{
    struct reader_options o = {.row_limit = 100, .depth_limit = 4};
    struct reader_options n = {.source = SOURCE_NDJSON, .row_limit = 100, .depth_limit = 4};
    const char *most = repeated("{\"a\":\"", 'x', 92, "\"}");
    const char *more = repeated("{\"a\":\"", 'x', 93, "\"}");
    (void)state;
    assert_int_equal(strlen(most), 100);
    assert_non_null(strstr(read_len(&o, arena_printf(&a, "[%s,%s]", most, most), 203), "2 rows"));
    assert_non_null(strstr(read_len(&n, arena_printf(&a, "%s\n%s", most, most), 201), "2 rows"));
    check_bad(&o, arena_printf(&a, "[{}, %s]", more), "row 2 at byte 5: a row is larger than may be");
    check_bad(&n, arena_printf(&a, "\n%s\n", more), "row 1 at byte 1: a row is larger than may be");
    check_bad(&o, repeated("[{\"a\":\"", 'x', 5000, "\"}]"),
              "row 1 at byte 1: a row or member is larger than may be");
    check_bad(&o, repeated("{\"a\":\"", 'x', 5000, "\"}"),
              "row 1 at byte 1: a row or member is larger than may be");
    check(&o,
          repeated("[", ' ', 500,
                   repeated("{\"a\":1}", ' ', 500,
                            arena_printf(&a, ",%s]", repeated("", '\n', 500, "{\"a\":2}")))),
          "1\n2\na:integer\n2 rows");
    check(&n, repeated("{\"a\":1}\n", '\n', 500, "{\"a\":2}"), "1\n2\na:integer\n2 rows");
    check(&n, repeated("{\"a\":1}", ' ', 500, "\n{\"a\":2}"), "1\n2\na:integer\n2 rows");
}

static void columns_are_limited(void **state)
{
    (void)state;
    check_error(&plain, "[{\"l\":[0,1,2,3,4,5,6,7,8,9,10,11,12]}]", "limit: more than 12 columns");
    check_error(&plain, "[{\"l\":[0,1,2,3,4,5]},{\"m\":[0,1,2,3,4,5]},{\"n\":1}]",
                "limit: more than 12 columns");
}

static void names_are_limited(void **state)
{
    struct columns *columns = columns_new(100000, 4096);
    struct buf b = {.arena = &a};
    (void)state;
    buf_puts(&b, "[{");
    for (int i = 0; i < 300; i++)
        buf_printf(&b, "%s\"key%d\":%d", i ? "," : "", i, i);
    buf_puts(&b, "}]");
    const char *found = read_into(columns, &(struct reader_options){.row_limit = 1 << 20, .depth_limit = 9},
                                  buf_str(&b), b.len, 99);
    assert_string_equal(found, "limit: the names of the columns take more memory than may be");
    columns_free(columns);
}

static int refuse(void *ctx, const struct row *row, struct err *e)
{
    (void)ctx;
    return row->number == 1 ? err_set(e, ERR_BUSY, "enough") : 0;
}

static void the_caller_may_end_it(void **state)
{
    struct columns *columns = columns_new(9, 4096);
    struct reader *r = reader_new(&plain, columns, refuse, NULL);
    struct err e;
    (void)state;
    must_fail(feed(r, "[{},{},{}]", 10, 10, &e), ERR_BUSY);
    reader_free(r);
    reader_free(NULL);
    columns_free(columns);
}

/* --- NDJSON --- */

static void one_row_a_line(void **state)
{
    (void)state;
    check(&lines, "{\"a\":1}\n{\"a\":2}\n", "1\n2\na:integer\n2 rows");
    check(&lines, "{\"a\":1}\n{\"a\":2}", "1\n2\na:integer\n2 rows");
    check(&lines, "{\"a\":1}\r\n{\"a\":2}\r\n", "1\n2\na:integer\n2 rows");
    check(&lines, "\n\r\n{\"a\":1}\n  \n\n \t{\"a\":2}  \r\n\n \n", "1\n2\na:integer\n2 rows");
    check(&lines, "", "\n0 rows");
    check(&lines, "\n\n", "\n0 rows");
    check(&lines, "{}\n", "\n\n1 rows");
    check(&lines, "{\"data\":[{\"a\":1}]}", "1\ndata.0.a:integer\n1 rows");
    check(&lines, "{ \"a\" : \t1 }\r", "1\na:integer\n1 rows");
    check_bad(&lines, "{\"a\":1} {\"a\":2}\n", "row 2 at byte 8: more than one value in a line");
    check_bad(&lines, "{\"a\":1}{\"a\":2}\n", "row 2 at byte 7: more than one value in a line");
    check_bad(&lines, "{\"a\":1},\n", "row 2 at byte 7: more than one value in a line");
    check_bad(&lines, "[{\"a\":1}]\n", "row 1 at byte 0: not an object");
    check_bad(&lines, "{\"a\":1}\n1\n", "row 2 at byte 8: not an object");
    check_bad(&lines, "{\"a\":1}\n{\"a\":", "row 2 at byte 13: the text ends in the middle");
    check_bad(&lines, "{\"a\":1}\n{\"a\n", "row 2 at byte 11: a control character in a string");
}

static void a_row_ends_with_its_line(void **state)
{
    (void)state;
    check_bad(&lines, "{\"a\":1,\n\"b\":2}\n", "row 1 at byte 7: a row goes on in the next line");
    check_bad(&lines, "{}\n{\r\n}\n", "row 2 at byte 5: a row goes on in the next line");
}

/* --- truncated, resumed, looked through before --- */

static const char rich[] =
    "\xef\xbb\xbf{ \"n\" : -1.5e+10 , \"skip\" : { \"x\" : [ true , null , \"\\u00e9\\ud83d\\ude00\" ] } ,\n"
    "\"data\" : [ { \"id\" : 1 , \"t\" : \"caf\xc3\xa9 \\\" \\\\\" , \"o\" : { \"p\" : [ 1 , { } ] } } ,\n"
    "{ \"id\" : 20.25 , \"id\" : -3e-7 , \"\\u0074\" : false , \"l\" : [ ] } ] , \"end\" : [ 1 , [ ] ] }\n";

static void a_document_cut_off_anywhere_is_no_table(void **state)
{
    size_t end = strrchr(rich, '}') + 1 - rich;
    (void)state;
    assert_string_equal(read_len(&plain, rich, sizeof rich - 1),
                        "1 'caf\xc3\xa9 \" \\' 1 ~{}~\n-3e-7 false - - ~[]~\n"
                        "id:number t:mixed o.p.0:integer o.p.1:text l:text\n2 rows of data");
    for (size_t cut = 0; cut < end; cut++) {
        const char *found = read_len(&plain, rich, cut);
        const char *wanted = arena_printf(&a, " at byte %zu: the text ends in the middle", cut);
        if (cut == 1 || cut == 2)
            wanted = "neither an array of objects nor an object with one";
        if (strlen(found) < strlen(wanted) || strcmp(found + strlen(found) - strlen(wanted), wanted) != 0)
            fail_msg("cut at %zu: %s", cut, found);
    }
}

/* Where a line ends so may the text: then the table is shorter. */
static void lines_cut_off_anywhere(void **state)
{
    static const char text[] = "{\"a\":1}\n{\"a\":\"\\u00e9\"} \r\n\n{\"a\":[12]}\n";
    (void)state;
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        const char *found = read_len(&lines, text, cut);
        bool between = cut == 0 || (cut >= 7 && cut <= 8) || (cut >= 22 && cut <= 26) || cut >= 36;
        if ((strstr(found, " rows") != NULL) != between)
            fail_msg("cut at %zu: %s", cut, found);
        if (!between)
            assert_non_null(strstr(found, arena_printf(&a, "at byte %zu: the text ends in the middle", cut)));
    }
}

/* Reads from row `number` on, which begins at `offset`, as one who knows the columns. */
static const char *resume(struct columns *columns, const struct reader_options *o, const char *text,
                          int64_t offset, int64_t number, size_t piece)
{
    struct reading g = {.found = {.arena = &a}, .offsets = true};
    struct reader_end end = {0};
    struct err e;
    g.reader = reader_new(o, columns, note_row, &g);
    if (offset)
        reader_resume(g.reader, offset, number);
    must(feed(g.reader, text + offset, strlen(text) - (size_t)offset, piece, &e), &e);
    must(reader_finish(g.reader, &end, &e), &e);
    buf_printf(&g.found, "%lld of %s", (long long)end.rows, end.member ? end.member : "all");
    reader_free(g.reader);
    return buf_str(&g.found);
}

static void check_resume(enum table_source source, const char *text, const char *member)
{
    struct reader_options o = {
        .source = source, .row_limit = 4096, .depth_limit = 9, .columns_are_set = true, .member = member};
    struct columns *columns = columns_new(9, 4096);
    for (const char *key = "ab"; *key; key++)
        (void)columns_of_step(columns, columns_step(columns, columns_root(columns), NULL, key, 1), NULL);
    const char *all = resume(columns, &o, text, 0, 0, 1000);
    const char *line = all;
    for (int number = 0; strchr(line, '@'); number++) {
        long long offset = strtoll(strchr(line, '@') + 1, NULL, 10);
        if (offset)
            for (size_t piece = 1; piece < 100; piece += 13)
                assert_string_equal(resume(columns, &o, text, offset, number, piece), line);
        line = strchr(line, '\n') + 1;
    }
    columns_free(columns);
}

static void reading_resumes_at_any_row(void **state)
{
    (void)state;
    check_resume(SOURCE_JSON, "[{\"a\":1}, {\"b\":2,\"a\":\"x\"},\n{},{\"a\":3}]", NULL);
    check_resume(SOURCE_JSON,
                 "{\"u\":[{}],\"x\":[{\"a\":1}, {\"b\":2}\n,{},{\"a\":3} ] , \"y\":[{\"q\":1}],\"z\":0}",
                 "x");
    check_resume(SOURCE_NDJSON, "{\"a\":1}\n\r\n  {\"b\":2}\n{\"a\":3}", NULL);
}

static void columns_that_are_set_are_all(void **state)
{
    struct reader_options o = plain;
    struct columns *columns = columns_new(9, 4096);
    struct step *x = columns_step(columns, columns_root(columns), NULL, "x", 1);
    (void)state;
    o.columns_are_set = true;
    assert_int_equal(columns_of_step(columns, x, NULL), 0);
    assert_string_equal(read_into(columns, &o, "[{\"x\":1},{}]", 12, 5), "1\n-\nx:null\n2 rows");
    assert_string_equal(
        read_into(columns, &o, "[{\"x\":1},{\"y\":1}]", 17, 5),
        "1\nbad_value: row 2 at byte 16: a column that was not there when the table was looked through");
    assert_string_equal(
        read_into(columns, &o, "[{\"x\":{\"x\":1}}]", 15, 5),
        "bad_value: row 1 at byte 14: a column that was not there when the table was looked through");
    assert_string_equal(read_into(columns, &o, "[{\"x\":[3],\"x\":2}]", 17, 5), "2\nx:null\n1 rows");
    columns_free(columns);
}

/* --- large --- */

/* A row whose pieces are single bytes is not read from its beginning for each of them. */
static void a_large_row_in_single_bytes(void **state)
{
    enum { SIZE = 1 << 20 };
    struct reader_options o = {.row_limit = SIZE, .depth_limit = 9};
    struct columns *columns = columns_new(9, 4096);
    char *text = arena_alloc(&a, SIZE);
    (void)state;
    memset(text, 'x', SIZE);
    memcpy(text, "[{\"a\":\"", 7);
    memcpy(text + SIZE - 3, "\"}]", 3);
    const char *found = read_into(columns, &o, text, SIZE, 1);
    assert_string_equal(found + SIZE - 9, "'\na:text\n1 rows");
    columns_free(columns);
}

/* As deep as any setting allows, read twice because a key comes twice. */
static void the_deepest_row(void **state)
{
    struct reader_options o = {.row_limit = 1 << 20, .depth_limit = 1000, .want_json = true};
    struct buf b = {.arena = &a};
    (void)state;
    buf_puts(&b, "[{\"k\":1,\"k\":2,\"a\":");
    buf_puts(&b, repeated("", '[', 999, "0"));
    buf_puts(&b, repeated("", ']', 999, "}]"));
    for (int unflat_too = 0; unflat_too < 2; unflat_too++) {
        struct columns *columns = columns_new(9, 1 << 20);
        o.nested_is_json = unflat_too;
        const char *found = read_into(columns, &o, buf_str(&b), b.len, 100);
        assert_memory_equal(found, "2 ", 2);
        assert_non_null(strstr(found, " = {\"k\":2,\"a\":[[["));
        assert_non_null(strstr(found, "\n1 rows"));
        columns_free(columns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_of_objects),
        cmocka_unit_test(other_documents_are_no_tables),
        cmocka_unit_test(a_mark_is_skipped),
        cmocka_unit_test(an_object_with_one_array),
        cmocka_unit_test(of_several_arrays_the_name_decides),
        cmocka_unit_test(an_array_that_disappoints),
        cmocka_unit_test(the_table_cannot_come_twice),
        cmocka_unit_test(names_with_nul),
        cmocka_unit_test(the_member_may_be_known),
        cmocka_unit_test(what_follows_is_read_too),
        cmocka_unit_test(cells_are_as_written),
        cmocka_unit_test(control_characters_come_escaped),
        cmocka_unit_test(columns_in_the_order_of_first_sight),
        cmocka_unit_test(nested_values_are_flattened),
        cmocka_unit_test(names_that_meet),
        cmocka_unit_test(nested_values_as_json),
        cmocka_unit_test(rows_without_white_space),
        cmocka_unit_test(a_key_that_comes_twice),
        cmocka_unit_test(a_key_that_comes_twice_in_nested_json),
        cmocka_unit_test(damaged_rows_are_told),
        cmocka_unit_test(keys_are_compared_decoded),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(rows_are_limited),
        cmocka_unit_test(columns_are_limited),
        cmocka_unit_test(names_are_limited),
        cmocka_unit_test(the_caller_may_end_it),
        cmocka_unit_test(one_row_a_line),
        cmocka_unit_test(a_row_ends_with_its_line),
        cmocka_unit_test(a_document_cut_off_anywhere_is_no_table),
        cmocka_unit_test(lines_cut_off_anywhere),
        cmocka_unit_test(reading_resumes_at_any_row),
        cmocka_unit_test(columns_that_are_set_are_all),
        cmocka_unit_test(a_large_row_in_single_bytes),
        cmocka_unit_test(the_deepest_row),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
