/* SPDX-License-Identifier: Apache-2.0 */
/* What a filter asks of the database: an index wherever one can serve, and nothing sorted that need not be.
 */
#include "api/ufdl.h"
#include "store/result_row.h"
#include "support/world.h"

#include <string.h>

static const struct ufdl_field fields[] = {
    {"pk", &store_result_columns[RESULT_PK]},
    {"job", &store_result_columns[RESULT_JOB]},
    {"name", &store_result_columns[RESULT_NAME]},
    {"type", &store_result_columns[RESULT_TYPE]},
    {"kind", &store_result_columns[RESULT_KIND]},
    {"creator", &store_result_columns[RESULT_CREATOR]},
    {"created", &store_result_columns[RESULT_CREATED_AT]},
};

static struct world w;
static struct err e;

static int set_up(void **state)
{
    (void)state;
    world_open(&w);
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
    must(ufdl_filter_parse(&w.arena, body, fields, API_COUNT(fields), &f, &e), &e);
    row_sql_add(&q, "EXPLAIN QUERY PLAN ");
    result_query_sql(&q, w.actor.project, &f);
    struct stmt s = {"plan", buf_str(&q.text), true};
    must(db_query(w.db, &s, q.args, q.count, &c, &e), &e);
    while (db_step(w.db, c, &e) > 0)
        buf_printf(&steps, "%s\n", db_text(w.db, c, 3));
    db_done(w.db, c);
    return buf_str(&steps);
}

static void check(const char *spec, const char *wanted, bool sorted)
{
    const char *plan = plan_of(spec);
    bool sorts = strstr(plan, "USE TEMP B-TREE FOR ORDER BY") != NULL;
    if (!strstr(plan, wanted) || strstr(plan, "SCAN") || sorts != sorted)
        fail_msg("%s: wanted %s%s, but:\n%s", spec, wanted, sorted ? " and a sort" : "", plan);
}

#define ONE(expression)   "{\"expressions\":[" expression "]}"
#define EXACT(field, v)   "{\"type\":\"exact\",\"field\":\"" field "\",\"value\":" v "}"
#define COMPARE(field, v) "{\"type\":\"compare\",\"field\":\"" field "\",\"operator\":\">\",\"value\":" v "}"
#define BY(field)         "\"order_by\":[{\"field\":\"" field "\"}]"

static void what_is_exact_is_found_by_its_index_in_the_order_of_pk(void **state)
{
    (void)state;
    check(ONE(EXACT("pk", "1")), "USING INTEGER PRIMARY KEY (rowid=?)", false);
    check(ONE(EXACT("job", "1")), "result_job (job=?)", false);
    check(ONE(EXACT("name", "\"a\"")), "result_name (project=? AND name=?)", false);
    check(ONE(EXACT("type", "\"a\"")), "result_type (project=? AND type=?)", false);
    check(ONE(EXACT("kind", "\"a\"")), "result_kind (project=? AND kind=?)", false);
    check(ONE(EXACT("created", "\"2020-01-01\"")), "result_created (project=? AND created_at=?)", false);
}

static void the_narrowest_serves(void **state)
{
    (void)state;
    check(ONE(EXACT("kind", "\"a\"") "," EXACT("name", "\"b\"")), "result_name (project=? AND name=?)",
          false);
    check(ONE(EXACT("name", "\"b\"") "," EXACT("job", "1")), "result_job (job=?)", false);
    check(ONE(COMPARE("job", "1") "," EXACT("kind", "\"a\"")), "result_kind (project=? AND kind=?)", false);
    check(
        ONE("{\"type\":\"and\",\"sub_expressions\":[" EXACT("name", "\"b\"") "," EXACT("creator", "1") "]}"),
        "result_name (project=? AND name=?)", false);
}

static void a_comparison_is_found_by_its_index_and_sorted(void **state)
{
    (void)state;
    check(ONE(COMPARE("job", "1")), "result_job (job>?)", true);
    check(ONE(COMPARE("name", "\"a\"")), "result_name (project=? AND name>?)", true);
    check(ONE(COMPARE("created", "\"2020-01-01\"")), "result_created (project=? AND created_at>?)", true);
    check(ONE(COMPARE("pk", "1")), "result_state (project=? AND state=? AND pk>?)", false);
}

static void a_whole_project_is_read_in_order_without_a_sort(void **state)
{
    (void)state;
    check("{}", "result_state (project=? AND state=?)", false);
    check(ONE(EXACT("creator", "1")), "result_state (project=? AND state=?)", false);
    check(ONE(EXACT("type", "\"\"")), "result_state (project=? AND state=?)", false);
    check("{" BY("created") "}", "result_created (project=?)", false);
    check("{" BY("name") "}", "result_name (project=?)", false);
    check("{\"order_by\":[{\"field\":\"pk\",\"ascending\":false}]}", "result_state (project=? AND state=?)",
          false);
    check("{" BY("creator") "}", "(project=?)", true);
}

/* Folding, turning around and alternatives are no business of an index. */
static void what_no_index_can_serve_is_not_mistaken_for_it(void **state)
{
    (void)state;
    check(ONE("{\"type\":\"exact\",\"field\":\"name\",\"value\":\"a\",\"case_insensitive\":true}"),
          "result_state (project=? AND state=?)", false);
    check(ONE("{\"type\":\"exact\",\"field\":\"job\",\"value\":1,\"invert\":true}"),
          "result_state (project=? AND state=?)", false);
    check(ONE("{\"type\":\"or\",\"sub_expressions\":[" EXACT("name", "\"b\"") "," EXACT("creator", "1") "]}"),
          "result_state (project=? AND state=?)", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_exact_is_found_by_its_index_in_the_order_of_pk, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_narrowest_serves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_comparison_is_found_by_its_index_and_sorted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_whole_project_is_read_in_order_without_a_sort, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_index_can_serve_is_not_mistaken_for_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
