/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives over a real database and real files: the plan is the same whoever makes it, reading starts
 * anywhere, and whatever fails while one is made or read is an error and leaks nothing.
 * tests/api/test_archive.py says what is in them.
 */
#include "core/archive.h"

#include "base/id.h"
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

/* Until the archive is complete, has to wait for others, or fails. */
static int prepare(void)
{
    struct session s;
    int rc;
    do {
        world_session(&w, w.db, &s);
        rc = archive_prepare(&s, &archive, false, &e);
    } while (rc == ARCHIVE_PREPARING && !archive_wait(archive.bytes, NULL, NULL));
    return rc;
}

static int make_archive(void)
{
    struct session s;
    world_session(&w, w.db, &s);
    archive.bytes = NULL;
    int rc = archive_of_job(&s, job, NULL, &archive, &e);
    if (rc == 0)
        rc = prepare();
    if (rc < 0) {
        archive_free(archive.bytes);
        archive.bytes = NULL;
    }
    return rc < 0 ? rc : 0;
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

static int read_all(int64_t offset, char *to, size_t len)
{
    int rc = 0;
    for (size_t got = 0; rc == 0 && len > 0; offset += (int64_t)got, to += got, len -= got)
        rc = archive_read_some(archive.bytes, offset, to, len, &got, &e);
    return rc;
}

static char *read_whole(void)
{
    char *whole = arena_alloc(&w.arena, (size_t)archive.size);
    must(read_all(0, whole, (size_t)archive.size), &e);
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

/* More than are planned, or named, in one step: another result in between is not in. */
static void many_are_planned_in_steps(void **state)
{
    enum { MANY = 700 };
    struct session s;
    char name[16];
    int steps = 0;
    int rc;
    (void)state;
    for (int i = 12; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "name %d", i);
        (void)world_publish(&w, job, name, 10, false);
    }
    must(make_archive(), &e);
    const char *whole = read_whole();
    struct archive first = archive;
    world_session(&w, w.db, &s);
    must(archive_of_job(&s, job, NULL, &archive, &e), &e);
    do {
        world_session(&w, w.db, &s);
        rc = archive_prepare(&s, &archive, false, &e);
        if (steps++ == 0)
            (void)world_publish(&w, job, "another", 10, false);
    } while (rc == ARCHIVE_PREPARING);
    assert_int_equal(rc, ARCHIVE_COMPLETE);
    assert_true(steps > 3);
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
        must(read_all(at, part, sizeof part), &e);
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
        int rc = read_all(0, whole, (size_t)archive.size);
        if (failing_disarm(&w.fault) == 0)
            break;
        assert_true(rc < 0);
        failures++;
    }
    assert_true(failures >= 12 + 4);
    must(read_all(0, whole, (size_t)archive.size), &e);
}

static void what_is_gone_cannot_be_read(void **state)
{
    (void)state;
    char *whole = arena_alloc(&w.arena, 500000);
    static const char *const changes[] = {
        "DELETE FROM result_bytes WHERE result = (SELECT pk FROM result WHERE name = 'name 1')",
        "UPDATE result_bytes SET bytes = (SELECT md5 FROM result LIMIT 1)"
        " WHERE result = (SELECT pk FROM result WHERE name = 'name 2')",
    };
    must(make_archive(), &e);
    for (int i = 1; i >= 0; i--) {
        world_sql(&w, changes[i]);
        must_fail(read_all(0, whole, (size_t)archive.size), ERR_STORAGE);
        assert_non_null(strstr(e.log, "not in the database"));
    }
    struct job *j = world_get_job(&w, job);
    must(blob_remove(w.core.blobs, j->results->id, &e), &e);
    must_fail(read_all(0, whole, (size_t)archive.size), ERR_STORAGE);
    assert_non_null(strstr(e.log, "its file is missing"));
}

static void a_file_of_another_size_is_not_sent(void **state)
{
    (void)state;
    char *whole = arena_alloc(&w.arena, 500000);
    world_sql(&w, "UPDATE result SET size = size + 1 WHERE name = 'name 3'");
    must(make_archive(), &e);
    must_fail(read_all(0, whole, (size_t)archive.size), ERR_STORAGE);
    assert_non_null(strstr(e.log, "another size"));
}

/* --- tables --- */

enum { MADE = 70000 };

static int add_representation(struct session *s, void *ctx, struct err *err)
{
    return store_representation_add(s->db, ctx, err);
}

