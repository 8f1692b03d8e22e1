/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what is valid and what is not, members by a table, and the writer. */
#include "base/json.h"
#include "base/text.h"
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena a;
static struct err e;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static int parse(const char *text, const struct json **ret)
{
    return json_parse(&a, text, strlen(text), 8, ret, &e);
}

static void documents_that_are_json(void **state)
{
    static const char *const good[] = {"null",
                                       " true ",
                                       "false",
                                       "0",
                                       "-0",
                                       "1e5",
                                       "-1.25E-7",
                                       "\"\"",
                                       "\"\\u00e9\"",
                                       "[]",
                                       "[1,2,[]]",
                                       "{}",
                                       "{\"a\":{}}",
                                       "\t[ ] \r\n",
                                       "\"\\ud83d\\ude00\"",
                                       "1E400",
                                       "[[[[[[[[]]]]]]]]",
                                       "\"\x7f\"",
                                       "123456789012345678901234567890"};
    const struct json *v;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (parse(good[i], &v) < 0)
            fail_msg("%s was refused: %s", good[i], e.detail);
}

static void documents_that_are_not(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "nul",
                                      "nulll",
                                      "True",
                                      "01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "+1",
                                      "1e",
                                      "1e+",
                                      "0x10",
                                      "NaN",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "[",
                                      "]",
                                      "{",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{a:1}",
                                      "{\"a\":1,}",
                                      "{\"a\":1 \"b\":2}",
                                      "\"",
                                      "\"a",
                                      "\"\\\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\"",
                                      "\"\\udc00\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\n\"",
                                      "\"\t\"",
                                      "\"\xff\"",
                                      "\"\xc0\xaf\"",
                                      "1 2",
                                      "[] []",
                                      "// c\n1",
                                      "/**/1",
                                      "'a'",
                                      "\xef\xbb\xbf[]",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":1,\"b\":2,\"\\u0061\":3}",
                                      "[[[[[[[[[]]]]]]]]]",
                                      "{\"a\":[[[[[[[[]]]]]]]]}"};
    const struct json *v;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(bad[i], &v) != ERR_BAD_JSON)
            fail_msg("%s was taken", bad[i]);
    assert_int_equal(json_parse(&a, "1\0", 2, 8, &v, &e), ERR_BAD_JSON);
}

static void values_are_what_stood_there(void **state)
{
    const struct json *v;
    (void)state;
    must(parse("{\"k\\u0000x\":[1.10, \"\\ud83d\\ude00\\n\\/\", null, true]}", &v), &e);
    assert_int_equal(v->type, JSON_OBJECT);
    const struct json *list = v->first;
    assert_null(list->next);
    assert_int_equal(list->key_len, 3);
    assert_memory_equal(list->key, "k\0x", 4);
    assert_int_equal(list->raw_len, strlen("[1.10, \"\\ud83d\\ude00\\n\\/\", null, true]"));
    const struct json *item = list->first;
    assert_int_equal(item->type, JSON_NUMBER);
    assert_memory_equal(item->raw, "1.10", 4);
    item = item->next;
    assert_int_equal(item->type, JSON_STRING);
    assert_string_equal(item->string, "\xf0\x9f\x98\x80\n/");
    item = item->next;
    assert_int_equal(item->type, JSON_NULL);
    item = item->next;
    assert_int_equal(item->type, JSON_BOOL);
    assert_true(item->truth);
    assert_null(item->next);
}

struct target {
    const char *text;
    int64_t number;
    double real;
    bool flag;
    const struct json *any, *object, *strings;
};

static const struct json_field fields[] = {
    {"text", JSON_TO_STRING, offsetof(struct target, text), true, 1, 5},
    {"number", JSON_TO_INT, offsetof(struct target, number), false, -2, 10},
    {"real", JSON_TO_REAL, offsetof(struct target, real), false, 0, 1},
    {"flag", JSON_TO_BOOL, offsetof(struct target, flag), false, 0, 0},
    {"any", JSON_TO_VALUE, offsetof(struct target, any), false, 0, 0},
    {"object", JSON_TO_OBJECT, offsetof(struct target, object), false, 0, 0},
    {"strings", JSON_TO_STRINGS, offsetof(struct target, strings), false, 1, 2},
};

static int read_into(const char *text, struct target *t)
{
    const struct json *v;
    must(parse(text, &v), &e);
    return json_read(v, fields, sizeof fields / sizeof fields[0], t, &e);
}

static void members_go_where_the_table_says(void **state)
{
    struct target t = {.number = 7};
    (void)state;
    must(read_into("{\"text\":\"abc\",\"real\":0.5,\"flag\":true,\"any\":null,\"object\":{\"x\":1},"
                   "\"strings\":[\"a\",\"b\"],\"number\":null}",
                   &t),
         &e);
    assert_string_equal(t.text, "abc");
    assert_int_equal(t.number, 7);
    assert_true(t.real > 0.49 && t.real < 0.51);
    assert_true(t.flag);
    assert_int_equal(t.any->type, JSON_NULL);
    assert_string_equal(t.object->first->key, "x");
    assert_string_equal(t.strings->first->next->string, "b");
    must(read_into("{\"text\":\"a\",\"number\":-2}", &t), &e);
    assert_int_equal(t.number, -2);
}

