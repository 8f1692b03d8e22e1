/* SPDX-License-Identifier: Apache-2.0 */
/* An API as an OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.0). Routes without an operation are not in
 * it. */
#include "api/describe.h"

#include "api/converted.h"
#include "core/access.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- what the tables say --- */

struct api describe_whole(struct arena *a, const struct api *api)
{
    struct api whole = *api;
    const struct api *beside = api->description->beside;
    if (!beside)
        return whole;
    struct route *all = arena_alloc(a, (api->route_count + beside->route_count) * sizeof *all);
    memcpy(all, api->routes, api->route_count * sizeof *all);
    memcpy(all + api->route_count, beside->routes, beside->route_count * sizeof *all);
    whole.routes = all;
    whole.route_count += beside->route_count;
    return whole;
}

const char *describe_path(struct arena *a, const struct route *r)
{
    struct buf b = {.arena = a};
    int place = 0;
    for (const char *p = r->path; *p; p++) {
        buf_putc(&b, *p);
        if (*p != '{')
            continue;
        buf_puts(&b, r->operation->places[place++]);
        p = strchr(p, '}');
        buf_putc(&b, *p);
    }
    return buf_str(&b);
}

size_t describe_params(const struct operation *o, struct param ret[DESCRIBE_PARAMS])
{
    static const struct param pages[] = {
        {"limit", PARAM_INT, 0, 1, 1000, "At most so many on one page (100).", .example = "20"},
        {"cursor", PARAM_TEXT, 0, 1, INT64_MAX,
         "`next` of the page before. Enough by itself; other parameters beside it must be the same as before.",
         .example = "MSYvYXBpL3YxL2pvYnMmYWZ0ZXI9MjA"},
    };
    size_t n = 0;
    for (size_t i = 0; i < o->param_count; i++)
        ret[n++] = o->params[i];
    for (size_t i = 0; o->has_pages && i < API_COUNT(pages); i++)
        ret[n++] = pages[i];
    return n + converted_parameters(o->converts, ret + n);
}

const char *describe_header(const char *name)
{
    static const struct {
        const char *name, *about;
    } all[] = {
        {"Accept-Ranges", "`bytes`: `Range` is understood."},
        {"Allow", "The methods that the address takes."},
        {"Content-Disposition", "The name under which to save it (RFC 6266)."},
        {"Content-Range", "Which part this is."},
        {"ETag", "Strong; for `If-None-Match`, `If-Match` and `If-Range`."},
        {"Last-Modified", "When it was made."},
        {"Link", "`rel=\"next\"`: the whole address of the next page, if there is one."},
        {"Location", "The address of what was made, or where to go on."},
        {"Repr-Digest",
         "The sha-256 of the whole representation (RFC 9530); not while a table is being converted."},
        {"Retry-After", "After so many seconds the same request may succeed."},
        {"Set-Cookie", "The session; or, to take it away, an empty one."},
        {"WWW-Authenticate", "How to send a key."},
    };
    for (size_t i = 0; i < API_COUNT(all); i++)
        if (strcasecmp(all[i].name, name) == 0)
            return all[i].about;
    return "";
}

static bool answers_with(const struct operation *o, int status)
{
    for (size_t i = 0; i < API_COUNT(o->answers); i++)
        if (o->answers[i].status == status)
            return true;
    return false;
}

/* Each once, the smallest first, but for those that the operation answers in its own way. */
static void add_status(const struct operation *o, int status, int *list, size_t *count)
{
    size_t at = 0;
    while (at < *count && list[at] < status)
        at++;
    if ((at < *count && list[at] == status) || answers_with(o, status))
        return;
    for (size_t i = (*count)++; i > at; i--)
        list[i] = list[i - 1];
    list[at] = status;
}

static const char *find_refusal(const struct api *api, int status)
{
    const struct description *d = api->description;
    for (size_t i = 0; i < API_COUNT(d->refusals) && d->refusals[i].status; i++)
        if (d->refusals[i].status == status)
            return d->refusals[i].about;
    return NULL;
}

const char *describe_refusal(const struct api *api, int status)
{
    const char *about = find_refusal(api, status);
    return about ? about : "Refused.";
}