/* The result is a table from now on, of which JSON has been made: `MADE` bytes. */
static void make_a_table(const char *id)
{
    struct blob_put *put;
    struct digest *d = digest_new();
    struct digest_values v;
    struct conversion_options o = convert_whole(FORMAT_JSON);
    char tag[DIGEST_SHA256_HEX];
    char key[ID_SIZE];
    unsigned char *bytes = world_bytes(&w, MADE, 7);
    world_sql(&w,
              arena_printf(&w.arena,
                           "UPDATE result SET media_type = 'text/csv', rows = 1, columns = 1, formats = 31"
                           " WHERE id = '%s'",
                           id));
    world_sql(&w, arena_printf(&w.arena,
                               "INSERT INTO result_table (result, description) SELECT pk,"
                               " '{\"source\":2,\"charset\":0,\"compression\":0,\"delimiter\":44,"
                               "\"header_absent\":false,\"columns\":[[8,false,\"a\"]]}'"
                               " FROM result WHERE id = '%s'",
                               id));
    const struct result *r = world_get(&w, id);
    convert_tag(r, &o, tag);
    id_new(key);
    must(blob_put_open(w.core.blobs, key, false, &put, &e), &e);
    must(blob_put_write(put, bytes, MADE, &e), &e);
    must(blob_put_commit(put, &e), &e);
    blob_put_close(put);
    digest_update(d, bytes, MADE);
    digest_finish(d, &v);
    digest_free(d);
    struct representation_row row = {.tag = tag,
                                     .result = r->pk,
                                     .key = key,
                                     .size = MADE,
                                     .sha256 = v.sha256,
                                     .crc32 = v.crc32,
                                     .made_at = 1};
    must(world_run(&w, add_representation, &row, &e), &e);
}

static void make_tables(void)
{
    int n = 0;
    for (const struct result *r = world_get_job(&w, job)->results; r; r = r->next)
        if (n++ % 4 == 1)
            make_a_table(r->id);
}

static int make_archive_of(enum format format)
{
    struct session s;
    const struct archive_form form = {.options = convert_whole(format)};
    world_session(&w, w.db, &s);
    archive.bytes = NULL;
    return archive_of_job(&s, job, &form, &archive, &e);
}

static void what_was_made_is_in(void **state)
{
    (void)state;
    make_tables();
    must(make_archive_of(FORMAT_JSON), &e);
    assert_int_equal(archive.size, -1);
    assert_int_equal(prepare(), ARCHIVE_COMPLETE);
    assert_non_null(memmem(read_whole(), (size_t)archive.size, world_bytes(&w, MADE, 7), MADE));
    struct archive json = archive;
    must(make_archive_of(FORMAT_CSV), &e);
    assert_int_equal(prepare(), ARCHIVE_COMPLETE); /* they are CSV already */
    assert_true(archive.size < json.size && strcmp(archive.etag, json.etag) != 0);
    archive_free(json.bytes);
}

static void what_was_not_made_is_seen(void **state)
{
    (void)state;
    make_tables();
    must(make_archive_of(FORMAT_TSV), &e);
    assert_int_equal(prepare(), ARCHIVE_UNMADE);
    assert_int_equal(archive.size, -1);
}

static void what_fails_with_tables_is_an_error(void **state)
{
    int failures = 0;
    (void)state;
    make_tables();
    for (int n = 1;; n++) {
        failing_arm(&w.fault, FAIL_DB, n, true, ERR_DB);
        int rc = make_archive_of(FORMAT_JSON);
        if (rc == 0)
            rc = prepare();
        if (failing_disarm(&w.fault) == 0)
            break;
        assert_true(rc < 0);
        archive_free(archive.bytes);
        failures++;
    }
    assert_true(failures > 12 + 2 * 3); /* each row, and of each table how it is read and what was made */
    char *whole = arena_alloc(&w.arena, (size_t)archive.size);
    for (failures = 0;; failures++) {
        failing_arm(&w.fault, FAIL_DB_QUERY | FAIL_DB_STEP | FAIL_BLOB_OPEN | FAIL_BLOB_READ, failures + 1,
                    true, ERR_DB);
        int rc = read_all(0, whole, (size_t)archive.size);
        if (failing_disarm(&w.fault) == 0)
            break;
        assert_true(rc < 0);
    }
    assert_true(failures >= 12 + 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_the_same_each_time),
        TEST(many_are_planned_in_steps),
        TEST(it_can_be_read_backwards),
        TEST(what_fails_while_it_is_made_is_an_error),
        TEST(what_fails_while_it_is_read_is_an_error),
        TEST(what_is_gone_cannot_be_read),
        TEST(a_file_of_another_size_is_not_sent),
        TEST(what_was_made_is_in),
        TEST(what_was_not_made_is_seen),
        TEST(what_fails_with_tables_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