static void members_that_do_not_fit_are_named(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *where;
    } bad[] = {
        {"{}", ERR_MISSING, "/text"},
        {"{\"text\":null}", ERR_MISSING, "/text"},
        {"{\"text\":\"\"}", ERR_BAD_VALUE, "/text"},
        {"{\"text\":\"abcdef\"}", ERR_BAD_VALUE, "/text"},
        {"{\"text\":\"a\\u0000\"}", ERR_BAD_VALUE, "/text"},
        {"{\"text\":1}", ERR_BAD_VALUE, "/text"},
        {"{\"text\":\"a\",\"other\":1}", ERR_UNKNOWN_MEMBER, "/other"},
        {"{\"text\":\"a\",\"number\":11}", ERR_BAD_VALUE, "/number"},
        {"{\"text\":\"a\",\"number\":-3}", ERR_BAD_VALUE, "/number"},
        {"{\"text\":\"a\",\"number\":1.0}", ERR_BAD_VALUE, "/number"},
        {"{\"text\":\"a\",\"number\":1e0}", ERR_BAD_VALUE, "/number"},
        {"{\"text\":\"a\",\"number\":99999999999999999999}", ERR_BAD_VALUE, "/number"},
        {"{\"text\":\"a\",\"number\":\"1\"}", ERR_BAD_VALUE, "/number"},
        {"{\"text\":\"a\",\"real\":1.5}", ERR_BAD_VALUE, "/real"},
        {"{\"text\":\"a\",\"real\":1e999}", ERR_BAD_VALUE, "/real"},
        {"{\"text\":\"a\",\"flag\":1}", ERR_BAD_VALUE, "/flag"},
        {"{\"text\":\"a\",\"object\":[]}", ERR_BAD_VALUE, "/object"},
        {"{\"text\":\"a\",\"strings\":[]}", ERR_BAD_VALUE, "/strings"},
        {"{\"text\":\"a\",\"strings\":[\"a\",\"b\",\"c\"]}", ERR_BAD_VALUE, "/strings"},
        {"{\"text\":\"a\",\"strings\":[1]}", ERR_BAD_VALUE, "/strings/0"},
        {"{\"text\":\"a\",\"strings\":[\"a\",\"\\u0000\"]}", ERR_BAD_VALUE, "/strings/1"},
        {"{\"text\":\"a\",\"strings\":{}}", ERR_BAD_VALUE, "/strings"},
        {"[]", ERR_BAD_VALUE, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct target t = {.number = 0};
        must_fail(read_into(bad[i].text, &t), bad[i].code);
        assert_string_equal(e.where, bad[i].where);
        assert_int_equal(e.place, ERR_POINTER);
    }
}

/* The detail and pointer go into an answer, which is JSON and so has to be UTF-8, however long a member's
 * name is. */
static void errors_about_long_names_are_utf8(void **state)
{
    char text[400];
    struct target t;
    (void)state;
    for (size_t pad = 0; pad < 3; pad++) {
        size_t n = 0;
        n += (size_t)snprintf(text, sizeof text, "{\"%.*s", (int)pad, "xy");
        for (int i = 0; i < 60; i++) {
            memcpy(text + n, "\xe2\x82\xac", 3);
            n += 3;
        }
        memcpy(text + n, "\":1}", 5);
        must_fail(read_into(text, &t), ERR_UNKNOWN_MEMBER);
        assert_true(text_is_utf8(e.detail, strlen(e.detail)));
        assert_true(text_is_utf8(e.where, strlen(e.where)));
    }
}

static void the_writer_writes_what_the_reader_reads(void **state)
{
    struct json_out j = {.buf = {.arena = &a}};
    const struct json *v;
    (void)state;
    json_begin_object(&j);
    json_key(&j, "list");
    json_begin_array(&j);
    json_int(&j, INT64_MIN);
    json_int(&j, 0);
    json_real(&j, 0.1);
    json_real(&j, NAN);
    json_bool(&j, false);
    json_begin_object(&j);
    json_end_object(&j);
    json_end_array(&j);
    json_key(&j, "text");
    json_string_len(&j, "\"\\\n\x01\x7f\0\xc3\xa9", 8);
    json_key(&j, "none");
    json_string(&j, NULL);
    json_key(&j, "at");
    json_time(&j, INT64_C(1767323045000006));
    json_key(&j, "never");
    json_time(&j, 0);
    json_key(&j, "raw");
    json_raw(&j, "[1.10]", 6);
    json_end_object(&j);
    assert_string_equal(buf_str(&j.buf),
                        "{\"list\":[-9223372036854775808,0,0.1,null,false,{}],"
                        "\"text\":\"\\\"\\\\\\n\\u0001\\u007f\\u0000\xc3\xa9\",\"none\":null,"
                        "\"at\":\"2026-01-02T03:04:05.000006Z\",\"never\":null,\"raw\":[1.10]}");
    must(parse(j.buf.bytes, &v), &e);
    assert_int_equal(v->first->next->string_len, 8);
    assert_memory_equal(v->first->next->string, "\"\\\n\x01\x7f\0\xc3\xa9", 8);
}

