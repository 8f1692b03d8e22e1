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

struct list_params {
    struct result_filter filter;
    const char *job, *batch, *deleted;
};

static const struct param list_params[] = {
    {"job", PARAM_TEXT, offsetof(struct list_params, job), 1, LONGEST_TEXT},
    {"batch", PARAM_TEXT, offsetof(struct list_params, batch), 1, LONGEST_TEXT},
    {"state", PARAM_TEXT, offsetof(struct list_params, filter.state), 1, LONGEST_TEXT},
    {"name", PARAM_TEXT, offsetof(struct list_params, filter.name), 1, LONGEST_TEXT},
    {"type", PARAM_TEXT, offsetof(struct list_params, filter.type), 0, LONGEST_TEXT},
    {"kind", PARAM_TEXT, offsetof(struct list_params, filter.kind), 1, LONGEST_TEXT},
    {"created_after", PARAM_TIME, offsetof(struct list_params, filter.created_after), 0, 0},
    {"created_before", PARAM_TIME, offsetof(struct list_params, filter.created_before), 0, 0},
    {"deleted", PARAM_TEXT, offsetof(struct list_params, deleted), 1, LONGEST_TEXT},
};

static int read_filter(struct request *rq, struct list_params *p, struct err *e)
{
    int rc = request_params(rq, list_params, API_COUNT(list_params), p, e);
    if (rc == 0)
        rc = native_parse_deleted(p->deleted, &p->filter.deleted, e);
    if (rc == 0 && p->filter.state && strcmp(p->filter.state, "any") != 0 &&
        store_word(result_state_names, RESULT_STATE_END, p->filter.state) < 0)
        rc = err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "state",
                    "the parameter \"state\" must be available, consumed, expired or any");
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
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct result *r = NULL;
    int rc = native_page_open(rq, &page, e);
    if (rc == 0)
        rc = read_filter(rq, &p, e);
    if (rc == 0)
        rc = result_list(api_session(rq), &p.filter, &page.page, &r, e);
    if (rc < 0)
        return rc;
    json_begin_object(&j);
    json_key(&j, "data");
    json_begin_array(&j);
    for (; r && native_page_take(&page, r->pk); r = r->next)
        native_put_result(&j, rq, r);
    return native_page_send(rq, &page, &j, r != NULL);
}

int native_result_get(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = result_get(api_session(rq), rq->places[0], &r, e);
    return rc < 0 ? rc : native_send_result(rq, 200, r);
}

static bool is_sha256(const char *hex)
{
    unsigned char bytes[DIGEST_SHA256_LEN];
    return strlen(hex) == 2 * sizeof bytes && text_unhex(hex, 2 * sizeof bytes, bytes);
}

int native_result_ack(struct request *rq, struct err *e)
{
    struct result_ack a = {.size = -1};
    static const struct json_field fields[] = {
        {"sha256", JSON_TO_STRING, offsetof(struct result_ack, sha256), false, 0, LONGEST_TEXT},
        {"size", JSON_TO_INT, offsetof(struct result_ack, size), false, 0, INT64_MAX},
    };
    struct result *r = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, true, fields, API_COUNT(fields), &a, e);
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

int native_result_delete(struct request *rq, struct err *e)
{
    struct params {
        bool permanent;
    } p = {.permanent = false};
    static const struct param params[] = {
        {"permanent", PARAM_BOOL, offsetof(struct params, permanent), 0, 0}};
    int rc = request_params(rq, params, API_COUNT(params), &p, e);
    if (rc == 0)
        rc = p.permanent ? result_purge(api_session(rq), rq->places[0], e)
                         : result_delete(api_session(rq), rq->places[0], e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

int native_result_restore(struct request *rq, struct err *e)
{
    struct result *r = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = result_restore(api_session(rq), rq->places[0], &r, e);
    return rc < 0 ? rc : native_send_result(rq, 200, r);
}

static int set_keep(struct request *rq, bool keep, struct err *e)
{
    struct result *r = NULL;
    int rc = request_no_params(rq, e);
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

int native_result_link(struct request *rq, struct err *e)
{
    struct body {
        int64_t expires_in;
        const char *format, *note;
    } b = {.expires_in = 3600, .format = ""};
    static const struct json_field fields[] = {
        {"expires_in", JSON_TO_INT, offsetof(struct body, expires_in), false, 1, SIGN_LONGEST},
        {"format", JSON_TO_STRING, offsetof(struct body, format), false, 1, 16},
        {"note", JSON_TO_STRING, offsetof(struct body, note), false, 0, 4096},
    };
    struct sign_link l = {.id = NULL};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, true, fields, API_COUNT(fields), &b, e);
    if (rc == 0)
        rc = sign_create(api_session(rq), rq->places[0], b.format, b.note, b.expires_in, &l, e);
    if (rc < 0)
        return rc;
    json_begin_object(&j);
    json_key(&j, "id");
    json_string(&j, l.id);
    json_key(&j, "url");
    json_string(&j, arena_printf(&rq->arena, "%s%s", api_base_url(rq), l.path));
    json_key(&j, "expires_at");
    json_time(&j, l.expires_at);
    json_end_object(&j);
    return native_send(rq, 201, &j);
}
