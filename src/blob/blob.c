/* SPDX-License-Identifier: Apache-2.0 */
/* Calls through the table of whichever store it is; see blob.h. */
#include "blob/blob.h"

#include <stdio.h>
#include <sys/stat.h>

int blob_put_open(struct blob_store *s, const char *key, bool readable, struct blob_put **ret, struct err *e)
{
    return s->ops->put_open(s, key, readable, ret, e);
}

int blob_put_write(struct blob_put *p, const void *bytes, size_t len, struct err *e)
{
    return p->ops->put_write(p, bytes, len, e);
}

int blob_put_read(struct blob_put *p, int64_t offset, void *to, size_t len, struct err *e)
{
    return p->ops->put_read(p, offset, to, len, e);
}

int blob_put_commit(struct blob_put *p, struct err *e)
{
    return p->ops->put_commit(p, e);
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

int blob_expect(struct blob_store *s, const char *key, int64_t size, struct blob **ret, struct err *e)
{
    return s->ops->expect(s, key, size, ret, e);
}

int blob_read(struct blob *b, int64_t offset, void *to, size_t len, struct err *e)
{
    return b->ops->read(b, offset, to, len, e);
}

int blob_read_some(struct blob *b, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    return b->ops->read_some(b, offset, to, max, ret_len, e);
}

bool blob_wait(struct blob *b, void (*wake)(void *ctx), void *ctx)
{
    return b->ops->wait(b, wake, ctx);
}

void blob_window(struct blob *b, int64_t first, int64_t end)
{
    b->ops->window(b, first, end);
}

void blob_cancel(struct blob *b)
{
    b->ops->cancel(b);
}

bool blob_share(struct blob *b)
{
    struct stat st;
    int fd = blob_fd(b);
    return fd >= 0 && fstat(fd, &st) == 0 &&
           ((st.st_mode & S_IRGRP) || fchmod(fd, (st.st_mode & ALLPERMS) | S_IRGRP) == 0);
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

static int remove_each(struct blob_store *s, const char *const *keys, int count, bool *ret_gone,
                       struct err *e)
{
    struct err why;
    int first = 0;
    for (int i = 0; i < count; i++) {
        int rc = s->ops->remove(s, keys[i], &why);
        ret_gone[i] = rc == 0;
        if (rc < 0 && first == 0) {
            first = rc;
            *e = why;
        }
    }
    return first;
}

int blob_remove_many(struct blob_store *s, const char *const *keys, int count, bool *ret_gone, struct err *e)
{
    return s->ops->remove_many ? s->ops->remove_many(s, keys, count, ret_gone, e)
                               : remove_each(s, keys, count, ret_gone, e);
}

int blob_list(struct blob_store *s, int part, const char *after, blob_each_fn *each, void *ctx, struct err *e)
{
    return s->ops->list(s, part, after, each, ctx, e);
}

void blob_mark_format(const struct blob_mark *mark, char *ret)
{
    (void)snprintf(ret, BLOB_MARK_SIZE, "%.36s %.36s\n", mark->owner, mark->store);
}

bool blob_mark_parse(const char *text, size_t len, struct blob_mark *ret)
{
    struct blob_mark mark;
    if (len < BLOB_MARK_SIZE - 1 || text[ID_LEN] != ' ' || text[BLOB_MARK_SIZE - 2] != '\n')
        return false;
    (void)snprintf(mark.owner, sizeof mark.owner, "%.36s", text);
    (void)snprintf(mark.store, sizeof mark.store, "%.36s", text + ID_SIZE);
    if (!id_valid(mark.owner) || !id_valid(mark.store))
        return false;
    *ret = mark;
    return true;
}

int blob_owner(struct blob_store *s, struct blob_mark *ret, struct err *e)
{
    return s->ops->owner(s, ret, e);
}

int blob_own(struct blob_store *s, const struct blob_mark *mark, bool replace, struct err *e)
{
    return s->ops->own(s, mark, replace, e);
}

int blob_room(struct blob_store *s, int64_t *ret_free, struct err *e)
{
    return s->ops->room(s, ret_free, e);
}

int blob_tidy(struct blob_store *s, int64_t before, int64_t *ret_count, struct err *e)
{
    *ret_count = 0;
    return s->ops->tidy ? s->ops->tidy(s, before, ret_count, e) : 0;
}

int blob_link(struct blob_store *s, struct arena *a, const struct blob_link *l, const char **ret,
              struct err *e)
{
    return s->ops->link(s, a, l, ret, e);
}

void blob_give_up(struct blob_store *s)
{
    if (s->ops->give_up)
        s->ops->give_up(s);
}

void blob_store_close(struct blob_store *s)
{
    if (s)
        s->ops->close(s);
}
