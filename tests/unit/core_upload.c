/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: small ones in memory, large ones in blobs, given up at any point, paused and woken. */
#include "base/pool.h"
#include "support/world.h"

#include <string.h>

static struct world w;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static int count_blob(void *ctx, const struct blob_entry *entry, struct err *err)
{
    (void)entry;
    (void)err;
    ++*(int *)ctx;
    return 0;
}

static int blobs(void)
{
    int n = 0;
    for (int i = 0; i < w.core.blobs->ops->parts; i++)
        must(blob_list(w.core.blobs, i, "", count_blob, &n, &e), &e);
    return n;
}

/* All that uploads have left to the workers is done. */
static void settle(void)
{
    pool_free(w.core.workers);
    w.core.workers = pool_new(2, "worker");
}

static void check_digests(const struct upload_result *done, const void *bytes, size_t size)
{
    struct digest_values v;
    struct digest *d = digest_new();
    digest_update(d, bytes, size);
    digest_finish(d, &v);
    digest_free(d);
    assert_int_equal(done->size, size);
    assert_string_equal(done->digests.md5, v.md5);
    assert_string_equal(done->digests.sha256, v.sha256);
    assert_int_equal(done->digests.crc32, v.crc32);
}

static void sizes_around_the_inline_limit(void **state)
{
    static const size_t sizes[] = {0, 1, 32767, 32768, 32769, 65536, 200001};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const unsigned char *bytes = world_bytes(&w, sizes[i], (unsigned)i);
        const struct upload_result *done;
        struct upload *u;
        must(world_upload(&w, bytes, sizes[i], &u, &done, &e), &e);
        check_digests(done, bytes, sizes[i]);
        assert_int_equal(done->is_inline, sizes[i] <= 32768);
        if (done->is_inline) {
            assert_memory_equal(done->bytes, bytes, sizes[i]);
        } else {
            unsigned char *back = arena_alloc(&w.arena, sizes[i]);
            struct blob *b;
            int64_t size;
            must(blob_open(w.core.blobs, done->id, &b, &size, &e), &e);
            assert_int_equal(size, sizes[i]);
            must(blob_read(b, 0, back, sizes[i], &e), &e);
            assert_memory_equal(back, bytes, sizes[i]);
            blob_close(b);
        }
        upload_free(u);
    }
    settle();
    assert_int_equal(blobs(), 0);
    assert_int_equal(atomic_load(&w.core.upload_bytes), 0);
}

/* A body of unknown length starts in memory and moves to a blob once it is too large, whatever the pieces. */
static void unknown_lengths_in_odd_pieces(void **state)
{
    const unsigned char *bytes = world_bytes(&w, 100000, 7);
    (void)state;
    for (size_t step = 1000; step < 60000; step += 13007) {
        struct temp_signal wake = TEMP_SIGNAL;
        const struct upload_result *done;
        struct upload *u = upload_new(&w.core, -1, NULL, NULL, temp_signal, &wake);
        for (size_t at = 0; at < 100000; at += step)
            assert_true(upload_feed(u, bytes + at, 100000 - at < step ? 100000 - at : step, &e) >= 0);
        assert_false(upload_end(u));
        temp_signal_wait(&wake, 1);
        must(upload_finished(u, &done, &e), &e);
        assert_false(done->is_inline);
        check_digests(done, bytes, 100000);
        upload_settle(u, true, 0);
        upload_free(u);
        settle();
    }
    assert_int_equal(blobs(), 5);
}

/* Bytes stay with the row that owns them, and where nobody knows whether there is one. */
static void what_became_of_the_row_says_what_becomes_of_the_bytes(void **state)
{
    static const struct {
        int rc;
        bool is_owned, stays;
    } all[] = {
        {0, true, true},
        {0, false, false},
        {ERR_DB, true, true},
        {ERR_DB_UNCERTAIN, true, true},
        {ERR_DB_BUSY, true, false},
        {ERR_DB_CONFLICT, true, false},
        {ERR_DB_CONSTRAINT, true, false},
        {ERR_BUSY, true, false},
        {ERR_SHUTTING_DOWN, true, false},
        {ERR_READ_ONLY, true, false},
        {ERR_STORAGE, true, false},
        {ERR_STORAGE_FULL, true, false},
        {ERR_INTERNAL, true, false},
        {ERR_TAKEN, true, false},
    };
    const unsigned char *bytes = world_bytes(&w, 100000, 11);
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const struct upload_result *done;
        struct upload *u;
        int before = blobs();
        must(world_upload(&w, bytes, 100000, &u, &done, &e), &e);
        upload_settle(u, all[i].is_owned, all[i].rc);
        upload_free(u);
        settle();
        if (blobs() - before != all[i].stays)
            fail_msg("after %s the bytes should%s stay", all[i].rc ? err_public(all[i].rc) : "success",
                     all[i].stays ? "" : " not");
    }
}

