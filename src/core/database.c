/* SPDX-License-Identifier: Apache-2.0 */
/* See database.h. */
#include "core/database.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "core/instance.h"
#include "core/sign.h"

#include <stdio.h>

enum { WRITER_CACHE_KIB = 8192, READER_CACHE_KIB = 4096, MIGRATION_MS = 24 * 3600 * 1000 };

void database_choose(const struct folder *f, const struct settings *set, struct database *ret)
{
    bool own = !*set->db;
    *ret = (struct database){
        .ops = own ? &db_sqlite_ops : &db_pg_ops,
        .steps = own ? store_sqlite_migrations : store_pg_migrations,
        .step_count = own ? store_sqlite_migration_count : store_pg_migration_count,
        .options = {.busy_ms = set->db_busy_timeout * 1000,
                    .map_bytes = set->db_map,
                    .connect_ms = set->db_connect_timeout * 1000,
                    .timeout_ms = set->db_timeout * 1000},
    };
    (void)snprintf(ret->where, sizeof ret->where, "%s", own ? f->db_path : set->db);
}

void database_choose_whole(const struct folder *f, const struct settings *set, struct database *ret)
{
    database_choose(f, set, ret);
    ret->options.map_bytes = 0;
    ret->options.timeout_ms = 0;
}

void database_name(const struct folder *f, const struct settings *set, char *ret, size_t size)
{
    if (*set->db)
        db_address_name(set->db, ret, size);
    else
        text_copy(ret, size, f->db_path);
}

void database_choose_replica(const struct settings *set, const char *instance, struct database *ret)
{
    struct folder none = {.db_path = ""};
    database_choose(&none, set, ret);
    ret->options.standby = true;
    ret->options.connect_ms = ret->options.timeout_ms = set->db_replica_timeout * 1000;
    (void)snprintf(ret->where, sizeof ret->where, "%s", set->db_replica);
    text_copy(ret->instance, sizeof ret->instance, instance);
}

int database_try_replica(const struct database *d, struct err *e)
{
    struct db *db = NULL;
    struct instance i;
    struct err why;
    int rc = database_open_reader(d, false, &db, &why);
    if (rc == 0)
        rc = store_instance_get(db, &i, &why);
    db_close(db);
    return rc == ERR_MISMATCH
               ? err_set(e, rc, "db_replica is no replica of db: another database answers there")
               : 0;
}

/* What each database has of its own from the begin. */
static int furnish(struct db *db, void *ctx, struct err *e)
{
    struct arena a = {0};
    struct session s = {.db = db, .arena = &a};
    (void)ctx;
    int rc = db_clock(db, &s.now, e);
    if (rc == 0)
        rc = sign_ensure(&s, e);
    if (rc == 0)
        rc = instance_ensure(&s, e);
    arena_free(&a);
    return rc;
}

/* What is there of it would be taken for the whole. */
static int refuse_half(struct db *db, struct err *e)
{
    struct relocation r;
    int rc = store_relocation_get(db, &r, e);
    if (rc <= 0 || r.role != RELOCATION_TARGET)
        return rc < 0 ? rc : 0;
    return err_set(
        e, ERR_DB,
        "this database is the target of a move that is not finished: run the same `resultd move` again");
}

static int open_to_write(const struct database *d, struct db **ret, struct err *e)
{
    struct db_options o = d->options;
    o.cache_kib = WRITER_CACHE_KIB;
    o.map_bytes = 0;
    return db_open(d->ops, d->where, &o, ret, e);
}

/* A step over millions of rows takes longer than any request may, and so does waiting for who is at it. */
static int migrate_patiently(const struct database *d, struct err *e)
{
    struct database patient = *d;
    struct db *db = NULL;
    patient.options.timeout_ms = 0;
    patient.options.busy_ms = MIGRATION_MS;
    int rc = open_to_write(&patient, &db, e);
    if (rc == 0)
        rc = migrate(db, d->steps, d->step_count, e);
    db_close(db);
    return rc;
}

static int open_migrated(const struct database *d, struct db **ret, struct err *e)
{
    struct db *db = NULL;
    int rc = open_to_write(d, &db, e);
    if (rc == 0 && (rc = migrate_verify(db, d->steps, d->step_count, e)) == 0) {
        *ret = db;
        return 0;
    }
    if (!db && rc != ERR_DB_BUSY)
        return rc;
    db_close(db);
    log_text(LOG_INFO, "the schema of the database is brought up to date, by this server or another one");
    rc = migrate_patiently(d, e); /* which says what is wrong if it is not that */
    return rc < 0 ? rc : open_to_write(d, ret, e);
}

static int verify_schema(const struct database *d, struct db *db, struct err *e)
{
    int rc = migrate_verify(db, d->steps, d->step_count, e);
    return rc < 0 ? rc : refuse_half(db, e);
}

int database_open_copy(const struct database *d, struct db **ret, struct err *e)
{
    struct db *db = NULL;
    int rc = open_to_write(d, &db, e);
    if (rc < 0)
        return rc;
    rc = migrate(db, d->steps, d->step_count, e);
    if (rc < 0)
        db_close(db);
    else
        *ret = db;
    return rc;
}

int database_open_writer(const struct database *d, bool may_migrate, struct db **ret, struct err *e)
{
    struct db *db = NULL;
    int rc = may_migrate ? open_migrated(d, &db, e) : open_to_write(d, &db, e);
    if (rc < 0)
        return rc;
    rc = may_migrate ? refuse_half(db, e) : verify_schema(d, db, e);
    if (rc == 0 && may_migrate)
        rc = db_tx(db, DB_WRITE, furnish, NULL, e);
    if (rc < 0) {
        db_close(db);
        return rc;
    }
    db_gather(db, &store_usage_gathering);
    *ret = db;
    return 0;
}

int database_open_reader(const struct database *d, bool verify, struct db **ret, struct err *e)
{
    struct db_options o = d->options;
    struct db *db = NULL;
    o.cache_kib = READER_CACHE_KIB;
    o.read_only = true;
    if (*d->instance) {
        o.proof = store_instance_proof;
        o.proved = d->instance;
    }
    int rc = db_open(d->ops, d->where, &o, &db, e);
    if (rc == 0 && verify && (rc = verify_schema(d, db, e)) < 0)
        db_close(db);
    if (rc == 0)
        *ret = db;
    return rc;
}
