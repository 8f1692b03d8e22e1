/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by result.c and result_list.c: from RESULT_COLUMNS to a struct result. */
#pragma once

#include "store/row.h"

struct result *result_row_read(struct db *db, struct db_cursor *c, struct arena *a);
int result_row_list(struct db *db, struct arena *a, const struct stmt *s, const struct db_value *args,
                    int count, struct result **ret, struct err *e);

/* result_query.c: the statement of store_result_query. */
void result_query_sql(struct row_sql *q, int64_t project, const struct filter *f);
