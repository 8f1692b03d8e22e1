/* SPDX-License-Identifier: Apache-2.0 */
/* See descriptor.h. */
#define DESCRIPTOR_IMPLEMENTATION
#include "blob/descriptor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int descriptor_fail(const char *doing, const char *what, struct err *e)
{
    int code = errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE_FULL : ERR_STORAGE;
    return err_operator(
        e, code, code == ERR_STORAGE_FULL ? "the server's disk is full" : "the server's storage failed",
        "%s %s: %s", doing, what, strerror(errno));
}

int descriptor_read(int fd, int64_t offset, void *to, size_t len, const char *what, struct err *e)
{
    char *into = to;
    while (len > 0) {
        ssize_t n = pread(fd, into, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return descriptor_fail("cannot read", what, e);
        if (n == 0)
            return err_operator(e, ERR_STORAGE, "the server's storage failed", "%s ends early at byte %lld",
                                what, (long long)offset);
        into += n;
        offset += n;
        len -= (size_t)n;
    }
    return 0;
}

int descriptor_write(int fd, int64_t offset, const void *bytes, size_t len, const char *what, struct err *e)
{
    const char *from = bytes;
    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return descriptor_fail("cannot write", what, e);
        from += n;
        offset += n;
        len -= (size_t)n;
    }
    return 0;
}
