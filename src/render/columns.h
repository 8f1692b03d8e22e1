/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of a table, in the order in which they were first seen over all rows.
 *
 * A column is a path: one step for a member of the row itself, more for what is nested in it (array indexes
 * are steps like any other: tags.0). Its name joins the steps with dots. Two paths can have the same name
 * ({"a.b":1} and {"a":{"b":2}}): then the longer path's name gets _2, _3 … Names are only final once all rows
 * were seen.
 *
 * One thread at a time. Memory is bounded by `limit` columns and `bytes_limit` bytes of steps.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "render/row.h"

#include <stdbool.h>

struct column {
    const char *name; /* final after columns_name; with a NUL, and without any inside: see columns_name */
    size_t name_len;
    unsigned seen;   /* bits 1 << enum cell_kind */
    bool fraction;   /* a number was seen that is not an integer */
    int depth;       /* steps of the path */
    struct step *at; /* the last one */
    int copies;      /* the last number given to others of this name; 0: none */
};

enum { KEY_BEYOND = 16 };

/* One step of a path; the root has no parent. */
struct step {
    const struct step *parent;
    const char *key; /* decoded, with KEY_BEYOND bytes of NUL behind it */
    size_t key_len;
    int column; /* of the path that ends here; -1: none does */
    bool plain; /* in JSON the key stands as it is: it has neither quotes, backslashes nor control characters
                 */
    struct step *first_child, *next_in_bucket;
    struct step *expected; /* what came after it, below the same parent, in the row before */
    int64_t mark;          /* the reader's own */
    int member;            /* the reader's own */
};

struct columns;

struct columns *columns_new(int limit, size_t bytes_limit);
void columns_free(struct columns *c); /* NULL is fine */

struct step *columns_root(struct columns *c);
/* The step `key` below `parent`, made if there is none. `guess` may be NULL or where to look first. NULL: the
   limit of bytes is reached. */
struct step *columns_step(struct columns *c, struct step *parent, struct step *guess, const char *key,
                          size_t key_len);
/* The column of the path that ends at `s`, made if there is none. ERR_LIMIT: there would be too many. */
int columns_of_step(struct columns *c, struct step *s, struct err *e);

/* Forgets the columns from `count` on, of which no row was handed on. */
void columns_truncate(struct columns *c, int count);
/* Forgets all columns and steps. */
void columns_clear(struct columns *c);

int columns_count(const struct columns *c);
/* They lie one behind the other until there is one more. */
struct column *columns_get(struct columns *c, int index);
/* Gives all their names, unique. A NUL in a key becomes U+2400 in the name. */
void columns_name(struct columns *c);
const char *column_type(const struct column *c); /* integer number boolean text mixed null */
