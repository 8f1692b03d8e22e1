/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that sign links, and the record of links that were asked for. */
#include "store/row.h"

#include <string.h>

static int read_key(struct db *db, const struct stmt *s, const struct db_value *args, int count,
                    struct signing_key *ret, struct err *e)
{
    struct db_cursor *c = NULL;
    size_t len;
    int rc = row_one(db, s, args, count, &c, e);
    if (rc <= 0)
        return rc;
    const void *secret = db_blob(db, c, 1, &len);
    if (len == sizeof ret->secret) {
        ret->pk = db_int(db, c, 0);
        memcpy(ret->secret, secret, len);
        ret->retired_at = db_int(db, c, 2);
    } else {
        rc = err_operator(e, ERR_DB, "the database failed", "signing key %lld has %zu bytes",
                          (long long)db_int(db, c, 0), len);
    }
    db_done(db, c);
    return rc;
}

int store_signing_current(struct db *db, struct signing_key *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "signing_current",
        "SELECT pk, secret, retired_at FROM signing_key WHERE retired_at IS NULL ORDER BY pk DESC LIMIT 1",
        false};
    return read_key(db, &s, NULL, 0, ret, e);
}

int store_signing_get(struct db *db, int64_t pk, struct signing_key *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "signing_get", "SELECT pk, secret, retired_at FROM signing_key WHERE pk = $1", false};
    struct db_value args[] = {db_of_int(pk)};
    return read_key(db, &s, args, STORE_COUNT(args), ret, e);
}

int store_signing_retire_all(struct db *db, int64_t now, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "signing_retire_all", "UPDATE signing_key SET retired_at = $1 WHERE retired_at IS NULL", false};
    struct db_value args[] = {db_of_int(now)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_signing_add(struct db *db, const unsigned char secret[32], int64_t now, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "signing_add", "INSERT INTO signing_key (secret, created_at) VALUES ($1, $2)", false};
    struct db_value args[] = {db_of_blob(secret, 32), db_of_int(now)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_signing_prune(struct db *db, int64_t retired_before, struct err *e)
{
    static const struct stmt s DB_LISTED = {"signing_prune", "DELETE FROM signing_key WHERE retired_at < $1",
                                            false};
    struct db_value args[] = {db_of_int(retired_before)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_link_add(struct db *db, const struct link_row *l, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "link_add",
        "INSERT INTO link (id, result, format, note, creator, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        false};
    struct db_value args[] = {db_of_text(l->id),       db_of_int(l->result),  db_of_text(l->format),
                              db_of_text(l->note),     db_of_int(l->creator), db_of_int(l->created_at),
                              db_of_int(l->expires_at)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

int store_link_prune(struct db *db, int64_t expired_before, int64_t limit, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "link_prune",
        "DELETE FROM link WHERE expires_at < $1 AND expires_at <= "
        "coalesce((SELECT expires_at FROM link WHERE expires_at < $1 ORDER BY expires_at LIMIT 1 OFFSET $2), $1)",
        false};
    struct db_value args[] = {db_of_int(expired_before), db_of_int(limit)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}
