/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results that a filter lets through. A whole project in the order of pk is read as in result_list.c: its
 * states merged, each of them in that order, so that nothing is sorted and nobody else's rows are
 * read.
 */
#include "store/result_row.h"

#define OF_JOB(expression) "(SELECT " expression " FROM job j WHERE j.pk = r.job)"
#define NAME_OF(pk)        "(SELECT p.name FROM principal p WHERE p.pk = " pk ")"

const struct filter_column store_result_columns[RESULT_COLUMN_END] = {
    [RESULT_PK] = {"r.pk", FILTER_INT, false, 1, NULL, true},
    [RESULT_JOB] = {"r.job", FILTER_INT, false, 2, NULL, true},
    [RESULT_CREATED_AT] = {"r.created_at", FILTER_TIME, false, 3, NULL, false},
    [RESULT_NAME] = {"r.name", FILTER_TEXT, false, 4, NULL, false},
    [RESULT_TYPE] = {"r.type", FILTER_TEXT, false, 5, NULL, false},
    [RESULT_DELETED_AT] = {"r.deleted_at", FILTER_TIME, true, 7, NULL, true},
    [RESULT_CREATOR] = {"r.creator", FILTER_INT, false, 8, NULL, false},
    [RESULT_CREATOR_NAME] = {NAME_OF("r.creator"), FILTER_TEXT, false, 8,
                             "r.creator IN (SELECT p.pk FROM principal p WHERE p.name", false},
    [RESULT_JOB_CREATED_AT] = {OF_JOB("j.created_at"), FILTER_TIME, false, RESULT_BY_JOBS,
                               RESULT_JOBS_BY("j.created_at"), true},
    [RESULT_JOB_CREATOR] = {OF_JOB("j.creator"), FILTER_INT, false, RESULT_BY_JOBS,
                            RESULT_JOBS_BY("j.creator"), true},
    [RESULT_JOB_CREATOR_NAME] = {OF_JOB(NAME_OF("j.creator")), FILTER_TEXT, false, RESULT_BY_JOBS,
                                 RESULT_JOBS_BY(NAME_OF("j.creator")), true},
};

static const struct filter_column *pk_column = &store_result_columns[RESULT_PK];

static void add_select(struct row_sql *q, const char *tables, const char *of_project, int64_t project)
{
    row_sql_add(q, "SELECT r.pk, r.job, r.name, r.type, r.creator, r.created_at, r.deleted_at FROM ");
    row_sql_add(q, tables);
    row_sql_value(q, of_project, db_of_int(project));
}

static void add_conditions(struct row_sql *q, const struct filter *f, const struct filter_node *served)
{
    if (!f->deleted)
        row_sql_add(q, " AND r.deleted_at IS NULL");
    filter_add(q, f, served);
}

static void add_merged(struct row_sql *q, int64_t project, const struct filter *f,
                       const struct filter_node *served)
{
    for (int i = 0; i < RESULT_STATE_END; i++) {
        if (i)
            row_sql_add(q, " UNION ALL ");
        add_select(q, RESULT_BY_STATE, " WHERE r.in_project = ", project);
        row_sql_value(q, " AND r.in_state = ", db_of_text(result_state_names[i]));
        add_conditions(q, f, served);
    }
    row_sql_add(q, f->order && f->order->descending ? " ORDER BY 1 DESC" : " ORDER BY 1");
}

void result_query_sql(struct row_sql *q, int64_t project, const struct filter *f)
{
    const struct filter_node *served = filter_narrowest(f);
    bool by_pk = !f->order || f->order->column == pk_column;
    bool whole = !served || (served->column == pk_column && served->op != FILTER_EQUAL);
    if (by_pk && whole) {
        add_merged(q, project, f, served);
        return;
    }
    /* Where the index that serves does not begin with the project, that of another must not look better. */
    bool by_project = !served || !served->column->crosses;
    add_select(q, "result r", by_project ? " WHERE r.project = " : " WHERE r.project + 0 = ", project);
    add_conditions(q, f, served);
    filter_add_order(q, f, pk_column, served);
}

static int put_row(struct db *db, struct db_cursor *c, store_result_fn *each, void *ctx, struct err *e)
{
    struct result r = {
        .pk = db_int(db, c, 0),
        .job = db_int(db, c, 1),
        .name = db_text(db, c, 2),
        .type = db_text(db, c, 3),
        .creator = db_int(db, c, 4),
        .created_at = db_int(db, c, 5),
        .deleted_at = db_int(db, c, 6),
    };
    r.job_pk = r.job;
    return each(ctx, &r, e);
}

int store_result_query(struct db *db, int64_t project, const struct filter *f, store_result_fn *each,
                       void *ctx, struct err *e)
{
    struct arena a = {0};
    struct row_sql q = {.text = {.arena = &a}};
    struct db_cursor *c = NULL;
    result_query_sql(&q, project, f);
    struct stmt s = {"result_query", buf_str(&q.text), true, true};
    int rc = db_query(db, &s, q.args, q.count, &c, e);
    while (rc >= 0 && (rc = db_step(db, c, e)) > 0)
        rc = put_row(db, c, each, ctx, e);
    db_done(db, c);
    arena_free(&a);
    return rc;
}
