/* SPDX-License-Identifier: Apache-2.0 */
/* See move_parts.h. */
#include "core/move_parts.h"

#include "base/text.h"
#include "core/result.h"

#include <stdio.h>
#include <string.h>

/* --- bytes --- */

struct page_done {
    struct mover *m;
    const struct move_blob *blobs;
    int count;
    struct relocation next;
};

static int note_lost(struct db *to, const struct move_blob *b, struct err *e)
{
    return *b->lost ? store_lost_add(to, b->result->pk, b->result->id, b->lost, e) : 0;
}

static int note_page(struct db *to, void *ctx, struct err *e)
{
    struct page_done *p = ctx;
    int rc = 0;
    for (int i = 0; rc == 0 && i < p->count; i++)
        rc = note_lost(to, &p->blobs[i], e);
    return rc < 0 ? rc : move_advance(to, p->m, &p->next, e);
}

static void tell_lost(struct mover *m, const char *id, const char *why)
{
    char line[260];
    (void)snprintf(line, sizeof line, "%.40s: %s", id, why);
    m->o->tell(m->o->ctx, line);
}

/* What is in the database moves with its rows: it is only looked at here. */
static int look_at_inline(struct mover *m, struct move_blob *b, struct err *e)
{
    struct arena a = {0};
    struct digest_values v;
    const void *bytes = NULL;
    size_t len = 0;
    int rc = store_bytes_get(m->from.db, &a, b->result->pk, &bytes, &len, e);
    if (rc > 0) {
        struct digest *d = digest_new();
        digest_update_rest(d, bytes, len);
        digest_finish(d, &v);
        digest_free(d);
        if ((int64_t)len != b->result->size || strcmp(v.sha256, b->result->digests.sha256) != 0)
            text_copy(b->lost, sizeof b->lost, "its bytes have another digest than its row says");
        m->bytes_before += (int64_t)len;
    } else if (rc == 0) {
        text_copy(b->lost, sizeof b->lost, "its bytes are missing");
    }
    arena_free(&a);
    return rc < 0 ? rc : 0;
}

/* Those of the database at once, the others by threads; `blobs` has all of them afterwards. */
static int move_some(struct mover *m, struct result *list, struct move_blob *blobs, int *ret_count,
                     bool look_first, struct err *e)
{
    int filed = 0;
    int small = 0;
    int total = 0;
    int rc = 0;
    for (const struct result *r = list; r; r = r->next)
        total++;
    for (const struct result *r = list; r; r = r->next)
        if (r->is_inline)
            blobs[total - ++small].result = r;
        else
            blobs[filed++].result = r;
    *ret_count = total;
    rc = move_bytes_run(m->bytes, blobs, filed, look_first, move_show, m, e);
    for (int i = filed; rc == 0 && i < total; i++)
        rc = look_at_inline(m, &blobs[i], e);
    return rc;
}

static int finish_page(struct mover *m, const struct result *list, struct move_blob *blobs, int count,
                       struct err *e)
{
    struct page_done p = {.m = m, .blobs = blobs, .count = count, .next = m->at};
    for (const struct result *r = list; r; r = r->next)
        p.next.after_key = r->pk;
    for (int i = 0; i < count; i++)
        if (!*blobs[i].lost) {
            p.next.blobs++;
            p.next.bytes += blobs[i].result->size;
        }
    int rc = db_tx(m->to.db, DB_WRITE, note_page, &p, e);
    for (int i = 0; rc == 0 && i < count; i++)
        if (*blobs[i].lost)
            tell_lost(m, blobs[i].result->id, blobs[i].lost);
    if (rc == 0)
        m->at = p.next;
    m->seen->blobs = m->at.blobs;
    return rc;
}

/* One page of results; 1: there are no more. */
static int move_page(struct mover *m, bool look_first, struct err *e)
{
    struct arena a = {0};
    struct result *list = NULL;
    int count = 0;
    int limit = move_bytes_batch(m->bytes);
    struct move_blob *blobs = arena_alloc(&a, (size_t)limit * sizeof *blobs);
    int rc = store_result_stored_after(m->from.db, &a, m->at.after_key, limit, &list, e);
    if (rc == 0)
        rc = move_some(m, list, blobs, &count, look_first, e);
    if (rc == 0 && count)
        rc = finish_page(m, list, blobs, count, e);
    arena_free(&a);
    return rc < 0 ? rc : count < limit;
}

