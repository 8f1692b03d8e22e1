/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See backup.h. Order: take files.lock, so that the sweeper removes nothing; copy the database in one read
 * transaction (VACUUM INTO), and the key of its secrets; then the files that this copy names, which are all
 * there because bytes are durable before their row is; then let go of the lock.
 */
#include "core/backup.h"

#include "blob/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 500, COPY_STEP = 64 << 20 };

struct copier {
    const struct folder *from;
    const struct folder *to;
    backup_progress_fn *progress;
    void *ctx;
    int64_t files, bytes;
};

static int fail(const char *doing, const char *path, struct err *e)
{
    return err_set(e, errno == ENOSPC ? ERR_STORAGE_FULL : ERR_STORAGE, "cannot %s %.200s: %s", doing, path,
                   strerror(errno));
}

static int prepare_target(const char *target, struct folder *ret, struct err *e)
{
    int rc = folder_prepare(target, ret, e);
    if (rc < 0)
        return rc;
    DIR *dir = opendir(target);
    if (!dir)
        return fail("read", target, e);
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = err_set(e, ERR_BAD_VALUE, "the target %.200s is not empty", target);
    (void)closedir(dir);
    return rc;
}

static int copy_database(const struct folder *from, const struct folder *to, struct err *e)
{
    static const struct stmt s = {"backup", "VACUUM INTO $1", false};
    struct db_options o = {.busy_ms = 60000, .cache_kib = 4096};
    struct db_value args[] = {db_of_text(to->db_path)};
    struct db *db = NULL;
    int rc = db_open(&db_sqlite_ops, from->db_path, &o, &db, e);
    if (rc < 0)
        return rc;
    rc = db_run(db, &s, args, STORE_COUNT(args), NULL, e);
    db_close(db);
    return rc;
}

static int sync_path(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail("open", path, e);
    int rc = fsync(fd) < 0 ? fail("sync", path, e) : 0;
    (void)close(fd);
    return rc;
}

/* By hand where the kernel does not copy between two kinds of file systems. */
static ssize_t copy_piece(int in, int out)
{
    static _Thread_local char piece[1 << 16];
    ssize_t n = copy_file_range(in, NULL, out, NULL, COPY_STEP, 0);
    if (n >= 0 || (errno != EXDEV && errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP))
        return n;
    n = read(in, piece, sizeof piece);
    for (ssize_t done = 0; done < n;) {
        ssize_t w = write(out, piece + done, (size_t)(n - done));
        if (w < 0)
            return -1;
        done += w;
    }
    return n;
}

static int copy_bytes(const char *from, const char *to, struct err *e)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return fail("open", from, e);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = out < 0 ? -1 : 1;
    while (n > 0)
        n = copy_piece(in, out);
    int rc = n < 0 || fsync(out) < 0 ? fail("copy", from, e) : 0;
    if (out >= 0)
        (void)close(out);
    (void)close(in);
    return rc;
}

static int copy_blob(struct copier *c, const struct result *r, struct err *e)
{
    char from[4200];
    char to[4200];
    struct stat st;
    disk_path(c->from->blobs_path, r->id, from, sizeof from);
    disk_path(c->to->blobs_path, r->id, to, sizeof to);
    if (link(from, to) < 0) {
        if (errno != EXDEV && errno != EPERM && errno != EMLINK)
            return fail("link", from, e);
        int rc = copy_bytes(from, to, e);
        if (rc < 0)
            return rc;
    }
    if (stat(to, &st) < 0)
        return fail("read", to, e);
    if (st.st_size != r->size)
        return err_set(e, ERR_STORAGE, "%.200s has %lld bytes where its row says %lld: run resultd check",
                       from, (long long)st.st_size, (long long)r->size);
    c->files++;
    c->bytes += r->size;
    return 0;
}

/* They can be made again, and their files are not copied. */
static int forget_representations(struct db *copy, struct err *e)
{
    static const struct stmt s = {"backup_forget", "DELETE FROM representation", false};
    return db_run(copy, &s, NULL, 0, NULL, e);
}

static int copy_blobs(struct copier *c, struct db *copy, struct err *e)
{
    int64_t after = 0;
    int rc = 0;
    for (bool more = true; rc == 0 && more;) {
        struct arena a = {0};
        struct result *r;
        more = false;
        rc = store_result_stored_after(copy, &a, after, PAGE, &r, e);
        for (; rc == 0 && r; r = r->next) {
            if (!r->is_inline)
                rc = copy_blob(c, r, e);
            after = r->pk;
            more = true;
        }
        arena_free(&a);
        c->progress(c->ctx, c->files, c->bytes);
    }
    return rc;
}

static int sync_parts(const struct folder *to, struct err *e)
{
    char path[4200];
    int rc = 0;
    for (int i = 0; rc == 0 && i < 256; i++) {
        (void)snprintf(path, sizeof path, "%s/%02x", to->blobs_path, (unsigned)i);
        rc = sync_path(path, e);
    }
    return rc;
}

/* Without it what is sealed in the database could not be read. A folder that was never served has none. */
static int copy_secret_key(const struct folder *from, const struct folder *to, struct err *e)
{
    return access(from->secret_key, F_OK) == 0 ? copy_bytes(from->secret_key, to->secret_key, e) : 0;
}

static int copy_all(const struct folder *from, const struct folder *to, const char *target,
                    backup_progress_fn *progress, void *ctx, struct err *e)
{
    struct copier c = {.from = from, .to = to, .progress = progress, .ctx = ctx};
    struct blob_store *made = NULL; /* opened only to make the folders */
    struct db *copy = NULL;
    int rc = copy_database(from, to, e);
    if (rc == 0)
        rc = copy_secret_key(from, to, e);
    if (rc == 0)
        rc = disk_open(to->blobs_path, &made, e);
    if (rc < 0)
        return rc;
    blob_store_close(made);
    rc = folder_open_writer(to, true, 5, &copy, e);
    if (rc < 0)
        return rc;
    rc = forget_representations(copy, e);
    if (rc == 0)
        rc = copy_blobs(&c, copy, e);
    db_close(copy);
    if (rc == 0)
        rc = sync_path(to->db_path, e);
    if (rc == 0)
        rc = sync_parts(to, e);
    return rc == 0 ? sync_path(target, e) : rc;
}

int backup_run(const struct folder *from, const char *target, backup_progress_fn *progress, void *ctx,
               struct err *e)
{
    struct folder to;
    int rc = prepare_target(target, &to, e);
    if (rc < 0)
        return rc;
    int lock = open(from->files_lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_SH) < 0)
        rc = fail("lock", from->files_lock, e);
    if (rc == 0)
        rc = copy_all(from, &to, target, progress, ctx, e);
    if (lock >= 0)
        (void)close(lock);
    return rc;
}
