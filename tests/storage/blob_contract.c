/* SPDX-License-Identifier: Apache-2.0 */
/* What src/blob/blob.h promises, for every store of the table below. */
#include "base/clock.h"
#include "base/id.h"
#include "blob/disk.h"
#include "blob/s3.h"
#include "net/outgoing.h"
#include "support/temp.h"
#include "support/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_disk(const char *folder, struct blob_store **ret, struct err *e)
{
    char path[TEMP_SIZE + 10];
    (void)snprintf(path, sizeof path, "%s/blobs", folder);
    return disk_open(path, ret, e);
}

/* As a file system over a network has it: no file without a name. */
static bool all_are_named;

int openat(int dir, const char *name, int flags, ...)
{
    mode_t mode = 0;
    va_list more;
    va_start(more, flags);
    if (flags & (O_CREAT | O_TMPFILE))
        mode = va_arg(more, mode_t);
    va_end(more);
    if (all_are_named && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_openat, dir, name, flags, mode);
}

static int open_named(const char *folder, struct blob_store **ret, struct err *e)
{
    all_are_named = true;
    int rc = open_disk(folder, ret, e);
    all_are_named = false;
    return rc;
}

/* A prefix of its own in the bucket that RESULTD_TEST_S3 names, like s3://bucket?endpoint=http://host:port.
 */
static int open_s3(const char *folder, struct blob_store **ret, struct err *e)
{
    char url[1000];
    char scratch[TEMP_SIZE + 10];
    const char *bucket = getenv("RESULTD_TEST_S3");
    size_t len = strcspn(bucket, "?");
    (void)snprintf(url, sizeof url, "%.*s%s%s", (int)len, bucket, strrchr(folder, '/'), bucket + len);
    (void)snprintf(scratch, sizeof scratch, "%s/scratch", folder);
    struct s3_options o = {.url = url,
                           .credentials = "",
                           .scratch = scratch,
                           .threads = 2,
                           .connections = 32,
                           .tries = 6,
                           .patience = 20,
                           .silence = 10,
                           .memory = 4 << 20};
    return s3_open(&o, ret, e);
}

static const struct {
    const char *name;
    int (*open)(const char *folder, struct blob_store **ret, struct err *e);
    const char *needs; /* the variable that names the service */
} stores[] = {
    {"disk", open_disk, NULL}, {"disk of named files", open_named, NULL}, {"s3", open_s3, "RESULTD_TEST_S3"}};

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

static struct blob_put *write_put(const char *key, size_t size, unsigned seed)
{
    unsigned char piece[1000];
    struct blob_put *p;
    must(blob_put_open(store, key, true, &p, &e), &e);
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
    struct blob_put *p = write_put(key, size, seed);
    must(blob_put_commit(p, &e), &e);
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
        must(blob_list(store, part, "", see, &s, &e), &e);
    return s;
}

static void a_put_is_invisible_until_its_commit(void **state)
{
    char key[ID_SIZE];
    (void)state;
    id_new(key);
    struct blob_put *p = write_put(key, 5000, 1);
    assert_false(exists(key));
    assert_int_equal(list(key).total, 0);
    must(blob_put_commit(p, &e), &e);
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
    char key[ID_SIZE];
    (void)state;
    id_new(key);
    struct blob_put *p = write_put(key, 100000, 1);
    blob_put_close(p);
    must(blob_put_open(store, key, false, &p, &e), &e);
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
    struct blob_put *p = write_put(key, 20, 2);
    assert_true(blob_put_commit(p, &e) < 0);
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
    if (store->caps & BLOB_CAN_FD) {
        assert_true(blob_fd(b) >= 0);
        assert_int_equal(pread(blob_fd(b), &byte, 1, 9), 1);
        assert_int_equal((unsigned char)byte, byte_at(9, 4));
    } else {
        assert_int_equal(blob_fd(b), -1);
    }
    blob_close(b);
}

