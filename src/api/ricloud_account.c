/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud: users, sources, sessions and subscriptions. They are what the service behind the original logs in
 * with; here they are kept and shown, and polls refer to them. A session is active as soon as it is there: it
 * is for the workers to find out whether its source lets them in. Its payload, which holds passwords, is
 * sealed, and only who may work (scope `write`) reads it.
 */
#include "api/ricloud.h"

#include "core/secret.h"

#include <string.h>

static const char *const source_labels[] = {"user", "type", NULL};
static const char *const session_labels[] = {"source", "user", NULL};
static const char *const subscription_labels[] = {"session", "source", "user", NULL};

static struct json_out begin_body(struct request *rq)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    return j;
}

static const char *end_body(struct json_out *j)
{
    json_end_object(j);
    return buf_str(&j->buf);
}

static int send_one(struct request *rq, const char *kind, ricloud_put_fn *put, struct err *e)
{
    struct document *d = NULL;
    int rc = document_get(api_session(rq), kind, rq->places[0], &d, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, put, d, e);
}

/* The document of that name, made if there is none: *ret_new. */
static int get_or_create(struct request *rq, const char *kind, const char *name, const char *body,
                         struct document **ret, bool *ret_new, struct err *e)
{
    int rc = document_by_name(api_session(rq), kind, name, ret, e);
    *ret_new = rc == ERR_NOT_FOUND;
    return *ret_new ? document_create(api_session(rq), kind, name, NULL, body, ret, e) : rc;
}

/* --- users --- */

static int put_user(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    return ricloud_put_document(j, rq, "user", row, e);
}

int ricloud_user_create(struct request *rq, struct err *e)
{
    static const struct json_field fields[] = {
        {"identifier", JSON_TO_STRING, 0, true, 1, RICLOUD_LONGEST_TEXT}};
    const char *identifier = NULL;
    struct document *d = NULL;
    bool is_new = false;
    int rc = api_read_known(rq, false, fields, API_COUNT(fields), &identifier, e);
    if (rc < 0)
        return rc;
    struct json_out words = begin_body(rq);
    ricloud_put(&words, "identifier", identifier);
    rc = get_or_create(rq, RICLOUD_USER, identifier, end_body(&words), &d, &is_new, e);
    return rc < 0 ? rc : ricloud_send(rq, is_new ? 201 : 200, put_user, d, e);
}

int ricloud_user_list(struct request *rq, struct err *e)
{
    return ricloud_list_documents(rq, RICLOUD_USER, NULL, put_user, "/users", e);
}

int ricloud_user_get(struct request *rq, struct err *e)
{
    return send_one(rq, RICLOUD_USER, put_user, e);
}

/* --- sources --- */

static int put_source(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    return ricloud_put_document(j, rq, "source", row, e);
}

static int label_source(struct request *rq, const struct document *source, struct err *e)
{
    int rc = ricloud_label(rq, source->id, "user", ricloud_text(rq, source, "user"), e);
    return rc < 0 ? rc : ricloud_label(rq, source->id, "type", ricloud_text(rq, source, "type"), e);
}

/* {"user", "type", "identifier"}: one of a kind. */
static int make_source(struct request *rq, const struct json *body, struct document **ret, bool *ret_new,
                       struct err *e)
{
    struct fields {
        const char *type, *identifier;
    } f = {0};
    static const struct json_field fields[] = {
        {"type", JSON_TO_STRING, offsetof(struct fields, type), true, 1, RICLOUD_LONGEST_TEXT},
        {"identifier", JSON_TO_STRING, offsetof(struct fields, identifier), false, 1, RICLOUD_LONGEST_TEXT}};
    struct document *user = NULL;
    int rc = json_read_known(body, fields, API_COUNT(fields), &f, e);
    if (rc == 0)
        rc = ricloud_refer(rq, body, "user", RICLOUD_USER, &user, e);
    if (rc >= 0 && !user)
        rc = err_at(e, ERR_MISSING, ERR_POINTER, "/user", "\"user\" is missing: the id of a user");
    if (rc < 0)
        return rc;
    struct json_out words = begin_body(rq);
    ricloud_put(&words, "user", user->id);
    ricloud_put(&words, "type", f.type);
    ricloud_put(&words, "identifier", f.identifier);
    const char *text = end_body(&words);
    rc = get_or_create(rq, RICLOUD_SOURCE, text, text, ret, ret_new, e);
    return rc == 0 && *ret_new ? label_source(rq, *ret, e) : rc;
}

