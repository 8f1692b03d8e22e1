/* SPDX-License-Identifier: Apache-2.0 */
/* See buf.h. Growth doubles, so what is left behind in the arena is at most as much again. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 1024, PRINTED = 64 }; /* most of what is printed is shorter */

void buf_reserve(struct buf *b, size_t more)
{
    if (b->cap > b->len && b->cap - b->len > more)
        return;
    size_t cap = b->cap ? b->cap : FIRST_SIZE / 2;
    do
        cap *= 2;
    while (cap - b->len <= more);
    char *bigger = arena_alloc(b->arena, cap);
    if (b->len)
        memcpy(bigger, b->bytes, b->len);
    b->bytes = bigger;
    b->cap = cap;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
    buf_reserve(b, len);
    if (len)
        memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
    b->bytes[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_reserve(b, 1);
    b->bytes[b->len++] = c;
    b->bytes[b->len] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    buf_reserve(b, PRINTED);
    size_t room = b->cap - b->len;
    va_start(ap, fmt);
    int len = vsnprintf(b->bytes + b->len, room, fmt, ap);
    va_end(ap);
    if (len < 0)
        abort();
    if ((size_t)len >= room) {
        buf_reserve(b, (size_t)len);
        va_start(ap, fmt);
        (void)vsnprintf(b->bytes + b->len, (size_t)len + 1, fmt, ap);
        va_end(ap);
    }
    b->len += (size_t)len;
}

const char *buf_str(struct buf *b)
{
    return b->bytes ? b->bytes : "";
}

void buf_add_escaped(struct buf *b, const char *text, size_t len)
{
    for (const char *end = text + len; text < end; text++)
        switch (*text) {
        case '&':
            buf_puts(b, "&amp;");
            break;
        case '<':
            buf_puts(b, "&lt;");
            break;
        case '>':
            buf_puts(b, "&gt;");
            break;
        case '"':
            buf_puts(b, "&quot;");
            break;
        default:
            buf_putc(b, *text);
        }
}
