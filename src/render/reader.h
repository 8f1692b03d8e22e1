/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to rows. Bytes are pushed in pieces of any size, as they arrive; each complete row is handed on
 * before reader_feed returns. The bytes are UTF-8 already (decode.h), with or without a BOM.
 *
 * A damaged or unsuitable input is ERR_BAD_VALUE with a sentence for its owner that says where: "row 17 at
 * byte 2041: unclosed quote" (rows from 1, bytes from 0 of what was fed). After an error the reader is only
 * good for reader_free. What row_fn returns as an error ends the reading and is returned.
 *
 * Memory: a few times row_limit, whatever the size of the input.
 */
#pragma once

#include "base/err.h"
#include "render/columns.h"
#include "render/row.h"

#include <stdbool.h>

enum table_source { SOURCE_JSON, SOURCE_NDJSON, SOURCE_CSV }; /* TSV is CSV with a tab */

struct reader_options {
    enum table_source source;
    size_t row_limit;    /* bytes that one row, or one member beside the rows, may have */
    int depth_limit;     /* of nested JSON */
    bool nested_is_json; /* one column for each member, nested ones as CELL_NESTED; else they are flattened */
    /* `columns` is complete already, with all that can be seen in it: another column is an error, kinds are
       noted no more, and in CSV a bare cell is a text where only texts were seen. */
    bool columns_are_set;
    /* CSV */
    char delimiter;     /* 0: found out from the first record (, ; tab |), a comma where that is undecided */
    bool header_absent; /* the first record is data; columns are called c1 … cn */
    bool types_text;    /* every cell that is not empty is CELL_TEXT */
    /* JSON */
    bool want_json;     /* rows have their `json` */
    const char *member; /* of the top-level object: its array is the table; NULL: it has to be found out */
    /* What was handed on so far was not the table after all; columns are cleared. Called only with neither
       `member` nor columns_are_set: an array that was the only one yields to one called data, records,
       results or items, in this order. */
    void (*restart)(void *ctx);
};

/* What only the end of the input tells. */
struct reader_end {
    int64_t rows;
    char delimiter; /* CSV: the one that was used */
    const char
        *member; /* JSON: the member that is the table; NULL: the whole document is. The reader's own */
};

struct reader;

/* `columns` is filled unless columns_are_set, and outlives the reader. */
struct reader *reader_new(const struct reader_options *o, struct columns *columns, row_fn *row, void *ctx);
void reader_free(struct reader *r); /* NULL is fine */

int reader_feed(struct reader *r, const void *bytes, size_t len, struct err *e);
int reader_finish(struct reader *r, struct reader_end *ret, struct err *e);

/* The byte at which the row begins that is being handed on: only inside row_fn. */
int64_t reader_row_offset(const struct reader *r);

/*
 * Before the first reader_feed: what is fed begins at byte `offset` of the input, which is the start of row
 * `number` as reader_row_offset told it. Only with columns_are_set, and a delimiter that is known.
 */
void reader_resume(struct reader *r, int64_t offset, int64_t number);
