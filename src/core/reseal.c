/* SPDX-License-Identifier: Apache-2.0 */
/* See reseal.h. */
#include "core/reseal.h"

#include "base/json.h"
#include "core/document.h"
#include "core/instance.h"
#include "core/secret.h"
#include "core/storage.h"

#include <string.h>

enum { PAGE = 200, DEPTH = 1008 };

/* 1 and *ret, or 0: nothing is to be changed. */
static int seal_anew(struct session *s, struct reseal *r, const char *purpose, const char *sealed,
                     const char **ret)
{
    struct err why;
    int rc = secret_reseal(r->secrets, s->arena, purpose, sealed, ret, &why);
    r->lost += rc < 0;
    return rc > 0;
}

static int do_storages(struct session *s, struct reseal *r, int *ret_count, struct err *e)
{
    struct storage *st = NULL;
    const char *fresh = NULL;
    int rc = store_storage_after(s->db, s->arena, r->after_storage, PAGE, &st, e);
    *ret_count = 0;
    for (; rc >= 0 && st; st = st->next, ++*ret_count) {
        r->after_storage = st->pk;
        if (!seal_anew(s, r, STORAGE_PURPOSE, st->secret, &fresh))
            continue;
        r->resealed++;
        rc = store_storage_reseal(s->db, st->pk, fresh, e);
    }
    return rc < 0 ? rc : 0;
}

/* Sealed text has no escapes and comes once, as it is another each time. */
static const char *replace(struct arena *a, const char *body, const char *old, const char *fresh)
{
    const char *at = strstr(body, old);
    return at ? arena_printf(a, "%.*s%s%s", (int)(at - body), body, fresh, at + strlen(old)) : body;
}

static const char *reseal_body(struct session *s, struct reseal *r, const struct document *d)
{
    const struct json *body = NULL;
    struct err ignored;
    const char *text = d->body;
    const char *fresh = NULL;
    if (json_parse(s->arena, d->body, strlen(d->body), DEPTH, &body, &ignored) < 0)
        return text;
    for (const struct json *m = body->type == JSON_OBJECT ? body->first : NULL; m; m = m->next)
        if (*m->key == '_' && m->type == JSON_STRING && strncmp(m->string, "1.", 2) == 0 &&
            seal_anew(s, r, d->kind, m->string, &fresh)) {
            text = replace(s->arena, text, m->string, fresh);
            r->resealed++;
        }
    return text;
}

static int do_documents(struct session *s, struct reseal *r, int *ret_count, struct err *e)
{
    struct document *d = NULL;
    int rc = store_document_sealed(s->db, s->arena, r->after_document, PAGE, &d, e);
    *ret_count = 0;
    for (; rc >= 0 && d; d = d->next, ++*ret_count) {
        r->after_document = d->pk;
        const char *text = reseal_body(s, r, d);
        if (text != d->body)
            rc = store_document_change(s->db, d->pk, text, d->changed_at, e);
    }
    return rc < 0 ? rc : 0;
}

static int do_proof(struct session *s, struct reseal *r, struct err *e)
{
    return r->after_storage || r->after_document ? 0 : instance_reseal(s, r->secrets, e);
}

int reseal_some(struct session *s, struct reseal *r, struct err *e)
{
    int storages = 0;
    int documents = 0;
    int rc = do_proof(s, r, e);
    if (rc == 0)
        rc = do_storages(s, r, &storages, e);
    if (rc == 0)
        rc = do_documents(s, r, &documents, e);
    r->done = storages < PAGE && documents < PAGE;
    return rc;
}