int ricloud_source_create(struct request *rq, struct err *e)
{
    const struct json *body = NULL;
    struct document *d = NULL;
    bool is_new = false;
    int rc = ricloud_read_body(rq, &body, e);
    if (rc == 0)
        rc = make_source(rq, body, &d, &is_new, e);
    return rc < 0 ? rc : ricloud_send(rq, is_new ? 201 : 200, put_source, d, e);
}

int ricloud_source_list(struct request *rq, struct err *e)
{
    return ricloud_list_documents(rq, RICLOUD_SOURCE, source_labels, put_source, "/sources", e);
}

int ricloud_source_get(struct request *rq, struct err *e)
{
    return send_one(rq, RICLOUD_SOURCE, put_source, e);
}

/* --- sessions --- */

static int put_session(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    const struct document *d = row;
    struct document *source = NULL;
    int rc = document_get(api_session(rq), RICLOUD_SOURCE, ricloud_text(rq, d, "_source"), &source, e);
    if (rc < 0)
        return rc;
    ricloud_begin(j, rq, "session", d->id);
    ricloud_put(j, "key", ricloud_text(rq, d, "key"));
    ricloud_put(j, "user", ricloud_text(rq, d, "user"));
    json_key(j, "source");
    rc = put_source(j, rq, source, e);
    ricloud_put(j, "state", "active");
    ricloud_put(j, "error", NULL);
    json_key(j, "date_created");
    json_time(j, d->created_at);
    ricloud_put(j, "date_expired", NULL);
    json_end_object(j);
    return rc;
}

/* The source of a session: a new one in full, or the id of one. */
static int session_source(struct request *rq, const struct json *body, struct document **ret, struct err *e)
{
    const struct json *source = json_member(body, "source");
    bool is_new;
    if (source && source->type == JSON_OBJECT && !json_member(source, "id")) {
        int rc = make_source(rq, source, ret, &is_new, e);
        if (rc < 0 && e->place == ERR_POINTER)
            err_prefix(e, "/source");
        return rc;
    }
    int rc = ricloud_refer(rq, body, "source", RICLOUD_SOURCE, ret, e);
    if (rc == 0)
        return err_at(e, ERR_MISSING, ERR_POINTER, "/source",
                      "\"source\" is missing: {\"user\", \"type\", \"identifier\"}, or the id of one");
    return rc < 0 ? rc : 0;
}

static int store_session(struct request *rq, const struct json *payload, const struct document *source,
                         struct document **ret, struct err *e)
{
    const char *user = ricloud_text(rq, source, "user");
    struct json_out words = begin_body(rq);
    ricloud_put(&words, "key", api_session(rq)->actor.public_id);
    ricloud_put(&words, "user", user);
    ricloud_put(&words, "_source", source->id);
    if (payload)
        ricloud_put(&words, "_payload",
                    secret_seal(api_app(rq)->core.secrets, &rq->arena, RICLOUD_SESSION, payload->raw,
                                payload->raw_len));
    int rc = document_create(api_session(rq), RICLOUD_SESSION, NULL, NULL, end_body(&words), ret, e);
    if (rc == 0)
        rc = ricloud_label(rq, (*ret)->id, "user", user, e);
    return rc < 0 ? rc : ricloud_label(rq, (*ret)->id, "source", source->id, e);
}

int ricloud_session_create(struct request *rq, struct err *e)
{
    const struct json *body = NULL;
    struct document *source = NULL;
    struct document *d = NULL;
    int rc = ricloud_read_body(rq, &body, e);
    if (rc == 0)
        rc = session_source(rq, body, &source, e);
    if (rc == 0)
        rc = store_session(rq, json_member(body, "payload"), source, &d, e);
    return rc < 0 ? rc : ricloud_send(rq, 201, put_session, d, e);
}

int ricloud_session_list(struct request *rq, struct err *e)
{
    return ricloud_list_documents(rq, RICLOUD_SESSION, session_labels, put_session, "/sessions", e);
}

int ricloud_session_get(struct request *rq, struct err *e)
{
    return send_one(rq, RICLOUD_SESSION, put_session, e);
}

int ricloud_session_payload(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct document *d = NULL;
    const char *payload = "null";
    size_t len = strlen(payload);
    int rc = document_get(api_session(rq), RICLOUD_SESSION, rq->places[0], &d, e);
    const char *sealed = rc == 0 ? ricloud_text(rq, d, "_payload") : NULL;
    if (sealed)
        rc = secret_unseal(api_app(rq)->core.secrets, &rq->arena, RICLOUD_SESSION, sealed, &payload, &len, e);
    if (rc < 0)
        return rc;
    json_begin_object(&j);
    ricloud_put(&j, "session", d->id);
    json_key(&j, "payload");
    json_raw(&j, payload, len);
    json_end_object(&j);
    response_header(rq, "Cache-Control", "no-store");
    return api_send_json(rq, 200, &j);
}

