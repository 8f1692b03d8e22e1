/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud: storage and webhook configs. They are documents; what is secret in them is sealed and never
 * answered, but for a webhook's secret in the answer to its making: without it nobody could check a
 * signature.
 */
#include "api/ricloud_storage.h"

#include "base/id.h"
#include "core/bucket.h"
#include "core/secret.h"

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
struct storage {
    const char *url;
    const struct json *credentials;
    const char *access_key_id, *secret_access_key, *region, *endpoint;
    bool signed_urls_enabled;
    int64_t signed_urls_expiry;
    const char *sealed; /* the secret_access_key, as it is stored */
};

static const struct json_field storage_fields[] = {
    {"url", JSON_TO_STRING, offsetof(struct storage, url), false, 1, 2000},
    {"credentials", JSON_TO_OBJECT, offsetof(struct storage, credentials), false, 0, 0},
    {"signed_urls_enabled", JSON_TO_BOOL, offsetof(struct storage, signed_urls_enabled), false, 0, 0},
    {"signed_urls_expiry", JSON_TO_INT, offsetof(struct storage, signed_urls_expiry), false, 1, 604800},
};
static const struct json_field credential_fields[] = {
    {"access_key_id", JSON_TO_STRING, offsetof(struct storage, access_key_id), false, 1,
     RICLOUD_LONGEST_TEXT},
    {"secret_access_key", JSON_TO_STRING, offsetof(struct storage, secret_access_key), false, 1, 1000},
    {"region", JSON_TO_STRING, offsetof(struct storage, region), false, 1, RICLOUD_LONGEST_TEXT},
    {"endpoint", JSON_TO_STRING, offsetof(struct storage, endpoint), false, 1, 2000},
};

/* Names of buckets (3–63 of a-z, 0-9, '.', '-') need no escape anywhere, prefixes are text without controls.
 */
static bool is_s3_url(const char *url)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    if (strncmp(url, "s3://", 5) != 0)
        return false;
    size_t bucket = strspn(url + 5, letters);
    const char *rest = url + 5 + bucket;
    if (bucket < 3 || bucket > 63 || url[5] == '.' || url[5] == '-' || (*rest && *rest != '/'))
        return false;
    for (; *rest; rest++)
        if ((unsigned char)*rest < 0x20 || *rest == 0x7f)
            return false;
    return true;
}

/* Scheme, host, port: nothing else, for the rest of the address is the request's. */
static bool is_endpoint(const char *url)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    return scheme && url[scheme] && strspn(url + scheme, letters) == strlen(url + scheme);
}

static int check_storage(const struct storage *s, struct err *e)
{
    if (!s->url || !is_s3_url(s->url))
        return err_at(e, s->url ? ERR_BAD_VALUE : ERR_MISSING, ERR_POINTER, "/url",
                      "\"url\" must be s3://BUCKET or s3://BUCKET/PREFIX");
    if (!s->access_key_id || !s->sealed)
        return err_at(e, ERR_MISSING, ERR_POINTER, "/credentials",
                      "\"credentials\" must have access_key_id and secret_access_key");
    if (s->region && strspn(s->region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(s->region))
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/credentials/region",
                      "\"region\" must be a name like eu-west-1");
    if (s->endpoint && !is_endpoint(s->endpoint))
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/credentials/endpoint",
                      "\"endpoint\" must be http:// or https:// and a host, and nothing more");
    return 0;
}

static int read_storage(struct request *rq, struct storage *s, struct err *e)
{
    s->credentials = NULL;
    int rc = api_read_known(rq, false, storage_fields, API_COUNT(storage_fields), s, e);
    if (rc == 0 && s->credentials) {
        rc = json_read_known(s->credentials, credential_fields, API_COUNT(credential_fields), s, e);
        if (rc < 0)
            err_prefix(e, "/credentials");
    }
    if (rc == 0 && s->secret_access_key)
        s->sealed = secret_seal(api_app(rq)->core.secrets, &rq->arena, RICLOUD_STORAGE, s->secret_access_key,
                                strlen(s->secret_access_key));
    return rc < 0 ? rc : check_storage(s, e);
}

static const char *storage_body(struct request *rq, const struct storage *s, const char *state)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    ricloud_put(&j, "type", "s3");
    ricloud_put(&j, "url", s->url);
    json_key(&j, "credentials");
    json_begin_object(&j);
    ricloud_put(&j, "access_key_id", s->access_key_id);
    ricloud_put(&j, "region", s->region);
    ricloud_put(&j, "endpoint", s->endpoint);
    json_end_object(&j);
    json_key(&j, "signed_urls_enabled");
    json_bool(&j, s->signed_urls_enabled);
    json_key(&j, "signed_urls_expiry");
    if (s->signed_urls_expiry)
        json_int(&j, s->signed_urls_expiry);
    else
        json_null(&j);
    ricloud_put(&j, "_secret", s->sealed);
    ricloud_put(&j, "state", state);
    json_end_object(&j);
    return buf_str(&j.buf);
}

