/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: uploads. Parameters say what the body becomes; see received.h for the rest. */
#include "api/native.h"
#include "api/received.h"

enum { LONGEST_TEXT = 255, TEN_YEARS = 3652 * 86400 };

#define UPLOAD_PARAMS                                                                                        \
    {"type", PARAM_TEXT, offsetof(struct publish, type), 0, LONGEST_TEXT},                                   \
        {"primary", PARAM_BOOL, offsetof(struct publish, primary), 0, 0},                                    \
        {"storage", PARAM_TEXT, offsetof(struct publish, storage), 1, LONGEST_TEXT},                         \
        {"keep", PARAM_BOOL, offsetof(struct publish, keep), 0, 0},                                          \
    {                                                                                                        \
        "expires_in", PARAM_INT, offsetof(struct publish, expires_in), 1, TEN_YEARS                          \
    }

static const struct param upload_params[] = {UPLOAD_PARAMS};
static const struct param publish_params[] = {
    {"name", PARAM_TEXT, offsetof(struct publish, name), 1, LONGEST_TEXT},
    {"kind", PARAM_TEXT, offsetof(struct publish, kind), 1, LONGEST_TEXT},
    UPLOAD_PARAMS,
};

static int begin(struct request *rq, const struct param *params, size_t count, struct publish *p,
                 struct err *e)
{
    p->type = "";
    p->kind = "publish";
    int rc = request_params(rq, params, count, p, e);
    if (rc == 0 && !p->name)
        rc = err_at(e, ERR_MISSING, ERR_PARAMETER, "name", "the parameter \"name\" is required");
    return rc < 0 ? rc : received_begin(rq, p, e);
}

int native_upload_begin(struct request *rq, struct err *e)
{
    struct publish p = {.job = rq->places[0], .name = rq->places[1]};
    return begin(rq, upload_params, API_COUNT(upload_params), &p, e);
}

int native_publish_begin(struct request *rq, struct err *e)
{
    struct publish p = {.job = NULL};
    return begin(rq, publish_params, API_COUNT(publish_params), &p, e);
}

void native_upload_render(struct request *rq)
{
    const struct received *r = rq->own;
    response_header(rq, "Location", arena_printf(&rq->arena, NATIVE "/results/%s", r->result->id));
    (void)native_send_result(rq, r->is_new ? 201 : 200, r->result);
}
