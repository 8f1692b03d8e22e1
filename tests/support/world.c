/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "support/world.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/pool.h"
#include "blob/disk.h"
#include "core/access.h"
#include "core/pending.h"

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
        rc = access_create_key(s, "tester", SCOPE_ADMIN, key, e);
    if (rc == 0)
        rc = access_authenticate(&authenticated, key, e);
    if (rc == 0)
        w->actor = authenticated.actor;
    return rc;
}

void world_open(struct world *w)
{
    struct err e;
    struct blob_store *blobs;
    *w = (struct world){.now = clock_now()};
    temp_make(w->path);
    must(conf_defaults(&settings_conf, &w->arena, &w->settings, &e), &e);
    w->settings.disk_floor = 0;
    atomic_store(&w->core.settings, &w->settings);
    must(folder_prepare(w->path, &w->folder, &e), &e);
    must(disk_open(w->folder.blobs_path, &blobs, &e), &e);
    w->db = world_writer(w);
    w->core.blobs = failing_blobs(&w->fault, blobs);
    w->core.workers = pool_new(2, "worker");
    w->core.pending = pending_new();
    world_sql(w,
              "PRAGMA synchronous = OFF"); /* durability is not what these tests are about, and costs most */
    must(world_run(w, make_actor, w, &e), &e);
}

void world_close(struct world *w)
{
    pool_free(w->core.workers);
    db_close(w->db);
    pending_free(w->core.pending);
    blob_store_close(w->core.blobs);
    arena_free(&w->arena);
    temp_remove(w->path);
}

struct db *world_reader(struct world *w)
{
    struct err e;
    struct db *db;
    must(folder_open_reader(&w->folder, 5, 0, &db, &e), &e);
    return failing_db(&w->fault, db);
}

struct db *world_writer(struct world *w)
{
    struct err e;
    struct db *db;
    must(folder_open_writer(&w->folder, true, 5, &db, &e), &e);
    return failing_db(&w->fault, db);
}

void world_sql(struct world *w, const char *sql)
{
    struct err e;
    must(w->db->ops->script(w->db, sql, &e), &e);
    must(w->db->ops->script(w->db,
                            "DELETE FROM usage; INSERT INTO usage (project, state, trash, results, bytes)"
                            " SELECT project, state, deleted_at IS NOT NULL, count(*), sum(size * stored)"
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
    struct upload *u = upload_new(&w->core, (int64_t)size, NULL, temp_signal, &wake);
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
    if (c.is_new)
        upload_keep(u);
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

const char *world_snapshot(struct world *w)
{
    static const char *const tables[] = {
        "SELECT json_group_array(json_array(pk, id, status, progress, error, result_count, lease, lease_expires_at,"
        " started_at, finished_at, deleted_at)) FROM job",
        "SELECT json_group_array(json_array(pk, id, job, name, size, hex(sha256), state, keep, stored, consumed_at,"
        " expires_at, due_at, expired_at, deleted_at, with_job)) FROM result",
        "SELECT json_group_array(json_array(result, length(bytes))) FROM result_bytes",
        "SELECT json_group_array(json_array(key, attempts)) FROM doomed_blob",
        "SELECT json_group_array(json_array(seq, type, object)) FROM event",
        "SELECT json_group_array(json_array(project, state, trash, results, bytes)) FROM usage",
        "SELECT json_group_array(json_array(pk, id, result, expires_at)) FROM link",
        "SELECT json_group_array(json_array(pk, hex(secret), retired_at)) FROM signing_key",
    };
    struct buf b = {.arena = &w->arena};
    struct err e;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct stmt s = {"snapshot", tables[i], true};
        struct db_cursor *c;
        must(db_query(w->db, &s, NULL, 0, &c, &e), &e);
        must(db_step(w->db, c, &e), &e);
        buf_puts(&b, db_text(w->db, c, 0));
        buf_putc(&b, '\n');
        db_done(w->db, c);
    }
    return buf_str(&b);
}
