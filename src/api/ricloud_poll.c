/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud: polls. A poll is a batch, its tasks are the batch's jobs: one for each info type, data type and
 * file that the payload names, so that each can be worked on, fail and be looked at by itself; one for the
 * whole where it names none. What core has no place for is a document named after the batch, and labels.
 */
#include "api/ricloud.h"

#include "core/batch.h"
#include "core/job.h"

#include <string.h>

enum { MOST_TASKS = 1000, LONGEST_TARGET = 4096 };

const char *const ricloud_requestors[2] = {"key", "subscription"};

/* --- making one --- */

struct order {
    struct ricloud_order common;
    struct ricloud_references sent;
    const char *requestor;
    int64_t tasks;
};

/* The names are those of ricloud_targets; an item is a text of LONGEST_TARGET at most. */
#define TARGETS(name, text)                                                                                  \
    {                                                                                                        \
        name, JSON_TO_STRINGS, 0, false, 0, MOST_TASKS, .about = (text)                                      \
    }
static const struct json_field payload_fields[] = {
    TARGETS("info_types", "Kinds of information to fetch. Each is a task."),
    TARGETS("data_types", "Kinds of data to fetch. Each is a task."),
    TARGETS("files", "Files to fetch. Each is a task."),
    TARGETS("file_ids", "An older name of `files`."),
};

const struct json_field ricloud_poll_fields[6] = {
    {"payload", JSON_TO_OBJECT, offsetof(struct order, common.payload), false, 0, 0,
     .about = "What to fetch; else that of the subscription. Other members are handed on to workers.",
     .members = payload_fields, .member_count = API_COUNT(payload_fields)},
    {"requestor", JSON_TO_STRING, offsetof(struct order, requestor), false, 1, RICLOUD_LONGEST_TEXT,
     .about = "Who wants it: whoever asks (`key`), or a subscription whose time has come.",
     .words = ricloud_requestors, .word_count = API_COUNT(ricloud_requestors)},
    RICLOUD_REFERENCE("session", struct order, sent.session, false, "The session to use."),
    RICLOUD_REFERENCE("source", struct order, sent.source, false, "Else that of the session."),
    RICLOUD_REFERENCE("subscription", struct order, sent.subscription, false,
                      "On whose account; it tells session, payload and storage where they are not given."),
    RICLOUD_REFERENCE("storage_config", struct order, sent.storage_config, false, "Where results go."),
};

static int take_payload(struct request *rq, const struct document *subscription, struct order *o,
                        struct err *e)
{
    const struct json *words = NULL;
    if (o->common.payload || !subscription)
        return 0;
    int rc = ricloud_parse(rq, subscription, &words, e);
    if (rc == 0)
        o->common.payload = json_member(words, "poll_payload");
    return rc;
}

static int check_target(struct request *rq, const char *member, const struct json *target, struct err *e)
{
    if (target->type == JSON_STRING && target->string_len > 0 && target->string_len <= LONGEST_TARGET &&
        strlen(target->string) == target->string_len)
        return 0;
    return err_at(e, ERR_BAD_VALUE, ERR_POINTER, arena_printf(&rq->arena, "/payload/%s", member),
                  "each of \"%s\" must be a string of 1 to %d bytes", member, LONGEST_TARGET);
}

static int check_targets(struct request *rq, struct order *o, struct err *e)
{
    for (const struct ricloud_targets *t = ricloud_targets; t->member; t++) {
        const struct json *list = o->common.payload ? json_member(o->common.payload, t->member) : NULL;
        if (!list || list->type == JSON_NULL)
            continue;
        if (list->type != JSON_ARRAY)
            return err_at(e, ERR_BAD_VALUE, ERR_POINTER, arena_printf(&rq->arena, "/payload/%s", t->member),
                          "\"%s\" must be an array of strings", t->member);
        for (const struct json *target = list->first; target; target = target->next, o->tasks++) {
            int rc = check_target(rq, t->member, target, e);
            if (rc < 0)
                return rc;
        }
    }
    if (o->tasks > MOST_TASKS)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/payload", "a poll may ask for at most %d things",
                      MOST_TASKS);
    return 0;
}

static int read_order(struct request *rq, struct order *o, struct err *e)
{
    struct document *subscription = NULL;
    int rc = ricloud_check_await(rq, e);
    if (rc == 0)
        rc = api_read(rq, NULL, o, e);
    if (rc == 0)
        rc = ricloud_read_order(rq, &o->sent, &o->common, &subscription, e);
    if (rc == 0)
        rc = take_payload(rq, subscription, o, e);
    return rc < 0 ? rc : check_targets(rq, o, e);
}

static int store_words(struct request *rq, const struct order *o, struct err *e)
{
    const struct ricloud_order *c = &o->common;
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct document *unused = NULL;
    json_begin_object(&j);
    ricloud_put(&j, "key", api_session(rq)->actor.public_id);
    ricloud_put(&j, "user", c->user);
    ricloud_put(&j, "source", c->source ? c->source->id : NULL);
    ricloud_put(&j, "session", c->session);
    ricloud_put(&j, "subscription", c->subscription);
    ricloud_put(&j, "requestor", o->requestor);
    json_key(&j, "payload");
    if (c->payload)
        json_raw(&j, c->payload->raw, c->payload->raw_len);
    else
        json_null(&j);
    json_end_object(&j);
    return document_create(api_session(rq), RICLOUD_POLL, c->poll, NULL, buf_str(&j.buf), &unused, e);
}

