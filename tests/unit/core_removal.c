/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing bytes: orphans go after their grace and are never what gets its row at the same moment; what is
 * implausible is left; one node at a time does it.
 */
#include "core/removal.h"

#include "base/clock.h"
#include "core/orphans.h"
#include "core/sweep.h"
#include "support/world.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define DAY  (86400 * CLOCK_SECOND)
#define HELD "SELECT held FROM removal"

static struct world w;
static struct err e;
static struct writer *writer;
static struct db *reader;
static const char *job;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    writer = writer_new(world_writer(&w), 100, 100);
    reader = world_reader(&w);
    w.now = clock_now();
    w.settings.orphan_grace = -10; /* older than this very moment */
    w.settings.sweep_interval = 0; /* each round searches */
    job = world_job(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    db_close(reader);
    writer_free(writer);
    world_close(&w);
    return 0;
}

static int64_t removal(void)
{
    int64_t n = removal_round(&w.core, writer, reader, w.folder.files_lock, &e);
    must(n < 0 ? -1 : 0, &e);
    return n;
}

static int64_t sweep(void)
{
    int64_t n = sweep_round(&w.core, writer, reader, &e);
    must(n < 0 ? -1 : 0, &e);
    return n + removal();
}

static bool has_blob(const char *id)
{
    struct blob *b;
    int64_t size;
    int rc = blob_open(w.core.blobs, id, &b, &size, &e);
    if (rc == 0)
        blob_close(b);
    return rc == 0;
}

static const char *put_orphan(void)
{
    char *key = arena_alloc(&w.arena, ID_SIZE);
    struct blob_put *p;
    id_new(key);
    must(blob_put_open(w.core.blobs, key, false, &p, &e), &e);
    must(blob_put_write(p, "orphan", 6, &e), &e);
    must(blob_put_commit(p, &e), &e);
    blob_put_close(p);
    return key;
}

static struct result *publish_old(const char *name)
{
    w.now = clock_now() - 8 * DAY;
    struct result *r = world_publish(&w, job, name, 50000, false);
    w.now = clock_now();
    return r;
}

static void orphans_go_after_their_grace(void **state)
{
    const char *orphan = put_orphan();
    (void)state;
    struct result *owned = world_publish(&w, job, "owned", 50000, false);
    w.settings.orphan_grace = 3600;
    world_sql(&w, "UPDATE removal SET searched_at = 0");
    assert_int_equal(removal(), 0);
    assert_true(has_blob(orphan));
    assert_int_equal(world_count(&w, "SELECT count(*) FROM orphan"), 1);
    world_sql(&w, "UPDATE orphan SET found_at = found_at - 3500000000; UPDATE removal SET searched_at = 0");
    assert_int_equal(removal(), 0);
    world_sql(&w, "UPDATE orphan SET found_at = found_at - 101000000; UPDATE removal SET searched_at = 0");
    assert_int_equal(removal(), 1);
    assert_false(has_blob(orphan));
    assert_true(has_blob(owned->id));
    assert_int_equal(atomic_load(&w.core.counters.orphans), 1);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM orphan"), 0);
    world_assert_sound(&w);
}

/* It is removed once more, and only then it is forgotten. */
static void a_removed_orphan_is_remembered(void **state)
{
    const char *orphan = put_orphan();
    (void)state;
    assert_int_equal(removal(), 1);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob WHERE orphan = 2"), 1);
    assert_int_equal(removal(), 0);
    world_sql(&w, "UPDATE doomed_blob SET retry_at = 0");
    assert_int_equal(removal(), 1);
    assert_false(has_blob(orphan));
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob"), 0);
    assert_int_equal(atomic_load(&w.core.counters.orphans), 1);
}

struct late {
    struct publish p;
    const struct upload_result *done;
    struct upload_result changed;
    struct result *result;
    bool is_new;
};

static int publish_late(struct session *s, void *ctx, struct err *err)
{
    struct late *l = ctx;
    return publish_commit(s, &l->p, l->done, &l->result, &l->is_new, err);
}

static struct upload *upload_large(struct late *l)
{
    struct upload *u;
    *l = (struct late){
        .p = {.job = job, .name = "late", .type = "", .media_type = "text/plain", .content_length = 50000}};
    must(world_upload(&w, world_bytes(&w, 50000, 3), 50000, &u, &l->done, &e), &e);
    return u;
}

