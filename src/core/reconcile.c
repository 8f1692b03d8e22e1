/* SPDX-License-Identifier: Apache-2.0 */
/* See reconcile.h. One thread. The row that is next is `page[at]`; behind the page more are read. */
#include "core/reconcile.h"

#include "base/clock.h"
#include "core/buckets.h"

#include <stdio.h>
#include <string.h>

enum { PAGE = 500, LONGEST_KEY = 1100, LONGEST_ETAG = 160, TELL_EVERY = 1000 };

struct reconciler {
    struct db *db;
    struct blob_store *store;
    const struct storage *storage;
    int64_t recent; /* what is younger than that */
    reconcile_tell_fn *tell;
    reconcile_progress_fn *progress;
    void *ctx;
    struct reconcile_report *report;
    struct arena arena; /* of the page */
    struct stored_object *page;
    int64_t at, count;
    char last[LONGEST_KEY]; /* the key of the page's last row; "" before the first */
    bool ended;
};

static void tell(struct reconciler *c, const char *what, const char *key, const char *more)
{
    char line[LONGEST_KEY + 200];
    (void)snprintf(line, sizeof line, "%s %s: %s", what, key, more);
    for (char *p = line; *p; p++) /* keys of others may be anything, and lines go to terminals */
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    c->tell(c->ctx, line);
}

/* *ret: the next row, or NULL at the end. */
static int next_row(struct reconciler *c, const struct stored_object **ret, struct err *e)
{
    *ret = NULL;
    if (c->at == c->count && !c->ended) {
        arena_free(&c->arena);
        c->arena = (struct arena){0};
        c->at = 0;
        int rc =
            store_storage_objects(c->db, &c->arena, c->storage->pk, c->last, PAGE, &c->page, &c->count, e);
        if (rc < 0)
            return rc;
        c->ended = c->count < PAGE;
        if (c->count > 0)
            (void)snprintf(c->last, sizeof c->last, "%s", c->page[c->count - 1].key);
    }
    if (c->at < c->count)
        *ret = &c->page[c->at];
    return 0;
}

/* The row as it is now: 1 and *ret, or 0 if there is none any more that has bytes there. */
static int look_again(struct reconciler *c, struct arena *a, const char *key, struct stored_object *ret,
                      struct err *e)
{
    int rc = store_storage_object(c->db, a, c->storage->pk, key, ret, e);
    return rc > 0 ? ret->stored : rc;
}

static bool is_same(const struct stored_object *row, int64_t size, const char *etag)
{
    return row->size == size && (!row->etag || !*row->etag || strcmp(row->etag, etag) == 0);
}

/* What the two lists say may have been so at different times. */
static int suspect(struct reconciler *c, const struct stored_object *row, struct err *e)
{
    char etag[LONGEST_ETAG] = "";
    struct arena a = {0};
    struct stored_object now;
    int64_t size = 0;
    int rc = look_again(c, &a, row->key, &now, e);
    int there = rc > 0 ? s3_stat(c->store, row->key, &size, etag, sizeof etag, e) : 0;
    if (rc > 0 && there == 0) {
        c->report->missing++;
        tell(c, "missing", row->key, arena_printf(&a, "the object of result %s is not there", row->result));
    } else if (there > 0 && !is_same(&now, size, etag)) {
        c->report->changed++;
        tell(c, "changed", row->key,
             arena_printf(&a, "the object of result %s has another %s than was written", row->result,
                          size != now.size ? "size" : "ETag"));
    }
    arena_free(&a);
    return rc < 0 ? rc : there < 0 ? there : 0;
}

static int pass_row(struct reconciler *c, const struct stored_object *row, struct err *e)
{
    int rc = row->stored ? suspect(c, row, e) : 0;
    c->report->results++;
    c->at++;
    return rc;
}

static int take_unknown(struct reconciler *c, const struct s3_object *o, struct err *e)
{
    struct arena a = {0};
    struct stored_object now;
    int rc = store_storage_object(c->db, &a, c->storage->pk, o->key, &now, e);
    arena_free(&a);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (o->since > c->recent) {
        c->report->recent++;
        return 0;
    }
    c->report->unknown++;
    tell(c, "unknown", o->key, "no result knows this object");
    return 0;
}

static int take_known(struct reconciler *c, const struct stored_object *row, const struct s3_object *o,
                      struct err *e)
{
    int rc = row->stored && !is_same(row, o->size, o->etag) ? suspect(c, row, e) : 0;
    c->report->released += !row->stored;
    c->report->results++;
    c->at++;
    return rc;
}

static int visit(void *ctx, const struct s3_object *o, struct err *e)
{
    struct reconciler *c = ctx;
    const struct stored_object *row = NULL;
    int rc = next_row(c, &row, e);
    while (rc == 0 && row && strcmp(row->key, o->key) < 0) {
        rc = pass_row(c, row, e);
        if (rc == 0)
            rc = next_row(c, &row, e);
    }
    if (rc == 0 && row && strcmp(row->key, o->key) == 0)
        rc = take_known(c, row, o, e);
    else if (rc == 0)
        rc = take_unknown(c, o, e);
    if (++c->report->objects % TELL_EVERY == 0)
        c->progress(c->ctx, c->report);
    return rc;
}

static int rest(struct reconciler *c, struct err *e)
{
    const struct stored_object *row = NULL;
    int rc = next_row(c, &row, e);
    while (rc == 0 && row) {
        rc = pass_row(c, row, e);
        if (rc == 0)
            rc = next_row(c, &row, e);
    }
    return rc;
}

int reconcile_run(struct core *core, struct db *reader, const struct storage *st, reconcile_tell_fn *tell_fn,
                  reconcile_progress_fn *progress, void *ctx, struct reconcile_report *ret, struct err *e)
{
    struct reconciler c = {.db = reader,
                           .storage = st,
                           .recent = clock_now() - core_settings(core)->orphan_grace * CLOCK_SECOND,
                           .tell = tell_fn,
                           .progress = progress,
                           .ctx = ctx,
                           .report = ret};
    *ret = (struct reconcile_report){0};
    int rc = buckets_open(core, st, &c.store, e);
    if (rc < 0)
        return rc;
    rc = s3_each(c.store, visit, &c, e);
    if (rc == 0)
        rc = rest(&c, e);
    arena_free(&c.arena);
    blob_store_close(c.store);
    return rc;
}
