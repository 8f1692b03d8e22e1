/* SPDX-License-Identifier: Apache-2.0 */
/* See row.h. */
#include "store/row.h"

#include "base/text.h"

#include <string.h>

enum { SQL_ARGS = 16 }; /* room for so many at first */

int row_one(struct db *db, const struct stmt *s, const struct db_value *args, int count,
            struct db_cursor **ret, struct err *e)
{
    struct db_cursor *c = NULL;
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    rc = db_step(db, c, e);
    if (rc <= 0)
        db_done(db, c);
    else
        *ret = c;
    return rc;
}

int row_int(struct db *db, const struct stmt *s, const struct db_value *args, int count, int64_t *ret,
            struct err *e)
{
    struct db_cursor *c = NULL;
    int rc = row_one(db, s, args, count, &c, e);
    if (rc > 0) {
        *ret = db_int(db, c, 0);
        db_done(db, c);
    }
    return rc;
}

int row_change(struct db *db, const struct stmt *s, const struct db_value *args, int count, struct err *e)
{
    int64_t changes;
    int rc = db_run(db, s, args, count, &changes, e);
    return rc < 0 ? rc : changes > 0;
}

const char *row_text(struct db *db, struct db_cursor *c, struct arena *a, int column)
{
    size_t len;
    const void *bytes = db_blob(db, c, column, &len);
    return bytes ? arena_copy(a, bytes, len) : NULL;
}

int64_t row_count(struct db *db, struct db_cursor *c, int column)
{
    return db_is_null(db, c, column) ? -1 : db_int(db, c, column);
}

void row_hex(struct db *db, struct db_cursor *c, int column, char *ret, size_t hex_len)
{
    size_t len;
    const void *bytes = db_blob(db, c, column, &len);
    ret[0] = '\0';
    if (len * 2 == hex_len)
        text_hex(bytes, len, ret);
}

void row_sql_add(struct row_sql *q, const char *piece)
{
    buf_puts(&q->text, piece);
}

void row_sql_value(struct row_sql *q, const char *piece, struct db_value v)
{
    if (q->count == q->cap) {
        struct db_value *more = arena_alloc(q->text.arena, ((size_t)q->cap * 2 + SQL_ARGS) * sizeof *more);
        if (q->count)
            memcpy(more, q->args, (size_t)q->count * sizeof *more);
        q->cap = q->cap * 2 + SQL_ARGS;
        q->args = more;
    }
    q->args[q->count++] = v;
    buf_printf(&q->text, "%s$%d", piece, q->count);
}