/* Whoever comes first: the other one sees it. */
static void what_was_doomed_gets_no_row(void **state)
{
    struct late l;
    struct upload *u = upload_large(&l);
    (void)state;
    assert_int_equal(removal(), 1);
    must_fail(world_run(&w, publish_late, &l, &e), ERR_STORAGE);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM result"), 0);
    upload_free(u);
    u = upload_large(&l);
    must(world_run(&w, publish_late, &l, &e), &e);
    upload_settle(u, true, 0);
    upload_free(u);
    assert_int_equal(removal(), 0);
    assert_true(has_blob(l.result->id));
    world_assert_sound(&w);
}

static void what_was_noted_and_gets_its_row_stays(void **state)
{
    struct late l;
    struct upload *u = upload_large(&l);
    (void)state;
    w.settings.orphan_grace = 3600;
    assert_int_equal(removal(), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM orphan"), 1);
    must(world_run(&w, publish_late, &l, &e), &e);
    upload_settle(u, true, 0);
    upload_free(u);
    w.settings.orphan_grace = -10;
    assert_int_equal(removal(), 0);
    assert_true(has_blob(l.result->id));
    assert_int_equal(world_count(&w, "SELECT count(*) FROM orphan"), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob"), 0);
}

static void what_took_a_day_gets_no_row(void **state)
{
    struct late l;
    struct upload *u = upload_large(&l);
    (void)state;
    l.changed = *l.done;
    l.done = &l.changed;
    l.changed.since -= DAY + CLOCK_SECOND;
    must_fail(world_run(&w, publish_late, &l, &e), ERR_STORAGE);
    upload_free(u);
}

static int name_blob(struct db *db, void *ctx, struct err *err)
{
    return orphans_refuse(db, ctx, clock_boot(), err);
}

static void a_representation_is_a_row_too(void **state)
{
    const char *key = put_orphan();
    (void)state;
    struct result *r = world_publish(&w, job, "r", 10, false);
    struct representation_row row = {
        .tag = "t", .result = r->pk, .key = key, .size = 6, .sha256 = "s", .made_at = 1};
    must(store_representation_add(w.db, &row, &e), &e);
    assert_int_equal(removal(), 0);
    assert_true(has_blob(key));
    must(store_representation_drop(w.db, "t", w.now, &e), &e);
    assert_int_equal(removal(), 1);
    assert_false(has_blob(key));
    const char *other = put_orphan();
    assert_int_equal(removal(), 1);
    must_fail(db_tx(w.db, DB_WRITE, name_blob, (void *)(uintptr_t)other, &e), ERR_STORAGE);
}

static void what_is_gone_is_forgotten(void **state)
{
    const char *key = put_orphan();
    (void)state;
    w.settings.orphan_grace = 3600;
    assert_int_equal(removal(), 0);
    must(blob_remove(w.core.blobs, key, &e), &e);
    world_sql(&w, "UPDATE removal SET searched_at = 0");
    assert_int_equal(removal(), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM orphan"), 0);
}

static void implausibly_many_are_left(void **state)
{
    const char *orphans[5];
    (void)state;
    for (int i = 0; i < 5; i++)
        orphans[i] = put_orphan();
    struct result *r = world_publish(&w, job, "r", 50000, false);
    w.settings.orphan_limit = 4;
    assert_int_equal(removal(), 0);
    assert_int_equal(world_count(&w, HELD), 5);
    assert_int_equal(world_count(&w, "SELECT held_of FROM removal"), 6);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob"), 0);
    for (int i = 0; i < 4; i++)
        (void)world_publish(&w, job, i % 2 ? (i == 1 ? "a" : "b") : (i == 0 ? "c" : "d"), 50000, false);
    assert_int_equal(removal(), 5); /* half of ten */
    assert_int_equal(world_count(&w, HELD), 0);
    for (int i = 0; i < 5; i++)
        assert_false(has_blob(orphans[i]));
    assert_true(has_blob(r->id));
}

static void a_higher_limit_lets_them_go(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        (void)put_orphan();
    w.settings.orphan_limit = 0;
    assert_int_equal(removal(), 0);
    assert_int_equal(world_count(&w, HELD), 5);
    w.settings.orphan_limit = 5;
    assert_int_equal(removal(), 5);
    assert_int_equal(world_count(&w, HELD), 0);
}

/* As many as are noted at once, and too many: the next search looks again, and finds that they are gone. */
static void what_is_held_for_lack_of_room_is_looked_for_anew(void **state)
{
    enum { ROOM = 100000 };
    (void)state;
    w.settings.orphan_grace = 3600;
    world_sql(&w, "INSERT INTO orphan (key, found_at, search) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                  " SELECT i + 1 FROM n WHERE i < 100000) SELECT CAST(i AS TEXT), 1, 1 FROM n");
    w.settings.orphan_limit = 4;
    assert_int_equal(removal(), 0);
    assert_int_equal(world_count(&w, HELD), ROOM);
    (void)put_orphan();
    world_sql(&w, "UPDATE removal SET searched_at = 0");
    assert_int_equal(removal(), 0);
    assert_int_equal(world_count(&w, HELD), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM orphan"), 1);
}

static int count_calls(void *ctx, const struct blob_entry *entry, struct err *err)
{
    (void)entry;
    (void)err;
    ++*(int *)ctx;
    return 0;
}

static bool enough(void *ctx)
{
    return --*(int *)ctx < 0;
}

/* However short its slices, and whoever makes them. */
static void a_search_goes_on_where_it_was_left(void **state)
{
    int slices = 0;
    int more = 1;
    int blobs = 0;
    (void)state;
    for (int i = 0; i < 30; i++)
        (void)put_orphan();
    while (more > 0) {
        int looks = 20;
        struct orphans_place at = {&w.core, writer, reader, enough, &looks};
        struct removal_row row;
        must(store_removal_get(reader, &row, &e), &e);
        more = orphans_search(&at, &row, INT64_MAX, &e);
        must(more < 0 ? more : 0, &e);
        slices++;
    }
    assert_true(slices > 256 / 20);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob") +
                         world_count(&w, "SELECT count(*) FROM orphan"),
                     30);
    assert_int_equal(removal(), 30);
    for (int part = 0; part < w.core.blobs->ops->parts; part++)
        must(blob_list(w.core.blobs, part, "", count_calls, &blobs, &e), &e);
    assert_int_equal(blobs, 0);
}

/* In the middle of a part, too: each blob is seen once. */
static void a_search_goes_on_within_a_part(void **state)
{
    enum { MANY = 2500 };
    char path[sizeof w.folder.blobs_path + 100];
    struct removal_row row;
    int slices = 0;
    int more = 1;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(path, sizeof path, "%s/ab/01890000-0000-7000-8000-abab%08x", w.folder.blobs_path,
                       (unsigned)i * 2654435761U);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
    }
    for (; more > 0 && slices < 1000; slices++) {
        int looks = 1; /* before a part, and not after a thousand keys */
        struct orphans_place at = {&w.core, writer, reader, enough, &looks};
        must(store_removal_get(reader, &row, &e), &e);
        more = orphans_search(&at, &row, INT64_MAX, &e);
        must(more < 0 ? more : 0, &e);
    }
    assert_int_equal(more, 0);
    assert_int_equal(row.seen, MANY);
    assert_true(slices > 256);
}

/* As by a node whose search saw it while it was on its way to its row. */
static void what_has_a_row_is_not_doomed_though_it_was_noted(void **state)
{
    int64_t looked_at = 0;
    (void)state;
    struct result *r = world_publish(&w, job, "r", 50000, false);
    const char *keys[] = {r->id, put_orphan()};
    must(store_orphan_note(w.db, &(struct store_keys){keys, 2}, 1, 1, &e), &e);
    must(store_orphan_doom(w.db, 1, w.now, 10, &looked_at, &e), &e);
    assert_int_equal(looked_at, 2);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM orphan"), 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob"), 1);
    assert_int_equal(must(store_doomed_has(w.db, keys[1], &e), &e), 1);
}