/* --- subscriptions --- */

static int put_subscription(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    return ricloud_put_document(j, rq, "subscription", row, e);
}

static void copy_member(struct json_out *to, const struct json *body, const char *member)
{
    const struct json *value = json_member(body, member);
    json_key(to, member);
    if (value)
        json_raw(to, value->raw, value->raw_len);
    else
        json_null(to);
}

static int check_poll_payload(const struct json *body, struct err *e)
{
    const struct json *payload = json_member(body, "poll_payload");
    if (payload && payload->type == JSON_OBJECT)
        return 0;
    return err_at(e, payload ? ERR_BAD_VALUE : ERR_MISSING, ERR_POINTER, "/poll_payload",
                  "\"poll_payload\" must be an object: the payload of this subscription's polls");
}

static const char *subscription_body(struct request *rq, const struct json *body, const char *state,
                                     const char *user, const char *session, const char *source,
                                     const char *storage)
{
    struct json_out words = begin_body(rq);
    ricloud_put(&words, "org", api_session(rq)->actor.project_name);
    ricloud_put(&words, "user", user);
    ricloud_put(&words, "source", source);
    ricloud_put(&words, "session", session);
    ricloud_put(&words, "storage_config", storage);
    copy_member(&words, body, "poll_payload");
    copy_member(&words, body, "interval");
    copy_member(&words, body, "date_start");
    copy_member(&words, body, "date_end");
    ricloud_put(&words, "state", state);
    return end_body(&words);
}

static int store_subscription(struct request *rq, const struct json *body, const struct document *session,
                              const char *source, const char *storage, struct document **ret, struct err *e)
{
    const char *user = ricloud_text(rq, session, "user");
    const char *words = subscription_body(rq, body, "active", user, session->id, source, storage);
    int rc = document_create(api_session(rq), RICLOUD_SUBSCRIPTION, NULL, NULL, words, ret, e);
    if (rc == 0)
        rc = ricloud_label(rq, (*ret)->id, "user", user, e);
    if (rc == 0)
        rc = ricloud_label(rq, (*ret)->id, "session", session->id, e);
    return rc < 0 ? rc : ricloud_label(rq, (*ret)->id, "source", source, e);
}

int ricloud_subscription_create(struct request *rq, struct err *e)
{
    const struct json *body = NULL;
    struct document *session = NULL;
    struct document *source = NULL;
    struct document *d = NULL;
    struct storage *storage = NULL;
    int rc = ricloud_read_body(rq, &body, e);
    if (rc == 0)
        rc = check_poll_payload(body, e);
    if (rc == 0)
        rc = ricloud_refer(rq, body, "source", RICLOUD_SOURCE, &source, e);
    if (rc >= 0)
        rc = ricloud_refer(rq, body, "session", RICLOUD_SESSION, &session, e);
    if (rc == 0)
        rc = err_at(e, ERR_MISSING, ERR_POINTER, "/session", "\"session\" is missing: the id of a session");
    if (rc > 0)
        rc = ricloud_read_storage(rq, body, &storage, e);
    if (rc == 0)
        rc = store_subscription(rq, body, session, source ? source->id : ricloud_text(rq, session, "_source"),
                                storage ? storage->id : NULL, &d, e);
    return rc < 0 ? rc : ricloud_send(rq, 201, put_subscription, d, e);
}

int ricloud_subscription_list(struct request *rq, struct err *e)
{
    return ricloud_list_documents(rq, RICLOUD_SUBSCRIPTION, subscription_labels, put_subscription,
                                  "/subscriptions", e);
}

int ricloud_subscription_get(struct request *rq, struct err *e)
{
    return send_one(rq, RICLOUD_SUBSCRIPTION, put_subscription, e);
}

/* It stays to be looked at, for its polls refer to it. */
int ricloud_subscription_delete(struct request *rq, struct err *e)
{
    const struct json *body = NULL;
    struct document *d = NULL;
    int rc = document_get(api_session(rq), RICLOUD_SUBSCRIPTION, rq->places[0], &d, e);
    if (rc == 0)
        rc = ricloud_parse(rq, d, &body, e);
    if (rc == 0)
        rc = document_change(api_session(rq), d,
                             subscription_body(rq, body, "deleted", ricloud_text(rq, d, "user"),
                                               ricloud_text(rq, d, "session"), ricloud_text(rq, d, "source"),
                                               ricloud_text(rq, d, "storage_config")),
                             e);
    return rc < 0 ? rc : ricloud_send(rq, 200, put_subscription, d, e);
}
