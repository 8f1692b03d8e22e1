/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing run of bytes in an arena. Always NUL-terminated; the NUL is not counted. Lives as long as its
 * arena.
 */
#pragma once

#include "base/arena.h"

struct buf {
    struct arena *arena;
    char *bytes; /* NULL until something was added */
    size_t len;
    size_t cap;
};

void buf_reserve(struct buf *b, size_t more); /* afterwards `more` bytes fit without moving */
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As text of XML or HTML, or of an attribute in double quotes. */
void buf_add_escaped(struct buf *b, const char *text, size_t len);
const char *buf_str(struct buf *b); /* "" when empty */
