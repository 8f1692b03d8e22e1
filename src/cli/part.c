/* SPDX-License-Identifier: Apache-2.0 */
/* See part.h. */
#include "cli/part.h"

#include "base/digest.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 256 << 10, TAG_BYTES = 8 };
static const char SUFFIX[] = ".part";

struct part {
    char *path;
    int fd;
    int64_t size; /* -1: it is not ours */
    bool sums_late;
    struct digest *digest; /* of all that is here, unless it sums late */
};

static const char *folder_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return slash == path ? "/" : arena_copy(a, path, (size_t)(slash - path));
}

static const char *prefix_of(struct arena *a, const char *id)
{
    return arena_printf(a, ".resultctl-%s-", id);
}

const char *part_path(struct arena *a, const char *final, const char *id, const char *etag)
{
    unsigned char sum[DIGEST_SHA256_LEN];
    char tag[2 * TAG_BYTES + 1];
    digest_sha256(etag, strlen(etag), sum);
    text_hex(sum, TAG_BYTES, tag);
    return arena_printf(a, "%s/%s%s%s", folder_of(a, final), prefix_of(a, id), tag, SUFFIX);
}

/* Of this result, and of no other whose id begins so. */
static bool is_part(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(name, prefix, len) == 0 && strlen(name) == len + 2 * (size_t)TAG_BYTES + strlen(SUFFIX) &&
           strcmp(name + len + 2 * (size_t)TAG_BYTES, SUFFIX) == 0;
}

static int each_part(struct arena *a, const char *final, const char *id, bool remove)
{
    const char *folder = folder_of(a, final);
    const char *prefix = prefix_of(a, id);
    DIR *all = opendir(folder);
    int found = 0;
    if (!all)
        return 0;
    for (const struct dirent *at = readdir(all); at; at = readdir(all))
        if (is_part(at->d_name, prefix)) {
            found++;
            if (remove)
                (void)unlinkat(dirfd(all), at->d_name, 0);
        }
    (void)closedir(all);
    return found;
}

bool part_any(struct arena *a, const char *final, const char *id)
{
    return each_part(a, final, id, false) > 0;
}

void part_forget(struct arena *a, const char *final, const char *id)
{
    (void)each_part(a, final, id, true);
}

/* -1: errno says why. */
static int64_t sum_all(int fd, struct digest *digest)
{
    char *bytes = mem_alloc(READ_SIZE);
    int64_t size = 0;
    ssize_t n = 0;
    while ((n = pread(fd, bytes, READ_SIZE, size)) > 0) {
        digest_update_rest(digest, bytes, (size_t)n);
        size += n;
    }
    free(bytes);
    return n < 0 ? -1 : size;
}

