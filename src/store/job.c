/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs. */
#include "store/job_row.h"

#include <string.h>

enum { LARGEST_PAGE = 4 << 20, ROW_BYTES = 300 };

struct job *job_row_read(struct db *db, struct db_cursor *c, struct arena *a)
{
    struct job *j = arena_alloc(a, sizeof *j);
    int n = 0;
    j->pk = db_int(db, c, n++);
    j->id = row_text(db, c, a, n++);
    j->project = db_int(db, c, n++);
    j->batch = db_int(db, c, n++);
    j->batch_id = row_text(db, c, a, n++);
    j->kind = row_text(db, c, a, n++);
    j->reference_id = row_text(db, c, a, n++);
    j->tag = row_text(db, c, a, n++);
    j->priority_weight = db_int(db, c, n++);
    j->status = (enum job_status)store_word(job_status_names, JOB_STATUS_END, db_text(db, c, n++));
    j->progress = db_real(db, c, n++);
    j->error = row_text(db, c, a, n++);
    j->input = row_text(db, c, a, n++);
    j->creator = db_int(db, c, n++);
    j->creator_name = row_text(db, c, a, n++);
    j->lease = row_text(db, c, a, n++);
    j->lease_seconds = db_int(db, c, n++);
    j->lease_expires_at = db_int(db, c, n++);
    j->holder = db_int(db, c, n++);
    j->created_at = db_int(db, c, n++);
    j->started_at = db_int(db, c, n++);
    j->finished_at = db_int(db, c, n++);
    j->deleted_at = db_int(db, c, n++);
    j->storage = db_int(db, c, n++);
    j->storage_name = row_text(db, c, a, n);
    return j;
}

static int get_job(struct db *db, struct arena *a, const struct stmt *s, const struct db_value *args,
                   int count, struct job **ret, struct err *e)
{
    struct db_cursor *c = NULL;
    int rc = row_one(db, s, args, count, &c, e);
    if (rc > 0) {
        *ret = job_row_read(db, c, a);
        db_done(db, c);
    }
    return rc;
}

int store_job_add(struct db *db, struct job *j, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_add",
        "INSERT INTO job (id, project, batch, kind, reference_id, tag, priority_weight, status, progress, "
        "input,"
        " creator, created_at, started_at, finished_at, storage)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING pk",
        false};
    struct db_value args[] = {
        db_of_text(j->id),
        db_of_int(j->project),
        db_of_time(j->batch),
        db_of_text(j->kind),
        db_of_text(j->reference_id),
        db_of_text(j->tag),
        db_of_int(j->priority_weight),
        db_of_text(job_status_names[j->status]),
        db_of_real(j->progress),
        db_of_text(j->input),
        db_of_int(j->creator),
        db_of_int(j->created_at),
        db_of_time(j->started_at),
        db_of_time(j->finished_at),
        db_of_time(j->storage),
    };
    return db_insert(db, &s, args, STORE_COUNT(args), &j->pk, e);
}

