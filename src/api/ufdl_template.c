/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UFDL's job templates. A template is a kind of jobs: its name is theirs. Every project has one from the
 * beginning, which takes any inputs and parameters; the others are documents. So that the first has the pk 1,
 * the others have that of their document and one more.
 */
#include "api/ufdl.h"

#include "core/job.h"
#include "core/name.h"

#include <assert.h>
#include <string.h>

struct template
{
    const char *name; /* of one that is made */
    int64_t version;
    const char *description;
    const struct json *inputs;     /* {name: …}; NULL: whatever comes */
    const struct json *parameters; /* the same */
};

const struct json_field ufdl_template_fields[] = {
    {"name", JSON_TO_STRING, offsetof(struct template, name), true, 1, 255,
     .about = "Unique in the project: the kind of its jobs."},
    {"version", JSON_TO_INT, offsetof(struct template, version), false, 0, INT64_MAX,
     .about = "Any number (1)."},
    {"description", JSON_TO_STRING, offsetof(struct template, description), false, 0, UFDL_LONGEST_TEXT,
     .about = "A text for people."},
    {"inputs", JSON_TO_OBJECT, offsetof(struct template, inputs), false, 0, 0,
     .about = "By name: other inputs are dropped from a job. Without it, jobs keep whatever comes."},
    {"parameters", JSON_TO_OBJECT, offsetof(struct template, parameters), false, 0, 0,
     .about = "By name: a job with another parameter is refused. Without it, jobs take any."},
};

enum { STORED = 1 }; /* the first of the fields that the document's body has: its name is the document's */

const struct document ufdl_template_default = {
    .name = UFDL_TEMPLATE_DEFAULT,
    .body = "{\"version\":1,\"description\":\"Takes any inputs and parameters.\"}",
};

/* --- objects --- */

static int read_stored(struct arena *a, const struct document *d, struct template *ret, struct err *e)
{
    const struct json *body;
    *ret = (struct template){.version = 1, .description = ""};
    int rc = json_parse(a, d->body, strlen(d->body), UFDL_DEPTH, &body, e);
    return rc < 0 ? rc
                  : json_read_known(body, &ufdl_template_fields[STORED],
                                    API_COUNT(ufdl_template_fields) - STORED, ret, e);
}

static void put_declared(struct json_out *j, const char *key, const struct json *declared)
{
    json_key(j, key);
    if (declared)
        json_raw(j, declared->raw, declared->raw_len);
    else
        json_null(j);
}

static void put_members(struct json_out *j, const struct template *t)
{
    json_key(j, "version");
    json_int(j, t->version);
    json_key(j, "description");
    json_string(j, t->description);
    put_declared(j, "inputs", t->inputs);
    put_declared(j, "parameters", t->parameters);
}

static int put_template(struct json_out *j, struct arena *a, const struct document *d, struct err *e)
{
    struct template t;
    int rc = read_stored(a, d, &t, e);
    if (rc < 0)
        return rc;
    json_begin_object(j);
    json_key(j, "pk");
    json_int(j, d->pk + 1);
    json_key(j, "name");
    json_string(j, d->name);
    put_members(j, &t);
    json_key(j, "creator");
    if (d->creator)
        json_int(j, d->creator);
    else
        json_null(j);
    json_key(j, "creation_time");
    json_time(j, d->created_at);
    json_key(j, "deletion_time");
    json_null(j);
    json_end_object(j);
    return 0;
}

int ufdl_template_put_brief(struct json_out *j, struct arena *a, const struct document *d, struct err *e)
{
    struct template t;
    int rc = read_stored(a, d, &t, e);
    if (rc < 0)
        return rc;
    json_begin_object(j);
    json_key(j, "pk");
    json_int(j, d->pk + 1);
    json_key(j, "name");
    json_string(j, d->name);
    json_key(j, "version");
    json_int(j, t.version);
    json_end_object(j);
    return 0;
}

static int send_template(struct request *rq, int status, const struct document *d, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = put_template(&j, &rq->arena, d, e);
    return rc < 0 ? rc : ufdl_send(rq, status, &j);
}

int ufdl_template_of(struct session *s, const struct job *j, const struct document **ret, struct err *e)
{
    struct document *d = NULL;
    int rc = document_by_name(s, UFDL_TEMPLATE, j->kind, &d, e);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    *ret = rc == 0 ? d : &ufdl_template_default;
    return 0;
}

