/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that a filter lets through. Their results come with them, row by row: so one query gives all. */
#include "store/job_row.h"

enum { OF_DOCUMENT = JOB_COLUMN_COUNT, OF_RESULT = OF_DOCUMENT + 3 };

const struct filter_column store_job_columns[JOB_COLUMN_END] = {
    [JOB_COLUMN_PK] = {"j.pk", FILTER_INT, false, 1, NULL},
    [JOB_COLUMN_HOLDER] = {"j.holder", FILTER_INT, true, 0, NULL},
    [JOB_COLUMN_CREATOR] = {"j.creator", FILTER_INT, false, 0, NULL},
    [JOB_COLUMN_CREATOR_NAME] = {"c.name", FILTER_TEXT, false, 0, NULL},
    [JOB_COLUMN_CREATED_AT] = {"j.created_at", FILTER_TIME, false, 0, NULL},
    [JOB_COLUMN_DELETED_AT] = {"j.deleted_at", FILTER_TIME, true, 0, NULL},
};

static void add_query(struct row_sql *q, const struct job_query *what)
{
    const struct filter_node *served = filter_narrowest(what->filter);
    row_sql_add(q, "SELECT " JOB_COLUMNS ", d.pk, d.name, d.body, r.pk, r.name, r.type" JOB_FROM);
    row_sql_value(
        q, "LEFT JOIN document d ON d.project = j.project AND d.kind = ", db_of_text(what->described_by));
    row_sql_add(q, " AND d.name = j.kind LEFT JOIN result r ON r.job = j.pk WHERE ");
    row_sql_value(q, served ? "j.project + 0 = " : "j.project = ", db_of_int(what->project));
    if (what->status)
        row_sql_value(q, " AND j.status = ", db_of_text(what->status));
    if (!what->filter->deleted)
        row_sql_add(q, " AND j.deleted_at IS NULL");
    filter_add(q, what->filter, served);
    filter_add_order(q, what->filter, &store_job_columns[JOB_COLUMN_PK], served);
    row_sql_add(q, ", r.pk");
}

/* One job while its rows come. */
struct reading {
    struct arena arena;
    struct job *job; /* NULL: none yet */
    struct document *described;
    struct result **link;
    store_job_fn *each;
    void *ctx;
};

static int hand_on(struct reading *now, struct err *e)
{
    int rc = now->job ? now->each(now->ctx, now->job, now->described, e) : 0;
    arena_free(&now->arena);
    now->arena = (struct arena){0};
    now->job = NULL;
    now->described = NULL;
    return rc;
}

static void begin_job(struct reading *now, struct db *db, struct db_cursor *c)
{
    now->job = job_row_read(db, c, &now->arena);
    now->link = &now->job->results;
    if (db_is_null(db, c, OF_DOCUMENT))
        return;
    now->described = arena_alloc(&now->arena, sizeof *now->described);
    now->described->pk = db_int(db, c, OF_DOCUMENT);
    now->described->name = row_text(db, c, &now->arena, OF_DOCUMENT + 1);
    now->described->body = row_text(db, c, &now->arena, OF_DOCUMENT + 2);
}

static void add_result(struct reading *now, struct db *db, struct db_cursor *c)
{
    if (db_is_null(db, c, OF_RESULT))
        return;
    struct result *r = arena_alloc(&now->arena, sizeof *r);
    r->pk = db_int(db, c, OF_RESULT);
    r->name = row_text(db, c, &now->arena, OF_RESULT + 1);
    r->type = row_text(db, c, &now->arena, OF_RESULT + 2);
    *now->link = r;
    now->link = &r->next;
}

static int read_rows(struct db *db, struct db_cursor *c, struct reading *now, struct err *e)
{
    int rc;
    while ((rc = db_step(db, c, e)) > 0) {
        if (now->job && now->job->pk != db_int(db, c, 0) && (rc = hand_on(now, e)) < 0)
            return rc;
        if (!now->job)
            begin_job(now, db, c);
        add_result(now, db, c);
    }
    return rc < 0 ? rc : hand_on(now, e);
}

int store_job_query(struct db *db, const struct job_query *what, store_job_fn *each, void *ctx, struct err *e)
{
    struct arena a = {0};
    struct row_sql q = {.text = {.arena = &a}};
    struct reading now = {.each = each, .ctx = ctx};
    struct db_cursor *c = NULL;
    add_query(&q, what);
    struct stmt s = {"job_query", buf_str(&q.text), true, true};
    int rc = db_query(db, &s, q.args, q.count, &c, e);
    if (rc >= 0)
        rc = read_rows(db, c, &now, e);
    db_done(db, c);
    arena_free(&now.arena);
    arena_free(&a);
    return rc;
}
