/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that APIs keep. */
#include "store/row.h"

#define DOCUMENT_COLUMNS "pk, id, project, kind, name, parent, body, creator, created_at, changed_at"

static struct document *read_document(struct db *db, struct db_cursor *c, struct arena *a)
{
    struct document *d = arena_alloc(a, sizeof *d);
    d->pk = db_int(db, c, 0);
    d->id = row_text(db, c, a, 1);
    d->project = db_int(db, c, 2);
    d->kind = row_text(db, c, a, 3);
    d->name = row_text(db, c, a, 4);
    d->parent = row_text(db, c, a, 5);
    d->body = row_text(db, c, a, 6);
    d->creator = db_int(db, c, 7);
    d->created_at = db_int(db, c, 8);
    d->changed_at = db_int(db, c, 9);
    return d;
}

int store_document_add(struct db *db, struct document *d, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "document_add",
        "INSERT INTO document (id, project, kind, name, parent, body, creator, created_at, changed_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT (project, kind, name) WHERE name IS NOT NULL DO NOTHING RETURNING pk",
        false};
    struct db_value args[] = {
        db_of_text(d->id),     db_of_int(d->project),    db_of_text(d->kind),
        db_of_text(d->name),   db_of_text(d->parent),    db_of_text(d->body),
        db_of_int(d->creator), db_of_int(d->created_at), db_of_int(d->changed_at),
    };
    int rc = db_insert(db, &s, args, STORE_COUNT(args), &d->pk, e);
    return rc < 0 ? rc : d->pk != 0;
}

int store_document_get(struct db *db, struct arena *a, int64_t project, const char *kind, const char *id,
                       int64_t pk, const char *name, struct document **ret, struct err *e)
{
    static const struct stmt by_id DB_LISTED = {
        "document_by_id",
        "SELECT " DOCUMENT_COLUMNS " FROM document WHERE project = $1 AND kind = $2 AND id = $3", false};
    static const struct stmt by_pk DB_LISTED = {
        "document_by_pk",
        "SELECT " DOCUMENT_COLUMNS " FROM document WHERE project = $1 AND kind = $2 AND pk = $3", false};
    static const struct stmt by_name DB_LISTED = {
        "document_by_name",
        "SELECT " DOCUMENT_COLUMNS " FROM document WHERE project = $1 AND kind = $2 AND name = $3", false};
    struct db_value args[] = {db_of_int(project), db_of_text(kind),
                              id   ? db_of_text(id)
                              : pk ? db_of_int(pk)
                                   : db_of_text(name)};
    struct db_cursor *c = NULL;
    int rc = row_one(db, id ? &by_id : pk ? &by_pk : &by_name, args, STORE_COUNT(args), &c, e);
    if (rc > 0) {
        *ret = read_document(db, c, a);
        db_done(db, c);
    }
    return rc;
}

static void add_conditions(struct row_sql *q, const struct document_filter *f, const struct page *page)
{
    row_sql_add(q, " FROM document");
    row_sql_project(q, "project", f->project, &f->labels);
    row_sql_value(q, f->labels.count ? " AND kind || '' = " : " AND kind = ", db_of_text(f->kind));
    if (f->parent)
        row_sql_value(q, " AND parent = ", db_of_text(f->parent));
    row_sql_labels(q, "id", f->project, &f->labels);
    row_sql_place(q, "pk", !f->newest_first, page);
}

static int list_documents(struct db *db, struct arena *a, const struct stmt *s, const struct db_value *args,
                          int count, struct document **ret, struct err *e)
{
    struct document **link = ret;
    struct db_cursor *c = NULL;
    *ret = NULL;
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0) {
        *link = read_document(db, c, a);
        link = &(*link)->next;
    }
    db_done(db, c);
    return rc;
}

int store_document_list(struct db *db, struct arena *a, const struct document_filter *f,
                        const struct page *page, struct document **ret, struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    row_sql_add(&q, "SELECT " DOCUMENT_COLUMNS);
    add_conditions(&q, f, page);
    row_sql_value(&q, f->newest_first ? " ORDER BY pk DESC LIMIT " : " ORDER BY pk LIMIT ",
                  db_of_int(page->limit));
    struct stmt s = {"document_list", buf_str(&q.text), true};
    return list_documents(db, a, &s, q.args, q.count, ret, e);
}

