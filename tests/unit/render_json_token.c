/* SPDX-License-Identifier: Apache-2.0 */
/* JSON tokens of text that may be cut off anywhere. */
#include "render/json_token.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one token function makes of a text: the outcome, how far it came, and why not. */
struct outcome {
    enum token token;
    size_t moved;
    const char *what;
};

static char *copy;

/* The text in memory that ends where its padding ends, so that a sanitizer sees what reads beyond. */
static const char *padded(const char *text, size_t len)
{
    free(copy);
    copy = malloc(len + TOKEN_PADDING);
    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(copy + len, 0, TOKEN_PADDING);
    return copy;
}

static int free_copy(void **state)
{
    (void)state;
    free(copy);
    return 0;
}

static struct outcome skip_len(const char *text, size_t len, bool last, int depth)
{
    const char *start = padded(text, len);
    const char *at = start;
    struct outcome o = {.what = ""};
    o.token = token_skip(&at, start + len, last, depth, &o.what);
    o.moved = (size_t)(at - start);
    return o;
}

static void check_bad(const char *text, size_t fault_at, const char *what)
{
    struct outcome o = skip_len(text, strlen(text), true, 8);
    if (o.token != TOKEN_BAD || o.moved != fault_at || strcmp(o.what, what) != 0)
        fail_msg("%s: %d at %zu, %s", text, o.token, o.moved, o.what);
}

/* Good, with something behind it; and cut off anywhere it is unfinished, and the position has not moved. */
static void check_good(const char *text)
{
    char longer[128];
    size_t len = strlen(text);
    bool number = strchr("-0123456789", text[0]);
    (void)snprintf(longer, sizeof longer, "%s,", text);
    struct outcome o = skip_len(longer, len + 1, false, 8);
    if (o.token != TOKEN_OK || o.moved != len)
        fail_msg("%s: %d at %zu, %s", text, o.token, o.moved, o.what);
    assert_int_equal(skip_len(text, len, true, 8).token, TOKEN_OK);
    assert_int_equal(skip_len(text, len, false, 8).token, number ? TOKEN_MORE : TOKEN_OK);
    for (size_t cut = 0; cut < len; cut++) {
        o = skip_len(text, cut, false, 8);
        if (o.token != TOKEN_MORE || o.moved != 0)
            fail_msg("%.*s: %d at %zu, %s", (int)cut, text, o.token, o.moved, o.what);
    }
}

static void numbers_by_the_grammar(void **state)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "1",
                                       "10",
                                       "-12",
                                       "0.0",
                                       "1.10",
                                       "0.5e1",
                                       "1e0",
                                       "1E+00",
                                       "1e5",
                                       "9e-9",
                                       "-0.0E0",
                                       "1e400",
                                       "12345678901234567890",
                                       "123456789.123456789e123456789"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        check_good(good[i]);
    check_bad("-", 1, "a digit is missing");
    check_bad("-a", 1, "a digit is missing");
    check_bad("01", 0, "a number must not begin with 0");
    check_bad("-00", 1, "a number must not begin with 0");
    check_bad("1.", 2, "a digit is missing");
    check_bad("1.e5", 2, "a digit is missing");
    check_bad("1e", 2, "a digit is missing");
    check_bad("1e+", 3, "a digit is missing");
    check_bad("1e+x", 3, "a digit is missing");
    check_bad("+1", 0, "a value is missing");
    check_bad(".5", 0, "a value is missing");
    check_bad("NaN", 0, "a value is missing");
    check_bad("Infinity", 0, "a value is missing");
    check_bad("-Infinity", 1, "a digit is missing");
    check_bad("[0x10]", 2, "a comma is missing");
}

static void a_number_says_whether_it_is_whole(void **state)
{
    static const struct {
        const char *text;
        bool fraction;
    } rows[] = {{"10", false}, {"-7", false}, {"1.0", true}, {"1e2", true}, {"1.5E1", true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].text);
        const char *at = padded(rows[i].text, len);
        const char *what = "";
        bool fraction = !rows[i].fraction;
        assert_int_equal(token_number(&at, at + len, true, &fraction, &what), TOKEN_OK);
        assert_int_equal(fraction, rows[i].fraction);
    }
}

