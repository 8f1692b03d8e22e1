/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL's plans for the lists of the APIs, with every combination of filters: a page of a small project
 * reads a small part of the table, although another one has most of it, and all that is newer. (What SQLite
 * does does not depend on statistics.)
 */
#include "support/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULTS = 20000, MOST_READ = RESULTS / 4, LIMIT = 20 };

static struct world w;
static struct db *db;
static struct db_ops spy;
static const char *what; /* the combination */
static int seen;
static int64_t most_read = MOST_READ;

/* A tenth of each table is the actor's, and older than the rest; 10 of everything a filter may name. */
static void fill(void)
{
    (void)world_publish(&w, world_job(&w), "r", 10, false);
    world_sql(
        &w,
        "INSERT INTO project (name, created_at) VALUES ('large', 1);"
        "INSERT INTO batch (id, project, name, description, created_at)"
        " SELECT 'b' || n, p.pk, 'b' || n, '', n FROM generate_series(1, 200) n JOIN project p"
        " ON (p.name = 'large') = (n > 20) ORDER BY n;"
        "INSERT INTO document (id, project, kind, name, parent, body, creator, created_at, changed_at)"
        " SELECT 'd' || n || '-' || k, b.project, 'label' || k, b.id, 'v' || n % 10, '{}', c.pk, n, n"
        " FROM generate_series(1, 200) n JOIN batch b ON b.id = 'b' || n, generate_series(1, 4) k, principal c"
        " ORDER BY n, k;"
        "INSERT INTO job (id, project, batch, kind, tag, reference_id, priority_weight, status, creator, created_at,"
        " deleted_at, finished_at)"
        " SELECT 'j' || n, b.project, b.pk, 'k' || n / 10 % 10, 't' || n / 100 % 10, 'r' || n, 5,"
        " CASE n % 5 WHEN 0 THEN 'queued' WHEN 1 THEN 'running' WHEN 2 THEN 'completed' WHEN 3 THEN 'failed'"
        " ELSE 'cancelled' END, c.pk, n, CASE n / 7 % 10 WHEN 0 THEN n END, n"
        " FROM generate_series(1, 2000) n JOIN batch b"
        " ON b.id = 'b' || CASE WHEN n > 200 THEN 21 + n / 3 % 180 ELSE 1 + n / 3 % 20 END, principal c ORDER BY n;"
        "INSERT INTO result (id, project, job, job_id, batch, kind, name, type, is_primary, media_type, size, md5,"
        " sha256, crc32, state, is_inline, creator, created_at, due_at, deleted_at)"
        " SELECT j.id || '-' || n, j.project, j.pk, j.id, j.batch, j.kind, 'n' || (n + j.pk) % 10,"
        " CASE n % 3 WHEN 0 THEN '' ELSE 't' || (n + j.pk / 10) % 10 END, 0, 'a/m' || (n + j.pk / 7) % 10, 1,"
        " r.md5, r.sha256, 0,"
        " CASE (n + j.pk / 3) % 3 WHEN 0 THEN 'available' WHEN 1 THEN 'consumed' ELSE 'expired' END,"
        " 1, j.creator, j.pk * 1000 + n, CASE n % 2 WHEN 0 THEN 4000000000000000 - j.pk * 1000 - n END,"
        " CASE (n + j.pk / 5) % 10 WHEN 0 THEN j.pk * 1000 + n END"
        " FROM job j, generate_series(1, 10) n, result r WHERE j.tag IS NOT NULL ORDER BY j.pk, n;"
        "INSERT INTO result_state (in_project, in_state, pk) SELECT project, state, pk FROM result WHERE true"
        " ON CONFLICT DO NOTHING;"
        "INSERT INTO event (seq, project, at, type, object) SELECT n + 1000, p.pk, n, 'result.' || n % 10, 'o' || n"
        " FROM generate_series(1, 20000) n JOIN project p ON (p.name = 'large') = (n > 2000);"
        "ANALYZE");
}

/* --- looking at plans --- */

static int64_t number_after(const char *line, const char *words)
{
    const char *p = strstr(line, words);
    return p ? strtoll(p + strlen(words), NULL, 10) : 0;
}

/* "-> Index Scan … (actual rows=20 loops=1)", and below it "Rows Removed by Filter: 5", for each loop. */
static int64_t rows_read(const char *plan)
{
    int64_t sum = 0;
    int64_t loops = 0;
    for (const char *p = plan; *p; p += strcspn(p, "\n") + 1) {
        char line[2000];
        (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(p, "\n"), p);
        if (strstr(line, "(actual ") || strstr(line, "(never "))
            loops = strstr(line, " Scan ") ? number_after(line, "loops=") : 0;
        if (strstr(line, "(actual "))
            sum += number_after(line, "rows=") * loops;
        sum += number_after(line, "Rows Removed by Filter: ") * loops;
    }
    return sum;
}

