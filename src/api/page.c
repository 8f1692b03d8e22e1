/* SPDX-License-Identifier: Apache-2.0 */
/* See page.h. */
#include "api/page.h"

#include "http/fields.h"

#include <libdeflate.h>
#include <string.h>

/* Nothing but what this server sends may run, be shown or be asked, and nobody may frame it. Pictures of
 * results are shown from memory (blob:). */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'";

static const char absent[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>resultd</title>\n"
    "<h1>resultd</h1>\n"
    "<p>The server runs; this build of it has no web page. The API is at <code>/api/v1</code>.</p>\n"
    "<p>To build it with the page, install Node.js 18 or newer with npm, and configure with\n"
    "<code>meson setup --reconfigure -Dweb=enabled build</code>.</p>\n"
    "</html>\n";

static void add_protection(struct request *rq)
{
    response_header(rq, "Content-Security-Policy", policy);
    response_header(rq, "X-Content-Type-Options", "nosniff");
    response_header(rq, "Referrer-Policy", "no-referrer");
    response_header(rq, "Cross-Origin-Opener-Policy", "same-origin");
    response_header(rq, "Cross-Origin-Resource-Policy", "same-origin");
}

static int send_absent(struct request *rq)
{
    add_protection(rq);
    response_header(rq, "Cache-Control", "no-cache");
    response_bytes(rq, 200, "text/html; charset=utf-8", absent, sizeof absent - 1);
    return 0;
}

/* For the few clients that do not take gzip. */
static int send_inflated(struct request *rq, const struct page_asset *a, struct err *e)
{
    char *bytes = arena_alloc(&rq->arena, a->len);
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    bool whole =
        d && libdeflate_gzip_decompress(d, a->gzip, a->gzip_len, bytes, a->len, NULL) == LIBDEFLATE_SUCCESS;
    libdeflate_free_decompressor(d);
    if (!whole)
        return err_operator(e, ERR_INTERNAL, "internal error", "the page's file '%s' cannot be inflated",
                            a->name);
    response_bytes(rq, 200, a->media_type, bytes, a->len);
    return 0;
}

static int send_asset(struct request *rq, const struct page_asset *a, struct err *e)
{
    bool gzip = fields_accept_gzip(request_header_list(rq, "Accept-Encoding"));
    const char *etag = arena_printf(&rq->arena, "\"%s%s\"", a->hash, gzip ? "-gzip" : "");
    const char *known = request_header_list(rq, "If-None-Match");
    add_protection(rq);
    response_header(rq, "ETag", etag);
    response_header(rq, "Vary", "Accept-Encoding");
    response_header(rq, "Cache-Control", *a->name ? "public, max-age=31536000, immutable" : "no-cache");
    if (known && fields_match_etag(known, etag, true)) {
        response_empty(rq, 304);
        return 0;
    }
    if (!gzip)
        return send_inflated(rq, a, e);
    response_header(rq, "Content-Encoding", "gzip");
    response_bytes(rq, 200, a->media_type, a->gzip, a->gzip_len);
    return 0;
}

static const struct page_asset *find(const char *name)
{
    for (size_t i = 0; i < page_asset_count; i++)
        if (strcmp(page_assets[i].name, name) == 0)
            return &page_assets[i];
    return NULL;
}

/* With a query it is no address of ours: a link of which a byte was changed must not look like a page. */
int page_document(struct request *rq, struct err *e)
{
    if (rq->raw_query)
        return err_set(e, ERR_NOT_FOUND, "there is nothing at this address; the page is at /");
    const struct page_asset *a = find("");
    return a ? send_asset(rq, a, e) : send_absent(rq);
}

int page_file(struct request *rq, struct err *e)
{
    const struct page_asset *a = find(rq->places[0]);
    if (!a)
        return err_set(e, ERR_NOT_FOUND, "the page has no such file; load it anew");
    return send_asset(rq, a, e);
}
