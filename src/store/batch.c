/* SPDX-License-Identifier: Apache-2.0 */
/* Batches, with the number of their jobs in each state counted in the index job_batch. */
#include "store/row.h"

#define BATCH_COUNT(status)                                                                                  \
    ", (SELECT count(*) FROM job j WHERE j.batch = b.pk AND j.status = '" status "' AND j.deleted_at IS "    \
    "NULL)"
#define BATCH_OWN "b.pk, b.id, b.project, b.name, b.description, b.created_at"
#define BATCH_COLUMNS                                                                                        \
    BATCH_OWN BATCH_COUNT("queued") BATCH_COUNT("running") BATCH_COUNT("completed") BATCH_COUNT("failed")    \
        BATCH_COUNT("cancelled")
/* Whether some job of b is there and `which`. */
#define BATCH_SOME(which)                                                                                    \
    "EXISTS (SELECT 1 FROM job j WHERE j.batch = b.pk" which " AND j.deleted_at IS NULL)"

static struct batch *read_own(struct db *db, struct db_cursor *c, struct arena *a)
{
    struct batch *b = arena_alloc(a, sizeof *b);
    *b = (struct batch){0};
    b->pk = db_int(db, c, 0);
    b->id = row_text(db, c, a, 1);
    b->project = db_int(db, c, 2);
    b->name = row_text(db, c, a, 3);
    b->description = row_text(db, c, a, 4);
    b->created_at = db_int(db, c, 5);
    return b;
}

static struct batch *read_batch(struct db *db, struct db_cursor *c, struct arena *a)
{
    struct batch *b = read_own(db, c, a);
    for (int i = 0; i < JOB_STATUS_END; i++)
        b->jobs[i] = db_int(db, c, 6 + i);
    return b;
}

int store_batch_add(struct db *db, struct batch *b, struct err *e)
{
    static const struct stmt s DB_LISTED = {"batch_add",
                                            "INSERT INTO batch (id, project, name, description, created_at)"
                                            " VALUES ($1, $2, $3, $4, $5) RETURNING pk",
                                            false};
    struct db_value args[] = {db_of_text(b->id), db_of_int(b->project), db_of_text(b->name),
                              db_of_text(b->description), db_of_int(b->created_at)};
    return db_insert(db, &s, args, STORE_COUNT(args), &b->pk, e);
}

typedef struct batch *read_fn(struct db *db, struct db_cursor *c, struct arena *a);

static int get_batch(struct db *db, struct arena *a, const struct stmt *s, read_fn *read, int64_t project,
                     const char *id, struct batch **ret, struct err *e)
{
    struct db_value args[] = {db_of_text(id), db_of_int(project)};
    struct db_cursor *c = NULL;
    int rc = row_one(db, s, args, STORE_COUNT(args), &c, e);
    if (rc > 0) {
        *ret = read(db, c, a);
        db_done(db, c);
    }
    return rc;
}

int store_batch_get(struct db *db, struct arena *a, int64_t project, const char *id, struct batch **ret,
                    struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "batch_get", "SELECT " BATCH_COLUMNS " FROM batch b WHERE b.id = $1 AND b.project = $2", false};
    return get_batch(db, a, &s, read_batch, project, id, ret, e);
}

int store_batch_find(struct db *db, struct arena *a, int64_t project, const char *id, struct batch **ret,
                     struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "batch_find", "SELECT " BATCH_OWN " FROM batch b WHERE b.id = $1 AND b.project = $2", false};
    return get_batch(db, a, &s, read_own, project, id, ret, e);
}

int store_batch_totals(struct db *db, int64_t project, int64_t *ret_all, int64_t *ret_done, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "batch_totals",
        /* clang-format off */
        "SELECT count(*), count(CASE WHEN " BATCH_SOME("")
        " AND NOT " BATCH_SOME(" AND j.status = 'queued'")
        " AND NOT " BATCH_SOME(" AND j.status = 'running'") " THEN 1 END)"
        " FROM batch b WHERE b.project = $1",
        /* clang-format on */
        false};
    struct db_value args[] = {db_of_int(project)};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc > 0) {
        *ret_all = db_int(db, c, 0);
        *ret_done = db_int(db, c, 1);
        db_done(db, c);
    }
    return rc < 0 ? rc : 0;
}

int store_batch_pk(struct db *db, int64_t project, const char *id, int64_t *ret_pk, struct err *e)
{
    static const struct stmt s DB_LISTED = {"batch_pk", "SELECT pk FROM batch WHERE id = $1 AND project = $2",
                                            false};
    struct db_value args[] = {db_of_text(id), db_of_int(project)};
    return row_int(db, &s, args, STORE_COUNT(args), ret_pk, e);
}

static void add_conditions(struct row_sql *q, const struct batch_filter *f, const struct page *page)
{
    row_sql_add(q, " FROM batch b");
    row_sql_project(q, "b.project", f->project, &f->labels);
    row_sql_place(q, "b.pk", f->oldest_first, page);
    if (f->created_after)
        row_sql_value(q, " AND b.created_at > ", db_of_int(f->created_after));
    row_sql_labels(q, "b.id", f->project, &f->labels);
}

int store_batch_each(struct db *db, struct arena *a, const struct batch_filter *f, const struct page *page,
                     store_batch_fn *each, void *ctx, struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    struct db_cursor *c = NULL;
    row_sql_add(&q, "SELECT " BATCH_COLUMNS);
    add_conditions(&q, f, page);
    row_sql_value(&q, f->oldest_first ? " ORDER BY b.pk LIMIT " : " ORDER BY b.pk DESC LIMIT ",
                  db_of_int(page->limit));
    struct stmt s = {"batch_each", buf_str(&q.text), true};
    int rc = db_query(db, &s, q.args, q.count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        if ((rc = each(ctx, read_batch(db, c, a), e)) < 0)
            break;
    db_done(db, c);
    return rc;
}

int store_batch_count(struct db *db, struct arena *a, const struct batch_filter *f, int64_t *ret,
                      struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    row_sql_add(&q, "SELECT 1");
    add_conditions(&q, f, &row_counted);
    row_sql_value(&q, " LIMIT ", db_of_int(row_counted.limit));
    return row_sql_count(db, &q, "batch_count", ret, e);
}
