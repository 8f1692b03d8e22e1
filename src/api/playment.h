/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the playment_*.c files: Playment's API. Each file has the handlers of one kind of object. */
#pragma once

#include "api/operation.h"
#include "base/json.h"

#define PLAYMENT_DEFAULT_BATCH "Default batch" /* of jobs that name none */

handler_fn playment_create_batch, playment_batch_v0, playment_batch_v1, playment_details, playment_stats;
handler_fn playment_create_job_v0, playment_create_job_v1, playment_job_v0, playment_job_v1;
handler_fn playment_attachment;

/* What handlers read requests by. */
extern const struct json_field playment_batch_fields[3], playment_job_fields[6];
extern const struct param playment_page_params[1];

extern const struct description playment_description;
extern const struct operation playment_op_create_batch, playment_op_create_batch_singular,
    playment_op_create_job_v1, playment_op_create_job_v0, playment_op_create_job_sdk, playment_op_batch_v1,
    playment_op_batch_v0, playment_op_job_v1, playment_op_job_v0, playment_op_attachment,
    playment_op_details_v1, playment_op_details_v0, playment_op_stats;

/* The {pid} of the address is the key's own project, by its name or its number; ERR_NOT_FOUND if not. */
int playment_check_project(struct request *rq, struct err *e);

/* Every success is {"data": {…}, "success": true}: members go between begin and send. */
void playment_begin(struct json_out *j, struct request *rq);
int playment_send(struct request *rq, int status, struct json_out *j);
/* NULL is written as "": clients of this API look for texts, which its own empty `result` is, too. */
void playment_put(struct json_out *j, const char *key, const char *value);
void playment_put_int(struct json_out *j, const char *key, int64_t value);

/* A name or label that a client gives: ERR_BAD_VALUE names `pointer` if it holds control characters. */
int playment_check_text(const char *text, const char *pointer, struct err *e);

/*
 * The numbers of frames and annotations. Nobody here looks into what is annotated: a job is one frame, and
 * once completed it has one annotation.
 */
void playment_put_counts(struct json_out *j, int64_t jobs, int64_t completed);

/* The batch of jobs that name none; made when the first of them comes. Needs a write transaction. */
int playment_default_batch(struct request *rq, const char **ret_id, struct err *e);
