/* SPDX-License-Identifier: Apache-2.0 */
/* See migrate.h. All steps run in one transaction: a failing step leaves the schema as it was. */
#include "db/migrate.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"

#include <string.h>

struct run {
    const struct migration *steps;
    int count;
};

static const struct stmt create_table DB_LISTED = {"migration_table",
                                                   "CREATE TABLE IF NOT EXISTS schema_migration ("
                                                   " version BIGINT PRIMARY KEY, name TEXT NOT NULL,"
                                                   " sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL)",
                                                   false};
static const struct stmt list_applied DB_LISTED = {
    "migration_list", "SELECT version, name, sha256 FROM schema_migration ORDER BY version", false};
static const struct stmt record_step DB_LISTED = {
    "migration_record",
    "INSERT INTO schema_migration (version, name, sha256, applied_at) VALUES ($1, $2, $3, $4)", false};

static void checksum(const struct migration *m, char ret[DIGEST_SHA256_HEX])
{
    unsigned char sha256[DIGEST_SHA256_LEN];
    digest_sha256(m->text, strlen(m->text), sha256);
    text_hex(sha256, sizeof sha256, ret);
}

static int compare(struct db *db, struct db_cursor *c, const struct run *r, int64_t *ret_version,
                   struct err *e)
{
    char sha256[DIGEST_SHA256_HEX];
    int64_t version = db_int(db, c, 0);
    if (version < 1 || version > r->count)
        return err_set(
            e, ERR_DB,
            "the database is of a newer resultd (schema %lld, this one knows %d): install that version, "
            "or restore a backup made before the upgrade",
            (long long)version, r->count);
    checksum(&r->steps[version - 1], sha256);
    if (strcmp(sha256, db_text(db, c, 2)) != 0)
        return err_set(e, ERR_DB, "schema step %lld (%s) of the database is not the one of this program",
                       (long long)version, db_text(db, c, 1));
    *ret_version = version;
    return 0;
}

static int check_applied(struct db *db, const struct run *r, int64_t *ret_version, struct err *e)
{
    struct db_cursor *c = NULL;
    *ret_version = 0;
    int rc = db_query(db, &list_applied, NULL, 0, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0)
        if ((rc = compare(db, c, r, ret_version, e)) < 0)
            break;
    db_done(db, c);
    return rc;
}

static int apply(struct db *db, const struct migration *m, struct err *e)
{
    char sha256[DIGEST_SHA256_HEX];
    int rc = db->ops->script(db, m->text, e);
    if (rc < 0)
        return rc;
    checksum(m, sha256);
    struct db_value args[] = {db_of_int(m->version), db_of_text(m->name), db_of_text(sha256),
                              db_of_int(clock_now())};
    return db_run(db, &record_step, args, 4, NULL, e);
}

static int run_steps(struct db *db, void *ctx, struct err *e)
{
    const struct run *r = ctx;
    int64_t version = 0;
    int rc = db_run(db, &create_table, NULL, 0, NULL, e);
    if (rc == 0)
        rc = check_applied(db, r, &version, e);
    for (int64_t i = version; rc == 0 && i < r->count; i++)
        rc = apply(db, &r->steps[i], e);
    return rc;
}

int migrate(struct db *db, const struct migration *steps, int count, struct err *e)
{
    struct run r = {steps, count};
    return db_tx(db, DB_WRITE, run_steps, &r, e);
}

int migrate_verify(struct db *db, const struct migration *steps, int count, struct err *e)
{
    struct run r = {steps, count};
    int64_t version;
    int rc = check_applied(db, &r, &version, e);
    if (rc == 0 && version != count)
        rc = err_set(
            e, ERR_DB,
            "the database is of an older resultd (schema %lld, this one knows %d): start this version's "
            "server once, which brings it up to date",
            (long long)version, count);
    return rc;
}
