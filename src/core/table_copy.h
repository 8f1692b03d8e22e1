/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables copied from one database to another and compared, whichever engines these are, page by page in the
 * order of keys. Both have the same schema. Neither time nor size of a table makes a transaction long: a page
 * is a thousand rows or a few MiB at most.
 */
#pragma once

#include "core/core.h"

struct table_place {
    int64_t after;      /* the key up to which it is done; 0 at first */
    int64_t rows;       /* done so far */
    int64_t page_limit; /* of rows; 0 at first */
    bool end;           /* there are no more */
};

/* One page in one transaction of `to`, which ends with `last`. */
typedef int table_last_fn(struct db *to, const struct table_place *now, void *ctx, struct err *e);
int table_copy_page(struct db *from, struct db *to, const struct whole_table *t, struct table_place *at,
                    table_last_fn *last, void *ctx, struct err *e);

/* All of a table into one that has none of its rows. */
int table_copy(struct db *from, struct db *to, const struct whole_table *t, int64_t *ret_rows, struct err *e);

/* Of each numbered table: the next keys go on where those of the other end. */
int table_copy_sequences(struct db *from, struct db *to, struct err *e);

/* One page of both; all pages of the first go through `d`. 1: they are the same; 0: there is a difference. */
int table_compare_page(struct db *a, struct db *b, const struct whole_table *t, struct table_place *at,
                       struct digest *d, struct err *e);

/* 1: there is a row; 0: it is empty. */
int table_has_rows(struct db *db, const struct whole_table *t, struct err *e);
