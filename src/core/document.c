/* SPDX-License-Identifier: Apache-2.0 */
/* See document.h. */
#include "core/document.h"

#include "base/id.h"

#include <string.h>

static int check_length(const char *body, struct err *e)
{
    if (strlen(body) <= DOCUMENT_LONGEST)
        return 0;
    return err_set(e, ERR_TOO_LARGE, "this may have at most %d bytes of JSON", DOCUMENT_LONGEST);
}

int document_create(struct session *s, const char *kind, const char *name, const char *parent,
                    const char *body, struct document **ret, struct err *e)
{
    struct document *d = arena_alloc(s->arena, sizeof *d);
    char *id = arena_alloc(s->arena, ID_SIZE);
    int rc = check_length(body, e);
    if (rc < 0)
        return rc;
    id_new(id);
    *d = (struct document){
        .id = id,
        .project = s->actor.project,
        .kind = kind,
        .name = name,
        .parent = parent,
        .body = body,
        .creator = s->actor.pk,
        .created_at = s->now,
        .changed_at = s->now,
    };
    rc = store_document_add(s->db, d, e);
    if (rc == 0)
        return err_set(e, ERR_TAKEN, "there is one with this name already");
    *ret = d;
    return rc < 0 ? rc : 0;
}

static int found(int rc, struct err *e)
{
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is none with this id");
    return rc < 0 ? rc : 0;
}

int document_get(struct session *s, const char *kind, const char *id, struct document **ret, struct err *e)
{
    return found(store_document_get(s->db, s->arena, s->actor.project, kind, id, 0, NULL, ret, e), e);
}

int document_by_pk(struct session *s, const char *kind, int64_t pk, struct document **ret, struct err *e)
{
    if (pk <= 0)
        return found(0, e);
    return found(store_document_get(s->db, s->arena, s->actor.project, kind, NULL, pk, NULL, ret, e), e);
}

int document_by_name(struct session *s, const char *kind, const char *name, struct document **ret,
                     struct err *e)
{
    return found(store_document_get(s->db, s->arena, s->actor.project, kind, NULL, 0, name, ret, e), e);
}

int document_list(struct session *s, struct document_filter *f, const struct page *page,
                  struct document **ret, struct err *e)
{
    f->project = s->actor.project;
    return store_document_list(s->db, s->arena, f, page, ret, e);
}

int document_count(struct session *s, struct document_filter *f, int64_t *ret, struct err *e)
{
    f->project = s->actor.project;
    return store_document_count(s->db, s->arena, f, ret, e);
}

int document_skip(struct session *s, const char *kind, const char *parent, int64_t count, int64_t *ret_before,
                  struct err *e)
{
    *ret_before = 0;
    if (count == 0)
        return 0;
    int rc = store_document_nth(s->db, s->actor.project, kind, parent, count, ret_before, e);
    if (rc == 0)
        *ret_before = INT64_MAX; /* there are fewer */
    return rc < 0 ? rc : 0;
}

int document_label(struct session *s, const char *id, const struct label *l, struct err *e)
{
    struct document *unused = NULL;
    return document_create(s, l->kind, id, l->value, "null", &unused, e);
}

int document_query(struct session *s, const char *kind, const struct document *first, const struct filter *f,
                   store_document_fn *each, void *ctx, struct err *e)
{
    return store_document_query(s->db, s->actor.project, kind, first, f, each, ctx, e);
}

int document_change(struct session *s, struct document *d, const char *body, struct err *e)
{
    int rc = check_length(body, e);
    if (rc == 0)
        rc = found(store_document_change(s->db, d->pk, body, s->now, e), e);
    if (rc == 0) {
        d->body = body;
        d->changed_at = s->now;
    }
    return rc;
}

int document_remove(struct session *s, const struct document *d, struct err *e)
{
    return found(store_document_remove(s->db, d->pk, e), e);
}
