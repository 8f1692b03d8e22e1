/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: paths, their names when these meet, their types, and the limits of both. */
#include "render/columns.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

static struct columns *c;
static struct err e;

static int make(void **state)
{
    (void)state;
    c = columns_new(1000, 1 << 20);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    columns_free(c);
    return 0;
}

static struct step *step(struct step *parent, const char *key)
{
    struct step *s = columns_step(c, parent, NULL, key, strlen(key));
    assert_non_null(s);
    return s;
}

/* The column of a path of up to two keys. */
static int column(const char *key, const char *below)
{
    struct step *s = step(columns_root(c), key);
    return must(columns_of_step(c, below ? step(s, below) : s, &e), &e);
}

static const char *name(int index)
{
    struct column *got = columns_get(c, index);
    assert_int_equal(strlen(got->name), got->name_len);
    return got->name;
}

static void steps_are_found_again(void **state)
{
    struct step *root = columns_root(c);
    struct step *a = step(root, "a");
    struct step *b = step(root, "b");
    (void)state;
    assert_null(root->parent);
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(step(root, "a"), a);
    assert_ptr_equal(root->first_child, a);
    assert_ptr_not_equal(step(a, "a"), a);
    assert_ptr_equal(columns_step(c, root, a, "a", 1), a);
    assert_ptr_equal(columns_step(c, root, a, "b", 1), b); /* a wrong guess does no harm */
    assert_ptr_equal(columns_step(c, root, step(a, "b"), "b", 1), b);
    assert_ptr_not_equal(columns_step(c, root, NULL, "a\0", 2), a);
    assert_int_equal(step(root, "")->key_len, 0);
}

static void many_steps_are_found_again(void **state)
{
    struct step *made[3000];
    char key[16];
    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++) {
            (void)snprintf(key, sizeof key, "k%d", i);
            struct step *s = step(columns_root(c), key);
            if (round)
                assert_ptr_equal(s, made[i]);
            made[i] = s;
        }
}

static void columns_are_in_the_order_of_first_sight(void **state)
{
    (void)state;
    assert_int_equal(column("z", NULL), 0);
    assert_int_equal(column("a", "b"), 1);
    assert_int_equal(column("b", NULL), 2);
    assert_int_equal(column("a", NULL), 3);
    assert_int_equal(column("a", "b"), 1);
    assert_int_equal(columns_count(c), 4);
    assert_int_equal(columns_get(c, 1)->depth, 2);
    columns_name(c);
    assert_string_equal(name(0), "z");
    assert_string_equal(name(1), "a.b");
    assert_string_equal(name(2), "b");
    assert_string_equal(name(3), "a");
}

/* A member of the row itself keeps its name, whichever came first. */
static void nested_names_give_way(void **state)
{
    (void)state;
    int nested = column("a", "b");
    int plain = column("a.b", NULL);
    columns_name(c);
    assert_string_equal(name(plain), "a.b");
    assert_string_equal(name(nested), "a.b_2");
    int second = column("a.b_2", NULL);
    columns_name(c); /* as often as one likes */
    columns_name(c);
    assert_string_equal(name(plain), "a.b");
    assert_string_equal(name(second), "a.b_2");
    assert_string_equal(name(nested), "a.b_3");
}

static void nested_names_count_on(void **state)
{
    struct step *a = step(columns_root(c), "a");
    (void)state;
    int first = must(columns_of_step(c, step(a, "b.c"), &e), &e);
    int second = column("a.b", "c");
    int third = must(columns_of_step(c, step(step(a, "b"), "c"), &e), &e);
    columns_name(c);
    assert_string_equal(name(first), "a.b.c");
    assert_string_equal(name(second), "a.b.c_2");
    assert_string_equal(name(third), "a.b.c_3");
}

static void odd_keys_have_names(void **state)
{
    struct step *root = columns_root(c);
    (void)state;
    int nul = must(columns_of_step(c, columns_step(c, root, NULL, "a\0b", 3), &e), &e);
    int empty = column("", NULL);
    int both = column("", "");
    int symbol = column("a\xe2\x90\x80"
                        "b",
                        NULL);
    columns_name(c);
    assert_string_equal(name(nul), "a\xe2\x90\x80"
                                   "b");
    assert_string_equal(name(symbol), "a\xe2\x90\x80"
                                      "b_2"); /* unique all the same */
    assert_string_equal(name(empty), "");
    assert_string_equal(name(both), ".");
}

