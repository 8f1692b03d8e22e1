/* SPDX-License-Identifier: Apache-2.0 */
/* The numbered record of what happened, and the row that proves that writing works. */
#include "store/row.h"

int store_event_add(struct db *db, int64_t project, int64_t now, const char *type, const char *object,
                    const char *job, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "event_add",
        "INSERT INTO event (seq, project, at, type, object, job) VALUES"
        " ((SELECT coalesce(max(seq), 0) + 1 FROM event), $1, $2, $3, $4, $5)",
        false};
    struct db_value args[] = {db_of_int(project), db_of_int(now), db_of_text(type), db_of_text(object),
                              db_of_text(job)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

static void add_conditions(struct row_sql *q, const struct event_filter *f, const struct page *page)
{
    const char *piece = " AND type IN (";
    row_sql_value(q, " FROM event WHERE project = ", db_of_int(f->project));
    row_sql_place(q, "seq", !f->newest_first, page);
    if (f->created_after)
        row_sql_value(q, " AND at > ", db_of_int(f->created_after));
    for (const char *const *type = f->types; *type; type++, piece = ", ")
        row_sql_value(q, piece, db_of_text(*type));
    row_sql_add(q, *f->types ? ")" : " AND 0 = 1");
}

int store_event_list(struct db *db, struct arena *a, const struct event_filter *f, const struct page *page,
                     struct event **ret, struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    struct event **link = ret;
    struct db_cursor *c = NULL;
    *ret = NULL;
    row_sql_add(&q, "SELECT seq, at, type, object");
    add_conditions(&q, f, page);
    row_sql_value(&q, f->newest_first ? " ORDER BY seq DESC LIMIT " : " ORDER BY seq LIMIT ",
                  db_of_int(page->limit));
    struct stmt s = {"event_list", buf_str(&q.text), true};
    int rc = db_query(db, &s, q.args, q.count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0) {
        *link = arena_alloc(a, sizeof **link);
        **link = (struct event){.seq = db_int(db, c, 0),
                                .at = db_int(db, c, 1),
                                .type = row_text(db, c, a, 2),
                                .object = row_text(db, c, a, 3)};
        link = &(*link)->next;
    }
    db_done(db, c);
    return rc;
}

int store_event_get(struct db *db, struct arena *a, const struct event_filter *f, int64_t seq,
                    struct event **ret, struct err *e)
{
    struct page one = {.before = seq - 1, .limit = 1, .until = seq + 1};
    int rc = store_event_list(db, a, f, &one, ret, e);
    return rc < 0 ? rc : *ret != NULL;
}

int store_event_count(struct db *db, struct arena *a, const struct event_filter *f, int64_t *ret,
                      struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    row_sql_add(&q, "SELECT 1");
    add_conditions(&q, f, &row_counted);
    row_sql_value(&q, " LIMIT ", db_of_int(row_counted.limit));
    return row_sql_count(db, &q, "event_count", ret, e);
}

/*
 * From the front only, up to the first that is to stay, and never the newest: what remains has no gaps, and
 * the next number follows from it. Bounds, since a planner that believes the table is small would compare
 * each row with each of a list.
 */
int store_event_prune(struct db *db, int64_t before, int64_t limit, int64_t *ret_count, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "event_prune",
        "DELETE FROM event WHERE seq < (SELECT max(seq) FROM event) AND seq < (SELECT min(seq) FROM event) + $2"
        " AND seq < coalesce((SELECT min(seq) FROM (SELECT seq, at FROM event ORDER BY seq LIMIT $2) oldest"
        " WHERE at >= $1), 9223372036854775807)",
        false};
    struct db_value args[] = {db_of_int(before), db_of_int(limit)};
    return db_run(db, &s, args, STORE_COUNT(args), ret_count, e);
}

int store_heartbeat(struct db *db, int64_t now, struct err *e)
{
    static const struct stmt s DB_LISTED = {"heartbeat", "UPDATE heartbeat SET at = $1 WHERE one = 1", false};
    struct db_value args[] = {db_of_int(now)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_heartbeat_get(struct db *db, int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {"heartbeat_get", "SELECT at FROM heartbeat WHERE one = 1", false};
    *ret = 0;
    return row_int(db, &s, NULL, 0, ret, e);
}
