/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas and buffers: pieces are zeroed, aligned, separate and of any size; buffers grow and stay
 * NUL-terminated. */
#include "base/buf.h"
#include "support/test.h"

#include <stdalign.h>
#include <string.h>

static void arena_pieces_are_zeroed_aligned_and_apart(void **state)
{
    struct arena a = {0};
    unsigned char *pieces[200];
    (void)state;
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = arena_alloc(&a, i * 7);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; k < i * 7; k++)
            assert_int_equal(pieces[i][k], i);
    arena_free(&a);
    assert_null(a.blocks);
}

static void arena_is_usable_after_it_was_freed_and_takes_large_pieces(void **state)
{
    struct arena a = {0};
    (void)state;
    char *large = arena_alloc(&a, 5 << 20);
    large[(5 << 20) - 1] = 'x';
    arena_free(&a);
    assert_string_equal(arena_strdup(&a, "again"), "again");
    arena_free(&a);
    arena_free(&a);
}

static void arena_copies_end_with_a_nul(void **state)
{
    struct arena a = {0};
    (void)state;
    assert_memory_equal(arena_copy(&a, "a\0bc", 4), "a\0bc\0", 5);
    assert_string_equal(arena_copy(&a, NULL, 0), "");
    char long_text[20000];
    memset(long_text, 'y', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_string_equal(arena_printf(&a, "%s", long_text), long_text);
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    for (int len = 500; len < 520; len++) /* around what fits at once */
        assert_int_equal(strlen(arena_printf(&a, "%*d", len, 7)), len);
    arena_free(&a);
}

static void buffer_grows_and_keeps_what_it_holds(void **state)
{
    struct arena a = {0};
    struct buf b = {.arena = &a};
    (void)state;
    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 5000; i++)
        buf_printf(&b, "%04d", i);
    assert_int_equal(b.len, 20000);
    assert_int_equal(b.bytes[b.len], 0);
    assert_memory_equal(b.bytes + 4 * 1234, "1234", 4);
    assert_memory_equal(b.bytes + 4 * 4999, "4999", 5);
    for (size_t len = 1, before = b.len; len < 5000;
         len = len * 3 + 1, before = b.len) { /* with room and without */
        buf_printf(&b, "%*d", (int)len, 7);
        assert_int_equal(b.len, before + len);
        assert_int_equal(b.bytes[b.len - 1], '7');
        assert_int_equal(b.bytes[b.len], 0);
    }
    arena_free(&a);
}

static void reserved_room_does_not_move(void **state)
{
    struct arena a = {0};
    struct buf b = {.arena = &a};
    (void)state;
    for (size_t size = 1; size < 5000; size += 511) {
        buf_reserve(&b, size);
        const char *at = b.bytes;
        for (size_t i = 0; i < size; i++)
            buf_putc(&b, 'z');
        assert_ptr_equal(b.bytes, at);
        assert_int_equal(b.bytes[b.len], 0);
    }
    buf_add(&b, "", 0);
    buf_puts(&b, "end");
    assert_string_equal(b.bytes + b.len - 3, "end");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(arena_is_usable_after_it_was_freed_and_takes_large_pieces),
        cmocka_unit_test(arena_copies_end_with_a_nul),
        cmocka_unit_test(buffer_grows_and_keeps_what_it_holds),
        cmocka_unit_test(reserved_room_does_not_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