int move_all_bytes(struct mover *m, struct err *e)
{
    bool look_first = m->resumed;
    int rc = 0;
    m->seen->phase = MOVE_BYTES;
    move_show(m);
    while (rc == 0) {
        rc = move_page(m, look_first, e);
        if (rc >= 0 && move_go_on(m, e) < 0)
            rc = e->code;
        look_first = false; /* an earlier run had no more than one page under way */
    }
    return rc < 0 ? rc : move_next_stage(m, store_whole_tables[0].name, e);
}

/* --- those that were lost when an earlier run came by --- */

struct lost_list {
    struct arena *arena;
    struct move_blob *blobs;
    const char **ids;
    int count;
    int64_t last;
};
enum { LOST_PAGE = 200 };

static int take_lost(void *ctx, int64_t result, const char *id, const char *why, struct err *e)
{
    struct lost_list *l = ctx;
    (void)why;
    (void)e;
    l->ids[l->count++] = arena_strdup(l->arena, id);
    l->last = result;
    return 0;
}

static int remove_found(struct db *to, void *ctx, struct err *e)
{
    const struct lost_list *l = ctx;
    int rc = 0;
    for (int i = 0; rc == 0 && i < l->count; i++)
        if (!*l->blobs[i].lost)
            rc = store_lost_remove(to, l->blobs[i].result->pk, e);
    return rc;
}

static int try_lost_page(struct mover *m, struct lost_list *l, struct err *e)
{
    struct result *list = NULL;
    struct result **link = &list;
    int rc = store_lost_each(m->to.db, l->last, LOST_PAGE, take_lost, l, e);
    for (int i = 0; rc >= 0 && i < l->count; i++)
        if ((rc = store_result_by_id(m->from.db, l->arena, l->ids[i], link, e)) > 0)
            link = &(*link)->next;
    if (rc >= 0)
        rc = move_some(m, list, l->blobs, &l->count, true, e);
    if (rc == 0)
        rc = db_tx(m->to.db, DB_WRITE, remove_found, l, e);
    for (int i = 0; rc == 0 && i < l->count; i++)
        if (*l->blobs[i].lost)
            tell_lost(m, l->blobs[i].result->id, l->blobs[i].lost);
    return rc;
}

/* Somebody may have brought their files back. */
int move_try_lost_again(struct mover *m, struct err *e)
{
    int64_t last = 0;
    int rc = 0;
    for (bool more = m->resumed; rc == 0 && more;) {
        struct arena a = {0};
        struct lost_list l = {.arena = &a, .last = last};
        l.ids = arena_alloc(&a, LOST_PAGE * sizeof *l.ids);
        l.blobs = arena_alloc(&a, LOST_PAGE * sizeof *l.blobs);
        rc = try_lost_page(m, &l, e);
        more = l.last != last;
        last = l.last;
        arena_free(&a);
    }
    return rc;
}

/* --- those that stay lost --- */

int move_refuse_lost(struct mover *m, struct err *e)
{
    int rc = store_lost_count(m->to.db, &m->seen->lost, e);
    if (rc < 0 || m->seen->lost == 0 || m->o->expire_lost)
        return rc;
    return err_set(
        e, ERR_MISMATCH,
        "the source has lost the bytes of %lld results, see above: bring them back and run this again, or "
        "let them expire with --expire-lost",
        (long long)m->seen->lost);
}

static int expire_lost(struct db *to, const char *id, struct err *e)
{
    struct arena a = {0};
    struct session s = {.db = to, .arena = &a};
    struct result *r = NULL;
    int rc = db_clock(to, &s.now, e);
    rc = rc < 0 ? rc : store_result_by_id(to, &a, id, &r, e);
    if (rc > 0) {
        r->keep = false;
        r->due_at = s.now;
        rc = result_expire(&s, r, e);
    }
    arena_free(&a);
    return rc < 0 ? rc : 0;
}

int move_expire_lost(struct db *to, struct err *e)
{
    int64_t last = 0;
    int rc = 0;
    for (bool more = true; rc == 0 && more;) {
        struct arena a = {0};
        struct lost_list l = {.arena = &a, .last = last};
        l.ids = arena_alloc(&a, LOST_PAGE * sizeof *l.ids);
        rc = store_lost_each(to, last, LOST_PAGE, take_lost, &l, e);
        for (int i = 0; rc == 0 && i < l.count; i++)
            rc = expire_lost(to, l.ids[i], e);
        more = l.last != last;
        last = l.last;
        arena_free(&a);
    }
    return rc;
}
