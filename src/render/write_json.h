/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as JSON: one array, or one row a line (NDJSON). A row that brings its own JSON is written as that, any
 * other as an object of its cells in the order of the columns, those that are absent left out. No white space
 * inside a row; text has the escapes that RFC 8259 demands and no others.
 *
 * One thread at a time. Memory: a buffer of 64 KiB, and the names.
 */
#pragma once

#include "base/err.h"
#include "render/row.h"
#include "render/writer.h"

#include <stdbool.h>

struct json_rows_writer;

/* `lines`: NDJSON. `names` need not outlive the call. Nothing is put before a buffer is full or the end. */
struct json_rows_writer *json_rows_writer_new(bool lines, const struct column_name *names, int count,
                                              put_fn *put, void *ctx);
void json_rows_writer_free(struct json_rows_writer *w); /* at any time; NULL is fine */

/* row->count is `count` of json_rows_writer_new. After an error the writer is only good for freeing. */
int json_rows_writer_row(struct json_rows_writer *w, const struct row *row, struct err *e);
/* No rows: JSON is an empty array, NDJSON is nothing, and then nothing is put. */
int json_rows_writer_finish(struct json_rows_writer *w, struct err *e);
