/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of UFDL's API share: ufdl.c (the table of routes, who may, errors), ufdl_token.c (JWT),
 * ufdl_output.c (job-outputs), ufdl_filter.c (FilterSpec), ufdl_list.c (lists that use it) and
 * ufdl_describe.c (what all of it is to those who call it).
 *
 * The order of refusals is 401, 403, 404, then the body. `admit` does the first two from the route's `need`,
 * before the body is read; a handler looks its object up before it parses. Objects are addressed by pk.
 */
#pragma once

#include "api/api.h"
#include "base/json.h"
#include "core/document.h"
#include "store/filter.h"

/*
 * `need` of a route: scopes (a user has read, ack and write, and one of the staff delete, too), and one of
 * these at most. Permissions that depend on the object (owner, node) are the handler's:
 * `return ufdl_forbidden(e)`.
 */
enum ufdl_need {
    UFDL_STAFF = 1 << 16,  /* IsAdminUser */
    UFDL_NOBODY = 1 << 17, /* AllowNone: 403 for whoever is known */
};

/* --- errors: {"detail": "…"} --- */

/* Handlers return errors as everywhere, and ufdl.c renders them: ERR_NOT_FOUND, ERR_FORBIDDEN and ERR_METHOD
 * always in the framework's sentence, ERR_WRONG_STATE as 406, ERR_TAKEN and the other 409 as 400. */
int ufdl_forbidden(struct err *e);
int ufdl_not_found(struct err *e);
/* For a status that no error code stands for (417): fills the response, returns 0; of a R_WRITE handler only
 * before it has written anything. */
int ufdl_refuse(struct request *rq, int status, const char *detail);

/* --- reading --- */

/* What {#} matched as a pk: 0002 is 2. Beyond 64 bits: ERR_NOT_FOUND. */
int ufdl_pk(struct request *rq, int place, int64_t *ret, struct err *e);

/*
 * An optional JSON body: NULL if it is empty, else an object. An array without elements is as good as {};
 * anything else is ERR_BAD_VALUE, and bad JSON "JSON parse error - …".
 */
int ufdl_body(struct request *rq, const struct json **ret, struct err *e);

/* --- rendering --- */

/* Compact JSON, UTF-8 unescaped; times by json_time: six digits and Z, which the Java client needs. */
int ufdl_send(struct request *rq, int status, const struct json_out *j);
void ufdl_headers(struct request *rq);                               /* those of each JSON answer */
void ufdl_put_member(struct json_out *j, const struct json *member); /* its key, and its value as it is */
void ufdl_put_output(struct json_out *j, const struct result *r);    /* pk 0 is shown as null */

/* The body of a download: the bytes of `r` as application/data. `file_name` NULL: no Content-Disposition. */
int ufdl_send_bytes(struct request *rq, const struct result *r, const char *file_name, struct err *e);

/* --- FilterSpec and lists --- */

/* A field that a FilterSpec may name, relations with dots: "template.name". `id` is another word for pk, and
 * __ for a dot. */
struct ufdl_field {
    const char *path;
    const struct filter_column *column;
};

/*
 * Parses a FilterSpec strictly. Everything lives in `a`; `body` NULL is no filter. ERR_BAD_VALUE with
 * "Unable to parse JSON: …"; unknown fields and values that a column cannot be compared with alike.
 */
int ufdl_filter_parse(struct arena *a, const struct json *body, const struct ufdl_field *fields, size_t count,
                      struct filter *ret, struct err *e);

struct ufdl_rows;

/* A list: what a FilterSpec may name, and who finds and writes the rows. */
struct ufdl_listing {
    const struct ufdl_field *fields;
    size_t count;
    /*
     * In a thread of the pool, in a session of its own: calls ufdl_row_begin, puts one object and calls
     * ufdl_row_end for each row that `f` lets through, in its order. What it makes in s->arena stays until
     * the end: rows come and go in an arena of the function's own.
     */
    int (*each)(struct session *s, const struct filter *f, struct ufdl_rows *rows, struct err *e);
};
extern const struct ufdl_listing ufdl_outputs;

/* Of j, a job, as it is shown: for conditions. */
#define UFDL_JOB_START_TIME "CASE WHEN j.status <> 'queued' THEN j.started_at END"
#define UFDL_JOB_END_TIME   "CASE WHEN j.status <> 'cancelled' THEN j.finished_at END"
#define UFDL_JOB_DESCRIPTION                                                                                 \
    "CASE json_type(j.input, '$.description') WHEN 'text' THEN json_extract(j.input, '$.description')"       \
    " ELSE '' END"

struct json_out *ufdl_row_begin(struct ufdl_rows *rows);
int ufdl_row_end(struct ufdl_rows *rows, struct err *e);