/* Whoever had the lock before may have given it the final name, or removed it. */
static bool is_named(int fd, const char *path)
{
    struct stat here;
    struct stat there;
    return fstat(fd, &here) == 0 && lstat(path, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

/* How much is here, and, unless that comes later, its sum. -1: errno says why. */
static int64_t take_stock(struct part *p)
{
    struct stat st;
    if (!p->sums_late)
        return sum_all(p->fd, p->digest);
    return fstat(p->fd, &st) < 0 ? -1 : st.st_size;
}

int part_open(const char *path, bool sums_late, struct part **ret, struct failure *f)
{
    struct part *p = mem_alloc(sizeof *p);
    int rc = 0;
    *p = (struct part){.path = mem_strdup(path),
                       .fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666),
                       .size = -1,
                       .sums_late = sums_late,
                       .digest = digest_new()};
    if (p->fd < 0)
        rc = failure_errno(f, "cannot write", path);
    else if (flock(p->fd, LOCK_EX | LOCK_NB) < 0 || !is_named(p->fd, path))
        rc = failure_set(f, FAILURE_CONFLICT, "another resultctl is receiving %.300s", path);
    else if ((p->size = take_stock(p)) < 0)
        rc = failure_errno(f, "cannot read", path);
    if (rc == 0)
        *ret = p;
    else
        part_close(p);
    return rc;
}

int64_t part_received(const struct part *p)
{
    return p->size;
}

int part_restart(struct part *p, struct failure *f)
{
    if (p->size == 0)
        return 0;
    if (ftruncate(p->fd, 0) < 0)
        return failure_errno(f, "cannot write", p->path);
    digest_free(p->digest);
    p->digest = digest_new();
    p->size = 0;
    return 0;
}

int part_write(struct part *p, const void *bytes, size_t len, struct failure *f)
{
    const char *at = bytes;
    size_t left = len;
    while (left > 0) {
        ssize_t n = pwrite(p->fd, at, left, p->size + (int64_t)(len - left));
        if (n < 0 && errno != EINTR)
            return failure_errno(f, "cannot write", p->path);
        at += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    if (!p->sums_late)
        digest_update_rest(p->digest, bytes, len);
    p->size += (int64_t)len;
    return 0;
}

int part_sync_name(const char *path, struct failure *f)
{
    struct arena a = {0};
    const char *folder = folder_of(&a, path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) < 0 ? failure_errno(f, "cannot sync", folder) : 0;
    if (fd >= 0)
        (void)close(fd);
    arena_free(&a);
    return rc;
}

int part_sync(const char *final, struct failure *f)
{
    int fd = open(final, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) < 0 ? failure_errno(f, "cannot sync", final) : 0;
    if (fd >= 0)
        (void)close(fd);
    return rc == 0 ? part_sync_name(final, f) : rc;
}

/* The final name appears with the whole file or not at all. */
static int name_it(const struct part *p, const char *final, bool replace, struct failure *f)
{
    int rc = renameat2(AT_FDCWD, p->path, AT_FDCWD, final, replace ? 0 : RENAME_NOREPLACE);
    if (rc < 0 && (errno == EINVAL || errno == ENOSYS) && access(final, F_OK) < 0) /* not known there */
        rc = rename(p->path, final);
    if (rc < 0 && errno == EEXIST)
        return failure_set(f, FAILURE_CONFLICT, "%.300s has come into being meanwhile; --force replaces it",
                           final);
    return rc < 0 ? failure_errno(f, "cannot name", final) : 0;
}

int part_finish(struct part *p, const char *sha256, const char *final, bool durable, bool replace,
                struct failure *f)
{
    struct digest_values sums;
    if (p->sums_late && sum_all(p->fd, p->digest) != p->size)
        return failure_errno(f, "cannot read", p->path);
    digest_finish(p->digest, &sums);
    if (*sha256 && strcmp(sums.sha256, sha256) != 0) {
        (void)unlink(p->path);
        return failure_set(f, FAILURE_DAMAGED,
                           "the bytes received have the sha256 %s, not %s; they were removed, try again",
                           sums.sha256, sha256);
    }
    if (durable && fsync(p->fd) < 0)
        return failure_errno(f, "cannot sync", p->path);
    int rc = name_it(p, final, replace, f);
    return rc == 0 && durable ? part_sync_name(final, f) : rc;
}

void part_close(struct part *p)
{
    if (!p)
        return;
    if (p->fd >= 0 && p->size == 0)
        (void)unlink(p->path);
    if (p->fd >= 0)
        (void)close(p->fd);
    digest_free(p->digest);
    free(p->path);
    free(p);
}

int part_sum(const char *path, int64_t *ret_size, char *ret_sha256, struct failure *f)
{
    struct digest_values sums;
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? failure_set(f, FAILURE_ABSENT, "there is no %.300s", path)
                               : failure_errno(f, "cannot read", path);
    if (!S_ISREG(st.st_mode))
        return failure_set(f, FAILURE_LOCAL, "%.300s is there already, and is no file", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return failure_errno(f, "cannot read", path);
    struct digest *digest = digest_new();
    int rc = (*ret_size = sum_all(fd, digest)) < 0 ? failure_errno(f, "cannot read", path) : 0;
    digest_finish(digest, &sums);
    memcpy(ret_sha256, sums.sha256, sizeof sums.sha256);
    digest_free(digest);
    (void)close(fd);
    return rc;
}
