/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: what a project uses, and has used. */
#include "api/native.h"
#include "base/clock.h"
#include "core/result.h"
#include "core/usage.h"

enum { EXPIRING_MOST = 100 };

#define GROUP "usage"

/* --- what there is --- */

struct sum {
    int64_t results, bytes;
};

/* struct usage, as it is answered. */
struct stock {
    struct sum by_state[RESULT_STATE_END];
    struct sum trash;
};

static const struct member sum_members[] = {
    {"results", SHAPE_INT, offsetof(struct sum, results), "How many.", "12"},
    {"bytes", SHAPE_INT, offsetof(struct sum, bytes), "Of those that are still stored.", "1048576"},
};
static const struct shape sum_shape = {"Sum", "Results, and their bytes.", sum_members,
                                       API_COUNT(sum_members)};

#define STATE_MEMBER(name, state, about)                                                                     \
    {                                                                                                        \
        name, SHAPE_OBJECT, sizeof(struct sum) * (state), about, .of = &sum_shape                            \
    }
static const struct member state_members[] = {
    STATE_MEMBER("available", RESULT_AVAILABLE, "Not acknowledged yet."),
    STATE_MEMBER("consumed", RESULT_CONSUMED, "Acknowledged."),
    STATE_MEMBER("expired", RESULT_EXPIRED, "Their time is over; bytes go with the next sweep."),
};
static const struct shape states_shape = {NULL, NULL, state_members, API_COUNT(state_members)};

#define STOCK_MEMBERS(type, field)                                                                           \
    {"by_state", SHAPE_OBJECT, offsetof(type, field.by_state), "Without the trash.", .of = &states_shape},   \
    {                                                                                                        \
        "trash", SHAPE_OBJECT, offsetof(type, field.trash), "Deleted and not yet purged.", .of = &sum_shape  \
    }

static struct stock stock_of(const struct usage *u)
{
    struct stock s = {.trash = {u->trash_results, u->trash_bytes}};
    for (int i = 0; i < RESULT_STATE_END; i++)
        s.by_state[i] = (struct sum){u->results[i], u->bytes[i]};
    return s;
}

/* Seconds; who deletes or acknowledges has to be told what that costs, and for how long it can be taken
 * back. */
struct lifetimes {
    int64_t results, consumed, trash;
};

static const struct member lifetime_members[] = {
    {"results", SHAPE_INT, offsetof(struct lifetimes, results), "Unless an upload says otherwise.", "604800"},
    {"consumed", SHAPE_COUNT, offsetof(struct lifetimes, consumed),
     "From an acknowledgement on, if that is less; null: it shortens nothing.", "null", .can_be_null = true},
    {"trash", SHAPE_INT, offsetof(struct lifetimes, trash), "What is deleted can be restored so long.",
     "2592000"},
};
static const struct shape lifetimes_shape = {"Lifetimes", "Seconds.", lifetime_members,
                                             API_COUNT(lifetime_members)};

struct total {
    int64_t results, bytes;
    struct stock stock;
    struct lifetimes lifetimes;
};

static const struct member usage_members[] = {
    {"results", SHAPE_INT, offsetof(struct total, results), "Neither expired nor deleted.", "12"},
    {"bytes", SHAPE_INT, offsetof(struct total, bytes), "All that is stored, the trash included.", "1048576"},
    STOCK_MEMBERS(struct total, stock),
    {"lifetimes", SHAPE_OBJECT, offsetof(struct total, lifetimes), "How long results are kept here.",
     .of = &lifetimes_shape},
};
static const struct shape usage_shape = {"Usage", "What a project has stored.", usage_members,
                                         API_COUNT(usage_members)};

const struct operation native_op_usage = {
    .id = "getUsage",
    .group = GROUP,
    .summary = "What the key's project has stored, exactly",
    .answers = {{200, "The sums.", &usage_shape}},
};

int native_usage(struct request *rq, struct err *e)
{
    struct usage u = {0};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = usage_get(api_session(rq), &u, e);
    if (rc < 0)
        return rc;
    const struct settings *set = core_settings(&api_app(rq)->core);
    struct total t = {
        .results = u.results[RESULT_AVAILABLE] + u.results[RESULT_CONSUMED],
        .bytes = u.trash_bytes,
        .stock = stock_of(&u),
        .lifetimes = {set->results_ttl, set->consumed_ttl ? set->consumed_ttl : -1, set->trash_ttl},
    };
    for (int i = 0; i < RESULT_STATE_END; i++)
        t.bytes += u.bytes[i];
    shape_put(&j, rq, &usage_shape, &t);
    return native_send(rq, 200, &j);
}

/* --- what there was --- */

