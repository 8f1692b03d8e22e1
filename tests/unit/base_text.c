/* SPDX-License-Identifier: Apache-2.0 */
/* The text codecs against the vectors of their RFCs, and what they must refuse. */
#include "base/text.h"
#include "support/test.h"

#include <string.h>

static struct arena a;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static void utf8_as_rfc_3629_has_it(void **state)
{
    static const char *const good[] = {"",
                                       "plain",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2 ",
                                      "\xe0\x9f\xbf",
                                      "\xe2\x82",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "ok\xe2\x82\xac\xfe"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(text_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_is_utf8(bad[i], strlen(bad[i])));
    assert_true(text_is_utf8("a\0b", 3));
}

static void utf8_ends_where_it_is_broken(void **state)
{
    char text[40];
    (void)state;
    for (size_t at = 0; at + 2 <= sizeof text; at++) {
        memset(text, 'a', sizeof text);
        memcpy(text + at, "\xc3\xa9", 2);
        assert_int_equal(text_utf8_prefix(text, sizeof text), sizeof text);
        assert_int_equal(text_utf8_prefix(text, at + 1), at);
        text[at] = '\xff';
        assert_int_equal(text_utf8_prefix(text, sizeof text), at);
    }
    assert_int_equal(text_utf8_prefix("", 0), 0);
}

static void hex_both_ways(void **state)
{
    char text[9];
    unsigned char back[4];
    (void)state;
    text_hex("\x00\x7f\x80\xff", 4, text);
    assert_string_equal(text, "007f80ff");
    assert_true(text_unhex("007F80fF", 8, back));
    assert_memory_equal(back, "\x00\x7f\x80\xff", 4);
    assert_false(text_unhex("abc", 3, back));
    assert_false(text_unhex("0g", 2, back));
    assert_false(text_unhex(" 1", 2, back));
    text_hex("", 0, text);
    assert_string_equal(text, "");
}

static void base64_vectors_of_rfc_4648(void **state)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    char *out;
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const char *plain = vectors[i][0];
        const char *coded = vectors[i][1];
        assert_string_equal(text_base64(&a, plain, strlen(plain)), coded);
        assert_true(text_unbase64(&a, coded, strlen(coded), &out, &len));
        assert_int_equal(len, strlen(plain));
        assert_string_equal(out, plain);
        assert_int_equal(strlen(text_base64url(&a, plain, strlen(plain))), strcspn(coded, "="));
    }
    assert_string_equal(text_base64(&a, "\xfb\xff", 2), "+/8=");
    assert_string_equal(text_base64url(&a, "\xfb\xff", 2), "-_8");
    assert_true(text_unbase64url(&a, "-_8", 3, &out, &len));
    assert_memory_equal(out, "\xfb\xff", 3);
}

static void base64_takes_the_canonical_form_only(void **state)
{
    static const char *const bad[] = {"Zg",    "Zg=",   "Zh==", "Zm9=", "Z===", "====",   "Zg==Zg==",
                                      "Zm 9v", "Zm9v=", "Z-9v", "Zm9_", "=Zg=", "Zm9v\n", "A=A="};
    static const char *const bad_url[] = {"Zg==", "Z", "Zh", "Zm9", "+_8", "/w", "Zm9vY", "Z g"};
    char *out;
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_unbase64(&a, bad[i], strlen(bad[i]), &out, &len));
    for (size_t i = 0; i < sizeof bad_url / sizeof bad_url[0]; i++)
        assert_false(text_unbase64url(&a, bad_url[i], strlen(bad_url[i]), &out, &len));
    assert_false(text_unbase64(&a, "Zm\0v", 4, &out, &len));
}

static void percent_encoding_both_ways(void **state)
{
    char *out;
    size_t len;
    (void)state;
    assert_string_equal(text_percent(&a, "a-Z0._~ /%\xc3\xa9", 12), "a-Z0._~%20%2F%25%C3%A9");
    assert_true(text_unpercent(&a, "a%2fb%00c", 9, false, &out, &len));
    assert_int_equal(len, 5);
    assert_memory_equal(out, "a/b\0c", 6);
    assert_true(text_unpercent(&a, "a+b%2B", 6, true, &out, &len));
    assert_string_equal(out, "a b+");
    assert_true(text_unpercent(&a, "a+b", 3, false, &out, &len));
    assert_string_equal(out, "a+b");
    assert_false(text_unpercent(&a, "%", 1, false, &out, &len));
    assert_false(text_unpercent(&a, "%2", 2, false, &out, &len));
    assert_false(text_unpercent(&a, "%zz", 3, false, &out, &len));
    assert_false(text_unpercent(&a, "%%20", 4, false, &out, &len));
}

static void whole_numbers_have_one_form(void **state)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "01", "00", "0x1", "1.0", "9223372036854775808", "99999999999999999999"};
    int64_t n = 42;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_uint(bad[i], strlen(bad[i]), &n));
    assert_int_equal(n, 42);
    assert_true(text_uint("0", 1, &n));
    assert_int_equal(n, 0);
    assert_true(text_uint("9223372036854775807", 19, &n));
    assert_true(n == INT64_MAX);
    assert_true(text_uint("123abc", 3, &n));
    assert_int_equal(n, 123);
}

static void copies_are_cut_to_their_room(void **state)
{
    char room[4] = "zzz";
    (void)state;
    text_copy(room, sizeof room, "abcdef");
    assert_string_equal(room, "abc");
    text_copy(room, sizeof room, "");
    assert_string_equal(room, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_as_rfc_3629_has_it),
        cmocka_unit_test(utf8_ends_where_it_is_broken),
        cmocka_unit_test(hex_both_ways),
        cmocka_unit_test(base64_vectors_of_rfc_4648),
        cmocka_unit_test(base64_takes_the_canonical_form_only),
        cmocka_unit_test(percent_encoding_both_ways),
        cmocka_unit_test(whole_numbers_have_one_form),
        cmocka_unit_test(copies_are_cut_to_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
