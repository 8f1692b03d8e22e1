/* SPDX-License-Identifier: Apache-2.0 */
/* src/cli/part.h: which files are parts of a result, and what a user has beside them. */
#include "cli/part.h"
#include "support/temp.h"
#include "support/test.h"

#include <unistd.h>

static struct arena a;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static void parts_of_another_result_are_left_alone(void **state)
{
    char folder[TEMP_SIZE];
    (void)state;
    temp_make(folder);
    const char *final = arena_printf(&a, "%s/report.csv", folder);
    const char *ours = part_path(&a, final, "7b3e", "\"one\"");
    const char *other = part_path(&a, final, "7b3e-csv", "\"one\"");
    const char *own = arena_printf(&a, "%s/.resultctl-7b3e-notes.of.mine.txt", folder);
    assert_false(part_any(&a, final, "7b3e"));
    temp_write(other, "x", 1);
    temp_write(own, "x", 1);
    assert_false(part_any(&a, final, "7b3e"));
    temp_write(ours, "x", 1);
    assert_true(part_any(&a, final, "7b3e"));
    part_forget(&a, final, "7b3e");
    assert_int_equal(access(ours, F_OK), -1);
    assert_int_equal(access(other, F_OK), 0);
    assert_int_equal(access(own, F_OK), 0);
    temp_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_another_result_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
