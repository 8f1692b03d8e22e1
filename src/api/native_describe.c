/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: how it describes itself as a whole; each operation stands beside its handler. */
#include "api/docs.h"
#include "api/native.h"

static const struct member problem_members[] = {
    {"type", SHAPE_TEXT, 0, "Always `about:blank`.", "\"about:blank\""},
    {"title", SHAPE_TEXT, 0, "What the status means.", "\"Not found\""},
    {"status", SHAPE_INT, 0, "That of the answer.", "404"},
    {"detail", SHAPE_TEXT, 0, "What is wrong here, and what would be right.", "\"there is no such result\""},
    {"instance", SHAPE_TEXT, 0, "Names the request: it stands in the log, too.",
     "\"urn:resultd:request:4f1c2d3e\""},
    {"code", SHAPE_TEXT, 0, "A word for programs.", "\"not_found\""},
    {"pointer", SHAPE_TEXT, 0, "The member of the body that is wrong.", "\"/kind\"", .can_be_absent = true},
    {"parameter", SHAPE_TEXT, 0, "The parameter that is wrong.", "\"limit\"", .can_be_absent = true},
    {"header", SHAPE_TEXT, 0, "The header field that is wrong.", "\"Content-MD5\"", .can_be_absent = true},
    {"at", SHAPE_TIME, 0, "When it expired or was deleted.", .can_be_absent = true},
};
const struct shape native_problem_shape = {"Problem", "Why a request was refused (RFC 9457).",
                                           problem_members, API_COUNT(problem_members)};

const struct description native_description = {
    .title = "resultd",
    .about = "Results of asynchronous jobs: a worker uploads them, a client finds, awaits, downloads and "
             "acknowledges them. Times are RFC 3339 in UTC with six digits. A member that is null counts as "
             "absent; one that is not known here is an error. Bounds of texts are bytes of UTF-8.",
    .key_forms = KEY_ANY | KEY_SESSION | KEY_PAGE,
    .beside = &api_login,
    .error_media_type = "application/problem+json",
    .error = &native_problem_shape,
    .always = {400, 401, 403, 503},
    .refusals =
        {
            {400, "A parameter, a member or a header field is wrong; the answer names it."},
            {401, "There is no valid key."},
            {403,
             "The key lacks a scope, or a request with a session does not come from the server's own page."},
            {404, "There is no such object in the key's project."},
            {406, "It cannot be had in this format; `detail` says why."},
            {409, "The state of the object forbids it, or the name is taken; `code` tells them apart."},
            {410, "It has expired or was deleted; `at` says when."},
            {412, "`If-Match` or `If-Unmodified-Since` does not hold."},
            {413, "More bytes than the server takes."},
            {416, "No range lies within the content."},
            {503, "Too much is waiting, or a part of the server is out of order; see `Retry-After`."},
            {507, "The disk is full, or would be."},
        },
};

static const struct shape document_shape = {NULL, "An OpenAPI 3.1 document.", NULL, 0, .is_open = true};

const struct operation native_op_openapi = {
    .id = "describe",
    .group = "description",
    .summary = "This description",
    .answers = {{200, "OpenAPI 3.1.", &document_shape}},
};

int native_openapi(struct request *rq, struct err *e)
{
    return docs_send_openapi(rq, e);
}
