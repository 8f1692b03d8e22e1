/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows and which columns of a table: fields, omit, where, offset, limit.
 *
 * A condition is a column, an operator, a value: `price>=10`. The column is everything before the first of
 * != <= >= = < > ~ and the value everything after it, blanks included. A column whose own name has one of
 * these inside, or begins with a quote, is quoted, with "" for a quote inside: `"a>b">=3`, `"5"" pipe"=1`.
 *
 * Numbers compare as exact decimals (decimal.h) when both sides are numbers. Else both compare as text by
 * code point: a boolean as true or false, a number as it was written, what is nested as its JSON. ~ is
 * "contains", case-sensitive, on that text. null satisfies only !=; absent counts as null.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "render/decimal.h"
#include "render/row.h"
#include "render/writer.h"

#include <stdbool.h>

enum where_op { WHERE_EQ, WHERE_NE, WHERE_LT, WHERE_LE, WHERE_GT, WHERE_GE, WHERE_CONTAINS };

struct where {
    const char *column; /* without its quotes */
    size_t column_len;
    enum where_op op;
    struct cell value; /* CELL_NUMBER if it is a JSON number, else CELL_TEXT; as it was written */
    struct where *next;
};

/* `text` is UTF-8. Everything lives in `a`. ERR_BAD_VALUE with the parameter "where". */
int where_parse(struct arena *a, const char *text, struct where **ret, struct err *e);
bool where_holds(const struct where *w, const struct cell *cell);

struct selection {
    const char *const *fields; /* names in the order that is wanted; NULL: all */
    int field_count;
    const char *const *omit; /* taken away from fields */
    int omit_count;
    const struct where *where; /* all must hold */
    int64_t offset;            /* of the rows that where lets through */
    int64_t limit;             /* -1: all */
};

/* A selection resolved against the names of one table, and how far its rows have come. One thread at a time.
 */
struct selected {
    int *order; /* indexes of the columns that are kept, in the order that is wanted */
    int count;
    bool all;           /* neither fields nor omit were given: rows pass as they are */
    struct cell *cells; /* room for one row */
    const struct where **conditions;
    int *condition_columns;
    int condition_count;
    int64_t offset, limit;
    int64_t matched; /* rows that where lets through so far */
    int64_t taken;   /* of those, handed on */
};

/* Everything lives in `a`; the conditions of `s` must live as long. `names` are unique and `count` of them.
   ERR_BAD_VALUE with the parameter (fields, omit, where): a column that is not there, a field named twice, or
   no column that is left. */
int select_resolve(struct arena *a, const struct selection *s, const struct column_name *names, int count,
                   struct selected *ret, struct err *e);

/* 1: *ret is the row as it is wanted (its cells live in `s` or are those of `row`); 0: it is not wanted. A
   row that has fewer cells than the table has columns lacks the last ones. Unless `all`, ret->json is NULL.
 */
int select_row(struct selected *s, const struct row *row, struct row *ret);
bool select_is_full(const struct selected *s); /* no further row will be wanted */