/* The whole of a R_READ handler with BODY_WHOLE: reads the FilterSpec, and answers with the array as it
 * grows.
 */
int ufdl_list(struct request *rq, const struct ufdl_listing *l, struct err *e);

/* --- templates, nodes, jobs --- */

enum { UFDL_LONGEST_TEXT = 65536 }; /* of descriptions, errors and the like, in bytes */
enum { UFDL_DEPTH = 1000 }; /* of JSON that was kept: the most that the setting json_depth_limit allows */

/* A template is a document of this kind, whose name is the kind of its jobs. */
#define UFDL_TEMPLATE         "ufdl.template"
#define UFDL_TEMPLATE_DEFAULT "default"
/* The one that every project has, and jobs of a kind without another show. Its pk as a document is 0. */
extern const struct document ufdl_template_default;
int ufdl_template_of(struct session *s, const struct job *j, const struct document **ret, struct err *e);
int ufdl_template_put_brief(struct json_out *j, struct arena *a, const struct document *d, struct err *e);

/* The node of the header Node-Id; NULL: there is no such header. ERR_BAD_VALUE: it names none. */
int ufdl_node(struct request *rq, struct document **ret, struct err *e);
int ufdl_node_require(struct request *rq, struct document **ret, struct err *e); /* or ERR_FORBIDDEN */
int ufdl_node_seen(struct request *rq, struct document *d, struct err *e);       /* now; it writes */

int ufdl_job(struct request *rq, struct job **ret, struct err *e); /* that the first {} names */
int ufdl_send_job(struct request *rq, const struct job *job, struct err *e);

/* --- what handlers read requests by --- */

extern const struct json_field ufdl_node_fields[5], ufdl_node_new_fields[5], ufdl_template_fields[5],
    ufdl_create_job_fields[3], ufdl_job_fields[1], ufdl_start_fields[1], ufdl_finish_fields[3];

/* --- what the routes are to those who call them: ufdl_describe.c --- */

extern const struct description ufdl_description;
extern const struct operation ufdl_op_token_obtain, ufdl_op_token_refresh, ufdl_op_token_verify,
    ufdl_op_output_list, ufdl_op_output_retrieve, ufdl_op_output_destroy, ufdl_op_output_hard_delete,
    ufdl_op_output_reinstate, ufdl_op_output_download, ufdl_op_template_list, ufdl_op_template_create,
    ufdl_op_template_retrieve, ufdl_op_template_create_job, ufdl_op_node_list, ufdl_op_node_create,
    ufdl_op_node_ping, ufdl_op_node_retrieve, ufdl_op_node_update, ufdl_op_node_patch, ufdl_op_job_list,
    ufdl_op_job_retrieve, ufdl_op_job_update, ufdl_op_job_patch, ufdl_op_job_destroy, ufdl_op_job_hard_delete,
    ufdl_op_job_reinstate, ufdl_op_job_acquire, ufdl_op_job_release, ufdl_op_job_release_by_get,
    ufdl_op_job_start, ufdl_op_job_progress, ufdl_op_job_finish, ufdl_op_job_reset, ufdl_op_job_abort,
    ufdl_op_job_cancel, ufdl_op_add_output, ufdl_op_get_output, ufdl_op_delete_output,
    ufdl_op_get_output_info;

/* --- handlers --- */

/* ufdl_token.c */
int ufdl_admit_bearer(struct request *rq, struct err *e);
handler_fn ufdl_token_obtain, ufdl_token_refresh, ufdl_token_verify;

/* ufdl_output.c */
handler_fn ufdl_output_list, ufdl_output_never, ufdl_output_retrieve, ufdl_output_destroy,
    ufdl_output_hard_delete, ufdl_output_reinstate, ufdl_output_download;

/* ufdl_template.c */
handler_fn ufdl_template_list, ufdl_template_create, ufdl_template_retrieve, ufdl_template_create_job;

/* ufdl_node.c */
handler_fn ufdl_node_list, ufdl_node_create, ufdl_node_retrieve, ufdl_node_update, ufdl_node_ping;

/* ufdl_job.c */
handler_fn ufdl_job_list, ufdl_job_retrieve, ufdl_job_update, ufdl_job_destroy, ufdl_job_hard_delete,
    ufdl_job_reinstate;

/* ufdl_move.c */
handler_fn ufdl_job_acquire, ufdl_job_release, ufdl_job_start, ufdl_job_progress, ufdl_job_finish,
    ufdl_job_reset, ufdl_job_abort, ufdl_job_cancel;

/* ufdl_job_output.c */
handler_fn ufdl_add_output_begin, ufdl_add_output, ufdl_get_output, ufdl_get_output_info, ufdl_delete_output;
