/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A region of memory that is freed at once: one for each request, one for each pass of a background task.
 *
 * An arena belongs to one thread at a time. Running out of memory aborts, so every size that comes from
 * outside is checked against a limit before it reaches an arena. Under AddressSanitizer each piece is a block
 * of its own, so that running past the end of one is seen.
 */
#pragma once

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks;
};

void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned for any type; never NULL */
char *arena_copy(struct arena *a, const void *bytes, size_t len); /* with a NUL added */
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a); /* all of it; `a` is empty and usable afterwards */

/* malloc and realloc that abort when memory is out. */
void *mem_alloc(size_t size);
void *mem_realloc(void *old, size_t size);
char *mem_strdup(const char *s);