static int find(struct request *rq, const struct document **ret, struct err *e)
{
    struct document *d = NULL;
    int64_t pk;
    int rc = ufdl_pk(rq, 0, &pk, e);
    *ret = &ufdl_template_default;
    if (rc < 0 || pk == 1)
        return rc;
    rc = document_by_pk(api_session(rq), UFDL_TEMPLATE, pk - 1, &d, e);
    *ret = d;
    return rc;
}

/* --- templates --- */

int ufdl_template_retrieve(struct request *rq, struct err *e)
{
    const struct document *d = NULL;
    int rc = find(rq, &d, e);
    return rc < 0 ? rc : send_template(rq, 200, d, e);
}

/* Before the table reads it: in the words of the original. */
static int check_name(const struct json *body, struct err *e)
{
    const struct json *name = body ? json_member(body, "name") : NULL;
    if (!name || name->type != JSON_STRING)
        return err_at(e, ERR_MISSING, ERR_POINTER, "/name", "name: This field is required.");
    if (strlen(name->string) != name->string_len || name->string_len == 0 || name->string_len > 255)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/name",
                      "name must have 1 to 255 bytes, and none of them NUL");
    return name_check_text(name->string, "the name", e);
}

/* The same sentence whether the name is the first template's or another's. */
static int taken(const char *name, struct err *e)
{
    return err_at(e, ERR_TAKEN, ERR_POINTER, "/name", "there is a job template \"%.100s\" already", name);
}

int ufdl_template_create(struct request *rq, struct err *e)
{
    struct template t = {.version = 1, .description = ""};
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct document *d = NULL;
    const struct json *body;
    int rc = ufdl_body(rq, &body, e);
    if (rc == 0)
        rc = check_name(body, e);
    if (rc == 0)
        rc = json_read_known(body, ufdl_template_fields, API_COUNT(ufdl_template_fields), &t, e);
    if (rc < 0)
        return rc;
    assert(t.name);
    if (strcmp(t.name, UFDL_TEMPLATE_DEFAULT) == 0)
        return taken(t.name, e);
    json_begin_object(&j);
    put_members(&j, &t);
    json_end_object(&j);
    rc = document_create(api_session(rq), UFDL_TEMPLATE, t.name, NULL, buf_str(&j.buf), &d, e);
    if (rc == ERR_TAKEN)
        return taken(t.name, e);
    return rc < 0 ? rc : send_template(rq, 201, d, e);
}

/* --- the list --- */

static const struct filter_column pk = {"d.pk + 1", FILTER_INT, false, 0, NULL},
                                  version = {"coalesce(CAST(json_extract(d.body, '$.version') AS BIGINT), 1)",
                                             FILTER_INT, false, 0, NULL},
                                  description = {"coalesce(json_extract(d.body, '$.description'), '')",
                                                 FILTER_TEXT, false, 0, NULL},
                                  deletion_time = {"CAST(NULL AS BIGINT)", FILTER_TIME, true, 0, NULL};

static const struct ufdl_field filter_fields[] = {
    {"pk", &pk},
    {"name", &store_document_columns[DOCUMENT_NAME]},
    {"version", &version},
    {"description", &description},
    {"workabletemplate", &pk},
    {"creator", &store_document_columns[DOCUMENT_CREATOR]},
    {"creator.username", &store_document_columns[DOCUMENT_CREATOR_NAME]},
    {"creation_time", &store_document_columns[DOCUMENT_CREATED_AT]},
    {"deletion_time", &deletion_time},
};

static int put_row(void *ctx, const struct document *d, struct err *e)
{
    struct arena a = {0};
    int rc = put_template(ufdl_row_begin(ctx), &a, d, e);
    arena_free(&a);
    return rc < 0 ? rc : ufdl_row_end(ctx, e);
}

static int each_template(struct session *s, const struct filter *f, struct ufdl_rows *rows, struct err *e)
{
    return document_query(s, UFDL_TEMPLATE, &ufdl_template_default, f, put_row, rows, e);
}

int ufdl_template_list(struct request *rq, struct err *e)
{
    static const struct ufdl_listing templates = {filter_fields, API_COUNT(filter_fields), each_template};
    return ufdl_list(rq, &templates, e);
}

/* --- create-job --- */

enum { DEEPEST_TYPE = 32 };

static const char *skip_spaces(const char *p)
{
    return p + strspn(p, " \t\n");
}

