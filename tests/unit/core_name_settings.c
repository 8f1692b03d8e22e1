/* SPDX-License-Identifier: Apache-2.0 */
/* Names of results; scopes; and the table of settings: every row has a default within its own bounds. */
#include "core/access.h"
#include "core/name.h"
#include "core/settings.h"
#include "support/test.h"

#include <string.h>

static struct arena a;
static struct err e;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static void names_that_are_fine(void **state)
{
    static const char *const good[] = {"a",        "...", "..a",  " ", "a b.csv",
                                       "\xc3\xa9", "%2f", "a\\b", "-", "\xc2\xa0"};
    char longest[256];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        must(name_check(good[i], "the name", &e), &e);
    memset(longest, 'n', 255);
    longest[255] = '\0';
    must(name_check(longest, "the name", &e), &e);
    must(name_check_text("", "the type", &e), &e);
    must(name_check_text("a/b; c=d", "the type", &e), &e);
}

static void names_that_are_not(void **state)
{
    static const char *const bad[] = {"",        ".",    "..",       "/",        "a/b",  "a\n",
                                      "\x1b[2J", "\x7f", "\xc2\x80", "\xc2\x9f", "\xff", "\xed\xa0\x80",
                                      "\xc0\xae"};
    char too_long[257];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        must_fail(name_check(bad[i], "the name", &e), ERR_BAD_VALUE);
        assert_int_equal(strncmp(e.detail, "the name", 8), 0);
    }
    memset(too_long, 'n', 256);
    too_long[256] = '\0';
    must_fail(name_check(too_long, "the name", &e), ERR_BAD_VALUE);
    must_fail(name_check_text(too_long, "the type", &e), ERR_BAD_VALUE);
    must_fail(name_check_text("a\tb", "the type", &e), ERR_BAD_VALUE);
}

static void every_setting_has_its_default_within_bounds(void **state)
{
    struct settings s;
    (void)state;
    must(conf_defaults(&settings_conf, &a, &s, &e), &e);
    must(settings_check(&s, &e), &e);
    assert_true(settings_conf.count > 30);
    for (size_t i = 0; i < settings_conf.count; i++) {
        const struct conf_item *item = &settings_conf.items[i];
        if (item->type == CONF_BOOL || item->type == CONF_TEXT)
            continue;
        must(conf_set(&settings_conf, &a, item->name, item->smallest, &s, &e), &e);
        must(conf_set(&settings_conf, &a, item->name, item->largest, &s, &e), &e);
        must_fail(conf_set(&settings_conf, &a, item->name, "99999999999999999999", &s, &e), ERR_BAD_VALUE);
    }
}

static void no_setting_stands_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_conf.count; i++)
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(settings_conf.items[i].name, settings_conf.items[k].name);
            assert_int_not_equal(settings_conf.items[i].offset, settings_conf.items[k].offset);
        }
}

static void settings_that_contradict_each_other(void **state)
{
    struct settings s;
    (void)state;
    must(conf_defaults(&settings_conf, &a, &s, &e), &e);
    s.log_level = "loud";
    must_fail(settings_check(&s, &e), ERR_BAD_VALUE);
    s.log_level = "warn";
    s.access_log = "some";
    must_fail(settings_check(&s, &e), ERR_BAD_VALUE);
    s.access_log = "off";
    s.connection_memory = s.header_limit;
    must_fail(settings_check(&s, &e), ERR_BAD_VALUE);
}

static void prefixes_of_apis(void **state)
{
    static const char *const good[] = {"", "/ric", "/a/b-c/v1.0~_", "/api", "/api/v10", "/-x"};
    static const char *const bad[] = {"ric",    "/",  "/ric/", "//ric", "/a//b",   "/a b",
                                      "/a%20b", "/.", "/a/.",  "/a/..", "/{}",     "/\xc3\xa9",
                                      "/a?b",   "/-", "/-/x",  "/a;b",  "/api/v1", "/api/v1/ric"};
    struct settings s;
    (void)state;
    must(conf_defaults(&settings_conf, &a, &s, &e), &e);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        s.ricloud_prefix = good[i];
        must(settings_check(&s, &e), &e);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        s.ricloud_prefix = bad[i];
        if (settings_check(&s, &e) != ERR_BAD_VALUE)
            fail_msg("%s is taken", bad[i]);
        assert_non_null(strstr(e.detail, "ricloud_prefix"));
    }
}

