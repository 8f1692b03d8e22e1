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

const struct operation native_op_content = {
    .id = "downloadResult",
    .group = "results",
    .summary = "The bytes of a result, as they were uploaded or in another format",
    .about = "With `format`, or an `Accept` that prefers one, a table is converted. Resume with `Range` and "
             "`If-Range`. Bytes in a storage that redirects are answered with 307.",
    NATIVE_PLACE_ID,
    .converts = CONVERTED_CONTENT,
    .answers = {{200, "The bytes.", .media_type = "*/*",
                 .headers = {"ETag", "Repr-Digest", "Last-Modified", "Accept-Ranges", "Content-Disposition"}},
                {206, "The ranges that were asked for.", .media_type = "*/*", .headers = {"Content-Range"}},
                {304, "The ETag is still that one."},
                {307, "They are elsewhere.", .headers = {"Location"}}},
    .refusals = {404, 406, 410, 412, 416},
};

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

static const struct member column_members[] = {
    {"name", SHAPE_TEXT, 0, "As the table has it.", "\"price\""},
    {"type", SHAPE_TEXT, 0, "What its cells are.", "\"number\""},
};
static const struct shape column_shape = {"Column", "Of a table.", column_members, API_COUNT(column_members)};

static const struct member rows_members[] = {
    {"columns", SHAPE_OBJECT, 0, "In the order of the cells.", .is_list = true, .of = &column_shape},
    {"rows", SHAPE_JSON, 0, "Arrays of cells, each a JSON value.", "[[1.10]]", .is_list = true},
    {"total", SHAPE_INT, 0, "Rows that there are with these conditions.", "20000", .can_be_null = true},
};
static const struct shape rows_shape = {"Rows", "Some rows of a table.", rows_members,
                                        API_COUNT(rows_members)};

const struct operation native_op_rows = {
    .id = "readRows",
    .group = "results",
    .summary = "Some rows of a table, quick also deep inside",
    NATIVE_PLACE_ID,
    .converts = CONVERTED_PAGE,
    .answers = {{200, "The rows.", &rows_shape}},
    .refusals = {404, 406, 410},
};

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
