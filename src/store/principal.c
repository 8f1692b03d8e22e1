/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and users. */
#include "store/row.h"

#define PRINCIPAL_COLUMNS                                                                                    \
    "k.pk, k.project, p.name, k.name, k.public_id, k.secret, k.scopes, k.staff, k.created_at, k.revoked_at," \
    " p.storages, k.expires_at"

static struct principal *read_principal(struct db *db, struct db_cursor *c, struct arena *a)
{
    struct principal *p = arena_alloc(a, sizeof *p);
    const void *secret = db_blob(db, c, 5, &p->secret_len);
    p->pk = db_int(db, c, 0);
    p->project = db_int(db, c, 1);
    p->project_name = row_text(db, c, a, 2);
    p->name = row_text(db, c, a, 3);
    p->public_id = row_text(db, c, a, 4);
    p->secret = arena_copy(a, secret, p->secret_len);
    p->scopes = db_int(db, c, 6);
    p->staff = db_int(db, c, 7) != 0;
    p->created_at = db_int(db, c, 8);
    p->revoked_at = db_int(db, c, 9);
    p->storages = db_int(db, c, 10);
    p->expires_at = db_int(db, c, 11);
    return p;
}

static struct db_value word_of(enum principal_kind kind)
{
    return db_of_text(kind == PRINCIPAL_KEY ? "key" : "user");
}

int store_principal_add(struct db *db, enum principal_kind kind, const struct principal *p, int64_t *ret_pk,
                        struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "principal_add",
        "INSERT INTO principal (project, kind, name, public_id, secret, scopes, staff, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING pk",
        false};
    struct db_value args[] = {
        db_of_int(p->project),
        word_of(kind),
        db_of_text(p->name),
        db_of_text(p->public_id),
        db_of_blob(p->secret, p->secret_len),
        db_of_int(p->scopes),
        db_of_int(p->staff),
        db_of_int(p->created_at),
        db_of_time(p->expires_at),
    };
    return db_insert(db, &s, args, STORE_COUNT(args), ret_pk, e);
}

static int get_principal(struct db *db, struct arena *a, const struct stmt *s, struct db_value key,
                         struct principal **ret, struct err *e)
{
    struct db_cursor *c = NULL;
    int rc = row_one(db, s, &key, 1, &c, e);
    if (rc > 0) {
        *ret = read_principal(db, c, a);
        db_done(db, c);
    }
    return rc;
}

#define PRINCIPAL_FROM " FROM principal k JOIN project p ON p.pk = k.project "

int store_principal_by_public_id(struct db *db, struct arena *a, const char *public_id,
                                 struct principal **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "principal_by_public_id", "SELECT " PRINCIPAL_COLUMNS PRINCIPAL_FROM "WHERE k.public_id = $1", false};
    return get_principal(db, a, &s, db_of_text(public_id), ret, e);
}

int store_principal_by_pk(struct db *db, struct arena *a, int64_t pk, struct principal **ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "principal_by_pk", "SELECT " PRINCIPAL_COLUMNS PRINCIPAL_FROM "WHERE k.pk = $1", false};
    return get_principal(db, a, &s, db_of_int(pk), ret, e);
}

int store_principal_user(struct db *db, struct arena *a, const char *name, struct principal **ret,
                         struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "principal_user", "SELECT " PRINCIPAL_COLUMNS PRINCIPAL_FROM "WHERE k.name = $1 AND k.kind = 'user'",
        false};
    return get_principal(db, a, &s, db_of_text(name), ret, e);
}

int store_principal_revoke(struct db *db, const char *public_id, int64_t now, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "principal_revoke",
        "UPDATE principal SET revoked_at = $2 WHERE public_id = $1 AND kind = 'key' AND revoked_at IS NULL",
        false};
    struct db_value args[] = {db_of_text(public_id), db_of_int(now)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_principal_change_secret(struct db *db, int64_t pk, const void *secret, size_t len, struct err *e)
{
    static const struct stmt s DB_LISTED = {"principal_change_secret",
                                            "UPDATE principal SET secret = $2 WHERE pk = $1", false};
    struct db_value args[] = {db_of_int(pk), db_of_blob(secret, len)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_principal_change(struct db *db, const struct principal *p, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "principal_change", "UPDATE principal SET scopes = $2, staff = $3, revoked_at = $4 WHERE pk = $1",
        false};
    struct db_value args[] = {db_of_int(p->pk), db_of_int(p->scopes), db_of_int(p->staff),
                              db_of_time(p->revoked_at)};
    return row_change(db, &s, args, STORE_COUNT(args), e);
}

int store_principal_each_of(struct db *db, struct arena *a, enum principal_kind kind, int64_t project,
                            bool newest_first, const struct page *page, store_principal_fn *each, void *ctx,
                            struct err *e)
{
    struct row_sql q = {.text = {.arena = a}};
    struct db_cursor *c = NULL;
    row_sql_value(&q, "SELECT " PRINCIPAL_COLUMNS PRINCIPAL_FROM "WHERE k.kind = ", word_of(kind));
    row_sql_value(&q, " AND k.project = ", db_of_int(project));
    row_sql_place(&q, "k.pk", !newest_first, page);
    row_sql_value(&q, newest_first ? " ORDER BY k.pk DESC LIMIT " : " ORDER BY k.pk LIMIT ",
                  db_of_int(page->limit));
    struct stmt s = {"principal_each_of", buf_str(&q.text), true};
    int rc = db_query(db, &s, q.args, q.count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        if ((rc = each(ctx, read_principal(db, c, a), e)) < 0)
            break;
    db_done(db, c);
    return rc;
}

int store_principal_count_keys(struct db *db, int64_t project, int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "principal_count_keys", "SELECT count(*) FROM principal WHERE kind = 'key' AND project = $1", false};
    struct db_value args[] = {db_of_int(project)};
    int rc = row_int(db, &s, args, STORE_COUNT(args), ret, e);
    return rc < 0 ? rc : 0;
}

int store_principal_count_other_keys(struct db *db, int64_t project, int64_t scopes, int64_t pk, int64_t now,
                                     int64_t *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "principal_count_other_keys",
        "SELECT count(*) FROM principal WHERE kind = 'key' AND project = $1 AND scopes & $2 <> 0 AND pk <> $3"
        " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $4)",
        false};
    struct db_value args[] = {db_of_int(project), db_of_int(scopes), db_of_int(pk), db_of_int(now)};
    int rc = row_int(db, &s, args, STORE_COUNT(args), ret, e);
    return rc < 0 ? rc : 0;
}

int store_principal_each_key(struct db *db, struct arena *a, store_principal_fn *each, void *ctx,
                             struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "principal_each_key", "SELECT " PRINCIPAL_COLUMNS PRINCIPAL_FROM "WHERE k.kind = 'key' ORDER BY k.pk",
        false};
    struct db_cursor *c = NULL;
    int rc = db_query(db, &s, NULL, 0, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        if ((rc = each(ctx, read_principal(db, c, a), e)) < 0)
            break;
    db_done(db, c);
    return rc;
}
