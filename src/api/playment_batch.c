/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Playment's API: batches and their jobs, and what a project is about.
 *
 * Beside a batch of core stands a document: its name keeps the names of batches apart, as this API promises,
 * and it holds the label that the SDK sends.
 */
#include "api/playment.h"
#include "base/text.h"
#include "core/batch.h"
#include "core/document.h"
#include "core/job.h"

#include <string.h>

#define BATCH_KIND "playment.batch"

enum { JOBS_OF_PAGE = 100, BATCHES_OF_PAGE = 1000, LONGEST_NAME = 255, LONGEST_DESCRIPTION = 65536 };

struct batch_new {
    const char *name, *description, *label;
};

const struct json_field playment_batch_fields[] = {
    {"name", JSON_TO_STRING, offsetof(struct batch_new, name), true, 1, LONGEST_NAME,
     .about = "What it is called; unique among the batches made here."},
    {"description", JSON_TO_STRING, offsetof(struct batch_new, description), false, 0, LONGEST_DESCRIPTION,
     .about = "A text for people."},
    {"label", JSON_TO_STRING, offsetof(struct batch_new, label), false, 0, LONGEST_NAME,
     .about = "Comes back with the jobs of the batch."},
};

static int make_batch(struct request *rq, const struct batch_new *n, const char **ret_id, struct err *e)
{
    struct json_out label = {.buf = {.arena = &rq->arena}};
    struct batch *b = NULL;
    struct document *d = NULL;
    int rc = batch_create(api_session(rq), n->name, n->description, &b, e);
    if (rc < 0)
        return rc;
    json_string(&label, n->label);
    rc = document_create(api_session(rq), BATCH_KIND, n->name, b->id, buf_str(&label.buf), &d, e);
    if (rc == ERR_TAKEN)
        return err_at(e, ERR_TAKEN, ERR_POINTER, "/name", "a batch with this name already exists");
    *ret_id = b->id;
    return rc;
}

/* The document of the default batch, whose parent is the id of that batch; NULL: there is none yet. */
static int find_default(struct request *rq, const struct document **ret, struct err *e)
{
    struct document *d = NULL;
    int rc = document_by_name(api_session(rq), BATCH_KIND, PLAYMENT_DEFAULT_BATCH, &d, e);
    *ret = rc == 0 ? d : NULL;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

int playment_default_batch(struct request *rq, const char **ret_id, struct err *e)
{
    static const struct batch_new usual = {PLAYMENT_DEFAULT_BATCH, "", NULL};
    const struct document *d = NULL;
    int rc = find_default(rq, &d, e);
    if (rc < 0)
        return rc;
    if (!d)
        return make_batch(rq, &usual, ret_id, e);
    *ret_id = d->parent;
    return 0;
}

int playment_create_batch(struct request *rq, struct err *e)
{
    struct batch_new n = {.description = ""};
    struct json_out j;
    const char *id = NULL;
    int rc = playment_check_project(rq, e);
    if (rc == 0)
        rc = api_read(rq, NULL, &n, e);
    if (rc == 0)
        rc = playment_check_text(n.name, "/name", e);
    if (rc == 0)
        rc = make_batch(rq, &n, &id, e);
    if (rc < 0)
        return rc;
    playment_begin(&j, rq);
    playment_put(&j, "batch_id", id);
    return playment_send(rq, 200, &j);
}

struct page_params {
    const char *token;
};

const struct param playment_page_params[] = {
    {"page_token", PARAM_TEXT, offsetof(struct page_params, token), 0, INT64_MAX,
     "The `next_page_token` of the page before; empty or absent for the first page."},
};

/* A token is the number of the last row before it; clients send an empty one for the first page. */
static int read_page(struct request *rq, struct page *ret, struct err *e)
{
    struct page_params p = {.token = NULL};
    int rc = api_read(rq, &p, NULL, e);
    if (rc < 0)
        return rc;
    if (!p.token || !*p.token || text_uint(p.token, strlen(p.token), &ret->before))
        return 0;
    return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "page_token",
                  "Invalid page_token: send the next_page_token of the page before, or leave it out");
}

/* Only where there is a next page: clients go on for as long as the member is there, whatever it says. */
static void put_next(struct json_out *j, struct request *rq, int64_t last)
{
    if (last)
        playment_put(j, "next_page_token", arena_printf(&rq->arena, "%lld", (long long)last));
}

static void put_job(struct json_out *j, const struct job *job, bool v0)
{
    json_begin_object(j);
    playment_put(j, "id", job->id);
    playment_put(j, "reference_id", job->reference_id);
    playment_put(j, "status", job_status_names[job->status]);
    playment_put_int(j, "frames", 1);
    playment_put_int(j, "annotations", job->status == JOB_COMPLETED ? 1 : 0);
    if (v0) {
        playment_put_int(j, "priority_weight", job->priority_weight);
        playment_put(j, "tag", job->tag);
        playment_put(j, "viewer_url", ""); /* there is no viewer */
    }
    json_end_object(j);
}

