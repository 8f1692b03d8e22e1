/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing objects, one or up to a thousand by one request (S3's DeleteObjects). Only what the answer names
 * as removed is taken for gone: an answer may be cut short, and a store may refuse some of them.
 */
#include "base/text.h"
#include "blob/s3_inside.h"

#include <string.h>

enum { MOST = 1000 };

int s3_remove(struct blob_store *store, const char *key, struct err *e)
{
    struct s3 *s = (struct s3 *)store;
    struct s3_call c;
    int rc = 0;
    s3_call_object(&c, s, "DELETE", key);
    s3_call_run(&c);
    if (!c.good)
        rc = s3_call_error(&c, e);
    s3_call_free(&c);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

struct removing {
    const char **names; /* of the objects */
    bool *gone;
    int count, next; /* answers mostly come in the order of what was asked */
    char fault[64];  /* of one that was refused */
};

static int find(const struct removing *r, const char *name)
{
    for (int i = 0; i < r->count; i++) {
        int at = (r->next + i) % r->count;
        if (strcmp(r->names[at], name) == 0)
            return at;
    }
    return -1;
}

static void take(void *ctx, const char *key, const char *fault)
{
    struct removing *r = ctx;
    int at = find(r, key);
    if (at < 0)
        return;
    r->next = at + 1;
    r->gone[at] = !fault || strcmp(fault, "NoSuchKey") == 0;
    if (!r->gone[at])
        text_copy(r->fault, sizeof r->fault, fault);
}

static void ask(struct s3_call *c, const struct removing *r)
{
    struct buf b = {.arena = &c->arena};
    buf_puts(&b, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (int i = 0; i < r->count; i++) {
        buf_puts(&b, "<Object><Key>");
        buf_add_escaped(&b, r->names[i], strlen(r->names[i]));
        buf_puts(&b, "</Key></Object>");
    }
    buf_puts(&b, "</Delete>");
    s3_call_query(c, "delete", "");
    s3_call_header(c, "content-type", "application/xml");
    c->transfer.body = b.bytes;
    c->transfer.body_size = (int64_t)b.len;
    s3_add_md5(c, b.bytes, b.len);
}

static int read_answer(const struct s3_call *c, struct removing *r, bool *ret_gone, struct err *e)
{
    int left = 0;
    if (!s3_xml_removed(c->answer.bytes ? c->answer.bytes : "", c->answer.len, take, r))
        return s3_fail(c->s3, e, ERR_STORAGE, "a removal is answered with something else");
    memcpy(ret_gone, r->gone, (size_t)r->count * sizeof *ret_gone);
    for (int i = 0; i < r->count; i++)
        left += !r->gone[i];
    return left ? s3_fail(c->s3, e, ERR_STORAGE, "it has not removed %d of %d objects (%.60s)", left,
                          r->count, r->fault)
                : 0;
}

static bool is_unknown(const struct s3_call *c)
{
    return c->transfer.outcome == TRANSFER_ANSWERED &&
           (c->transfer.status == 501 || c->transfer.status == 405);
}

/* What one request failed for the others would fail for, too, each as slowly. */
static int remove_each(struct blob_store *s, const char *const *keys, int count, bool *ret_gone,
                       struct err *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        rc = s3_remove(s, keys[i], e);
        ret_gone[i] = rc == 0;
    }
    return rc;
}

static int remove_some(struct s3 *s, const char *const *keys, int count, bool *ret_gone, struct err *e)
{
    struct s3_call c;
    s3_call_init(&c, s, "POST", "");
    struct removing r = {.count = count};
    r.names = arena_alloc(&c.arena, (size_t)count * sizeof *r.names);
    r.gone = arena_alloc(&c.arena, (size_t)count * sizeof *r.gone);
    for (int i = 0; i < count; i++) {
        r.names[i] = s3_object_name(&c.arena, s, keys[i]);
        r.gone[i] = ret_gone[i] = false;
    }
    ask(&c, &r);
    s3_call_run(&c);
    int rc = c.good           ? read_answer(&c, &r, ret_gone, e)
             : is_unknown(&c) ? remove_each(&s->store, keys, count, ret_gone, e)
                              : s3_call_error(&c, e);
    s3_call_free(&c);
    return rc;
}

int s3_remove_many(struct blob_store *store, const char *const *keys, int count, bool *ret_gone,
                   struct err *e)
{
    int rc = 0;
    memset(ret_gone, 0, (size_t)count * sizeof *ret_gone);
    for (int at = 0; rc == 0 && at < count; at += MOST)
        rc = remove_some((struct s3 *)store, keys + at, count - at < MOST ? count - at : MOST, ret_gone + at,
                         e);
    return rc;
}