int store_document_nth(struct db *db, int64_t project, const char *kind, const char *parent, int64_t n,
                       int64_t *ret_pk, struct err *e)
{
    static const struct stmt any DB_LISTED = {"document_nth",
                                              "SELECT pk FROM document WHERE project = $1 AND kind = $2"
                                              " ORDER BY pk LIMIT 1 OFFSET $3 - 1",
                                              false};
    static const struct stmt of_parent DB_LISTED = {
        "document_nth_of_parent",
        "SELECT pk FROM document WHERE project = $1 AND kind = $2 AND"
        " parent = $4 ORDER BY pk LIMIT 1 OFFSET $3 - 1",
        false};
    struct db_value args[] = {db_of_int(project), db_of_text(kind), db_of_int(n), db_of_text(parent)};
    return row_int(db, parent ? &of_parent : &any, args, STORE_COUNT(args), ret_pk, e);
}

int store_document_count(struct db *db, struct arena *a, const struct document_filter *f, int64_t *ret,
                         struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    row_sql_add(&q, "SELECT 1");
    add_conditions(&q, f, &row_counted);
    row_sql_value(&q, " LIMIT ", db_of_int(row_counted.limit));
    return row_sql_count(db, &q, "document_count", ret, e);
}

int store_document_change(struct db *db, int64_t pk, const char *body, int64_t now, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "document_change", "UPDATE document SET body = $2, changed_at = $3 WHERE pk = $1", false};
    struct db_value args[] = {db_of_int(pk), db_of_text(body), db_of_int(now)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_document_sealed(struct db *db, struct arena *a, int64_t after, int64_t limit, struct document **ret,
                          struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "document_sealed",
        "SELECT " DOCUMENT_COLUMNS
        " FROM document WHERE pk > $1 AND instr(body, '\":\"1.') > 0 ORDER BY pk LIMIT $2",
        false};
    struct db_value args[] = {db_of_int(after), db_of_int(limit)};
    return list_documents(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_document_remove(struct db *db, int64_t pk, struct err *e)
{
    static const struct stmt s DB_LISTED = {"document_remove", "DELETE FROM document WHERE pk = $1", false};
    struct db_value args[] = {db_of_int(pk)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

const struct filter_column store_document_columns[DOCUMENT_COLUMN_END] = {
    [DOCUMENT_PK] = {"d.pk", FILTER_INT, false, 0, NULL},
    [DOCUMENT_NAME] = {"d.name", FILTER_TEXT, true, 0, NULL},
    [DOCUMENT_CREATOR] = {"d.creator", FILTER_INT, true, 0, NULL},
    [DOCUMENT_CREATOR_NAME] = {"(SELECT p.name FROM principal p WHERE p.pk = d.creator)", FILTER_TEXT, true,
                               0, NULL},
    [DOCUMENT_CREATED_AT] = {"d.created_at", FILTER_TIME, true, 0, NULL},
    [DOCUMENT_CHANGED_AT] = {"d.changed_at", FILTER_TIME, true, 0, NULL},
};

static void add_first(struct row_sql *q, const struct document *d)
{
    row_sql_value(q, "SELECT ", db_of_int(d->pk));
    row_sql_add(q, " AS pk, NULL AS id");
    row_sql_value(q, ", ", db_of_int(d->project));
    row_sql_value(q, " AS project, ", db_of_text(d->kind));
    row_sql_value(q, " AS kind, ", db_of_text(d->name));
    row_sql_value(q, " AS name, NULL AS parent, ", db_of_text(d->body));
    row_sql_value(q, " AS body, ", db_of_time(d->creator));
    row_sql_value(q, " AS creator, ", db_of_time(d->created_at));
    row_sql_value(q, " AS created_at, ", db_of_time(d->changed_at));
    row_sql_add(q, " AS changed_at UNION ALL ");
}

int store_document_query(struct db *db, int64_t project, const char *kind, const struct document *first,
                         const struct filter *f, store_document_fn *each, void *ctx, struct err *e)
{
    struct arena a = {0};
    struct row_sql q = {.text = {.arena = &a}};
    struct db_cursor *c = NULL;
    row_sql_add(&q, "SELECT " DOCUMENT_COLUMNS " FROM (");
    if (first)
        add_first(&q, first);
    row_sql_value(&q, "SELECT " DOCUMENT_COLUMNS " FROM document WHERE project = ", db_of_int(project));
    row_sql_value(&q, " AND kind = ", db_of_text(kind));
    row_sql_add(&q, ") d WHERE 1 = 1");
    filter_add(&q, f, NULL);
    filter_add_order(&q, f, &store_document_columns[DOCUMENT_PK], NULL);
    struct stmt s = {"document_query", buf_str(&q.text), true, true};
    int rc = db_query(db, &s, q.args, q.count, &c, e);
    while (rc >= 0 && (rc = db_step(db, c, e)) > 0) {
        struct arena row = {0};
        rc = each(ctx, read_document(db, c, &row), e);
        arena_free(&row);
    }
    db_done(db, c);
    arena_free(&a);
    return rc;
}
