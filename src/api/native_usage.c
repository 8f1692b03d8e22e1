/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: what a project uses, and has used. */
#include "api/native.h"
#include "base/clock.h"
#include "core/result.h"
#include "core/usage.h"

enum { EXPIRING_MOST = 100 };

static void put_sum(struct json_out *j, const char *key, int64_t results, int64_t bytes)
{
    json_key(j, key);
    json_begin_object(j);
    json_key(j, "results");
    json_int(j, results);
    json_key(j, "bytes");
    json_int(j, bytes);
    json_end_object(j);
}

static void put_states(struct json_out *j, const struct usage *u)
{
    json_key(j, "by_state");
    json_begin_object(j);
    for (int i = 0; i < RESULT_STATE_END; i++)
        put_sum(j, result_state_names[i], u->results[i], u->bytes[i]);
    json_end_object(j);
    put_sum(j, "trash", u->trash_results, u->trash_bytes);
}

/* Seconds; a page has to say for how long what it deletes can be restored. */
static void put_lifetimes(struct json_out *j, const struct settings *set)
{
    json_key(j, "lifetimes");
    json_begin_object(j);
    json_key(j, "results");
    json_int(j, set->results_ttl);
    json_key(j, "trash");
    json_int(j, set->trash_ttl);
    json_end_object(j);
}

int native_usage(struct request *rq, struct err *e)
{
    struct usage u = {0};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int64_t bytes = 0;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = usage_get(api_session(rq), &u, e);
    if (rc < 0)
        return rc;
    bytes = u.trash_bytes;
    for (int i = 0; i < RESULT_STATE_END; i++)
        bytes += u.bytes[i];
    json_begin_object(&j);
    json_key(&j, "results");
    json_int(&j, u.results[RESULT_AVAILABLE] + u.results[RESULT_CONSUMED]);
    json_key(&j, "bytes");
    json_int(&j, bytes);
    put_states(&j, &u);
    put_lifetimes(&j, core_settings(&api_app(rq)->core));
    json_end_object(&j);
    return native_send(rq, 200, &j);
}

static void put_span(struct json_out *j, const struct usage_span *span)
{
    const struct {
        const char *key;
        int64_t value;
    } counts[] = {
        {"uploads", span->seen.uploads},     {"uploaded_bytes", span->seen.uploaded_bytes},
        {"downloads", span->seen.downloads}, {"downloaded_bytes", span->seen.downloaded_bytes},
        {"acks", span->seen.acks},           {"expired", span->seen.expired},
        {"deleted", span->seen.deleted},
    };
    json_begin_object(j);
    json_key(j, "at");
    json_time(j, span->at);
    for (size_t i = 0; i < API_COUNT(counts); i++) {
        json_key(j, counts[i].key);
        json_int(j, counts[i].value);
    }
    put_states(j, &span->after);
    json_end_object(j);
}

int native_usage_history(struct request *rq, struct err *e)
{
    static const struct param params[] = {{"hours", PARAM_INT, 0, 1, USAGE_HOURS_MOST}};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct usage_history h = {.step = 0};
    int64_t hours = 24;
    int rc = request_params(rq, params, API_COUNT(params), &hours, e);
    if (rc == 0)
        rc = usage_history(api_session(rq), hours, &h, e);
    if (rc < 0)
        return rc;
    json_begin_object(&j);
    json_key(&j, "step_seconds");
    json_int(&j, h.step / CLOCK_SECOND);
    json_key(&j, "data");
    json_begin_array(&j);
    for (int64_t i = 0; i < h.count; i++)
        put_span(&j, &h.spans[i]);
    json_end_array(&j);
    json_end_object(&j);
    return native_send(rq, 200, &j);
}

int native_usage_expiring(struct request *rq, struct err *e)
{
    static const struct param params[] = {{"limit", PARAM_INT, 0, 1, EXPIRING_MOST}};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct result *r = NULL;
    int64_t limit = 20;
    int rc = request_params(rq, params, API_COUNT(params), &limit, e);
    if (rc == 0)
        rc = result_expiring(api_session(rq), limit, &r, e);
    if (rc < 0)
        return rc;
    json_begin_object(&j);
    json_key(&j, "data");
    json_begin_array(&j);
    for (; r; r = r->next)
        native_put_result(&j, rq, r);
    json_end_array(&j);
    json_end_object(&j);
    return native_send(rq, 200, &j);
}
