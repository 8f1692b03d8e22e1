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

int native_batch_create(struct request *rq, struct err *e)
{
    struct body {
        const char *name, *description;
    } b = {.description = ""};
    static const struct json_field fields[] = {
        {"name", JSON_TO_STRING, offsetof(struct body, name), true, 1, 255},
        {"description", JSON_TO_STRING, offsetof(struct body, description), false, 0, 65536},
    };
    struct batch *batch = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, false, fields, API_COUNT(fields), &b, e);
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

int native_batch_list(struct request *rq, struct err *e)
{
    struct list l = {.rq = rq, .j = {.buf = {.arena = &rq->arena}}};
    int rc = native_page_open(rq, &l.page, e);
    if (rc == 0)
        rc = request_no_params(rq, e);
    if (rc < 0)
        return rc;
    json_begin_object(&l.j);
    json_key(&l.j, "data");
    json_begin_array(&l.j);
    rc = batch_list(api_session(rq), false, &l.page.page, put_batch, &l, e);
    return rc < 0 ? rc : native_page_send(rq, &l.page, &l.j, l.more);
}

int native_batch_get(struct request *rq, struct err *e)
{
    struct batch *b = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = batch_get(api_session(rq), rq->places[0], &b, e);
    return rc < 0 ? rc : send_batch(rq, 200, b);
}

static void put_sum(struct json_out *j, const char *key, int64_t results, int64_t bytes)
{
    json_key(j, key);
    json_begin_object(j);
    json_key(j, "results");
    json_int(j, results);
    json_key(j, "bytes");
    json_int(j, bytes);
    json_end_object(j);
}

int native_usage(struct request *rq, struct err *e)
{
    struct usage u = {0};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int64_t bytes = 0;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = usage_get(api_session(rq), &u, e);
    if (rc < 0)
        return rc;
    bytes = u.trash_bytes;
    for (int i = 0; i < RESULT_STATE_END; i++)
        bytes += u.bytes[i];
    json_begin_object(&j);
    json_key(&j, "results");
    json_int(&j, u.results[RESULT_AVAILABLE] + u.results[RESULT_CONSUMED]);
    json_key(&j, "bytes");
    json_int(&j, bytes);
    json_key(&j, "by_state");
    json_begin_object(&j);
    for (int i = 0; i < RESULT_STATE_END; i++)
        put_sum(&j, result_state_names[i], u.results[i], u.bytes[i]);
    json_end_object(&j);
    put_sum(&j, "trash", u.trash_results, u.trash_bytes);
    json_end_object(&j);
    return native_send(rq, 200, &j);
}
