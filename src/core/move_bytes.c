/* SPDX-License-Identifier: Apache-2.0 */
/* See move_bytes.h. The mutex covers `left` and the first error; a blob is one thread's. */
#include "core/move_bytes.h"

#include "base/clock.h"
#include "base/pool.h"
#include "base/text.h"
#include "base/wait.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 20, TICK_US = 250000, AHEAD = 4 };

struct move_bytes {
    struct blob_store *from;
    struct blob_store *to;
    const atomic_bool *stop;
    int threads;
    struct pool *pool;
    atomic_llong done;
    pthread_mutex_t mutex;
    pthread_cond_t finished;
    int left;
    int rc;
    struct err e;
};

struct task {
    struct pool_task task; /* first, so that one is the other */
    struct move_bytes *m;
    struct move_blob *blob;
    bool look_first;
};

static int lose(struct move_blob *b, const char *why)
{
    text_copy(b->lost, sizeof b->lost, why);
    return 0;
}

static int stopped(const struct move_bytes *m, struct err *e)
{
    return atomic_load(m->stop) ? err_set(e, ERR_SHUTTING_DOWN, "stopped") : 0;
}

static bool is_right(struct digest *d, const struct result *r)
{
    struct digest_values v;
    digest_finish(d, &v);
    return strcmp(v.sha256, r->digests.sha256) == 0 && v.crc32 == r->digests.crc32;
}

/* Reads all of a blob; `put` and `count` may be NULL. *ret_right: it has the row's digest. */
static int read_through(const struct move_bytes *m, struct blob *b, const struct result *r,
                        struct blob_put *put, atomic_llong *count, bool *ret_right, bool *ret_unread,
                        struct err *e)
{
    unsigned char *chunk = mem_alloc(CHUNK);
    struct digest *d = digest_new();
    int rc = 0;
    *ret_unread = false;
    for (int64_t at = 0; rc == 0 && at < r->size; at += CHUNK) {
        size_t len = (size_t)(r->size - at < CHUNK ? r->size - at : CHUNK);
        rc = blob_read(b, at, chunk, len, e);
        *ret_unread = rc < 0;
        if (rc == 0) {
            digest_update_rest(d, chunk, len);
            rc = put ? blob_put_write(put, chunk, len, e) : 0;
        }
        if (rc == 0 && count)
            atomic_fetch_add(count, (long long)len);
        if (rc == 0)
            rc = stopped(m, e);
    }
    *ret_right = rc == 0 && is_right(d, r);
    digest_free(d);
    free(chunk);
    return rc;
}

/* 1: the target has this blob, as its row says; 0: it has none, or has another one, which is gone now. */
static int is_there(const struct move_bytes *m, const struct result *r, bool remove, struct err *e)
{
    struct blob *b = NULL;
    int64_t size;
    bool right = false;
    bool unread;
    int rc = blob_open(m->to, r->id, &b, &size, e);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0 && size == r->size)
        rc = read_through(m, b, r, NULL, NULL, &right, &unread, e);
    blob_close(b);
    if (rc == 0 && !right && remove)
        rc = blob_remove(m->to, r->id, e);
    return rc < 0 ? rc : right;
}

static int put_and_prove(struct move_bytes *m, struct blob *b, struct move_blob *blob, bool *ret_unread,
                         struct err *e)
{
    const struct result *r = blob->result;
    struct blob_put *put = NULL;
    bool right = false;
    int rc = m->to ? blob_put_open(m->to, r->id, false, &put, e) : 0;
    if (rc == 0)
        rc = read_through(m, b, r, put, &m->done, &right, ret_unread, e);
    if (rc == 0 && right && put)
        rc = blob_put_commit(put, e);
    blob_put_close(put);
    if (rc < 0)
        return rc;
    if (!right)
        return lose(blob, "its bytes have another digest than its row says");
    rc = m->to ? is_there(m, r, true, e) : 1;
    if (rc == 0)
        return err_set(e, ERR_STORAGE, "the target gives other bytes than were written for %s", r->id);
    return rc < 0 ? rc : 0;
}

/* A file that cannot be read is lost; a server that cannot be asked may be there again later. */
static int copy_blob(struct move_bytes *m, struct move_blob *blob, bool look_first, struct err *e)
{
    const struct result *r = blob->result;
    struct blob *b = NULL;
    int64_t size;
    bool unread = false;
    int rc = m->to && look_first ? is_there(m, r, true, e) : 0;
    if (rc > 0)
        atomic_fetch_add(&m->done, (long long)r->size);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = blob_open(m->from, r->id, &b, &size, e);
    if (rc == ERR_NOT_FOUND)
        return lose(blob, "its bytes are missing");
    if (rc == 0 && size != r->size)
        rc = lose(blob, "its bytes have another length than its row says");
    else if (rc == 0)
        rc = put_and_prove(m, b, blob, &unread, e);
    blob_close(b);
    if (unread && m->from->caps & BLOB_CAN_FD)
        rc = lose(blob, "its bytes cannot be read");
    return rc;
}

static void run(struct pool_task *task)
{
    struct task *t = (struct task *)task;
    struct move_bytes *m = t->m;
    struct err e;
    int rc = stopped(m, &e);
    if (rc == 0)
        rc = copy_blob(m, t->blob, t->look_first, &e);
    (void)pthread_mutex_lock(&m->mutex);
    if (rc < 0 && m->rc == 0) {
        m->rc = rc;
        m->e = e;
    }
    if (--m->left == 0)
        (void)pthread_cond_signal(&m->finished);
    (void)pthread_mutex_unlock(&m->mutex);
}

struct move_bytes *move_bytes_new(struct blob_store *from, struct blob_store *to, int threads,
                                  const atomic_bool *stop)
{
    struct move_bytes *m = mem_alloc(sizeof *m);
    *m = (struct move_bytes){.from = from, .to = to, .threads = threads, .stop = stop};
    if (pthread_mutex_init(&m->mutex, NULL) || pthread_cond_init(&m->finished, NULL))
        abort();
    m->pool = pool_new(threads, "mover");
    return m;
}

int move_bytes_batch(const struct move_bytes *m)
{
    return m->threads * AHEAD;
}

/* Until all are done: false, or a moment is over. */
static bool wait_a_moment(struct move_bytes *m)
{
    int64_t moment = clock_monotonic() + TICK_US;
    (void)pthread_mutex_lock(&m->mutex);
    while (m->left && wait_until(&m->finished, &m->mutex, moment))
        ;
    bool waiting = m->left > 0;
    (void)pthread_mutex_unlock(&m->mutex);
    return waiting;
}

int move_bytes_run(struct move_bytes *m, struct move_blob *blobs, int count, bool look_first,
                   void (*tick)(void *ctx), void *ctx, struct err *e)
{
    struct task *tasks = mem_alloc((size_t)count * sizeof *tasks + 1);
    m->left = count;
    m->rc = 0;
    for (int i = 0; i < count; i++) {
        tasks[i] = (struct task){.task = {.run = run}, .m = m, .blob = &blobs[i], .look_first = look_first};
        pool_add(m->pool, &tasks[i].task);
    }
    while (wait_a_moment(m))
        tick(ctx);
    free(tasks);
    if (m->rc < 0)
        *e = m->e;
    return m->rc;
}

int64_t move_bytes_done(struct move_bytes *m)
{
    return atomic_load(&m->done);
}

void move_bytes_free(struct move_bytes *m)
{
    if (!m)
        return;
    pool_free(m->pool);
    (void)pthread_cond_destroy(&m->finished);
    (void)pthread_mutex_destroy(&m->mutex);
    free(m);
}
