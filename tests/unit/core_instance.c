/* SPDX-License-Identifier: Apache-2.0 */
/* A database and its bytes, its key, its clock: what belongs together is joined once and proved from then on,
 * whatever fails on the way. */
#include "base/id.h"
#include "blob/disk.h"
#include "core/clocks.h"
#include "core/instance.h"
#include "support/world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct world w;
static struct err e;
static struct instance_place place;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    place = (struct instance_place){&w.folder, &w.settings};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void remove_mark(void)
{
    char path[TEMP_SIZE + 40];
    (void)snprintf(path, sizeof path, "%s/blobs/%s", w.path, BLOB_OWNER);
    (void)unlink(path);
}

/* As on the first day. */
static void part(void)
{
    remove_mark();
    world_sql(&w, "UPDATE instance SET store = NULL, sealed = NULL");
}

static void id_of(char *ret)
{
    struct instance i;
    assert_int_equal(must(store_instance_get(w.db, &i, &e), &e), 1);
    memcpy(ret, i.id, ID_SIZE);
}

static void assert_joined(void)
{
    char id[ID_SIZE];
    struct blob_mark mark;
    id_of(id);
    assert_int_equal(must(blob_owner(w.core.blobs, &mark, &e), &e), 1);
    assert_string_equal(mark.owner, id);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM instance WHERE store IS NOT NULL"), 1);
    must(instance_compare(&place, w.db, w.core.blobs, &e), &e);
}

static int join(void)
{
    return instance_join(&place, w.db, w.core.blobs, &e);
}

static void what_is_new_is_joined_whatever_fails_on_the_way(void **state)
{
    bool any = true;
    (void)state;
    for (int n = 1; any; n++) {
        part();
        failing_arm(&w.fault, FAIL_ANY, n, false, ERR_DB);
        int rc = join();
        any = failing_disarm(&w.fault) > 0;
        assert_true(any ? rc != ERR_MISMATCH : rc == 0);
        must(join(), &e);
        assert_joined();
        must(join(), &e);
        assert_true(n < 600);
    }
}

