/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rows to bytes: one document in one format, written from its first byte to its last. Memory does not
 * grow with the number of rows.
 *
 * The same rows and options give the same bytes, on every machine and at every time: no clock, no random.
 */
#pragma once

#include "base/err.h"
#include "render/row.h"

#include <stdbool.h>

enum format { FORMAT_JSON, FORMAT_NDJSON, FORMAT_CSV, FORMAT_TSV, FORMAT_XLSX, FORMAT_END };

struct writer_options {
    enum format format;
    char delimiter; /* CSV: , ; | or tab */
    bool lf;        /* CSV, TSV: lines end in LF instead of CRLF */
    bool bom;       /* CSV, TSV: starts with EF BB BF */
    bool safe;      /* CSV, TSV: no text that a spreadsheet takes for a formula */
};

struct column_name {
    const char *bytes; /* UTF-8 */
    size_t len;
};

/* Takes the next bytes of the document, of any number above 0. Its error ends the writing and is returned. */
typedef int put_fn(void *ctx, const void *bytes, size_t len, struct err *e);

struct rows_writer;

/* `names` live as long as the writer. Nothing is put before the first rows_writer_row or rows_writer_finish.
 */
struct rows_writer *rows_writer_new(const struct writer_options *o, const struct column_name *names,
                                    int count, put_fn *put, void *ctx);
void rows_writer_free(struct rows_writer *w); /* at any time; NULL is fine */

/* row->count is `count` of rows_writer_new. */
int rows_writer_row(struct rows_writer *w, const struct row *row, struct err *e);
int rows_writer_finish(struct rows_writer *w, struct err *e);

/* What xlsx cannot hold; ERR_LIMIT with the reason: "16385 columns, 16384 is the most". */
enum { XLSX_COLUMNS = 16384, XLSX_ROWS = 1048576, XLSX_CELL = 32767 /* UTF-16 code units */ };
int xlsx_check_columns(const struct column_name *names, int count, struct err *e);
int xlsx_check_cell(const struct cell *c, const struct column_name *name, int64_t row, struct err *e);