static void strings_have_no_controls_and_known_escapes(void **state)
{
    static const char *const good[] = {"\"\"",
                                       "\"plain\"",
                                       "\"longer than eight bytes, and longer than sixteen\"",
                                       "\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000 \\u00fF\"",
                                       "\"\\\\\"",
                                       "\"a\x7f\"",
                                       "\"1234567\\\\\""};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        check_good(good[i]);
    check_bad("\"a\nb\"", 2, "a control character in a string");
    check_bad("\"12345678\tb\"", 9, "a control character in a string");
    check_bad("\"\\x\"", 2, "an unknown escape");
    check_bad("\"\\'\"", 2, "an unknown escape");
    check_bad("\"\\U0041\"", 2, "an unknown escape");
    check_bad("\"\\u12g4\"", 2, "\\u needs four hexadecimal digits");
    check_bad("\"\\u 123\"", 2, "\\u needs four hexadecimal digits");
    struct outcome o = skip_len("\"a\0b\"", 5, true, 8);
    assert_int_equal(o.token, TOKEN_BAD);
    assert_int_equal(o.moved, 2);
    o = skip_len("\"a\\\0b\"", 6, true, 8);
    assert_int_equal(o.token, TOKEN_BAD);
    assert_int_equal(o.moved, 3);
}

/* Each control character, and each byte that is special, at each place of the eight that are looked at
 * together. */
static void special_bytes_are_seen_everywhere(void **state)
{
    (void)state;
    for (size_t at = 1; at <= 17; at++)
        for (int c = 0; c < 256; c++) {
            char text[] = "\"0123456789abcdefghi\"";
            bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            text[at] = (char)c;
            struct outcome o = skip_len(text, sizeof text - 1, true, 8);
            if (plain || c == '"')
                assert_int_equal(o.token, TOKEN_OK);
            else if (c == '\\') /* before one of b and f it is an escape */
                assert_int_equal(o.token, strchr("bf", text[at + 1]) ? TOKEN_OK : TOKEN_BAD);
            else
                assert_int_equal(o.token, TOKEN_BAD);
            if (o.token == TOKEN_OK)
                assert_int_equal(o.moved, c == '"' ? at + 1 : sizeof text - 1);
            else
                assert_int_equal(o.moved, c == '\\' ? at + 1 : at);
        }
}

static void surrogates_come_in_pairs(void **state)
{
    (void)state;
    check_good("\"\\ud83d\\ude00\"");
    check_good("\"\\uD800\\uDC00\"");
    check_good("\"\\uDBFF\\uDFFF\"");
    check_good("\"\\uD7FF\\uE000\"");
    check_bad("\"\\ud83d\"", 2, "a lone surrogate");
    check_bad("\"\\ud83d and more text\"", 2, "a lone surrogate");
    check_bad("\"\\ud83d\\n\\n\\n\\n\"", 2, "a lone surrogate");
    check_bad("\"\\ud83d\\ud83d\\ude00\"", 2, "a lone surrogate");
    check_bad("\"\\ude00\"", 2, "a lone surrogate");
    check_bad("\"\\ude00\\ud83d\"", 2, "a lone surrogate");
}

static void only_utf8(void **state)
{
    (void)state;
    check_good("\"\xc2\xa0 \xe2\x82\xac \xf0\x9f\x98\x80\"");
    check_bad("\"\x80\"", 1, "invalid UTF-8");
    check_bad("\"a\xc0\xaf\"", 2, "invalid UTF-8");
    check_bad("\"abc\xe2\x82\"", 4, "invalid UTF-8");
    check_bad("\"\xed\xa0\x80\"", 1, "invalid UTF-8");
    check_bad("\"\xf4\x90\x80\x80\"", 1, "invalid UTF-8");
    check_bad("\"\xff\"", 1, "invalid UTF-8");
    assert_int_equal(skip_len("\"\xe2\x82", 3, false, 8).token, TOKEN_MORE);
    assert_int_equal(skip_len("\"\xe2\x28", 3, false, 8).token, TOKEN_BAD);
}

