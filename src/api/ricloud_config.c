/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud: storage and webhook configs. The former are the project's storages (core/storage.h), the latter
 * documents. What is secret in them is sealed and never answered, but for a webhook's secret in the answer to
 * its making: without it nobody could check a signature.
 */
#include "api/ricloud.h"

#include "base/id.h"
#include "core/secret.h"
#include "core/sign.h"
#include "core/storage.h"

#include <string.h>
#include <strings.h>

enum { SECRET_LEN = 40 };

static int send_one(struct request *rq, const char *kind, ricloud_put_fn *put, struct err *e)
{
    struct document *d = NULL;
    int rc = document_get(api_session(rq), kind, rq->places[0], &d, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, put, d, e);
}

/* The answer is what was there. */
static int remove_one(struct request *rq, const char *kind, ricloud_put_fn *put, struct err *e)
{
    struct document *d = NULL;
    int rc = document_get(api_session(rq), kind, rq->places[0], &d, e);
    if (rc == 0)
        rc = ricloud_send(rq, 200, put, d, e);
    return rc < 0 ? rc : document_remove(api_session(rq), d, e);
}

/* --- storage --- */

/* As it is sent; a change leaves what it does not name. */
struct body {
    const char *name, *url;
    const struct json *credentials;
    const char *access_key_id, *secret_access_key, *region, *endpoint;
    bool signed_urls_enabled;
    int64_t signed_urls_expiry;
};

static const struct json_field credential_fields[] = {
    {"access_key_id", JSON_TO_STRING, offsetof(struct body, access_key_id), false, 1, RICLOUD_LONGEST_TEXT,
     .about = "The bucket's key."},
    {"secret_access_key", JSON_TO_STRING, offsetof(struct body, secret_access_key), false, 1, 1000,
     .about = "Its secret, which is in no answer. With another `endpoint` it has to be sent again."},
    {"region", JSON_TO_STRING, offsetof(struct body, region), false, 1, RICLOUD_LONGEST_TEXT,
     .about = "The bucket's region."},
    {"endpoint", JSON_TO_STRING, offsetof(struct body, endpoint), false, 1, 2000,
     .about = "The address of the service, if it is not AWS."},
};
const struct json_field ricloud_storage_fields[5] = {
    {"name", JSON_TO_STRING, offsetof(struct body, name), false, 1, RICLOUD_LONGEST_TEXT,
     .about = "What it is called; its id, if nothing is said."},
    {"url", JSON_TO_STRING, offsetof(struct body, url), false, 1, 2000,
     .about = "`s3://BUCKET` or `s3://BUCKET/PREFIX`."},
    {"credentials", JSON_TO_OBJECT, offsetof(struct body, credentials), false, 0, 0,
     .about = "How the server gets in.", .members = credential_fields,
     .member_count = API_COUNT(credential_fields)},
    {"signed_urls_enabled", JSON_TO_BOOL, offsetof(struct body, signed_urls_enabled), false, 0, 0,
     .about = "Downloads are sent to the bucket."},
    {"signed_urls_expiry", JSON_TO_INT, offsetof(struct body, signed_urls_expiry), false, 1, SIGN_LONGEST,
     .about = "For how many seconds such an address works."},
};

/* `st` is what it was before, and is changed to what is sent. */
static int read_storage(struct request *rq, struct storage *st, const char **ret_secret, struct err *e)
{
    struct body b = {.name = st->name,
                     .url = st->url,
                     .access_key_id = st->access_key_id,
                     .region = st->region,
                     .endpoint = st->endpoint,
                     .signed_urls_enabled = st->redirects,
                     .signed_urls_expiry = st->link_lifetime};
    int rc = api_read(rq, NULL, &b, e);
    if (rc == 0 && b.credentials) {
        rc = json_read_known(b.credentials, credential_fields, API_COUNT(credential_fields), &b, e);
        if (rc < 0)
            err_prefix(e, "/credentials");
    }
    st->name = b.name;
    st->url = b.url;
    st->access_key_id = b.access_key_id;
    st->region = b.region;
    st->endpoint = b.endpoint;
    st->redirects = b.signed_urls_enabled;
    st->link_lifetime = b.signed_urls_expiry;
    *ret_secret = b.secret_access_key;
    return rc;
}

