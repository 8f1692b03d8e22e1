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

static const char *const deliver_words[] = {"proxy", "redirect"};

#define TEXT_FIELD(name, field, largest) name, JSON_TO_STRING, offsetof(struct body, field), false, 1, largest

static const struct json_field credential_fields[] = {
    {TEXT_FIELD("access_key_id", access_key_id, LONGEST_TEXT),
     .about = "The public half of the bucket's key."},
    {TEXT_FIELD("secret_access_key", secret_access_key, LONGEST_SECRET),
     .about = "The secret half. It is sealed before it is stored, and never shown again."},
};
static const struct json_field fields[] = {
    {TEXT_FIELD("name", name, LONGEST_TEXT), .about = "Unique in the project; required for a new one."},
    {TEXT_FIELD("url", url, LONGEST_ADDRESS), .about = "`s3://BUCKET` or `s3://BUCKET/PREFIX`."},
    {TEXT_FIELD("endpoint", endpoint, LONGEST_ADDRESS),
     .about = "`https://HOST[:PORT]`; without it Amazon's."},
    {TEXT_FIELD("region", region, LONGEST_TEXT), .about = "`us-east-1` without it."},
    {"path_style", JSON_TO_VALUE, offsetof(struct body, path_style), false, 0, 0,
     .about = "Whether the bucket stands in the path; null: where there is an endpoint.",
     .types = "boolean null"},
    {TEXT_FIELD("deliver", deliver, LONGEST_TEXT),
     .about = "Whether clients get bytes through the server, or are sent to the bucket.",
     .words = deliver_words, .word_count = API_COUNT(deliver_words)},
    {"link_lifetime", JSON_TO_VALUE, offsetof(struct body, link_lifetime), false, 0, 0,
     .about = "Seconds that an address of the bucket is good for; null: as the server says.",
     .types = "integer null"},
    {"default", JSON_TO_VALUE, offsetof(struct body, is_default), false, 0, 0,
     .about = "Whether the project's results go there.", .types = "boolean"},
    {"credentials", JSON_TO_OBJECT, offsetof(struct body, credentials), .about = "What opens the bucket.",
     .members = credential_fields, .member_count = API_COUNT(credential_fields)},
};

/* --- out --- */

static void put_path_style(struct json_out *j, struct request *rq, const void *object)
{
    const struct storage *st = object;
    (void)rq;
    if (st->path_style < 0)
        json_null(j);
    else
        json_bool(j, st->path_style != 0);
}

static void put_deliver(struct json_out *j, struct request *rq, const void *object)
{
    (void)rq;
    json_string(j, deliver_words[((const struct storage *)object)->redirects]);
}

static void put_lifetime(struct json_out *j, struct request *rq, const void *object)
{
    const struct storage *st = object;
    (void)rq;
    if (st->link_lifetime)
        json_int(j, st->link_lifetime);
    else
        json_null(j);
}

static const struct member credential_members[] = {
    {"access_key_id", SHAPE_TEXT, offsetof(struct storage, access_key_id),
     "The public half of the bucket's key.", "\"AKIA0EXAMPLE\""},
};
static const struct shape credential_shape = {NULL, NULL, credential_members, API_COUNT(credential_members)};

#define STORAGE(name, kind, field) name, kind, offsetof(struct storage, field)

static const struct member storage_members[] = {
    {STORAGE("id", SHAPE_UUID, id), "The name under which it is found, for good."},
    {STORAGE("name", SHAPE_TEXT, name), "Unique in the project.", "\"ours\""},
    {STORAGE("url", SHAPE_URL, url), "`s3://BUCKET` or `s3://BUCKET/PREFIX`.", "\"s3://our-bucket/results\""},
    {STORAGE("endpoint", SHAPE_URL, endpoint), "null: Amazon's of the region.", "null", .can_be_null = true},
    {STORAGE("region", SHAPE_TEXT, region), "null: `us-east-1`.", "\"eu-west-1\"", .can_be_null = true},
    {STORAGE("path_style", SHAPE_BOOL, path_style), "null: where there is an endpoint.", "null",
     .can_be_null = true, .put = put_path_style},
    {STORAGE("deliver", SHAPE_TEXT, redirects), "How clients get the bytes.", .words = deliver_words,
     .word_count = API_COUNT(deliver_words), .put = put_deliver},
    {STORAGE("link_lifetime", SHAPE_INT, link_lifetime), "Seconds; null: as the server says.", "null",
     .can_be_null = true, .put = put_lifetime},
    {STORAGE("default", SHAPE_BOOL, is_default), "Whether the project's results go there."},
    {"credentials", SHAPE_OBJECT, 0, "Without the secret.", .of = &credential_shape},
    {STORAGE("state", SHAPE_WORD, state), "How its last test went.", .words = storage_state_names,
     .word_count = STORAGE_STATE_END},
    {STORAGE("creator", SHAPE_TEXT, creator_name), "The key or user that made it.", "\"admin\""},
    {STORAGE("created_at", SHAPE_TIME, created_at), "RFC 3339 in UTC."},
    {STORAGE("changed_at", SHAPE_TIME, changed_at), "RFC 3339 in UTC."},
};
static const struct shape storage_shape = {"Storage", "A bucket of the project's own.", storage_members,
                                           API_COUNT(storage_members)};

