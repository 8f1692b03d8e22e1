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

void row_sql_project(struct row_sql *q, const char *column, int64_t project, const struct labels *l)
{
    buf_printf(&q->text, " WHERE %s", column);
    row_sql_value(q, l->count ? " + 0 = " : " = ", db_of_int(project));
}

static void add_label(struct row_sql *q, int64_t project, const struct label *l)
{
    row_sql_value(q, " WHERE ld.project = ", db_of_int(project));
    row_sql_value(q, " AND ld.kind = ", db_of_text(l->kind));
    row_sql_value(q, " AND ld.parent = ", db_of_text(l->value));
    row_sql_add(q, ")");
}

void row_sql_labels(struct row_sql *q, const char *id_column, int64_t project, const struct labels *l)
{
    for (int i = 0; i < l->count; i++) {
        buf_printf(&q->text, " AND %s%s IN (SELECT ld.name FROM document ld", id_column, i ? " || ''" : "");
        add_label(q, project, &l->all[i]);
    }
}

void row_sql_batch_labels(struct row_sql *q, const char *batch_column, int64_t project,
                          const struct labels *l)
{
    for (int i = 0; i < l->count; i++) {
        buf_printf(&q->text, " AND %s%s IN (SELECT lb.pk FROM document ld JOIN batch lb ON lb.id = ld.name",
                   batch_column, i ? " + 0" : "");
        add_label(q, project, &l->all[i]);
    }
}

void row_sql_place(struct row_sql *q, const char *column, bool oldest_first, const struct page *page)
{
    int64_t from = page->before || oldest_first ? page->before : INT64_MAX;
    buf_printf(&q->text, " AND %s ", column);
    row_sql_value(q, oldest_first ? "> " : "< ", db_of_int(from));
    if (oldest_first && page->until) {
        buf_printf(&q->text, " AND %s ", column);
        row_sql_value(q, "< ", db_of_int(page->until));
    }
}

const struct page row_counted = {.limit = STORE_COUNT_LIMIT};

int row_sql_count(struct db *db, struct row_sql *q, const char *name, int64_t *ret, struct err *e)
{
    struct stmt s = {
        name, arena_printf(q->text.arena, "SELECT count(*) FROM (%s) counted", buf_str(&q->text)), true};
    int rc = row_int(db, &s, q->args, q->count, ret, e);
    return rc < 0 ? rc : 0;
}
