/* SPDX-License-Identifier: Apache-2.0 */
/* See docs.h. Everything is open: it says what any client of the APIs knows, and nothing of who uses them. */
#include "api/docs.h"

#include "api/describe.h"
#include "api/native.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"
#include "http/representation.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_DOCUMENTS = 32 };

struct served {
    const char *path; /* below /-/ */
    const char *media_type;
    const char *bytes;
    size_t len;
    const char *etag, *sha256;
};

struct docs {
    struct arena arena;
    int64_t made_at;
    struct served all[MOST_DOCUMENTS];
    int count;
};

static void add(struct docs *d, const char *path, const char *media_type, const struct buf *text)
{
    unsigned char hash[DIGEST_SHA256_LEN];
    char *hex = arena_alloc(&d->arena, DIGEST_SHA256_HEX);
    if (d->count == MOST_DOCUMENTS)
        return;
    digest_sha256(text->bytes, text->len, hash);
    text_hex(hash, sizeof hash, hex);
    d->all[d->count++] = (struct served){
        .path = path,
        .media_type = media_type,
        .bytes = text->bytes,
        .len = text->len,
        .etag = arena_printf(&d->arena, "\"%s\"", hex),
        .sha256 = hex,
    };
}

/* Documents are two levels deep, the native one also at its own address, below whatever path a proxy adds. */
static void add_api(struct docs *d, const struct api_mount *m)
{
    struct json_out j = {.buf = {.arena = &d->arena}};
    struct buf page = {.arena = &d->arena};
    describe_openapi(&j, m->api, arena_printf(&d->arena, "../..%s", m->at));
    add(d, arena_printf(&d->arena, "openapi/%s.json", m->api->name), "application/json", &j.buf);
    describe_page(&page, m->api, m->at);
    add(d, arena_printf(&d->arena, "docs/%s", m->api->name), "text/html; charset=utf-8", &page);
}

struct docs *docs_new(const struct api_mount *mounts)
{
    struct docs *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    struct buf index = {.arena = &d->arena};
    struct buf style = {.arena = &d->arena};
    d->made_at = clock_now();
    describe_index(&index, mounts);
    add(d, "docs", "text/html; charset=utf-8", &index);
    describe_style(&style);
    add(d, "docs/style.css", "text/css; charset=utf-8", &style);
    for (const struct api_mount *m = mounts; m->api; m++)
        if (m->api->description)
            add_api(d, m);
    return d;
}

void docs_free(struct docs *d)
{
    if (!d)
        return;
    arena_free(&d->arena);
    free(d);
}

static int send(struct request *rq, const char *path, struct err *e)
{
    const struct docs *d = api_app(rq)->docs;
    for (int i = 0; i < d->count; i++) {
        const struct served *doc = &d->all[i];
        if (strcmp(doc->path, path) != 0)
            continue;
        const struct representation rep = {
            .media_type = doc->media_type,
            .etag = doc->etag,
            .sha256 = doc->sha256,
            .modified = d->made_at,
            .vague_date = true,
            .size = (int64_t)doc->len,
            .bytes = doc->bytes,
            .fd = -1,
        };
        response_header(rq, "Content-Security-Policy",
                        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
                        "frame-ancestors 'none'");
        return representation_send(rq, &rep, e);
    }
    return err_set(e, ERR_NOT_FOUND, "there is no description of this name; /-/docs lists all");
}

int docs_send_openapi(struct request *rq, struct err *e)
{
    int rc = request_no_params(rq, e);
    return rc < 0 ? rc : send(rq, arena_printf(&rq->arena, "openapi/%s.json", rq->api->name), e);
}

static int admit(struct request *rq, struct err *e)
{
    (void)rq;
    (void)e;
    return 0;
}

static int index_page(struct request *rq, struct err *e)
{
    return send(rq, "docs", e);
}

static int page(struct request *rq, struct err *e)
{
    return send(rq, arena_printf(&rq->arena, "docs/%s", rq->places[0]), e);
}

static int document(struct request *rq, struct err *e)
{
    return send(rq, arena_printf(&rq->arena, "openapi/%s", rq->places[0]), e);
}

static const char *const prefixes[] = {"/-/docs", "/-/openapi", NULL};
static const struct route routes[] = {
    {HTTP_GET, "/-/docs", R_READ, BODY_NONE, ROUTE_OPEN, index_page, .no_database = true},
    {HTTP_GET, "/-/docs/{}", R_READ, BODY_NONE, ROUTE_OPEN, page, .no_database = true},
    {HTTP_GET, "/-/openapi/{}", R_READ, BODY_NONE, ROUTE_OPEN, document, .no_database = true},
};

const struct api api_docs = {
    .name = "docs",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .trailing_slash = true,
    .admit = admit,
    .fail = native_fail,
};
