/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON and NDJSON half of reader.h. */
#pragma once

#include "render/reader.h"

struct json_reader;

struct json_reader *json_reader_new(const struct reader_options *o, struct columns *columns, row_fn *row,
                                    void *ctx);
void json_reader_free(struct json_reader *r);
int json_reader_feed(struct json_reader *r, const void *bytes, size_t len, struct err *e);
int json_reader_finish(struct json_reader *r, struct reader_end *ret, struct err *e);
int64_t json_reader_row_offset(const struct json_reader *r);
void json_reader_resume(struct json_reader *r, int64_t offset, int64_t number);