static void given_up_at_any_point_nothing_remains(void **state)
{
    const unsigned char *bytes = world_bytes(&w, 400000, 8);
    (void)state;
    for (int pieces = 0; pieces <= 10; pieces++) {
        struct temp_signal wake = TEMP_SIGNAL;
        struct upload *u = upload_new(&w.core, 400000, NULL, NULL, temp_signal, &wake);
        for (int i = 0; i < pieces; i++)
            assert_true(upload_feed(u, bytes + i * 40000, 40000, &e) >= 0);
        upload_free(u);
    }
    upload_free(NULL);
    settle();
    assert_int_equal(blobs(), 0);
    assert_int_equal(atomic_load(&w.core.upload_bytes), 0);
}

struct blocker {
    struct pool_task task;
    struct temp_signal entered, gate;
};

static void block(struct pool_task *task)
{
    struct blocker *b = (struct blocker *)task;
    temp_signal(&b->entered);
    temp_signal_wait(&b->gate, 1);
}

static void an_upload_that_is_ahead_pauses_and_is_woken(void **state)
{
    struct blocker blockers[2];
    struct temp_signal wake = TEMP_SIGNAL;
    const unsigned char *bytes = world_bytes(&w, 3 << 20, 9);
    const struct upload_result *done;
    struct upload *u = upload_new(&w.core, 3 << 20, NULL, NULL, temp_signal, &wake);
    (void)state;
    for (int i = 0; i < 2; i++) { /* all workers are busy elsewhere */
        blockers[i] = (struct blocker){{.run = block}, TEMP_SIGNAL, TEMP_SIGNAL};
        pool_add(w.core.workers, &blockers[i].task);
    }
    temp_signal_wait(&blockers[0].entered, 1);
    temp_signal_wait(&blockers[1].entered, 1);
    assert_int_equal(must(upload_feed(u, bytes, 1 << 20, &e), &e), 0);
    assert_int_equal(must(upload_feed(u, bytes + (1 << 20), 1 << 20, &e), &e), 1);
    assert_true(upload_pause(u));
    assert_int_equal(atomic_load(&w.core.upload_bytes), 2 << 20);
    assert_int_equal(temp_signal_count(&wake), 0);
    temp_signal(&blockers[0].gate);
    temp_signal(&blockers[1].gate);
    temp_signal_wait(&wake, 1);
    must(upload_feed(u, bytes + (2 << 20), 1 << 20, &e), &e);
    assert_false(upload_end(u));
    temp_signal_wait(&wake, 2);
    must(upload_finished(u, &done, &e), &e);
    check_digests(done, bytes, 3 << 20);
    upload_free(u);
    settle(); /* before `wake` goes */
    assert_int_equal(temp_signal_count(&wake), 2);
}

static void what_is_too_large_is_told_early(void **state)
{
    struct temp_signal wake = TEMP_SIGNAL;
    const unsigned char *bytes = world_bytes(&w, 60000, 10);
    struct upload *u = upload_new(&w.core, -1, NULL, NULL, temp_signal, &wake);
    (void)state;
    w.settings.max_result_size = 100000;
    assert_true(upload_feed(u, bytes, 60000, &e) >= 0);
    must_fail(upload_feed(u, bytes, 60000, &e), ERR_TOO_LARGE);
    upload_free(u);
    settle();
    assert_int_equal(blobs(), 0);
}

static void many_at_once_do_not_mix(void **state)
{
    enum { N = 12, SIZE = 150000 };
    struct upload *u[N];
    struct temp_signal wake = TEMP_SIGNAL;
    (void)state;
    for (int i = 0; i < N; i++)
        u[i] = upload_new(&w.core, SIZE, NULL, NULL, temp_signal, &wake);
    for (size_t at = 0; at < SIZE; at += 30000)
        for (int i = 0; i < N; i++)
            assert_true(upload_feed(u[i], world_bytes(&w, SIZE, (unsigned)i) + at, 30000, &e) >= 0);
    for (int i = 0; i < N; i++)
        assert_false(upload_end(u[i]));
    temp_signal_wait(&wake, N);
    for (int i = 0; i < N; i++) {
        const struct upload_result *done;
        must(upload_finished(u[i], &done, &e), &e);
        check_digests(done, world_bytes(&w, SIZE, (unsigned)i), SIZE);
        upload_free(u[i]);
    }
    settle();
    assert_int_equal(blobs(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sizes_around_the_inline_limit),
        TEST(unknown_lengths_in_odd_pieces),
        TEST(what_became_of_the_row_says_what_becomes_of_the_bytes),
        TEST(given_up_at_any_point_nothing_remains),
        TEST(an_upload_that_is_ahead_pauses_and_is_woken),
        TEST(what_is_too_large_is_told_early),
        TEST(many_at_once_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