static void many_are_removed_at_once(void **state)
{
    enum { MANY = 1203, THERE = 7 };
    static char keys[MANY][ID_SIZE];
    const char *all[MANY];
    bool gone[MANY] = {false};
    char stays[ID_SIZE];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        id_new(keys[i]);
        all[i] = keys[i];
    }
    for (int i = 0; i < THERE; i++)
        put(keys[i * (MANY - 1) / (THERE - 1)], 10, (unsigned)i);
    id_new(stays);
    put(stays, 20, 6);
    must(blob_remove_many(store, all, MANY, gone, &e), &e);
    for (int i = 0; i < MANY; i++)
        assert_true(gone[i]);
    for (int i = 0; i < THERE; i++)
        assert_false(exists(keys[i * (MANY - 1) / (THERE - 1)]));
    check(stays, 20, 6);
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
    int rc = blob_read(b, 0, bytes, 10, &e);
    if (rc < 0 && !(store->caps & BLOB_KEEPS_OPEN))
        must_fail(rc, ERR_NOT_FOUND);
    else
        must(rc, &e);
    if (rc == 0)
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
        struct blob_put *p = write_put(keys[i], (size_t)i % 3, 0);
        must(blob_put_commit(p, &e), &e);
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
        rc = blob_list(store, part, "", see, &s, &e);
    must_fail(rc, ERR_KEPT);
    assert_int_equal(s.total, 1);
}

struct walk {
    char keys[50][ID_SIZE];
    int count, most;
};

static int walk_one(void *ctx, const struct blob_entry *entry, struct err *err)
{
    struct walk *l = ctx;
    (void)err;
    memcpy(l->keys[l->count++], entry->key, ID_SIZE);
    return l->count % l->most == 0 ? 7 : 0;
}

/* 50 of one part, in an order of their own. */
static void a_list_goes_on_behind_a_key(void **state)
{
    static const int steps[] = {1, 3, 49, 50};
    struct walk l;
    char key[ID_SIZE];
    (void)state;
    id_new(key);
    int part = (int)strtol((char[]){key[24], key[25], 0}, NULL, 16);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(key + 33, 4, "%03x", i * 29 % 50);
        put(key, 1, 0);
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int rc = 7;
        l = (struct walk){.most = steps[i]};
        while (rc == 7)
            rc = blob_list(store, part, l.count ? l.keys[l.count - 1] : "", walk_one, &l, &e);
        must(rc, &e);
        assert_int_equal(l.count, 50);
        for (int k = 0; k < 49; k++)
            assert_true(strcmp(l.keys[k], l.keys[k + 1]) < 0);
    }
}

static int count_in_order(void *ctx, const struct blob_entry *entry, struct err *err)
{
    struct walk *l = ctx;
    (void)err;
    assert_true(strcmp(l->keys[0], entry->key) < 0);
    memcpy(l->keys[0], entry->key, ID_SIZE);
    l->count++;
    return 0;
}

/* More than are kept in memory at once. Of files only: a bucket would take minutes to fill. */
static void a_list_of_very_many(void **state)
{
    enum { MANY = 135000 };
    char path[TEMP_SIZE + 100];
    struct walk l = {.count = 0};
    (void)state;
    if (stores[which].open != open_disk)
        return;
    (void)snprintf(path, sizeof path, "%s/blobs/ab", folder);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(path, sizeof path, "01890000-0000-7000-8000-abab%08x", (unsigned)i * 2654435761U);
        int fd = openat(dir, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
    }
    assert_int_equal(close(dir), 0);
    must(blob_list(store, 0xab, "", count_in_order, &l, &e), &e);
    assert_int_equal(l.count, MANY);
}

static void reopening_shows_what_was_there(void **state)
{
    char key[ID_SIZE];
    char other[ID_SIZE];
    (void)state;
    id_new(key);
    id_new(other);
    put(key, 3000, 8);
    blob_put_close(write_put(other, 10, 1)); /* given up */
    blob_store_close(store);
    must(stores[which].open(folder, &store, &e), &e);
    check(key, 3000, 8);
    assert_int_equal(list(NULL).total, 1);
}

static void wake(void *ctx)
{
    temp_signal(ctx);
}

