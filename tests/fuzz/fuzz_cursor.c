/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursors: the input as the text inside a cursor, and as a raw query. Whatever is taken has sane limits, and
 * the cursor of its next page is taken again with the same filters.
 */
#include "api/native.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "http/target.h"

#include <string.h>

/* The server keeps more behind a request, which request_header looks at: here it is all zero. */
struct fake {
    struct request rq;
    void *behind[64];
};

static const struct route route = {.method = HTTP_GET, .path = "/api/v1/results"};

static int open_page(struct fake *f, struct app *app, const char *query, struct native_page *p, struct err *e)
{
    *f = (struct fake){.rq = {.app = app, .route = &route, .id = "x", .response = {.fd = -1}}};
    int rc = target_parse_query(&f->rq.arena, query, &f->rq.query, e);
    return rc < 0 ? rc : native_page_open(&f->rq, p, e);
}

static void check_next(struct fake *f, struct app *app, struct native_page *p)
{
    static const struct shape empty = {.name = NULL};
    struct native_page next;
    struct fake again;
    struct err e;
    FUZZ_ASSERT(native_page_put(p, &empty, 42, NULL));
    p->more = true;
    FUZZ_ASSERT(native_page_send(p) == 0);
    const char *cursor = strstr(f->rq.response.bytes, "\"next\":\"") + 8;
    size_t len = strcspn(cursor, "\"");
    const char *query = arena_printf(&f->rq.arena, "cursor=%.*s", (int)len, cursor);
    FUZZ_ASSERT(open_page(&again, app, query, &next, &e) == 0);
    FUZZ_ASSERT(next.page.before == 42);
    const struct query_pair *x = p->filters;
    for (const struct query_pair *y = next.filters; y; y = y->next, x = x->next)
        FUZZ_ASSERT(x && strcmp(x->key, y->key) == 0 && strcmp(x->value, y->value) == 0);
    FUZZ_ASSERT(!x);
    arena_free(&again.rq.arena);
}

/* Filters of these names are not any handler's; in a cursor they stand for its own. */
static bool reserved(const struct native_page *p)
{
    for (const struct query_pair *f = p->filters; f; f = f->next)
        if (strcmp(f->key, "after") == 0 || strcmp(f->key, "limit") == 0 || strcmp(f->key, "cursor") == 0)
            return true;
    return false;
}

static void try(struct app *app, const char *query)
{
    struct native_page p;
    struct fake f;
    struct err e;
    if (open_page(&f, app, query, &p, &e) == 0) {
        FUZZ_ASSERT(p.limit >= 1 && p.limit <= 1000 && p.page.limit == p.limit + 1 && p.page.before >= 0);
        if (!reserved(&p))
            check_next(&f, app, &p);
    }
    arena_free(&f.rq.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct settings settings = {.base_url = "http://x", .listen = "x"};
    static struct app app;
    struct arena a = {0};
    if (size > 4096)
        return 0;
    atomic_store(&app.core.settings, &settings);
    try(&app, arena_copy(&a, data, size));
    try(&app, arena_printf(&a, "cursor=%s", text_base64url(&a, data, size)));
    arena_free(&a);
    return 0;
}
