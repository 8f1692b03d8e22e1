/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives that are computed: that any range is a slice of the whole, that the fields say what the format
 * wants at each threshold of ZIP64 (with contents that nobody reads), and names. tests/api/test_archive.py
 * has real ones unpacked by other programs.
 */
#include "render/zip.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIB   (INT64_C(1) << 30)
#define DAY_1 INT64_C(1775138645) /* 2026-04-02T14:04:05Z */

static struct err e;
static struct arena arena;
static struct zip *z;
static struct zip_names *names;
static int reads;

static int set_up(void **state)
{
    (void)state;
    z = zip_new();
    names = zip_names_new();
    reads = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    zip_free(z);
    zip_names_free(names);
    arena_free(&arena);
    return 0;
}

static unsigned char byte_of(int index, int64_t offset)
{
    return (unsigned char)(index * 31 + offset % 251);
}

static int read_made_up(void *ctx, int index, int64_t offset, void *to, size_t *len, struct err *err)
{
    (void)ctx;
    (void)err;
    reads++;
    for (size_t i = 0; i < *len; i++)
        ((unsigned char *)to)[i] = byte_of(index, offset + (int64_t)i);
    return 0;
}

static void get(int64_t offset, void *to, size_t len)
{
    size_t got;
    must(zip_read(z, offset, to, len, &got, read_made_up, NULL, &e), &e);
    assert_int_equal(got, len);
}

/* The little-endian number of `count` bytes at `offset`. */
static uint64_t number_at(int64_t offset, int count)
{
    unsigned char bytes[8];
    uint64_t v = 0;
    get(offset, bytes, (size_t)count);
    for (int i = count; i > 0; i--)
        v = v << 8 | bytes[i - 1];
    return v;
}

static void add(const char *path, int64_t size)
{
    zip_add(z, path, size, 0x12345678, DAY_1 * 1000000);
}

/* --- places --- */