/* As an event loop reads: what is at hand, and sleeping for more. */
static void read_in_pieces(struct blob *b, int64_t first, int64_t end, unsigned seed)
{
    unsigned char bytes[10000];
    struct temp_signal woken = TEMP_SIGNAL;
    int expected = 0;
    for (int64_t at = first; at < end;) {
        size_t n = 0;
        int64_t left = end - at;
        size_t max = left < (int64_t)sizeof bytes ? (size_t)left : sizeof bytes;
        int rc = blob_read_some(b, at, bytes, max, &n, &e);
        assert_true(rc == BLOB_LATER || rc == must(rc, &e));
        if (rc == BLOB_LATER && blob_wait(b, wake, &woken))
            temp_signal_wait(&woken, ++expected);
        assert_true(rc == BLOB_LATER ? n == 0 : n > 0 && n <= max);
        for (size_t i = 0; i < n; i++)
            if (bytes[i] != byte_at((size_t)at + i, seed))
                fail_msg("byte %lld is wrong", (long long)at + (long long)i);
        at += (int64_t)n;
    }
}

static void reading_in_pieces_without_waiting(void **state)
{
    enum { SIZE = 3000000 };
    char key[ID_SIZE];
    struct blob *b;
    (void)state;
    id_new(key);
    put(key, SIZE, 9);
    must(blob_expect(store, key, SIZE, &b, &e), &e);
    read_in_pieces(b, 0, SIZE, 9);
    blob_window(b, 1000, 2000);
    read_in_pieces(b, 1000, 2000, 9);
    read_in_pieces(b, 2500, SIZE - 5, 9); /* beyond the window */
    blob_window(b, 700000, 2900000);
    read_in_pieces(b, 700000, 2900000, 9);
    blob_close(b);
    must(blob_expect(store, key, SIZE, &b, &e), &e);
    read_in_pieces(b, 10, 20, 9); /* and closed while more comes */
    blob_close(b);
}

static void what_is_expected_and_not_there_is_not_found(void **state)
{
    char key[ID_SIZE];
    char byte;
    struct blob *b = NULL;
    (void)state;
    id_new(key);
    for (int i = 0; i < 2; i++) {
        int rc = blob_expect(store, key, 11, &b, &e);
        if (rc == 0) {
            rc = blob_read(b, 0, &byte, 1, &e);
            blob_close(b);
        }
        must_fail(rc, ERR_NOT_FOUND);
        if (i == 0)
            put(key, 10, 1); /* of another size */
    }
}

static void what_is_written_can_be_read_back(void **state)
{
    unsigned char bytes[1000];
    char key[ID_SIZE];
    (void)state;
    id_new(key);
    const char *const keys[] = {NULL, key};
    for (int i = 0; i < 2; i++) {
        struct blob_put *p = write_put(keys[i], 20000000, 3);
        for (size_t at = 0; at < 20000000; at += 9999000) {
            must(blob_put_read(p, (int64_t)at, bytes, sizeof bytes, &e), &e);
            assert_int_equal(bytes[7], byte_at(at + 7, 3));
        }
        if (keys[i])
            must(blob_put_commit(p, &e), &e);
        must(blob_put_read(p, 19999999, bytes, 1, &e), &e);
        assert_int_equal(bytes[0], byte_at(19999999, 3));
        blob_put_close(p);
    }
    check(key, 20000000, 3);
    assert_int_equal(list(NULL).total, 1);
}

static void puts_that_were_left_are_tidied_up(void **state)
{
    char key[ID_SIZE];
    int64_t count = -1;
    (void)state;
    id_new(key);
    struct blob_put *p = write_put(key, 17 << 20, 4);
    must(blob_tidy(store, clock_now() + CLOCK_SECOND, &count, &e), &e);
    assert_int_equal(count, 0); /* this one is not left */
    must(blob_put_commit(p, &e), &e);
    blob_put_close(p);
    check(key, 17 << 20, 4);
}

static int count_files(const char *in)
{
    char path[TEMP_SIZE + 20];
    int count = 0;
    (void)snprintf(path, sizeof path, "%s/blobs/%s", folder, in);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        (void)closedir(dir);
    return count;
}