/* Some APIs say by another status that a body is too large. */
size_t describe_refusals(const struct api *api, const struct route *r, int ret[DESCRIBE_REFUSALS])
{
    const struct operation *o = r->operation;
    size_t n = 0;
    for (size_t i = 0; api->description->always[i]; i++)
        if (r->need != ROUTE_OPEN || o->asks_key ||
            (api->description->always[i] != 401 && api->description->always[i] != 403))
            add_status(o, api->description->always[i], ret, &n);
    if (r->body != BODY_NONE && find_refusal(api, 413))
        add_status(o, 413, ret, &n);
    if (r->mode == R_WRITE && find_refusal(api, 507))
        add_status(o, 507, ret, &n);
    for (size_t i = 0; i < API_COUNT(o->refusals) && o->refusals[i]; i++)
        add_status(o, o->refusals[i], ret, &n);
    return n;
}

static void add_shape(const struct shape *s, const struct shape **list, size_t *count);

static void add_shapes_of(const struct member *m, const struct shape **list, size_t *count)
{
    if (m->of)
        add_shape(m->of, list, count);
    for (size_t i = 0; m->either && m->either[i]; i++)
        add_shape(m->either[i], list, count);
}

static void add_shape(const struct shape *s, const struct shape **list, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        if (list[i] == s)
            return;
    if (s->name && *count < DESCRIBE_SHAPES)
        list[(*count)++] = s;
    for (size_t i = 0; i < s->count; i++)
        add_shapes_of(&s->members[i], list, count);
    if (s->others)
        add_shape(s->others, list, count);
}

size_t describe_shapes(const struct api *api, const struct shape *ret[DESCRIBE_SHAPES])
{
    size_t count = 0;
    for (size_t i = 0; i < api->route_count; i++) {
        const struct operation *o = api->routes[i].operation;
        if (o && o->body)
            add_shape(o->body, ret, &count);
        for (size_t k = 0; o && k < API_COUNT(o->answers); k++)
            if (o->answers[k].shape)
                add_shape(o->answers[k].shape, ret, &count);
    }
    add_shape(api->description->error, ret, &count);
    return count;
}

/* --- parameters and bodies --- */

static void put_place(struct json_out *j, const struct operation *o, int i, bool digits)
{
    json_begin_object(j);
    json_put_string(j, "name", o->places[i]);
    json_put_string(j, "in", "path");
    json_put_bool(j, "required", true);
    json_key(j, "schema");
    json_begin_object(j);
    json_put_string(j, "type", digits ? "integer" : "string");
    json_end_object(j);
    if (o->place_examples[i]) {
        json_key(j, "example");
        if (digits)
            json_raw(j, o->place_examples[i], strlen(o->place_examples[i]));
        else
            json_string(j, o->place_examples[i]);
    }
    json_end_object(j);
}

/* Of a list: one item of it. */
static void put_param_example(struct json_out *j, const struct param *p, const char *example)
{
    json_key(j, "example");
    if (p->is_list)
        json_begin_array(j);
    if (p->kind == PARAM_INT || p->kind == PARAM_BOOL)
        json_raw(j, example, strlen(example));
    else
        json_string(j, example);
    if (p->is_list)
        json_end_array(j);
}

static const char *example_of(const struct param *p)
{
    return p->example              ? p->example
           : p->word_count         ? p->words[0]
           : p->kind == PARAM_BOOL ? "true"
           : p->kind == PARAM_TIME ? "2026-11-21T23:59:24Z"
                                   : NULL;
}

static void put_param(struct json_out *j, const char *where, const struct param *p)
{
    json_begin_object(j);
    json_put_string(j, "name", p->name);
    json_put_string(j, "in", where);
    if (p->about)
        json_put_string(j, "description", p->about);
    if (p->required)
        json_put_bool(j, "required", true);
    json_key(j, "schema");
    describe_param_schema(j, p);
    if (example_of(p))
        put_param_example(j, p, example_of(p));
    json_end_object(j);
}

static void put_parameters(struct json_out *j, const struct route *r)
{
    struct param params[DESCRIBE_PARAMS];
    size_t count = describe_params(r->operation, params);
    int place = 0;
    json_key(j, "parameters");
    json_begin_array(j);
    for (const char *p = strchr(r->path, '{'); p; p = strchr(p + 1, '{'))
        put_place(j, r->operation, place++, p[1] == '#');
    for (size_t i = 0; i < count; i++)
        put_param(j, "query", &params[i]);
    for (size_t i = 0; i < r->operation->header_count; i++)
        put_param(j, "header", &r->operation->headers[i]);
    json_end_array(j);
}

static void put_bytes_schema(struct json_out *j, const char *media_type)
{
    json_key(j, media_type);
    json_begin_object(j);
    json_end_object(j);
}

