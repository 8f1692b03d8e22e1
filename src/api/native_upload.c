/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: uploads. Parameters say what the body becomes; see received.h for the rest. */
#include "api/native.h"
#include "api/received.h"

enum { LONGEST_TEXT = 255, TEN_YEARS = 3652 * 86400 };

#define UPLOAD_PARAMS                                                                                        \
    {"type",                                                                                                 \
     PARAM_TEXT,                                                                                             \
     offsetof(struct publish, type),                                                                         \
     0,                                                                                                      \
     LONGEST_TEXT,                                                                                           \
     "What it is to its users; with job and name it is unique.",                                             \
     .example = "report"},                                                                                   \
        {"primary", PARAM_BOOL, offsetof(struct publish, primary), 0, 0, "Whether it is the main result."},  \
        {"storage",                                                                                          \
         PARAM_TEXT,                                                                                         \
         offsetof(struct publish, storage),                                                                  \
         1,                                                                                                  \
         LONGEST_TEXT,                                                                                       \
         "The name of the storage that it goes to.",                                                         \
         .example = "default"},                                                                              \
        {"keep", PARAM_BOOL, offsetof(struct publish, keep),                                                 \
         0,      0,          "Neither expires nor can be deleted; needs the scope `delete`, too."},          \
    {                                                                                                        \
        "expires_in", PARAM_INT, offsetof(struct publish, expires_in), 1, TEN_YEARS,                         \
            "Seconds that it lives for, unlike others of its project.", .example = "86400"                   \
    }

static const struct param upload_params[] = {UPLOAD_PARAMS};
static const struct param publish_params[] = {
    {"name", PARAM_TEXT, offsetof(struct publish, name), 1, LONGEST_TEXT, "The file's name.",
     .required = true, .example = "rows.csv"},
    {"kind", PARAM_TEXT, offsetof(struct publish, kind), 1, LONGEST_TEXT, "Of the job around it (`publish`).",
     .example = "export"},
    UPLOAD_PARAMS,
};

#define ABOUT                                                                                                \
    "The body is the bytes; `Content-Type` becomes the media type. `Content-MD5`, `Content-Digest` and "     \
    "`Repr-Digest` are verified: where one is wrong nothing is kept."

const struct operation native_op_upload = {
    .id = "uploadResult",
    .group = "results",
    .summary = "Upload a result of a job",
    .about = ABOUT " The same name, type and bytes again are answered with what is there.",
    .places = {"id", "name"},
    .place_examples = {NATIVE_EXAMPLE_ID, "rows.csv"},
    .params = upload_params,
    .param_count = API_COUNT(upload_params),
    .body_media = "application/octet-stream",
    .answers = {{201, "It is stored, durably.", &native_result_shape, .headers = {"Location"}},
                {200, "It was there already.", &native_result_shape, .headers = {"Location"}}},
    .refusals = {404, 409, 410, 413, 507},
};

const struct operation native_op_publish = {
    .id = "publishResult",
    .group = "results",
    .summary = "Publish one file, with a completed job around it",
    .about = ABOUT " Sent twice it makes two.",
    .params = publish_params,
    .param_count = API_COUNT(publish_params),
    .body_media = "application/octet-stream",
    .answers = {{201, "It is stored, durably.", &native_result_shape, .headers = {"Location"}}},
    .refusals = {409, 413, 507},
};

static int begin(struct request *rq, struct publish *p, struct err *e)
{
    p->type = "";
    p->kind = "publish";
    int rc = api_read(rq, p, NULL, e);
    return rc < 0 ? rc : received_begin(rq, p, e);
}

int native_upload_begin(struct request *rq, struct err *e)
{
    struct publish p = {.job = rq->places[0], .name = rq->places[1]};
    return begin(rq, &p, e);
}

int native_publish_begin(struct request *rq, struct err *e)
{
    struct publish p = {.job = NULL};
    return begin(rq, &p, e);
}

void native_upload_render(struct request *rq)
{
    const struct received *r = rq->own;
    response_header(rq, "Location", arena_printf(&rq->arena, NATIVE "/results/%s", r->result->id));
    (void)native_send_result(rq, r->is_new ? 201 : 200, r->result);
}
