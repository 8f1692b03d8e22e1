/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows to CSV and TSV; what writer.h says of a writer with FORMAT_CSV or FORMAT_TSV. What is written reads
 * back (reader_csv.h, with the same delimiter) as the same cells, but for CELL_ABSENT, which becomes
 * CELL_NULL, and CELL_NESTED, which becomes the text that it is.
 */
#pragma once

#include "render/writer.h"

struct csv_writer;

struct csv_writer *csv_writer_new(const struct writer_options *o, const struct column_name *names, int count,
                                  put_fn *put, void *ctx);
void csv_writer_free(struct csv_writer *w); /* NULL is fine */
int csv_writer_row(struct csv_writer *w, const struct row *row, struct err *e);
int csv_writer_finish(struct csv_writer *w, struct err *e);
