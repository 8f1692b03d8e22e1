/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "support/world.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/pool.h"
#include "blob/disk.h"
#include "core/access.h"
#include "core/instance.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 48 << 10 };

void world_session(struct world *w, struct db *db, struct session *ret)
{
    *ret = (struct session){.core = &w->core, .db = db, .arena = &w->arena, .actor = w->actor, .now = w->now};
}

struct call {
    struct world *w;
    world_fn *fn;
    void *ctx;
};

static int run_call(struct db *db, void *ctx, struct err *e)
{
    struct call *c = ctx;
    struct session s;
    world_session(c->w, db, &s);
    return c->fn(&s, c->ctx, e);
}

int world_run(struct world *w, world_fn *fn, void *ctx, struct err *e)
{
    struct call c = {w, fn, ctx};
    return db_tx(w->db, DB_WRITE, run_call, &c, e);
}

static int make_actor(struct session *s, void *ctx, struct err *e)
{
    struct world *w = ctx;
    char key[ACCESS_KEY_SIZE];
    struct session authenticated = *s;
    int rc = store_project_create(s->db, "main", s->now, &w->actor.project, e);
    s->actor.project = w->actor.project;
    if (rc == 0)
        rc = access_create_key(s, "tester", SCOPE_ADMIN, 0, key, e);
    if (rc == 0)
        rc = access_authenticate(&authenticated, key, e);
    if (rc == 0)
        w->actor = authenticated.actor;
    return rc;
}

void world_open(struct world *w)
{
    world_open_on(w, pg_wanted());
}

void world_open_on(struct world *w, bool pg)
{
    struct err e;
    struct blob_store *blobs;
    *w = (struct world){.now = clock_now()};
    temp_make(w->path);
    must(conf_defaults(&settings_conf, &w->arena, &w->settings, &e), &e);
    w->settings.disk_floor = 0;
    w->settings.db_timeout = 600; /* a slow machine is not what these tests are about */
    atomic_store(&w->core.settings, &w->settings);
    must(folder_prepare(w->path, &w->folder, &e), &e);
    if (pg) {
        pg_make(w->pg);
        w->settings.db = w->pg;
    }
    must(disk_open(w->folder.blobs_path, &blobs, &e), &e);
    database_choose(&w->folder, &w->settings, &w->database);
    w->db = world_writer(w);
    w->core.blobs = failing_blobs(&w->fault, blobs);
    w->core.workers = pool_new(2, "worker");
    if (!w->database.ops->remote) /* durability is not what these tests are about, and costs most */
        world_sql(w, "PRAGMA synchronous = OFF");
    must(world_run(w, make_actor, w, &e), &e);
    struct instance_place place = {&w->folder, &w->settings};
    must(instance_join(&place, w->db, w->core.blobs, &e), &e);
    w->core.joined = true;
}

void world_close(struct world *w)
{
    pool_free(w->core.workers);
    db_close(w->db);
    blob_store_close(w->core.blobs);
    arena_free(&w->arena);
    if (*w->pg)
        pg_remove(w->pg);
    temp_remove(w->path);
}

struct db *world_reader(struct world *w)
{
    struct err e;
    struct db *db;
    must(database_open_reader(&w->database, true, &db, &e), &e);
    return failing_db(&w->fault, db);
}

struct db *world_writer(struct world *w)
{
    struct err e;
    struct db *db;
    must(database_open_writer(&w->database, true, &db, &e), &e);
    return failing_db(&w->fault, db);
}

void world_sql(struct world *w, const char *sql)
{
    struct err e;
    must(w->db->ops->script(w->db, sql, &e), &e);
    must(
        w->db->ops->script(
            w->db,
            "DELETE FROM usage; INSERT INTO usage (project, state, trash, results, bytes)"
            " SELECT project, state, CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END, count(*), sum(size * stored)"
            " FROM result GROUP BY 1, 2, 3",
            &e),
        &e);
}

int64_t world_count(struct world *w, const char *sql)
{
    struct stmt s = {"count", sql, true};
    struct db_cursor *c;
    struct err e;
    must(db_query(w->db, &s, NULL, 0, &c, &e), &e);
    assert_int_equal(must(db_step(w->db, c, &e), &e), 1);
    int64_t n = db_int(w->db, c, 0);
    db_done(w->db, c);
    return n;
}

static int make_job(struct session *s, void *ctx, struct err *e)
{
    struct job_new n = {.kind = "test", .priority_weight = 5};
    return job_create(s, &n, ctx, e);
}

const char *world_job(struct world *w)
{
    struct job *j;
    struct err e;
    must(world_run(w, make_job, &j, &e), &e);
    return j->id;
}

struct job *world_get_job(struct world *w, const char *id)
{
    struct session s;
    struct job *j;
    struct err e;
    world_session(w, w->db, &s);
    must(job_get(&s, id, &j, &e), &e);
    return j;
}

struct result *world_get(struct world *w, const char *id)
{
    struct result *r;
    struct err e;
    return must(store_result_by_id(w->db, &w->arena, id, &r, &e), &e) ? r : NULL;
}

unsigned char *world_bytes(struct world *w, size_t size, unsigned seed)
{
    unsigned char *bytes = arena_alloc(&w->arena, size + 1);
    uint32_t state = seed * 2654435761U + 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525U + 1013904223U;
        bytes[i] = (unsigned char)(state >> 24);
    }
    return bytes;
}