static const char *lines_of(struct arena *a, const char *text, const struct db_value *args, int count)
{
    struct buf plan = {.arena = a};
    struct stmt s = {"plan", text, true};
    struct db_cursor *c;
    struct err e;
    if (db_pg_ops.query(db, &s, args, count, &c, &e) < 0)
        fail_msg("%s: %s", text, e.log);
    while (must(db_pg_ops.step(db, c, &e), &e))
        buf_printf(&plan, "%s\n", db_pg_ops.get_text(c, 0));
    db_pg_ops.done(db, c);
    return buf_str(&plan);
}

#define LOOK "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF) "

static void must_read_few(const char *plan, const char *text)
{
    if (strstr(plan, "Seq Scan on result") || rows_read(plan) > most_read)
        fail_msg("%s: %lld rows are read by %s\n%s", what, (long long)rows_read(plan), text, plan);
}

static void look(struct arena *a, const char *text, const struct db_value *args, int count)
{
    must_read_few(lines_of(a, arena_printf(a, LOOK "%s", text), args, count), text);
}

static int spy_query(struct db *on, const struct stmt *s, const struct db_value *args, int count,
                     struct db_cursor **ret, struct err *e)
{
    struct arena a = {0};
    seen++;
    if (!s->dynamic)
        fail_msg("%s is prepared, so its plan may become one for any values: %s", what, s->name);
    look(&a, s->text, args, count);
    arena_free(&a);
    assert_ptr_equal(on, db);
    return db_pg_ops.query(on, s, args, count, ret, e);
}

static int open_all(void **state)
{
    struct err e;
    (void)state;
    if (!pg_wanted())
        return 0;
    world_open(&w);
    fill();
    must(database_open_reader(&w.database, true, &db, &e), &e);
    spy = db_pg_ops;
    spy.query = spy_query;
    db->ops = &spy;
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    if (!pg_wanted())
        return 0;
    db->ops = &db_pg_ops;
    db_close(db);
    world_close(&w);
    return 0;
}

static void begin(void)
{
    seen = 0;
    if (!pg_wanted())
        skip();
}

/* --- lists --- */

/* Takes the next of `of` choices from *n. */
static int choose(int *n, int of)
{
    int choice = *n % of;
    *n /= of;
    return choice;
}

static struct labels choose_labels(int *n)
{
    static const struct label all[] = {{"label1", "v1"}, {"label2", "v2"}};
    return (struct labels){all, 2 * choose(n, 2)};
}

static void results_by_all_filters(void **state)
{
    static const char *const states[] = {NULL, "any", "consumed", "expired"};
    (void)state;
    begin();
    for (int i = 0; i < 2 * 2 * 2 * 3 * 2 * 4 * 2 * 3; i++) {
        int n = i;
        struct page page = {.limit = LIMIT};
        struct result *r;
        struct err e;
        struct result_filter f = {.project = w.actor.project, .now = w.now, .oldest_first = i % 5 == 0};
        f.job = choose(&n, 2) * 7;
        f.batch = choose(&n, 2) * 5;
        f.name = choose(&n, 2) ? "n3" : NULL;
        int typed = choose(&n, 3);
        f.type = typed ? "t4" : NULL;
        f.untyped = typed == 2 ? "a/m5" : NULL;
        f.kind = choose(&n, 2) ? "k6" : NULL;
        f.state = states[choose(&n, 4)];
        if (i % 3 == 0) {
            f.created_after = 1000;
            f.created_before = INT64_C(1) << 40;
        }
        f.labels = choose_labels(&n);
        f.deleted = (enum deleted_filter)choose(&n, 3);
        what = arena_printf(&w.arena, "results %d", i);
        must(store_result_list(db, &w.arena, &f, &page, &r, &e), &e);
    }
    assert_true(seen > 1000);
}

static int64_t large_project(void)
{
    struct stmt s = {"large", "SELECT pk FROM project WHERE name = 'large'", true};
    struct db_cursor *c;
    struct err e;
    must(db_query(w.db, &s, NULL, 0, &c, &e), &e);
    must(db_step(w.db, c, &e), &e);
    int64_t pk = db_int(w.db, c, 0);
    db_done(w.db, c);
    return pk;
}

