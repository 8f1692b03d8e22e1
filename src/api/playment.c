/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Playment's API, now GT Studio's: two generations at once, for its SDK sends v0 and a path of its own
 * (/projectsvc), its scripts v1. A job is a job, its work flow the kind, its result the primary result.
 *
 * From the API's documents: "All successful responses are returned with HTTP Status code 200. In case of
 * failure, Playment API returns a JSON error response […] with HTTP status code 400." The SDK makes objects
 * of what it reads, so every key at any depth is a Python identifier; nothing of a submission is repeated.
 */
#include "api/playment.h"

#include "core/name.h"

#include <string.h>

static int admit(struct request *rq, struct err *e)
{
    return api_admit_key(rq, playment_description.key_forms, e);
}

/* The first row that fits says it; `where` NULL fits any place. */
static const struct {
    int code;
    const char *where;
    const char *word;
} words[] = {
    {ERR_UNAUTHORIZED, NULL, "unauthorized"},
    {ERR_KEY_EXPIRED, NULL, "unauthorized"},
    {ERR_FORBIDDEN, NULL, "core.webutil.auther"},
    {ERR_TAKEN, "/reference_id", "FS_0001"},
    {ERR_TAKEN, "/name", "BATCH_CREATION"},
    {ERR_MISSING, "/reference_id", "FS_0002"},
    {ERR_BAD_VALUE, "/data", "FS_0003"},
    {ERR_MISSING, "/data", "FS_0004"},
    {ERR_BAD_VALUE, "/priority_weight", "FS_00012"},
    {ERR_NOT_FOUND, "job_id", "FS_0006"},
    {ERR_EXPIRED, "url", "FS_0007"},
    {ERR_DELETED, "url", "FS_0007"},
    {ERR_BAD_VALUE, "page_token", "invalid_request_error"},
    {ERR_METHOD, NULL, "invalid_request_error"},
    {ERR_MISSING, NULL, "GE_0002"},
};

static const char *word_of(const struct err *e)
{
    for (size_t i = 0; i < API_COUNT(words); i++)
        if (words[i].code == e->code && (!words[i].where || strcmp(words[i].where, e->where) == 0))
            return words[i].word;
    return err_status(e->code) < 500 ? "GE_0001" : "api_error";
}

/* What the client did is 400, but for its key; what the server could not do stays so, for then clients try
 * again. */
static int status_of(const struct err *e)
{
    int status = err_status(e->code);
    return status == 401 || status >= 500 ? status : 400;
}

/* {"success", "error": {"code", "message"}} */
static void fail(struct request *rq, const struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    json_key(&j, "success");
    json_bool(&j, false);
    json_key(&j, "error");
    json_begin_object(&j);
    playment_put(&j, "code", word_of(e));
    playment_put(&j, "message", e->detail);
    json_end_object(&j);
    json_end_object(&j);
    if (err_status(e->code) == 401)
        response_header(rq, "WWW-Authenticate", "Bearer realm=\"resultd\"");
    response_bytes(rq, status_of(e), "application/json", j.buf.bytes, j.buf.len);
}

int playment_check_project(struct request *rq, struct err *e)
{
    const struct actor *who = &api_session(rq)->actor;
    const char *number = arena_printf(&rq->arena, "%lld", (long long)who->project);
    if (strcmp(rq->places[0], who->project_name) == 0 || strcmp(rq->places[0], number) == 0)
        return 0;
    return err_set(e, ERR_NOT_FOUND, "there is no such project, or the key is not of this project");
}

int playment_check_text(const char *text, const char *pointer, struct err *e)
{
    int rc = text ? name_check_text(text, pointer + 1, e) : 0;
    if (rc < 0)
        err_locate(e, ERR_POINTER, pointer);
    return rc;
}

void playment_put(struct json_out *j, const char *key, const char *value)
{
    json_key(j, key);
    json_string(j, value ? value : "");
}

void playment_put_int(struct json_out *j, const char *key, int64_t value)
{
    json_key(j, key);
    json_int(j, value);
}

void playment_put_counts(struct json_out *j, int64_t jobs, int64_t completed)
{
    playment_put_int(j, "total_jobs", jobs);
    playment_put_int(j, "completed_jobs", completed);
    playment_put_int(j, "total_frames", jobs);
    playment_put_int(j, "completed_frames", completed);
    playment_put_int(j, "annotations", completed);
}

void playment_begin(struct json_out *j, struct request *rq)
{
    *j = (struct json_out){.buf = {.arena = &rq->arena}};
    json_begin_object(j);
    json_key(j, "data");
    json_begin_object(j);
}

int playment_send(struct request *rq, int status, struct json_out *j)
{
    json_end_object(j);
    json_key(j, "success");
    json_bool(j, true);
    json_end_object(j);
    return api_send_json(rq, status, j);
}

static const char *const prefixes[] = {"/v0",         "/v1/project", "/v1/projects", "/v1/attachments",
                                       "/projectsvc", NULL};

#define IS(handler, op) playment_##handler, .operation = &playment_op_##op

/* clang-format off */
static const struct route routes[] = {
    {HTTP_POST, "/v1/projects/{}/batch",        R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(create_batch, create_batch)},
    {HTTP_POST, "/v1/project/{}/batch",         R_WRITE, BODY_WHOLE, SCOPE_WRITE,
                IS(create_batch, create_batch_singular)},
    {HTTP_POST, "/v1/projects/{}/jobs",         R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(create_job_v1, create_job_v1)},
    {HTTP_POST, "/v0/projects/{}/jobs",         R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(create_job_v0, create_job_v0)},
    {HTTP_POST, "/projectsvc/projects/{}/jobs", R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(create_job_v0, create_job_sdk)},
    {HTTP_GET,  "/v1/projects/{}/batch/{}",     R_READ,  BODY_NONE,  SCOPE_READ,  IS(batch_v1, batch_v1)},
    {HTTP_GET,  "/v0/projects/{}/batch/{}",     R_READ,  BODY_NONE,  SCOPE_READ,  IS(batch_v0, batch_v0)},
    {HTTP_GET,  "/v1/projects/{}/jobs/{}",      R_READ,  BODY_NONE,  SCOPE_READ,  IS(job_v1, job_v1)},
    {HTTP_GET,  "/v0/projects/{}/jobs/{}",      R_READ,  BODY_NONE,  SCOPE_READ,  IS(job_v0, job_v0)},
    {HTTP_GET,  "/v1/attachments",              R_READ,  BODY_NONE,  SCOPE_READ,  IS(attachment, attachment)},
    {HTTP_GET,  "/v1/projects/{}/details",      R_READ,  BODY_NONE,  SCOPE_READ,  IS(details, details_v1)},
    {HTTP_GET,  "/v0/projects/{}/details",      R_READ,  BODY_NONE,  SCOPE_READ,  IS(details, details_v0)},
    {HTTP_GET,  "/v0/projects/{}/stats",        R_READ,  BODY_NONE,  SCOPE_READ,  IS(stats, stats)},
};
/* clang-format on */

const struct api api_playment = {
    .name = "playment",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .admit = admit,
    .fail = fail,
    .description = &playment_description,
};