static int send_storage(struct request *rq, int status, const struct storage *st)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    shape_put(&j, rq, &storage_shape, st);
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
    int rc = api_read(rq, NULL, b, e);
    if (rc == 0 && b->credentials) {
        rc = json_read(b->credentials, credential_fields, API_COUNT(credential_fields), b, e);
        if (rc < 0)
            err_prefix(e, "/credentials");
    }
    if (rc == 0)
        rc = read_path_style(b->path_style, st, e);
    if (rc == 0)
        rc = read_lifetime(b->link_lifetime, st, e);
    if (rc == 0 && b->is_default && b->is_default->type != JSON_BOOL)
        rc =
            err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/default", "the member \"default\" must be true or false");
    if (rc == 0 && b->deliver)
        st->redirects = strcmp(b->deliver, "redirect") == 0;
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

const struct operation native_op_storage_create = {
    .id = "createStorage",
    .group = "storages",
    .summary = "Make a storage: a bucket of your own",
    .fields = fields,
    .field_count = API_COUNT(fields),
    .body_example = "{\"name\":\"ours\",\"url\":\"s3://our-bucket/results\",\"region\":\"eu-west-1\","
                    "\"credentials\":{\"access_key_id\":\"AKIA0EXAMPLE\",\"secret_access_key\":\"secret\"}}",
    .answers = {{201, "The storage.", &storage_shape, .headers = {"Location"}}},
    .refusals = {409},
};

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

const struct operation native_op_storage_list = {
    .id = "listStorages",
    .group = "storages",
    .summary = "List storages, newest first",
    .has_pages = true,
    .answers = {{200, "One page.", &storage_shape, ANSWER_PAGE, .headers = {"Link"}}},
};

int native_storage_list(struct request *rq, struct err *e)
{
    struct storage_filter f = {.newest_first = true};
    struct native_page page;
    struct storage *st = NULL;
    int rc = native_page_open(rq, &page, e);
    if (rc == 0)
        rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = storage_list(api_session(rq), &f, &page.page, &st, e);
    if (rc < 0)
        return rc;
    for (; st && native_page_put(&page, &storage_shape, st->pk, st); st = st->next)
        ;
    return native_page_send(&page);
}

const struct operation native_op_storage_get = {
    .id = "getStorage",
    .group = "storages",
    .summary = "Show a storage",
    NATIVE_PLACE_ID,
    .answers = {{200, "The storage.", &storage_shape}},
    .refusals = {404},
};

int native_storage_get(struct request *rq, struct err *e)
{
    struct storage *st = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = storage_get(api_session(rq), rq->places[0], &st, e);
    return rc < 0 ? rc : send_storage(rq, 200, st);
}

const struct operation native_op_storage_change = {
    .id = "changeStorage",
    .group = "storages",
    .summary = "Change a storage: what is named, and nothing else",
    NATIVE_PLACE_ID,
    .fields = fields,
    .field_count = API_COUNT(fields),
    .body_example = "{\"deliver\":\"redirect\"}",
    .answers = {{200, "The storage.", &storage_shape}},
    .refusals = {404, 409},
};

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

const struct operation native_op_storage_delete = {
    .id = "deleteStorage",
    .group = "storages",
    .summary = "Forget a storage, where no result lies",
    NATIVE_PLACE_ID,
    .answers = {{204, "It is gone. The bucket is untouched."}},
    .refusals = {404, 409},
};

int native_storage_delete(struct request *rq, struct err *e)
{
    struct storage *st = NULL;
    int rc = api_read(rq, NULL, NULL, e);
    if (rc == 0)
        rc = storage_get(api_session(rq), rq->places[0], &st, e);
    if (rc == 0)
        rc = storage_remove(api_session(rq), st, e);
    if (rc == 0)
        response_empty(rq, 204);
    return rc;
}

/* --- trying one out --- */

static const struct member step_members[] = {
    {"step", SHAPE_TEXT, 0, "What was tried.", "\"list\""},
    {"ok", SHAPE_BOOL, 0, "Whether it went well.", "true"},
    {"code", SHAPE_TEXT, 0, "A word for programs, else.", "null", .can_be_null = true},
    {"detail", SHAPE_TEXT, 0, "A sentence for people, else.", "null", .can_be_null = true},
};
static const struct shape step_shape = {"StorageStep", "One of a test.", step_members,
                                        API_COUNT(step_members)};

static const struct member test_members[] = {
    {"ok", SHAPE_BOOL, 0, "Whether all of it went well.", "true"},
    {"steps", SHAPE_OBJECT, 0, "Up to the first that failed.", .is_list = true, .of = &step_shape},
};
static const struct shape test_shape = {"StorageTest", "How a storage was tried out.", test_members,
                                        API_COUNT(test_members)};

const struct operation native_op_storage_test = {
    .id = "testStorage",
    .group = "storages",
    .summary = "List, write, read and remove a small object in a storage",
    NATIVE_PLACE_ID,
    .answers = {{200, "How it went, well or not.", &test_shape}},
    .refusals = {404},
};

static void put_steps(struct json_out *j, const struct trial *t)
{
    json_key(j, "steps");
    json_begin_array(j);
    for (int i = 0; i < t->done; i++) {
        bool good = !t->word || i < t->done - 1;
        json_begin_object(j);
        json_put_string(j, "step", bucket_steps[i]);
        json_put_bool(j, "ok", good);
        json_put_string(j, "code", good ? NULL : t->word);
        json_put_string(j, "detail", good ? NULL : t->sentence);
        json_end_object(j);
    }
    json_end_array(j);
}

int native_storage_test(struct request *rq, struct err *e)
{
    const struct tried *t = rq->own;
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct storage *st = NULL;
    int rc = t ? tried_outcome(t, e) : api_read(rq, NULL, NULL, e);
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
