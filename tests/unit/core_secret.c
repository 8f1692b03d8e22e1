/* SPDX-License-Identifier: Apache-2.0 */
/* What is sealed opens with the same key and for the same purpose only. */
#include "core/secret.h"
#include "support/temp.h"
#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err e;
static struct arena arena;
static char folder[TEMP_SIZE];
static char path[TEMP_SIZE + 20];
static struct secrets *s;

static int set_up(void **state)
{
    (void)state;
    temp_make(folder);
    (void)snprintf(path, sizeof path, "%s/secret.key", folder);
    must(secrets_open(path, true, &s, &e), &e);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    secrets_close(s);
    arena_free(&arena);
    temp_remove(folder);
    return 0;
}

static void what_is_sealed_comes_back(void **state)
{
    const char *texts[] = {"", "x", "open sesame", "with\ttabs and \xc3\xa4"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *sealed = secret_seal(s, &arena, "test", texts[i], strlen(texts[i]));
        const char *again = secret_seal(s, &arena, "test", texts[i], strlen(texts[i]));
        const char *text = NULL;
        size_t len = 99;
        assert_string_not_equal(sealed, again);
        assert_true(strlen(texts[i]) < 3 || !strstr(sealed, texts[i]));
        must(secret_unseal(s, &arena, "test", sealed, &text, &len, &e), &e);
        assert_int_equal(len, strlen(texts[i]));
        assert_string_equal(text, texts[i]);
    }
}

static void nothing_else_opens(void **state)
{
    const char *sealed = secret_seal(s, &arena, "test", "open sesame", 11);
    const char *text = NULL;
    size_t len;
    (void)state;
    must_fail(secret_unseal(s, &arena, "other", sealed, &text, &len, &e), ERR_INTERNAL);
    for (size_t i = 0; i < strlen(sealed); i++) {
        char *changed = arena_strdup(&arena, sealed);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        must_fail(secret_unseal(s, &arena, "test", changed, &text, &len, &e), ERR_INTERNAL);
        changed[i] = '\0';
        must_fail(secret_unseal(s, &arena, "test", changed, &text, &len, &e), ERR_INTERNAL);
    }
    assert_null(text);
}

static void the_key_is_made_once_and_for_its_owner(void **state)
{
    const char *sealed = secret_seal(s, &arena, "test", "open sesame", 11);
    const char *text = NULL;
    struct secrets *again;
    struct stat st;
    size_t len;
    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    must(secrets_open(path, true, &again, &e), &e);
    must(secret_unseal(again, &arena, "test", sealed, &text, &len, &e), &e);
    secrets_close(again);
    assert_int_equal(unlink(path), 0);
    must_fail(secrets_open(path, false, &again, &e), ERR_STORAGE);
    assert_non_null(strstr(e.detail, "secret_key_file"));
    must(secrets_open(path, true, &again, &e), &e);
    must_fail(secret_unseal(again, &arena, "test", sealed, &text, &len, &e), ERR_INTERNAL);
    secrets_close(again);
}

static void a_key_that_is_short_or_open_to_others_is_refused(void **state)
{
    struct secrets *again;
    (void)state;
    assert_int_equal(chmod(path, 0640), 0);
    must_fail(secrets_open(path, true, &again, &e), ERR_STORAGE);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 31), 0);
    must_fail(secrets_open(path, true, &again, &e), ERR_STORAGE);
    must_fail(secrets_open("/nowhere/at/all", true, &again, &e), ERR_STORAGE);
}

static void the_key_before_opens_what_it_sealed(void **state)
{
    const char *old = secret_seal(s, &arena, "test", "open sesame", 11);
    const char *fresh = NULL;
    const char *text = NULL;
    struct stat st;
    size_t len;
    (void)state;
    assert_int_equal(must(secret_reseal(s, &arena, "test", old, &fresh, &e), &e), 0);
    must(secrets_change(s, SECRETS_NEW, &e), &e);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    must(secret_unseal(s, &arena, "test", old, &text, &len, &e), &e);
    assert_int_equal(must(secret_reseal(s, &arena, "test", old, &fresh, &e), &e), 1);
    assert_int_equal(must(secret_reseal(s, &arena, "test", fresh, &text, &e), &e), 0);
    must(secrets_change(s, SECRETS_NEW, &e), &e);
    must(secret_unseal(s, &arena, "test", fresh, &text, &len, &e), &e);
    assert_string_equal(text, "open sesame");
    must_fail(secret_unseal(s, &arena, "test", old, &text, &len, &e), ERR_INTERNAL);
    must_fail(secret_reseal(s, &arena, "test", old, &text, &e), ERR_INTERNAL);
}

static void a_prepared_key_opens_and_seals_only_later(void **state)
{
    const char *first = secret_seal(s, &arena, "test", "one", 3);
    const char *text = NULL;
    struct secrets *other;
    size_t len;
    (void)state;
    must(secrets_open(path, true, &other, &e), &e);
    must_fail(secrets_change(s, SECRETS_PREPARED, &e), ERR_WRONG_STATE);
    must(secrets_change(s, SECRETS_PREPARE, &e), &e);
    assert_int_equal(must(secret_reseal(s, &arena, "test", first, &text, &e), &e), 0);
    must(secrets_change(s, SECRETS_PREPARED, &e), &e);
    const char *second = secret_seal(s, &arena, "test", "two", 3);
    assert_int_equal(must(secret_reseal(s, &arena, "test", first, &text, &e), &e), 1);
    must(secret_unseal(other, &arena, "test", second, &text, &len, &e), &e);
    assert_string_equal(text, "two");
    secrets_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_sealed_comes_back),
        TEST(nothing_else_opens),
        TEST(the_key_is_made_once_and_for_its_owner),
        TEST(a_key_that_is_short_or_open_to_others_is_refused),
        TEST(the_key_before_opens_what_it_sealed),
        TEST(a_prepared_key_opens_and_seals_only_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
