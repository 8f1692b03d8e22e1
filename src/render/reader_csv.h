/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV and TSV to rows; what reader.h says of a reader with SOURCE_CSV. RFC 4180, with line ends of any kind,
 * also mixed, and one more rule: a bare cell that is a JSON number, true, false or nothing is that, a quoted
 * one is text.
 *
 * The reader is given empty columns, or with columns_are_set those that it made itself in an earlier reading.
 */
#pragma once

#include "render/reader.h"

struct csv_reader;

struct csv_reader *csv_reader_new(const struct reader_options *o, struct columns *columns, row_fn *row,
                                  void *ctx);
void csv_reader_free(struct csv_reader *r); /* NULL is fine */
int csv_reader_feed(struct csv_reader *r, const void *bytes, size_t len, struct err *e);
int csv_reader_finish(struct csv_reader *r, struct reader_end *ret, struct err *e);
int64_t csv_reader_row_offset(const struct csv_reader *r);
void csv_reader_resume(struct csv_reader *r, int64_t offset, int64_t number);
