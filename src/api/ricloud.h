/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ricloud API v3, shared by its files: lists and their parameters, references, waiting. See ricloud.c for
 * what is what.
 */
#pragma once

#include "api/operation.h"
#include "base/json.h"
#include "core/document.h"

struct job;

enum { RICLOUD_LARGEST_LIMIT = 1000, RICLOUD_LONGEST_TEXT = 255 };

/* Kinds of documents and of labels, see core/document.h. */
#define RICLOUD_USER         "ricloud.user"
#define RICLOUD_SOURCE       "ricloud.source"
#define RICLOUD_SESSION      "ricloud.session"
#define RICLOUD_SUBSCRIPTION "ricloud.subscription"
#define RICLOUD_POLL         "ricloud.poll" /* what was said of a batch; its name is the batch's id */
#define RICLOUD_WEBHOOK      "ricloud.webhook"
#define RICLOUD_OF           "ricloud.of_" /* labels: ricloud.of_user, ricloud.of_session … */
#define RICLOUD_JOB          "ricloud."    /* jobs: ricloud.data_type … */

/* --- ricloud_list.c --- */

/* What every list takes: limit, after_id, before_id, since, and filters by label. */
struct ricloud_query {
    int64_t limit;
    struct page page;  /* one more than the limit */
    bool newest_first; /* before_id alone: the page that ends there, which is turned round to be shown */
    int64_t since;     /* 0: not given; else for filters that say "after": just before it */
    struct label label[LABELS_MOST];
    int label_count;
    bool empty; /* a filter names something that is not there */
};

/* The place in the list of the object with an id; ERR_NOT_FOUND. `kind`: of documents, else unused. */
typedef int ricloud_place_fn(struct request *rq, const char *kind, const char *id, int64_t *ret,
                             struct err *e);
/* `labels`: parameters that are filters by label, NULL-terminated; or NULL. */
int ricloud_read_query(struct request *rq, ricloud_place_fn *place, const char *kind,
                       const char *const *labels, struct ricloud_query *ret, struct err *e);
struct labels ricloud_labels(const struct ricloud_query *q);
extern const char *const ricloud_poll_labels[]; /* subscription, session, source, user, requestor */

/* The rows of a page, in the order of the query. */
struct ricloud_rows {
    const void *row[RICLOUD_LARGEST_LIMIT];
    int count;
    bool more;
};
void ricloud_take(struct ricloud_rows *rows, const struct ricloud_query *q, const void *row);

typedef int ricloud_put_fn(struct json_out *j, struct request *rq, const void *row, struct err *e);
/* Sends a list object. A page whose text gets long ends early. `path` is from the API's root on. */
int ricloud_send_list(struct request *rq, const struct ricloud_query *q, const struct ricloud_rows *rows,
                      ricloud_put_fn *put, int64_t total, const char *path, struct err *e);
int ricloud_send(struct request *rq, int status, ricloud_put_fn *put, const void *row, struct err *e);

/* A list inside of something. The client makes objects only of those that are told to be a list. */
void ricloud_begin_list(struct json_out *j);
void ricloud_end_list(struct json_out *j, struct request *rq, bool more, int64_t total, const char *path);

/* id, resource, organisation: how every object begins. */
void ricloud_begin(struct json_out *j, struct request *rq, const char *resource, const char *id);
void ricloud_put(struct json_out *j, const char *key, const char *value);

/*
 * A document shown as an object: what all objects begin with, the members of its body, date_created. Members
 * whose names begin with an underscore are not shown.
 */
int ricloud_put_document(struct json_out *j, struct request *rq, const char *resource,
                         const struct document *d, struct err *e);
/* Documents of a kind, listed as their resource. */
int ricloud_list_documents(struct request *rq, const char *kind, const char *const *labels,
                           ricloud_put_fn *put, const char *path, struct err *e);
