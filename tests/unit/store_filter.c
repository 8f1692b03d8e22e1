/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter asks of the database: an index wherever one can serve, and nothing sorted that need not be.
 */
#include "api/ufdl.h"
#include "store/result_row.h"
#include "support/world.h"

#include <string.h>

static struct world w;
static struct err e;

/* With as many rows as it takes that reading all of them is no choice, of many names and jobs in two
 * projects. */
static void fill(void)
{
    (void)world_publish(&w, world_job(&w), "r", 10, false);
    world_sql(
        &w,
        "INSERT INTO project (name, created_at) VALUES ('other', 1);"
        "INSERT INTO job (id, project, kind, priority_weight, status, creator, created_at)"
        " SELECT 'j' || n, p.pk, 'k' || n % 5, 5, 'completed', j.creator, n FROM generate_series(1, 300) n,"
        " project p, job j WHERE p.pk = 1 + n % 2;"
        "INSERT INTO result (id, project, job, job_id, kind, name, type, is_primary, media_type, size, md5,"
        " sha256, crc32, state, is_inline, creator, created_at) SELECT j.id || '-' || n, j.project, j.pk, j.id,"
        " j.kind, 'n' || j.pk || '-' || n % 7, CASE n % 3 WHEN 0 THEN 't' || n ELSE '' END || n, 0, 'a/b', 1,"
        " r.md5, r.sha256, 0, CASE n % 3 WHEN 0 THEN 'available' WHEN 1 THEN 'consumed' ELSE 'expired' END, 1,"
        " j.creator, j.pk * 1000 + n FROM job j, generate_series(1, 100) n, result r WHERE j.pk > 1;"
        "INSERT INTO result_state (in_project, in_state, pk) SELECT project, state, pk FROM result WHERE true"
        " ON CONFLICT DO NOTHING;"
        "ANALYZE");
}

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
    if (w.db->ops->remote)
        fill();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

/* The steps of the plan, one a line. */
static const char *plan_of(const char *spec)
{
    struct buf steps = {.arena = &w.arena};
    struct row_sql q = {.text = {.arena = &w.arena}};
    const struct json *body;
    struct db_cursor *c;
    struct filter f;
    must(json_parse(&w.arena, spec, strlen(spec), 8, &body, &e), &e);
    must(ufdl_filter_parse(&w.arena, body, ufdl_outputs.fields, ufdl_outputs.count, &f, &e), &e);
    row_sql_add(&q, w.db->ops->remote ? "EXPLAIN " : "EXPLAIN QUERY PLAN ");
    result_query_sql(&q, w.actor.project, &f);
    struct stmt s = {"plan", buf_str(&q.text), true};
    must(db_query(w.db, &s, q.args, q.count, &c, &e), &e);
    while (db_step(w.db, c, &e) > 0)
        buf_printf(&steps, "%s\n", db_text(w.db, c, w.db->ops->remote ? 0 : 3));
    db_done(w.db, c);
    return buf_str(&steps);
}

static void check(const char *spec, const char *wanted, bool sorted)
{
    const char *plan = plan_of(spec);
    bool sorts = strstr(plan, "USE TEMP B-TREE FOR ORDER BY") != NULL;
    if (!strstr(plan, wanted) || strstr(plan, "SCAN r") || sorts != sorted)
        fail_msg("%s: wanted %s%s, but:\n%s", spec, wanted, sorted ? " and a sort" : "", plan);
}

/* PostgreSQL chooses by what the rows are, among equals as it likes, and knows when sorting costs less. */
static void check_index(const char *spec)
{
    const char *plan = plan_of(spec);
    if (strstr(plan, "Seq Scan on result") || !strstr(plan, "Index"))
        fail_msg("%s: wanted an index, but:\n%s", spec, plan);
}

static void wants(const char *spec, const char *wanted, bool sorted)
{
    if (w.db->ops->remote)
        check_index(spec);
    else
        check(spec, wanted, sorted);
}

#define ONE(expression)   "{\"expressions\":[" expression "]}"
#define EXACT(field, v)   "{\"type\":\"exact\",\"field\":\"" field "\",\"value\":" v "}"
#define COMPARE(field, v) "{\"type\":\"compare\",\"field\":\"" field "\",\"operator\":\">\",\"value\":" v "}"
#define BY(field)         "\"order_by\":[{\"field\":\"" field "\"}]"

static void what_is_exact_is_found_by_its_index_in_the_order_of_pk(void **state)
{
    (void)state;
    wants(ONE(EXACT("pk", "1")), "USING INTEGER PRIMARY KEY (rowid=?)", false);
    wants(ONE(EXACT("job", "1")), "result_job (job=?)", false);
    wants(ONE(EXACT("name", "\"a\"")), "result_name (project=? AND name=?)", false);
    wants(ONE(EXACT("type", "\"a\"")), "result_type (project=? AND type=?)", false);
    wants(ONE(EXACT("type", "\"\"")), "result_type (project=? AND type=?)", false);
    wants(ONE(EXACT("creator", "1")), "result_creator (project=? AND creator=?)", false);
    wants(ONE(EXACT("creation_time", "\"2020-01-01\"")), "result_created (project=? AND created_at=?)",
          false);
}