int ricloud_put_storage(struct json_out *j, struct request *rq, const void *row, struct err *e)
{
    return ricloud_put_document(j, rq, "storage_config", row, e);
}

int ricloud_storage_create(struct request *rq, struct err *e)
{
    struct storage s = {.url = NULL};
    struct document *d = NULL;
    int rc = read_storage(rq, &s, e);
    if (rc == 0)
        rc =
            document_create(api_session(rq), RICLOUD_STORAGE, NULL, NULL, storage_body(rq, &s, "new"), &d, e);
    return rc < 0 ? rc : ricloud_send(rq, 201, ricloud_put_storage, d, e);
}

int ricloud_storage_list(struct request *rq, struct err *e)
{
    return ricloud_list_documents(rq, RICLOUD_STORAGE, NULL, ricloud_put_storage, "/configs/storage", e);
}

int ricloud_storage_get(struct request *rq, struct err *e)
{
    return send_one(rq, RICLOUD_STORAGE, ricloud_put_storage, e);
}

static int load_storage(struct request *rq, const struct document *d, struct storage *s, struct err *e)
{
    const struct json *body = NULL;
    int rc = ricloud_parse(rq, d, &body, e);
    if (rc == 0)
        rc = json_read_known(body, storage_fields, API_COUNT(storage_fields), s, e);
    if (rc == 0)
        rc = json_read_known(s->credentials, credential_fields, API_COUNT(credential_fields), s, e);
    s->sealed = ricloud_text(rq, d, "_secret");
    return rc;
}

int ricloud_storage_bucket(struct request *rq, const struct document *d, struct bucket *ret, struct err *e)
{
    struct storage s = {.url = NULL};
    const char *secret = NULL;
    size_t len;
    int rc = load_storage(rq, d, &s, e);
    if (rc == 0 && (!s.url || !s.sealed))
        rc = err_operator(e, ERR_INTERNAL, "internal error", "a storage config lacks its url or its secret");
    if (rc == 0)
        rc =
            secret_unseal(api_app(rq)->core.secrets, &rq->arena, RICLOUD_STORAGE, s.sealed, &secret, &len, e);
    if (rc != 0)
        return rc;
    const char *name = s.url + strlen("s3://");
    size_t name_len = strcspn(name, "/");
    *ret = (struct bucket){.name = arena_copy(&rq->arena, name, name_len),
                           .prefix = name[name_len] ? name + name_len + 1 : "",
                           .region = s.region,
                           .endpoint = s.endpoint,
                           .access_key_id = s.access_key_id,
                           .secret_access_key = secret};
    return 0;
}

int ricloud_storage_mark(struct request *rq, struct document *d, const char *state, struct err *e)
{
    struct storage s = {.url = NULL};
    int rc = load_storage(rq, d, &s, e);
    return rc < 0 ? rc : document_change(api_session(rq), d, storage_body(rq, &s, state), e);
}

/*
 * Who may change where it goes must also know the secret: else one who only administers could have it sent to
 * a place of his own.
 */
static int check_endpoint_change(const struct storage *before, const struct storage *after, struct err *e)
{
    bool same = before->endpoint && after->endpoint ? strcmp(before->endpoint, after->endpoint) == 0
                                                    : before->endpoint == after->endpoint;
    if (same || after->secret_access_key)
        return 0;
    return err_at(e, ERR_MISSING, ERR_POINTER, "/credentials/secret_access_key",
                  "another endpoint needs the secret_access_key with it");
}

int ricloud_storage_update(struct request *rq, struct err *e)
{
    struct storage before = {.url = NULL};
    struct document *d = NULL;
    int rc = document_get(api_session(rq), RICLOUD_STORAGE, rq->places[0], &d, e);
    if (rc == 0)
        rc = load_storage(rq, d, &before, e);
    struct storage after = before;
    if (rc == 0)
        rc = read_storage(rq, &after, e);
    if (rc == 0)
        rc = check_endpoint_change(&before, &after, e);
    if (rc == 0)
        rc = document_change(api_session(rq), d, storage_body(rq, &after, "new" /* not tested */), e);
    return rc < 0 ? rc : ricloud_send(rq, 200, ricloud_put_storage, d, e);
}

int ricloud_storage_delete(struct request *rq, struct err *e)
{
    return remove_one(rq, RICLOUD_STORAGE, ricloud_put_storage, e);
}

/* --- webhooks --- */

static int read_webhook(struct request *rq, const char **ret_url, struct err *e)
{
    static const struct json_field fields[] = {{"url", JSON_TO_STRING, 0, true, 1, 2000}};
    int rc = api_read_known(rq, false, fields, API_COUNT(fields), ret_url, e);
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
