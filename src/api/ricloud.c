/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud API v3 over the core: a result is a result, a task its job, a poll its batch, an organisation the
 * project. Users, sources, sessions and subscriptions mean nothing to core: they are documents, and a poll is
 * labelled with them.
 *
 * Every answer is a JSON object, errors too, because the client decodes every body.
 */
#include "api/ricloud.h"

#include <string.h>

static int admit(struct request *rq, struct err *e)
{
    return api_admit_key(rq, RICLOUD_KEY_FORMS, e);
}

/* What an address names that leads to nothing: the core knows other words for it. */
static const char *sentence_of(struct request *rq, const struct err *e)
{
    static const struct {
        const char *path, *word;
    } objects[] = {{"/results/", "result"},
                   {"/polls/", "poll"},
                   {"/tasks/", "task"},
                   {"/users/", "user"},
                   {"/sources/", "source"},
                   {"/sessions/", "session"},
                   {"/subscriptions/", "subscription"},
                   {"/keys/", "key"},
                   {"/events/", "event"},
                   {"/configs/storage/", "storage config"},
                   {"/configs/webhook/", "webhook config"}};
    for (size_t i = 0; rq->route && e->code == ERR_NOT_FOUND && i < API_COUNT(objects); i++)
        if (strncmp(rq->route->path, objects[i].path, strlen(objects[i].path)) == 0)
            return arena_printf(&rq->arena, "there is no %s with this id", objects[i].word);
    return e->detail;
}

/* {"error", "message", "params"}: what the client's exceptions read. */
static void fail(struct request *rq, const struct err *e)
{
    static const struct {
        int status;
        const char *slug;
    } slugs[] = {{401, "unauthorised"}, {403, "forbidden"},  {404, "not-found"}, {405, "method-not-allowed"},
                 {409, "conflict"},     {410, "gone"},       {413, "too-large"}, {500, "server-error"},
                 {503, "unavailable"},  {507, "unavailable"}};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    const char *slug = "invalid";
    for (size_t i = 0; i < API_COUNT(slugs); i++)
        if (slugs[i].status == err_status(e->code))
            slug = slugs[i].slug;
    json_begin_object(&j);
    json_key(&j, "error");
    json_string(&j, slug);
    json_key(&j, "message");
    json_string(&j, sentence_of(rq, e));
    json_key(&j, "params");
    json_begin_object(&j);
    if (e->place != ERR_NOWHERE && *e->where) {
        json_key(&j, "name");
        json_string(&j, e->where);
    }
    json_end_object(&j);
    json_end_object(&j);
    if (e->code == ERR_UNAUTHORIZED)
        response_header(rq, "WWW-Authenticate", "Token realm=\"resultd\"");
    response_bytes(rq, err_status(e->code), "application/json", j.buf.bytes, j.buf.len);
}

/* All root names of that API: unknown paths below them are answered in its words. */
static const char *const prefixes[] = {"/results",      "/polls",         "/tasks",  "/users", "/sessions",
                                       "/sources",      "/subscriptions", "/events", "/keys",  "/key",
                                       "/organisation", "/configs",       NULL};
