/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sqlite_gather.h. The files are those of SQLite's own VFS, with some of their methods replaced: what is
 * gathered stands behind SQLite's structure in the same allocation.
 */
#include "db/sqlite_gather.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GATHER_SIZE = 124 << 10 }; /* SQLite's own files write less than 128 KiB at once */

struct gather {
    sqlite3_io_methods methods;
    const sqlite3_io_methods *base;
    struct gather *log;  /* of a database: its write-ahead log's, while that is open */
    struct gather *main; /* of a log: its database's */
    sqlite3_file *file;
    char *bytes;
    sqlite3_int64 at; /* where in the file bytes[0] belongs */
    int used;
};

static sqlite3_vfs *base_vfs;
static sqlite3_vfs gather_vfs;
static int registered;

static struct gather *of(sqlite3_file *file)
{
    return (struct gather *)((char *)file + gather_vfs.szOsFile - sizeof(struct gather));
}

static int flush(struct gather *g)
{
    if (!g->used)
        return SQLITE_OK;
    int rc = g->base->xWrite(g->file, g->bytes, g->used, g->at);
    if (rc == SQLITE_OK)
        g->used = 0;
    return rc;
}

/*
 * Before SQLite gives up a lock, since from then on the file may be somebody else's. What a commit or a
 * checkpoint wrote has been synced by then: what is left is of a transaction that was undone, and need not be
 * written.
 */
static void let_go(struct gather *g)
{
    if (flush(g) != SQLITE_OK)
        g->used = 0;
}

static int gather_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct gather *g = of(file);
    if (g->used && (at != g->at + g->used || len > GATHER_SIZE - g->used)) {
        int rc = flush(g);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (len > GATHER_SIZE)
        return g->base->xWrite(file, bytes, len, at);
    if (!g->bytes && !(g->bytes = malloc(GATHER_SIZE)))
        return SQLITE_IOERR_NOMEM;
    if (!g->used)
        g->at = at;
    memcpy(g->bytes + g->used, bytes, (size_t)len);
    g->used += len;
    return SQLITE_OK;
}

static int gather_read(sqlite3_file *file, void *ret, int len, sqlite3_int64 at)
{
    int rc = flush(of(file));
    return rc == SQLITE_OK ? of(file)->base->xRead(file, ret, len, at) : rc;
}

static int gather_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = flush(of(file));
    return rc == SQLITE_OK ? of(file)->base->xTruncate(file, size) : rc;
}

static int gather_sync(sqlite3_file *file, int flags)
{
    int rc = flush(of(file));
    return rc == SQLITE_OK ? of(file)->base->xSync(file, flags) : rc;
}

static int gather_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    int rc = flush(of(file));
    return rc == SQLITE_OK ? of(file)->base->xFileSize(file, ret) : rc;
}

static int gather_control(sqlite3_file *file, int op, void *arg)
{
    int rc = flush(of(file));
    return rc == SQLITE_OK ? of(file)->base->xFileControl(file, op, arg) : rc;
}

static int gather_fetch(sqlite3_file *file, sqlite3_int64 at, int len, void **ret)
{
    int rc = flush(of(file));
    return rc == SQLITE_OK ? of(file)->base->xFetch(file, at, len, ret) : rc;
}

/* Of the database itself: without a log, before that mode is entered. */
static int gather_unlock(sqlite3_file *file, int lock)
{
    int written = flush(of(file));
    int rc = of(file)->base->xUnlock(file, lock);
    return written == SQLITE_OK ? rc : written;
}

static int gather_shm_lock(sqlite3_file *file, int first, int count, int flags)
{
    struct gather *g = of(file);
    if (flags & SQLITE_SHM_UNLOCK) {
        let_go(g);
        if (g->log)
            let_go(g->log);
    }
    return g->base->xShmLock(file, first, count, flags);
}

static int gather_close(sqlite3_file *file)
{
    struct gather *g = of(file);
    if (g->main)
        g->main->log = NULL;
    if (g->log)
        g->log->main = NULL;
    free(g->bytes);
    return g->base->xClose(file);
}

static void replace_methods(struct gather *g)
{
    g->methods = *g->base;
    g->methods.xClose = gather_close;
    g->methods.xRead = gather_read;
    g->methods.xWrite = gather_write;
    g->methods.xTruncate = gather_truncate;
    g->methods.xSync = gather_sync;
    g->methods.xFileSize = gather_size;
    g->methods.xFileControl = gather_control;
    g->methods.xUnlock = gather_unlock;
    g->methods.xShmLock = gather_shm_lock;
    g->methods.xFetch = gather_fetch;
    g->file->pMethods = &g->methods;
}

static int gather_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    (void)vfs;
    int rc = base_vfs->xOpen(base_vfs, name, file, flags, ret_flags);
    if (rc != SQLITE_OK || !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
        return rc;
    struct gather *g = of(file);
    *g = (struct gather){.file = file, .base = file->pMethods};
    assert(g->base->iVersion >= 3);
    if (flags & SQLITE_OPEN_WAL) {
        g->main = of(sqlite3_database_file_object(name));
        g->main->log = g;
    }
    replace_methods(g);
    return SQLITE_OK;
}

static void do_register(void)
{
    base_vfs = sqlite3_vfs_find(NULL);
    gather_vfs = *base_vfs;
    gather_vfs.zName = SQLITE_GATHER_VFS;
    gather_vfs.pNext = NULL;
    gather_vfs.szOsFile = (base_vfs->szOsFile + 15) / 16 * 16 + (int)sizeof(struct gather);
    gather_vfs.xOpen = gather_open;
    registered = sqlite3_vfs_register(&gather_vfs, 0);
}

int sqlite_gather_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, do_register);
    return registered;
}
