/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: the bytes of a result, as they came or in another format, and some of its rows. */
#include "api/converted.h"
#include "api/native.h"
#include "core/preview.h"
#include "core/result.h"

#include <assert.h>

static int send(struct request *rq, const struct result *r, struct conversion_options *o, bool converted,
                struct err *e)
{
    assert(r);
    if (converted || converted_by_accept(rq, r, &o->writer.format))
        return converted_send(rq, r, o, e);
    if (r->table.formats)
        response_header(rq, "Vary", "Accept");
    return api_send_content(rq, r, e);
}

int native_content(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    struct conversion_options o;
    bool converted;
    int rc = converted_options(rq, CONVERTED_CONTENT, &o, &converted, e);
    if (rc == 0)
        rc = result_get(api_session(rq), rq->places[0], &r, e);
    return rc < 0 ? rc : send(rq, r, &o, converted, e);
}

static bool start(struct request *rq)
{
    preview_start(rq->own, api_wake, api_gone, rq);
    return true;
}

static void free_preview(struct request *rq)
{
    preview_free(rq->own);
}

static int ask(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    struct conversion_options o;
    struct preview *preview = NULL;
    bool given;
    int rc = converted_options(rq, CONVERTED_PAGE, &o, &given, e);
    if (rc == 0)
        rc = result_get(api_session(rq), rq->places[0], &r, e);
    if (rc == 0)
        rc = result_require_live(api_session(rq), r, e);
    if (rc == 0)
        rc = convert_check(r, &o, e);
    if (rc == 0)
        rc = preview_new(api_session(rq), r, &o, &preview, e);
    if (rc < 0)
        return rc;
    rq->own = preview;
    rq->done = free_preview;
    rq->sleep = start;
    return 0;
}

int native_rows(struct request *rq, struct err *e)
{
    const char *text;
    size_t len;
    if (!rq->own)
        return ask(rq, e);
    int rc = preview_text(rq->own, &text, &len, e);
    if (rc == 0)
        response_bytes(rq, 200, "application/json", text, len);
    return rc;
}
