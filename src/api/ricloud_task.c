/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud: tasks. A task is a job. What workers find in its input is what a task shows of itself:
 *
 *   {"poll","key","user","source":{"id","user","type","identifier"},"session","subscription","type","target",
 *    "payload"}
 *
 * Jobs that were made otherwise are tasks, too; their kind is their type, and most members are null.
 */
#include "api/ricloud.h"

#include "core/batch.h"
#include "core/job.h"

#include <string.h>

enum { PRIORITY = 5, LONGEST_TYPE = 200 };

static const char *const state_words[JOB_STATUS_END] = {
    [JOB_QUEUED] = "pending", [JOB_RUNNING] = "processing", [JOB_COMPLETED] = "succeeded",
    [JOB_FAILED] = "failed",  [JOB_CANCELLED] = "failed",
};

const struct ricloud_targets ricloud_targets[] = {
    {"info_types", "info_type"},
    {"data_types", "data_type"},
    {"files", "file"},
    {"file_ids", "file"}, /* as older clients call them */
    {NULL, NULL},
};

/* --- making one --- */

static void put_payload(struct json_out *j, const struct ricloud_order *o)
{
    json_begin_object(j);
    for (const struct json *m = o->payload ? o->payload->first : NULL; m; m = m->next) {
        bool is_target = false;
        for (const struct ricloud_targets *t = ricloud_targets; o->without_targets && t->member; t++)
            is_target = is_target || strcmp(m->key, t->member) == 0;
        if (is_target)
            continue;
        struct json_out key = {.buf = {.arena = j->buf.arena}};
        json_string_len(&key, m->key, m->key_len);
        if (j->comma)
            buf_putc(&j->buf, ',');
        buf_add(&j->buf, key.buf.bytes, key.buf.len);
        buf_putc(&j->buf, ':');
        buf_add(&j->buf, m->raw, m->raw_len);
        j->comma = true;
    }
    json_end_object(j);
}

static void put_source(struct json_out *j, struct request *rq, const struct document *source)
{
    json_key(j, "source");
    if (!source) {
        json_null(j);
        return;
    }
    json_begin_object(j);
    ricloud_put(j, "id", source->id);
    ricloud_put(j, "user", ricloud_text(rq, source, "user"));
    ricloud_put(j, "type", ricloud_text(rq, source, "type"));
    ricloud_put(j, "identifier", ricloud_text(rq, source, "identifier"));
    json_end_object(j);
}

static const char *input_of(struct request *rq, const struct ricloud_order *o)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    ricloud_put(&j, "poll", o->poll);
    ricloud_put(&j, "key", api_session(rq)->actor.public_id);
    ricloud_put(&j, "user", o->user);
    put_source(&j, rq, o->source);
    ricloud_put(&j, "session", o->session);
    ricloud_put(&j, "subscription", o->subscription);
    ricloud_put(&j, "type", o->type);
    ricloud_put(&j, "target", o->target);
    json_key(&j, "payload");
    put_payload(&j, o);
    json_end_object(&j);
    return buf_str(&j.buf);
}

int ricloud_make_task(struct request *rq, const struct ricloud_order *o, struct job **ret, struct err *e)
{
    struct job_new n = {
        .kind = arena_printf(&rq->arena, RICLOUD_JOB "%s", o->type),
        .batch = o->poll,
        .priority_weight = PRIORITY,
        .input = input_of(rq, o),
        .storage = o->storage ? o->storage->name : NULL,
    };
    return job_create(api_session(rq), &n, ret, e);
}

/* --- on whose behalf --- */

static int follow(struct request *rq, const char *kind, const char *id, struct document **ret, struct err *e)
{
    return id && !*ret ? document_get(api_session(rq), kind, id, ret, e) : 0;
}

static int check_subscription(struct request *rq, const struct document *d, struct err *e)
{
    if (d && strcmp(ricloud_text(rq, d, "state"), "deleted") == 0)
        return err_at(e, ERR_WRONG_STATE, ERR_POINTER, "/subscription", "this subscription was deleted");
    return 0;
}

/* Where results go: what the body says, or else the subscription. */
static int read_storage(struct request *rq, const struct json *value, const struct document *subscription,
                        struct ricloud_order *ret, struct err *e)
{
    const struct json *words = NULL;
    int rc = ricloud_read_storage(rq, value, &ret->storage, e);
    if (rc < 0 || ret->storage || !subscription)
        return rc;
    rc = ricloud_parse(rq, subscription, &words, e);
    if (rc == 0)
        rc = ricloud_read_storage(rq, json_member(words, "storage_config"), &ret->storage, e);
    if (rc == ERR_BAD_REFERENCE)
        return err_at(e, rc, ERR_POINTER, "/subscription",
                      "the storage config of this subscription was deleted");
    return rc;
}

