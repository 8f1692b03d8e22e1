/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside db/: what a connection to PostgreSQL has prepared, and values on their way there and back, which are
 * in PostgreSQL's binary form.
 *
 * What is put together at run time, like lists by their filters, is not prepared: a plan for any values would
 * let a small project pay for a large one, and there are more of them than are worth keeping.
 *
 * A parameter's type is that of the value that came with it first. Where that was NULL the server takes the
 * type from the statement, and later numbers go as texts, which every type reads.
 */
#pragma once

#include "db/pg_link.h"

struct pg_statements;

struct pg_statements *pg_statements_new(void);
void pg_statements_free(struct pg_statements *all);

/*
 * Sends the statement, prepared before if it is not yet. *ret_number grows with what was prepared: behind a
 * result without an error, all up to that number is there (pg_statements_keep); behind an error, what is
 * newer than that may not be (pg_statements_doubt).
 */
int pg_statements_send(struct pg_statements *all, struct link *l, const struct stmt *s,
                       const struct db_value *args, int count, struct link_rows *rows, struct err *e);
uint64_t pg_statements_number(const struct pg_statements *all);
void pg_statements_keep(struct pg_statements *all, uint64_t number);
void pg_statements_doubt(struct pg_statements *all);

enum db_type pg_type(const PGresult *r, int row, int column);
int64_t pg_int(const PGresult *r, int row, int column);
double pg_real(const PGresult *r, int row, int column);