static void types_follow_from_what_was_seen(void **state)
{
    static const struct {
        unsigned seen;
        bool fraction;
        const char *type;
    } rows[] = {
        {0, false, "null"},
        {1U << CELL_ABSENT | 1U << CELL_NULL, false, "null"},
        {1U << CELL_NUMBER, false, "integer"},
        {1U << CELL_NUMBER | 1U << CELL_NULL, true, "number"},
        {1U << CELL_TRUE, false, "boolean"},
        {1U << CELL_FALSE | 1U << CELL_TRUE | 1U << CELL_ABSENT, false, "boolean"},
        {1U << CELL_TEXT, false, "text"},
        {1U << CELL_NESTED, false, "text"},
        {1U << CELL_TEXT | 1U << CELL_NESTED | 1U << CELL_NULL, false, "text"},
        {1U << CELL_TEXT | 1U << CELL_NUMBER, false, "mixed"},
        {1U << CELL_TRUE | 1U << CELL_NUMBER, true, "mixed"},
        {1U << CELL_FALSE | 1U << CELL_NESTED, false, "mixed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct column one = {.seen = rows[i].seen, .fraction = rows[i].fraction};
        assert_string_equal(column_type(&one), rows[i].type);
    }
}

static void columns_are_limited(void **state)
{
    struct columns *few = columns_new(2, 1 << 20);
    struct step *root = columns_root(few);
    (void)state;
    assert_int_equal(columns_of_step(few, columns_step(few, root, NULL, "a", 1), &e), 0);
    assert_int_equal(columns_of_step(few, columns_step(few, root, NULL, "b", 1), &e), 1);
    must_fail(columns_of_step(few, columns_step(few, root, NULL, "c", 1), &e), ERR_LIMIT);
    assert_string_equal(e.detail, "more than 2 columns");
    assert_int_equal(columns_of_step(few, columns_step(few, root, NULL, "a", 1), &e), 0);
    columns_free(few);
}

static void memory_of_steps_is_limited(void **state)
{
    static char key[2000];
    struct columns *small = columns_new(1000, 100 << 10);
    int made = 0;
    (void)state;
    for (; made < 1000; made++) {
        (void)snprintf(key, sizeof key, "%1999d", made);
        if (!columns_step(small, columns_root(small), NULL, key, sizeof key - 1))
            break;
    }
    assert_in_range(made, 40, 51);
    (void)snprintf(key, sizeof key, "%1999d", 0);
    assert_non_null(columns_step(small, columns_root(small), NULL, key, sizeof key - 1));
    columns_clear(small); /* all of it is free again */
    assert_int_equal(columns_count(small), 0);
    assert_non_null(columns_step(small, columns_root(small), NULL, "a", 1));
    columns_free(small);
}

static void truncated_columns_come_again(void **state)
{
    (void)state;
    assert_int_equal(column("a", NULL), 0);
    assert_int_equal(column("b", NULL), 1);
    columns_get(c, 1)->seen = 1U << CELL_TEXT;
    columns_truncate(c, 1);
    assert_int_equal(columns_count(c), 1);
    assert_int_equal(column("c", NULL), 1);
    assert_int_equal(column("b", NULL), 2);
    assert_int_equal(columns_get(c, 2)->seen, 0);
    columns_clear(c);
    assert_int_equal(column("b", NULL), 0);
}

/* As many columns as there may be, half of them with names that meet: no work that grows with their square.
 */
static void many_names_that_meet(void **state)
{
    enum { MANY = 65536 };
    struct columns *many = columns_new(MANY, 16 << 20);
    struct step *root = columns_root(many);
    struct step *a = columns_step(many, root, NULL, "a", 1);
    char key[16];
    (void)state;
    for (int i = 0; i < MANY / 2; i++) {
        int len = snprintf(key, sizeof key, "a.%d", i);
        must(columns_of_step(many, columns_step(many, root, NULL, key, (size_t)len), &e), &e);
        must(columns_of_step(many, columns_step(many, a, NULL, key + 2, (size_t)len - 2), &e), &e);
    }
    columns_name(many);
    assert_string_equal(columns_get(many, MANY - 2)->name, "a.32767");
    assert_string_equal(columns_get(many, MANY - 1)->name, "a.32767_2");
    columns_free(many);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(steps_are_found_again),
        TEST(many_steps_are_found_again),
        TEST(columns_are_in_the_order_of_first_sight),
        TEST(nested_names_give_way),
        TEST(nested_names_count_on),
        TEST(odd_keys_have_names),
        TEST(types_follow_from_what_was_seen),
        TEST(columns_are_limited),
        TEST(memory_of_steps_is_limited),
        TEST(truncated_columns_come_again),
        TEST(many_names_that_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
