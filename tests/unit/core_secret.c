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
    must(secrets_open(path, &s, &e), &e);
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
    must(secrets_open(path, &again, &e), &e);
    must(secret_unseal(again, &arena, "test", sealed, &text, &len, &e), &e);
    secrets_close(again);
    assert_int_equal(unlink(path), 0);
    must(secrets_open(path, &again, &e), &e);
    must_fail(secret_unseal(again, &arena, "test", sealed, &text, &len, &e), ERR_INTERNAL);
    secrets_close(again);
}

static void a_key_that_is_short_or_open_to_others_is_refused(void **state)
{
    struct secrets *again;
    (void)state;
    assert_int_equal(chmod(path, 0640), 0);
    must_fail(secrets_open(path, &again, &e), ERR_STORAGE);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 31), 0);
    must_fail(secrets_open(path, &again, &e), ERR_STORAGE);
    must_fail(secrets_open("/nowhere/at/all", &again, &e), ERR_STORAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_sealed_comes_back),
        TEST(nothing_else_opens),
        TEST(the_key_is_made_once_and_for_its_owner),
        TEST(a_key_that_is_short_or_open_to_others_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
