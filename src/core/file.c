/* SPDX-License-Identifier: Apache-2.0 */
/* See file.h. */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { COPY_STEP = 64 << 20 };

int file_fail(const char *doing, const char *path, struct err *e)
{
    return err_set(e, errno == ENOSPC ? ERR_STORAGE_FULL : ERR_STORAGE, "cannot %s %.200s: %s", doing, path,
                   strerror(errno));
}

int file_sync(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_fail("open", path, e);
    int rc = fsync(fd) < 0 ? file_fail("sync", path, e) : 0;
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

int file_copy(const char *from, const char *to, struct err *e)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return file_fail("open", from, e);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n = out < 0 ? -1 : 1;
    while (n > 0)
        n = copy_piece(in, out);
    int rc = n < 0 || fsync(out) < 0 ? file_fail("copy", from, e) : 0;
    if (out >= 0)
        (void)close(out);
    (void)close(in);
    return rc;
}
