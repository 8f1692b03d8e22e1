/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs as files; see disk.h.
 *
 * A put writes to a file without a name (O_TMPFILE), so a crash leaves nothing behind; commit makes it
 * durable (fsync), gives it its name (linkat) and makes the name durable (fsync of the folder). Where the
 * file system has no O_TMPFILE, as those over a network, the file is named FOLDER/tmp/ID-N until then. Others
 * may have the folder, too, so what a crash left there goes (tidy) once nobody has written to it for long.
 *
 * While it writes, a put asks the kernel to start writing back every FLUSH_STEP bytes, so that the fsync at
 * the end of a large one finds little left to do and dirty pages do not pile up.
 */
#include "blob/disk.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "blob/descriptor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PARTS = 256, FLUSH_STEP = 8 << 20, NAMES = 1 << 16, FIRST_NAMES = 64, TEMPORARY_SIZE = 64 };

/* Of file systems that the kernel's list does not name. */
#define ZFS_SUPER_MAGIC      0x2fc12fc1
#define BCACHEFS_SUPER_MAGIC 0xca451a4e

struct disk {
    struct blob_store store;
    int folder;      /* a descriptor of the folder */
    int part[PARTS]; /* and of each part */
    bool unnamed;    /* O_TMPFILE works here */
    char id[ID_SIZE];
    atomic_ullong next_temporary;
};

struct disk_put {
    struct blob_put put;
    struct disk *disk;
    int fd;
    int64_t written;
    int64_t flushed;
    char key[ID_SIZE];
    char temporary[TEMPORARY_SIZE]; /* "" with O_TMPFILE, and after the commit */
};

struct disk_blob {
    struct blob blob;
    int fd;
};

static const struct blob_ops disk_ops;

static int part_of(const char *key)
{
    char digits[3] = {key[24], key[25], '\0'};
    return (int)strtol(digits, NULL, 16);
}

void disk_path(const char *folder, const char *key, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/%02x/%s", folder, (unsigned)part_of(key), key);
}

/* What is not there, and not to be made, is as good as empty: -1. */
static int find_folder(int at, const char *name, int *ret, struct err *e)
{
    *ret = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 && errno != ENOENT ? descriptor_fail("cannot open the folder", name, e) : 0;
}

static int open_folder(int at, const char *name, int *ret, struct err *e)
{
    if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
        return descriptor_fail("cannot make the folder", name, e);
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return descriptor_fail("cannot open the folder", name, e);
    *ret = fd;
    return 0;
}

/* What was made just now is there after a crash of the machine, too. */
static int sync_folder(int fd, const char *name, struct err *e)
{
    return fsync(fd) < 0 ? descriptor_fail("cannot sync the folder", name, e) : 0;
}

