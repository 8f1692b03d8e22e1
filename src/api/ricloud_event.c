/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud: events, read from the numbered record of what happened; `data` is what it happened to, as it is
 * now. They are not sent to anybody yet, so all of them are pending.
 */
#include "api/ricloud.h"

#include "base/text.h"
#include "core/batch.h"
#include "core/event.h"
#include "core/job.h"
#include "core/result.h"

#include <string.h>

/* The record's words in this API's; what is not here is not shown. */
static const struct {
    const char *core, *type, *action;
} words[] = {
    {"batch.created", "poll", "created"},      {"job.queued", "task", "created"},
    {"job.running", "task", "started"},        {"job.completed", "task", "succeeded"},
    {"job.failed", "task", "failed"},          {"job.cancelled", "task", "failed"},
    {"result.available", "result", "created"}, {"result.consumed", "result", "consumed"},
    {"result.expired", "result", "expired"},
};

/* NULL: what has gone since. */
static int put_data(struct json_out *j, struct request *rq, const char *type, const char *id, struct err *e)
{
    struct batch *b = NULL;
    struct job *job = NULL;
    struct result *r = NULL;
    int rc;
    if (strcmp(type, "poll") == 0)
        rc = batch_get(api_session(rq), id, &b, e);
    else if (strcmp(type, "task") == 0)
        rc = job_get(api_session(rq), id, &job, e);
    else
        rc = result_get(api_session(rq), id, &r, e);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    if (b)
        return ricloud_put_poll(j, rq, b, e);
    if (job && !job->deleted_at)
        return ricloud_put_task(j, rq, job, e);
    if (r && !r->deleted_at)
        return ricloud_put_result(j, rq, r, e);
    json_null(j);
    return 0;
}

static int put_event(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    const struct event *event = row;
    size_t i = 0;
    while (i + 1 < API_COUNT(words) && strcmp(words[i].core, event->type) != 0)
        i++;
    json_begin_object(j);
    ricloud_put(j, "id", arena_printf(&rq->arena, "%lld", (long long)event->seq));
    ricloud_put(j, "resource", "event");
    ricloud_put(j, "type", words[i].type);
    ricloud_put(j, "action", words[i].action);
    json_key(j, "data");
    int rc = put_data(j, rq, words[i].type, event->object, e);
    ricloud_put(j, "state", "pending");
    json_key(j, "retries");
    json_int(j, 0);
    json_key(j, "date_created");
    json_time(j, event->at);
    ricloud_put(j, "date_delivered", NULL);
    json_end_object(j);
    return rc;
}

/* The record's types that are of a type and an action here; NULL: of any. */
static const char *const *types_of(struct request *rq, const char *type, const char *action)
{
    const char **types = arena_alloc(&rq->arena, (API_COUNT(words) + 1) * sizeof *types);
    int n = 0;
    for (size_t i = 0; i < API_COUNT(words); i++)
        if ((!type || strcmp(type, words[i].type) == 0) && (!action || strcmp(action, words[i].action) == 0))
            types[n++] = words[i].core;
    return types;
}

static int find(struct request *rq, const char *id, struct event **ret, struct err *e)
{
    struct event_filter f = {.types = types_of(rq, NULL, NULL)};
    int64_t seq;
    if (!text_uint(id, strlen(id), &seq) || seq < 1 || seq == INT64_MAX)
        return err_set(e, ERR_NOT_FOUND, "there is no such event");
    return event_get(api_session(rq), &f, seq, ret, e);
}

static int place(struct request *rq, const char *kind, const char *id, int64_t *ret, struct err *e)
{
    struct event *event = NULL;
    (void)kind;
    int rc = find(rq, id, &event, e);
    if (rc == 0)
        *ret = event->seq;
    return rc;
}

int ricloud_event_get(struct request *rq, struct err *e)
{
    struct event *event = NULL;
    int rc = find(rq, rq->places[0], &event, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, put_event, event, e);
}

int ricloud_event_list(struct request *rq, struct err *e)
{
    struct ricloud_rows *rows = arena_alloc(&rq->arena, sizeof *rows);
    struct ricloud_query q;
    struct event *event = NULL;
    int64_t total = 0;
    int rc = ricloud_read_query(rq, place, NULL, NULL, &q, e);
    if (rc < 0)
        return rc;
    struct event_filter f = {.types = types_of(rq, request_query(rq, "type"), request_query(rq, "action")),
                             .created_after = q.since,
                             .newest_first = q.newest_first};
    rc = event_list(api_session(rq), &f, &q.page, &event, e);
    if (rc == 0)
        rc = event_count(api_session(rq), &f, &total, e);
    for (; rc == 0 && event; event = event->next)
        ricloud_take(rows, &q, event);
    return rc < 0 ? rc : ricloud_send_list(rq, &q, rows, put_event, total, "/events", e);
}
