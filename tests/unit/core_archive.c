/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives over a real database and real files: the plan is the same whoever makes it, reading starts
 * anywhere, and whatever fails while one is made or read is an error and leaks nothing.
 * tests/api/test_archive.py says what is in them.
 */
#include "core/archive.h"

#include "support/world.h"

#include <stdio.h>
#include <string.h>

static struct world w;
static struct err e;
static const char *job;
static struct archive archive;

/* As the executor does it. */
static int run_reader(void *of, db_body_fn *body, void *ctx, struct err *err)
{
    return db_tx(((struct world *)of)->db, DB_READ, body, ctx, err);
}

static int make_archive(void)
{
    struct session s;
    world_session(&w, w.db, &s);
    archive.bytes = NULL;
    return archive_of_job(&s, job, &archive, &e);
}

static int set_up(void **state)
{
    char name[16];
    (void)state;
    world_open(&w);
    w.core.reader.run = run_reader;
    w.core.reader.of = &w;
    job = world_job(&w);
    for (int i = 0; i < 12; i++) {
        (void)snprintf(name, sizeof name, "name %d", i);
        (void)world_publish(&w, job, name, i % 3 == 0 ? 90000 + (size_t)i : (size_t)i * 100, false);
    }
    archive.bytes = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    archive_free(archive.bytes);
    world_close(&w);
    return 0;
}

static char *read_whole(void)
{
    char *whole = arena_alloc(&w.arena, (size_t)archive.size);
    must(archive_read(archive.bytes, 0, whole, (size_t)archive.size, &e), &e);
    return whole;
}

static void it_is_the_same_each_time(void **state)
{
    (void)state;
    must(make_archive(), &e);
    const char *whole = read_whole();
    struct archive first = archive;
    must(make_archive(), &e);
    assert_int_equal(archive.size, first.size);
    assert_string_equal(archive.etag, first.etag);
    assert_memory_equal(read_whole(), whole, (size_t)first.size);
    archive_free(first.bytes);
}

static void it_can_be_read_backwards(void **state)
{
    char part[5000];
    (void)state;
    must(make_archive(), &e);
    const char *whole = read_whole();
    for (int64_t at = archive.size - 5000; at >= 0; at -= 4999) {
        must(archive_read(archive.bytes, at, part, sizeof part, &e), &e);
        assert_memory_equal(part, whole + at, sizeof part);
    }
}

/* Each call of the database that making one takes, failing in its turn. */
static void what_fails_while_it_is_made_is_an_error(void **state)
{
    int failures = 0;
    (void)state;
    for (int n = 1;; n++) {
        failing_arm(&w.fault, FAIL_DB, n, true, ERR_DB);
        int rc = make_archive();
        if (failing_disarm(&w.fault) == 0)
            break;
        assert_true(rc < 0);
        assert_null(archive.bytes);
        failures++;
    }
    assert_true(failures > 12); /* at least one for each row */
    assert_non_null(archive.bytes);
}

static void what_fails_while_it_is_read_is_an_error(void **state)
{
    int failures = 0;
    (void)state;
    must(make_archive(), &e);
    char *whole = arena_alloc(&w.arena, (size_t)archive.size);
    for (int n = 1;; n++) {
        failing_arm(&w.fault, FAIL_DB_QUERY | FAIL_DB_STEP | FAIL_BLOB_OPEN | FAIL_BLOB_READ, n, true,
                    ERR_DB);
        int rc = archive_read(archive.bytes, 0, whole, (size_t)archive.size, &e);
        if (failing_disarm(&w.fault) == 0)
            break;
        assert_true(rc < 0);
        failures++;
    }
    assert_true(failures >= 12 + 4);
    must(archive_read(archive.bytes, 0, whole, (size_t)archive.size, &e), &e);
}

static void what_is_gone_cannot_be_read(void **state)
{
    (void)state;
    char *whole = arena_alloc(&w.arena, 500000);
    static const char *const changes[] = {
        "DELETE FROM result_bytes WHERE result = (SELECT pk FROM result WHERE name = 'name 1')",
        "UPDATE result_bytes SET bytes = zeroblob(1) WHERE result = (SELECT pk FROM result WHERE name = 'name 2')",
    };
    must(make_archive(), &e);
    for (int i = 1; i >= 0; i--) {
        world_sql(&w, changes[i]);
        must_fail(archive_read(archive.bytes, 0, whole, (size_t)archive.size, &e), ERR_STORAGE);
        assert_non_null(strstr(e.log, "not in the database"));
    }
    struct job *j = world_get_job(&w, job);
    must(blob_remove(w.core.blobs, j->results->id, &e), &e);
    must_fail(archive_read(archive.bytes, 0, whole, (size_t)archive.size, &e), ERR_STORAGE);
    assert_non_null(strstr(e.log, "its file is missing"));
}

static void a_file_of_another_size_is_not_sent(void **state)
{
    (void)state;
    char *whole = arena_alloc(&w.arena, 500000);
    world_sql(&w, "UPDATE result SET size = size + 1 WHERE name = 'name 3'");
    must(make_archive(), &e);
    must_fail(archive_read(archive.bytes, 0, whole, (size_t)archive.size, &e), ERR_STORAGE);
    assert_non_null(strstr(e.log, "another size"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_the_same_each_time),
        TEST(it_can_be_read_backwards),
        TEST(what_fails_while_it_is_made_is_an_error),
        TEST(what_fails_while_it_is_read_is_an_error),
        TEST(what_is_gone_cannot_be_read),
        TEST(a_file_of_another_size_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