int world_upload(struct world *w, const void *bytes, size_t size, struct upload **ret,
                 const struct upload_result **ret_done, struct err *e)
{
    struct temp_signal wake = TEMP_SIGNAL;
    struct upload *u = upload_new(&w->core, (int64_t)size, NULL, NULL, temp_signal, &wake);
    int expected = 0;
    *ret = u;
    for (size_t at = 0; at < size;) {
        size_t len = size - at < PIECE ? size - at : PIECE;
        int rc = upload_feed(u, (const char *)bytes + at, len, e);
        if (rc < 0)
            return rc; /* neither paused nor ended: nobody will be woken */
        at += len;
        if (rc > 0 && upload_pause(u))
            temp_signal_wait(&wake, ++expected);
    }
    if (!upload_end(u))
        temp_signal_wait(&wake, expected + 1);
    return upload_finished(u, ret_done, e);
}

struct publish_call {
    struct publish p;
    const struct upload_result *done;
    struct result *result;
    bool is_new;
};

static int publish_call(struct session *s, void *ctx, struct err *e)
{
    struct publish_call *c = ctx;
    return publish_commit(s, &c->p, c->done, &c->result, &c->is_new, e);
}

struct result *world_publish(struct world *w, const char *job, const char *name, size_t size, bool keep)
{
    struct publish_call c = {.p = {.job = job,
                                   .name = name,
                                   .type = "",
                                   .media_type = "text/plain",
                                   .keep = keep,
                                   .content_length = (int64_t)size}};
    struct upload *u;
    struct err e;
    unsigned char *bytes = world_bytes(w, size, (unsigned)size);
    must(world_upload(w, bytes, size, &u, &c.done, &e), &e);
    must(world_run(w, publish_call, &c, &e), &e);
    upload_settle(u, c.is_new, 0);
    upload_free(u);
    return c.result;
}

static void print_finding(void *ctx, const char *finding)
{
    (void)ctx;
    print_message("check: %s\n", finding);
}

static void no_progress(void *ctx, const struct check_report *so_far)
{
    (void)ctx;
    (void)so_far;
}

void world_check(struct world *w, struct check_report *ret)
{
    struct err e;
    must(check_run(w->db, w->core.blobs, true, 3600, print_finding, no_progress, NULL, ret, &e), &e);
}

void world_assert_sound(struct world *w)
{
    struct check_report r;
    world_check(w, &r);
    assert_int_equal(r.missing, 0);
    assert_int_equal(r.truncated, 0);
    assert_int_equal(r.damaged, 0);
    assert_int_equal(r.orphans, 0);
    assert_int_equal(r.inconsistent, 0);
    assert_int_equal(
        world_count(w,
                    "SELECT count(*) FROM job j WHERE result_count <> (SELECT count(*) FROM result r WHERE "
                    "r.job = j.pk)"),
        0);
}

static void print_value(struct buf *b, struct world *w, struct db_cursor *c, int column)
{
    size_t len;
    const unsigned char *bytes;
    switch (w->db->ops->type(c, column)) {
    case DB_NULL:
        buf_puts(b, "null");
        break;
    case DB_INT:
        buf_printf(b, "%lld", (long long)db_int(w->db, c, column));
        break;
    case DB_REAL:
        buf_printf(b, "%g", db_real(w->db, c, column));
        break;
    case DB_TEXT:
        buf_puts(b, db_text(w->db, c, column));
        break;
    case DB_BLOB:
        bytes = db_blob(w->db, c, column, &len);
        for (size_t i = 0; i < len; i++)
            buf_printf(b, "%02x", bytes[i]);
        break;
    }
    buf_putc(b, ' ');
}

const char *world_snapshot(struct world *w)
{
    static const struct {
        const char *sql;
        int columns;
    } tables[] = {
        {"SELECT pk, id, status, progress, error, result_count, lease, lease_expires_at, started_at, finished_at,"
         " deleted_at FROM job ORDER BY 1",
         11},
        {"SELECT pk, id, job, name, size, sha256, state, keep, stored, consumed_at, expires_at, due_at, expired_at,"
         " deleted_at, with_job FROM result ORDER BY 1",
         15},
        {"SELECT result, length(bytes) FROM result_bytes ORDER BY 1", 2},
        {"SELECT key, attempts, orphan FROM doomed_blob ORDER BY 1", 3},
        {"SELECT seq, type, object FROM event ORDER BY 1", 3},
        {"SELECT project, state, trash, results, bytes FROM usage ORDER BY 1, 2, 3", 5},
        {"SELECT pk, id, result, expires_at FROM link ORDER BY 1", 4},
        {"SELECT pk, secret, retired_at FROM signing_key ORDER BY 1", 3},
    };
    struct buf b = {.arena = &w->arena};
    struct err e;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct stmt s = {"snapshot", tables[i].sql, true};
        struct db_cursor *c;
        must(db_query(w->db, &s, NULL, 0, &c, &e), &e);
        while (must(db_step(w->db, c, &e), &e)) {
            for (int column = 0; column < tables[i].columns; column++)
                print_value(&b, w, c, column);
            buf_putc(&b, '\n');
        }
        db_done(w->db, c);
    }
    return buf_str(&b);
}
