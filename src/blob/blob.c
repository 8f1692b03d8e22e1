/* SPDX-License-Identifier: Apache-2.0 */
/* Calls through the table of whichever store it is; see blob.h. */
#include "blob/blob.h"

int blob_put_open(struct blob_store *s, struct blob_put **ret, struct err *e)
{
    return s->ops->put_open(s, ret, e);
}

int blob_put_write(struct blob_put *p, const void *bytes, size_t len, struct err *e)
{
    return p->ops->put_write(p, bytes, len, e);
}

int blob_put_read(struct blob_put *p, int64_t offset, void *to, size_t len, struct err *e)
{
    return p->ops->put_read(p, offset, to, len, e);
}

int blob_put_commit(struct blob_put *p, const char *key, struct err *e)
{
    return p->ops->put_commit(p, key, e);
}

void blob_put_close(struct blob_put *p)
{
    if (p)
        p->ops->put_close(p);
}

int blob_open(struct blob_store *s, const char *key, struct blob **ret, int64_t *ret_size, struct err *e)
{
    return s->ops->open(s, key, ret, ret_size, e);
}

int blob_read(struct blob *b, int64_t offset, void *to, size_t len, struct err *e)
{
    return b->ops->read(b, offset, to, len, e);
}

int blob_fd(struct blob *b)
{
    return b->ops->fd(b);
}

void blob_close(struct blob *b)
{
    if (b)
        b->ops->close_blob(b);
}

int blob_remove(struct blob_store *s, const char *key, struct err *e)
{
    return s->ops->remove(s, key, e);
}

int blob_list(struct blob_store *s, int part, blob_each_fn *each, void *ctx, struct err *e)
{
    return s->ops->list(s, part, each, ctx, e);
}

int blob_room(struct blob_store *s, int64_t *ret_free, struct err *e)
{
    return s->ops->room(s, ret_free, e);
}

void blob_store_close(struct blob_store *s)
{
    if (s)
        s->ops->close(s);
}