static void files_that_cannot_be_removed_are_tried_again_later(void **state)
{
    (void)state;
    struct result *r = publish_old("r");
    failing_arm(&w.fault, FAIL_BLOB_REMOVE, 1, false, 0);
    assert_int_equal(sweep(), 1);
    assert_int_equal(failing_disarm(&w.fault), 1);
    assert_true(has_blob(r->id));
    assert_int_equal(world_count(&w, "SELECT attempts FROM doomed_blob"), 1);
    assert_int_equal(sweep(), 0); /* not at once */
    world_sql(&w, "UPDATE doomed_blob SET retry_at = 0");
    assert_int_equal(sweep(), 1);
    assert_false(has_blob(r->id));
    assert_int_equal(world_count(&w, "SELECT count(*) FROM doomed_blob"), 0);
}

static void a_list_that_fails_does_not_hold_up_the_rest(void **state)
{
    (void)state;
    struct result *r = publish_old("r");
    must(sweep_round(&w.core, writer, reader, &e) < 0 ? -1 : 0, &e);
    failing_arm(&w.fault, FAIL_BLOB_LIST, 1, true, 0);
    must_fail((int)removal_round(&w.core, writer, reader, w.folder.files_lock, &e), ERR_STORAGE);
    assert_true(failing_disarm(&w.fault) > 0);
    assert_false(has_blob(r->id));
    assert_int_equal(removal(), 0);
}

