/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs as files; see disk.h.
 *
 * A put writes to a file without a name (O_TMPFILE), so a crash leaves nothing behind; commit makes it
 * durable (fsync), gives it its name (linkat) and makes the name durable (fsync of the folder). Where the
 * file system has no O_TMPFILE, the file is named FOLDER/tmp/PID-N until then, and what a crash left there
 * goes at the next start.
 *
 * While it writes, a put asks the kernel to start writing back every FLUSH_STEP bytes, so that the fsync at
 * the end of a large one finds little left to do and dirty pages do not pile up.
 */
#include "blob/disk.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PARTS = 256, FLUSH_STEP = 8 << 20 };

struct disk {
    struct blob_store store;
    int folder;      /* a descriptor of the folder */
    int part[PARTS]; /* and of each part */
    bool unnamed;    /* O_TMPFILE works here */
    atomic_ullong next_temporary;
};

struct disk_put {
    struct blob_put put;
    struct disk *disk;
    int fd;
    int64_t written;
    int64_t flushed;
    char temporary[48]; /* "" with O_TMPFILE, and after the commit */
};

struct disk_blob {
    struct blob blob;
    int fd;
};

static const struct blob_ops disk_ops;

static int fail(const char *doing, const char *what, struct err *e)
{
    int code = errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE_FULL : ERR_STORAGE;
    return err_operator(
        e, code, code == ERR_STORAGE_FULL ? "the server's disk is full" : "the server's storage failed",
        "%s %s: %s", doing, what, strerror(errno));
}

static int part_of(const char *key)
{
    char digits[3] = {key[24], key[25], '\0'};
    return (int)strtol(digits, NULL, 16);
}

void disk_path(const char *folder, const char *key, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/%02x/%s", folder, (unsigned)part_of(key), key);
}

static int open_folder(int at, const char *name, int *ret, struct err *e)
{
    if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
        return fail("cannot make the folder", name, e);
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail("cannot open the folder", name, e);
    *ret = fd;
    return 0;
}

/* What was made just now is there after a crash of the machine, too. */
static int sync_folder(int fd, const char *name, struct err *e)
{
    return fsync(fd) < 0 ? fail("cannot sync the folder", name, e) : 0;
}

static int sync_parent(int fd, struct err *e)
{
    int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return fail("cannot open", "the data folder", e);
    int rc = sync_folder(parent, "of the data", e);
    (void)close(parent);
    return rc;
}

static void disk_close(struct blob_store *s)
{
    struct disk *d = (struct disk *)s;
    for (int i = 0; i < PARTS; i++)
        if (d->part[i] >= 0)
            (void)close(d->part[i]);
    if (d->folder >= 0)
        (void)close(d->folder);
    free(d);
}

/* What a crash left in tmp/. Only used where the file system has no unnamed files. */
static int clear_temporaries(struct disk *d, struct err *e)
{
    int fd;
    int rc = open_folder(d->folder, "tmp", &fd, e);
    if (rc < 0)
        return rc;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        (void)close(fd);
        return fail("cannot list the folder", "tmp", e);
    }
    for (struct dirent *entry; (entry = readdir(dir));)
        (void)unlinkat(fd, entry->d_name, 0);
    (void)closedir(dir);
    return 0;
}