static void reals_read_back_as_they_were(void **state)
{
    static const double reals[] = {0.1, 1.0 / 3, 1e300, 5e-324, -123456.789, 2.5, 1e22, 9007199254740993.0};
    (void)state;
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        struct json_out j = {.buf = {.arena = &a}};
        const struct json *v;
        json_real(&j, reals[i]);
        must(parse(j.buf.bytes, &v), &e);
        assert_int_equal(v->type, JSON_NUMBER);
        double back = strtod(j.buf.bytes, NULL);
        assert_memory_equal(&back, &reals[i], sizeof back);
    }
}

static void unknown_members_can_be_passed_over(void **state)
{
    static const struct json_field known[] = {{"a", JSON_TO_INT, 0, true, 0, 10}};
    static const char text[] = "{\"x\": [1], \"a\": 7, \"y\": null}";
    const struct json *object;
    int64_t v = 0;
    (void)state;
    must(json_parse(&a, text, sizeof text - 1, 10, &object, &e), &e);
    must_fail(json_read(object, known, 1, &v, &e), ERR_UNKNOWN_MEMBER);
    must(json_read_known(object, known, 1, &v, &e), &e);
    assert_int_equal(v, 7);
    assert_int_equal(json_member(object, "x")->type, JSON_ARRAY);
    assert_null(json_member(object, "z"));
    assert_null(json_member(json_member(object, "a"), "a"));
}

static void values_are_counted_but_for_raw_members(void **state)
{
    static const struct json_field raw_field[] = {{"raw", JSON_TO_VALUE, 0, false, 0, 0, true}};
    const struct json_bounds b = {.depth = 3, .values = 4, .fields = raw_field, .field_count = 1};
    static const struct {
        const char *text;
        int rc;
        const char *where;
    } cases[] = {
        {"[1,2,3,4]", 0, ""},
        {"[1,2,3,4,5]", ERR_BAD_JSON, ""},
        {"[[1,2],[3]]", ERR_BAD_JSON, ""},
        {"{\"raw\":[1,2,3,4,5,6,7,8,9],\"b\":1}", 0, ""},
        {"{\"raw\":{\"a\":{\"b\":[]}}}", ERR_BAD_JSON, ""},      /* its depth counts */
        {"{\"raw\":{\"a\":1,\"a\":2}}", ERR_BAD_JSON, "/raw/a"}, /* and what is in it */
        {"{\"b\":{\"raw\":[1,2,3]}}", ERR_BAD_JSON, ""},         /* only at the top */
        {"{\"raw\":1,\"raw\":2}", ERR_BAD_JSON, "/raw"},
        {"{\"raw\":[1,}", ERR_BAD_JSON, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena own = {0};
        const struct json *v = NULL;
        int rc = json_parse_bounded(&own, cases[i].text, strlen(cases[i].text), &b, &v, &e);
        if (rc != cases[i].rc)
            fail_msg("%s: %d", cases[i].text, rc);
        if (rc < 0)
            assert_string_equal(e.where, cases[i].where);
        arena_free(&own);
    }
}

static void a_raw_member_keeps_its_text(void **state)
{
    static const struct json_field raw_field[] = {{"raw", JSON_TO_VALUE, 0, false, 0, 0, true}};
    const struct json_bounds b = {.depth = 9, .values = 9, .fields = raw_field, .field_count = 1};
    static const char text[] = "{\"raw\": [1.10, {\"a\": \"\\u0041\"}] , \"b\": \"c\"}";
    struct arena own = {0};
    const struct json *v = NULL;
    (void)state;
    must(json_parse_bounded(&own, text, strlen(text), &b, &v, &e), &e);
    const struct json *raw = json_member(v, "raw");
    assert_int_equal(raw->type, JSON_ARRAY);
    assert_null(raw->first);
    assert_int_equal(raw->raw_len, strlen("[1.10, {\"a\": \"\\u0041\"}]"));
    assert_memory_equal(raw->raw, "[1.10, {", 8);
    assert_string_equal(json_member(v, "b")->string, "c");
    arena_free(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_that_are_json),
        cmocka_unit_test(documents_that_are_not),
        cmocka_unit_test(values_are_what_stood_there),
        cmocka_unit_test(members_go_where_the_table_says),
        cmocka_unit_test(members_that_do_not_fit_are_named),
        cmocka_unit_test(unknown_members_can_be_passed_over),
        cmocka_unit_test(errors_about_long_names_are_utf8),
        cmocka_unit_test(the_writer_writes_what_the_reader_reads),
        cmocka_unit_test(reals_read_back_as_they_were),
        cmocka_unit_test(values_are_counted_but_for_raw_members),
        cmocka_unit_test(a_raw_member_keeps_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
