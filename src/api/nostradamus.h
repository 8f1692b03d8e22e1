/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the nostradamus*.c files. */
#pragma once

#include "api/operation.h"

#define NOSTRADAMUS_COLLECTION "nostradamus.collection" /* kind of document */

/* A form with a table to be added to a collection. */
handler_fn nostradamus_append_begin, nostradamus_append;

/* What handlers read requests by. */
extern const struct json_field nostradamus_collection_fields[5], nostradamus_invocation_fields[3];
extern const struct param nostradamus_window_params[2];

extern const struct description nostradamus_description;
extern const struct operation nostradamus_op_create_collection, nostradamus_op_list_collections,
    nostradamus_op_append, nostradamus_op_create_invocation, nostradamus_op_retrieve_invocation,
    nostradamus_op_primary_json, nostradamus_op_primary_csv, nostradamus_op_primary_xlsx,
    nostradamus_op_result_json, nostradamus_op_result_csv, nostradamus_op_result_xlsx;
