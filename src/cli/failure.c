/* SPDX-License-Identifier: Apache-2.0 */
/* See failure.h. */
#include "cli/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef failure_set

int failure_set(struct failure *f, enum failure_exit exit, const char *text, ...)
{
    va_list args;
    f->exit = exit;
    f->status = 0;
    f->code[0] = '\0';
    va_start(args, text);
    (void)vsnprintf(f->text, sizeof f->text, text, args);
    va_end(args);
    return (int)exit;
}

int failure_errno(struct failure *f, const char *what, const char *path)
{
    return failure_set(f, FAILURE_LOCAL, "%s %.300s: %s", what, path, strerror(errno));
}

int failure_in(struct failure *f, const char *before)
{
    char text[sizeof f->text];
    (void)snprintf(text, sizeof text, "%.200s: %.430s", before, f->text);
    memcpy(f->text, text, sizeof text);
    return (int)f->exit;
}

enum failure_exit failure_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return FAILURE_KEY;
    case 404:
    case 410:
        return FAILURE_ABSENT;
    case 409:
    case 412:
        return FAILURE_CONFLICT;
    default:
        return status >= 500 ? FAILURE_UNREACHABLE : status >= 400 ? FAILURE_REFUSED : FAILURE_OTHER;
    }
}
