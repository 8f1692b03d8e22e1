/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions and an order that a request puts together, over a table of columns that it may name: a tree that
 * becomes SQL of constant pieces, in which every value is a parameter.
 *
 * It means the same on every engine: texts are compared byte by byte of their UTF-8, which is by code point;
 * folding case is folding A–Z. A comparison with null is false, and `invert` makes of that true.
 */
#pragma once

#include "base/arena.h"
#include "db/db.h"

#include <stdbool.h>

enum filter_type { FILTER_INT, FILTER_TEXT, FILTER_TIME, FILTER_BOOL };

/* What may be named. */
struct filter_column {
    const char *sql;       /* an expression of our own over the tables of one query */
    enum filter_type type; /* of the value that it is compared with; a time and a bool are integers */
    bool nullable;
    int index; /* how narrow the index is that serves a comparison: 1 the narrowest; 0: none does */
    /* NULL: that index has `sql` itself. Else it has another column, which the rows that compare so have in
     * common: "x IN (SELECT key … WHERE expression", to which the comparison and ) are added. */
    const char *keys;
    bool crosses; /* that index does not begin with the project */
};

enum filter_op {
    FILTER_AND,   /* of `first` and those that follow it */
    FILTER_OR,    /* the same; of nothing, it is false */
    FILTER_EQUAL, /* the rest is of `column` … */
    FILTER_LESS,  /* … and of `value`, which is not null */
    FILTER_AT_MOST,
    FILTER_GREATER,
    FILTER_AT_LEAST,
    FILTER_CONTAINS, /* a text, in the column as a text */
    FILTER_IS_NULL,
};

struct filter_node {
    enum filter_op op;
    bool invert;
    bool fold; /* of FILTER_EQUAL and FILTER_CONTAINS with a text: a is A */
    const struct filter_column *column;
    struct db_value value;
    struct filter_node *first;
    struct filter_node *next;
};

static inline struct db_value filter_int(int64_t v)
{
    return db_of_int(v);
}

static inline struct db_value filter_text(const char *text, size_t len)
{
    return (struct db_value){.type = DB_TEXT, .bytes = text, .len = len};
}

struct filter_order {
    const struct filter_column *column;
    bool descending;
    bool nulls_first; /* else they are last */
    struct filter_order *next;
};

/* What whoever makes them has to keep to, so that no engine's limits are met. */
enum { FILTER_NODES = 200, FILTER_ORDERS = 16 };

struct filter {
    const struct filter_node *first;  /* all of these hold; NULL: whatever there is */
    const struct filter_order *order; /* and in the end by pk */
    bool deleted;                     /* soft-deleted rows, too */
};
