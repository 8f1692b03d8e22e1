/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of projects, and what rows say of the objects in them. */
#include "store/row.h"

#include <string.h>

#define STORAGE_COLUMNS                                                                                      \
    "s.pk, s.id, s.project, s.name, s.url, s.endpoint, s.region, s.path_style, s.deliver, s.link_lifetime,"  \
    " s.access_key_id, s.secret, s.state, s.creator, c.name, s.created_at, s.changed_at,"                    \
    " s.is_default"
#define STORAGE_FROM " FROM storage s JOIN principal c ON c.pk = s.creator "

static const char *const delivers[] = {"proxy", "redirect"};

static struct storage *read_storage(struct db *db, struct db_cursor *c, struct arena *a)
{
    struct storage *st = arena_alloc(a, sizeof *st);
    int n = 0;
    *st = (struct storage){.pk = db_int(db, c, n++)};
    st->id = row_text(db, c, a, n++);
    st->project = db_int(db, c, n++);
    st->name = row_text(db, c, a, n++);
    st->url = row_text(db, c, a, n++);
    st->endpoint = row_text(db, c, a, n++);
    st->region = row_text(db, c, a, n++);
    st->path_style = row_count(db, c, n++);
    st->redirects = strcmp(db_text(db, c, n++), delivers[true]) == 0;
    st->link_lifetime = db_int(db, c, n++);
    st->access_key_id = row_text(db, c, a, n++);
    st->secret = row_text(db, c, a, n++);
    st->state = (enum storage_state)store_word(storage_state_names, STORAGE_STATE_END, db_text(db, c, n++));
    st->creator = db_int(db, c, n++);
    st->creator_name = row_text(db, c, a, n++);
    st->created_at = db_int(db, c, n++);
    st->changed_at = db_int(db, c, n++);
    st->is_default = db_int(db, c, n) != 0;
    return st;
}

static struct db_value of_flag(int64_t flag)
{
    struct db_value none = {.type = DB_NULL};
    return flag < 0 ? none : db_of_int(flag);
}

static int add_to_count(struct db *db, int64_t project, int64_t change, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "project_count_storage", "UPDATE project SET storages = storages + $2 WHERE pk = $1", false};
    struct db_value args[] = {db_of_int(project), db_of_int(change)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_storage_add(struct db *db, struct storage *st, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "storage_add",
        "INSERT INTO storage (id, project, name, url, endpoint, region, path_style, deliver, link_lifetime,"
        " access_key_id, secret, state, creator, created_at, changed_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        " ON CONFLICT (project, name) DO NOTHING RETURNING pk",
        false};
    struct db_value args[] = {
        db_of_text(st->id),
        db_of_int(st->project),
        db_of_text(st->name),
        db_of_text(st->url),
        db_of_text(st->endpoint),
        db_of_text(st->region),
        of_flag(st->path_style),
        db_of_text(delivers[st->redirects]),
        db_of_time(st->link_lifetime),
        db_of_text(st->access_key_id),
        db_of_text(st->secret),
        db_of_text(storage_state_names[st->state]),
        db_of_int(st->creator),
        db_of_int(st->created_at),
        db_of_int(st->changed_at),
    };
    int rc = db_insert(db, &s, args, STORE_COUNT(args), &st->pk, e);
    return rc < 0 || !st->pk ? rc : add_to_count(db, st->project, 1, e);
}

static int get_storage(struct db *db, struct arena *a, const struct stmt *s, const struct db_value *args,
                       int count, struct storage **ret, struct err *e)
{
    struct db_cursor *c = NULL;
    int rc = row_one(db, s, args, count, &c, e);
    if (rc > 0) {
        *ret = read_storage(db, c, a);
        db_done(db, c);
    }
    return rc;
}