static void origins_of_pages(void **state)
{
    static const char *const good[] = {"", "*", "https://a.example",
                                       "http://localhost:8080, https://a.example,", "https://[::1]:1"};
    static const char *const bad[] = {
        "a.example",           "https://a.example/",     "https://", "://a", "https://*.example",
        "https://a.example,b", "https://a.example/path", "**"};
    struct settings s;
    (void)state;
    must(conf_defaults(&settings_conf, &a, &s, &e), &e);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        s.cors_origins = good[i];
        must(settings_check(&s, &e), &e);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        s.cors_origins = bad[i];
        if (settings_check(&s, &e) != ERR_BAD_VALUE)
            fail_msg("%s is taken", bad[i]);
        assert_non_null(strstr(e.detail, "cors_origins"));
    }
}

static void a_reload_keeps_what_is_fixed(void **state)
{
    struct settings old;
    struct settings fresh;
    (void)state;
    must(conf_defaults(&settings_conf, &a, &old, &e), &e);
    must(conf_defaults(&settings_conf, &a, &fresh, &e), &e);
    for (size_t i = 0; i < settings_conf.count; i++) {
        const struct conf_item *item = &settings_conf.items[i];
        if (item->type == CONF_INT || item->type == CONF_SIZE || item->type == CONF_TIME)
            must(conf_set(&settings_conf, &a, item->name, item->largest, &fresh, &e), &e);
    }
    fresh.listen = "elsewhere:1";
    settings_keep_fixed(&fresh, &old);
    assert_string_equal(fresh.listen, old.listen);
    assert_int_equal(fresh.workers, old.workers);
    assert_int_equal(fresh.write_queue_limit, old.write_queue_limit);
    assert_int_equal(fresh.results_ttl, INT64_C(3650) * 86400);
    assert_int_not_equal(fresh.sweep_batch, old.sweep_batch);
}

static void scopes_as_words_and_bits(void **state)
{
    int64_t bits;
    (void)state;
    must(access_parse_scopes("read,ack,read", &bits, &e), &e);
    assert_int_equal(bits, SCOPE_READ | SCOPE_ACK);
    assert_string_equal(access_format_scopes(&a, bits), "read,ack");
    must_fail(access_parse_scopes("", &bits, &e), ERR_BAD_VALUE);
    must_fail(access_parse_scopes("reads", &bits, &e), ERR_BAD_VALUE);
    must_fail(access_parse_scopes("read, ack", &bits, &e), ERR_BAD_VALUE);
    must_fail(access_parse_scopes(",", &bits, &e), ERR_BAD_VALUE);
    struct session s = {.actor = {.scopes = SCOPE_READ}};
    must(access_require(&s, SCOPE_READ, &e), &e);
    must_fail(access_require(&s, SCOPE_READ | SCOPE_DELETE, &e), ERR_FORBIDDEN);
    assert_non_null(strstr(e.detail, "\"delete\""));
    s.actor.scopes = SCOPE_ADMIN;
    must(access_require(&s, SCOPE_WRITE | SCOPE_DELETE, &e), &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_are_fine),
        cmocka_unit_test(names_that_are_not),
        cmocka_unit_test(every_setting_has_its_default_within_bounds),
        cmocka_unit_test(no_setting_stands_twice),
        cmocka_unit_test(settings_that_contradict_each_other),
        cmocka_unit_test(prefixes_of_apis),
        cmocka_unit_test(origins_of_pages),
        cmocka_unit_test(a_reload_keeps_what_is_fixed),
        cmocka_unit_test(scopes_as_words_and_bits),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
