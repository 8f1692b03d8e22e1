/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: batches, and what a project uses. */
#include "api/native.h"
#include "core/batch.h"
#include "core/name.h"
#include "core/usage.h"

#include <string.h>

static int send_batch(struct request *rq, int status, const struct batch *b)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    native_put_batch(&j, rq, b);
    return native_send(rq, status, &j);
}

struct batch_body {
    const char *name, *description;
};

static const struct json_field create_fields[] = {
    {"name", JSON_TO_STRING, offsetof(struct batch_body, name), true, 1, 255, .about = "What it is called."},
    {"description", JSON_TO_STRING, offsetof(struct batch_body, description), false, 0, 65536,
     .about = "More about it."},
};

const struct operation native_op_batch_create = {
    .id = "createBatch",
    .group = "batches",
    .summary = "Make a batch",
    .fields = create_fields,
    .field_count = API_COUNT(create_fields),
    .body_example = "{\"name\":\"november\"}",
    .answers = {{201, "The batch, without jobs.", &native_batch_shape, .headers = {"Location"}}},
};

int native_batch_create(struct request *rq, struct err *e)
{
    struct batch_body b = {.description = ""};
    struct batch *batch = NULL;
    int rc = api_read(rq, NULL, &b, e);
    if (rc < 0)
        return rc;
    if (name_check_text(b.name, "the name", e) < 0)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/name", "the name must be without control characters");
    rc = batch_create(api_session(rq), b.name, b.description, &batch, e);
    if (rc < 0)
        return rc;
    response_header(rq, "Location", arena_printf(&rq->arena, NATIVE "/batches/%s", batch->id));
    return send_batch(rq, 201, batch);
}

struct list {
    struct request *rq;
    struct native_page page;
    struct json_out j;
    bool more;
};

static int put_batch(void *ctx, const struct batch *b, struct err *e)
{
    struct list *l = ctx;
    (void)e;
    if (native_page_take(&l->page, b->pk))
        native_put_batch(&l->j, l->rq, b);
    else
        l->more = true;
    return 0;
}

const struct operation native_op_batch_list = {
    .id = "listBatches",
    .group = "batches",
    .summary = "List batches, newest first",
    .has_pages = true,
    .answers = {{200, "One page.", &native_batch_shape, ANSWER_PAGE, .headers = {"Link"}}},
};

int native_batch_list(struct request *rq, struct err *e)
{
    struct list l = {.rq = rq, .j = {.buf = {.arena = &rq->arena}}};
    int rc = native_page_open(rq, &l.page, e);
    if (rc == 0)
        rc = api_read(rq, NULL, NULL, e);
    if (rc < 0)
        return rc;
    json_begin_object(&l.j);
    json_key(&l.j, "data");
    json_begin_array(&l.j);
    rc = batch_list(api_session(rq), false, &l.page.page, put_batch, &l, e);
    return rc < 0 ? rc : native_page_send(rq, &l.page, &l.j, l.more);
}

const struct operation native_op_batch_get = {
    .id = "getBatch",
    .group = "batches",
    .summary = "Show a batch and how its jobs stand",
    NATIVE_PLACE_ID,
    .answers = {{200, "The batch.", &native_batch_shape}},
    .refusals = {404},
};

int native_batch_get(struct request *rq, struct err *e)
{
    struct batch *b = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = batch_get(api_session(rq), rq->places[0], &b, e);
    return rc < 0 ? rc : send_batch(rq, 200, b);
}

struct sum {
    int64_t results, bytes;
};

/* As it is answered: enum result_state is the order of by_state. */
struct usage_answer {
    int64_t results, bytes;
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

static const struct member usage_members[] = {
    {"results", SHAPE_INT, offsetof(struct usage_answer, results), "Neither expired nor deleted.", "12"},
    {"bytes", SHAPE_INT, offsetof(struct usage_answer, bytes), "All that is stored, the trash included.",
     "1048576"},
    {"by_state", SHAPE_OBJECT, offsetof(struct usage_answer, by_state), "Without the trash.",
     .of = &states_shape},
    {"trash", SHAPE_OBJECT, offsetof(struct usage_answer, trash), "Deleted and not yet purged.",
     .of = &sum_shape},
};
static const struct shape usage_shape = {"Usage", "What a project has stored.", usage_members,
                                         API_COUNT(usage_members)};

const struct operation native_op_usage = {
    .id = "getUsage",
    .group = "usage",
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
    struct usage_answer a = {
        .results = u.results[RESULT_AVAILABLE] + u.results[RESULT_CONSUMED],
        .bytes = u.trash_bytes,
        .trash = {u.trash_results, u.trash_bytes},
    };
    for (int i = 0; i < RESULT_STATE_END; i++) {
        a.by_state[i] = (struct sum){u.results[i], u.bytes[i]};
        a.bytes += u.bytes[i];
    }
    shape_put(&j, rq, &usage_shape, &a);
    return native_send(rq, 200, &j);
}
