/* SPDX-License-Identifier: Apache-2.0 */
/* What src/blob/blob.h promises, for every store of the table below. */
#include "base/clock.h"
#include "base/id.h"
#include "blob/disk.h"
#include "support/temp.h"
#include "support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_disk(const char *folder, struct blob_store **ret, struct err *e)
{
    char path[TEMP_SIZE + 10];
    (void)snprintf(path, sizeof path, "%s/blobs", folder);
    return disk_open(path, ret, e);
}

static const struct {
    const char *name;
    int (*open)(const char *folder, struct blob_store **ret, struct err *e);
} stores[] = {{"disk", open_disk}};

static size_t which;
static char folder[TEMP_SIZE];
static struct blob_store *store;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    temp_make(folder);
    return stores[which].open(folder, &store, &e);
}

static int tear_down(void **state)
{
    (void)state;
    blob_store_close(store);
    blob_store_close(NULL);
    temp_remove(folder);
    return 0;
}

static unsigned char byte_at(size_t i, unsigned seed)
{
    return (unsigned char)((i * 31 + i / 251 + seed) & 0xFF);
}

static struct blob_put *write_put(size_t size, unsigned seed)
{
    unsigned char piece[1000];
    struct blob_put *p;
    must(blob_put_open(store, &p, &e), &e);
    for (size_t at = 0; at < size; at += sizeof piece) {
        size_t len = size - at < sizeof piece ? size - at : sizeof piece;
        for (size_t i = 0; i < len; i++)
            piece[i] = byte_at(at + i, seed);
        must(blob_put_write(p, piece, len, &e), &e);
    }
    return p;
}

static void put(const char *key, size_t size, unsigned seed)
{
    struct blob_put *p = write_put(size, seed);
    must(blob_put_commit(p, key, &e), &e);
    blob_put_close(p);
}

static void check(const char *key, size_t size, unsigned seed)
{
    struct blob *b;
    int64_t have;
    unsigned char *bytes = malloc(size + 1);
    must(blob_open(store, key, &b, &have, &e), &e);
    assert_int_equal(have, size);
    must(blob_read(b, 0, bytes, size, &e), &e);
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != byte_at(i, seed))
            fail_msg("byte %zu of %s is wrong", i, key);
    blob_close(b);
    free(bytes);
}

static bool exists(const char *key)
{
    struct blob *b;
    int64_t size;
    int rc = blob_open(store, key, &b, &size, &e);
    if (rc == 0)
        blob_close(b);
    else
        must_fail(rc, ERR_NOT_FOUND);
    return rc == 0;
}

struct seen {
    const char *key;
    int count, total, limit;
    struct blob_entry last;
};

static int see(void *ctx, const struct blob_entry *entry, struct err *err)
{
    struct seen *s = ctx;
    assert_true(id_valid(entry->key));
    s->total++;
    if (s->key && strcmp(s->key, entry->key) == 0) {
        s->count++;
        s->last = *entry;
    }
    return s->limit && s->total == s->limit ? err_set(err, ERR_KEPT, "enough") : 0;
}

static struct seen list(const char *key)
{
    struct seen s = {.key = key};
    for (int part = 0; part < store->ops->parts; part++)
        must(blob_list(store, part, see, &s, &e), &e);
    return s;
}

static void a_put_is_invisible_until_its_commit(void **state)
{
    char key[ID_SIZE];
    (void)state;
    id_new(key);
    struct blob_put *p = write_put(5000, 1);
    assert_false(exists(key));
    assert_int_equal(list(key).total, 0);
    must(blob_put_commit(p, key, &e), &e);
    check(key, 5000, 1);
    blob_put_close(p);
    check(key, 5000, 1);
}

static void blobs_of_all_sizes_are_complete(void **state)
{
    static const size_t sizes[] = {0, 1, 999, 1000, 4096, 65537, 9 << 20};
    char keys[7][ID_SIZE];
    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        id_new(keys[i]);
        put(keys[i], sizes[i], i);
    }
    for (unsigned i = 0; i < 7; i++)
        check(keys[i], sizes[i], i);
}

static void a_put_without_a_commit_leaves_nothing(void **state)
{
    (void)state;
    struct blob_put *p = write_put(100000, 1);
    blob_put_close(p);
    must(blob_put_open(store, &p, &e), &e);
    blob_put_close(p);
    blob_put_close(NULL);
    assert_int_equal(list(NULL).total, 0);
}

static void a_taken_key_keeps_its_bytes(void **state)
{
    char key[ID_SIZE];
    (void)state;
    id_new(key);
    put(key, 10, 1);
    struct blob_put *p = write_put(20, 2);
    assert_true(blob_put_commit(p, key, &e) < 0);
    blob_put_close(p);
    check(key, 10, 1);
}

static void reading_anywhere_and_not_beyond_the_end(void **state)
{
    char key[ID_SIZE];
    unsigned char bytes[100];
    struct blob *b;
    int64_t size;
    (void)state;
    id_new(key);
    put(key, 5000, 3);
    must(blob_open(store, key, &b, &size, &e), &e);
    must(blob_read(b, 4321, bytes, 100, &e), &e);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(bytes[i], byte_at(4321 + i, 3));
    must(blob_read(b, 4999, bytes, 1, &e), &e);
    must(blob_read(b, 5000, bytes, 0, &e), &e);
    must_fail(blob_read(b, 4901, bytes, 100, &e), ERR_STORAGE);
    must_fail(blob_read(b, 5000, bytes, 1, &e), ERR_STORAGE);
    must_fail(blob_read(b, INT64_C(1) << 40, bytes, 1, &e), ERR_STORAGE);
    blob_close(b);
    blob_close(NULL);
}

