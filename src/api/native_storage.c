/* SPDX-License-Identifier: Apache-2.0 */
/* Native API: storages, which are buckets of the project's own. Their secrets come in and never go out. */
#include "api/native.h"
#include "api/tried.h"
#include "core/sign.h"
#include "core/storage.h"

#include <assert.h>
#include <string.h>

enum { LONGEST_TEXT = 255, LONGEST_ADDRESS = 2000, LONGEST_SECRET = 1000 };

/* As it is sent; a change leaves what it does not name. */
struct body {
    const char *name, *url, *endpoint, *region, *deliver;
    const struct json *path_style, *is_default; /* true, false or, of path_style, null */
    const struct json *credentials;
    const char *access_key_id, *secret_access_key;
    const struct json *link_lifetime; /* a number or null */
};

static const struct json_field fields[] = {
    {"name", JSON_TO_STRING, offsetof(struct body, name), false, 1, LONGEST_TEXT},
    {"url", JSON_TO_STRING, offsetof(struct body, url), false, 1, LONGEST_ADDRESS},
    {"endpoint", JSON_TO_STRING, offsetof(struct body, endpoint), false, 1, LONGEST_ADDRESS},
    {"region", JSON_TO_STRING, offsetof(struct body, region), false, 1, LONGEST_TEXT},
    {"path_style", JSON_TO_VALUE, offsetof(struct body, path_style), false, 0, 0},
    {"deliver", JSON_TO_STRING, offsetof(struct body, deliver), false, 1, LONGEST_TEXT},
    {"link_lifetime", JSON_TO_VALUE, offsetof(struct body, link_lifetime), false, 0, 0},
    {"default", JSON_TO_VALUE, offsetof(struct body, is_default), false, 0, 0},
    {"credentials", JSON_TO_OBJECT, offsetof(struct body, credentials), false, 0, 0},
};
static const struct json_field credential_fields[] = {
    {"access_key_id", JSON_TO_STRING, offsetof(struct body, access_key_id), false, 1, LONGEST_TEXT},
    {"secret_access_key", JSON_TO_STRING, offsetof(struct body, secret_access_key), false, 1, LONGEST_SECRET},
};

/* --- out --- */

static void put(struct json_out *j, const char *key, const char *value)
{
    json_key(j, key);
    json_string(j, value);
}

static void put_storage(struct json_out *j, const struct storage *st)
{
    assert(st);
    json_begin_object(j);
    put(j, "id", st->id);
    put(j, "name", st->name);
    put(j, "url", st->url);
    put(j, "endpoint", st->endpoint);
    put(j, "region", st->region);
    json_key(j, "path_style");
    if (st->path_style < 0)
        json_null(j);
    else
        json_bool(j, st->path_style != 0);
    put(j, "deliver", st->redirects ? "redirect" : "proxy");
    json_key(j, "link_lifetime");
    if (st->link_lifetime)
        json_int(j, st->link_lifetime);
    else
        json_null(j);
    json_key(j, "default");
    json_bool(j, st->is_default);
    json_key(j, "credentials");
    json_begin_object(j);
    put(j, "access_key_id", st->access_key_id);
    json_end_object(j);
    put(j, "state", storage_state_names[st->state]);
    put(j, "creator", st->creator_name);
    json_key(j, "created_at");
    json_time(j, st->created_at);
    json_key(j, "changed_at");
    json_time(j, st->changed_at);
    json_end_object(j);
}

static int send_storage(struct request *rq, int status, const struct storage *st)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    put_storage(&j, st);
    return native_send(rq, status, &j);
}

/* --- in --- */

static int read_path_style(const struct json *value, struct storage *st, struct err *e)
{
    if (value && value->type != JSON_BOOL && value->type != JSON_NULL)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/path_style",
                      "the member \"path_style\" must be true, false or null");
    if (value)
        st->path_style = value->type == JSON_NULL ? -1 : value->truth;
    return 0;
}

static int read_lifetime(const struct json *value, struct storage *st, struct err *e)
{
    int64_t seconds = 0;
    static const struct json_field field[] = {{"link_lifetime", JSON_TO_INT, 0, false, 1, SIGN_LONGEST}};
    struct json alone = {.type = JSON_OBJECT};
    if (!value)
        return 0;
    struct json member = *value;
    member.next = NULL;
    alone.first = &member;
    int rc = json_read(&alone, field, API_COUNT(field), &seconds, e);
    if (rc == 0)
        st->link_lifetime = seconds;
    return rc;
}

static int read_deliver(const char *word, struct storage *st, struct err *e)
{
    if (word && strcmp(word, "proxy") != 0 && strcmp(word, "redirect") != 0)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/deliver",
                      "the member \"deliver\" must be proxy or redirect");
    if (word)
        st->redirects = strcmp(word, "redirect") == 0;
    return 0;
}

static void take_texts(const struct body *b, struct storage *st)
{
    const struct {
        const char *from;
        const char **to;
    } all[] = {{b->name, &st->name},
               {b->url, &st->url},
               {b->endpoint, &st->endpoint},
               {b->region, &st->region},
               {b->access_key_id, &st->access_key_id}};
    for (size_t i = 0; i < API_COUNT(all); i++)
        if (all[i].from)
            *all[i].to = all[i].from;
}

