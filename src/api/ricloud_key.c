/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud: keys and the organisation, which is the project. A key's token is shown once, when it was rotated;
 * only a hash of it is stored.
 */
#include "api/ricloud.h"

#include "core/access.h"

static void put_key(struct json_out *j, struct request *rq, const struct principal *p, const char *token)
{
    ricloud_begin(j, rq, "key", p->public_id);
    ricloud_put(j, "name", p->name);
    ricloud_put(j, "type", "standard");
    ricloud_put(j, "scopes", access_format_scopes(&rq->arena, p->scopes));
    ricloud_put(j, "storage_config", NULL);
    ricloud_put(j, "webhook_config", NULL);
    ricloud_put(j, "token", token);
    ricloud_put(j, "state", p->revoked_at ? "deactivated" : "active");
    json_key(j, "date_created");
    json_time(j, p->created_at);
    json_key(j, "date_expires");
    json_time(j, p->expires_at);
    json_end_object(j);
}

static int put_row(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    (void)e;
    put_key(j, rq, row, NULL);
    return 0;
}

static int send_key(struct request *rq, const char *id, struct err *e)
{
    struct principal *p = NULL;
    int rc = access_key(api_session(rq), id, &p, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, put_row, p, e);
}

int ricloud_key_current(struct request *rq, struct err *e)
{
    return send_key(rq, api_session(rq)->actor.public_id, e);
}

int ricloud_key_get(struct request *rq, struct err *e)
{
    return send_key(rq, rq->places[0], e);
}

int ricloud_key_rotate(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    char token[ACCESS_KEY_SIZE];
    struct principal *p = NULL;
    int rc = access_rotate_key(api_session(rq), rq->places[0], token, &p, e);
    if (rc < 0)
        return rc;
    put_key(&j, rq, p, token);
    response_header(rq, "Cache-Control", "no-store");
    return api_send_json(rq, 200, &j);
}

/* --- the list --- */

struct page_of_keys {
    const struct ricloud_query *q;
    struct ricloud_rows rows;
};

static int take(void *ctx, const struct principal *p, struct err *e)
{
    struct page_of_keys *keys = ctx;
    (void)e;
    ricloud_take(&keys->rows, keys->q, p); /* in the request's arena already */
    return 0;
}

static int place(struct request *rq, const char *kind, const char *id, int64_t *ret, struct err *e)
{
    struct principal *p = NULL;
    (void)kind;
    int rc = access_key(api_session(rq), id, &p, e);
    if (rc == 0)
        *ret = p->pk;
    return rc;
}

int ricloud_key_list(struct request *rq, struct err *e)
{
    struct page_of_keys *p = arena_alloc(&rq->arena, sizeof *p);
    struct ricloud_query q;
    int64_t total = 0;
    int rc = ricloud_read_query(rq, place, NULL, NULL, &q, e);
    if (rc < 0)
        return rc;
    p->q = &q;
    rc = access_keys(api_session(rq), q.newest_first, &q.page, take, p, e);
    if (rc == 0)
        rc = access_count_keys(api_session(rq), &total, e);
    return rc < 0 ? rc : ricloud_send_list(rq, &q, &p->rows, put_row, total, "/keys", e);
}

/* --- the organisation --- */

int ricloud_organisation(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const char *name = api_session(rq)->actor.project_name;
    const char *storage = NULL;
    int64_t created_at = 0;
    int rc = access_project_created_at(api_session(rq), &created_at, e);
    json_begin_object(&j);
    ricloud_put(&j, "id", name);
    ricloud_put(&j, "resource", "organisation");
    ricloud_put(&j, "name", name);
    ricloud_put(&j, "slug", name);
    ricloud_put(&j, "permissions", NULL);
    json_key(&j, "storage_configs");
    if (rc == 0)
        rc = ricloud_put_storages(&j, rq, &storage, e);
    ricloud_put(&j, "storage_config_default", storage);
    json_key(&j, "webhook_configs");
    if (rc == 0)
        rc = ricloud_put_documents(&j, rq, RICLOUD_WEBHOOK, ricloud_put_webhook, "/configs/webhook", e);
    ricloud_put(&j, "webhook_config_default", NULL);
    ricloud_put(&j, "state", "active");
    json_key(&j, "date_created");
    json_time(&j, created_at);
    json_end_object(&j);
    return rc < 0 ? rc : api_send_json(rq, 200, &j);
}
