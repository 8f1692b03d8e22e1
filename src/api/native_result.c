/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: results, their content and their links. */
#include "api/native.h"

#include "base/digest.h"
#include "base/text.h"
#include "core/batch.h"
#include "core/job.h"
#include "core/result.h"
#include "core/sign.h"

#include <string.h>

enum { LONGEST_TEXT = 255 };

#define GROUP "results"

struct list_params {
    struct result_filter filter;
    const char *job, *batch, *deleted;
};

static const char *const state_words[] = {"available", "consumed", "expired", "any"};

#define TEXT_PARAM(name, field, smallest)                                                                    \
    name, PARAM_TEXT, offsetof(struct list_params, field), smallest, LONGEST_TEXT

static const struct param list_params[] = {
    {TEXT_PARAM("job", job, 1), "Only results of the job with this id.", .example = NATIVE_EXAMPLE_ID},
    {TEXT_PARAM("batch", batch, 1), "Only results of the batch with this id.", .example = NATIVE_EXAMPLE_ID},
    {TEXT_PARAM("state", filter.state, 1), "Only results in this state (`available`).", state_words,
     API_COUNT(state_words)},
    {TEXT_PARAM("name", filter.name, 1), "Only results with this name.", .example = "rows.csv"},
    {TEXT_PARAM("type", filter.type, 0), "Only results of this type.", .example = "report"},
    {TEXT_PARAM("kind", filter.kind, 1), "Only results of jobs of this kind.", .example = "render"},
    {"created_after", PARAM_TIME, offsetof(struct list_params, filter.created_after), 0, 0,
     "Only results that were published after this time."},
    {"created_before", PARAM_TIME, offsetof(struct list_params, filter.created_before), 0, 0,
     "Only results that were published before this time."},
    NATIVE_DELETED_PARAM(struct list_params, deleted),
};

const struct operation native_op_result_list = {
    .id = "listResults",
    .group = GROUP,
    .summary = "List results, newest first",
    .about = "Acknowledged and expired ones only where `state` asks for them.",
    .params = list_params,
    .param_count = API_COUNT(list_params),
    .has_pages = true,
    .answers = {{200, "One page.", &native_result_shape, ANSWER_PAGE, .headers = {"Link"}}},
};

static int read_filter(struct request *rq, struct list_params *p, struct err *e)
{
    int rc = api_read(rq, p, NULL, e);
    if (rc == 0)
        p->filter.deleted = native_deleted(p->deleted);
    if (rc == 0 && p->job)
        rc = job_refer(api_session(rq), p->job, ERR_PARAMETER, "job", &p->filter.job, e);
    if (rc == 0 && p->batch)
        rc = batch_refer(api_session(rq), p->batch, ERR_PARAMETER, "batch", &p->filter.batch, e);
    return rc;
}

int native_result_list(struct request *rq, struct err *e)
{
    struct list_params p = {.job = NULL};
    struct native_page page;
    struct result *r = NULL;
    int rc = native_page_open(rq, &page, e);
    if (rc == 0)
        rc = read_filter(rq, &p, e);
    if (rc == 0)
        rc = result_list(api_session(rq), &p.filter, &page.page, &r, e);
    if (rc < 0)
        return rc;
    for (; r && native_page_put(&page, &native_result_shape, r->pk, r); r = r->next)
        ;
    return native_page_send(&page);
}

const struct operation native_op_result_get = {
    .id = "getResult",
    .group = GROUP,
    .summary = "Show a result, expired and deleted ones too",
    NATIVE_PLACE_ID,
    .answers = {{200, "The result.", &native_result_shape}},
    .refusals = {404},
};

int native_result_get(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = result_get(api_session(rq), rq->places[0], &r, e);
    return rc < 0 ? rc : native_send_result(rq, 200, r);
}

static bool is_sha256(const char *hex)
{
    unsigned char bytes[DIGEST_SHA256_LEN];
    return strlen(hex) == 2 * sizeof bytes && text_unhex(hex, 2 * sizeof bytes, bytes);
}

static const struct json_field ack_fields[] = {
    {"sha256", JSON_TO_STRING, offsetof(struct result_ack, sha256), false, 0, LONGEST_TEXT,
     .about = "Of what was received, in hexadecimal."},
    {"size", JSON_TO_INT, offsetof(struct result_ack, size), false, 0, INT64_MAX,
     .about = "Bytes that were received."},
};

const struct operation native_op_result_ack = {
    .id = "acknowledgeResult",
    .group = GROUP,
    .summary = "Say that a result was received",
    .about =
        "It is `consumed` then, and no longer in lists unless they are asked for such. Again: the same answer.",
    NATIVE_PLACE_ID,
    .fields = ack_fields,
    .field_count = API_COUNT(ack_fields),
    .body_optional = true,
    .answers = {{200, "The result, consumed.", &native_result_shape}},
    .refusals = {404, 409, 410},
};

int native_result_ack(struct request *rq, struct err *e)
{
    struct result_ack a = {.size = -1};
    struct result *r = NULL;
    int rc = api_read(rq, NULL, &a, e);
    if (rc == 0 && a.sha256 && !is_sha256(a.sha256))
        rc = err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/sha256",
                    "the member \"sha256\" must be 64 hexadecimal digits");
    if (rc == 0)
        rc = result_acknowledge(api_session(rq), rq->places[0], &a, &r, e);
    rq->own = r;
    return rc;
}