int ricloud_read_order(struct request *rq, const struct ricloud_references *sent, struct ricloud_order *ret,
                       struct document **ret_subscription, struct err *e)
{
    struct document *subscription = NULL;
    struct document *session = NULL;
    struct document *source = NULL;
    int rc = ricloud_refer(rq, sent->subscription, "subscription", RICLOUD_SUBSCRIPTION, &subscription, e);
    if (rc >= 0)
        rc = check_subscription(rq, subscription, e);
    if (rc >= 0)
        rc = ricloud_refer(rq, sent->session, "session", RICLOUD_SESSION, &session, e);
    if (rc >= 0)
        rc = ricloud_refer(rq, sent->source, "source", RICLOUD_SOURCE, &source, e);
    if (rc >= 0 && subscription)
        rc = follow(rq, RICLOUD_SOURCE, ricloud_text(rq, subscription, "source"), &source, e);
    if (rc >= 0 && subscription)
        rc = follow(rq, RICLOUD_SESSION, ricloud_text(rq, subscription, "session"), &session, e);
    if (rc >= 0 && session)
        rc = follow(rq, RICLOUD_SOURCE, ricloud_text(rq, session, "_source"), &source, e);
    if (rc >= 0)
        rc = read_storage(rq, sent->storage_config, subscription, ret, e);
    if (rc < 0)
        return rc;
    ret->subscription = subscription ? subscription->id : NULL;
    ret->session = session ? session->id : NULL;
    ret->source = source;
    ret->user = source ? ricloud_text(rq, source, "user") : NULL;
    *ret_subscription = subscription;
    return 0;
}

/* --- showing one --- */

static const char *text_of(const struct json *input, const char *member)
{
    const struct json *value = input ? json_member(input, member) : NULL;
    return value && value->type == JSON_STRING ? value->string : NULL;
}

static bool is_own(const char *kind)
{
    return strncmp(kind, RICLOUD_JOB, strlen(RICLOUD_JOB)) == 0;
}

/* What a job's input says; NULL: it is none of this API's. */
static const struct json *read_input(struct request *rq, const struct job *j)
{
    const struct json *input = NULL;
    struct document text = {.body = j->input};
    struct err unused;
    return is_own(j->kind) && j->input && ricloud_parse(rq, &text, &input, &unused) == 0 ? input : NULL;
}

static const char *error_of(struct request *rq, const struct job *j)
{
    const struct json *error = NULL;
    struct document text = {.body = j->error};
    struct err unused;
    if (j->status == JOB_CANCELLED)
        return "cancelled";
    if (!j->error || ricloud_parse(rq, &text, &error, &unused) < 0)
        return NULL;
    return text_of(error, "code");
}

static int put_task_results(struct json_out *j, struct request *rq, const struct job *job, struct err *e)
{
    struct result_filter of = {.job = job->pk};
    json_key(j, "results");
    if (job->results)
        return ricloud_put_results(j, rq, "task", job->id, &of, e);
    ricloud_begin_list(j); /* without a look at the database */
    ricloud_end_list(j, rq, false, 0, arena_printf(&rq->arena, "/results?task=%s", job->id));
    return 0;
}

int ricloud_put_task(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    const struct job *job = row;
    const struct json *input = read_input(rq, job);
    const struct json *source = input ? json_member(input, "source") : NULL;
    ricloud_begin(j, rq, "task", job->id);
    ricloud_put(j, "key", text_of(input, "key"));
    ricloud_put(j, "user", text_of(input, "user"));
    ricloud_put(j, "source", text_of(source, "id"));
    ricloud_put(j, "session", text_of(input, "session"));
    ricloud_put(j, "poll", job->batch_id);
    ricloud_put(j, "source_type", text_of(source, "type"));
    ricloud_put(j, "type", is_own(job->kind) ? job->kind + strlen(RICLOUD_JOB) : job->kind);
    ricloud_put(j, "target", text_of(input, "target"));
    ricloud_put(j, "state", state_words[job->status]);
    int rc = put_task_results(j, rq, job, e);
    ricloud_put(j, "error", error_of(rq, job));
    json_key(j, "date_created");
    json_time(j, job->created_at);
    json_key(j, "date_started");
    json_time(j, job->started_at);
    json_key(j, "date_completed");
    json_time(j, job->finished_at);
    json_end_object(j);
    return rc;
}

/* --- handlers --- */