int store_storage_get(struct db *db, struct arena *a, int64_t project, const char *id, struct storage **ret,
                      struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "storage_get", "SELECT " STORAGE_COLUMNS STORAGE_FROM "WHERE s.id = $1 AND s.project = $2", false};
    struct db_value args[] = {db_of_text(id), db_of_int(project)};
    return get_storage(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_storage_by_name(struct db *db, struct arena *a, int64_t project, const char *name,
                          struct storage **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "storage_by_name", "SELECT " STORAGE_COLUMNS STORAGE_FROM "WHERE s.project = $1 AND s.name = $2",
        false};
    struct db_value args[] = {db_of_int(project), db_of_text(name)};
    return get_storage(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_storage_by_pk(struct db *db, struct arena *a, int64_t pk, struct storage **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {"storage_by_pk",
                                            "SELECT " STORAGE_COLUMNS STORAGE_FROM "WHERE s.pk = $1", false};
    struct db_value args[] = {db_of_int(pk)};
    return get_storage(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_storage_default(struct db *db, struct arena *a, int64_t project, struct storage **ret,
                          struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "storage_default", "SELECT " STORAGE_COLUMNS STORAGE_FROM "WHERE s.project = $1 AND s.is_default = 1",
        false};
    struct db_value args[] = {db_of_int(project)};
    return get_storage(db, a, &s, args, STORE_COUNT(args), ret, e);
}

static int list_storages(struct db *db, struct arena *a, const struct stmt *s, const struct db_value *args,
                         int count, struct storage **ret, struct err *e)
{
    struct storage **link = ret;
    struct db_cursor *c = NULL;
    *ret = NULL;
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0) {
        *link = read_storage(db, c, a);
        link = &(*link)->next;
    }
    db_done(db, c);
    return rc;
}

int store_storage_list(struct db *db, struct arena *a, const struct storage_filter *f,
                       const struct page *page, struct storage **ret, struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    row_sql_value(&q, "SELECT " STORAGE_COLUMNS STORAGE_FROM "WHERE s.project = ", db_of_int(f->project));
    if (f->created_after)
        row_sql_value(&q, " AND s.created_at > ", db_of_int(f->created_after));
    row_sql_place(&q, "s.pk", !f->newest_first, page);
    row_sql_value(&q, f->newest_first ? " ORDER BY s.pk DESC LIMIT " : " ORDER BY s.pk LIMIT ",
                  db_of_int(page->limit));
    struct stmt s = {"storage_list", buf_str(&q.text), true};
    return list_storages(db, a, &s, q.args, q.count, ret, e);
}

int store_storage_after(struct db *db, struct arena *a, int64_t after, int64_t limit, struct storage **ret,
                        struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "storage_after", "SELECT " STORAGE_COLUMNS STORAGE_FROM "WHERE s.pk > $1 ORDER BY s.pk LIMIT $2",
        false};
    struct db_value args[] = {db_of_int(after), db_of_int(limit)};
    return list_storages(db, a, &s, args, STORE_COUNT(args), ret, e);
}

int store_storage_count(struct db *db, int64_t project, int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {"storage_count", "SELECT storages FROM project WHERE pk = $1",
                                            false};
    struct db_value args[] = {db_of_int(project)};
    int rc = row_int(db, &s, args, STORE_COUNT(args), ret, e);
    return rc < 0 ? rc : 0;
}

int store_storage_change(struct db *db, const struct storage *st, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "storage_change",
        "UPDATE storage SET name = $2, url = $3, endpoint = $4, region = $5, path_style = $6, deliver = $7,"
        " link_lifetime = $8, access_key_id = $9, secret = $10, state = $11, changed_at = $12 WHERE pk = $1",
        false};
    struct db_value args[] = {
        db_of_int(st->pk),
        db_of_text(st->name),
        db_of_text(st->url),
        db_of_text(st->endpoint),
        db_of_text(st->region),
        of_flag(st->path_style),
        db_of_text(delivers[st->redirects]),
        db_of_time(st->link_lifetime),
        db_of_text(st->access_key_id),
        db_of_text(st->secret),
        db_of_text(storage_state_names[st->state]),
        db_of_int(st->changed_at),
    };
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_storage_reseal(struct db *db, int64_t pk, const char *sealed, struct err *e)
{
    static const struct stmt s DB_LISTED = {"storage_reseal", "UPDATE storage SET secret = $2 WHERE pk = $1",
                                            false};
    struct db_value args[] = {db_of_int(pk), db_of_text(sealed)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_storage_set_default(struct db *db, int64_t project, int64_t pk, struct err *e)
{
    static const struct stmt none DB_LISTED = {
        "storage_no_default", "UPDATE storage SET is_default = 0 WHERE project = $1 AND is_default = 1",
        false};
    static const struct stmt this_one DB_LISTED = {"storage_set_default",
                                                   "UPDATE storage SET is_default = 1 WHERE pk = $1", false};
    struct db_value of_project[] = {db_of_int(project)};
    struct db_value of_storage[] = {db_of_int(pk)};
    int rc = row_change(db, &none, of_project, STORE_COUNT(of_project), e);
    return rc < 0 || !pk ? rc : row_change(db, &this_one, of_storage, STORE_COUNT(of_storage), e);
}

int store_storage_set_state(struct db *db, int64_t pk, int64_t changed_at, enum storage_state state,
                            struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "storage_set_state", "UPDATE storage SET state = $3 WHERE pk = $1 AND changed_at = $2", false};
    struct db_value args[] = {db_of_int(pk), db_of_int(changed_at), db_of_text(storage_state_names[state])};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_storage_uses(struct db *db, int64_t pk, struct err *e)
{
    static const struct stmt results DB_LISTED = {"storage_of_results",
                                                  "SELECT pk FROM result WHERE storage = $1 LIMIT 1", false};
    static const struct stmt jobs DB_LISTED = {"storage_of_jobs",
                                               "SELECT pk FROM job WHERE storage = $1 LIMIT 1", false};
    struct db_value args[] = {db_of_int(pk)};
    int64_t unused;
    int of_results = row_int(db, &results, args, STORE_COUNT(args), &unused, e);
    if (of_results < 0)
        return of_results;
    int of_jobs = row_int(db, &jobs, args, STORE_COUNT(args), &unused, e);
    if (of_jobs < 0)
        return of_jobs;
    return (of_results ? STORAGE_OF_RESULTS : 0) | (of_jobs ? STORAGE_OF_JOBS : 0);
}

int store_storage_remove(struct db *db, const struct storage *st, struct err *e)
{
    static const struct stmt s DB_LISTED = {"storage_remove", "DELETE FROM storage WHERE pk = $1", false};
    struct db_value args[] = {db_of_int(st->pk)};
    int rc = row_change(db, &s, args, STORE_COUNT(args), e);
    return rc <= 0 ? rc : add_to_count(db, st->project, -1, e);
}

static struct stored_object read_object(struct db *db, struct db_cursor *c, struct arena *a)
{
    return (struct stored_object){.key = row_text(db, c, a, 0),
                                  .etag = row_text(db, c, a, 1),
                                  .result = row_text(db, c, a, 2),
                                  .size = db_int(db, c, 3),
                                  .stored = db_int(db, c, 4) != 0};
}

int store_storage_objects(struct db *db, struct arena *a, int64_t storage, const char *after, int64_t limit,
                          struct stored_object **ret, int64_t *ret_count, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "storage_objects",
        "SELECT object, etag, id, size, stored FROM result WHERE storage = $1 AND object > $2"
        " ORDER BY object LIMIT $3",
        false};
    struct db_value args[] = {db_of_int(storage), db_of_text(after), db_of_int(limit)};
    struct stored_object *all = arena_alloc(a, (size_t)limit * sizeof *all);
    struct db_cursor *c = NULL;
    int64_t n = 0;
    int rc = db_query(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        all[n++] = read_object(db, c, a);
    db_done(db, c);
    *ret = all;
    *ret_count = n;
    return rc;
}

int store_storage_object(struct db *db, struct arena *a, int64_t storage, const char *key,
                         struct stored_object *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "storage_object",
        "SELECT object, etag, id, size, stored FROM result WHERE storage = $1 AND object = $2 LIMIT 1",
        false};
    struct db_value args[] = {db_of_int(storage), db_of_text(key)};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc > 0) {
        *ret = read_object(db, c, a);
        db_done(db, c);
    }
    return rc;
}
