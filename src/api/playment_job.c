/* SPDX-License-Identifier: Apache-2.0 */
/* Playment's API: jobs. */
#include "api/native.h"
#include "api/playment.h"
#include "core/job.h"

#include <string.h>

enum { LONGEST_TEXT = 255, SMALLEST_WEIGHT = 1, USUAL_WEIGHT = 5, LARGEST_WEIGHT = 10 };

/* The kind of a job that names neither work flow nor tag. */
#define ANY_WORK "playment"

struct submission {
    const char *reference_id, *work_flow_id, *tag, *batch_id;
    int64_t priority_weight;
    const struct json *data;
    const char *text; /* the whole body: what a worker gets as the job's input */
};

/* Old documents allow a weight of 10, newer ones end at 9. */
const struct json_field playment_job_fields[] = {
    {"reference_id", JSON_TO_STRING, offsetof(struct submission, reference_id), true, 1, LONGEST_TEXT,
     .about = "Your own name for it, unique in the project."},
    {"work_flow_id", JSON_TO_STRING, offsetof(struct submission, work_flow_id), false, 0, LONGEST_TEXT,
     .about = "What is to be done: workers take jobs by it. Without it `tag` is, or else `playment`."},
    {"tag", JSON_TO_STRING, offsetof(struct submission, tag), false, 0, LONGEST_TEXT,
     .about = "A word to list jobs by; without it `work_flow_id` is."},
    {"batch_id", JSON_TO_STRING, offsetof(struct submission, batch_id), false, 0, LONGEST_TEXT,
     .about = "The batch that it goes to; without it the one named `" PLAYMENT_DEFAULT_BATCH "`."},
    {"priority_weight", JSON_TO_INT, offsetof(struct submission, priority_weight), false, SMALLEST_WEIGHT,
     LARGEST_WEIGHT, .about = "The highest is worked on first (5)."},
    {"data", JSON_TO_OBJECT, offsetof(struct submission, data), true, 0, 0, true,
     .about = "What the worker needs to know: any object. It is never repeated in an answer."},
};

static const char *filled(const char *text)
{
    return text && *text ? text : NULL;
}

static int read_submission(struct request *rq, struct submission *s, struct err *e)
{
    const struct json *body = NULL;
    int rc = api_parse_fields(rq, false, playment_job_fields, API_COUNT(playment_job_fields), &body, e);
    if (rc == 0)
        rc = json_read_known(body, playment_job_fields, API_COUNT(playment_job_fields), s, e);
    if (rc == 0)
        rc = playment_check_text(s->reference_id, "/reference_id", e);
    if (rc == 0)
        rc = playment_check_text(s->work_flow_id, "/work_flow_id", e);
    if (rc == 0)
        rc = playment_check_text(s->tag, "/tag", e);
    if (rc < 0)
        return rc;
    s->text = arena_copy(&rq->arena, body->raw, body->raw_len);
    s->work_flow_id = filled(s->work_flow_id);
    s->tag = filled(s->tag);
    s->batch_id = filled(s->batch_id);
    return 0;
}

/* "tag is the workflow_id for the job": where only one of them is sent it is both. */
static int submit(struct request *rq, const struct submission *s, struct job **ret, struct err *e)
{
    const char *work = s->work_flow_id ? s->work_flow_id : s->tag;
    struct job_new n = {
        .kind = work ? work : ANY_WORK,
        .batch = s->batch_id,
        .reference_id = s->reference_id,
        .tag = s->tag ? s->tag : work,
        .priority_weight = s->priority_weight,
        .input = s->text,
    };
    int rc = n.batch ? 0 : playment_default_batch(rq, &n.batch, e);
    if (rc == 0)
        rc = job_create(api_session(rq), &n, ret, e);
    if (rc == ERR_TAKEN)
        return err_at(e, ERR_TAKEN, ERR_POINTER, "/reference_id",
                      "Duplicate reference_id: another job of this project has it already");
    if (rc == ERR_BAD_REFERENCE)
        return err_at(e, ERR_BAD_REFERENCE, ERR_POINTER, "/batch_id", "there is no batch with this batch_id");
    return rc;
}

static int create(struct request *rq, bool v1, struct err *e)
{
    struct submission s = {.priority_weight = USUAL_WEIGHT};
    struct json_out j;
    struct job *job = NULL;
    int rc = playment_check_project(rq, e);
    if (rc == 0)
        rc = read_submission(rq, &s, e);
    if (rc == 0)
        rc = submit(rq, &s, &job, e);
    if (rc < 0 || !job)
        return rc;
    playment_begin(&j, rq);
    playment_put(&j, "job_id", job->id);
    playment_put(&j, "reference_id", job->reference_id);
    playment_put(&j, v1 ? "work_flow_id" : "tag", v1 ? job->kind : job->tag);
    return playment_send(rq, 200, &j);
}

int playment_create_job_v0(struct request *rq, struct err *e)
{
    return create(rq, false, e);
}

int playment_create_job_v1(struct request *rq, struct err *e)
{
    return create(rq, true, e);
}

/* "" until there is one. The key opens this address, and /v1/attachments?url= takes it. */
static const char *result_url(struct request *rq, const struct job *job)
{
    const struct result *r = job->status == JOB_COMPLETED ? job_primary(job) : NULL;
    if (!r)
        return "";
    return arena_printf(&rq->arena, "%s" NATIVE "/results/%s/content", api_base_url(rq), r->id);
}

static void put_job(struct json_out *j, struct request *rq, const struct job *job, bool v1)
{
    playment_put(j, "project_id", api_session(rq)->actor.project_name);
    playment_put(j, "reference_id", job->reference_id);
    playment_put(j, "job_id", job->id);
    playment_put(j, "batch_id", job->batch_id);
    playment_put(j, "status", job_status_names[job->status]);
    if (v1)
        playment_put(j, "work_flow_id", job->kind);
    playment_put_int(j, "priority_weight", job->priority_weight);
    playment_put(j, "tag", job->tag);
    playment_put(j, "result", result_url(rq, job));
    if (job->error) { /* {code, message}: core has written it */
        json_key(j, "error");
        json_raw(j, job->error, strlen(job->error));
    }
}

static int show(struct request *rq, bool v1, struct err *e)
{
    struct json_out j;
    struct job *job = NULL;
    int rc = playment_check_project(rq, e);
    if (rc < 0)
        return rc;
    rc = job_get(api_session(rq), rq->places[1], &job, e);
    if (rc == ERR_NOT_FOUND || (rc == 0 && job->deleted_at))
        return err_at(e, ERR_NOT_FOUND, ERR_PARAMETER, "job_id", "there is no job with this id");
    if (rc < 0)
        return rc;
    playment_begin(&j, rq);
    put_job(&j, rq, job, v1);
    return playment_send(rq, 200, &j);
}

int playment_job_v0(struct request *rq, struct err *e)
{
    return show(rq, false, e);
}

int playment_job_v1(struct request *rq, struct err *e)
{
    return show(rq, true, e);
}
