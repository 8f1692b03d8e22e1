/* SPDX-License-Identifier: Apache-2.0 */
/* See folder.h. */
#include "core/folder.h"

#include "base/clock.h"
#include "core/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITER_CACHE_KIB = 8192, READER_CACHE_KIB = 4096, LONGEST_PATH = 4000 };

static int set_paths(const char *data, struct folder *ret, struct err *e)
{
    if (strlen(data) > LONGEST_PATH)
        return err_set(e, ERR_BAD_VALUE, "the path of the data folder is longer than %d bytes", LONGEST_PATH);
    (void)snprintf(ret->db_path, sizeof ret->db_path, "%s/resultd.db", data);
    (void)snprintf(ret->blobs_path, sizeof ret->blobs_path, "%s/blobs", data);
    (void)snprintf(ret->serve_lock, sizeof ret->serve_lock, "%s/serve.lock", data);
    (void)snprintf(ret->files_lock, sizeof ret->files_lock, "%s/files.lock", data);
    (void)snprintf(ret->secret_key, sizeof ret->secret_key, "%s/secret.key", data);
    return 0;
}

int folder_prepare(const char *data, struct folder *ret, struct err *e)
{
    int rc = set_paths(data, ret, e);
    if (rc < 0)
        return rc;
    if (mkdir(data, 0700) < 0 && errno != EEXIST)
        return err_set(e, ERR_STORAGE, "cannot make the data folder %.200s: %s", data, strerror(errno));
    if (access(data, R_OK | W_OK | X_OK) < 0)
        return err_set(e, ERR_STORAGE, "cannot write to the data folder %.200s: %s", data, strerror(errno));
    return 0;
}

int folder_find(const char *data, struct folder *ret, struct err *e)
{
    int rc = set_paths(data, ret, e);
    if (rc == 0 && access(ret->db_path, R_OK) < 0)
        rc = err_set(e, ERR_STORAGE, "there is no data folder %.200s: %s", data, strerror(errno));
    return rc;
}

int folder_lock(const struct folder *f, int *ret, struct err *e)
{
    int fd = open(f->serve_lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_STORAGE, "cannot open %.200s: %s", f->serve_lock, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)close(fd);
        return err_set(e, ERR_STORAGE, "another resultd serves this data folder already (%.200s is locked)",
                       f->serve_lock);
    }
    *ret = fd;
    return 0;
}

static int ensure_key(struct db *db, void *ctx, struct err *e)
{
    struct arena a = {0};
    struct session s = {.db = db, .arena = &a, .now = clock_now()};
    (void)ctx;
    int rc = sign_ensure(&s, e);
    arena_free(&a);
    return rc;
}

static int bring_up_to_date(struct db *db, struct err *e)
{
    int rc = migrate(db, store_sqlite_migrations, store_sqlite_migration_count, e);
    return rc < 0 ? rc : db_tx(db, DB_WRITE, ensure_key, NULL, e);
}

int folder_open_writer(const struct folder *f, bool may_migrate, int64_t busy_seconds, struct db **ret,
                       struct err *e)
{
    struct db_options o = {.busy_ms = busy_seconds * 1000, .cache_kib = WRITER_CACHE_KIB};
    struct db *db = NULL;
    int rc = db_open(&db_sqlite_ops, f->db_path, &o, &db, e);
    if (rc < 0)
        return rc;
    rc = may_migrate ? bring_up_to_date(db, e)
                     : migrate_verify(db, store_sqlite_migrations, store_sqlite_migration_count, e);
    if (rc < 0) {
        db_close(db);
        return rc;
    }
    db_gather(db, &store_usage_gathering);
    *ret = db;
    return 0;
}

int folder_open_reader(const struct folder *f, int64_t busy_seconds, int64_t map_bytes, struct db **ret,
                       struct err *e)
{
    struct db_options o = {.read_only = true,
                           .busy_ms = busy_seconds * 1000,
                           .cache_kib = READER_CACHE_KIB,
                           .map_bytes = map_bytes};
    struct db *db = NULL;
    int rc = db_open(&db_sqlite_ops, f->db_path, &o, &db, e);
    if (rc < 0)
        return rc;
    rc = migrate_verify(db, store_sqlite_migrations, store_sqlite_migration_count, e);
    if (rc < 0) {
        db_close(db);
        return rc;
    }
    *ret = db;
    return 0;
}