static void a_backup_holds_the_files(void **state)
{
    int lock = open(w.folder.files_lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    (void)state;
    struct result *r = publish_old("r");
    assert_int_equal(flock(lock, LOCK_SH), 0);
    assert_int_equal(sweep(), 1); /* the row, not the file */
    assert_int_equal(world_get(&w, r->id)->state, RESULT_EXPIRED);
    assert_true(has_blob(r->id));
    assert_int_equal(close(lock), 0);
    assert_int_equal(sweep(), 1);
    assert_false(has_blob(r->id));
}

static void a_backup_elsewhere_holds_the_files_too(void **state)
{
    struct db *other = world_reader(&w);
    bool remote = other->ops->remote;
    (void)state;
    struct result *r = publish_old("r");
    assert_int_equal(must(db_lock(other, DB_LOCK_FILES, false, 0, &e), &e), 1);
    assert_int_equal(sweep(), remote ? 1 : 2); /* the row; in a file there is no elsewhere */
    assert_int_equal(has_blob(r->id), remote);
    db_unlock(other, DB_LOCK_FILES); /* the end of a connection lets go of it only a moment later */
    db_close(other);
    assert_int_equal(sweep(), remote ? 1 : 0);
    assert_false(has_blob(r->id));
}

static void nothing_is_removed_of_what_may_be_anothers(void **state)
{
    (void)state;
    struct result *r = publish_old("r");
    w.core.joined = false;
    assert_int_equal(sweep(), 1);
    assert_true(has_blob(r->id));
    w.core.joined = true;
    assert_int_equal(sweep(), 1);
    assert_false(has_blob(r->id));
}

static void nothing_is_removed_of_what_another_has_adopted(void **state)
{
    struct blob_mark own;
    struct blob_mark other;
    (void)state;
    struct result *r = publish_old("r");
    const char *orphan = put_orphan();
    assert_int_equal(must(blob_owner(w.core.blobs, &own, &e), &e), 1);
    other = own;
    id_new(other.store);
    must(blob_own(w.core.blobs, &other, true, &e), &e);
    assert_int_equal(sweep(), 1);
    assert_true(has_blob(r->id) && has_blob(orphan));
    must(blob_own(w.core.blobs, &own, true, &e), &e);
    assert_int_equal(sweep(), 2);
    assert_false(has_blob(r->id) || has_blob(orphan));
}

static int put_relocation(struct db *db, void *ctx, struct err *err)
{
    struct relocation r = {
        .role = *(enum relocation_role *)ctx, .token = "t", .stage = "rows", .started_at = 1};
    return store_relocation_put(db, &r, err);
}

static void nothing_is_removed_at_a_place_that_is_moved_to(void **state)
{
    enum relocation_role role = RELOCATION_TARGET;
    const char *orphan = put_orphan();
    (void)state;
    must(db_tx(w.db, DB_WRITE, put_relocation, &role, &e), &e);
    assert_int_equal(removal(), 0);
    assert_true(has_blob(orphan));
    assert_int_equal(world_count(&w, "SELECT count(*) FROM orphan"), 0);
    role = RELOCATION_ARRIVED;
    must(db_tx(w.db, DB_WRITE, put_relocation, &role, &e), &e);
    assert_int_equal(removal(), 1);
    assert_false(has_blob(orphan));
}

static void with_a_wrong_clock_nothing_is_due(void **state)
{
    (void)state;
    struct result *r = publish_old("r");
    w.settings.clock_tolerance = -1; /* less than clocks can agree by */
    assert_int_equal(sweep(), 0);
    assert_int_equal(world_get(&w, r->id)->state, RESULT_AVAILABLE);
    w.settings.clock_tolerance = 2;
    assert_int_equal(sweep(), 2);
}

/* As in a bucket, where who reads it would lose it. */
static void what_may_be_read_elsewhere_goes_later(void **state)
{
    unsigned before = w.core.blobs->caps;
    (void)state;
    struct result *r = publish_old("r");
    w.core.blobs->caps &= ~(unsigned)BLOB_KEEPS_OPEN;
    w.settings.bucket_removal_delay = 3600;
    assert_int_equal(sweep(), 1);
    assert_int_equal(removal(), 0);
    assert_true(has_blob(r->id));
    world_sql(&w, "UPDATE doomed_blob SET retry_at = retry_at - 3601000000");
    assert_int_equal(removal(), 1);
    assert_false(has_blob(r->id));
    w.core.blobs->caps = before;
}

/* On a server, which others may have; SQLite is one process' own. */
static void another_node_waits_until_the_first_is_silent(void **state)
{
    const char *orphan;
    char sql[100];
    (void)state;
    assert_int_equal(removal(), 0);
    orphan = put_orphan();
    (void)snprintf(sql, sizeof sql, "UPDATE removal SET node = 'other', till = %lld",
                   (long long)(clock_now() + 3600 * CLOCK_SECOND));
    world_sql(&w, sql);
    assert_int_equal(removal(), w.database.ops->remote ? 0 : 1);
    assert_int_equal(has_blob(orphan), w.database.ops->remote);
    world_sql(&w, "UPDATE removal SET node = 'other', till = 1");
    assert_int_equal(removal(), w.database.ops->remote ? 1 : 0);
    assert_int_equal(world_count(&w, "SELECT count(*) FROM removal WHERE node = 'other'"), 0);
}

/* What it had found out in the meantime is of no use: it changes nothing. */
static void who_has_lost_its_turn_changes_nothing(void **state)
{
    int looks = 1 << 20;
    struct orphans_place at = {&w.core, writer, reader, enough, &looks};
    struct removal_row row;
    (void)state;
    assert_int_equal(removal(), 0);
    (void)put_orphan();
    must(store_removal_get(reader, &row, &e), &e);
    world_sql(&w, "UPDATE removal SET node = 'other'");
    must_fail(orphans_search(&at, &row, INT64_MAX, &e), ERR_BUSY);
    assert_int_equal(
        world_count(&w, "SELECT (SELECT count(*) FROM orphan) + (SELECT count(*) FROM doomed_blob)"), 0);
}

static void its_thread_removes_and_ends(void **state)
{
    const char *orphan = put_orphan();
    (void)state;
    struct removal *r = removal_new(&w.core, writer, world_reader(&w), w.folder.files_lock);
    while (atomic_load(&w.core.counters.orphans) == 0)
        (void)usleep(1000);
    removal_free(r);
    removal_free(NULL);
    assert_false(has_blob(orphan));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(orphans_go_after_their_grace),
        TEST(a_removed_orphan_is_remembered),
        TEST(what_was_doomed_gets_no_row),
        TEST(what_was_noted_and_gets_its_row_stays),
        TEST(what_took_a_day_gets_no_row),
        TEST(a_representation_is_a_row_too),
        TEST(what_is_gone_is_forgotten),
        TEST(implausibly_many_are_left),
        TEST(a_higher_limit_lets_them_go),
        TEST(what_is_held_for_lack_of_room_is_looked_for_anew),
        TEST(nothing_is_removed_at_a_place_that_is_moved_to),
        TEST(a_search_goes_on_where_it_was_left),
        TEST(a_search_goes_on_within_a_part),
        TEST(what_has_a_row_is_not_doomed_though_it_was_noted),
        TEST(files_that_cannot_be_removed_are_tried_again_later),
        TEST(a_list_that_fails_does_not_hold_up_the_rest),
        TEST(a_backup_holds_the_files),
        TEST(nothing_is_removed_of_what_another_has_adopted),
        TEST(a_backup_elsewhere_holds_the_files_too),
        TEST(nothing_is_removed_of_what_may_be_anothers),
        TEST(with_a_wrong_clock_nothing_is_due),
        TEST(what_may_be_read_elsewhere_goes_later),
        TEST(another_node_waits_until_the_first_is_silent),
        TEST(who_has_lost_its_turn_changes_nothing),
        TEST(its_thread_removes_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