static int label_poll(struct request *rq, const struct order *o, struct err *e)
{
    const struct ricloud_order *c = &o->common;
    const struct {
        const char *what, *value;
    } labels[] = {{"user", c->user},
                  {"source", c->source ? c->source->id : NULL},
                  {"session", c->session},
                  {"subscription", c->subscription},
                  {"requestor", o->requestor}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < API_COUNT(labels); i++)
        rc = ricloud_label(rq, c->poll, labels[i].what, labels[i].value, e);
    return rc;
}

static int make_tasks(struct request *rq, struct order *o, struct err *e)
{
    struct job *unused = NULL;
    int rc = 0;
    o->common.without_targets = o->tasks > 0;
    for (const struct ricloud_targets *t = ricloud_targets; rc == 0 && o->tasks > 0 && t->member; t++) {
        const struct json *list = json_member(o->common.payload, t->member);
        o->common.type = t->type;
        for (const struct json *target = list ? list->first : NULL; rc == 0 && target;
             target = target->next) {
            o->common.target = target->string;
            rc = ricloud_make_task(rq, &o->common, &unused, e);
        }
    }
    if (o->tasks == 0) {
        o->common.type = "poll";
        rc = ricloud_make_task(rq, &o->common, &unused, e);
    }
    return rc;
}

int ricloud_poll_create(struct request *rq, struct err *e)
{
    struct order o = {.requestor = ricloud_requestors[0]};
    struct batch *b = NULL;
    int rc = read_order(rq, &o, e);
    if (rc == 0)
        rc = batch_create(api_session(rq), "poll", "", &b, e);
    if (rc < 0 || !b)
        return rc;
    o.common.poll = b->id;
    rc = store_words(rq, &o, e);
    if (rc == 0)
        rc = label_poll(rq, &o, e);
    if (rc == 0)
        rc = make_tasks(rq, &o, e);
    if (rc < 0)
        return rc;
    rq->places[0] = b->id;
    rq->then = ricloud_poll_get;
    return 0;
}

/* --- showing one --- */

static int64_t ended(const struct batch *b)
{
    return b->jobs[JOB_COMPLETED] + b->jobs[JOB_FAILED] + b->jobs[JOB_CANCELLED];
}

static int64_t jobs_of(const struct batch *b)
{
    return b->jobs[JOB_QUEUED] + b->jobs[JOB_RUNNING] + ended(b);
}

/* A batch without jobs that was made as a poll had some, which have been deleted since; any other is to get
 * some. */