/* Two processes have one folder, whose files have names from the beginning. */
static void what_another_writes_is_left_alone(void **state)
{
    struct blob_store *mine = store;
    char key[ID_SIZE];
    int64_t count = 0;
    (void)state;
    if (stores[which].open != open_named)
        return;
    id_new(key);
    struct blob_put *p = write_put(key, 3000, 4);
    must(open_named(folder, &store, &e), &e);
    assert_int_equal(count_files("tmp"), 1);
    must(blob_tidy(store, clock_now() - 60 * CLOCK_SECOND, &count, &e), &e);
    assert_int_equal(count, 0);
    must(blob_put_commit(p, &e), &e);
    blob_put_close(p);
    check(key, 3000, 4);
    assert_int_equal(count_files("tmp"), 0);
    p = write_put(NULL, 3000, 4); /* of the second, as if it died */
    blob_store_close(mine);
    must(open_named(folder, &mine, &e), &e);
    must(blob_tidy(mine, clock_now() + 60 * CLOCK_SECOND, &count, &e), &e);
    assert_int_equal(count, 1);
    assert_int_equal(count_files("tmp"), 0);
    blob_put_close(p);
    blob_store_close(mine);
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
        if (blob_put_open(store, thread_keys[thread][i], false, &p, &mine) < 0)
            return NULL;
        if (blob_put_write(p, bytes, 1500, &mine) == 0 && blob_put_write(p, bytes + 1500, 1500, &mine) == 0)
            (void)blob_put_commit(p, &mine);
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

static struct blob_mark new_mark(void)
{
    struct blob_mark mark;
    id_new(mark.owner);
    id_new(mark.store);
    return mark;
}

static void assert_mark(const struct blob_mark *mark)
{
    struct blob_mark found;
    assert_int_equal(must(blob_owner(store, &found, &e), &e), 1);
    assert_string_equal(found.owner, mark->owner);
    assert_string_equal(found.store, mark->store);
}

static void it_says_whose_it_is_in_no_list(void **state)
{
    struct blob_mark found = {.owner = ""};
    struct blob_mark one = new_mark();
    struct blob_mark two = new_mark();
    int64_t ignored;
    (void)state;
    assert_int_equal(must(blob_owner(store, &found, &e), &e), 0);
    assert_string_equal(found.owner, "");
    must(blob_own(store, &one, false, &e), &e);
    assert_mark(&one);
    must(blob_own(store, &two, false, &e), &e);
    assert_mark(&one);
    must(blob_own(store, &two, true, &e), &e);
    assert_mark(&two);
    assert_int_equal(list(NULL).total, 0);
    if (store->ops->tidy)
        must(blob_tidy(store, clock_now() + CLOCK_SECOND, &ignored, &e), &e);
    blob_store_close(store);
    must(stores[which].open(folder, &store, &e), &e);
    assert_mark(&two);
}

static void a_mark_is_as_it_was_made_or_none(void **state)
{
    struct blob_mark found = {.owner = ""};
    struct blob_mark mark = new_mark();
    char text[BLOB_MARK_SIZE];
    (void)state;
    blob_mark_format(&mark, text);
    assert_int_equal(strlen(text), sizeof text - 1);
    for (size_t at = 0; at < sizeof text - 1; at++) {
        char other[BLOB_MARK_SIZE];
        memcpy(other, text, sizeof other);
        other[at] = 'x';
        assert_false(blob_mark_parse(other, sizeof other - 1, &found));
        assert_false(blob_mark_parse(text, at, &found));
    }
    assert_string_equal(found.owner, "");
    assert_true(blob_mark_parse(text, sizeof text - 1, &found));
    assert_string_equal(found.store, mark.store);
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
        TEST(many_are_removed_at_once),
        TEST(an_open_blob_can_be_read_after_its_removal),
        TEST(a_list_shows_all_of_them_once),
        TEST(a_callback_ends_the_list),
        TEST(a_list_goes_on_behind_a_key),
        TEST(a_list_of_very_many),
        TEST(reopening_shows_what_was_there),
        TEST(reading_in_pieces_without_waiting),
        TEST(what_is_expected_and_not_there_is_not_found),
        TEST(what_is_written_can_be_read_back),
        TEST(puts_that_were_left_are_tidied_up),
        TEST(what_another_writes_is_left_alone),
        TEST(there_is_room),
        TEST(it_says_whose_it_is_in_no_list),
        TEST(a_mark_is_as_it_was_made_or_none),
        TEST(puts_at_once_do_not_mix),
    };
    int failed = 0;
    must(outgoing_start(&e), &e);
    for (which = 0; which < sizeof stores / sizeof stores[0]; which++)
        if (!stores[which].needs || getenv(stores[which].needs))
            failed += cmocka_run_group_tests_name(stores[which].name, tests, NULL, NULL);
        else
            print_message("%s: left out, as %s is not set\n", stores[which].name, stores[which].needs);
    outgoing_end();
    return failed;
}