/* The text after a type (`Compressed<JSON>`, `Domain<'Image Classification'>`), or NULL if it is none. */
static const char *skip_type(const char *p, int depth) /* NOLINT(misc-no-recursion): at most DEEPEST_TYPE */
{
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    p = skip_spaces(p);
    if (*p == '\'' || *p == '"') {
        const char *end = strchr(p + 1, *p);
        return end ? skip_spaces(end + 1) : NULL;
    }
    size_t len = strspn(p, word);
    if (len == 0 || depth == DEEPEST_TYPE)
        return NULL;
    p = skip_spaces(p + len);
    if (*p != '<')
        return p;
    do
        p = skip_type(p + 1, depth + 1);
    while (p && *p == ',');
    return p && *p == '>' ? skip_spaces(p + 1) : NULL;
}

static int check_pair(const char *where, const struct json *pair, struct err *e)
{
    const struct json *type = json_member(pair, "type");
    if (!type || type->type != JSON_STRING || !json_member(pair, "value"))
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, where,
                      "Unable to parse JSON: each of %s must be {\"value\": …, \"type\": \"…\"}", where + 1);
    const char *end = skip_type(type->string, 0);
    if (!end || *end || strlen(type->string) != type->string_len)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, where, "Couldn't parse type '%.100s'", type->string);
    return 0;
}

static bool is_declared(const struct json *declared, const struct json *value)
{
    bool found = !declared;
    for (const struct json *d = declared ? declared->first : NULL; d && !found; d = d->next)
        found = d->key_len == value->key_len && memcmp(d->key, value->key, d->key_len) == 0;
    return found;
}

/* "unknown inputs are dropped", unknown parameters are an error. */
static int put_values(struct json_out *j, const char *where, const struct json *values,
                      const struct json *declared, bool strict, struct err *e)
{
    json_key(j, where + 1);
    json_begin_object(j);
    for (const struct json *pair = values ? values->first : NULL; pair; pair = pair->next) {
        int rc = check_pair(where, pair, e);
        if (rc < 0)
            return rc;
        if (is_declared(declared, pair))
            ufdl_put_member(j, pair);
        else if (strict)
            return err_at(e, ERR_NOT_ACCEPTABLE, ERR_POINTER, where, "Unknown parameter '%.100s'", pair->key);
    }
    json_end_object(j);
    return 0;
}

struct create_job {
    const struct json *input_values, *parameter_values;
    const char *description;
};

const struct json_field ufdl_create_job_fields[] = {
    {"input_values", JSON_TO_OBJECT, offsetof(struct create_job, input_values), true, 0, 0,
     .about = "By name: objects of any `value` and its `type`, a text like `Compressed<JSON>`."},
    {"parameter_values", JSON_TO_OBJECT, offsetof(struct create_job, parameter_values), false, 0, 0,
     .about = "The same of parameters."},
    {"description", JSON_TO_STRING, offsetof(struct create_job, description), false, 0, UFDL_LONGEST_TEXT,
     .about = "A text for people."},
};

/* What is needed, in the words of the original. */
static int read_request(struct request *rq, struct create_job *ret, struct err *e)
{
    const struct json *body;
    int rc = ufdl_body(rq, &body, e);
    if (rc < 0)
        return rc;
    const struct json *inputs = body ? json_member(body, "input_values") : NULL;
    if (!inputs || inputs->type == JSON_NULL)
        return err_at(e, ERR_MISSING, ERR_POINTER, "/input_values",
                      "Unable to parse JSON: input_values is required");
    return json_read_known(body, ufdl_create_job_fields, API_COUNT(ufdl_create_job_fields), ret, e);
}

/* What becomes the job's input: the request, of its values those that the template knows. */
static int read_input(struct request *rq, const struct document *d, const char **ret, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    struct create_job c = {.description = ""};
    struct template t;
    int rc = read_stored(&rq->arena, d, &t, e);
    if (rc == 0)
        rc = read_request(rq, &c, e);
    if (rc < 0)
        return rc;
    json_begin_object(&j);
    rc = put_values(&j, "/input_values", c.input_values, t.inputs, false, e);
    if (rc == 0)
        rc = put_values(&j, "/parameter_values", c.parameter_values, t.parameters, true, e);
    if (rc < 0)
        return rc;
    json_key(&j, "description");
    json_string(&j, c.description);
    json_end_object(&j);
    *ret = buf_str(&j.buf);
    return 0;
}

int ufdl_template_create_job(struct request *rq, struct err *e)
{
    const struct document *d = NULL;
    struct job_new n = {.priority_weight = 5};
    struct job *job = NULL;
    int rc = find(rq, &d, e);
    if (rc == 0)
        rc = read_input(rq, d, &n.input, e);
    if (rc < 0)
        return rc;
    n.kind = d->name;
    rc = job_create(api_session(rq), &n, &job, e);
    return rc < 0 ? rc : ufdl_send_job(rq, job, e);
}
