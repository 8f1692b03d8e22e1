/* SPDX-License-Identifier: Apache-2.0 */
/* The engines' schemas are the same tables, columns, indexes and references, and hold the same rows when they
 * are new: both are brought into one form and compared. */
#include "support/world.h"

#include <ctype.h>
#include <string.h>

#define SQLITE_TABLES "(SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%')"
#define PG_OURS       "n.nspname = current_schema() AND c.relname <> 'db_operation'"

/* table, column, type, may be null, default */
static const char sqlite_columns[] =
    "SELECT t.name || '.' || c.name || ' ' || CASE c.type WHEN 'BIGINT' THEN 'INTEGER' ELSE c.type END || ' '"
    " || CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN 'not null' ELSE 'null' END"
    " || coalesce(' ' || trim(c.dflt_value, ''''), '')"
    " FROM " SQLITE_TABLES " t JOIN pragma_table_info(t.name) c ORDER BY t.name, c.cid";
static const char pg_columns[] =
    "SELECT c.relname || '.' || a.attname || ' ' || CASE format_type(a.atttypid, NULL) WHEN 'bigint' THEN 'INTEGER'"
    " WHEN 'text' THEN 'TEXT' WHEN 'bytea' THEN 'BLOB' WHEN 'double precision' THEN 'REAL'"
    " ELSE format_type(a.atttypid, NULL) END || ' ' || CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END"
    " || coalesce(' ' || trim(both '''' from split_part(pg_get_expr(d.adbin, d.adrelid), '::', 1)), '')"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
    " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
    " WHERE c.relkind = 'r' AND a.attnum > 0 AND " PG_OURS " ORDER BY c.relname COLLATE \"C\", a.attnum";

/* table, name unless it is of a constraint, unique, columns, partial; not the key that a table is stored by
 */
static const char sqlite_indexes[] =
    "SELECT t.name || ' ' || CASE i.origin WHEN 'c' THEN i.name ELSE '-' END || ' ' || i.\"unique\" || ' ' ||"
    " (SELECT group_concat(k.name || CASE k.desc WHEN 1 THEN ' DESC' ELSE '' END) FROM"
    " (SELECT * FROM pragma_index_xinfo(i.name) x WHERE x.key = 1 ORDER BY x.seqno) k) || ' ' || i.partial AS line"
    " FROM " SQLITE_TABLES " t JOIN pragma_index_list(t.name) i ORDER BY line";
static const char pg_indexes[] =
    "SELECT line FROM (SELECT c.relname || ' ' || CASE WHEN o.oid IS NULL THEN x.relname ELSE '-' END || ' '"
    " || CASE WHEN i.indisunique THEN 1 ELSE 0 END || ' ' || (SELECT string_agg(a.attname || CASE i.indoption[k.n - 1]"
    " & 1 WHEN 1 THEN ' DESC' ELSE '' END, ',' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k (column_at, n)"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.column_at)"
    " || ' ' || CASE WHEN i.indpred IS NULL THEN 0 ELSE 1 END AS line"
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_constraint o ON o.conindid = x.oid AND o.contype IN ('p', 'u')"
    " WHERE " PG_OURS " AND NOT (i.indisprimary AND i.indnatts = 1 AND (SELECT a.atttypid = 'bigint'::regtype"
    " FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = i.indkey[0]) AND c.relname <> 'schema_migration')"
    ") all_of_them ORDER BY line COLLATE \"C\"";

/* how each index that has a name was made */
static const char sqlite_definitions[] =
    "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
static const char pg_definitions[] =
    "SELECT replace(pg_get_indexdef(i.indexrelid), n.nspname || '.', '') FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE " PG_OURS " AND NOT EXISTS (SELECT 1 FROM pg_constraint o WHERE o.conindid = x.oid"
    " AND o.contype IN ('p', 'u')) ORDER BY x.relname COLLATE \"C\"";

/* table, column, what it refers to, and what happens when that goes */
static const char sqlite_references[] =
    "SELECT t.name || '.' || f.\"from\" || ' ' || f.\"table\" || ' ' || f.on_delete AS line"
    " FROM " SQLITE_TABLES " t JOIN pragma_foreign_key_list(t.name) f ORDER BY line";
static const char pg_references[] =
    "SELECT line FROM (SELECT c.relname || '.' || a.attname || ' ' || r.relname || ' '"
    " || CASE o.confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'c' THEN 'CASCADE' ELSE 'other' END AS line"
    " FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_class r ON r.oid = o.confrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
    " AND a.attnum = o.conkey[1] WHERE o.contype = 'f' AND " PG_OURS
    ") all_of_them ORDER BY line COLLATE \"C\"";

static const char tables[] = "SELECT name FROM " SQLITE_TABLES " t ORDER BY name";

