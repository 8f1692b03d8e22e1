/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart bodies: the first line is the Content-Type, the rest the body. Fed at once and byte by byte, it
 * gives the same parts or the same error; the bytes of a part never hold its boundary after a line end.
 */
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "http/multipart.h"

#include <string.h>

struct outcome {
    struct arena arena;
    struct buf text;
    bool inside;
    int code;
};

static int see_begin(void *ctx, const struct multipart_part *p, struct err *e)
{
    struct outcome *o = ctx;
    (void)e;
    FUZZ_ASSERT(!o->inside && p->name);
    o->inside = true;
    buf_printf(&o->text, "[%s|%s|%s]", p->name, p->file_name ? p->file_name : "-",
               p->media_type ? p->media_type : "-");
    return 0;
}

static int see_bytes(void *ctx, const void *bytes, size_t len, struct err *e)
{
    struct outcome *o = ctx;
    (void)e;
    FUZZ_ASSERT(o->inside && len > 0);
    buf_add(&o->text, bytes, len);
    return 0;
}

static int see_end(void *ctx, struct err *e)
{
    struct outcome *o = ctx;
    (void)e;
    FUZZ_ASSERT(o->inside);
    o->inside = false;
    buf_putc(&o->text, '\n');
    return 0;
}

static void run(const char *type, const uint8_t *body, size_t size, size_t step, struct outcome *o)
{
    static const struct multipart_ops ops = {see_begin, see_bytes, see_end};
    struct multipart *m = NULL;
    struct err e;
    o->text.arena = &o->arena;
    o->code = multipart_new(&o->arena, type, &ops, o, &m, &e);
    for (size_t i = 0; o->code >= 0 && i < size; i += step)
        o->code = multipart_feed(m, body + i, size - i < step ? size - i : step, &e);
    if (o->code >= 0)
        o->code = multipart_finish(m, &e);
    FUZZ_ASSERT(o->code < 0 || !o->inside);
    FUZZ_ASSERT(o->text.len <= size + 64 * (size_t)(MULTIPART_PARTS + 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    struct outcome whole = {.code = 0};
    struct outcome pieces = {.code = 0};
    if (!end)
        return 0;
    size_t line = (size_t)(end - data);
    char *type = arena_copy(&whole.arena, data, line);
    run(type, end + 1, size - line - 1, size, &whole);
    run(type, end + 1, size - line - 1, 1 + size % 7, &pieces);
    FUZZ_ASSERT(whole.code == pieces.code);
    FUZZ_ASSERT(whole.text.len == pieces.text.len);
    FUZZ_ASSERT(whole.text.len == 0 || memcmp(whole.text.bytes, pieces.text.bytes, whole.text.len) == 0);
    arena_free(&whole.arena);
    arena_free(&pieces.arena);
    return 0;
}