static void a_descriptor_if_the_store_says_so(void **state)
{
    char key[ID_SIZE];
    char byte;
    struct blob *b;
    int64_t size;
    (void)state;
    id_new(key);
    put(key, 10, 4);
    must(blob_open(store, key, &b, &size, &e), &e);
    if (store->ops->caps & BLOB_CAN_FD) {
        assert_true(blob_fd(b) >= 0);
        assert_int_equal(pread(blob_fd(b), &byte, 1, 9), 1);
        assert_int_equal((unsigned char)byte, byte_at(9, 4));
    } else {
        assert_int_equal(blob_fd(b), -1);
    }
    blob_close(b);
}

static void what_is_not_there_is_not_found_and_can_be_removed(void **state)
{
    char key[ID_SIZE];
    (void)state;
    id_new(key);
    assert_false(exists(key));
    must(blob_remove(store, key, &e), &e);
    put(key, 10, 5);
    must(blob_remove(store, key, &e), &e);
    assert_false(exists(key));
    must(blob_remove(store, key, &e), &e);
    put(key, 20, 6);
    check(key, 20, 6);
}

static void an_open_blob_can_be_read_after_its_removal(void **state)
{
    char key[ID_SIZE];
    unsigned char bytes[10];
    struct blob *b;
    int64_t size;
    (void)state;
    id_new(key);
    put(key, 10, 7);
    must(blob_open(store, key, &b, &size, &e), &e);
    must(blob_remove(store, key, &e), &e);
    must(blob_read(b, 0, bytes, 10, &e), &e);
    assert_int_equal(bytes[9], byte_at(9, 7));
    blob_close(b);
}

static void a_list_shows_all_of_them_once(void **state)
{
    enum { N = 600 };
    static char keys[N][ID_SIZE];
    (void)state;
    int64_t before = clock_now() - 2 * CLOCK_SECOND;
    for (int i = 0; i < N; i++) {
        id_new(keys[i]);
        struct blob_put *p = write_put((size_t)i % 3, 0);
        must(blob_put_commit(p, keys[i], &e), &e);
        blob_put_close(p);
    }
    assert_int_equal(list(NULL).total, N);
    for (int i = 0; i < N; i += 97) {
        struct seen s = list(keys[i]);
        assert_int_equal(s.count, 1);
        assert_int_equal(s.last.size, i % 3);
        assert_true(s.last.since > before && s.last.since <= clock_now());
    }
    must(blob_remove(store, keys[5], &e), &e);
    assert_int_equal(list(keys[5]).count, 0);
    assert_int_equal(list(NULL).total, N - 1);
}

static void a_callback_ends_the_list(void **state)
{
    char key[ID_SIZE];
    struct seen s = {.limit = 1};
    int rc = 0;
    (void)state;
    id_new(key);
    put(key, 1, 0);
    for (int part = 0; part < store->ops->parts && rc == 0; part++)
        rc = blob_list(store, part, see, &s, &e);
    must_fail(rc, ERR_KEPT);
    assert_int_equal(s.total, 1);
}

static void reopening_shows_what_was_there(void **state)
{
    char key[ID_SIZE];
    (void)state;
    id_new(key);
    put(key, 3000, 8);
    blob_put_close(write_put(10, 1)); /* given up */
    blob_store_close(store);
    must(stores[which].open(folder, &store, &e), &e);
    check(key, 3000, 8);
    assert_int_equal(list(NULL).total, 1);
}

static void there_is_room(void **state)
{
    int64_t room = -1;
    (void)state;
    must(blob_room(store, &room, &e), &e);
    assert_true(room > 0);
}

enum { THREADS = 4, PUTS = 25 };
static char thread_keys[THREADS][PUTS][ID_SIZE];

/* Without assertions, which are for the main thread: what went wrong shows when the blobs are checked. */
static void *put_many(void *arg)
{
    unsigned thread = (unsigned)(uintptr_t)arg;
    for (unsigned i = 0; i < PUTS; i++) {
        unsigned char bytes[3000];
        struct err mine;
        struct blob_put *p;
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = byte_at(k, thread * PUTS + i);
        id_new(thread_keys[thread][i]);
        if (blob_put_open(store, &p, &mine) < 0)
            return NULL;
        if (blob_put_write(p, bytes, 1500, &mine) == 0 && blob_put_write(p, bytes + 1500, 1500, &mine) == 0)
            (void)blob_put_commit(p, thread_keys[thread][i], &mine);
        blob_put_close(p);
    }
    return NULL;
}

static void puts_at_once_do_not_mix(void **state)
{
    pthread_t threads[THREADS];
    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned t = 0; t < THREADS; t++)
        for (unsigned i = 0; i < PUTS; i++)
            check(thread_keys[t][i], 3000, t * PUTS + i);
    assert_int_equal(list(NULL).total, THREADS * PUTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_put_is_invisible_until_its_commit),
        TEST(blobs_of_all_sizes_are_complete),
        TEST(a_put_without_a_commit_leaves_nothing),
        TEST(a_taken_key_keeps_its_bytes),
        TEST(reading_anywhere_and_not_beyond_the_end),
        TEST(a_descriptor_if_the_store_says_so),
        TEST(what_is_not_there_is_not_found_and_can_be_removed),
        TEST(an_open_blob_can_be_read_after_its_removal),
        TEST(a_list_shows_all_of_them_once),
        TEST(a_callback_ends_the_list),
        TEST(reopening_shows_what_was_there),
        TEST(there_is_room),
        TEST(puts_at_once_do_not_mix),
    };
    int failed = 0;
    for (which = 0; which < sizeof stores / sizeof stores[0]; which++)
        failed += cmocka_run_group_tests_name(stores[which].name, tests, NULL, NULL);
    return failed;
}