/* Here these members are among the credentials. */
static int relocate(int rc, struct err *e)
{
    if (rc < 0 && (strcmp(e->where, "/region") == 0 || strcmp(e->where, "/endpoint") == 0))
        err_prefix(e, "/credentials");
    return rc;
}

int ricloud_put_storage(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    const struct storage *st = row;
    (void)e;
    ricloud_begin(j, rq, "storage_config", st->id);
    ricloud_put(j, "type", "s3");
    ricloud_put(j, "name", st->name);
    ricloud_put(j, "url", st->url);
    json_key(j, "credentials");
    json_begin_object(j);
    ricloud_put(j, "access_key_id", st->access_key_id);
    ricloud_put(j, "region", st->region);
    ricloud_put(j, "endpoint", st->endpoint);
    json_end_object(j);
    json_key(j, "signed_urls_enabled");
    json_bool(j, st->redirects);
    json_key(j, "signed_urls_expiry");
    if (st->link_lifetime)
        json_int(j, st->link_lifetime);
    else
        json_null(j);
    ricloud_put(j, "state", storage_state_names[st->state]);
    json_key(j, "date_created");
    json_time(j, st->created_at);
    json_end_object(j);
    return 0;
}

int ricloud_storage_create(struct request *rq, struct err *e)
{
    struct storage st = {.path_style = -1};
    const char *secret = NULL;
    int rc = read_storage(rq, &st, &secret, e);
    if (rc == 0)
        rc = relocate(storage_create(api_session(rq), &st, secret, e), e);
    return rc < 0 ? rc : ricloud_send(rq, 201, ricloud_put_storage, &st, e);
}

static int place(struct request *rq, const char *kind, const char *id, int64_t *ret, struct err *e)
{
    struct storage *st = NULL;
    (void)kind;
    int rc = storage_get(api_session(rq), id, &st, e);
    if (rc == 0)
        *ret = st->pk;
    return rc;
}

int ricloud_storage_list(struct request *rq, struct err *e)
{
    struct ricloud_rows *rows = arena_alloc(&rq->arena, sizeof *rows);
    struct storage *st = NULL;
    struct ricloud_query q;
    int64_t total = 0;
    int rc = ricloud_read_query(rq, place, NULL, NULL, &q, e);
    if (rc < 0)
        return rc;
    struct storage_filter f = {.created_after = q.since, .newest_first = q.newest_first};
    rc = storage_list(api_session(rq), &f, &q.page, &st, e);
    if (rc == 0)
        rc = storage_count(api_session(rq), &total, e);
    for (; rc == 0 && st; st = st->next)
        ricloud_take(rows, &q, st);
    return rc < 0 ? rc : ricloud_send_list(rq, &q, rows, ricloud_put_storage, total, "/configs/storage", e);
}

int ricloud_put_storages(struct json_out *j, struct request *rq, const char **ret_default, struct err *e)
{
    struct storage_filter f = {.newest_first = false};
    struct page page = {.limit = RICLOUD_LARGEST_LIMIT};
    struct storage *st = NULL;
    int64_t total = 0;
    int64_t shown = 0;
    int rc = storage_list(api_session(rq), &f, &page, &st, e);
    if (rc == 0)
        rc = storage_count(api_session(rq), &total, e);
    ricloud_begin_list(j);
    for (; rc == 0 && st; st = st->next, shown++) {
        rc = ricloud_put_storage(j, rq, st, e);
        if (st->is_default)
            *ret_default = st->id;
    }
    ricloud_end_list(j, rq, shown < total, total, "/configs/storage");
    return rc;
}

int ricloud_storage_get(struct request *rq, struct err *e)
{
    struct storage *st = NULL;
    int rc = storage_get(api_session(rq), rq->places[0], &st, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, ricloud_put_storage, st, e);
}

int ricloud_storage_update(struct request *rq, struct err *e)
{
    struct storage *before = NULL;
    const char *secret = NULL;
    int rc = storage_get(api_session(rq), rq->places[0], &before, e);
    if (rc < 0)
        return rc;
    struct storage after = *before;
    rc = read_storage(rq, &after, &secret, e);
    if (rc == 0)
        rc = relocate(storage_change(api_session(rq), before, &after, secret, e), e);
    return rc < 0 ? rc : ricloud_send(rq, 200, ricloud_put_storage, &after, e);
}