static int look_whether_complete(struct request *rq, const struct batch *b, bool *ret, struct err *e)
{
    struct document *d = NULL;
    *ret = ended(b) == jobs_of(b);
    if (jobs_of(b) > 0)
        return 0;
    int rc = document_by_name(api_session(rq), RICLOUD_POLL, b->id, &d, e);
    *ret = rc == 0;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

static const char *state_of(const struct batch *b, bool complete)
{
    if (complete)
        return "completed";
    return b->jobs[JOB_QUEUED] == jobs_of(b) ? "pending" : "processing";
}

static void put_tasks(struct json_out *j, const char *key, const struct job *jobs, enum job_status status,
                      enum job_status or_status)
{
    json_key(j, key);
    json_begin_array(j);
    for (; jobs; jobs = jobs->next)
        if (jobs->status == status || jobs->status == or_status)
            json_string(j, jobs->id);
    json_end_array(j);
}

static void put_error(struct json_out *j, struct request *rq, const struct job *job)
{
    struct document text = {.body = job->error ? job->error : "{\"code\":\"cancelled\"}"};
    const struct json *error = NULL;
    struct err unused;
    const char *const members[] = {"code", "message"};
    json_begin_object(j);
    ricloud_put(j, "resource", "error");
    ricloud_put(j, "task", job->id);
    if (ricloud_parse(rq, &text, &error, &unused) < 0)
        error = NULL;
    for (size_t i = 0; i < API_COUNT(members); i++) {
        const struct json *value = error ? json_member(error, members[i]) : NULL;
        ricloud_put(j, members[i], value && value->type == JSON_STRING ? value->string : NULL);
    }
    json_end_object(j);
}

/* The client knows no class for errors and would fail on a list that says it is one: this one does not. */
static void put_errors(struct json_out *j, struct request *rq, const struct batch *b, const struct job *jobs)
{
    int64_t count = 0;
    int64_t total = b->jobs[JOB_FAILED] + b->jobs[JOB_CANCELLED];
    json_key(j, "errors");
    json_begin_object(j);
    json_key(j, "data");
    json_begin_array(j);
    for (; jobs; jobs = jobs->next)
        if (jobs->status == JOB_FAILED || jobs->status == JOB_CANCELLED) {
            put_error(j, rq, jobs);
            count++;
        }
    ricloud_end_list(j, rq, count < total, total,
                     arena_printf(&rq->arena, "/tasks?poll=%s&state=failed", b->id));
}

static void put_times(struct json_out *j, const struct batch *b, const struct job *jobs, bool complete)
{
    int64_t started = 0;
    int64_t completed = 0;
    for (; jobs; jobs = jobs->next) {
        if (jobs->started_at && (!started || jobs->started_at < started))
            started = jobs->started_at;
        if (jobs->finished_at > completed)
            completed = jobs->finished_at;
    }
    json_key(j, "date_created");
    json_time(j, b->created_at);
    json_key(j, "date_started");
    json_time(j, started);
    json_key(j, "date_completed");
    json_time(j, complete ? completed : 0);
}

/* What was said when it was made; of a batch that was made otherwise nothing is known. */
static int put_words(struct json_out *j, struct request *rq, const struct batch *b, struct err *e)
{
    static const char *const members[] = {"key",          "user",      "source", "session",
                                          "subscription", "requestor", "payload"};
    const struct json *words = NULL;
    struct document *d = NULL;
    int rc = document_by_name(api_session(rq), RICLOUD_POLL, b->id, &d, e);
    if (rc == 0)
        rc = ricloud_parse(rq, d, &words, e);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    for (size_t i = 0; i < API_COUNT(members); i++) {
        const struct json *value = words ? json_member(words, members[i]) : NULL;
        json_key(j, members[i]);
        json_raw(j, value ? value->raw : "null", value ? value->raw_len : strlen("null"));
    }
    return 0;
}

int ricloud_put_poll(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    const struct batch *b = row;
    struct job_filter f = {.batch = b->pk, .oldest_first = true};
    struct result_filter of = {.batch = b->pk};
    struct page page = {.limit = MOST_TASKS};
    struct job *jobs = NULL;
    bool unused;
    bool complete;
    int rc = look_whether_complete(rq, b, &complete, e);
    if (rc == 0)
        rc = job_list(api_session(rq), &f, &page, &jobs, &unused, e);
    if (rc < 0)
        return rc;
    ricloud_begin(j, rq, "poll", b->id);
    rc = put_words(j, rq, b, e);
    if (rc < 0)
        return rc;
    put_tasks(j, "tasks_pending", jobs, JOB_QUEUED, JOB_QUEUED);
    put_tasks(j, "tasks_processing", jobs, JOB_RUNNING, JOB_RUNNING);
    put_tasks(j, "tasks_succeeded", jobs, JOB_COMPLETED, JOB_COMPLETED);
    put_tasks(j, "tasks_failed", jobs, JOB_FAILED, JOB_CANCELLED);
    put_tasks(j, "tasks_suspended", NULL, JOB_QUEUED, JOB_QUEUED);
    json_key(j, "results");
    rc = ricloud_put_results(j, rq, "poll", b->id, &of, e);
    put_errors(j, rq, b, jobs);
    ricloud_put(j, "state", state_of(b, complete));
    put_times(j, b, jobs, complete);
    json_end_object(j);
    return rc;
}

/* --- handlers --- */

int ricloud_poll_get(struct request *rq, struct err *e)
{
    struct batch *b = NULL;
    bool complete;
    int rc = batch_get(api_session(rq), rq->places[0], &b, e);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND, "there is no such poll");
    if (rc == 0)
        rc = look_whether_complete(rq, b, &complete, e);
    if (rc == 0)
        rc = ricloud_await(rq, complete, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return ricloud_send(rq, rq->method == HTTP_POST ? 201 : 200, ricloud_put_poll, b, e);
}

static int place(struct request *rq, const char *kind, const char *id, int64_t *ret, struct err *e)
{
    struct batch *b = NULL;
    (void)kind;
    int rc = batch_get(api_session(rq), id, &b, e);
    if (rc == 0)
        *ret = b->pk;
    return rc;
}

struct page_of_polls {
    struct request *rq;
    const struct ricloud_query *q;
    struct ricloud_rows rows;
};

static int take(void *ctx, const struct batch *b, struct err *e)
{
    struct page_of_polls *p = ctx;
    (void)e;
    ricloud_take(&p->rows, p->q, b); /* in the request's arena already */
    return 0;
}

int ricloud_poll_list(struct request *rq, struct err *e)
{
    struct page_of_polls *p = arena_alloc(&rq->arena, sizeof *p);
    struct ricloud_query q;
    int64_t total = 0;
    int rc = ricloud_read_query(rq, place, NULL, ricloud_poll_labels, &q, e);
    if (rc < 0)
        return rc;
    *p = (struct page_of_polls){.rq = rq, .q = &q};
    struct batch_filter f = {
        .labels = ricloud_labels(&q), .created_after = q.since, .oldest_first = !q.newest_first};
    rc = batch_select(api_session(rq), &f, &q.page, take, p, e);
    if (rc == 0)
        rc = batch_count(api_session(rq), &f, &total, e);
    return rc < 0 ? rc : ricloud_send_list(rq, &q, &p->rows, ricloud_put_poll, total, "/polls", e);
}