int store_job_get(struct db *db, struct arena *a, int64_t project, const char *id, struct job **ret,
                  struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_get", "SELECT " JOB_COLUMNS JOB_FROM "WHERE j.id = $1 AND j.project = $2", false};
    struct db_value args[] = {db_of_text(id), db_of_int(project)};
    return get_job(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_job_by_pk(struct db *db, struct arena *a, int64_t project, int64_t pk, struct job **ret,
                    struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_by_pk", "SELECT " JOB_COLUMNS JOB_FROM "WHERE j.pk = $1 AND j.project = $2", false};
    struct db_value args[] = {db_of_int(pk), db_of_int(project)};
    return get_job(db, a, &s, args, STORE_COUNT(args), ret, e);
}

/* Counted in the index job_status, and what is deleted taken away again, row by row of the index job_deleted:
 * grouped it would be found by reading every job. */
int store_job_totals(struct db *db, int64_t project, int64_t ret[JOB_STATUS_END], struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_totals",
        "SELECT status, count(*) FROM job WHERE project = $1 GROUP BY status"
        " UNION ALL SELECT status, -1 FROM job WHERE project = $1 AND deleted_at IS NOT NULL",
        false};
    struct db_value args[] = {db_of_int(project)};
    struct db_cursor *c = NULL;
    int64_t totals[JOB_STATUS_END] = {0};
    int rc = db_query(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        totals[store_word(job_status_names, JOB_STATUS_END, db_text(db, c, 0))] += db_int(db, c, 1);
    db_done(db, c);
    if (rc == 0)
        memcpy(ret, totals, sizeof totals);
    return rc;
}

int store_job_next_queued(struct db *db, struct arena *a, int64_t project, const char *kind, struct job **ret,
                          struct err *e)
{
    static const struct stmt any DB_LISTED = {
        "job_next_queued",
        "SELECT " JOB_COLUMNS JOB_FROM
        "WHERE j.project = $1 AND j.status = 'queued' AND j.holder IS NULL AND j.deleted_at IS NULL"
        " ORDER BY j.priority_weight DESC, j.pk LIMIT 1",
        false};
    static const struct stmt of_kind DB_LISTED = {
        "job_next_queued_of_kind",
        "SELECT " JOB_COLUMNS JOB_FROM
        "WHERE j.project = $1 AND j.kind = $2 AND j.status = 'queued' AND j.holder IS NULL"
        " AND j.deleted_at IS NULL"
        " ORDER BY j.priority_weight DESC, j.pk LIMIT 1",
        false};
    struct db_value args[] = {db_of_int(project), db_of_text(kind)};
    return get_job(db, a, kind ? &of_kind : &any, args, STORE_COUNT(args), ret, e);
}

int store_job_move(struct db *db, const struct job *to, const struct job *from, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_move",
        "UPDATE job SET status = $4, progress = $5, error = $6, lease = $7, lease_seconds = $8,"
        " lease_expires_at = $9, started_at = $10, finished_at = $11, holder = $13"
        " WHERE pk = $1 AND status = $2 AND lease IS NOT DISTINCT FROM $3 AND holder IS NOT DISTINCT FROM $12",
        false};
    struct db_value args[] = {
        db_of_int(to->pk),
        db_of_text(job_status_names[from->status]),
        db_of_text(from->lease),
        db_of_text(job_status_names[to->status]),
        db_of_real(to->progress),
        db_of_text(to->error),
        db_of_text(to->lease),
        db_of_time(to->lease_seconds),
        db_of_time(to->lease_expires_at),
        db_of_time(to->started_at),
        db_of_time(to->finished_at),
        db_of_time(from->holder),
        db_of_time(to->holder),
    };
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_job_of_holder(struct db *db, int64_t holder, int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_of_holder", "SELECT pk FROM job WHERE holder = $1 AND status = 'running' AND deleted_at IS NULL",
        false};
    struct db_value args[] = {db_of_int(holder)};
    *ret = 0;
    int rc = row_int(db, &s, args, STORE_COUNT(args), ret, e);
    return rc < 0 ? rc : 0;
}

int store_job_set_input(struct db *db, int64_t pk, const char *input, struct err *e)
{
    static const struct stmt s DB_LISTED = {"job_set_input", "UPDATE job SET input = $2 WHERE pk = $1",
                                            false};
    struct db_value args[] = {db_of_int(pk), db_of_text(input)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_job_count_result(struct db *db, int64_t pk, int64_t change, int64_t limit, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_count_result",
        "UPDATE job SET result_count = result_count + $2 WHERE pk = $1 AND result_count + $2 <= $3", false};
    struct db_value args[] = {db_of_int(pk), db_of_int(change), db_of_int(limit)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_job_mark_deleted(struct db *db, int64_t pk, int64_t deleted_at, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_mark_deleted",
        "UPDATE job SET deleted_at = $2 WHERE pk = $1 AND (deleted_at IS NULL) = (CAST($2 AS BIGINT) IS NOT NULL)",
        false};
    struct db_value args[] = {db_of_int(pk), db_of_time(deleted_at)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_job_remove(struct db *db, int64_t pk, struct err *e)
{
    static const struct stmt s DB_LISTED = {"job_remove", "DELETE FROM job WHERE pk = $1", false};
    struct db_value args[] = {db_of_int(pk)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

static int list_jobs(struct db *db, struct arena *a, const struct stmt *s, const struct db_value *args,
                     int count, struct job **ret, struct err *e)
{
    struct db_cursor *c = NULL;
    struct job **link = ret;
    *ret = NULL;
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0) {
        *link = job_row_read(db, c, a);
        link = &(*link)->next;
    }
    db_done(db, c);
    return rc;
}

int store_job_lapsed(struct db *db, struct arena *a, int64_t project, int64_t now, int64_t limit,
                     struct job **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_lapsed",
        "SELECT " JOB_COLUMNS JOB_FROM
        "WHERE j.lease_expires_at <= $1 AND ($3 = 0 OR j.project = $3) ORDER BY j.lease_expires_at LIMIT $2",
        false};
    struct db_value args[] = {db_of_int(now), db_of_int(limit), db_of_int(project)};
    return list_jobs(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_job_next_lapse(struct db *db, int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_next_lapse",
        "SELECT lease_expires_at FROM job WHERE lease_expires_at IS NOT NULL ORDER BY lease_expires_at LIMIT 1",
        false};
    *ret = 0;
    int rc = row_int(db, &s, NULL, 0, ret, e);
    return rc < 0 ? rc : 0;
}

int store_job_purgeable(struct db *db, struct arena *a, int64_t deleted_before, int64_t limit,
                        struct job **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "job_purgeable",
        "SELECT " JOB_COLUMNS JOB_FROM "WHERE j.deleted_at <= $1"
        " AND (SELECT 1 FROM result r WHERE r.job = j.pk LIMIT 1) IS NULL ORDER BY j.deleted_at LIMIT $2",
        false};
    struct db_value args[] = {db_of_int(deleted_before), db_of_int(limit)};
    return list_jobs(db, a, &s, args, STORE_COUNT(args), ret, e);
}

/* `status` as it is stored; of the running ones those whose lease has or has not run out. */
static void add_stored_status(struct row_sql *q, const struct job_filter *f, enum job_status status,
                              bool lapsed)
{
    row_sql_value(q, " AND status = ", db_of_text(job_status_names[status]));
    if (status != JOB_RUNNING)
        return;
    row_sql_value(
        q, lapsed ? " AND (lease_expires_at <= " : " AND (lease_expires_at IS NULL OR lease_expires_at > ",
        db_of_int(f->now));
    row_sql_add(q, ")");
}

static void add_conditions(struct row_sql *q, const struct job_filter *f, const struct page *page)
{
    if (f->kind)
        row_sql_value(q, " AND kind = ", db_of_text(f->kind));
    if (f->batch)
        row_sql_value(q, " AND batch = ", db_of_int(f->batch));
    if (f->reference_id)
        row_sql_value(q, " AND reference_id = ", db_of_text(f->reference_id));
    if (f->tag)
        row_sql_value(q, " AND tag = ", db_of_text(f->tag));
    if (f->deleted == DELETED_NO)
        row_sql_add(q, " AND deleted_at IS NULL");
    if (f->deleted == DELETED_ONLY)
        row_sql_add(q, " AND deleted_at IS NOT NULL");
    if (f->created_after)
        row_sql_value(q, " AND created_at > ", db_of_int(f->created_after));
    row_sql_batch_labels(q, "batch", f->project, &f->labels);
    row_sql_place(q, "pk", f->oldest_first, page);
}

static void add_more(struct row_sql *q, const struct job_filter *f, const struct page *page,
                     enum job_status status, bool lapsed)
{
    row_sql_add(q, " UNION ALL SELECT * FROM job");
    row_sql_project(q, "project", f->project, &f->labels);
    add_stored_status(q, f, status, lapsed);
    add_conditions(q, f, page);
}

/* A job whose lease has run out is queued again, whether or not that has been recorded: two lists merged by
 * pk. */
static void add_lists(struct row_sql *q, const struct job_filter *f, const struct page *page)
{
    int status = f->status ? store_word(job_status_names, JOB_STATUS_END, f->status) : -1;
    row_sql_add(q, "SELECT * FROM job");
    row_sql_project(q, "project", f->project, &f->labels);
    if (status >= 0)
        add_stored_status(q, f, (enum job_status)status, false);
    add_conditions(q, f, page);
    if (status == JOB_QUEUED)
        add_more(q, f, page, JOB_RUNNING, true);
    int other = f->or_status ? store_word(job_status_names, JOB_STATUS_END, f->or_status) : -1;
    if (status >= 0 && other >= 0)
        add_more(q, f, page, (enum job_status)other, false);
}

static void add_jobs(struct row_sql *q, const struct job_filter *f, const struct page *page)
{
    add_lists(q, f, page);
    if (f->or_kind) {
        struct job_filter other = *f;
        other.kind = f->or_kind;
        row_sql_add(q, " UNION ALL ");
        add_lists(q, &other, page);
    }
    row_sql_value(q, f->oldest_first ? " ORDER BY pk LIMIT " : " ORDER BY pk DESC LIMIT ",
                  db_of_int(page->limit));
}

/* The few columns of its results that a job shows; they follow JOB_COLUMNS. */
static struct result *read_brief(struct db *db, struct db_cursor *c, struct arena *a)
{
    struct result *r = arena_alloc(a, sizeof *r);
    int n = JOB_COLUMN_COUNT;
    r->id = row_text(db, c, a, n++);
    r->name = row_text(db, c, a, n++);
    r->type = row_text(db, c, a, n++);
    r->is_primary = db_int(db, c, n++) != 0;
    r->state = (enum result_state)store_word(result_state_names, RESULT_STATE_END, db_text(db, c, n++));
    r->due_at = db_int(db, c, n++);
    r->size = db_int(db, c, n++);
    r->table.rows = row_count(db, c, n++);
    return r;
}

/*
 * Up to LARGEST_PAGE bytes of texts, for an input may have a mebibyte and a job thousands of results: then
 * the page ends with the job before, and *ret_cut tells that there are more.
 */
static int read_page(struct db *db, struct db_cursor *c, struct arena *a, struct job **ret, bool *ret_cut,
                     struct err *e)
{
    struct job **link = ret;
    struct job *j = NULL;
    struct result **result_link = NULL;
    size_t bytes = 0;
    int rc;
    *ret = NULL;
    *ret_cut = false;
    while ((rc = db_step(db, c, e)) > 0) {
        if (!j || j->pk != db_int(db, c, 0)) {
            if (bytes > LARGEST_PAGE) {
                *ret_cut = true;
                return 0;
            }
            j = job_row_read(db, c, a);
            bytes += ROW_BYTES + (j->input ? strlen(j->input) : 0) + (j->error ? strlen(j->error) : 0);
            *link = j;
            link = &j->next;
            result_link = &j->results;
        }
        if (!db_is_null(db, c, JOB_COLUMN_COUNT)) {
            *result_link = read_brief(db, c, a);
            result_link = &(*result_link)->next;
            bytes += ROW_BYTES;
        }
    }
    return rc;
}

int store_job_list(struct db *db, struct arena *a, const struct job_filter *f, const struct page *page,
                   struct job **ret, bool *ret_cut, struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    struct db_cursor *c = NULL;
    row_sql_add(&q, "SELECT " JOB_COLUMNS
                    ", r.id, r.name, r.type, r.is_primary, r.state, r.due_at, r.size, r.rows FROM (");
    add_jobs(&q, f, page);
    row_sql_add(&q, ") j" JOB_JOINS
                    "LEFT JOIN result r ON r.job = j.pk AND (r.deleted_at IS NULL OR r.with_job = 1)");
    row_sql_add(&q, f->oldest_first ? " ORDER BY j.pk, r.pk" : " ORDER BY j.pk DESC, r.pk");
    struct stmt s = {"job_list", buf_str(&q.text), true, true};
    int rc = db_query(db, &s, q.args, q.count, &c, e);
    if (rc < 0)
        return rc;
    rc = read_page(db, c, a, ret, ret_cut, e);
    db_done(db, c);
    return rc;
}

int store_job_count(struct db *db, struct arena *a, const struct job_filter *f, int64_t *ret, struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    add_jobs(&q, f, &row_counted);
    return row_sql_count(db, &q, "job_count", ret, e);
}