void native_result_render(struct request *rq)
{
    (void)native_send_result(rq, 200, rq->own);
}

struct delete_params {
    bool permanent;
};

static const struct param delete_params[] = {
    {"permanent", PARAM_BOOL, offsetof(struct delete_params, permanent), 0, 0,
     "Past the trash: row and bytes are gone for good."},
};

const struct operation native_op_result_delete = {
    .id = "deleteResult",
    .group = GROUP,
    .summary = "Move a result to the trash, or purge it",
    NATIVE_PLACE_ID,
    .params = delete_params,
    .param_count = API_COUNT(delete_params),
    .answers = {{204, "It is deleted, or was already."}},
    .refusals = {404, 409},
};

int native_result_delete(struct request *rq, struct err *e)
{
    struct delete_params p = {.permanent = false};
    int rc = api_read(rq, &p, NULL, e);
    if (rc == 0)
        rc = p.permanent ? result_purge(api_session(rq), rq->places[0], e)
                         : result_delete(api_session(rq), rq->places[0], e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

const struct operation native_op_result_restore = {
    .id = "restoreResult",
    .group = GROUP,
    .summary = "Take a result out of the trash",
    NATIVE_PLACE_ID,
    .answers = {{200, "The result.", &native_result_shape}},
    .refusals = {404, 409},
};

int native_result_restore(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = result_restore(api_session(rq), rq->places[0], &r, e);
    return rc < 0 ? rc : native_send_result(rq, 200, r);
}

const struct operation native_op_result_keep = {
    .id = "keepResult",
    .group = GROUP,
    .summary = "Keep a result",
    .about = "While it is kept, neither expiry nor cleanup nor deletion touches it.",
    NATIVE_PLACE_ID,
    .answers = {{200, "The result.", &native_result_shape}},
    .refusals = {404, 409, 410},
};

const struct operation native_op_result_unkeep = {
    .id = "unkeepResult",
    .group = GROUP,
    .summary = "Keep a result no longer",
    .about = "If its time has passed meanwhile, it expires at once.",
    NATIVE_PLACE_ID,
    .answers = {{200, "The result.", &native_result_shape}},
    .refusals = {404, 409, 410},
};

static int set_keep(struct request *rq, bool keep, struct err *e)
{
    struct result *r = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = result_keep(api_session(rq), rq->places[0], keep, &r, e);
    return rc < 0 ? rc : native_send_result(rq, 200, r);
}

int native_result_keep(struct request *rq, struct err *e)
{
    return set_keep(rq, true, e);
}

int native_result_unkeep(struct request *rq, struct err *e)
{
    return set_keep(rq, false, e);
}

struct link_body {
    int64_t expires_in;
    const char *format, *note;
};

static const struct json_field link_fields[] = {
    {"expires_in", JSON_TO_INT, offsetof(struct link_body, expires_in), false, 1, SIGN_LONGEST,
     .about = "Seconds that it is good for (3600)."},
    {"format", JSON_TO_STRING, offsetof(struct link_body, format), false, 1, 16,
     .about = "One that the result can be had in; else its bytes as they were uploaded."},
    {"note", JSON_TO_STRING, offsetof(struct link_body, note), false, 0, 4096,
     .about = "What it is for; for you alone."},
};

struct link_answer {
    const char *id, *url;
    int64_t expires_at;
};

static const struct member link_members[] = {
    {"id", SHAPE_UUID, offsetof(struct link_answer, id), "Of the record of this link."},
    {"url", SHAPE_URL, offsetof(struct link_answer, url), "Needs no key; takes GET, HEAD and Range.",
     "\"https://results.example/-/d/0aF3/rows.csv\""},
    {"expires_at", SHAPE_TIME, offsetof(struct link_answer, expires_at),
     "From then on it is refused with 410."},
};
static const struct shape link_shape = {"Link", "An address that opens one result to whoever has it.",
                                        link_members, API_COUNT(link_members)};

const struct operation native_op_result_link = {
    .id = "linkResult",
    .group = GROUP,
    .summary = "Make a signed link to a result",
    NATIVE_PLACE_ID,
    .fields = link_fields,
    .field_count = API_COUNT(link_fields),
    .body_optional = true,
    .body_example = "{\"expires_in\":86400,\"note\":\"for the customer\"}",
    .answers = {{201, "The link.", &link_shape}},
    .refusals = {404, 406, 410},
};

int native_result_link(struct request *rq, struct err *e)
{
    struct link_body b = {.expires_in = 3600, .format = ""};
    struct sign_link l = {.id = NULL};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0)
        rc = sign_create(api_session(rq), rq->places[0], b.format, b.note, b.expires_in, &l, e);
    if (rc < 0)
        return rc;
    const char *url = arena_printf(&rq->arena, "%s%s", api_base_url(rq), l.path);
    shape_put(&j, rq, &link_shape, &(struct link_answer){l.id, url, l.expires_at});
    return native_send(rq, 201, &j);
}