static int read_body(struct request *rq, struct body *b, struct storage *st, struct err *e)
{
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = api_read_body(rq, false, fields, API_COUNT(fields), b, e);
    if (rc == 0 && b->credentials) {
        rc = json_read(b->credentials, credential_fields, API_COUNT(credential_fields), b, e);
        if (rc < 0)
            err_prefix(e, "/credentials");
    }
    if (rc == 0)
        rc = read_path_style(b->path_style, st, e);
    if (rc == 0)
        rc = read_lifetime(b->link_lifetime, st, e);
    if (rc == 0)
        rc = read_deliver(b->deliver, st, e);
    if (rc == 0 && b->is_default && b->is_default->type != JSON_BOOL)
        rc =
            err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/default", "the member \"default\" must be true or false");
    take_texts(b, st);
    return rc;
}

/* Its flag is the project's; the row is read anew to be shown. */
static int finish(struct request *rq, int status, struct storage *st, const struct body *b, struct err *e)
{
    int rc = b->is_default ? storage_make_default(api_session(rq), st, b->is_default->truth, e) : 0;
    if (rc == 0)
        rc = storage_get(api_session(rq), st->id, &st, e);
    return rc < 0 ? rc : send_storage(rq, status, st);
}

/* --- handlers --- */

int native_storage_create(struct request *rq, struct err *e)
{
    struct body b = {.name = NULL};
    struct storage st = {.path_style = -1};
    int rc = read_body(rq, &b, &st, e);
    if (rc == 0 && !st.name)
        rc = err_at(e, ERR_MISSING, ERR_POINTER, "/name", "the member \"name\" is required");
    if (rc == 0)
        rc = storage_create(api_session(rq), &st, b.secret_access_key, e);
    if (rc < 0)
        return rc;
    response_header(rq, "Location", arena_printf(&rq->arena, NATIVE "/storages/%s", st.id));
    return finish(rq, 201, &st, &b, e);
}

int native_storage_list(struct request *rq, struct err *e)
{
    struct storage_filter f = {.newest_first = true};
    struct native_page page;
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct storage *st = NULL;
    int rc = native_page_open(rq, &page, e);
    if (rc == 0)
        rc = request_no_params(rq, e);
    if (rc == 0)
        rc = storage_list(api_session(rq), &f, &page.page, &st, e);
    if (rc < 0)
        return rc;
    json_begin_object(&j);
    json_key(&j, "data");
    json_begin_array(&j);
    for (; st && native_page_take(&page, st->pk); st = st->next)
        put_storage(&j, st);
    return native_page_send(rq, &page, &j, st != NULL);
}

int native_storage_get(struct request *rq, struct err *e)
{
    struct storage *st = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = storage_get(api_session(rq), rq->places[0], &st, e);
    return rc < 0 ? rc : send_storage(rq, 200, st);
}

int native_storage_change(struct request *rq, struct err *e)
{
    struct body b = {.name = NULL};
    struct storage *before = NULL;
    int rc = storage_get(api_session(rq), rq->places[0], &before, e);
    if (rc < 0)
        return rc;
    struct storage st = *before;
    rc = read_body(rq, &b, &st, e);
    if (rc == 0)
        rc = storage_change(api_session(rq), before, &st, b.secret_access_key, e);
    return rc < 0 ? rc : finish(rq, 200, &st, &b, e);
}

int native_storage_delete(struct request *rq, struct err *e)
{
    struct storage *st = NULL;
    int rc = request_no_params(rq, e);
    if (rc == 0)
        rc = storage_get(api_session(rq), rq->places[0], &st, e);
    if (rc == 0)
        rc = storage_remove(api_session(rq), st, e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

/* --- trying one out --- */

static void put_steps(struct json_out *j, const struct trial *t)
{
    json_key(j, "steps");
    json_begin_array(j);
    for (int i = 0; i < t->done; i++) {
        bool good = !t->word || i < t->done - 1;
        json_begin_object(j);
        put(j, "step", bucket_steps[i]);
        json_key(j, "ok");
        json_bool(j, good);
        put(j, "code", good ? NULL : t->word);
        put(j, "detail", good ? NULL : t->sentence);
        json_end_object(j);
    }
    json_end_array(j);
}

int native_storage_test(struct request *rq, struct err *e)
{
    const struct tried *t = rq->own;
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct storage *st = NULL;
    int rc = t ? tried_outcome(t, e) : request_no_params(rq, e);
    if (rc == 0 && !t)
        rc = storage_get(api_session(rq), rq->places[0], &st, e);
    if (rc < 0 || !t)
        return rc < 0 ? rc : tried_begin(rq, st, NULL, e);
    json_begin_object(&j);
    json_key(&j, "ok");
    json_bool(&j, !t->trial.word);
    put_steps(&j, &t->trial);
    json_end_object(&j);
    return native_send(rq, 200, &j);
}
