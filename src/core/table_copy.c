/* SPDX-License-Identifier: Apache-2.0 */
/* See table_copy.h. A page that turns out to be large makes the next one shorter. */
#include "core/table_copy.h"

#include "base/digest.h"

#include <string.h>

enum { MOST_ROWS = 1000, PAGE_BYTES = 4 << 20 };

/* --- copying --- */

struct copying {
    struct db *from;
    struct db *to;
    const struct whole_table *table;
    struct table_place *at;
    struct table_place now;
    int64_t taken;
    size_t bytes;
    table_last_fn *last;
    void *ctx;
};

static int add_row(void *ctx, const struct whole_row *r, struct err *e)
{
    struct copying *p = ctx;
    int rc = store_whole_add(p->to, p->table, r, e);
    if (rc < 0)
        return rc;
    for (int i = 0; i < r->count; i++)
        p->bytes += r->values[i].len;
    p->now.after = r->key;
    p->taken++;
    return p->bytes > PAGE_BYTES; /* the rest of the page is left for the next one */
}

static int64_t next_limit(const struct copying *p, int64_t limit)
{
    if (p->bytes > PAGE_BYTES)
        return p->taken;
    return 2 * limit < MOST_ROWS ? 2 * limit : MOST_ROWS;
}

static int copy_page(struct db *to, void *ctx, struct err *e)
{
    struct copying *p = ctx;
    int64_t limit = p->at->page_limit ? p->at->page_limit : MOST_ROWS;
    p->to = to;
    p->now = *p->at;
    p->taken = 0;
    p->bytes = 0;
    int rc = store_whole_page(p->from, p->table, p->at->after, limit, add_row, p, e);
    if (rc < 0)
        return rc;
    p->now.end = rc == 0 && p->taken < limit;
    p->now.rows += p->taken;
    p->now.page_limit = next_limit(p, limit);
    return p->last ? p->last(to, &p->now, p->ctx, e) : 0;
}

/* A refused value is told with its place: there is no other way to find it. */
static void say_where(const struct copying *p, int rc, struct err *e)
{
    if (rc != ERR_DB_CONSTRAINT && rc != ERR_BAD_VALUE)
        return;
    struct err why = *e;
    (void)err_set(e, rc, "the target refuses a row of the table %s, among those after %lld: %s",
                  p->table->name, (long long)p->at->after, *why.log ? why.log : why.detail);
}

int table_copy_page(struct db *from, struct db *to, const struct whole_table *t, struct table_place *at,
                    table_last_fn *last, void *ctx, struct err *e)
{
    struct copying p = {.from = from, .table = t, .at = at, .last = last, .ctx = ctx};
    int rc = db_tx(to, DB_WRITE, copy_page, &p, e);
    if (rc < 0) {
        say_where(&p, rc, e);
        return rc;
    }
    *at = p.now;
    return 0;
}

int table_copy(struct db *from, struct db *to, const struct whole_table *t, int64_t *ret_rows, struct err *e)
{
    struct table_place at = {.end = false};
    int rc = 0;
    while (rc == 0 && !at.end)
        rc = table_copy_page(from, to, t, &at, NULL, NULL, e);
    *ret_rows = at.rows;
    return rc;
}

/* --- numbers --- */

/* Where an engine does not remember the last key of a table, as SQLite for some, it is that of a row. */
static int last_key(struct db *db, const struct whole_table *t, int64_t *ret, struct err *e)
{
    int64_t row = 0;
    int rc = db_sequence(db, t->name, ret, e);
    if (rc == 0)
        rc = store_whole_last(db, t, &row, e);
    if (row > *ret)
        *ret = row;
    return rc;
}

static int set_sequences(struct db *to, void *from, struct err *e)
{
    int rc = 0;
    for (const struct whole_table *t = store_whole_tables; rc == 0 && t->name; t++) {
        int64_t last = 0;
        if (!t->numbered)
            continue;
        rc = last_key(from, t, &last, e);
        if (rc == 0 && last)
            rc = db_set_sequence(to, t->name, last, e);
    }
    return rc;
}

int table_copy_sequences(struct db *from, struct db *to, struct err *e)
{
    return db_tx(to, DB_WRITE, set_sequences, from, e);
}

/* --- comparing --- */

struct hashed {
    struct digest *digest;
    struct digest_values values;
    int64_t last;
    int64_t rows;
};

static void hash_int(struct digest *d, int64_t v)
{
    digest_update_rest(d, &v, sizeof v);
}

static void hash_value(struct digest *d, const struct db_value *v)
{
    hash_int(d, v->type);
    switch (v->type) {
    case DB_INT:
        hash_int(d, v->integer);
        break;
    case DB_REAL:
        digest_update_rest(d, &v->real, sizeof v->real);
        break;
    case DB_TEXT:
    case DB_BLOB:
        hash_int(d, (int64_t)v->len);
        digest_update_rest(d, v->bytes, v->len);
        break;
    case DB_NULL:
        break;
    }
}

static int hash_row(void *ctx, const struct whole_row *r, struct err *e)
{
    struct hashed *h = ctx;
    (void)e;
    for (int i = 0; i < r->count; i++) {
        digest_update_rest(h->digest, r->names[i], strlen(r->names[i]) + 1);
        hash_value(h->digest, &r->values[i]);
    }
    h->last = r->key;
    h->rows++;
    return 0;
}

static int hash_page(struct db *db, const struct whole_table *t, int64_t after, struct hashed *ret,
                     struct err *e)
{
    *ret = (struct hashed){.digest = digest_new(), .last = after};
    int rc = store_whole_page(db, t, after, MOST_ROWS, hash_row, ret, e);
    digest_finish(ret->digest, &ret->values);
    digest_free(ret->digest);
    return rc;
}

int table_compare_page(struct db *a, struct db *b, const struct whole_table *t, struct table_place *at,
                       struct digest *d, struct err *e)
{
    struct hashed first = {.rows = 0};
    struct hashed second = {.rows = 0};
    int rc = hash_page(a, t, at->after, &first, e);
    if (rc == 0)
        rc = hash_page(b, t, at->after, &second, e);
    if (rc < 0)
        return rc;
    digest_update_rest(d, first.values.sha256, strlen(first.values.sha256));
    bool same = first.rows == second.rows && first.last == second.last &&
                strcmp(first.values.sha256, second.values.sha256) == 0;
    at->after = first.last;
    at->rows += first.rows;
    at->end = first.rows < MOST_ROWS;
    return same;
}

static int seen(void *ctx, const struct whole_row *r, struct err *e)
{
    (void)r;
    (void)e;
    *(bool *)ctx = true;
    return 0;
}

int table_has_rows(struct db *db, const struct whole_table *t, struct err *e)
{
    bool found = false;
    int rc = store_whole_page(db, t, INT64_MIN, 1, seen, &found, e);
    return rc < 0 ? rc : found;
}
