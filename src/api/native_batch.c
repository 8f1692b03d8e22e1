/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: batches. */
#include "api/native.h"
#include "core/batch.h"
#include "core/name.h"

#include <string.h>

static int send_batch(struct request *rq, int status, const struct batch *b)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    shape_put(&j, rq, &native_batch_shape, b);
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

static int put_batch(void *ctx, const struct batch *row, struct err *e)
{
    (void)e;
    (void)native_page_put(ctx, &native_batch_shape, row->pk, row);
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
    struct native_page page;
    int rc = native_page_open(rq, &page, e);
    if (rc == 0)
        rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = batch_list(api_session(rq), false, &page.page, put_batch, &page, e);
    return rc < 0 ? rc : native_page_send(&page);
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