static const char *list(struct db *db, struct arena *a, const char *sql)
{
    struct buf b = {.arena = a};
    struct stmt s = {"list", sql, true};
    struct db_cursor *c;
    struct err e;
    must(db_query(db, &s, NULL, 0, &c, &e), &e);
    while (must(db_step(db, c, &e), &e))
        buf_printf(&b, "%s\n", db_text(db, c, 0));
    db_done(db, c);
    return buf_str(&b);
}

static const char *after(const char *p, const char *word)
{
    size_t len = strlen(word);
    return strncmp(p, word, len) == 0 ? p + len : NULL;
}

/* Without what the engines write in ways of their own: spaces, brackets, comments, types of constants. */
static const char *plain(struct arena *a, const char *sql)
{
    static const char *const noise[] = {"USING btree", "::text", "::bigint"};
    struct buf b = {.arena = a};
    for (const char *p = sql; *p;) {
        const char *next = NULL;
        if (after(p, "CREATE"))
            buf_putc(&b, '\n');
        for (size_t i = 0; !next && i < sizeof noise / sizeof noise[0]; i++)
            next = after(p, noise[i]);
        if (!next && after(p, "--"))
            next = p + strcspn(p, "\n");
        if (!next && strchr(" \n()\"", *p) == NULL)
            buf_putc(&b, (char)tolower((unsigned char)*p));
        p = next ? next : p + 1;
    }
    return buf_str(&b);
}

/* How many rows each table has; and what is in those where that is the same wherever it is made. */
static const char *rows(struct db *db, struct arena *a, const char *names)
{
    static const char sums[] = "SELECT size || ' bytes of representations' FROM representation_total";
    static const char beats[] = "SELECT one || ' heartbeat at ' || at FROM heartbeat";
    struct buf b = {.arena = a};
    for (const char *p = names; *p; p += strcspn(p, "\n") + 1) {
        const char *name = arena_printf(a, "%.*s", (int)strcspn(p, "\n"), p);
        buf_puts(&b, list(db, a, arena_printf(a, "SELECT '%s ' || count(*) FROM %s", name, name)));
    }
    return arena_printf(a, "%s%s%s", buf_str(&b), list(db, a, sums), list(db, a, beats));
}

static const char *of_engine(struct arena *a, bool pg, const char **names)
{
    struct world w;
    world_open_on(&w, pg);
    if (!pg)
        *names = list(w.db, a, tables);
    const char *columns = list(w.db, a, pg ? pg_columns : sqlite_columns);
    const char *indexes = list(w.db, a, pg ? pg_indexes : sqlite_indexes);
    const char *made = plain(a, list(w.db, a, pg ? pg_definitions : sqlite_definitions));
    const char *references = list(w.db, a, pg ? pg_references : sqlite_references);
    const char *there = rows(w.db, a, *names);
    world_close(&w);
    return arena_printf(a, "%s\n%s\n%s\n%s\n%s", columns, indexes, made, references, there);
}

static void both_are_the_same(void **state)
{
    static const char *const parts[] = {
        "result.sha256 BLOB not null\n",
        "result.content_encoding TEXT not null \n",
        "job job_queue 0 project,priority_weight DESC,pk 1\n",
        "createuniqueindexjob_holderonjobholderwherestatus='running'andholderisnotnullanddeleted_atisnull\n",
        "result_bytes.result result CASCADE\n",
        "representation_total 1\n",
        "0 bytes of representations\n",
    };
    struct arena a = {0};
    const char *names = NULL;
    (void)state;
    const char *ours = of_engine(&a, false, &names);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(ours, parts[i]))
            fail_msg("not found: %s in %s", parts[i], ours);
    if (pg_wanted())
        assert_string_equal(ours, of_engine(&a, true, &names));
    arena_free(&a);
    if (!pg_wanted())
        skip();
}

static bool is_listed(const char *table, const char *const *names)
{
    while (*names && strcmp(*names, table) != 0)
        names++;
    return *names;
}

/* Whoever adds a table says whether it is of what is moved and backed up. */
static void each_table_is_copied_or_left(void **state)
{
    static const struct stmt s = {"tables", "SELECT name FROM " SQLITE_TABLES, true};
    struct world w;
    struct db_cursor *c;
    struct err e;
    int count = 0;
    (void)state;
    world_open_on(&w, false);
    must(db_query(w.db, &s, NULL, 0, &c, &e), &e);
    for (; must(db_step(w.db, c, &e), &e); count++)
        if (is_listed(db_text(w.db, c, 0), store_whole_names) ==
            is_listed(db_text(w.db, c, 0), store_whole_left))
            fail_msg("the table %s is in neither list of store/whole.c, or in both", db_text(w.db, c, 0));
    db_done(w.db, c);
    const struct whole_table *t = store_whole_tables;
    for (; t->name; t++)
        assert_string_equal(t->name, store_whole_names[t - store_whole_tables]);
    assert_null(store_whole_names[t - store_whole_tables]);
    assert_true(count > 15);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_are_the_same),
                                       cmocka_unit_test(each_table_is_copied_or_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
