/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables of an archive become; see archive.h. Members are looked at in their order. What was made
 * before has a row with its size and digests; else it is made now, which a few converters do at a time. None
 * of it is held: only what the directory needs is kept.
 *
 * The request waits for the oldest making only: a waiter cannot be taken back, and two would wake it twice.
 */
#include "base/text.h"
#include "core/archive_parts.h"
#include "core/table.h"

#include <stdlib.h>
#include <string.h>

void archive_plan_free(struct archive_plan *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->under_way_count; i++)
        making_release(p->under_way[i].making);
    digest_free(p->tag);
    zip_names_free(p->names);
    arena_free(&p->arena);
    free(p);
}

/* --- choosing --- */

int archive_choose(struct session *s, struct archive_bytes *b, const struct result *r,
                   struct archive_member *m, struct archive_file *f, struct err *e)
{
    const struct conversion_options *o = &b->form.options;
    char tag[DIGEST_SHA256_HEX];
    if (!b->converts || (r->table.rows < 0 && !r->table.unavailable))
        return 0;
    if (!b->form.all && r->table.rows >= 0) {
        int rc = table_is_stored_as(s, r, o->writer.format, e);
        f->has_format = rc > 0;
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
    f->unavailable = convert_reason(&b->plan->arena, r, o);
    if (f->unavailable)
        return 0;
    convert_tag(r, o, tag);
    m->tag = arena_strdup(&b->kept, tag);
    return 0;
}

/* --- what was made --- */

static void know(struct archive_bytes *b, int index, int64_t size, const char *sha256, uint32_t crc32)
{
    struct archive_file *f = &b->plan->files[index];
    b->members[index].size = size;
    f->crc32 = crc32;
    text_copy(f->sha256, sizeof f->sha256, sha256);
}

/* Whole, though its row may not be there yet. */
static bool look_for_making(struct core *core, struct archive_bytes *b, int index)
{
    struct making *m;
    const char *sha256;
    if (!making_find(core, b->members[index].tag, &m))
        return false;
    int64_t size = making_made(m, &sha256);
    know(b, index, size, sha256, making_crc32(m));
    making_release(m);
    return true;
}

/* 1: it was made before. */
static int look_up(struct session *s, struct archive_bytes *b, int index, struct err *e)
{
    struct arena a = {0};
    struct representation_row row;
    int rc = store_representation_get(s->db, &a, b->members[index].tag, &row, e);
    if (rc > 0)
        know(b, index, row.size, row.sha256, row.crc32);
    arena_free(&a);
    return rc == 0 ? look_for_making(s->core, b, index) : rc;
}

/* The error of one result as that of the archive. */
static int blame(const struct archive_member *m, int code, struct err *e)
{
    struct err was = *e;
    if (code == ERR_EXPIRED || code == ERR_DELETED || code == ERR_NOT_FOUND)
        return err_set(e, ERR_BUSY, "the result %s went while the archive was prepared; ask again", m->id);
    err_set(e, code, "the result %s: %s", m->id, was.detail);
    text_copy(e->log, sizeof e->log, was.log);
    return code;
}

/* Whether a format can hold a table is seen only when it is made, if it is nested=json that is asked for. */
static int settle(struct archive_bytes *b, int index, int rc, struct err *e)
{
    struct archive_member *m = &b->members[index];
    if (rc != ERR_NOT_ACCEPTABLE)
        return rc < 0 ? blame(m, rc, e) : 0;
    m->tag = NULL;
    b->plan->files[index].unavailable = arena_strdup(&b->plan->arena, e->detail);
    return 0;
}

/* --- making --- */

static int take(struct archive_bytes *b, const struct archive_under_way *u, int outcome, struct err *e)
{
    const char *sha256;
    if (outcome < 0)
        return settle(b, u->index, outcome, e);
    int64_t size = making_made(u->making, &sha256);
    know(b, u->index, size, sha256, making_crc32(u->making));
    return 0;
}

static int take_what_is_done(struct archive_bytes *b, struct err *e)
{
    struct archive_plan *p = b->plan;
    int count = p->under_way_count;
    int rc = 0;
    p->under_way_count = 0;
    for (int i = 0; i < count; i++) {
        struct archive_under_way u = p->under_way[i];
        int outcome = rc == 0 ? making_outcome(u.making, e) : 0;
        if (outcome == 0) {
            p->under_way[p->under_way_count++] = u;
            continue;
        }
        rc = take(b, &u, outcome, e);
        making_release(u.making);
    }
    return rc;
}

static int load_and_make(struct session *s, struct archive_bytes *b, int index, struct making **ret,
                         struct err *e)
{
    struct archive_member *m = &b->members[index];
    struct result *r = NULL;
    int rc = store_result_by_id(s->db, s->arena, m->id, &r, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such result any more");
    return rc < 0 ? rc : making_get(s, r, &b->form.options, m->tag, ret, e);
}

static int begin(struct session *s, struct archive_bytes *b, int index, struct err *e)
{
    struct arena a = {0};
    struct session mine = *s; /* of thousands of results nothing stays */
    struct making *making = NULL;
    mine.arena = &a;
    int rc = load_and_make(&mine, b, index, &making, e);
    arena_free(&a);
    if (making)
        b->plan->under_way[b->plan->under_way_count++] = (struct archive_under_way){making, index};
    return rc;
}

/* --- going on --- */

/* 0: goes on with the next one; 1: not now. */
static int look_at(struct session *s, struct archive_bytes *b, int index, bool make, struct err *e)
{
    int rc = look_up(s, b, index, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (!make)
        return 1;
    rc = begin(s, b, index, e);
    if (rc == ERR_BUSY && b->plan->under_way_count > 0)
        return 1; /* there is room again when one of ours is done */
    return settle(b, index, rc, e);
}

/* ARCHIVE_COMPLETE: everything is known of each member. */
static int prepare_tables(struct session *s, struct archive_bytes *b, bool make, struct err *e)
{
    struct archive_plan *p = b->plan;
    int looked = 0;
    int rc = take_what_is_done(b, e);
    for (; rc == 0 && p->next < b->count && p->under_way_count < ARCHIVE_AT_ONCE; p->next++) {
        if (!b->members[p->next].tag)
            continue;
        p->rests = looked++ == ARCHIVE_LOOK_UPS;
        if (p->rests)
            return ARCHIVE_PREPARING;
        rc = look_at(s, b, p->next, make, e);
        if (rc != 0)
            break;
    }
    if (rc < 0)
        return rc;
    if (rc > 0 && !make)
        return ARCHIVE_UNMADE;
    return p->next < b->count || p->under_way_count > 0 ? ARCHIVE_PREPARING : ARCHIVE_COMPLETE;
}

static int rest(struct archive_plan *p)
{
    p->rests = true;
    return ARCHIVE_PREPARING;
}

int archive_prepare(struct session *s, struct archive *a, bool make, struct err *e)
{
    struct archive_bytes *b = a->bytes;
    struct archive_plan *p = b->plan;
    int rc = ARCHIVE_COMPLETE;
    p->rests = false;
    if (!a->etag) {
        rc = archive_plan_some(s, a, e);
        if (rc < 0)
            return rc;
        if (!a->etag || b->converts)
            return rest(p);
    }
    if (!p->names)
        rc = prepare_tables(s, b, make, e);
    if (rc != ARCHIVE_COMPLETE)
        return rc;
    if (!archive_name_some(b))
        return rest(p);
    a->size = archive_finish(b);
    return ARCHIVE_COMPLETE;
}