static void the_narrowest_serves(void **state)
{
    (void)state;
    wants(ONE(EXACT("creator", "1") "," EXACT("name", "\"b\"")), "result_name (project=? AND name=?)", false);
    wants(ONE(EXACT("name", "\"b\"") "," EXACT("job", "1")), "result_job (job=?)", false);
    wants(ONE(COMPARE("job", "1") "," EXACT("creator", "1")), "result_creator (project=? AND creator=?)",
          false);
    wants(
        ONE("{\"type\":\"and\",\"sub_expressions\":[" EXACT("name", "\"b\"") "," EXACT("creator", "1") "]}"),
        "result_name (project=? AND name=?)", false);
}

static void a_comparison_is_found_by_its_index_and_sorted(void **state)
{
    (void)state;
    wants(ONE(COMPARE("job", "1")), "result_job (job>?)", true);
    wants(ONE(COMPARE("name", "\"a\"")), "result_name (project=? AND name>?)", true);
    wants(ONE(COMPARE("creation_time", "\"2020-01-01\"")), "result_created (project=? AND created_at>?)",
          true);
    wants(ONE(COMPARE("pk", "1")), "s USING PRIMARY KEY (in_project=? AND in_state=? AND pk>?)", false);
}

static void a_whole_project_is_read_in_order_without_a_sort(void **state)
{
    (void)state;
    wants("{}", "s USING PRIMARY KEY (in_project=? AND in_state=?)", false);
    wants(ONE("{\"type\":\"isnull\",\"field\":\"name\"}"),
          "s USING PRIMARY KEY (in_project=? AND in_state=?)", false);
    wants("{" BY("creation_time") "}", "result_created (project=?)", false);
    wants("{" BY("name") "}", "result_name (project=?)", false);
    wants("{\"order_by\":[{\"field\":\"pk\",\"ascending\":false}]}",
          "s USING PRIMARY KEY (in_project=? AND in_state=?)", false);
    wants("{" BY("job.description") "}", "(project=?)", true);
}

/* What belongs to the job, its template or a user is found by their keys, which are fewer. */
static void what_belongs_to_another_object_is_found_by_its_keys(void **state)
{
    (void)state;
    wants(ONE(EXACT("creator.username", "\"a\"")), "result_creator (project=? AND creator=?)", true);
    wants(ONE(EXACT("job.template.name", "\"a\"")), "result_kind (project=? AND kind=?)", true);
    wants(ONE(COMPARE("job.template.name", "\"a\"")), "result_kind (project=? AND kind=?)", true);
    wants(ONE(EXACT("job.description", "\"a\"")), "result_job (job=?)", true);
    wants(ONE(EXACT("job.description", "\"a\"") "," EXACT("creator", "1")),
          "result_creator (project=? AND creator=?)", false);
}

static const char *value_of(enum filter_type type)
{
    return type == FILTER_TEXT ? "\"a\"" : type == FILTER_TIME ? "\"2020-01-01\"" : "1";
}

static void every_field_that_is_compared_has_an_index(void **state)
{
    static const char *const kinds[][2] = {
        {"exact", ""}, {"compare", "\"operator\":\">\","}, {"compare", "\"operator\":\"<=\","}};
    (void)state;
    for (size_t i = 0; i < 2 * ufdl_outputs.count * API_COUNT(kinds); i++) {
        const struct ufdl_field *f = &ufdl_outputs.fields[i / 2 / API_COUNT(kinds)];
        const char *const *kind = kinds[i / 2 % API_COUNT(kinds)];
        const char *spec =
            arena_printf(&w.arena,
                         "{\"expressions\":[{\"type\":\"%s\",%s\"field\":\"%s\",\"value\":%s}],"
                         "\"include_inactive\":%s}",
                         kind[0], kind[1], f->path, value_of(f->column->type), i % 2 ? "true" : "false");
        if (w.db->ops->remote) {
            check_index(spec);
            continue;
        }
        const char *plan = plan_of(spec);
        const char *step = strstr(plan, "SEARCH r USING ");
        step = step ? step : strstr(plan, "SEARCH s USING ");
        step = step ? arena_copy(&w.arena, step, strcspn(step, "\n")) : "";
        if (!*step || strstr(step, "(project=?)") || strstr(step, "(in_project=? AND in_state=?)"))
            fail_msg("%s: wanted an index, but:\n%s", spec, plan);
    }
}

/* Folding, turning around and alternatives are no business of an index. */
static void what_no_index_can_serve_is_not_mistaken_for_it(void **state)
{
    (void)state;
    wants(ONE("{\"type\":\"exact\",\"field\":\"name\",\"value\":\"a\",\"case_insensitive\":true}"),
          "s USING PRIMARY KEY (in_project=? AND in_state=?)", false);
    wants(ONE("{\"type\":\"exact\",\"field\":\"job\",\"value\":1,\"invert\":true}"),
          "s USING PRIMARY KEY (in_project=? AND in_state=?)", false);
    wants(ONE("{\"type\":\"or\",\"sub_expressions\":[" EXACT("name", "\"b\"") "," EXACT("creator", "1") "]}"),
          "s USING PRIMARY KEY (in_project=? AND in_state=?)", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_exact_is_found_by_its_index_in_the_order_of_pk, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_narrowest_serves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_comparison_is_found_by_its_index_and_sorted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_whole_project_is_read_in_order_without_a_sort, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_belongs_to_another_object_is_found_by_its_keys, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_field_that_is_compared_has_an_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_index_can_serve_is_not_mistaken_for_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