static void comparing_changes_nothing(void **state)
{
    struct blob_mark mark;
    (void)state;
    part();
    must(instance_compare(&place, w.db, w.core.blobs, &e), &e);
    assert_int_equal(must(blob_owner(w.core.blobs, &mark, &e), &e), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM instance WHERE store IS NOT NULL"), 0);
}

static void what_does_not_belong_together_is_refused(void **state)
{
    struct blob_mark other;
    (void)state;
    id_new(other.owner);
    id_new(other.store);
    remove_mark();
    must_fail(join(), ERR_MISMATCH);
    assert_non_null(strstr(e.detail, "resultd adopt"));
    must(blob_own(w.core.blobs, &other, true, &e), &e);
    must_fail(join(), ERR_MISMATCH);
    must_fail(instance_compare(&place, w.db, w.core.blobs, &e), ERR_MISMATCH);
    world_sql(&w, "UPDATE instance SET store = NULL");
    must_fail(join(), ERR_MISMATCH);
    assert_non_null(strstr(e.detail, w.path));
    must(instance_adopt(&place, w.db, w.core.blobs, &e), &e);
    assert_joined();
}

static void a_new_database_takes_no_store_with_bytes(void **state)
{
    (void)state;
    (void)world_publish(&w, world_job(&w), "large", 50000, false);
    part();
    must_fail(join(), ERR_MISMATCH);
    must_fail(instance_compare(&place, w.db, w.core.blobs, &e), ERR_MISMATCH);
    must(instance_adopt(&place, w.db, w.core.blobs, &e), &e);
    assert_joined();
}

/* As two nodes do that have marked, each its own disk, before either has noted that. */
static void of_two_stores_the_first_one_that_is_noted_is_the_databases(void **state)
{
    struct blob_store *other = NULL;
    struct blob_mark mark;
    char path[TEMP_SIZE + 40];
    (void)state;
    part();
    (void)snprintf(path, sizeof path, "%s/other", w.path);
    must(disk_open(path, &other, &e), &e);
    id_of(mark.owner);
    id_new(mark.store);
    must(blob_own(other, &mark, false, &e), &e);
    must(join(), &e);
    for (int i = 0; i < 2; i++) {
        must_fail(instance_join(&place, w.db, other, &e), ERR_MISMATCH);
        assert_non_null(strstr(e.detail, "all nodes need the same ones"));
        must(join(), &e);
    }
    must(instance_adopt(&place, w.db, other, &e), &e);
    must_fail(join(), ERR_MISMATCH);
    blob_store_close(other);
}

static int renew(struct session *s, void *ctx, struct err *err)
{
    (void)ctx;
    return instance_renew(s->db, err);
}

static void a_copy_is_another_database(void **state)
{
    char id[ID_SIZE];
    char now[ID_SIZE];
    (void)state;
    id_of(id);
    assert_int_equal(must(instance_holds(&w.core, w.db, &e), &e), 1);
    must(world_run(&w, renew, NULL, &e), &e);
    id_of(now);
    assert_string_not_equal(now, id);
    must_fail(join(), ERR_MISMATCH);
    assert_non_null(strstr(e.detail, "it is a backup of the one whose they are"));
    assert_int_equal(must(instance_holds(&w.core, w.db, &e), &e), 0);
    assert_true(atomic_load(&w.core.disowned));
    must(instance_adopt(&place, w.db, w.core.blobs, &e), &e);
    assert_joined();
    assert_int_equal(must(instance_holds(&w.core, w.db, &e), &e), 1);
    assert_false(atomic_load(&w.core.disowned));
    remove_mark();
    assert_int_equal(must(instance_holds(&w.core, w.db, &e), &e), 0);
}

static int reseal(struct session *s, void *ctx, struct err *err)
{
    return instance_reseal(s, ctx, err);
}

static void the_key_is_proved_once_it_has_been_used(void **state)
{
    struct secrets *secrets = NULL;
    struct secrets *same = NULL;
    char other[sizeof w.folder.secret_key + 8];
    const char *path = w.folder.secret_key;
    (void)state;
    (void)snprintf(other, sizeof other, "%s.other", path);
    must_fail(instance_secrets(w.db, path, false, &secrets, &e), ERR_STORAGE);
    must(instance_secrets(w.db, path, true, &secrets, &e), &e);
    must(instance_secrets(w.db, path, false, &same, &e), &e);
    secrets_close(same);
    must_fail(instance_secrets(w.db, other, true, &same, &e), ERR_STORAGE);
    assert_int_equal(access(other, F_OK), -1);
    must(secrets_open(other, true, &same, &e), &e);
    secrets_close(same);
    must_fail(instance_secrets(w.db, other, true, &same, &e), ERR_MISMATCH);
    assert_non_null(strstr(e.detail, "secret_key_file"));
    for (int i = 0; i < 2; i++) {
        must(secrets_change(secrets, SECRETS_NEW, &e), &e);
        must(world_run(&w, reseal, secrets, &e), &e);
    }
    must(instance_secrets(w.db, path, false, &same, &e), &e);
    secrets_close(same);
    secrets_close(secrets);
    must(instance_secrets_anew(w.db, other, &same, &e), &e);
    secrets_close(same);
    must_fail(instance_secrets(w.db, path, true, &same, &e), ERR_MISMATCH);
    must(instance_secrets(w.db, other, true, &same, &e), &e);
    secrets_close(same);
}

static void a_key_that_could_not_be_noted_is_noted_later(void **state)
{
    struct secrets *secrets = NULL;
    bool any = true;
    (void)state;
    for (int n = 1; any; n++) {
        part();
        failing_arm(&w.fault, FAIL_ANY, n, false, ERR_DB);
        int rc = instance_secrets(w.db, w.folder.secret_key, true, &secrets, &e);
        any = failing_disarm(&w.fault) > 0;
        if (rc == 0)
            secrets_close(secrets);
        must(instance_secrets(w.db, w.folder.secret_key, true, &secrets, &e), &e);
        secrets_close(secrets);
        assert_int_equal(world_count(&w, "SELECT count(*) FROM instance WHERE sealed IS NOT NULL"), 1);
    }
}

static void clocks_are_compared_with_a_tolerance(void **state)
{
    (void)state;
    w.settings.clock_tolerance = 2;
    must(clocks_compare(&w.core, w.db, &e), &e);
    w.settings.clock_tolerance = -1; /* less than they can agree by */
    must_fail(clocks_compare(&w.core, w.db, &e), ERR_BUSY);
    assert_true(atomic_load(&w.core.clock_differs));
    w.settings.clock_tolerance = 2;
    must(clocks_compare(&w.core, w.db, &e), &e);
    assert_false(atomic_load(&w.core.clock_differs));
    failing_arm(&w.fault, FAIL_ANY, 1, false, ERR_DB);
    must_fail(clocks_compare(&w.core, w.db, &e), ERR_DB);
    assert_int_equal(failing_disarm(&w.fault), 1);
}

static int64_t there_ahead;

static int clock_there(struct db *db, int64_t *ret, struct err *err)
{
    (void)db;
    (void)err;
    *ret = clock_now() + there_ahead;
    return 0;
}

static void time_is_what_the_clock_of_a_server_says(void **state)
{
    const struct db_ops ops = {.remote = true, .clock = clock_there};
    struct db server = {.ops = &ops};
    (void)state;
    w.settings.clock_tolerance = 2;
    assert_in_range(core_now(&w.core), clock_now() - CLOCK_SECOND, clock_now() + CLOCK_SECOND);
    for (there_ahead = -3600 * CLOCK_SECOND; there_ahead <= 3600 * CLOCK_SECOND;
         there_ahead += 7200 * CLOCK_SECOND) {
        must_fail(clocks_compare(&w.core, &server, &e), ERR_BUSY);
        int64_t now = clock_now() + there_ahead;
        assert_in_range(core_now(&w.core), now - CLOCK_SECOND, now + CLOCK_SECOND);
    }
    failing_arm(&w.fault, FAIL_ANY, 1, false, ERR_DB);
    must_fail(clocks_compare(&w.core, w.db, &e), ERR_DB);
    assert_int_equal(failing_disarm(&w.fault), 1);
    assert_true(core_now(&w.core) > clock_now() + 3590 * CLOCK_SECOND);
}

/* A file's clock is this machine's, also when it is set. */
static void time_of_a_database_in_a_file_is_this_machines(void **state)
{
    (void)state;
    w.settings.clock_tolerance = 2;
    must(clocks_compare(&w.core, w.db, &e), &e);
    if (!db_is_remote(w.db))
        assert_int_equal(atomic_load(&w.core.clock_epoch), 0);
    else
        assert_int_not_equal(atomic_load(&w.core.clock_epoch), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_new_is_joined_whatever_fails_on_the_way),
        TEST(comparing_changes_nothing),
        TEST(what_does_not_belong_together_is_refused),
        TEST(a_new_database_takes_no_store_with_bytes),
        TEST(of_two_stores_the_first_one_that_is_noted_is_the_databases),
        TEST(a_copy_is_another_database),
        TEST(the_key_is_proved_once_it_has_been_used),
        TEST(a_key_that_could_not_be_noted_is_noted_later),
        TEST(clocks_are_compared_with_a_tolerance),
        TEST(time_is_what_the_clock_of_a_server_says),
        TEST(time_of_a_database_in_a_file_is_this_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
