/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values; see err.h. Any thread; no state. */
#define ERR_IMPLEMENTATION
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    bool retry;
    const char *code;
} table[] = {
#define ERR(name, status, retry, code) {status, retry, code},
#include "base/err.def"
#undef ERR
};

static void fill(struct err *e, int code, enum err_place place, const char *where)
{
    e->code = code;
    e->place = place;
    e->at = 0;
    e->log[0] = '\0';
    (void)snprintf(e->where, sizeof e->where, "%s", where);
}

int err_set(struct err *e, int code, const char *detail, ...)
{
    va_list ap;
    fill(e, code, ERR_NOWHERE, "");
    va_start(ap, detail);
    (void)vsnprintf(e->detail, sizeof e->detail, detail, ap);
    va_end(ap);
    return code;
}

int err_at(struct err *e, int code, enum err_place place, const char *where, const char *detail, ...)
{
    va_list ap;
    fill(e, code, place, where);
    va_start(ap, detail);
    (void)vsnprintf(e->detail, sizeof e->detail, detail, ap);
    va_end(ap);
    return code;
}

int err_operator(struct err *e, int code, const char *fallback, const char *log, ...)
{
    va_list ap;
    fill(e, code, ERR_NOWHERE, "");
    (void)snprintf(e->detail, sizeof e->detail, "%s", fallback);
    va_start(ap, log);
    (void)vsnprintf(e->log, sizeof e->log, log, ap);
    va_end(ap);
    return code;
}

void err_locate(struct err *e, enum err_place place, const char *where)
{
    e->place = place;
    (void)snprintf(e->where, sizeof e->where, "%s", where);
}

void err_prefix(struct err *e, const char *prefix)
{
    char whole[2 * sizeof e->where];
    if (e->place != ERR_POINTER)
        return;
    (void)snprintf(whole, sizeof whole, "%.95s%s", prefix, e->where);
    for (char *last; strlen(whole) >= sizeof e->where && (last = strrchr(whole, '/'));)
        *last = '\0';
    (void)snprintf(e->where, sizeof e->where, "%.95s", whole);
}

static int index_of(int code)
{
    int i = -1 - code;
    return i >= 0 && i < ERR_INDEX_END ? i : ERR_INDEX_INTERNAL;
}

int err_status(int code)
{
    return table[index_of(code)].status;
}

bool err_retryable(int code)
{
    return table[index_of(code)].retry;
}

const char *err_public(int code)
{
    return table[index_of(code)].code;
}