static void an_empty_archive_is_its_ending(void **state)
{
    unsigned char bytes[22];
    (void)state;
    zip_close(z);
    assert_int_equal(zip_size(z), 22);
    get(0, bytes, 22);
    assert_memory_equal(bytes, "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
}

static void every_range_is_a_slice_of_the_whole(void **state)
{
    char path[32];
    (void)state;
    for (int i = 0; i < 9; i++) {
        (void)snprintf(path, sizeof path, "folder/%.*s", i + 1, "ninebytes");
        add(path, i % 3 * 7);
    }
    zip_close(z);
    size_t size = (size_t)zip_size(z);
    unsigned char *whole = arena_alloc(&arena, size);
    unsigned char *part = arena_alloc(&arena, size);
    get(0, whole, size);
    for (size_t first = 0; first < size; first++)
        for (size_t len = 1; len <= size - first; len += len < 80 ? 1 : 97) {
            get((int64_t)first, part, len);
            assert_memory_equal(part, whole + first, len);
        }
}

static void contents_stand_behind_their_heads(void **state)
{
    unsigned char bytes[5];
    (void)state;
    add("one", 5);
    add("empty", 0);
    add("two", 5);
    zip_close(z);
    int64_t first = 30 + 3 + 9;
    get(first, bytes, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(bytes[i], byte_of(0, i));
    get(first + 5 + 30 + 5 + 9 + 30 + 3 + 9, bytes, 5);
    assert_int_equal(bytes[4], byte_of(2, 4));
    assert_int_equal(reads, 2); /* the empty one was not asked for */
}

static void the_directory_needs_no_contents(void **state)
{
    (void)state;
    add("one", 5);
    zip_close(z);
    size_t len = (size_t)(zip_size(z) - zip_directory(z));
    size_t got;
    must(zip_read(z, zip_directory(z), arena_alloc(&arena, len), len, &got, NULL, NULL, &e), &e);
    assert_int_equal(len, 46 + 3 + 9 + 22);
}

static int fail_to_read(void *ctx, int index, int64_t offset, void *to, size_t *len, struct err *err)
{
    (void)ctx;
    (void)index;
    (void)offset;
    (void)to;
    (void)len;
    return err_set(err, ERR_STORAGE, "gone");
}

static void what_cannot_be_read_fails(void **state)
{
    char bytes[64];
    size_t got;
    (void)state;
    add("one", 5);
    zip_close(z);
    must(zip_read(z, 0, bytes, 42, &got, fail_to_read, NULL, &e), &e);
    must_fail(zip_read(z, 0, bytes, 43, &got, fail_to_read, NULL, &e), ERR_STORAGE);
    assert_int_equal(got, 42);
}

/* The second content is not there before it was asked for twice. */
static int read_later(void *ctx, int index, int64_t offset, void *to, size_t *len, struct err *err)
{
    int *asked = ctx;
    if (index == 1 && (*asked)++ == 0)
        return 1;
    return read_made_up(NULL, index, offset, to, len, err);
}

static void what_is_not_there_yet_ends_a_piece(void **state)
{
    char bytes[128];
    char whole[128];
    int asked = 0;
    size_t got;
    (void)state;
    add("one", 5);
    add("two", 7);
    zip_close(z);
    get(0, whole, sizeof whole);
    assert_int_equal(zip_read(z, 0, bytes, sizeof bytes, &got, read_later, &asked, &e), 1);
    assert_int_equal(got, 42 + 5 + 42);
    size_t rest;
    must(zip_read(z, (int64_t)got, bytes + got, sizeof bytes - got, &rest, read_later, &asked, &e), &e);
    assert_memory_equal(bytes, whole, sizeof whole);
}

/* --- fields --- */

static void a_small_entry_has_no_wide_fields(void **state)
{
    (void)state;
    add("one", 5);
    zip_close(z);
    int64_t record = zip_directory(z);
    assert_int_equal(number_at(0, 4), 0x04034b50);
    assert_int_equal(number_at(4, 2), 10);      /* version needed */
    assert_int_equal(number_at(6, 2), 1 << 11); /* UTF-8 */
    assert_int_equal(number_at(8, 2), 0);       /* stored */
    assert_int_equal(number_at(10, 2), 14 << 11 | 4 << 5 | 5 / 2);
    assert_int_equal(number_at(12, 2), (2026 - 1980) << 9 | 4 << 5 | 2);
    assert_int_equal(number_at(14, 4), 0x12345678);
    assert_int_equal(number_at(18, 4), 5);
    assert_int_equal(number_at(22, 4), 5);
    assert_int_equal(number_at(28, 2), 9); /* the time alone */
    assert_int_equal(number_at(33, 4), 0x00055455);
    assert_int_equal(number_at(38, 4), DAY_1);
    assert_int_equal(number_at(record, 4), 0x02014b50);
    assert_int_equal(number_at(record + 5, 1), 3); /* made by UNIX, with a mode: */
    assert_int_equal(number_at(record + 40, 2), 0100644);
    assert_int_equal(number_at(record + 42, 4), 0);
    assert_int_equal(zip_size(z), record + 46 + 3 + 9 + 22);
}

static void a_size_of_32_bits_is_told_in_the_wide_field(void **state)
{
    (void)state;
    add("last", UINT32_MAX - INT64_C(1));
    add("first", UINT32_MAX);
    zip_close(z);
    int64_t second = 30 + 4 + 9 + (int64_t)UINT32_MAX - 1;
    assert_int_equal(number_at(4, 2), 10);
    assert_int_equal(number_at(18, 4), UINT32_MAX - 1);
    assert_int_equal(number_at(second, 4), 0x04034b50);
    assert_int_equal(number_at(second + 4, 2), 45);
    assert_int_equal(number_at(second + 18, 4), UINT32_MAX);
    assert_int_equal(number_at(second + 22, 4), UINT32_MAX);
    assert_int_equal(number_at(second + 28, 2), 20 + 9);
    assert_int_equal(number_at(second + 35, 4), 0x00100001);
    assert_int_equal(number_at(second + 39, 8), UINT32_MAX);
    assert_int_equal(number_at(second + 47, 8), UINT32_MAX);
    int64_t record = zip_directory(z) + 46 + 4 + 9; /* of the second, which begins above the limit, too */
    assert_int_equal(second, UINT32_MAX + INT64_C(42));
    assert_int_equal(number_at(record, 4), 0x02014b50);
    assert_int_equal(number_at(record + 20, 4), UINT32_MAX);
    assert_int_equal(number_at(record + 30, 2), 28 + 9);
    assert_int_equal(number_at(record + 42, 4), UINT32_MAX);
    assert_int_equal(number_at(record + 51, 4), 0x00180001);
    assert_int_equal(number_at(record + 55, 8), UINT32_MAX);
    assert_int_equal(number_at(record + 71, 8), second);
}

/* The fields of an ending with ZIP64: what its record says, and that the old one points there. */
static void assert_wide_ending(uint64_t count)
{
    int64_t at = zip_size(z) - 22 - 20 - 56;
    assert_int_equal(number_at(at, 4), 0x06064b50);
    assert_int_equal(number_at(at + 4, 8), 44);
    assert_int_equal(number_at(at + 24, 8), count);
    assert_int_equal(number_at(at + 32, 8), count);
    assert_int_equal(number_at(at + 40, 8), at - zip_directory(z));
    assert_int_equal(number_at(at + 48, 8), zip_directory(z));
    assert_int_equal(number_at(at + 56, 4), 0x07064b50);
    assert_int_equal(number_at(at + 64, 8), at);
    assert_int_equal(number_at(at + 72, 4), 1);
    assert_int_equal(number_at(at + 76, 4), 0x06054b50);
}

static void an_offset_of_32_bits_is_told_in_the_wide_field(void **state)
{
    (void)state;
    int64_t head = 30 + 1 + 9;
    add("a", UINT32_MAX - 2 * head - 1);
    add("b", 0);
    add("c", 0); /* begins just below, and ends above */
    zip_close(z);
    int64_t record = zip_directory(z) + 46 + 1 + 9;
    assert_int_equal(number_at(record + 42, 4), UINT32_MAX - head - 1);
    assert_int_equal(number_at(record + 30, 2), 9);
    record += 46 + 1 + 9;
    assert_int_equal(number_at(record + 42, 4), UINT32_MAX - 1);
    assert_int_equal(number_at(record + 30, 2), 9);
    assert_wide_ending(3); /* because of where the directory is */
}

static void an_offset_at_the_limit_is_wide(void **state)
{
    (void)state;
    int64_t head = 30 + 1 + 9;
    add("a", UINT32_MAX - head);
    add("b", 0);
    zip_close(z);
    int64_t record = zip_directory(z) + 46 + 1 + 9;
    assert_int_equal(number_at(record + 6, 2), 45);
    assert_int_equal(number_at(record + 20, 4), 0);
    assert_int_equal(number_at(record + 30, 2), 12 + 9);
    assert_int_equal(number_at(record + 42, 4), UINT32_MAX);
    assert_int_equal(number_at(record + 47, 4), 0x00080001);
    assert_int_equal(number_at(record + 51, 8), UINT32_MAX);
}

static void many_entries_have_a_wide_ending(void **state)
{
    (void)state;
    for (int i = 0; i < 65534; i++)
        add("x", 1);
    zip_close(z);
    assert_int_equal(number_at(zip_size(z) - 14, 2), 65534);
    assert_int_equal(zip_size(z), zip_directory(z) + 65534 * INT64_C(56) + 22);
    zip_free(z);
    z = zip_new();
    for (int i = 0; i < 65535; i++)
        add("x", 1);
    zip_close(z);
    assert_int_equal(number_at(zip_size(z) - 14, 2), 65535);
    assert_wide_ending(65535);
}

static void petabytes_have_their_places(void **state)
{
    char path[16];
    unsigned char byte;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(path, sizeof path, "%03d", i);
        add(path, 8192 * GIB);
    }
    zip_close(z);
    int64_t each = 30 + 3 + 20 + 9 + 8192 * GIB;
    assert_int_equal(zip_directory(z), 1000 * each);
    for (int i = 0; i < 1000; i += 99) {
        int64_t offset = 8192 * GIB / 1000 * i;
        get(i * each + 30 + 3 + 20 + 9 + offset, &byte, 1);
        assert_int_equal(byte, byte_of(i, offset));
        assert_int_equal(number_at(i * each, 4), 0x04034b50);
    }
    assert_wide_ending(1000);
}

static void assert_date(int64_t seconds, unsigned date, unsigned time, unsigned extra)
{
    zip_free(z);
    z = zip_new();
    zip_add(z, "a", 0, 0, seconds * 1000000);
    zip_close(z);
    assert_int_equal(number_at(10, 2), time);
    assert_int_equal(number_at(12, 2), date);
    assert_int_equal(number_at(28, 2), extra);
}

static void times_that_the_fields_cannot_say(void **state)
{
    (void)state;
    assert_date(0, 1 << 5 | 1, 0, 9);
    assert_date(INT32_MAX, 58 << 9 | 1 << 5 | 19, 3 << 11 | 14 << 5 | 3, 9);
    assert_date(INT32_MAX + INT64_C(1), 58 << 9 | 1 << 5 | 19, 3 << 11 | 14 << 5 | 4, 0);
    assert_date(INT64_C(5000000000), 127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29, 0);
}

/* --- names --- */

static void assert_name(const char *name, const char *want)
{
    const char *got = zip_name(names, &arena, NULL, name);
    assert_string_equal(got, want);
}

static char *repeat(const char *piece, int times, const char *end)
{
    size_t len = strlen(piece);
    char *s = arena_alloc(&arena, len * (size_t)times + strlen(end) + 1);
    for (int i = 0; i < times; i++)
        memcpy(s + (size_t)i * len, piece, len);
    memcpy(s + len * (size_t)times, end, strlen(end));
    return s;
}

static void what_some_system_forbids_is_replaced(void **state)
{
    (void)state;
    assert_name("plain.txt", "plain.txt");
    assert_name("a<b>c:d\"e/f\\g|h?i*j", "a_b_c_d_e_f_g_h_i_j");
    assert_name("tab\tdel\x7F"
                "c1\xC2\x85.",
                "tab_del_c1__");
    assert_name("\xC2\xA0nbsp is none", "\xC2\xA0nbsp is none");
    assert_name("..", "__");
    assert_name("", "_");
    assert_name(".hidden", ".hidden");
    assert_name("a. .", "a___");
}

static void names_of_devices_get_a_letter_before_them(void **state)
{
    (void)state;
    assert_name("con", "_con");
    assert_name("AUX.tar.gz", "_AUX.tar.gz");
    assert_name("nul .txt", "_nul .txt");
    assert_name("COM9", "_COM9");
    assert_name("lpt1.x", "_lpt1.x");
    assert_name("COM\xC2\xB2", "_COM\xC2\xB2");
    assert_name("CONIN$", "_CONIN$");
    assert_name("COM0", "COM0");
    assert_name("COM10", "COM10");
    assert_name("comma", "comma");
    assert_name("null", "null");
    assert_name("LPT", "LPT");
}

static void the_same_name_gets_a_number(void **state)
{
    (void)state;
    assert_name("a.txt", "a.txt");
    assert_name("a.txt", "a (2).txt");
    assert_name("A.Txt", "A (3).Txt");
    assert_name("a (4).txt", "a (4).txt");
    assert_name("a.txt", "a (5).txt");
    assert_name("a (2).txt", "a (2) (2).txt");
    assert_name("none", "none");
    assert_name("none", "none (2)");
    assert_name(".hidden", ".hidden");
    assert_name(".hidden", ".hidden (2)");
    assert_name("x.tar.gz", "x.tar.gz");
    assert_name("x.tar.gz", "x.tar (2).gz");
}

/* Each pair is one name to NTFS, APFS or ext4 with casefold. */
static void names_that_some_system_takes_for_the_same_get_a_number(void **state)
{
    (void)state;
    assert_name("É", "É");
    assert_name("é", "é (2)");
    assert_name("e\u0301", "e\u0301 (3)");
    assert_name("E\u0301", "E\u0301 (4)");
    assert_name("Maß", "Maß");
    assert_name("MASS", "MASS (2)");
    assert_name("MAẞ", "MAẞ (3)");
    assert_name("ΣΑΣ", "ΣΑΣ");
    assert_name("σας", "σας (2)");
    assert_name("\u212B.x", "\u212B.x"); /* Ångström sign and Å */
    assert_name("\u00E5.X", "\u00E5 (2).X");
    assert_name("\uAC00", "\uAC00"); /* Hangul and its parts */
    assert_name("\u1100\u1161", "\u1100\u1161 (2)");
    assert_name("q\u0323\u0307", "q\u0323\u0307"); /* marks in another order */
    assert_name("q\u0307\u0323", "q\u0307\u0323 (2)");
    assert_name("\u2764", "\u2764");
    assert_name("\u2764\uFE0F", "\u2764\uFE0F (2)");
    assert_name("𐐀", "𐐀");
    assert_name("𐐨", "𐐨 (2)");
    assert_name("é (5)", "é (5)");
    assert_name("é", "é (6)");
}

static void names_that_every_system_tells_apart_stay(void **state)
{
    (void)state;
    static const char *const all[] = {"e", "é", "è", "ê", "A", "Ａ", "①", "1", "ﬀ.", "x²", "x2", "日", "曰"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_null(strstr(zip_name(names, &arena, NULL, all[i]), "(2)"));
}

static void what_nobody_sees_is_replaced(void **state)
{
    static const char *const invisible[] = {
        "\u00AD", "\u034F", "\u061C",   "\u115F",     "\u200B",     "\u200E", "\u200F", "\u2028",
        "\u2029", "\u202A", "\u202E",   "\u2060",     "\u2066",     "\u2069", "\u206F", "\u3164",
        "\uFEFF", "\uFFF9", "\uFFFF",   "\uFDD0",     "\uFFA0",     "\u17B4", "\u180E", "\u2064",
        "\uFFFB", "\u206A", "\xC2\x85", "\U000E0041", "\U0001D173",
    };
    char given[16];
    (void)state;
    for (size_t i = 0; i < sizeof invisible / sizeof *invisible; i++) {
        (void)snprintf(given, sizeof given, "a%sb.c", invisible[i]);
        zip_names_free(names);
        names = zip_names_new();
        assert_name(given, "a_b.c");
    }
    assert_name("invoice\u202Efdp.exe", "invoice_fdp.exe");
    assert_name("\u2764\uFE0F", "\u2764\uFE0F");
    assert_name("\u0645\u06CC\u200C\u0631\u0648\u0645", "\u0645\u06CC\u200C\u0631\u0648\u0645");
    assert_name("\u0645\u06CC\u0631\u0648\u0645", "\u0645\u06CC\u0631\u0648\u0645 (2)");
    assert_name("\U0001F469\u200D\U0001F52C", "\U0001F469\u200D\U0001F52C");
    assert_name("\u3000wide blank", "\u3000wide blank");
    assert_name("\uE000 private", "\uE000 private");
}

/* Folding makes three characters of U+0390, six bytes of two. */
static void the_longest_names_fold(void **state)
{
    (void)state;
    const char *long_name = repeat("\u0390", 127, "");
    assert_name(long_name, long_name);
    assert_true(strcmp(zip_name(names, &arena, NULL, long_name), long_name) != 0);
    const char *folder = zip_folder(names, &arena, "key", repeat("\U0001D160", 63, ""));
    const char *one = zip_name(names, &arena, folder, long_name);
    assert_string_not_equal(zip_name(names, &arena, folder, long_name), one);
}

static void folders_have_names_of_their_own(void **state)
{
    (void)state;
    const char *one = zip_folder(names, &arena, "key 1", "July?");
    const char *two = zip_folder(names, &arena, "key 2", "july*");
    assert_string_equal(one, "July_");
    assert_string_equal(two, "july_ (2)");
    assert_ptr_equal(zip_folder(names, &arena, "key 1", "other"), one);
    assert_string_equal(zip_name(names, &arena, one, "a"), "July_/a");
    assert_string_equal(zip_name(names, &arena, two, "a"), "july_ (2)/a");
    assert_string_equal(zip_name(names, &arena, one, "A"), "July_/A (2)");
    assert_string_equal(zip_name(names, &arena, NULL, "a"), "a");
}

static void long_names_are_cut_between_characters(void **state)
{
    (void)state;
    assert_name(repeat("n", 255, ""), repeat("n", 255, ""));
    assert_name(repeat("n", 300, ".csv"), repeat("n", 251, ".csv"));
    assert_name(repeat("\xC3\xA4", 127, ".x"), repeat("\xC3\xA4", 126, ".x"));
    assert_name(repeat("\xE2\x98\x83", 100, ""), repeat("\xE2\x98\x83", 85, ""));
    assert_name(repeat("n", 254, ". x"), repeat("n", 252, ". x"));
    assert_name(repeat("m", 254, ".......xyz"), repeat("m", 251, ".xyz"));
    assert_name(repeat("n", 240, repeat(".", 1, repeat("e", 40, ""))), repeat("n", 240, ".eeeeeeeeeeeeee"));
    assert_name(repeat("n", 300, ".csv"), repeat("n", 255 - 4 - 13, " (2).csv"));
    assert_name(repeat("n", 301, ".csv"), repeat("n", 255 - 4 - 13, " (3).csv"));
}

/* Also names that differ only where they are cut; in the square of them it would take minutes. */
static void many_of_one_name_take_no_longer(void **state)
{
    char name[300];
    (void)state;
    for (int i = 0; i < 50000; i++) {
        (void)snprintf(name, sizeof name, "%0252d.x", i / 2);
        const char *got = zip_name(names, &arena, NULL, name);
        assert_true(strlen(got) <= ZIP_LONGEST_NAME);
    }
    for (int i = 1; i < 50000; i++)
        (void)zip_name(names, &arena, NULL, "same.txt");
    assert_name("same.txt", "same (50000).txt");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_archive_is_its_ending),
        TEST(every_range_is_a_slice_of_the_whole),
        TEST(contents_stand_behind_their_heads),
        TEST(the_directory_needs_no_contents),
        TEST(what_cannot_be_read_fails),
        TEST(what_is_not_there_yet_ends_a_piece),
        TEST(a_small_entry_has_no_wide_fields),
        TEST(a_size_of_32_bits_is_told_in_the_wide_field),
        TEST(an_offset_of_32_bits_is_told_in_the_wide_field),
        TEST(an_offset_at_the_limit_is_wide),
        TEST(many_entries_have_a_wide_ending),
        TEST(petabytes_have_their_places),
        TEST(times_that_the_fields_cannot_say),
        TEST(what_some_system_forbids_is_replaced),
        TEST(names_of_devices_get_a_letter_before_them),
        TEST(the_same_name_gets_a_number),
        TEST(names_that_some_system_takes_for_the_same_get_a_number),
        TEST(names_that_every_system_tells_apart_stay),
        TEST(what_nobody_sees_is_replaced),
        TEST(the_longest_names_fold),
        TEST(folders_have_names_of_their_own),
        TEST(long_names_are_cut_between_characters),
        TEST(many_of_one_name_take_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
