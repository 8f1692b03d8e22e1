/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from a table: each type and its bounds, each source and which one wins. */
#include "base/conf.h"
#include "support/temp.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target {
    bool flag;
    int64_t number, size, time;
    const char *text;
};

static const struct conf_item items[] = {
    {CONF_BOOL, "a_flag", "on", "0", "1", true, "a flag", offsetof(struct target, flag)},
    {CONF_INT, "a_number", "5", "1", "10", false, "a number", offsetof(struct target, number)},
    {CONF_SIZE, "a_size", "1KiB", "0", "8191PiB", false, "a size", offsetof(struct target, size)},
    {CONF_TIME, "a_time", "2m", "1s", "1d", true, "a time", offsetof(struct target, time)},
    {CONF_TEXT, "a_text", "x", "1", "8", false, "a text", offsetof(struct target, text)},
};
static const struct conf conf = {items, 5, "RTEST_"};
static struct arena a;
static struct err e;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static void defaults_are_those_of_the_table(void **state)
{
    struct target t = {0};
    (void)state;
    must(conf_defaults(&conf, &a, &t, &e), &e);
    assert_true(t.flag);
    assert_int_equal(t.number, 5);
    assert_int_equal(t.size, 1024);
    assert_int_equal(t.time, 120);
    assert_string_equal(t.text, "x");
}

static void values_and_units(void **state)
{
    static const struct {
        const char *name, *value;
        int64_t want;
    } good[] = {{"a_size", "0", 0},          {"a_size", "7B", 7},
                {"a_size", "3MiB", 3 << 20}, {"a_size", "8191PiB", INT64_C(8191) << 50},
                {"a_time", "90", 90},        {"a_time", "90s", 90},
                {"a_time", "24h", 86400},    {"a_time", "1d", 86400}};
    static const char *const bad[][2] = {{"a_size", "8192PiB"},   {"a_size", "9223372036854775807KiB"},
                                         {"a_size", "1kib"},      {"a_size", "1KB"},
                                         {"a_size", "-1"},        {"a_size", ""},
                                         {"a_size", "1.5KiB"},    {"a_size", " 1"},
                                         {"a_time", "0"},         {"a_time", "2d"},
                                         {"a_time", "1w"},        {"a_time", "s"},
                                         {"a_number", "0"},       {"a_number", "11"},
                                         {"a_number", "5s"},      {"a_number", "05"},
                                         {"a_flag", "yes"},       {"a_flag", "ON"},
                                         {"a_flag", ""},          {"a_text", ""},
                                         {"a_text", "123456789"}, {"no_such", "1"},
                                         {"a_tex", "1"}};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct target t = {0};
        must(conf_set(&conf, &a, good[i].name, good[i].value, &t, &e), &e);
        assert_true((good[i].name[2] == 's' ? t.size : t.time) == good[i].want);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct target t = {.number = 77};
        must_fail(conf_set(&conf, &a, bad[i][0], bad[i][1], &t, &e), ERR_BAD_VALUE);
        assert_non_null(strstr(e.detail, bad[i][0]));
        assert_int_equal(t.number, 77);
    }
}

static void a_file_is_read_line_by_line(void **state)
{
    static const char good[] = "# a comment\n\n  a_number = 7  \r\na_text=a = b\n\ta_flag\t=\toff";
    char folder[TEMP_SIZE];
    char path[TEMP_SIZE + 10];
    struct target t = {0};
    (void)state;
    temp_make(folder);
    (void)snprintf(path, sizeof path, "%s/conf", folder);
    temp_write(path, good, sizeof good - 1);
    must(conf_file(&conf, &a, path, &t, &e), &e);
    assert_int_equal(t.number, 7);
    assert_string_equal(t.text, "a = b");
    assert_false(t.flag);
    temp_write(path, "a_number = 3\nnonsense\n", 22);
    must_fail(conf_file(&conf, &a, path, &t, &e), ERR_BAD_VALUE);
    assert_non_null(strstr(e.detail, "line 2"));
    temp_write(path, "a_number = 3\n\nb = 4\n", 20);
    must_fail(conf_file(&conf, &a, path, &t, &e), ERR_BAD_VALUE);
    assert_non_null(strstr(e.detail, "line 3"));
    temp_remove(folder);
    must_fail(conf_file(&conf, &a, path, &t, &e), ERR_BAD_VALUE);
}

static void a_folder_is_no_configuration_file(void **state)
{
    char folder[TEMP_SIZE];
    struct target t = {0};
    (void)state;
    temp_make(folder);
    int rc = conf_file(&conf, &a, folder, &t, &e);
    temp_remove(folder);
    must_fail(rc, ERR_BAD_VALUE);
}

static void flags_with_and_without_equals(void **state)
{
    char *argv[] = {(char[]){"--a-number=9"}, (char[]){"--a_text"}, (char[]){"v"}, (char[]){"--other"},
                    (char[]){"plain"},        (char[]){"--a-flag"}, NULL};
    struct target t = {0};
    int at = 0;
    (void)state;
    assert_int_equal(conf_argument(&conf, &a, argv, &at, &t, &e), 1);
    assert_int_equal(at, 1);
    assert_int_equal(t.number, 9);
    assert_int_equal(conf_argument(&conf, &a, argv, &at, &t, &e), 1);
    assert_int_equal(at, 3);
    assert_string_equal(t.text, "v");
    assert_int_equal(conf_argument(&conf, &a, argv, &at, &t, &e), 0);
    assert_int_equal(at, 3);
    at = 4;
    assert_int_equal(conf_argument(&conf, &a, argv, &at, &t, &e), 0);
    at = 5;
    must_fail(conf_argument(&conf, &a, argv, &at, &t, &e), ERR_BAD_VALUE);
}

static void the_environment_has_its_prefix(void **state)
{
    struct target t = {.number = 1, .text = "old"};
    (void)state;
    assert_int_equal(setenv("RTEST_A_NUMBER", "8", 1), 0);
    assert_int_equal(setenv("A_TEXT", "new", 1), 0);
    must(conf_environment(&conf, &a, &t, &e), &e);
    assert_int_equal(t.number, 8);
    assert_string_equal(t.text, "old");
    assert_int_equal(setenv("RTEST_A_NUMBER", "88", 1), 0);
    must_fail(conf_environment(&conf, &a, &t, &e), ERR_BAD_VALUE);
    assert_int_equal(unsetenv("RTEST_A_NUMBER"), 0);
}

/* What is written as an example is a file that changes nothing, also with its comment marks taken away. */
static void the_example_says_the_defaults(void **state)
{
    struct buf b = {.arena = &a};
    struct buf help = {.arena = &a};
    struct target t = {0};
    (void)state;
    conf_example(&conf, &b);
    conf_help(&conf, &help);
    for (size_t i = 0; i < conf.count; i++) {
        char line[80];
        (void)snprintf(line, sizeof line, "\n#%s = %s\n", items[i].name, items[i].initial);
        assert_non_null(strstr(buf_str(&b), line));
        must(conf_set(&conf, &a, items[i].name, items[i].initial, &t, &e), &e);
        assert_non_null(strstr(buf_str(&help), items[i].help));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(values_and_units),
        cmocka_unit_test(a_file_is_read_line_by_line),
        cmocka_unit_test(a_folder_is_no_configuration_file),
        cmocka_unit_test(flags_with_and_without_equals),
        cmocka_unit_test(the_environment_has_its_prefix),
        cmocka_unit_test(the_example_says_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