/* The body of a document. */
int ricloud_parse(struct request *rq, const struct document *d, const struct json **ret, struct err *e);
/* The text of a member of a document's body; NULL: there is none. */
const char *ricloud_text(struct request *rq, const struct document *d, const char *member);
/* Labels what has this id; NULL values are no labels. */
int ricloud_label(struct request *rq, const char *id, const char *what, const char *value, struct err *e);

/* What a body refers to, as it was sent: ids, or objects that have one; NULL: not at all. */
struct ricloud_references {
    const struct json *session, *source, *subscription, *storage_config;
};
extern const struct json_field ricloud_reference_fields[1]; /* of such an object */
#define RICLOUD_REFERENCE(name, type, field, need, text)                                                     \
    {                                                                                                        \
        name, JSON_TO_VALUE, offsetof(type, field), .required = (need), .about = (text),                     \
                                                    .members = ricloud_reference_fields,                     \
                                                    .member_count = API_COUNT(ricloud_reference_fields)      \
    }

/* The document that `value`, which is `member` of a body, refers to. 1, or 0: absent or null.
 * ERR_BAD_REFERENCE names the member. */
int ricloud_refer(struct request *rq, const struct json *value, const char *member, const char *kind,
                  struct document **ret, struct err *e);

/*
 * Ricloud-Await: N. 1: the answer is put off, the handler returns 0 and is run again; 0: answer now, for it
 * is done, the time is up, or nobody asked to wait. ERR_BAD_VALUE.
 */
int ricloud_await(struct request *rq, bool done, struct err *e);
int ricloud_check_await(struct request *rq,
                        struct err *e); /* for a handler in the writer: only whether it is good */

/* --- ricloud_task.c: what is asked for, and on whose behalf --- */

struct ricloud_order {
    const char *poll; /* ids; NULL: none */
    const char *user, *session, *subscription;
    const struct document *source;
    const char *type;           /* info_type, data_type, file, or what POST /tasks says */
    const char *target;         /* one data type, one file …; NULL: the whole poll */
    const struct json *payload; /* an object or NULL */
    bool without_targets;       /* of the payload the lists of targets are left out */
    struct storage *storage;    /* where results go; NULL: as the project says */
};

/* The targets of a payload are its members with these names, lists of texts; each is a task of that type. */
struct ricloud_targets {
    const char *member, *type;
};
extern const struct ricloud_targets ricloud_targets[]; /* ends with NULL */

/* user, source, session and subscription that a body refers to, each following from the next where it is not
 * given. *ret_subscription may stay NULL. */
int ricloud_read_order(struct request *rq, const struct ricloud_references *sent, struct ricloud_order *ret,
                       struct document **ret_subscription, struct err *e);
int ricloud_make_task(struct request *rq, const struct ricloud_order *o, struct job **ret, struct err *e);

/* --- handlers and what they share --- */

ricloud_put_fn ricloud_put_result, ricloud_put_task, ricloud_put_poll, ricloud_put_storage,
    ricloud_put_webhook;
/* The results of a task or poll, which `of` selects and `what` (task, poll) and `id` name: of whatever state,
 * as a nested list. */
int ricloud_put_results(struct json_out *j, struct request *rq, const char *what, const char *id,
                        struct result_filter *of, struct err *e);
/* All documents of a kind, as a nested list. */
int ricloud_put_documents(struct json_out *j, struct request *rq, const char *kind, ricloud_put_fn *put,
                          const char *path, struct err *e);

/* All storages, as a nested list; *ret_default becomes the id of the project's, if there is one. */
int ricloud_put_storages(struct json_out *j, struct request *rq, const char **ret_default, struct err *e);
/* The storage that `value`, the member `storage_config` of a body, refers to; *ret stays where there is none.
 */
int ricloud_read_storage(struct request *rq, const struct json *value, struct storage **ret, struct err *e);

