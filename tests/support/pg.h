/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database of its own on the PostgreSQL that the environment names (PGHOST, PGPORT, PGUSER, PGPASSWORD; see
 * tests/services/pg-up.sh). Without RESULTD_TEST_DB=pg there is none.
 */
#pragma once

#include <stdbool.h>

enum { PG_WHERE_SIZE = 80 };

bool pg_wanted(void);
/* Its orders of texts are not ours unless the schema says so. */
void pg_make(char ret_where[PG_WHERE_SIZE]);
void pg_remove(const char *where);               /* with whatever is still connected */
void pg_sql(const char *where, const char *sql); /* on a connection of its own */