static int open_parts(struct disk *d, struct err *e)
{
    char name[4];
    for (int i = 0; i < PARTS; i++) {
        (void)snprintf(name, sizeof name, "%02x", (unsigned)i);
        int rc = open_folder(d->folder, name, &d->part[i], e);
        if (rc < 0)
            return rc;
    }
    int probe = openat(d->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    d->unnamed = probe >= 0;
    if (d->unnamed)
        (void)close(probe);
    else if (errno != EOPNOTSUPP && errno != EISDIR)
        return fail("cannot write to", "the folder of blobs", e);
    return d->unnamed ? 0 : clear_temporaries(d, e);
}

int disk_open(const char *folder, struct blob_store **ret, struct err *e)
{
    struct disk *d = mem_alloc(sizeof *d);
    *d = (struct disk){.store = {.ops = &disk_ops}, .folder = -1};
    for (int i = 0; i < PARTS; i++)
        d->part[i] = -1;
    int rc = open_folder(AT_FDCWD, folder, &d->folder, e);
    if (rc == 0)
        rc = open_parts(d, e);
    if (rc == 0)
        rc = sync_folder(d->folder, folder, e);
    if (rc == 0)
        rc = sync_parent(d->folder, e);
    if (rc < 0) {
        disk_close(&d->store);
        return rc;
    }
    *ret = &d->store;
    return 0;
}

static int read_exactly(int fd, int64_t offset, void *to, size_t len, struct err *e)
{
    char *into = to;
    while (len > 0) {
        ssize_t n = pread(fd, into, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail("cannot read", "a blob", e);
        if (n == 0)
            return err_operator(e, ERR_STORAGE, "the server's storage failed",
                                "a blob ends early at byte %lld", (long long)offset);
        into += n;
        offset += n;
        len -= (size_t)n;
    }
    return 0;
}

static int disk_put_open(struct blob_store *s, struct blob_put **ret, struct err *e)
{
    struct disk *d = (struct disk *)s;
    struct disk_put *p = mem_alloc(sizeof *p);
    *p = (struct disk_put){.put = {.ops = &disk_ops}, .disk = d};
    if (d->unnamed) {
        p->fd = openat(d->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    } else {
        (void)snprintf(p->temporary, sizeof p->temporary, "tmp/%ld-%llu", (long)getpid(),
                       atomic_fetch_add(&d->next_temporary, 1));
        p->fd = openat(d->folder, p->temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    }
    if (p->fd < 0) {
        free(p);
        return fail("cannot create", "a temporary file", e);
    }
    *ret = &p->put;
    return 0;
}

static int disk_put_write(struct blob_put *put, const void *bytes, size_t len, struct err *e)
{
    struct disk_put *p = (struct disk_put *)put;
    const char *from = bytes;
    while (len > 0) {
        ssize_t n = write(p->fd, from, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail("cannot write", "a blob", e);
        from += n;
        len -= (size_t)n;
        p->written += n;
    }
    if (p->written - p->flushed >= FLUSH_STEP) {
        (void)sync_file_range(p->fd, p->flushed, p->written - p->flushed, SYNC_FILE_RANGE_WRITE);
        p->flushed = p->written;
    }
    return 0;
}

static int disk_put_read(struct blob_put *put, int64_t offset, void *to, size_t len, struct err *e)
{
    return read_exactly(((const struct disk_put *)put)->fd, offset, to, len, e);
}

static int give_name(struct disk_put *p, int part, const char *key)
{
    char self[40];
    if (*p->temporary)
        return renameat2(p->disk->folder, p->temporary, p->disk->part[part], key, RENAME_NOREPLACE);
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", p->fd);
    return linkat(AT_FDCWD, self, p->disk->part[part], key, AT_SYMLINK_FOLLOW);
}

static int disk_put_commit(struct blob_put *put, const char *key, struct err *e)
{
    struct disk_put *p = (struct disk_put *)put;
    int part = part_of(key);
    if (fsync(p->fd) < 0)
        return fail("cannot sync", key, e);
    if (give_name(p, part, key) < 0)
        return fail("cannot name", key, e);
    p->temporary[0] = '\0';
    if (fsync(p->disk->part[part]) < 0) {
        int rc = fail("cannot sync the folder of", key, e);
        (void)unlinkat(p->disk->part[part], key, 0);
        return rc;
    }
    return 0;
}

static void disk_put_close(struct blob_put *put)
{
    struct disk_put *p = (struct disk_put *)put;
    if (*p->temporary)
        (void)unlinkat(p->disk->folder, p->temporary, 0);
    (void)close(p->fd);
    free(p);
}

static int disk_open_blob(struct blob_store *s, const char *key, struct blob **ret, int64_t *ret_size,
                          struct err *e)
{
    struct disk *d = (struct disk *)s;
    struct stat st;
    int fd = openat(d->part[part_of(key)], key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_operator(e, ERR_NOT_FOUND, "the bytes are missing", "there is no blob %s", key);
    if (fd < 0)
        return fail("cannot open", key, e);
    if (fstat(fd, &st) < 0) {
        int rc = fail("cannot read", key, e);
        (void)close(fd);
        return rc;
    }
    struct disk_blob *b = mem_alloc(sizeof *b);
    *b = (struct disk_blob){.blob = {.ops = &disk_ops}, .fd = fd};
    *ret = &b->blob;
    *ret_size = st.st_size;
    return 0;
}

static int disk_read(struct blob *blob, int64_t offset, void *to, size_t len, struct err *e)
{
    return read_exactly(((const struct disk_blob *)blob)->fd, offset, to, len, e);
}

static int disk_fd(struct blob *blob)
{
    return ((struct disk_blob *)blob)->fd;
}

static void disk_close_blob(struct blob *blob)
{
    (void)close(((struct disk_blob *)blob)->fd);
    free(blob);
}

static int disk_remove(struct blob_store *s, const char *key, struct err *e)
{
    struct disk *d = (struct disk *)s;
    if (unlinkat(d->part[part_of(key)], key, 0) < 0 && errno != ENOENT)
        return fail("cannot remove", key, e);
    return 0;
}

static int visit(int dir, const char *name, blob_each_fn *each, void *ctx, struct err *e)
{
    struct stat st;
    if (!id_valid(name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0; /* not one of ours, or gone in the meantime */
    struct blob_entry entry = {.key = name,
                               .size = st.st_size,
                               .since = st.st_mtim.tv_sec * CLOCK_SECOND + st.st_mtim.tv_nsec / 1000};
    return each(ctx, &entry, e);
}

static int disk_list(struct blob_store *s, int part, blob_each_fn *each, void *ctx, struct err *e)
{
    struct disk *d = (struct disk *)s;
    int rc = 0;
    int fd = openat(d->part[part], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        rc = fail("cannot list", "a folder of blobs", e);
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    errno = 0;
    for (struct dirent *entry; rc >= 0 && (entry = readdir(dir)); errno = 0)
        rc = visit(fd, entry->d_name, each, ctx, e);
    if (rc >= 0 && errno)
        rc = fail("cannot list", "a folder of blobs", e);
    (void)closedir(dir);
    return rc < 0 ? rc : 0;
}

static int disk_room(struct blob_store *s, int64_t *ret_free, struct err *e)
{
    struct statvfs st;
    if (fstatvfs(((struct disk *)s)->folder, &st) < 0)
        return fail("cannot ask for the free space of", "the folder of blobs", e);
    *ret_free = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
    return 0;
}

static const struct blob_ops disk_ops = {
    .name = "disk",
    .caps = BLOB_CAN_FD | BLOB_LISTS_COMPLETELY,
    .parts = PARTS,
    .close = disk_close,
    .put_open = disk_put_open,
    .put_write = disk_put_write,
    .put_read = disk_put_read,
    .put_commit = disk_put_commit,
    .put_close = disk_put_close,
    .open = disk_open_blob,
    .read = disk_read,
    .fd = disk_fd,
    .close_blob = disk_close_blob,
    .remove = disk_remove,
    .list = disk_list,
    .room = disk_room,
};
