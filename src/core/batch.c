/* SPDX-License-Identifier: Apache-2.0 */
/* See batch.h. */
#include "core/batch.h"

#include "base/id.h"
#include "core/event.h"

int batch_create(struct session *s, const char *name, const char *description, struct batch **ret,
                 struct err *e)
{
    struct batch *b = arena_alloc(s->arena, sizeof *b);
    char *id = arena_alloc(s->arena, ID_SIZE);
    id_new(id);
    *b = (struct batch){.id = id,
                        .project = s->actor.project,
                        .name = name,
                        .description = description,
                        .created_at = s->now};
    int rc = store_batch_add(s->db, b, e);
    if (rc == 0)
        rc = event_of_batch(s, b, e);
    if (rc == 0)
        *ret = b;
    return rc;
}

int batch_get(struct session *s, const char *id, struct batch **ret, struct err *e)
{
    int rc = id_valid(id) ? store_batch_get(s->db, s->arena, s->actor.project, id, ret, e) : 0;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such batch");
    return rc < 0 ? rc : 0;
}

int batch_find(struct session *s, const char *id, struct batch **ret, struct err *e)
{
    int rc = id_valid(id) ? store_batch_find(s->db, s->arena, s->actor.project, id, ret, e) : 0;
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such batch");
    return rc < 0 ? rc : 0;
}

int batch_totals(struct session *s, int64_t *ret_all, int64_t *ret_done, struct err *e)
{
    return store_batch_totals(s->db, s->actor.project, ret_all, ret_done, e);
}

int batch_list(struct session *s, bool oldest_first, const struct page *page, store_batch_fn *each, void *ctx,
               struct err *e)
{
    struct batch_filter f = {.oldest_first = oldest_first};
    return batch_select(s, &f, page, each, ctx, e);
}

int batch_select(struct session *s, struct batch_filter *f, const struct page *page, store_batch_fn *each,
                 void *ctx, struct err *e)
{
    f->project = s->actor.project;
    return store_batch_each(s->db, s->arena, f, page, each, ctx, e);
}

int batch_count(struct session *s, struct batch_filter *f, int64_t *ret, struct err *e)
{
    f->project = s->actor.project;
    return store_batch_count(s->db, s->arena, f, ret, e);
}

int batch_refer(struct session *s, const char *id, enum err_place place, const char *where, int64_t *ret,
                struct err *e)
{
    int rc = id_valid(id) ? store_batch_pk(s->db, s->actor.project, id, ret, e) : 0;
    if (rc == 0)
        return err_at(e, ERR_BAD_REFERENCE, place, where, "there is no batch with this id");
    return rc < 0 ? rc : 0;
}
