/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of at least 8 KiB in a list, newest first; pieces are cut from the newest one. See arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 8192, MOST_SPARE = 64, SMALL_TEXT = 512 };

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

#if defined(__SANITIZE_ADDRESS__)
#define ONE_BLOCK_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_BLOCK_EACH 1
#endif
#endif
#ifndef ONE_BLOCK_EACH
#define ONE_BLOCK_EACH 0
#endif

void *mem_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        abort();
    return p;
}

void *mem_realloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);
    if (!p)
        abort();
    return p;
}

char *mem_strdup(const char *s)
{
    size_t len = strlen(s) + 1;
    return memcpy(mem_alloc(len), s, len);
}

/*
 * Standard blocks are kept for the thread's next request: malloc has no quick list for pieces of this size. A
 * thread that frees more than it takes gives the rest back.
 */
static _Thread_local struct {
    struct arena_block *first;
    int count;
} spare;

static struct arena_block *take_block(size_t size)
{
    struct arena_block *b = size == BLOCK_SIZE ? spare.first : NULL;
    if (!b)
        return mem_alloc(sizeof *b + size);
    spare.first = b->older;
    spare.count--;
    return b;
}

static void give_block(struct arena_block *b)
{
    if (ONE_BLOCK_EACH || b->size != BLOCK_SIZE || spare.count == MOST_SPARE) {
        free(b);
        return;
    }
    b->older = spare.first;
    spare.first = b;
    spare.count++;
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
    struct arena_block *b = take_block(size);
    b->used = 0;
    b->size = size;
    b->older = a->blocks;
    a->blocks = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct arena_block *b = a->blocks;
    if (size > SIZE_MAX / 2)
        abort();
    size_t need = ONE_BLOCK_EACH ? size : (size + align - 1) & ~(align - 1);
    if (ONE_BLOCK_EACH || !b || b->size - b->used < need)
        b = add_block(a, ONE_BLOCK_EACH || need > BLOCK_SIZE ? need : BLOCK_SIZE);
    void *p = b->bytes + b->used;
    b->used += need;
    return memset(p, 0, size);
}

char *arena_copy(struct arena *a, const void *bytes, size_t len)
{
    char *p = arena_alloc(a, len + 1);
    if (len)
        memcpy(p, bytes, len);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_copy(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[SMALL_TEXT]; /* most texts fit, and are not printed twice */
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (len < 0)
        abort();
    if ((size_t)len < sizeof small)
        return arena_copy(a, small, (size_t)len);
    char *p = arena_alloc(a, (size_t)len + 1);
    va_start(ap, fmt);
    (void)vsnprintf(p, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return p;
}

void arena_free(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *older = a->blocks->older;
        give_block(a->blocks);
        a->blocks = older;
    }
}
