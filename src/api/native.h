/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the native_*.c files: our own API under /api/v1. Each file has the handlers of one kind of
 * object. */
#pragma once

#include "api/operation.h"
#include "base/json.h"

#define NATIVE "/api/v1"

/* What many operations have. */
#define NATIVE_EXAMPLE_ID "01939a5e-7c2b-7d41-9f0a-3b6c5d4e2f10"
#define NATIVE_PLACE_ID   .places = {"id"}, .place_examples = {NATIVE_EXAMPLE_ID}
extern const char *const native_deleted_words[3];
#define NATIVE_DELETED_PARAM(type, field)                                                                    \
    {                                                                                                        \
        "deleted", PARAM_TEXT, offsetof(type, field), 1, 16,                                                 \
            "Without deleted ones (`false`), only those, or all.", native_deleted_words, 3                   \
    }

handler_fn native_job_create, native_job_list, native_job_get, native_job_claim, native_job_progress,
    native_job_finish, native_job_fail, native_job_cancel, native_job_delete, native_job_restore;
handler_fn native_batch_create, native_batch_list, native_batch_get;
handler_fn native_result_list, native_result_get, native_result_ack, native_result_delete,
    native_result_restore, native_result_keep, native_result_unkeep, native_result_link, native_content,
    native_rows;
handler_fn native_upload_begin, native_publish_begin;
handler_fn native_job_archive, native_batch_archive;
handler_fn native_storage_create, native_storage_list, native_storage_get, native_storage_change,
    native_storage_delete, native_storage_test;
handler_fn native_key_create, native_key_list, native_key_get, native_key_revoke, native_key_rotate;
handler_fn native_user_create, native_user_list, native_user_get, native_user_change, native_user_delete;
handler_fn native_usage, native_usage_history, native_usage_expiring;
handler_fn native_openapi;
extern const struct description native_description;
extern const struct shape native_problem_shape;
extern const struct operation native_op_batch_archive, native_op_batch_create, native_op_batch_get,
    native_op_batch_list, native_op_content, native_op_job_archive, native_op_job_cancel, native_op_job_claim,
    native_op_job_create, native_op_job_delete, native_op_job_fail, native_op_job_finish, native_op_job_get,
    native_op_job_list, native_op_job_progress, native_op_job_restore, native_op_openapi, native_op_publish,
    native_op_result_ack, native_op_result_delete, native_op_result_get, native_op_result_keep,
    native_op_result_link, native_op_result_list, native_op_result_restore, native_op_result_unkeep,
    native_op_rows, native_op_storage_change, native_op_storage_create, native_op_storage_delete,
    native_op_storage_get, native_op_storage_list, native_op_storage_test, native_op_upload, native_op_usage,
    native_op_usage_history, native_op_usage_expiring, native_op_key_create, native_op_key_list,
    native_op_key_get, native_op_key_revoke, native_op_key_rotate, native_op_user_create, native_op_user_list,
    native_op_user_get, native_op_user_change, native_op_user_delete;
void native_upload_render(struct request *rq);
void native_result_render(struct request *rq);

/* RFC 9457. Also for the server's own pages. */
void native_fail(struct request *rq, const struct err *e);

/* native_render.c: objects as JSON. */
extern const struct shape native_job_shape, native_claimed_shape, native_result_shape, native_batch_shape;
int native_send(struct request *rq, int status, const struct json_out *j);
void native_put_scopes(struct json_out *j, int64_t scopes); /* their names, as a list */
int native_send_job(struct request *rq, int status, const struct job *job);
int native_send_result(struct request *rq, int status, const struct result *r);

/*
 * native_list.c: pages. A cursor holds the filters of the first page and the last key; with one, filters need
 * not be given again, and may not differ.
 */
struct native_page {
    struct page page; /* its limit is one more than asked for, to see whether there is a next one */
    int64_t limit;
    int64_t shown;
    int64_t last; /* the key of the last one shown */
    struct query_pair *filters;
    struct request *rq;
    struct json_out out;
    bool more; /* there is a next page; who knows it by other means sets it */
};
int native_page_open(struct request *rq, struct native_page *p, struct err *e); /* rq->query: filters only */
/* false: this one is the next page's, and nothing was written. */
bool native_page_put(struct native_page *p, const struct shape *s, int64_t pk, const void *object);
int native_page_send(struct native_page *p);
enum deleted_filter native_deleted(const char *word); /* of NATIVE_DELETED_PARAM; NULL: it was not given */
