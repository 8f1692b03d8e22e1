/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UFDL's nodes: the machines that work. A request of one carries its pk in the header Node-Id. A node is a
 * document, and the holder of the jobs that it acquires; when it was last seen is when the document was last
 * written.
 */
#include "api/ufdl.h"

#include "base/text.h"
#include "core/job.h"

#include <assert.h>
#include <string.h>

#define NODE "ufdl.node"

struct node {
    const char *ip;
    const char *driver_version;
    const struct json *hardware_generation;
    int64_t gpu_mem, cpu_mem; /* MB */
};

/* clang-format off */
#define FIELDS(needed)                                                                                       \
    {"ip", JSON_TO_STRING, offsetof(struct node, ip), needed, 1, 255,                                        \
     .about = "The address that it works at."},                                                              \
    {"driver_version", JSON_TO_STRING, offsetof(struct node, driver_version), false, 0, 255,                 \
     .about = "Of its graphics card."},                                                                      \
    {"hardware_generation", JSON_TO_VALUE, offsetof(struct node, hardware_generation), false, 0, 0,          \
     .about = "Of its graphics card: a text, a number or null."},                                            \
    {"gpu_mem", JSON_TO_INT, offsetof(struct node, gpu_mem), false, 0, INT64_MAX,                            \
     .about = "Memory of its graphics card in MB (0)."},                                                     \
    {"cpu_mem", JSON_TO_INT, offsetof(struct node, cpu_mem), false, 0, INT64_MAX,                            \
     .about = "Its memory in MB (0)."}
/* clang-format on */

/* What a node changes, it may leave out; read_body sees to what a new one needs. */
const struct json_field ufdl_node_fields[] = {FIELDS(false)};
const struct json_field ufdl_node_new_fields[] = {FIELDS(true)};

/* --- objects --- */

static void put_members(struct json_out *j, const struct node *n)
{
    json_key(j, "ip");
    json_string(j, n->ip);
    json_key(j, "driver_version");
    json_string(j, n->driver_version);
    json_key(j, "hardware_generation");
    if (n->hardware_generation)
        json_raw(j, n->hardware_generation->raw, n->hardware_generation->raw_len);
    else
        json_null(j);
    json_key(j, "gpu_mem");
    json_int(j, n->gpu_mem);
    json_key(j, "cpu_mem");
    json_int(j, n->cpu_mem);
}

static int read_stored(struct arena *a, const struct document *d, struct node *ret, struct err *e)
{
    const struct json *body;
    assert(d);
    int rc = json_parse(a, d->body, strlen(d->body), UFDL_DEPTH, &body, e);
    return rc < 0 ? rc : json_read_known(body, ufdl_node_fields, API_COUNT(ufdl_node_fields), ret, e);
}

static int put_node(struct json_out *j, struct session *s, const struct document *d, struct err *e)
{
    struct node n = {.ip = NULL};
    int64_t running = 0;
    int rc = read_stored(s->arena, d, &n, e);
    if (rc == 0)
        rc = job_of_holder(s, d->pk, &running, e);
    if (rc < 0)
        return rc;
    json_begin_object(j);
    json_key(j, "pk");
    json_int(j, d->pk);
    put_members(j, &n);
    json_key(j, "last_seen");
    json_time(j, d->changed_at);
    json_key(j, "current_job");
    if (running)
        json_int(j, running);
    else
        json_null(j);
    json_end_object(j);
    return 0;
}

static int send_node(struct request *rq, int status, const struct document *d, struct err *e)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    int rc = put_node(&j, api_session(rq), d, e);
    return rc < 0 ? rc : ufdl_send(rq, status, &j);
}

/* --- the list --- */

#define MEMBER(name) "json_extract(d.body, '$." name "')"
#define NUMBER(name) "CAST(" MEMBER(name) " AS BIGINT)"
static const struct filter_column ip = {MEMBER("ip"), FILTER_TEXT, false, 0, NULL},
                                  driver_version = {MEMBER("driver_version"), FILTER_TEXT, true, 0, NULL},
                                  hardware_generation = {MEMBER("hardware_generation"), FILTER_TEXT, true, 0,
                                                         NULL},
                                  gpu_mem = {NUMBER("gpu_mem"), FILTER_INT, false, 0, NULL},
                                  cpu_mem = {NUMBER("cpu_mem"), FILTER_INT, false, 0, NULL},
                                  current_job = {
                                      "(SELECT j.pk FROM job j WHERE j.holder = d.pk AND j.status = 'running'"
                                      " AND j.deleted_at IS NULL)",
                                      FILTER_INT, true, 0, NULL};

static const struct ufdl_field filter_fields[] = {
    {"pk", &store_document_columns[DOCUMENT_PK]},
    {"ip", &ip},
    {"driver_version", &driver_version},
    {"hardware_generation", &hardware_generation},
    {"gpu_mem", &gpu_mem},
    {"cpu_mem", &cpu_mem},
    {"last_seen", &store_document_columns[DOCUMENT_CHANGED_AT]},
    {"current_job", &current_job},
};

struct listing {
    struct session *session;
    struct ufdl_rows *rows;
};