/* *ret_last: the last job shown if there are more behind it, else 0. */
static int put_jobs(struct json_out *j, struct request *rq, const struct batch *b, struct page page, bool v0,
                    int64_t *ret_last, struct err *e)
{
    struct job_filter filter = {.batch = b->pk, .oldest_first = true};
    struct job *job = NULL;
    int64_t last = 0;
    bool cut = false;
    int left = JOBS_OF_PAGE;
    page.limit = JOBS_OF_PAGE + 1;
    int rc = job_list(api_session(rq), &filter, &page, &job, &cut, e);
    if (rc < 0)
        return rc;
    for (; job && left > 0; job = job->next, left--) {
        put_job(j, job, v0);
        last = job->pk;
    }
    *ret_last = job || cut ? last : 0;
    return 0;
}

/* Where the client gave one. */
static int put_label(struct json_out *j, struct request *rq, const struct batch *b, struct err *e)
{
    struct page one = {.limit = 1};
    struct document *d = NULL;
    struct document_filter f = {.kind = BATCH_KIND, .parent = b->id};
    int rc = document_list(api_session(rq), &f, &one, &d, e);
    if (rc == 0 && d && strcmp(d->body, "null") != 0) {
        json_key(j, "label");
        json_raw(j, d->body, strlen(d->body));
    }
    return rc;
}

static int show(struct request *rq, bool v0, struct err *e)
{
    struct json_out j;
    struct page page = {.before = 0};
    struct batch *b = NULL;
    int64_t last = 0;
    int rc = playment_check_project(rq, e);
    if (rc == 0)
        rc = read_page(rq, &page, e);
    if (rc == 0)
        rc = batch_find(api_session(rq), rq->places[1], &b, e);
    if (rc < 0 || !b)
        return rc;
    playment_begin(&j, rq);
    playment_put(&j, "id", b->id);
    playment_put(&j, "project_id", api_session(rq)->actor.project_name);
    playment_put(&j, "name", b->name);
    rc = put_label(&j, rq, b, e);
    if (rc < 0)
        return rc;
    json_key(&j, "jobs");
    json_begin_array(&j);
    rc = put_jobs(&j, rq, b, page, v0, &last, e);
    json_end_array(&j);
    put_next(&j, rq, last);
    return rc < 0 ? rc : playment_send(rq, 200, &j);
}

int playment_batch_v0(struct request *rq, struct err *e)
{
    return show(rq, true, e);
}

int playment_batch_v1(struct request *rq, struct err *e)
{
    return show(rq, false, e);
}

struct listing {
    struct json_out j;
    const struct document *usual; /* of the default batch, or NULL */
    int left;                     /* of the page */
    int64_t last;
    bool more;
};

static int put_batch(void *ctx, const struct batch *b, struct err *e)
{
    struct listing *l = ctx;
    const int64_t *of = b->jobs;
    bool open = of[JOB_QUEUED] + of[JOB_RUNNING] > 0;
    int64_t jobs = of[JOB_QUEUED] + of[JOB_RUNNING] + of[JOB_COMPLETED] + of[JOB_FAILED] + of[JOB_CANCELLED];
    (void)e;
    l->more = l->left-- == 0;
    if (l->more)
        return 0;
    json_begin_object(&l->j);
    playment_put(&l->j, "id", b->id);
    playment_put(&l->j, "name", b->name);
    playment_put(&l->j, "description", b->description);
    json_key(&l->j, "is_default");
    json_bool(&l->j, l->usual && strcmp(l->usual->parent, b->id) == 0);
    playment_put_counts(&l->j, jobs, of[JOB_COMPLETED]);
    json_key(&l->j, "created_at");
    json_time(&l->j, b->created_at);
    playment_put(&l->j, "status", jobs && !open ? "Complete" : "In Progress");
    json_end_object(&l->j);
    l->last = b->pk;
    return 0;
}

/* The name, and of what kind the data are, which nobody here knows. */
static void put_project(struct json_out *j, struct request *rq)
{
    playment_put(j, "name", api_session(rq)->actor.project_name);
    playment_put(j, "base", "");
}

int playment_details(struct request *rq, struct err *e)
{
    struct listing l = {.left = BATCHES_OF_PAGE};
    struct page page = {.limit = BATCHES_OF_PAGE + 1};
    int rc = playment_check_project(rq, e);
    if (rc == 0)
        rc = read_page(rq, &page, e);
    if (rc == 0)
        rc = find_default(rq, &l.usual, e);
    if (rc < 0)
        return rc;
    playment_begin(&l.j, rq);
    put_project(&l.j, rq);
    json_key(&l.j, "batches");
    json_begin_array(&l.j);
    rc = batch_list(api_session(rq), true, &page, put_batch, &l, e);
    json_end_array(&l.j);
    put_next(&l.j, rq, l.more ? l.last : 0);
    return rc < 0 ? rc : playment_send(rq, 200, &l.j);
}

int playment_stats(struct request *rq, struct err *e)
{
    struct json_out j;
    int64_t of[JOB_STATUS_END] = {0};
    int64_t batches = 0;
    int64_t done = 0;
    int64_t jobs = 0;
    int rc = playment_check_project(rq, e);
    if (rc == 0)
        rc = batch_totals(api_session(rq), &batches, &done, e);
    if (rc == 0)
        rc = job_totals(api_session(rq), of, e);
    if (rc < 0)
        return rc;
    for (int i = 0; i < JOB_STATUS_END; i++)
        jobs += of[i];
    playment_begin(&j, rq);
    put_project(&j, rq);
    playment_put_int(&j, "total_batches", batches);
    playment_put_int(&j, "completed_batches", done);
    playment_put_counts(&j, jobs, of[JOB_COMPLETED]);
    return playment_send(rq, 200, &j);
}