static int sync_parent(int fd, struct err *e)
{
    int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return descriptor_fail("cannot open", "the data folder", e);
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

typedef int folder_fn(int at, const char *name, int *ret, struct err *e);

static int open_parts(struct disk *d, folder_fn *open_one, struct err *e)
{
    char name[4];
    int rc = 0;
    for (int i = 0; rc == 0 && i < PARTS; i++) {
        (void)snprintf(name, sizeof name, "%02x", (unsigned)i);
        rc = open_one(d->folder, name, &d->part[i], e);
    }
    return rc;
}

static int prepare_puts(struct disk *d, struct err *e)
{
    int probe = openat(d->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (probe >= 0) {
        d->unnamed = true;
        (void)close(probe);
        return 0;
    }
    if (errno != EOPNOTSUPP && errno != EISDIR)
        return descriptor_fail("cannot write to", "the folder of blobs", e);
    int rc = open_folder(d->folder, "tmp", &probe, e);
    if (rc == 0)
        (void)close(probe);
    return rc;
}

/*
 * Whether this machine alone can have the file system, so that a file that is removed stays for those who
 * have it open. Over a network another machine may remove it, and they would lose it.
 */
static bool is_local(int folder)
{
    static const uint32_t local[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,      BTRFS_SUPER_MAGIC,
                                     F2FS_SUPER_MAGIC, TMPFS_MAGIC,          OVERLAYFS_SUPER_MAGIC,
                                     ZFS_SUPER_MAGIC,  BCACHEFS_SUPER_MAGIC, REISERFS_SUPER_MAGIC};
    struct statfs st;
    bool found = false;
    if (fstatfs(folder, &st) == 0)
        for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
            found = found || (uint32_t)st.f_type == local[i];
    return found;
}

static struct disk *new_disk(void)
{
    struct disk *d = mem_alloc(sizeof *d);
    *d =
        (struct disk){.store = {.ops = &disk_ops, .caps = BLOB_CAN_FD | BLOB_LISTS_COMPLETELY}, .folder = -1};
    id_new(d->id);
    for (int i = 0; i < PARTS; i++)
        d->part[i] = -1;
    return d;
}

int disk_find(const char *folder, struct blob_store **ret, struct err *e)
{
    struct disk *d = new_disk();
    int rc = find_folder(AT_FDCWD, folder, &d->folder, e);
    if (rc == 0 && d->folder >= 0)
        rc = open_parts(d, find_folder, e);
    if (rc < 0) {
        disk_close(&d->store);
        return rc;
    }
    *ret = &d->store;
    return 0;
}

int disk_open(const char *folder, struct blob_store **ret, struct err *e)
{
    struct disk *d = new_disk();
    int rc = open_folder(AT_FDCWD, folder, &d->folder, e);
    if (rc == 0)
        rc = open_parts(d, open_folder, e);
    if (rc == 0)
        rc = prepare_puts(d, e);
    if (rc == 0 && is_local(d->folder))
        d->store.caps |= BLOB_KEEPS_OPEN;
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

/* Only search: names are told one by one. */
static int let_search(int fd, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || fchmod(fd, (st.st_mode & ALLPERMS) | S_IXGRP) < 0)
        return descriptor_fail("cannot let the group search", "the folders of blobs", e);
    return 0;
}

int disk_share(struct blob_store *s, struct err *e)
{
    struct disk *d = (struct disk *)s;
    int rc = let_search(d->folder, e);
    for (int i = 0; rc == 0 && i < PARTS; i++)
        rc = let_search(d->part[i], e);
    return rc;
}

static int disk_put_open(struct blob_store *s, const char *key, bool readable, struct blob_put **ret,
                         struct err *e)
{
    struct disk *d = (struct disk *)s;
    (void)readable;
    struct disk_put *p = mem_alloc(sizeof *p);
    *p = (struct disk_put){.put = {.ops = &disk_ops}, .disk = d};
    text_copy(p->key, sizeof p->key, key ? key : "");
    if (d->unnamed) {
        p->fd = openat(d->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    } else {
        (void)snprintf(p->temporary, sizeof p->temporary, "tmp/%s-%llu", d->id,
                       atomic_fetch_add(&d->next_temporary, 1));
        p->fd = openat(d->folder, p->temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    }
    if (p->fd < 0) {
        free(p);
        return descriptor_fail("cannot create", "a temporary file", e);
    }
    *ret = &p->put;
    return 0;
}

static int disk_put_write(struct blob_put *put, const void *bytes, size_t len, struct err *e)
{
    struct disk_put *p = (struct disk_put *)put;
    int rc = descriptor_write(p->fd, p->written, bytes, len, "a blob", e);
    if (rc < 0)
        return rc;
    p->written += (int64_t)len;
    if (p->written - p->flushed >= FLUSH_STEP) {
        (void)sync_file_range(p->fd, p->flushed, p->written - p->flushed, SYNC_FILE_RANGE_WRITE);
        p->flushed = p->written;
    }
    return 0;
}

static int disk_put_read(struct blob_put *put, int64_t offset, void *to, size_t len, struct err *e)
{
    return descriptor_read(((const struct disk_put *)put)->fd, offset, to, len, "a blob", e);
}

/* What link() did twice, since the answer of a server was lost, is done. */
static bool is_named(const struct disk_put *p)
{
    struct stat st;
    return errno == EEXIST && fstat(p->fd, &st) == 0 && st.st_nlink == 2;
}

/* By a link, which replaces nothing on any file system. */
static int give_name(struct disk_put *p, int folder, const char *name)
{
    char self[40];
    if (*p->temporary) {
        if (linkat(p->disk->folder, p->temporary, folder, name, 0) < 0 && !is_named(p))
            return -1;
        (void)unlinkat(p->disk->folder, p->temporary, 0);
        return 0;
    }
    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", p->fd);
    return linkat(AT_FDCWD, self, folder, name, AT_SYMLINK_FOLLOW);
}

static int disk_put_commit(struct blob_put *put, struct err *e)
{
    struct disk_put *p = (struct disk_put *)put;
    int part = part_of(p->key);
    if (fsync(p->fd) < 0)
        return descriptor_fail("cannot sync", p->key, e);
    if (give_name(p, p->disk->part[part], p->key) < 0)
        return descriptor_fail("cannot name", p->key, e);
    p->temporary[0] = '\0';
    if (fsync(p->disk->part[part]) < 0) {
        int rc = descriptor_fail("cannot sync the folder of", p->key, e);
        (void)unlinkat(p->disk->part[part], p->key, 0);
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
    int part = d->part[part_of(key)];
    int fd = part < 0 ? -1 : openat(part, key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (part < 0 || (fd < 0 && errno == ENOENT))
        return err_operator(e, ERR_NOT_FOUND, "the bytes are missing", "there is no blob %s", key);
    if (fd < 0)
        return descriptor_fail("cannot open", key, e);
    if (fstat(fd, &st) < 0) {
        int rc = descriptor_fail("cannot read", key, e);
        (void)close(fd);
        return rc;
    }
    struct disk_blob *b = mem_alloc(sizeof *b);
    *b = (struct disk_blob){.blob = {.ops = &disk_ops}, .fd = fd};
    *ret = &b->blob;
    *ret_size = st.st_size;
    return 0;
}

static void disk_close_blob(struct blob *blob)
{
    (void)close(((struct disk_blob *)blob)->fd);
    free(blob);
}

static int disk_expect(struct blob_store *s, const char *key, int64_t size, struct blob **ret, struct err *e)
{
    struct blob *b = NULL;
    int64_t have;
    int rc = disk_open_blob(s, key, &b, &have, e);
    if (rc == 0 && have != size) {
        disk_close_blob(b);
        rc = err_operator(e, ERR_NOT_FOUND, "the bytes are missing", "the blob %s has another size", key);
    }
    if (rc == 0)
        *ret = b;
    return rc;
}

static int disk_read(struct blob *blob, int64_t offset, void *to, size_t len, struct err *e)
{
    return descriptor_read(((const struct disk_blob *)blob)->fd, offset, to, len, "a blob", e);
}

static int disk_read_some(struct blob *blob, int64_t offset, void *to, size_t max, size_t *ret_len,
                          struct err *e)
{
    ssize_t n;
    *ret_len = 0;
    if (max == 0)
        return 0;
    do
        n = pread(((const struct disk_blob *)blob)->fd, to, max, offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return descriptor_read(((const struct disk_blob *)blob)->fd, offset, to, max, "a blob", e);
    *ret_len = (size_t)n;
    return 0;
}

static bool disk_wait(struct blob *blob, void (*wake)(void *ctx), void *ctx)
{
    (void)blob;
    (void)wake;
    (void)ctx;
    return false;
}

static void disk_window(struct blob *blob, int64_t first, int64_t end)
{
    (void)blob;
    (void)first;
    (void)end;
}

static void disk_cancel(struct blob *blob)
{
    (void)blob; /* a disk is not waited for */
}

static int disk_fd(struct blob *blob)
{
    return ((struct disk_blob *)blob)->fd;
}

static int disk_remove(struct blob_store *s, const char *key, struct err *e)
{
    struct disk *d = (struct disk *)s;
    if (unlinkat(d->part[part_of(key)], key, 0) < 0 && errno != ENOENT)
        return descriptor_fail("cannot remove", key, e);
    return 0;
}

/* What has another name, or is an id in another folder than its own, was not put there by us. */
static int visit(int dir, int part, const char *name, blob_each_fn *each, void *ctx, struct err *e)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0; /* gone in the meantime */
    struct blob_entry entry = {.key = name,
                               .size = st.st_size,
                               .stray = !id_valid(name) || part_of(name) != part || !S_ISREG(st.st_mode),
                               .since = st.st_mtim.tv_sec * CLOCK_SECOND + st.st_mtim.tv_nsec / 1000};
    return each(ctx, &entry, e);
}

/* The least of the names that were read and come after some other, in memory for twice as many. */
struct names {
    const char *after;
    char **all;
    size_t count, room;
    bool more; /* there are others, behind these */
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void keep_least(struct names *n)
{
    if (n->count)
        qsort(n->all, n->count, sizeof *n->all, compare_names);
    for (; n->count > NAMES; n->more = true)
        free(n->all[--n->count]);
}

static void add_name(struct names *n, const char *name)
{
    if (strcmp(name, n->after) <= 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    if (n->count == n->room) {
        n->room = n->room ? 2 * n->room : FIRST_NAMES;
        n->all = realloc(n->all, n->room * sizeof *n->all);
        if (!n->all)
            abort();
    }
    n->all[n->count++] = mem_strdup(name);
    if (n->count == (size_t)2 * NAMES)
        keep_least(n);
}

static int open_list(const struct disk *d, int part, DIR **ret, struct err *e)
{
    int fd = openat(d->part[part], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *ret = fd >= 0 ? fdopendir(fd) : NULL;
    if (*ret)
        return 0;
    int rc = descriptor_fail("cannot list", "a folder of blobs", e);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* A folder has its names in no order: each page reads all of them. */
static int read_names(DIR *dir, struct names *n, struct err *e)
{
    rewinddir(dir);
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)); errno = 0)
        add_name(n, entry->d_name);
    int rc = errno ? descriptor_fail("cannot list", "a folder of blobs", e) : 0;
    keep_least(n);
    return rc;
}

static int list_page(DIR *dir, int part, char *after, bool *ret_more, blob_each_fn *each, void *ctx,
                     struct err *e)
{
    struct names n = {.after = after};
    int rc = read_names(dir, &n, e);
    for (size_t i = 0; rc == 0 && i < n.count; i++)
        rc = visit(dirfd(dir), part, n.all[i], each, ctx, e);
    if (n.count)
        text_copy(after, NAME_MAX + 1, n.all[n.count - 1]);
    while (n.count)
        free(n.all[--n.count]);
    free(n.all);
    *ret_more = n.more;
    return rc;
}

static int disk_list(struct blob_store *s, int part, const char *after, blob_each_fn *each, void *ctx,
                     struct err *e)
{
    const struct disk *d = (struct disk *)s;
    char last[NAME_MAX + 1];
    DIR *dir = NULL;
    bool more = true;
    if (d->part[part] < 0)
        return 0;
    text_copy(last, sizeof last, after);
    int rc = open_list(d, part, &dir, e);
    while (rc == 0 && more)
        rc = list_page(dir, part, last, &more, each, ctx, e);
    if (dir)
        (void)closedir(dir);
    return rc;
}

static int disk_owner(struct blob_store *s, struct blob_mark *ret, struct err *e)
{
    const struct disk *d = (const struct disk *)s;
    char text[BLOB_MARK_SIZE] = "";
    int fd = d->folder < 0 ? -1 : openat(d->folder, BLOB_OWNER, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return d->folder < 0 || errno == ENOENT ? 0 : descriptor_fail("cannot open", BLOB_OWNER, e);
    int rc = descriptor_read(fd, 0, text, sizeof text - 1, BLOB_OWNER, e);
    (void)close(fd);
    if (rc == 0 && !blob_mark_parse(text, sizeof text - 1, ret))
        rc = err_operator(e, ERR_STORAGE, "the server's storage failed", "the file %s is not as it was made",
                          BLOB_OWNER);
    return rc < 0 ? rc : 1;
}

static int name_owner(struct disk_put *p, bool replace, struct err *e)
{
    int folder = p->disk->folder;
    if (fsync(p->fd) < 0)
        return descriptor_fail("cannot sync", BLOB_OWNER, e);
    if (replace && unlinkat(folder, BLOB_OWNER, 0) < 0 && errno != ENOENT)
        return descriptor_fail("cannot remove", BLOB_OWNER, e);
    if (give_name(p, folder, BLOB_OWNER) == 0)
        p->temporary[0] = '\0';
    else if (errno != EEXIST)
        return descriptor_fail("cannot name", BLOB_OWNER, e);
    return sync_folder(folder, "of blobs", e);
}

static int disk_own(struct blob_store *s, const struct blob_mark *mark, bool replace, struct err *e)
{
    char text[BLOB_MARK_SIZE];
    struct blob_put *put = NULL;
    blob_mark_format(mark, text);
    int rc = disk_put_open(s, NULL, false, &put, e);
    if (rc < 0)
        return rc;
    rc = disk_put_write(put, text, strlen(text), e);
    if (rc == 0)
        rc = name_owner((struct disk_put *)put, replace, e);
    disk_put_close(put);
    return rc;
}

/* `name` in tmp/ is of another put than those of this process, and nothing came to it since `before`. */
static bool is_left(const struct disk *d, int fd, const char *name, int64_t before)
{
    struct stat st;
    return strncmp(name, d->id, ID_LEN) != 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode) && st.st_mtim.tv_sec * CLOCK_SECOND < before;
}

static int disk_tidy(struct blob_store *s, int64_t before, int64_t *ret_count, struct err *e)
{
    const struct disk *d = (const struct disk *)s;
    int fd = openat(d->folder, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : descriptor_fail("cannot open the folder", "tmp", e);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int rc = descriptor_fail("cannot list the folder", "tmp", e);
        (void)close(fd);
        return rc;
    }
    for (struct dirent *entry; (entry = readdir(dir));)
        if (is_left(d, fd, entry->d_name, before) && unlinkat(fd, entry->d_name, 0) == 0)
            ++*ret_count;
    (void)closedir(dir);
    return 0;
}

static int disk_room(struct blob_store *s, int64_t *ret_free, struct err *e)
{
    struct statvfs st;
    if (fstatvfs(((struct disk *)s)->folder, &st) < 0)
        return descriptor_fail("cannot ask for the free space of", "the folder of blobs", e);
    *ret_free = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
    return 0;
}

static const struct blob_ops disk_ops = {
    .name = "disk",
    .parts = PARTS,
    .close = disk_close,
    .put_open = disk_put_open,
    .put_write = disk_put_write,
    .put_read = disk_put_read,
    .put_commit = disk_put_commit,
    .put_close = disk_put_close,
    .open = disk_open_blob,
    .expect = disk_expect,
    .read = disk_read,
    .read_some = disk_read_some,
    .wait = disk_wait,
    .window = disk_window,
    .cancel = disk_cancel,
    .fd = disk_fd,
    .close_blob = disk_close_blob,
    .remove = disk_remove,
    .list = disk_list,
    .owner = disk_owner,
    .own = disk_own,
    .room = disk_room,
    .tidy = disk_tidy,
};
