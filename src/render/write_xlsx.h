/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer of XLSX (ECMA-376, 5th edition, part 1, chapter 18), shaped like writer.h, which says what holds
 * for every writer. Its parts: write_xlsx.c lays out workbook and sheets, xlsx_cell.c decides what a cell may
 * be, deflate_zip.c packs.
 *
 * Each sheet begins with the names of the columns, bold and frozen; rows that do not fit go on the next
 * sheet. Text stands in its cell (no table of shared strings), so that nothing is kept from one row to the
 * next.
 */
#pragma once

#include "render/writer.h"

#include <stdbool.h>

struct xlsx_writer;

struct xlsx_writer *xlsx_writer_new(const struct column_name *names, int count, put_fn *put, void *ctx);
void xlsx_writer_free(struct xlsx_writer *w); /* at any time; NULL is fine */
int xlsx_writer_row(struct xlsx_writer *w, const struct row *row, struct err *e);
int xlsx_writer_finish(struct xlsx_writer *w, struct err *e);

/* Where a sheet ends and an archive begins, so that tests need not write 4 GiB to see it. */
struct xlsx_limits {
    int64_t rows;         /* of one sheet, its header included: at least 2 */
    uint64_t sheet_bytes; /* of one sheet's XML */
    uint64_t offset;      /* of the archive in what it is written to */
};
extern const struct xlsx_limits xlsx_limits;
struct xlsx_writer *xlsx_writer_new_within(const struct xlsx_limits *limits, const struct column_name *names,
                                           int count, put_fn *put, void *ctx);

/*
 * What stands in a number's cell: the number as it was written, or the same in fewer characters where it was
 * written with dozens of zeros. 0: it must be text, because a double cannot hold it: it has more than 15
 * digits besides leading and trailing zeros, or it is too large or too close to zero.
 */
enum { XLSX_NUMBER = 40 };
size_t xlsx_number(const char *text, size_t len, char ret[XLSX_NUMBER]);

/* UTF-16 code units of UTF-8. */
size_t xlsx_units(const char *text, size_t len);

/*
 * The next character of a text as XML: at most XLSX_ESCAPED bytes to `to`, their number to *ret_len; returns
 * how many bytes of the text they stand for. What XML cannot hold is written as _x0001_, and an underscore
 * that would be read as the begin of such a sequence as _x005F_ (part 1, 22.9.2.19). Only bytes that
 * xlsx_special names need it; all others stand for themselves.
 */
enum { XLSX_ESCAPED = 7 };
extern const unsigned char xlsx_special[256]; /* 1: a character that may have to be escaped begins */
size_t xlsx_escape(const char *text, size_t len, char to[XLSX_ESCAPED], size_t *ret_len);
