/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every constant statement of the product, prepared on the engine that is tested. The list is made by the
 * linker (DB_LISTED), so none can be forgotten; dynamic ones are run by what asks for lists.
 */
#include "support/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct stmt __start_db_statements[], __stop_db_statements[];

enum { MANY_ARGS = 40 };

static struct world w;

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

/* With nothing but NULLs: a constraint may object, the statement itself may not be wrong. A server prepares
 * it when an answer is asked for. */
static int try_one(const struct stmt *s, struct err *e)
{
    static const struct db_value nothing[MANY_ARGS] = {{.type = DB_NULL}};
    struct db_cursor *c;
    int rc = db_query(w.db, s, nothing, MANY_ARGS, &c, e);
    if (rc < 0)
        return rc;
    rc = w.db->ops->remote ? db_step(w.db, c, e) : 0;
    db_done(w.db, c);
    return rc == ERR_DB_CONSTRAINT ? 0 : rc;
}

static void each_is_prepared(void **state)
{
    struct err e;
    int count = 0;
    (void)state;
    for (const struct stmt *s = __start_db_statements; s < __stop_db_statements; s++, count++)
        if (try_one(s, &e) < 0)
            fail_msg("%s: %s", s->name, e.log);
    assert_true(count > 80);
    struct stmt wrong = {"wrong", "SELECT nothing FROM result", true};
    assert_true(try_one(&wrong, &e) < 0);
}

/* So that a name in a log tells which one. */
static void each_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (const struct stmt *s = __start_db_statements; s < __stop_db_statements; s++)
        for (const struct stmt *t = __start_db_statements; t < s; t++)
            if (strcmp(s->name, t->name) == 0)
                fail_msg("two statements are called %s", s->name);
}

/* --- PostgreSQL's plans --- */

/* How many arguments a statement takes. */
static int arguments(const char *text)
{
    int most = 0;
    for (const char *p = strchr(text, '$'); p; p = strchr(p + 1, '$')) {
        int n = (int)strtol(p + 1, NULL, 10);
        most = n > most ? n : most;
    }
    return most;
}

/* As it is for all values, which is what a connection keeps of a statement that it has run a few times. */
static const char *lasting_plan(const struct stmt *s)
{
    struct buf call = {.arena = &w.arena};
    struct buf plan = {.arena = &w.arena};
    struct db_cursor *c;
    struct err e;
    int count = arguments(s->text);
    must(w.db->ops->script(w.db, "DEALLOCATE ALL", &e), &e);
    must(w.db->ops->script(w.db, arena_printf(&w.arena, "PREPARE looked_at AS %s", s->text), &e), &e);
    buf_puts(&call, "EXPLAIN (COSTS OFF) EXECUTE looked_at");
    for (int i = 0; i < count; i++)
        buf_puts(&call, i ? ", NULL" : "(NULL");
    buf_puts(&call, count ? ")" : "");
    struct stmt explain = {"explain", buf_str(&call), true};
    must(db_query(w.db, &explain, NULL, 0, &c, &e), &e);
    while (must(db_step(w.db, c, &e), &e))
        buf_printf(&plan, "%s\n", db_text(w.db, c, 0));
    db_done(w.db, c);
    return buf_str(&plan);
}

/* The table that a line of a plan scans. */
static bool scans(const char *line, const char *table)
{
    const char *at = strstr(line, " on ");
    size_t length = strlen(table);
    return at && strstr(line, "Scan ") && strncmp(at + 4, table, length) == 0 && at[4 + length] != '_';
}

/*
 * Whether a table to which many rows may be added in a second is read as a whole, other than for the first
 * rows in the order of an index. Smaller ones may be until the server looks at them again, which it does
 * within a minute or so of 50 new rows.
 */
static const char *read_as_a_whole(const char *plan)
{
    static const char *const large[] = {"result",         "result_state", "result_bytes", "result_table",
                                        "representation", "job",          "event",        "link",
                                        "making",         "document",     "doomed_blob"};
    const char *before = "";
    for (const char *line = plan; *line; before = line, line += strcspn(line, "\n") + 1) {
        const char *next = line + strcspn(line, "\n") + 1;
        const char *text = arena_copy(&w.arena, line, (size_t)(next - line));
        for (size_t i = 0; i < sizeof large / sizeof *large; i++)
            if (scans(text, large[i]) && strncmp(next + strspn(next, " "), "Index Cond:", 11) != 0 &&
                strncmp(before + strspn(before, " ->"), "Limit", 5) != 0)
                return large[i];
    }
    return strstr(plan, "hashed SubPlan") ? "all that a hash is made of" : NULL;
}

/* Those of `resultd check` read all there is, and may take the time they need. */
static bool is_planned(const struct stmt *s)
{
    return strncmp(s->text, "CREATE ", 7) != 0 && !strstr(s->name, "_check");
}

static void none_reads_a_whole_table_that_was_small(void **state)
{
    (void)state;
    if (!pg_wanted())
        skip();
    (void)world_publish(&w, world_job(&w), "r", 10, false);
    world_sql(&w, "ANALYZE; SELECT set_config('plan_cache_mode', 'force_generic_plan', false)");
    for (const struct stmt *s = __start_db_statements; s < __stop_db_statements; s++) {
        const char *plan = is_planned(s) ? lasting_plan(s) : "";
        const char *table = read_as_a_whole(plan);
        if (table)
            fail_msg("%s reads %s:\n%s\n%s", s->name, table, s->text, plan);
    }
    static const struct stmt walk = {"walk",
                                     "DELETE FROM event WHERE seq IN (SELECT e.seq FROM (SELECT seq, at"
                                     " FROM event ORDER BY seq LIMIT $1) e WHERE at < $2)"};
    assert_string_equal(read_as_a_whole(lasting_plan(&walk)), "event");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_prepared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_has_a_name_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(none_reads_a_whole_table_that_was_small, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