/* Nine tenths of the rows are its own, and the page is full wherever it begins. */
static void a_page_of_a_large_project_reads_few_rows(void **state)
{
    static const char *const states[] = {NULL, "any", "consumed", "expired"};
    (void)state;
    begin();
    int64_t project = large_project();
    seen = 0;
    most_read = 15 * LIMIT * 3;
    for (int i = 0; i < 2 * 2 * 4; i++) {
        struct page page = {.limit = LIMIT};
        struct result *r;
        struct err e;
        struct result_filter f = {
            .project = project, .now = w.now, .oldest_first = i % 2 == 0, .state = states[i / 4]};
        f.created_after = i / 2 % 2;
        what = arena_printf(&w.arena, "page %d", i);
        must(store_result_list(db, &w.arena, &f, &page, &r, &e), &e);
        for (int rows = 0; rows < LIMIT; rows++, r = r->next)
            assert_non_null(r);
    }
    most_read = MOST_READ;
    assert_true(seen >= 16);
}

/* Those of the actor are due after all others. */
static void what_expires_next(void **state)
{
    const int64_t projects[] = {w.actor.project, pg_wanted() ? large_project() : 0};
    (void)state;
    begin();
    most_read = 5 * LIMIT;
    for (int i = 0; i < 2; i++) {
        struct result *r;
        struct err e;
        what = "expiring";
        must(store_result_expiring(db, &w.arena, projects[i], w.now, LIMIT, &r, &e), &e);
        for (int rows = 0; rows < LIMIT; rows++, r = r->next)
            assert_non_null(r);
    }
    most_read = MOST_READ;
    assert_int_equal(seen, 2);
}

static void jobs_by_all_filters(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 2 * 3 * 3 * 2 * 2 * 2 * 3; i++) {
        int n = i;
        struct page page = {.limit = LIMIT};
        struct job_filter f = {.project = w.actor.project, .now = w.now, .oldest_first = i % 5 == 0};
        struct job *j;
        struct err e;
        bool cut;
        f.batch = choose(&n, 2) * 5;
        int statuses = choose(&n, 3);
        f.status = statuses ? "queued" : NULL;
        f.or_status = statuses == 2 ? "running" : NULL;
        int kinds = choose(&n, 3);
        f.kind = kinds ? "k3" : NULL;
        f.or_kind = kinds == 2 ? "k4" : NULL;
        f.reference_id = choose(&n, 2) ? "r77" : NULL;
        f.tag = choose(&n, 2) ? "t5" : NULL;
        f.created_after = i % 3;
        f.labels = choose_labels(&n);
        f.deleted = (enum deleted_filter)choose(&n, 3);
        what = arena_printf(&w.arena, "jobs %d", i);
        must(store_job_list(db, &w.arena, &f, &page, &j, &cut, &e), &e);
    }
    assert_true(seen > 400);
}

static int any_batch(void *ctx, const struct batch *b, struct err *e)
{
    (void)ctx;
    (void)b;
    (void)e;
    return 0;
}

static void the_other_lists(void **state)
{
    static const char *const all[] = {NULL};
    static const char *const types[] = {"result.1", "result.2", NULL};
    (void)state;
    begin();
    for (int i = 0; i < 2 * 2 * 2; i++) {
        int n = i;
        bool turned = choose(&n, 2);
        bool narrow = choose(&n, 2);
        struct labels labels = choose_labels(&n);
        struct page page = {.limit = LIMIT};
        struct batch_filter batches = {w.actor.project, labels, narrow ? 3 : 0, turned};
        struct document_filter documents = {w.actor.project, "label3", narrow ? "v3" : NULL, labels, turned};
        struct event_filter events = {w.actor.project, narrow ? types : all, narrow ? 3 : 0, turned};
        struct document *d;
        struct event *v;
        struct err e;
        what = arena_printf(&w.arena, "lists %d", i);
        must(store_batch_each(db, &w.arena, &batches, &page, any_batch, NULL, &e), &e);
        must(store_document_list(db, &w.arena, &documents, &page, &d, &e), &e);
        must(store_event_list(db, &w.arena, &events, &page, &v, &e), &e);
    }
    assert_true(seen >= 24);
}

static void a_walk_is_seen(void **state)
{
    (void)state;
    begin();
    const char *plan = lines_of(&w.arena, LOOK "SELECT pk FROM result WHERE size = 77 ORDER BY pk", NULL, 0);
    assert_true(rows_read(plan) > RESULTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_is_seen),      cmocka_unit_test(results_by_all_filters),
        cmocka_unit_test(what_expires_next),   cmocka_unit_test(a_page_of_a_large_project_reads_few_rows),
        cmocka_unit_test(jobs_by_all_filters), cmocka_unit_test(the_other_lists),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