static void put_body(struct json_out *j, const struct operation *o)
{
    json_key(j, "requestBody");
    json_begin_object(j);
    json_put_bool(j, "required", !o->body_optional);
    json_key(j, "content");
    json_begin_object(j);
    json_key(j, o->body_media ? o->body_media : "application/json");
    json_begin_object(j);
    if (o->field_count || o->body)
        json_key(j, "schema");
    if (o->field_count)
        describe_body_schema(j, o->fields, o->field_count, o->body_open);
    else if (o->body)
        describe_schema_of(j, o->body, ANSWER_ONE);
    if (o->body_example) {
        json_key(j, "example");
        json_raw(j, o->body_example, strlen(o->body_example));
    }
    json_end_object(j);
    json_end_object(j);
    json_end_object(j);
}

/* --- answers --- */

static void begin_status(struct json_out *j, int status)
{
    char key[8];
    (void)snprintf(key, sizeof key, "%d", status);
    json_key(j, key);
    json_begin_object(j);
}

static void put_headers(struct json_out *j, const struct answer *a)
{
    json_key(j, "headers");
    json_begin_object(j);
    for (size_t i = 0; i < API_COUNT(a->headers) && a->headers[i]; i++) {
        json_key(j, a->headers[i]);
        json_begin_object(j);
        json_put_string(j, "description", describe_header(a->headers[i]));
        json_key(j, "schema");
        json_begin_object(j);
        json_put_string(j, "type", "string");
        json_end_object(j);
        json_end_object(j);
    }
    json_end_object(j);
}

static void put_content(struct json_out *j, const struct answer *a)
{
    json_key(j, "content");
    json_begin_object(j);
    if (!a->shape) {
        put_bytes_schema(j, a->media_type);
    } else {
        json_key(j, a->media_type ? a->media_type : "application/json");
        json_begin_object(j);
        json_key(j, "schema");
        describe_schema_of(j, a->shape, a->form);
        json_key(j, "example");
        describe_example(j, a->shape, a->form);
        json_end_object(j);
    }
    json_end_object(j);
}

static void put_answer(struct json_out *j, const struct answer *a)
{
    begin_status(j, a->status);
    json_put_string(j, "description", a->about);
    if (a->headers[0])
        put_headers(j, a);
    if (a->shape || a->media_type)
        put_content(j, a);
    json_end_object(j);
}

static void put_refusal(struct json_out *j, const struct api *api, int status)
{
    const struct description *d = api->description;
    begin_status(j, status);
    json_put_string(j, "description", describe_refusal(api, status));
    json_key(j, "content");
    json_begin_object(j);
    json_key(j, d->error_media_type);
    json_begin_object(j);
    json_key(j, "schema");
    describe_schema_of(j, d->error, ANSWER_ONE);
    json_end_object(j);
    json_end_object(j);
    json_end_object(j);
}

static void put_answers(struct json_out *j, const struct api *api, const struct route *r)
{
    const struct operation *o = r->operation;
    int refusals[DESCRIBE_REFUSALS];
    size_t count = describe_refusals(api, r, refusals);
    json_key(j, "responses");
    json_begin_object(j);
    for (size_t i = 0; i < API_COUNT(o->answers) && o->answers[i].status; i++)
        put_answer(j, &o->answers[i]);
    for (size_t i = 0; i < count; i++)
        put_refusal(j, api, refusals[i]);
    json_end_object(j);
}

/* --- who may --- */

static const struct {
    unsigned form;
    const char *name, *type, *scheme, *where, *field, *about;
} schemes[] = {
    {KEY_BEARER, "bearer", "http", "bearer", NULL, NULL, "The key."},
    {KEY_TOKEN, "token", "apiKey", NULL, "header", "Authorization", "`Token ` and the key."},
    {KEY_BASIC, "basic", "http", "basic", NULL, NULL, "The key as user, without a password."},
    {KEY_HEADER, "header", "apiKey", NULL, "header", "x-api-key", "The key."},
    {KEY_SESSION, "session", "apiKey", NULL, "cookie", "resultd_session",
     "Of a browser: `POST /-/session` makes it. Behind https its name is `__Host-resultd_session`."},
    {KEY_PAGE, "page", "apiKey", NULL, "header", "Resultd-Page", "`1`, with a session."},
};

/* The words of OpenAPI for what a route needs are roles of its security requirement. */
static void put_scheme_name(struct json_out *j, const char *name, const struct route *r)
{
    json_key(j, name);
    json_begin_array(j);
    if (r->need & SCOPE_ALL)
        json_string(j, access_format_scopes(j->buf.arena, r->need & SCOPE_ALL));
    json_end_array(j);
}

