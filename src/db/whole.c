/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See whole.h. A table is frozen by triggers and not by a look at the begin of each transaction: so it costs
 * nothing as long as nothing is frozen, and no process can forget to look.
 */
#include "db/whole.h"

#include "base/buf.h"

static int run_script(struct db *db, struct buf *text, struct err *e)
{
    int rc = db->ops->script(db, buf_str(text), e);
    arena_free(text->arena);
    return rc;
}

int whole_int(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret,
              struct err *e)
{
    struct db_cursor *c = NULL;
    int64_t found = 0;
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        found = db_int(db, c, 0);
    db_done(db, c);
    if (rc == 0)
        *ret = found;
    return rc;
}

/* --- SQLite --- */

int sqlite_freeze(struct db *db, const char *const *tables, bool frozen, struct err *e)
{
    static const char *const changes[] = {"INSERT", "UPDATE", "DELETE"};
    struct arena a = {0};
    struct buf text = {.arena = &a};
    for (; *tables; tables++)
        for (int i = 0; i < 3; i++)
            if (frozen)
                buf_printf(&text,
                           "CREATE TRIGGER IF NOT EXISTS frozen_%s_%s BEFORE %s ON %s"
                           " BEGIN SELECT RAISE(ABORT, 'frozen'); END;",
                           *tables, changes[i], changes[i], *tables);
            else
                buf_printf(&text, "DROP TRIGGER IF EXISTS frozen_%s_%s;", *tables, changes[i]);
    return run_script(db, &text, e);
}

int sqlite_sequence(struct db *db, const char *table, int64_t *ret, struct err *e)
{
    static const struct stmt s = {"sequence", "SELECT seq FROM sqlite_sequence WHERE name = $1", false,
                                  false};
    struct db_value args[] = {db_of_text(table)};
    return whole_int(db, &s, args, 1, ret, e);
}

int sqlite_set_sequence(struct db *db, const char *table, int64_t last, struct err *e)
{
    static const struct stmt change = {"sequence_set", "UPDATE sqlite_sequence SET seq = $2 WHERE name = $1",
                                       false, false};
    static const struct stmt add = {
        "sequence_add",
        "INSERT INTO sqlite_sequence (name, seq) SELECT name, $2 FROM sqlite_schema"
        " WHERE type = 'table' AND name = $1 AND sql LIKE '%AUTOINCREMENT%'",
        false, false};
    struct db_value args[] = {db_of_text(table), db_of_int(last)};
    int64_t changed = 0;
    int rc = db_run(db, &change, args, 2, &changed, e);
    return rc == 0 && changed == 0 ? db_run(db, &add, args, 2, NULL, e) : rc;
}

/* --- PostgreSQL --- */

int pg_freeze(struct db *db, const char *const *tables, bool frozen, struct err *e)
{
    struct arena a = {0};
    struct buf text = {.arena = &a};
    if (frozen)
        buf_puts(&text, "CREATE OR REPLACE FUNCTION refuse_changes() RETURNS trigger LANGUAGE plpgsql AS"
                        " $$BEGIN RAISE EXCEPTION 'frozen' USING ERRCODE = '" PG_FROZEN "'; END$$;");
    for (; *tables; tables++)
        if (frozen)
            buf_printf(&text,
                       "CREATE OR REPLACE TRIGGER frozen BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s"
                       " FOR EACH STATEMENT EXECUTE FUNCTION refuse_changes();",
                       *tables);
        else
            buf_printf(&text, "DROP TRIGGER IF EXISTS frozen ON %s;", *tables);
    if (!frozen)
        buf_puts(&text, "DROP FUNCTION IF EXISTS refuse_changes();");
    return run_script(db, &text, e);
}

int pg_sequence(struct db *db, const char *table, int64_t *ret, struct err *e)
{
    static const struct stmt s = {"sequence",
                                  "SELECT coalesce(last_value, 0) FROM pg_sequences"
                                  " WHERE schemaname = current_schema() AND sequencename = $1 || '_pk_seq'",
                                  false, false};
    struct db_value args[] = {db_of_text(table)};
    return whole_int(db, &s, args, 1, ret, e);
}

int pg_set_sequence(struct db *db, const char *table, int64_t last, struct err *e)
{
    static const struct stmt s = {"sequence_set", "SELECT setval(pg_get_serial_sequence($1, 'pk'), $2)",
                                  false, false};
    struct db_value args[] = {db_of_text(table), db_of_int(last)};
    return db_run(db, &s, args, 2, NULL, e);
}