#define IS(name) ricloud_##name, .operation = &ricloud_op_##name
/* "Acknowledge GET /results/{result ID}/ack" writes; clients since 3.1 send POST, with the body `null`. */
static const struct route routes[] = {
    {HTTP_GET, "/results", R_READ, BODY_NONE, SCOPE_READ, IS(result_list)},
    {HTTP_POST, "/results/ack", R_WRITE, BODY_WHOLE, SCOPE_ACK, IS(result_ack_many)},
    {HTTP_GET, "/results/{}", R_READ, BODY_NONE, SCOPE_READ, IS(result_get)},
    {HTTP_GET, "/results/{}/ack", R_WRITE, BODY_NONE, SCOPE_ACK, ricloud_result_ack,
     .operation = &ricloud_op_result_ack_get},
    {HTTP_POST, "/results/{}/ack", R_WRITE, BODY_WHOLE, SCOPE_ACK, IS(result_ack)},

    {HTTP_POST, "/polls", R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(poll_create)},
    {HTTP_GET, "/polls", R_READ, BODY_NONE, SCOPE_READ, IS(poll_list)},
    {HTTP_GET, "/polls/{}", R_READ, BODY_NONE, SCOPE_READ, IS(poll_get)},
    {HTTP_POST, "/tasks", R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(task_create)},
    {HTTP_GET, "/tasks", R_READ, BODY_NONE, SCOPE_READ, IS(task_list)},
    {HTTP_GET, "/tasks/{}", R_READ, BODY_NONE, SCOPE_READ, IS(task_get)},

    {HTTP_POST, "/users", R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(user_create)},
    {HTTP_GET, "/users", R_READ, BODY_NONE, SCOPE_READ, IS(user_list)},
    {HTTP_GET, "/users/{}", R_READ, BODY_NONE, SCOPE_READ, IS(user_get)},
    {HTTP_POST, "/sources", R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(source_create)},
    {HTTP_GET, "/sources", R_READ, BODY_NONE, SCOPE_READ, IS(source_list)},
    {HTTP_GET, "/sources/{}", R_READ, BODY_NONE, SCOPE_READ, IS(source_get)},
    {HTTP_POST, "/sessions", R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(session_create)},
    {HTTP_GET, "/sessions", R_READ, BODY_NONE, SCOPE_READ, IS(session_list)},
    {HTTP_GET, "/sessions/{}", R_READ, BODY_NONE, SCOPE_READ, IS(session_get)},
    {HTTP_GET, "/sessions/{}/payload", R_READ, BODY_NONE, SCOPE_WRITE, IS(session_payload)},
    {HTTP_POST, "/subscriptions", R_WRITE, BODY_WHOLE, SCOPE_WRITE, IS(subscription_create)},
    {HTTP_GET, "/subscriptions", R_READ, BODY_NONE, SCOPE_READ, IS(subscription_list)},
    {HTTP_GET, "/subscriptions/{}", R_READ, BODY_NONE, SCOPE_READ, IS(subscription_get)},
    {HTTP_DELETE, "/subscriptions/{}", R_WRITE, BODY_NONE, SCOPE_WRITE, IS(subscription_delete)},

    {HTTP_GET, "/key", R_READ, BODY_NONE, SCOPE_READ, IS(key_current)},
    {HTTP_GET, "/keys", R_READ, BODY_NONE, SCOPE_ADMIN, IS(key_list)},
    {HTTP_GET, "/keys/{}", R_READ, BODY_NONE, SCOPE_ADMIN, IS(key_get)},
    {HTTP_POST, "/keys/{}/rotate", R_WRITE, BODY_WHOLE, SCOPE_ADMIN, IS(key_rotate)},
    {HTTP_GET, "/organisation", R_READ, BODY_NONE, SCOPE_READ, IS(organisation)},
    {HTTP_GET, "/events", R_READ, BODY_NONE, SCOPE_READ, IS(event_list)},
    {HTTP_GET, "/events/{}", R_READ, BODY_NONE, SCOPE_READ, IS(event_get)},

    {HTTP_POST, "/configs/storage", R_WRITE, BODY_WHOLE, SCOPE_ADMIN, IS(storage_create)},
    {HTTP_GET, "/configs/storage", R_READ, BODY_NONE, SCOPE_READ, IS(storage_list)},
    {HTTP_GET, "/configs/storage/{}", R_READ, BODY_NONE, SCOPE_READ, IS(storage_get)},
    {HTTP_POST, "/configs/storage/{}", R_WRITE, BODY_WHOLE, SCOPE_ADMIN, IS(storage_update)},
    {HTTP_DELETE, "/configs/storage/{}", R_WRITE, BODY_NONE, SCOPE_ADMIN, IS(storage_delete)},
    {HTTP_GET, "/configs/storage/{}/test", R_READ, BODY_NONE, SCOPE_ADMIN, ricloud_storage_test,
     .operation = &ricloud_op_storage_test_get},
    {HTTP_POST, "/configs/storage/{}/test", R_READ, BODY_WHOLE, SCOPE_ADMIN, IS(storage_test)},
    {HTTP_POST, "/configs/webhook", R_WRITE, BODY_WHOLE, SCOPE_ADMIN, IS(webhook_create)},
    {HTTP_GET, "/configs/webhook", R_READ, BODY_NONE, SCOPE_READ, IS(webhook_list)},
    {HTTP_GET, "/configs/webhook/{}", R_READ, BODY_NONE, SCOPE_READ, IS(webhook_get)},
    {HTTP_POST, "/configs/webhook/{}", R_WRITE, BODY_WHOLE, SCOPE_ADMIN, IS(webhook_update)},
    {HTTP_DELETE, "/configs/webhook/{}", R_WRITE, BODY_NONE, SCOPE_ADMIN, IS(webhook_delete)},
};

const struct api api_ricloud = {
    .name = "ricloud",
    .prefixes = prefixes,
    .routes = routes,
    .route_count = API_COUNT(routes),
    .admit = admit,
    .fail = fail,
    .description = &ricloud_description,
};
