/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes between readers and writers of tables: one row at a time, as cells. A reader makes rows from
 * bytes (reader.h), a selection keeps some of them (select.h), a writer makes bytes from rows (writer.h).
 * Nothing here knows results or HTTP.
 *
 * Everything a row points to is valid until the call that it was given to returns.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cell_kind {
    CELL_ABSENT, /* the row has no such member; bytes and len are not set for this and the next three */
    CELL_NULL,
    CELL_FALSE,
    CELL_TRUE,
    CELL_NUMBER, /* as it was written, by JSON's grammar: 1.10, 1e400, 12345678901234567890 */
    CELL_TEXT,   /* decoded UTF-8 without lone surrogates; may hold NUL and any other character */
    CELL_NESTED, /* an object or array: its JSON text, without white space around tokens */
};

struct cell {
    enum cell_kind kind;
    const char *bytes; /* not NUL-terminated */
    size_t len;
};

enum { ROW_BEYOND = 16 };

struct row {
    int64_t number; /* from 0, among the rows of the table */
    const struct cell *cells;
    int count;   /* of cells: as many as there are columns so far */
    size_t size; /* all cells together are no longer, nor is any of them */
    bool roomy;  /* ROW_BEYOND bytes may be read behind the end of each cell that has bytes */
    /* The whole row as one JSON object without white space around tokens, nested as it was, each key once;
       NULL: there is none, or it is not what was asked for, and JSON is made from the cells. */
    const char *json;
    size_t json_len;
};

typedef int row_fn(void *ctx, const struct row *row, struct err *e);