struct span {
    struct usage_span span;
    struct stock stock;
};

#define SEEN(name, field) name, SHAPE_INT, offsetof(struct span, span.seen.field)

static const struct member span_members[] = {
    {"at", SHAPE_TIME, offsetof(struct span, span.at), "When it begins."},
    {SEEN("uploads", uploads), "Results that were published.", "3"},
    {SEEN("uploaded_bytes", uploaded_bytes), "Of those.", "3145728"},
    {SEEN("downloads", downloads), "Downloads that came to their end.", "2"},
    {SEEN("downloaded_bytes", downloaded_bytes), "That were sent.", "2097152"},
    {SEEN("acks", acks), "Results that were acknowledged.", "2"},
    {SEEN("expired", expired), "Results that expired.", "0"},
    {SEEN("deleted", deleted), "Results that were deleted.", "0"},
    STOCK_MEMBERS(struct span, stock),
};
static const struct shape span_shape = {"UsageSpan",
                                        "What happened in an hour or a day, and what there was after it.",
                                        span_members, API_COUNT(span_members)};

static void put_spans(struct json_out *j, struct request *rq, const void *object)
{
    const struct usage_history *h = object;
    json_begin_array(j);
    for (int64_t i = 0; i < h->count; i++) {
        const struct span s = {h->spans[i], stock_of(&h->spans[i].after)};
        shape_put(j, rq, &span_shape, &s);
    }
    json_end_array(j);
}

static void put_step(struct json_out *j, struct request *rq, const void *object)
{
    (void)rq;
    json_int(j, ((const struct usage_history *)object)->step / CLOCK_SECOND);
}

static const struct member history_members[] = {
    {"step_seconds", SHAPE_INT, 0, "How long a span is: an hour, or a day.", "3600", .put = put_step},
    {"data", SHAPE_OBJECT, 0, "The oldest first; the last is not over.", .is_list = true, .of = &span_shape,
     .put = put_spans},
};
static const struct shape history_shape = {"UsageHistory", "What a project has used over time.",
                                           history_members, API_COUNT(history_members)};

struct history_params {
    int64_t hours;
};

static const struct param history_params[] = {
    {"hours", PARAM_INT, offsetof(struct history_params, hours), 1, USAGE_HOURS_MOST,
     "How far back (24); by days where it is more than 720.", .example = "168"},
};

const struct operation native_op_usage_history = {
    .id = "getUsageHistory",
    .group = GROUP,
    .summary = "What happened in the key's project, by the hour or by the day",
    .params = history_params,
    .param_count = API_COUNT(history_params),
    .answers = {{200, "The spans.", &history_shape}},
};

int native_usage_history(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct usage_history h = {.step = 0};
    struct history_params p = {.hours = 24};
    int rc = api_read(rq, &p, NULL, e);
    if (rc == 0)
        rc = usage_history(api_session(rq), p.hours, &h, e);
    if (rc < 0)
        return rc;
    shape_put(&j, rq, &history_shape, &h);
    return native_send(rq, 200, &j);
}

/* --- what will go --- */

struct expiring {
    const struct result *first;
};

static void put_expiring(struct json_out *j, struct request *rq, const void *object)
{
    json_begin_array(j);
    for (const struct result *r = ((const struct expiring *)object)->first; r; r = r->next)
        shape_put(j, rq, &native_result_shape, r);
    json_end_array(j);
}

static const struct member expiring_members[] = {
    {"data", SHAPE_OBJECT, 0, "The soonest first.", .is_list = true, .of = &native_result_shape,
     .put = put_expiring},
};
static const struct shape expiring_shape = {"Expiring", "Results whose time is over next.", expiring_members,
                                            API_COUNT(expiring_members)};

struct expiring_params {
    int64_t limit;
};

static const struct param expiring_params[] = {
    {"limit", PARAM_INT, offsetof(struct expiring_params, limit), 1, EXPIRING_MOST, "At most so many (20).",
     .example = "5"},
};

const struct operation native_op_usage_expiring = {
    .id = "listExpiring",
    .group = GROUP,
    .summary = "The results that expire next",
    .about = "Neither kept ones nor deleted ones.",
    .params = expiring_params,
    .param_count = API_COUNT(expiring_params),
    .answers = {{200, "The results.", &expiring_shape}},
};

int native_usage_expiring(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct result *r = NULL;
    struct expiring_params p = {.limit = 20};
    int rc = api_read(rq, &p, NULL, e);
    if (rc == 0)
        rc = result_expiring(api_session(rq), p.limit, &r, e);
    if (rc < 0)
        return rc;
    shape_put(&j, rq, &expiring_shape, &(struct expiring){r});
    return native_send(rq, 200, &j);
}