static void words_are_whole(void **state)
{
    (void)state;
    check_good("true");
    check_good("false");
    check_good("null");
    check_bad("True", 0, "a value is missing");
    check_bad("trve", 0, "neither true, false nor null");
    check_bad("nulL", 0, "neither true, false nor null");
    assert_int_equal(skip_len("[truefalse]", 11, true, 8).token, TOKEN_BAD);
}

static void whole_values_are_skipped(void **state)
{
    (void)state;
    check_good("[]");
    check_good("{}");
    check_good("[ ]");
    check_good("{\r\n\t }");
    check_good("[1,[2,{\"a\":[true , \"]\"]}],null]");
    check_good("{ \"a\" : { \"b\" : [ { } ] } , \"\" : 0 }");
    check_bad("[1,]", 3, "a value is missing");
    check_bad("[,1]", 1, "a value is missing");
    check_bad("[1 2]", 3, "a comma is missing");
    check_bad("[1}", 2, "a comma is missing");
    check_bad("{\"a\":1]", 6, "a comma is missing");
    check_bad("{\"a\":1,}", 7, "a member needs a name in quotes");
    check_bad("{a:1}", 1, "a member needs a name in quotes");
    check_bad("{\"a\" 1}", 5, "a colon is missing");
    check_bad("{\"a\":}", 5, "a value is missing");
    check_bad("'a'", 0, "a value is missing");
    check_bad("/**/1", 0, "a value is missing");
}

static void depth_is_limited(void **state)
{
    (void)state;
    assert_int_equal(skip_len("1", 1, true, 0).token, TOKEN_OK);
    assert_int_equal(skip_len("[]", 2, true, 0).token, TOKEN_BAD);
    assert_int_equal(skip_len("[[1]]", 5, true, 2).token, TOKEN_OK);
    assert_int_equal(skip_len("[{}]", 4, true, 2).token, TOKEN_OK);
    struct outcome o = skip_len("[[[1]]]", 7, true, 2);
    assert_int_equal(o.token, TOKEN_BAD);
    assert_int_equal(o.moved, 2);
    assert_string_equal(o.what, "nested too deeply");
}

static void escapes_are_decoded(void **state)
{
    static const char text[] =
        "a\\\"\\\\\\/\\b\\f\\n\\r\\t|\\u0041\\u00e9\\u20AC\\ud83d\\ude00\\uDBFF\\uDFFF|\\u0000z";
    static const char wanted[] = "a\"\\/\b\f\n\r\t|A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf|\0z";
    char to[sizeof text];
    (void)state;
    assert_int_equal(token_unescape(text, sizeof text - 1, to), sizeof wanted - 1);
    assert_memory_equal(to, wanted, sizeof wanted - 1);
    assert_int_equal(token_unescape("", 0, to), 0);
    assert_int_equal(token_unescape("plain", 5, to), 5);
}

static void white_space_is_of_four_kinds(void **state)
{
    const char *start = padded(" \t\r\n\v", 5);
    const char *at = start;
    (void)state;
    token_space(&at, start + 5);
    assert_int_equal(at - start, 4);
    at = start;
    token_space(&at, start + 2);
    assert_int_equal(at - start, 2);
    check_bad("\xc2\xa0"
              "1",
              0, "a value is missing");
    check_bad("\f1", 0, "a value is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_by_the_grammar),
        cmocka_unit_test(a_number_says_whether_it_is_whole),
        cmocka_unit_test(strings_have_no_controls_and_known_escapes),
        cmocka_unit_test(special_bytes_are_seen_everywhere),
        cmocka_unit_test(surrogates_come_in_pairs),
        cmocka_unit_test(only_utf8),
        cmocka_unit_test(words_are_whole),
        cmocka_unit_test(whole_values_are_skipped),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(white_space_is_of_four_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, free_copy);
}