/* The answer is what was there. */
int ricloud_storage_delete(struct request *rq, struct err *e)
{
    struct storage *st = NULL;
    int rc = storage_get(api_session(rq), rq->places[0], &st, e);
    if (rc == 0)
        rc = storage_remove(api_session(rq), st, e);
    return rc < 0 ? rc : ricloud_send(rq, 200, ricloud_put_storage, st, e);
}

int ricloud_read_storage(struct request *rq, const struct json *value, struct storage **ret, struct err *e)
{
    if (value && value->type == JSON_OBJECT)
        value = json_member(value, "id");
    if (!value || value->type == JSON_NULL)
        return 0;
    int rc = value->type == JSON_STRING ? storage_get(api_session(rq), value->string, ret, e) : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND)
        return err_at(e, ERR_BAD_REFERENCE, ERR_POINTER, "/storage_config",
                      "\"storage_config\" must be the id of one of /configs/storage");
    return rc;
}

/* --- webhooks --- */

const struct json_field ricloud_webhook_fields[1] = {
    {"url", JSON_TO_STRING, 0, true, 1, 2000, .about = "An address that begins with http:// or https://."},
};

static int read_webhook(struct request *rq, const char **ret_url, struct err *e)
{
    int rc = api_read(rq, NULL, ret_url, e);
    if (rc < 0)
        return rc;
    const char *url = *ret_url;
    size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    bool plain = scheme && url[scheme] && url[scheme] != '/';
    for (const char *c = url; plain && *c; c++)
        plain = (unsigned char)*c > 0x20 && (unsigned char)*c < 0x7f;
    if (!plain)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/url",
                      "\"url\" must be an address that begins with http:// or https://");
    return 0;
}

static const char *webhook_body(struct request *rq, const char *url, const char *sealed)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    ricloud_put(&j, "url", url);
    ricloud_put(&j, "secret", NULL);
    ricloud_put(&j, "_secret", sealed);
    ricloud_put(&j, "state", "new");
    json_end_object(&j);
    return buf_str(&j.buf);
}

int ricloud_put_webhook(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    return ricloud_put_document(j, rq, "webhook_config", row, e);
}

/* In the one answer that shows it. */
static int put_with_secret(struct json_out *j, struct request *rq, const struct document *d, const char *url,
                           const char *secret)
{
    ricloud_begin(j, rq, "webhook_config", d->id);
    ricloud_put(j, "url", url);
    ricloud_put(j, "secret", secret);
    ricloud_put(j, "state", "new");
    json_key(j, "date_created");
    json_time(j, d->created_at);
    json_end_object(j);
    response_header(rq, "Cache-Control", "no-store");
    return api_send_json(rq, 201, j);
}

int ricloud_webhook_create(struct request *rq, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    char secret[SECRET_LEN + 1];
    const char *url = NULL;
    struct document *d = NULL;
    int rc = read_webhook(rq, &url, e);
    if (rc < 0)
        return rc;
    id_token(secret, SECRET_LEN);
    const char *sealed =
        secret_seal(api_app(rq)->core.secrets, &rq->arena, RICLOUD_WEBHOOK, secret, SECRET_LEN);
    rc = document_create(api_session(rq), RICLOUD_WEBHOOK, NULL, NULL, webhook_body(rq, url, sealed), &d, e);
    return rc < 0 ? rc : put_with_secret(&j, rq, d, url, secret);
}

int ricloud_webhook_list(struct request *rq, struct err *e)
{
    return ricloud_list_documents(rq, RICLOUD_WEBHOOK, NULL, ricloud_put_webhook, "/configs/webhook", e);
}

int ricloud_webhook_get(struct request *rq, struct err *e)
{
    return send_one(rq, RICLOUD_WEBHOOK, ricloud_put_webhook, e);
}

int ricloud_webhook_update(struct request *rq, struct err *e)
{
    struct document *d = NULL;
    const char *url = NULL;
    int rc = document_get(api_session(rq), RICLOUD_WEBHOOK, rq->places[0], &d, e);
    if (rc == 0)
        rc = read_webhook(rq, &url, e);
    if (rc == 0)
        rc = document_change(api_session(rq), d, webhook_body(rq, url, ricloud_text(rq, d, "_secret")), e);
    return rc < 0 ? rc : ricloud_send(rq, 200, ricloud_put_webhook, d, e);
}

int ricloud_webhook_delete(struct request *rq, struct err *e)
{
    return remove_one(rq, RICLOUD_WEBHOOK, ricloud_put_webhook, e);
}