/* One of these is enough; a session needs a second thing where something may be changed. */
static void put_security(struct json_out *j, const struct api *api, const struct route *r)
{
    unsigned forms = r->need != ROUTE_OPEN || r->operation->asks_key ? api->description->key_forms : 0;
    json_key(j, "security");
    json_begin_array(j);
    for (size_t i = 0; i < API_COUNT(schemes); i++) {
        if (!(forms & schemes[i].form) || schemes[i].form == KEY_PAGE)
            continue;
        json_begin_object(j);
        put_scheme_name(j, schemes[i].name, r);
        if (schemes[i].form == KEY_SESSION && r->method != HTTP_GET)
            put_scheme_name(j, "page", r);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_schemes(struct json_out *j, const struct api *api)
{
    json_key(j, "securitySchemes");
    json_begin_object(j);
    for (size_t i = 0; i < API_COUNT(schemes); i++) {
        if (!(api->description->key_forms & schemes[i].form))
            continue;
        json_key(j, schemes[i].name);
        json_begin_object(j);
        json_put_string(j, "type", schemes[i].type);
        if (schemes[i].scheme)
            json_put_string(j, "scheme", schemes[i].scheme);
        if (schemes[i].where) {
            json_put_string(j, "in", schemes[i].where);
            json_put_string(j, "name", schemes[i].field);
        }
        json_put_string(j, "description", schemes[i].about);
        json_end_object(j);
    }
    json_end_object(j);
}

/* --- the document --- */

static void put_operation(struct json_out *j, const struct api *api, const struct route *r)
{
    static const char *const keys[HTTP_OTHER] = {"get", "head", "post", "put", "delete", "patch", "options"};
    const struct operation *o = r->operation;
    json_key(j, keys[r->method]);
    json_begin_object(j);
    json_put_string(j, "operationId", o->id);
    json_put_string(j, "summary", o->summary);
    if (o->about)
        json_put_string(j, "description", o->about);
    json_key(j, "tags");
    json_begin_array(j);
    json_string(j, o->group);
    json_end_array(j);
    if (o->query_open)
        json_put_bool(j, "x-open-query", true);
    put_security(j, api, r);
    put_parameters(j, r);
    if (r->body != BODY_NONE && (o->field_count || o->body || o->body_media))
        put_body(j, o);
    put_answers(j, api, r);
    json_end_object(j);
}

static bool is_first_of_path(const struct api *api, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (api->routes[k].operation && strcmp(api->routes[k].path, api->routes[i].path) == 0)
            return false;
    return api->routes[i].operation;
}

static void put_paths(struct json_out *j, const struct api *api)
{
    json_key(j, "paths");
    json_begin_object(j);
    for (size_t i = 0; i < api->route_count; i++) {
        if (!is_first_of_path(api, i))
            continue;
        json_key(j, describe_path(j->buf.arena, &api->routes[i]));
        json_begin_object(j);
        for (size_t k = i; k < api->route_count; k++)
            if (api->routes[k].operation && strcmp(api->routes[k].path, api->routes[i].path) == 0)
                put_operation(j, api, &api->routes[k]);
        json_end_object(j);
    }
    json_end_object(j);
}

static void put_info(struct json_out *j, const struct api *api, const char *server)
{
    json_put_string(j, "openapi", "3.1.0");
    if (api->trailing_slash)
        json_put_bool(j, "x-trailing-slash", true);
    json_key(j, "info");
    json_begin_object(j);
    json_put_string(j, "title", api->description->title);
    json_put_string(j, "description", api->description->about);
    json_put_string(j, "version", RESULTD_VERSION);
    json_key(j, "license");
    json_begin_object(j);
    json_put_string(j, "name", "Apache-2.0");
    json_put_string(j, "identifier", "Apache-2.0");
    json_end_object(j);
    json_end_object(j);
    json_key(j, "servers");
    json_begin_array(j);
    json_begin_object(j);
    json_put_string(j, "url", server);
    json_end_object(j);
    json_end_array(j);
}

void describe_openapi(struct json_out *j, const struct api *api, const char *server)
{
    const struct shape *shapes[DESCRIBE_SHAPES];
    const struct api whole = describe_whole(j->buf.arena, api);
    size_t count = describe_shapes(&whole, shapes);
    json_begin_object(j);
    put_info(j, api, server);
    put_paths(j, &whole);
    json_key(j, "components");
    json_begin_object(j);
    json_key(j, "schemas");
    json_begin_object(j);
    for (size_t i = 0; i < count; i++) {
        json_key(j, shapes[i]->name);
        describe_schema(j, shapes[i]);
    }
    json_end_object(j);
    put_schemes(j, api);
    json_end_object(j);
    json_end_object(j);
}