handler_fn ricloud_result_list, ricloud_result_get, ricloud_result_ack, ricloud_result_ack_many;
handler_fn ricloud_user_create, ricloud_user_list, ricloud_user_get;
handler_fn ricloud_source_create, ricloud_source_list, ricloud_source_get;
handler_fn ricloud_session_create, ricloud_session_list, ricloud_session_get, ricloud_session_payload;
handler_fn ricloud_subscription_create, ricloud_subscription_list, ricloud_subscription_get,
    ricloud_subscription_delete;
handler_fn ricloud_poll_create, ricloud_poll_list, ricloud_poll_get;
handler_fn ricloud_task_create, ricloud_task_list, ricloud_task_get;
handler_fn ricloud_key_current, ricloud_key_list, ricloud_key_get, ricloud_key_rotate, ricloud_organisation;
handler_fn ricloud_event_list, ricloud_event_get;
handler_fn ricloud_storage_create, ricloud_storage_list, ricloud_storage_get, ricloud_storage_update,
    ricloud_storage_delete, ricloud_storage_test;
handler_fn ricloud_webhook_create, ricloud_webhook_list, ricloud_webhook_get, ricloud_webhook_update,
    ricloud_webhook_delete;

/* --- ricloud_describe.c, ricloud_shape.c: what all this is to a client --- */

#define RICLOUD_KEY_FORMS (KEY_TOKEN | KEY_BEARER | KEY_HEADER)

extern const struct description ricloud_description;
extern const struct shape ricloud_result_shape, ricloud_result_list_shape, ricloud_task_shape,
    ricloud_task_list_shape, ricloud_poll_shape, ricloud_poll_list_shape, ricloud_user_shape,
    ricloud_user_list_shape, ricloud_source_shape, ricloud_source_list_shape, ricloud_session_shape,
    ricloud_session_list_shape, ricloud_payload_shape, ricloud_subscription_shape,
    ricloud_subscription_list_shape, ricloud_storage_shape, ricloud_storage_list_shape, ricloud_webhook_shape,
    ricloud_webhook_list_shape, ricloud_key_shape, ricloud_key_list_shape, ricloud_organisation_shape,
    ricloud_event_shape, ricloud_event_list_shape, ricloud_error_shape;
extern const struct operation ricloud_op_event_get, ricloud_op_event_list, ricloud_op_key_current,
    ricloud_op_key_get, ricloud_op_key_list, ricloud_op_key_rotate, ricloud_op_organisation,
    ricloud_op_poll_create, ricloud_op_poll_get, ricloud_op_poll_list, ricloud_op_result_ack,
    ricloud_op_result_ack_get, ricloud_op_result_ack_many, ricloud_op_result_get, ricloud_op_result_list,
    ricloud_op_session_create, ricloud_op_session_get, ricloud_op_session_list, ricloud_op_session_payload,
    ricloud_op_source_create, ricloud_op_source_get, ricloud_op_source_list, ricloud_op_storage_create,
    ricloud_op_storage_delete, ricloud_op_storage_get, ricloud_op_storage_list, ricloud_op_storage_test,
    ricloud_op_storage_test_get, ricloud_op_storage_update, ricloud_op_subscription_create,
    ricloud_op_subscription_delete, ricloud_op_subscription_get, ricloud_op_subscription_list,
    ricloud_op_task_create, ricloud_op_task_get, ricloud_op_task_list, ricloud_op_user_create,
    ricloud_op_user_get, ricloud_op_user_list, ricloud_op_webhook_create, ricloud_op_webhook_delete,
    ricloud_op_webhook_get, ricloud_op_webhook_list, ricloud_op_webhook_update;

/* The words of states and the like. */
extern const char *const ricloud_requestors[2],
    *const ricloud_task_states[5], *const ricloud_event_types[3], *const ricloud_event_actions[6];

/* What bodies are read by. */
extern const struct json_field ricloud_ack_fields[1], ricloud_poll_fields[6], ricloud_session_fields[2],
    ricloud_source_fields[3], ricloud_storage_fields[5], ricloud_subscription_fields[7],
    ricloud_task_fields[8], ricloud_user_fields[1], ricloud_webhook_fields[1];