static int put_row(void *ctx, const struct document *d, struct err *e)
{
    const struct listing *l = ctx;
    struct arena a = {0};
    struct session s = *l->session;
    s.arena = &a;
    int rc = put_node(ufdl_row_begin(l->rows), &s, d, e);
    arena_free(&a);
    return rc < 0 ? rc : ufdl_row_end(l->rows, e);
}

static int each_node(struct session *s, const struct filter *f, struct ufdl_rows *rows, struct err *e)
{
    struct listing l = {s, rows};
    return document_query(s, NODE, NULL, f, put_row, &l, e);
}

int ufdl_node_list(struct request *rq, struct err *e)
{
    static const struct ufdl_listing nodes = {filter_fields, API_COUNT(filter_fields), each_node};
    return ufdl_list(rq, &nodes, e);
}

/* --- who works --- */

int ufdl_node(struct request *rq, struct document **ret, struct err *e)
{
    const char *id = request_header(rq, "Node-Id");
    int64_t pk = 0;
    *ret = NULL;
    if (!id)
        return 0;
    if (!text_uint(id, strlen(id), &pk))
        return err_at(e, ERR_BAD_VALUE, ERR_HEADER, "Node-Id",
                      "Bad Node-Id header '%.40s': Not a valid primary-key", id);
    int rc = document_by_pk(api_session(rq), NODE, pk, ret, e);
    if (rc == ERR_NOT_FOUND)
        return err_at(e, ERR_BAD_VALUE, ERR_HEADER, "Node-Id",
                      "Bad Node-Id header '%.40s': No node with this primary-key", id);
    return rc;
}

int ufdl_node_require(struct request *rq, struct document **ret, struct err *e)
{
    int rc = ufdl_node(rq, ret, e);
    return rc == 0 && !*ret ? ufdl_forbidden(e) : rc;
}

int ufdl_node_seen(struct request *rq, struct document *d, struct err *e)
{
    return document_change(api_session(rq), d, d->body, e);
}

/* --- handlers --- */

static int read_body(struct request *rq, struct node *n, struct err *e)
{
    const struct json *body;
    int rc = ufdl_body(rq, &body, e);
    if (rc == 0 && body)
        rc = json_read_known(body, ufdl_node_fields, API_COUNT(ufdl_node_fields), n, e);
    if (rc < 0)
        return rc;
    if (!n->ip)
        return err_at(e, ERR_MISSING, ERR_POINTER, "/ip", "ip: This field is required.");
    const struct json *hardware = n->hardware_generation;
    if (hardware && hardware->type != JSON_STRING && hardware->type != JSON_NUMBER &&
        hardware->type != JSON_NULL)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/hardware_generation",
                      "hardware_generation must be a text, a number or null");
    return 0;
}

static const char *text_of(struct request *rq, const struct node *n)
{
    struct json_out j = {.buf = {.arena = &rq->arena}};
    json_begin_object(&j);
    put_members(&j, n);
    json_end_object(&j);
    return buf_str(&j.buf);
}

int ufdl_node_create(struct request *rq, struct err *e)
{
    struct node n = {.ip = NULL};
    struct document *d = NULL;
    int rc = read_body(rq, &n, e);
    if (rc == 0)
        rc = document_create(api_session(rq), NODE, NULL, NULL, text_of(rq, &n), &d, e);
    return rc < 0 ? rc : send_node(rq, 201, d, e);
}

static int find(struct request *rq, struct document **ret, struct err *e)
{
    int64_t pk;
    int rc = ufdl_pk(rq, 0, &pk, e);
    return rc < 0 ? rc : document_by_pk(api_session(rq), NODE, pk, ret, e);
}

int ufdl_node_retrieve(struct request *rq, struct err *e)
{
    struct document *d = NULL;
    int rc = find(rq, &d, e);
    return rc < 0 ? rc : send_node(rq, 200, d, e);
}

/* A node itself, or staff. */
int ufdl_node_update(struct request *rq, struct err *e)
{
    struct document *d = NULL;
    struct document *self;
    struct node n = {.ip = NULL};
    int64_t pk;
    int rc = ufdl_node(rq, &self, e);
    if (rc == 0)
        rc = ufdl_pk(rq, 0, &pk, e);
    if (rc == 0 && !api_session(rq)->actor.staff && !(self && self->pk == pk))
        rc = ufdl_forbidden(e);
    if (rc == 0)
        rc = find(rq, &d, e);
    if (rc == 0)
        rc = read_stored(&rq->arena, d, &n, e);
    if (rc == 0)
        rc = read_body(rq, &n, e);
    if (rc == 0)
        rc = document_change(api_session(rq), d, text_of(rq, &n), e);
    return rc < 0 ? rc : send_node(rq, 200, d, e);
}

int ufdl_node_ping(struct request *rq, struct err *e)
{
    struct document *self;
    int rc = ufdl_node(rq, &self, e);
    if (rc == 0 && self)
        rc = ufdl_node_seen(rq, self, e);
    else if (rc == 0 && !api_session(rq)->actor.staff)
        rc = ufdl_forbidden(e);
    if (rc == 0)
        response_empty(rq, 200);
    return rc;
}
