/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside store/: running statements, reading columns, and lists whose conditions depend on the
 * request. */
#pragma once

#include "base/buf.h"
#include "store/filter.h"
#include "store/store.h"

/* Runs a statement that returns at most one row: 1 and an open cursor, or 0 or an error and none. */
int row_one(struct db *db, const struct stmt *s, const struct db_value *args, int count,
            struct db_cursor **ret, struct err *e);
/* A statement that returns one integer: 1 and *ret, 0 when there is no row. */
int row_int(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret,
            struct err *e);
/* An UPDATE or DELETE: 1 if it changed a row, else 0. */
int row_change(struct db *db, const struct stmt *s, const struct db_value *args, int count, struct err *e);

/* Adds to the sums that store_usage_get reads: at the end of the transaction where the connection gathers. */
int usage_add(struct db *db, int64_t project, enum result_state state, bool trash, int64_t results,
              int64_t bytes, struct err *e);

/* After what it adds to the sums: adds to the hour of `now`, likewise at the end. */
int usage_note(struct db *db, int64_t project, int64_t now, const struct activity *seen, struct err *e);

const char *row_text(struct db *db, struct db_cursor *c, struct arena *a, int column);
int64_t row_count(struct db *db, struct db_cursor *c, int column); /* -1 for NULL */
/* A digest as hex_len digits and a NUL; "" if it has another length. */
void row_hex(struct db *db, struct db_cursor *c, int column, char *ret, size_t hex_len);

/* A statement that is put together from constant pieces; values only ever go in as parameters. */
struct row_sql {
    struct buf text;
    struct db_value *args; /* in the arena of `text` */
    int count;
    int cap;
};
void row_sql_add(struct row_sql *q, const char *piece);
void row_sql_value(struct row_sql *q, const char *piece, struct db_value v); /* piece, then $n */
/*
 * "WHERE `column` = project", and "AND `column` IN …" for each label: of objects with that id, or in that
 * batch. SQLite has no statistics here: adding nothing keeps it from walking through all of the project, or
 * from beginning with another label than the first.
 */
void row_sql_project(struct row_sql *q, const char *column, int64_t project, const struct labels *l);
void row_sql_labels(struct row_sql *q, const char *id_column, int64_t project, const struct labels *l);
void row_sql_batch_labels(struct row_sql *q, const char *batch_column, int64_t project,
                          const struct labels *l);
/* The pk of a row is on that page: `column`, and whether the list goes from old to new. */
void row_sql_place(struct row_sql *q, const char *column, bool oldest_first, const struct page *page);
/* Counts the rows of a query that is put together, which are all on the page of those that counting reads. */
extern const struct page row_counted;
int row_sql_count(struct db *db, struct row_sql *q, const char *name, int64_t *ret, struct err *e);

/*
 * Of a filter that a request made: the condition that an index is to serve, NULL if none does; the
 * conditions, each begun with AND; and the order, which ends with that of `pk`.
 */
const struct filter_node *filter_narrowest(const struct filter *f);
void filter_add(struct row_sql *q, const struct filter *f, const struct filter_node *served);
void filter_add_order(struct row_sql *q, const struct filter *f, const struct filter_column *pk,
                      const struct filter_node *served);

/* Columns of a result, for SELECT … FROM result r LEFT JOIN batch b … JOIN principal c … LEFT JOIN
 * storage st … */
#define RESULT_COLUMNS                                                                                           \
    "r.pk, r.id, r.project, r.job, r.job_id, r.batch, b.id, r.kind, r.name, r.type, r.is_primary, r.media_type," \
    " r.size, r.md5, r.sha256, r.crc32, r.state, r.keep, r.stored, r.is_inline, r.creator, c.name,"              \
    " r.created_at, r.consumed_at, r.expires_at, r.due_at, r.expired_at, r.deleted_at, r.with_job,"              \
    " r.downloads, r.downloaded_at, r.content_encoding, r.rows, r.columns, r.formats, r.unavailable,"            \
    " r.storage, r.object, r.etag, st.name, st.url, st.deliver"
#define RESULT_JOINS                                                                                         \
    " LEFT JOIN batch b ON b.pk = r.batch JOIN principal c ON c.pk = r.creator"                              \
    " LEFT JOIN storage st ON st.pk = r.storage "
#define RESULT_FROM " FROM result r" RESULT_JOINS
/*
 * Results where r.in_project = … AND r.in_state = …, in the order of pk. An engine that plans by statistics
 * must not begin with an index of result, so those columns have names of their own and the sum is one that
 * only result has an index for.
 */
#define RESULT_BY_STATE                                                                                      \
    "(SELECT s.pk, in_project, in_state, id, project, job, job_id, batch, kind, name, type, is_primary,"     \
    " media_type, size, md5, sha256, crc32, state, keep, stored, is_inline, creator, created_at,"            \
    " consumed_at, expires_at, due_at, expired_at, deleted_at, with_job, downloads, downloaded_at,"          \
    " content_encoding, rows, columns, formats, unavailable, storage, object, etag"                          \
    " FROM result_state s JOIN result t ON t.pk = s.pk + 0) r"
