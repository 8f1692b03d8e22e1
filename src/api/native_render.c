/* SPDX-License-Identifier: Apache-2.0 */
/* The native API's objects and errors as JSON. */
#include "api/native.h"
#include "core/format.h"
#include "core/making.h"
#include "core/storage.h"

#include <string.h>

void native_fail(struct request *rq, const struct err *e)
{
    static const char *const places[] = {
        [ERR_POINTER] = "pointer", [ERR_PARAMETER] = "parameter", [ERR_HEADER] = "header"};
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not found"},
        {405, "Method not allowed"},
        {406, "Not acceptable"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition failed"},
        {413, "Content too large"},
        {414, "URI too long"},
        {416, "Range not satisfiable"},
        {431, "Header too large"},
        {500, "Internal error"},
        {501, "Not implemented"},
        {503, "Service unavailable"},
        {507, "Insufficient storage"},
    };
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int status = err_status(e->code);
    const char *title = "Error";
    for (size_t i = 0; i < API_COUNT(titles); i++)
        if (titles[i].status == status)
            title = titles[i].title;
    json_begin_object(&j);
    json_key(&j, "type");
    json_string(&j, "about:blank");
    json_key(&j, "title");
    json_string(&j, title);
    json_key(&j, "status");
    json_int(&j, status);
    json_key(&j, "detail");
    json_string(&j, e->detail);
    json_key(&j, "instance");
    json_string(&j, arena_printf(&rq->arena, "urn:resultd:request:%s", rq->id));
    json_key(&j, "code");
    json_string(&j, err_public(e->code));
    if (e->place != ERR_NOWHERE) {
        json_key(&j, places[e->place]);
        json_string(&j, e->where);
    }
    if (e->at) {
        json_key(&j, "at");
        json_time(&j, e->at);
    }
    json_end_object(&j);
    if (err_status(e->code) == 401)
        response_header(rq, "WWW-Authenticate", "Bearer realm=\"resultd\"");
    response_bytes(rq, status, "application/problem+json", j.buf.bytes, j.buf.len);
}

int native_send(struct request *rq, int status, const struct json_out *j)
{
    response_bytes(rq, status, "application/json", j->buf.bytes, j->buf.len);
    return 0;
}

static const char *project_name(struct request *rq)
{
    return ((const struct actor *)rq->actor)->project_name;
}

static void put_brief(struct json_out *j, const struct result *r)
{
    json_begin_object(j);
    json_key(j, "id");
    json_string(j, r->id);
    json_key(j, "name");
    json_string(j, r->name);
    json_key(j, "type");
    json_string(j, r->type);
    json_key(j, "primary");
    json_bool(j, r->is_primary);
    json_key(j, "state");
    json_string(j, result_state_names[r->state]);
    json_key(j, "size");
    json_int(j, r->size);
    json_end_object(j);
}

static void put_text_or_null(struct json_out *j, const char *json)
{
    if (json)
        json_raw(j, json, strlen(json));
    else
        json_null(j);
}

void native_put_job(struct json_out *j, struct request *rq, const struct job *job)
{
    json_begin_object(j);
    json_key(j, "id");
    json_string(j, job->id);
    json_key(j, "pk");
    json_int(j, job->pk);
    json_key(j, "project");
    json_string(j, project_name(rq));
    json_key(j, "batch");
    json_string(j, job->batch_id);
    json_key(j, "kind");
    json_string(j, job->kind);
    json_key(j, "reference_id");
    json_string(j, job->reference_id);
    json_key(j, "tag");
    json_string(j, job->tag);
    json_key(j, "priority_weight");
    json_int(j, job->priority_weight);
    json_key(j, "status");
    json_string(j, job_status_names[job->status]);
    json_key(j, "progress");
    json_real(j, job->progress);
    json_key(j, "error");
    put_text_or_null(j, job->error);
    json_key(j, "input");
    put_text_or_null(j, job->input);
    json_key(j, "storage");
    json_string(j, job->storage_name);
    json_key(j, "creator");
    json_string(j, job->creator_name);
    json_key(j, "results");
    json_begin_array(j);
    for (const struct result *r = job->results; r; r = r->next)
        put_brief(j, r);
    json_end_array(j);
    json_key(j, "created_at");
    json_time(j, job->created_at);
    json_key(j, "started_at");
    json_time(j, job->started_at);
    json_key(j, "finished_at");
    json_time(j, job->finished_at);
    json_key(j, "deleted_at");
    json_time(j, job->deleted_at);
    json_end_object(j);
}

