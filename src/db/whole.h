/* SPDX-License-Identifier: Apache-2.0 */
/* Inside db/: what each engine has its own words for, and what is done to a whole database; see db.h. */
#pragma once

#include "db/db.h"

/* The integer that a statement gives, or 0 if it gives no row. */
int whole_int(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret,
              struct err *e);

int sqlite_freeze(struct db *db, const char *const *tables, bool frozen, struct err *e);
int sqlite_sequence(struct db *db, const char *table, int64_t *ret, struct err *e);
int sqlite_set_sequence(struct db *db, const char *table, int64_t last, struct err *e);

int pg_freeze(struct db *db, const char *const *tables, bool frozen, struct err *e);
int pg_sequence(struct db *db, const char *table, int64_t *ret, struct err *e);
int pg_set_sequence(struct db *db, const char *table, int64_t last, struct err *e);
int pg_clock(struct db *db, int64_t *ret, struct err *e);
int pg_lock(struct db *db, enum db_lock what, bool alone, int64_t silence_ms, struct err *e);
int pg_locked(struct db *db, enum db_lock what, struct err *e);
int pg_unlock(struct db *db, enum db_lock what, struct err *e);

#define PG_FROZEN "RD001" /* the SQLSTATE of a change that was refused */
