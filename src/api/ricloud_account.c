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

const struct json_field ricloud_user_fields[1] = {
    {"identifier", JSON_TO_STRING, 0, true, 1, RICLOUD_LONGEST_TEXT,
     .about = "Your own name for the user, unique in the project."},
};

int ricloud_user_create(struct request *rq, struct err *e)
{
    const char *identifier = NULL;
    struct document *d = NULL;
    bool is_new = false;
    int rc = api_read(rq, NULL, &identifier, e);
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

struct source_body {
    const struct json *user;
    const char *type, *identifier;
};

#define SOURCE_FIELDS(need)                                                                                  \
    RICLOUD_REFERENCE("user", struct source_body, user, need, "Whose it is."),                               \
        {"type", JSON_TO_STRING,       offsetof(struct source_body, type),  need,                            \
         1,      RICLOUD_LONGEST_TEXT, .about = "Where the data come from."},                                \
    {                                                                                                        \
        "identifier", JSON_TO_STRING, offsetof(struct source_body, identifier), false, 1,                    \
            RICLOUD_LONGEST_TEXT, .about = "Which one of that type, like the name of an account."            \
    }
const struct json_field ricloud_source_fields[3] = {SOURCE_FIELDS(true)};

/* One of a kind. */
static int make_source(struct request *rq, const struct source_body *f, struct document **ret, bool *ret_new,
                       struct err *e)
{
    struct document *user = NULL;
    int rc = ricloud_refer(rq, f->user, "user", RICLOUD_USER, &user, e);
    if (rc >= 0 && !user)
        rc = err_at(e, ERR_MISSING, ERR_POINTER, "/user", "\"user\" is missing: the id of a user");
    if (rc < 0)
        return rc;
    struct json_out words = begin_body(rq);
    ricloud_put(&words, "user", user->id);
    ricloud_put(&words, "type", f->type);
    ricloud_put(&words, "identifier", f->identifier);
    const char *text = end_body(&words);
    rc = get_or_create(rq, RICLOUD_SOURCE, text, text, ret, ret_new, e);
    return rc == 0 && *ret_new ? label_source(rq, *ret, e) : rc;
}

int ricloud_source_create(struct request *rq, struct err *e)
{
    struct source_body b = {.user = NULL};
    struct document *d = NULL;
    bool is_new = false;
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0)
        rc = make_source(rq, &b, &d, &is_new, e);
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

struct session_body {
    const struct json *source, *payload;
};

/* A source in full is read by ricloud_source_fields; what has an id is a reference. */
static const struct json_field either_source_fields[] = {
    {"id", JSON_TO_STRING, 0, false, 1, RICLOUD_LONGEST_TEXT, .about = "Of a source that is there already."},
    SOURCE_FIELDS(false),
};

const struct json_field ricloud_session_fields[2] = {
    {"source", JSON_TO_VALUE, offsetof(struct session_body, source), true, 0, 0,
     .about = "The id of a source, or a new one in full.", .members = either_source_fields,
     .member_count = API_COUNT(either_source_fields)},
    {"payload", JSON_TO_VALUE, offsetof(struct session_body, payload), false, 0, 0,
     .about = "What workers log in with: any JSON. It is sealed, and no list shows it."},
};

/* The source of a session: a new one in full, or the id of one. */
static int session_source(struct request *rq, const struct json *source, struct document **ret, struct err *e)
{
    struct source_body in_full = {.user = NULL};
    bool is_new;
    if (source->type == JSON_OBJECT && !json_member(source, "id")) {
        int rc =
            json_read_known(source, ricloud_source_fields, API_COUNT(ricloud_source_fields), &in_full, e);
        if (rc == 0)
            rc = make_source(rq, &in_full, ret, &is_new, e);
        if (rc < 0 && e->place == ERR_POINTER)
            err_prefix(e, "/source");
        return rc;
    }
    int rc = ricloud_refer(rq, source, "source", RICLOUD_SOURCE, ret, e);
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
    struct session_body b = {.source = NULL};
    struct document *source = NULL;
    struct document *d = NULL;
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0)
        rc = session_source(rq, b.source, &source, e);
    if (rc == 0)
        rc = store_session(rq, b.payload, source, &d, e);
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

/* As it was sent; as it is stored it has the same members, and is read by the same table. */
struct subscription_body {
    struct ricloud_references sent;
    const struct json *poll_payload, *interval, *date_start, *date_end;
};

const struct json_field ricloud_subscription_fields[7] = {
    RICLOUD_REFERENCE("session", struct subscription_body, sent.session, true, "Its polls use this session."),
    RICLOUD_REFERENCE("source", struct subscription_body, sent.source, false, "Else that of the session."),
    RICLOUD_REFERENCE("storage_config", struct subscription_body, sent.storage_config, false,
                      "Where results of its polls go."),
    {"poll_payload", JSON_TO_OBJECT, offsetof(struct subscription_body, poll_payload), true, 0, 0,
     .about = "The payload of its polls."},
    {"interval", JSON_TO_VALUE, offsetof(struct subscription_body, interval), false, 0, 0,
     .about = "How often, in words of your own: it is kept and shown."},
    {"date_start", JSON_TO_VALUE, offsetof(struct subscription_body, date_start), false, 0, 0,
     .about = "From when on: it is kept and shown."},
    {"date_end", JSON_TO_VALUE, offsetof(struct subscription_body, date_end), false, 0, 0,
     .about = "Until when: it is kept and shown."},
};

static void put_value(struct json_out *to, const char *member, const struct json *value)
{
    json_key(to, member);
    if (value)
        json_raw(to, value->raw, value->raw_len);
    else
        json_null(to);
}

static const char *subscription_words(struct request *rq, const struct subscription_body *b,
                                      const char *state, const char *user, const char *session,
                                      const char *source, const char *storage)
{
    struct json_out words = begin_body(rq);
    ricloud_put(&words, "org", api_session(rq)->actor.project_name);
    ricloud_put(&words, "user", user);
    ricloud_put(&words, "source", source);
    ricloud_put(&words, "session", session);
    ricloud_put(&words, "storage_config", storage);
    put_value(&words, "poll_payload", b->poll_payload);
    put_value(&words, "interval", b->interval);
    put_value(&words, "date_start", b->date_start);
    put_value(&words, "date_end", b->date_end);
    ricloud_put(&words, "state", state);
    return end_body(&words);
}

static int store_subscription(struct request *rq, const struct subscription_body *b,
                              const struct document *session, const char *source, const char *storage,
                              struct document **ret, struct err *e)
{
    const char *user = ricloud_text(rq, session, "user");
    const char *words = subscription_words(rq, b, "active", user, session->id, source, storage);
    int rc = document_create(api_session(rq), RICLOUD_SUBSCRIPTION, NULL, NULL, words, ret, e);
    if (rc == 0)
        rc = ricloud_label(rq, (*ret)->id, "user", user, e);
    if (rc == 0)
        rc = ricloud_label(rq, (*ret)->id, "session", session->id, e);
    return rc < 0 ? rc : ricloud_label(rq, (*ret)->id, "source", source, e);
}

int ricloud_subscription_create(struct request *rq, struct err *e)
{
    struct subscription_body b = {.poll_payload = NULL};
    struct document *session = NULL;
    struct document *source = NULL;
    struct document *d = NULL;
    struct storage *storage = NULL;
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0)
        rc = ricloud_refer(rq, b.sent.source, "source", RICLOUD_SOURCE, &source, e);
    if (rc >= 0)
        rc = ricloud_refer(rq, b.sent.session, "session", RICLOUD_SESSION, &session, e);
    if (rc == 0)
        rc = err_at(e, ERR_MISSING, ERR_POINTER, "/session", "\"session\" is missing: the id of a session");
    if (rc > 0)
        rc = ricloud_read_storage(rq, b.sent.storage_config, &storage, e);
    if (rc == 0)
        rc = store_subscription(rq, &b, session, source ? source->id : ricloud_text(rq, session, "_source"),
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
    struct subscription_body b = {.poll_payload = NULL};
    const struct json *words = NULL;
    struct document *d = NULL;
    int rc = document_get(api_session(rq), RICLOUD_SUBSCRIPTION, rq->places[0], &d, e);
    if (rc == 0)
        rc = ricloud_parse(rq, d, &words, e);
    if (rc == 0)
        rc = json_read_known(words, ricloud_subscription_fields, API_COUNT(ricloud_subscription_fields), &b,
                             e);
    if (rc == 0)
        rc = document_change(api_session(rq), d,
                             subscription_words(rq, &b, "deleted", ricloud_text(rq, d, "user"),
                                                ricloud_text(rq, d, "session"), ricloud_text(rq, d, "source"),
                                                ricloud_text(rq, d, "storage_config")),
                             e);
    return rc < 0 ? rc : ricloud_send(rq, 200, put_subscription, d, e);
}