static void put_identity(struct json_out *j, struct request *rq, const struct result *r)
{
    json_key(j, "id");
    json_string(j, r->id);
    json_key(j, "pk");
    json_int(j, r->pk);
    json_key(j, "job");
    json_string(j, r->job_id);
    json_key(j, "project");
    json_string(j, project_name(rq));
    json_key(j, "batch");
    json_string(j, r->batch_id);
    json_key(j, "name");
    json_string(j, r->name);
    json_key(j, "type");
    json_string(j, r->type);
    json_key(j, "primary");
    json_bool(j, r->is_primary);
}

static void put_count(struct json_out *j, int64_t n)
{
    if (n < 0)
        json_null(j);
    else
        json_int(j, n);
}

static void put_preparing(struct json_out *j, struct request *rq, const struct result *r)
{
    enum format format;
    int64_t done;
    if (r->table.rows < 0 || !making_progress(&api_app(rq)->core, r->pk, &format, &done)) {
        json_null(j);
        return;
    }
    json_begin_object(j);
    json_key(j, "format");
    json_string(j, format_words[format].name);
    json_key(j, "rows_done");
    json_int(j, done);
    json_key(j, "rows");
    json_int(j, r->table.rows);
    json_end_object(j);
}

static void put_table(struct json_out *j, struct request *rq, const struct result *r)
{
    json_key(j, "formats");
    json_begin_array(j);
    for (int f = 0; f < FORMAT_END; f++)
        if (r->table.formats & 1U << f)
            json_string(j, format_words[f].name);
    json_end_array(j);
    json_key(j, "unavailable");
    put_text_or_null(j, r->table.unavailable);
    json_key(j, "preparing");
    put_preparing(j, rq, r);
    json_key(j, "rows");
    put_count(j, r->table.rows);
    json_key(j, "columns");
    put_count(j, r->table.columns);
}

static void put_bytes(struct json_out *j, struct request *rq, const struct result *r)
{
    json_key(j, "media_type");
    json_string(j, r->media_type);
    json_key(j, "size");
    json_int(j, r->size);
    json_key(j, "md5");
    json_string(j, r->digests.md5);
    json_key(j, "sha256");
    json_string(j, r->digests.sha256);
    json_key(j, "state");
    json_string(j, result_state_names[r->state]);
    put_table(j, rq, r);
    json_key(j, "storage");
    json_string(j, r->storage ? r->storage_name : STORAGE_OWN);
    json_key(j, "url");
    json_string(
        j, r->storage ? storage_url_of(&rq->arena, r)
                      : arena_printf(&rq->arena, "%s" NATIVE "/results/%s/content", api_base_url(rq), r->id));
}

static void put_life(struct json_out *j, const struct result *r)
{
    json_key(j, "creator");
    json_string(j, r->creator_name);
    json_key(j, "downloads");
    json_int(j, r->downloads);
    json_key(j, "downloaded_at");
    json_time(j, r->downloaded_at);
    json_key(j, "created_at");
    json_time(j, r->created_at);
    json_key(j, "consumed_at");
    json_time(j, r->consumed_at);
    json_key(j, "expires_at");
    json_time(j, r->expires_at);
    json_key(j, "expired_at");
    json_time(j, r->expired_at);
    json_key(j, "deleted_at");
    json_time(j, r->deleted_at);
    json_key(j, "keep");
    json_bool(j, r->keep);
}

void native_put_result(struct json_out *j, struct request *rq, const struct result *r)
{
    json_begin_object(j);
    put_identity(j, rq, r);
    put_bytes(j, rq, r);
    put_life(j, r);
    json_end_object(j);
}

void native_put_batch(struct json_out *j, struct request *rq, const struct batch *b)
{
    json_begin_object(j);
    json_key(j, "id");
    json_string(j, b->id);
    json_key(j, "project");
    json_string(j, project_name(rq));
    json_key(j, "name");
    json_string(j, b->name);
    json_key(j, "description");
    json_string(j, b->description);
    json_key(j, "created_at");
    json_time(j, b->created_at);
    json_key(j, "jobs");
    json_begin_object(j);
    for (int i = 0; i < JOB_STATUS_END; i++) {
        json_key(j, job_status_names[i]);
        json_int(j, b->jobs[i]);
    }
    json_end_object(j);
    json_end_object(j);
}

int native_send_job(struct request *rq, int status, const struct job *job)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    native_put_job(&j, rq, job);
    return native_send(rq, status, &j);
}

int native_send_result(struct request *rq, int status, const struct result *r)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    native_put_result(&j, rq, r);
    return native_send(rq, status, &j);
}