int ricloud_task_get(struct request *rq, struct err *e)
{
    struct job *j = NULL;
    int rc = job_get(api_session(rq), rq->places[0], &j, e);
    if (rc == 0 && j->deleted_at)
        rc = err_set(e, ERR_NOT_FOUND, "there is no such task");
    if (rc == 0)
        rc = ricloud_await(rq, !job_is_open(j), e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return ricloud_send(rq, rq->method == HTTP_POST ? 201 : 200, ricloud_put_task, j, e);
}

static int check_type(const char *type, struct err *e)
{
    if (strspn(type, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(type))
        return 0;
    return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/type",
                  "\"type\" must be of letters, digits, '_', '.' and '-' only");
}

struct body {
    struct ricloud_order order;
    struct ricloud_references sent;
};

const struct json_field ricloud_task_fields[8] = {
    {"type", JSON_TO_STRING, offsetof(struct body, order.type), true, 1, LONGEST_TYPE,
     .about = "What kind of work: letters, digits, `_`, `.` and `-`. Its job is of the kind `ricloud.TYPE`."},
    {"target", JSON_TO_STRING, offsetof(struct body, order.target), false, 1, 4096,
     .about = "What it is to fetch."},
    {"poll", JSON_TO_STRING, offsetof(struct body, order.poll), false, 1, RICLOUD_LONGEST_TEXT,
     .about = "The id of the poll that it is part of."},
    {"payload", JSON_TO_OBJECT, offsetof(struct body, order.payload), false, 0, 0,
     .about = "Handed on to the worker."},
    RICLOUD_REFERENCE("session", struct body, sent.session, false, "The session to use."),
    RICLOUD_REFERENCE("source", struct body, sent.source, false, "Else that of the session."),
    RICLOUD_REFERENCE("subscription", struct body, sent.subscription, false,
                      "On whose account; it tells session, source and storage where they are not given."),
    RICLOUD_REFERENCE("storage_config", struct body, sent.storage_config, false, "Where results go."),
};

int ricloud_task_create(struct request *rq, struct err *e)
{
    struct body b = {.order.poll = NULL};
    struct ricloud_order *o = &b.order;
    struct document *subscription = NULL;
    struct job *j = NULL;
    int64_t unused;
    int rc = ricloud_check_await(rq, e);
    if (rc == 0)
        rc = api_read(rq, NULL, &b, e);
    if (rc == 0)
        rc = check_type(o->type, e);
    if (rc == 0)
        rc = ricloud_read_order(rq, &b.sent, o, &subscription, e);
    if (rc == 0 && o->poll)
        rc = batch_refer(api_session(rq), o->poll, ERR_POINTER, "/poll", &unused, e);
    if (rc == 0)
        rc = ricloud_make_task(rq, o, &j, e);
    if (rc < 0 || !j)
        return rc;
    rq->places[0] = j->id;
    rq->then = ricloud_task_get;
    return 0;
}

struct query {
    struct ricloud_query common;
    struct job_filter filter;
};

static int place(struct request *rq, const char *kind, const char *id, int64_t *ret, struct err *e)
{
    struct job *j = NULL;
    (void)kind;
    int rc = job_get(api_session(rq), id, &j, e);
    if (rc == 0)
        *ret = j->pk;
    return rc;
}

/* No job is ever suspended, so a list of those is empty. */
static int read_state(struct request *rq, struct query *q, struct err *e)
{
    const char *state = request_query(rq, "state");
    if (!state)
        return 0;
    if (strcmp(state, "suspended") == 0) {
        q->common.empty = true;
        return 0;
    }
    int status = store_word(state_words, JOB_CANCELLED, state);
    if (status < 0)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "state",
                      "state must be one of: pending, processing, suspended, succeeded, failed");
    q->filter.status = job_status_names[status];
    q->filter.or_status = status == JOB_FAILED ? job_status_names[JOB_CANCELLED] : NULL;
    return 0;
}

static int read_query(struct request *rq, struct query *q, struct err *e)
{
    const char *poll = request_query(rq, "poll");
    const char *type = request_query(rq, "type");
    int rc = ricloud_read_query(rq, place, NULL, ricloud_poll_labels, &q->common, e);
    if (rc < 0)
        return rc;
    q->filter = (struct job_filter){.kind = type ? arena_printf(&rq->arena, RICLOUD_JOB "%s", type) : NULL,
                                    .or_kind = type && !is_own(type) ? type : NULL,
                                    .created_after = q->common.since,
                                    .labels = ricloud_labels(&q->common),
                                    .oldest_first = !q->common.newest_first};
    rc = read_state(rq, q, e);
    if (rc == 0 && poll)
        rc = batch_refer(api_session(rq), poll, ERR_PARAMETER, "poll", &q->filter.batch, e);
    if (rc == ERR_BAD_REFERENCE) {
        q->common.empty = true;
        rc = 0;
    }
    return rc;
}

int ricloud_task_list(struct request *rq, struct err *e)
{
    struct ricloud_rows *rows = arena_alloc(&rq->arena, sizeof *rows);
    struct job *j = NULL;
    struct query q;
    int64_t total = 0;
    int rc = read_query(rq, &q, e);
    if (rc == 0 && !q.common.empty)
        rc = job_list(api_session(rq), &q.filter, &q.common.page, &j, &rows->more, e);
    if (rc == 0 && !q.common.empty)
        rc = job_count(api_session(rq), &q.filter, &total, e);
    for (; rc == 0 && j; j = j->next)
        ricloud_take(rows, &q.common, j);
    return rc < 0 ? rc : ricloud_send_list(rq, &q.common, rows, ricloud_put_task, total, "/tasks", e);
}
