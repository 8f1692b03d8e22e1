/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting objects; see s3.h. What is fetched ahead stands in a ring. A request is for all that is wanted of
 * the object from where its reader is; it stops being read from while the ring is full, and where that takes
 * long it is dropped and made again later. An answer that breaks off is asked for again from where it broke,
 * if the object is still the same (If-Match). So what a reader gets is a run of bytes of one object of the
 * right size, or an error, never less.
 *
 * The mutex covers everything in a blob but its head. A request under way holds the blob, too: its reader may
 * close it in the meantime, or look elsewhere, and what then comes is dropped.
 */
#include "base/clock.h"
#include "base/text.h"
#include "blob/s3_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 1 << 20, SMALLEST_RING = 64 << 10, PROGRESS = 1 << 20 };

struct fetch;

struct s3_blob {
    struct blob blob;
    struct s3 *s3;
    char *key;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int holders; /* the reader, and each fetch */
    int64_t size;
    char etag[160]; /* "" until the first answer */
    char *ring;     /* NULL until something is fetched */
    size_t room, head, len;
    int64_t at;                       /* of the ring's first byte */
    int64_t window_first, window_end; /* what is wanted; end 0: all */
    struct fetch *fetch;              /* under way, for what follows the ring */
    bool full;                        /* it waits for room */
    int failures;                     /* in a row */
    int64_t failing_since;            /* monotonic */
    int64_t since_failure;            /* bytes */
    bool begun;                       /* some have come: who reads it waits for the rest */
    int rc;
    struct err error;
    void (*wake)(void *ctx);
    void *wake_ctx;
};

struct fetch {
    struct s3_call call; /* first, so that one is the other */
    struct s3_blob *blob;
    int64_t first, end, received;
    bool checked, wrong;
};

/* --- the ring --- */

static void make_ring(struct s3_blob *b)
{
    if (b->ring)
        return;
    long long before = atomic_fetch_add(&b->s3->engine->fetched, RING);
    b->room = RING;
    if (before + RING > b->s3->engine->options.memory) { /* still enough to go on, whatever others hold */
        b->room = SMALLEST_RING;
        atomic_fetch_sub(&b->s3->engine->fetched, RING - SMALLEST_RING);
    }
    if (b->size < (int64_t)b->room) {
        size_t less = b->size < SMALLEST_RING ? SMALLEST_RING : (size_t)b->size;
        atomic_fetch_sub(&b->s3->engine->fetched, (long long)(b->room - less));
        b->room = less;
    }
    b->ring = mem_alloc(b->room);
}

static void ring_put(struct s3_blob *b, const char *bytes, size_t len)
{
    size_t tail = (b->head + b->len) % b->room;
    size_t first = b->room - tail < len ? b->room - tail : len;
    memcpy(b->ring + tail, bytes, first);
    memcpy(b->ring, bytes + first, len - first);
    b->len += len;
}

static void ring_drop(struct s3_blob *b, size_t len)
{
    b->head = (b->head + len) % b->room;
    b->len -= len;
    b->at += (int64_t)len;
}

static void ring_take(struct s3_blob *b, char *to, size_t len)
{
    size_t first = b->room - b->head < len ? b->room - b->head : len;
    memcpy(to, b->ring + b->head, first);
    memcpy(to + first, b->ring, len - first);
    ring_drop(b, len);
}

/* --- holding and waking --- */

static void destroy(struct s3_blob *b)
{
    if (b->ring)
        atomic_fetch_sub(&b->s3->engine->fetched, (long long)b->room);
    free(b->ring);
    (void)pthread_cond_destroy(&b->cond);
    (void)pthread_mutex_destroy(&b->mutex);
    s3_release(b->s3);
    free(b->key);
    free(b);
}

/* With the mutex, which it lets go of. */
static void unlock_and_release(struct s3_blob *b)
{
    bool last = --b->holders == 0;
    (void)pthread_mutex_unlock(&b->mutex);
    if (last)
        destroy(b);
}

/* With the mutex: whom to wake when it is free. */
static void (*take_waiter(struct s3_blob *b, void **ret_ctx))(void *)
{
    void (*wake)(void *) = b->wake;
    (void)pthread_cond_signal(&b->cond);
    b->wake = NULL;
    *ret_ctx = b->wake_ctx;
    return wake;
}

/* --- a fetch: threads of the transfers --- */

static void fail(struct s3_blob *b, int rc, const struct err *e)
{
    b->rc = rc;
    b->error = *e;
}

static void fail_as(struct s3_blob *b, const char *what)
{
    struct err e;
    fail(b, s3_fail(b->s3, &e, ERR_STORAGE, "object %.150s: %s", b->key, what), &e);
}

static void fail_for_size(struct s3_blob *b)
{
    struct err e;
    fail(b, s3_fail(b->s3, &e, ERR_NOT_FOUND, "object %.150s has another size", b->key), &e);
}

/* The first bytes of an answer: is it what was asked for? With the mutex. */
static bool is_right(struct s3_blob *b, struct fetch *f)
{
    const struct s3_call *c = &f->call;
    bool whole =
        c->transfer.status == 200 && f->first == 0 && f->end == b->size && c->content_length == b->size;
    bool part = c->transfer.status == 206 && c->range_first == f->first && c->range_last == f->end - 1;
    f->checked = true;
    if (c->transfer.status == 206 && c->range_total != b->size) {
        fail_for_size(b);
        return false;
    }
    if ((!part && !whole) || !*c->etag || (*b->etag && strcmp(b->etag, c->etag) != 0)) {
        fail_as(b, *b->etag ? "it was changed while it was read"
                            : "the answer is another range than was asked for");
        return false;
    }
    text_copy(b->etag, sizeof b->etag, c->etag);
    return true;
}

/* What nobody wants any more is swallowed until the cancelling takes effect. */
static bool take(struct s3_call *c, const void *bytes, size_t len)
{
    struct fetch *f = (struct fetch *)c;
    struct s3_blob *b = f->blob;
    bool taken = true;
    (void)pthread_mutex_lock(&b->mutex);
    if (b->fetch != f || f->wrong) {
        /* swallowed */
    } else if ((!f->checked && !is_right(b, f)) || f->received + (int64_t)len > f->end - f->first) {
        f->wrong = true;
        if (b->rc == 0)
            fail_as(b, "the answer is longer than was asked for");
        transfer_cancel(&c->transfer);
    } else if (b->room - b->len < len) {
        b->full = true;
        taken = false;
    } else {
        ring_put(b, bytes, len);
        f->received += (int64_t)len;
        b->since_failure += (int64_t)len;
        b->begun = true;
    }
    (void)pthread_mutex_unlock(&b->mutex);
    return taken;
}

static void on_round(struct transfer *t)
{
    struct fetch *f = (struct fetch *)t;
    struct s3_blob *b = f->blob;
    void *ctx;
    (void)pthread_mutex_lock(&b->mutex);
    void (*wake)(void *) = b->fetch == f && b->len > 0 ? take_waiter(b, &ctx) : NULL;
    (void)pthread_mutex_unlock(&b->mutex);
    if (wake)
        wake(ctx);
}

static void begin(struct s3_blob *b, int64_t delay);

/* With the mutex. The same bytes may come on another try, or it is over. */
static void fetch_failed(struct s3_blob *b, const struct s3_call *c)
{
    struct err e;
    int64_t now = clock_monotonic();
    if (b->since_failure > PROGRESS)
        b->failures = 0;
    b->since_failure = 0;
    if (b->failures == 0)
        b->failing_since = now;
    bool patient = now - b->failing_since < b->s3->engine->options.patience * CLOCK_SECOND;
    if (s3_call_may_help(c) && patient && ++b->failures < b->s3->engine->options.tries) {
        begin(b, s3_backoff(b->failures));
        return;
    }
    if (c->transfer.outcome == TRANSFER_ANSWERED && c->transfer.status == 412)
        fail_as(b, "it was changed since it was written");
    else if (c->transfer.outcome == TRANSFER_ANSWERED && c->transfer.status == 416)
        fail_for_size(b);
    else
        fail(b, s3_call_error(c, &e), &e);
}

static void finished(struct s3_call *c)
{
    struct fetch *f = (struct fetch *)c;
    struct s3_blob *b = f->blob;
    void *ctx = NULL;
    void (*wake)(void *) = NULL;
    (void)pthread_mutex_lock(&b->mutex);
    if (b->fetch == f) {
        bool whole = c->good && f->received == f->end - f->first;
        b->fetch = NULL;
        b->full = false;
        if (b->rc == 0 && !whole && c->transfer.outcome != TRANSFER_NEGLECTED) {
            if (c->good)
                fail_as(b, "the answer is shorter than was asked for");
            else
                fetch_failed(b, c);
        }
        if (!b->fetch)
            wake = take_waiter(b, &ctx);
    }
    s3_call_free(c);
    free(f);
    unlock_and_release(b);
    if (wake)
        wake(ctx);
}

/* With the mutex: fetches what follows the ring. */
static void begin(struct s3_blob *b, int64_t delay)
{
    int64_t first = b->at + (int64_t)b->len;
    bool in_window = b->window_end > 0 && first >= b->window_first && first < b->window_end;
    struct fetch *f = mem_alloc(sizeof *f);
    struct s3_call *c = &f->call;
    make_ring(b);
    s3_call_object(c, b->s3, "GET", b->key);
    f->blob = b;
    f->first = first;
    f->end = in_window ? b->window_end : b->size;
    f->received = 0;
    f->checked = f->wrong = false;
    s3_call_header(c, "range",
                   arena_printf(&c->arena, "bytes=%lld-%lld", (long long)first, (long long)f->end - 1));
    if (*b->etag)
        s3_call_header(c, "if-match", b->etag);
    c->tries = 1; /* the next one asks for less */
    c->patient = b->begun;
    c->take = take;
    c->transfer.on_round = on_round;
    c->finished = finished;
    b->fetch = f;
    b->full = false;
    b->holders++;
    s3_call_start(c, delay);
}

/* With the mutex. */
static void drop_fetch(struct s3_blob *b)
{
    if (b->fetch)
        s3_call_cancel(&b->fetch->call);
    b->fetch = NULL;
    b->full = false;
}

/* --- the reader --- */

static struct s3_blob *make(struct s3 *s, const char *key, int64_t size)
{
    struct s3_blob *b = mem_alloc(sizeof *b);
    *b = (struct s3_blob){
        .blob = {.ops = &s3_ops}, .s3 = s3_hold(s), .key = mem_strdup(key), .size = size, .holders = 1};
    if (pthread_mutex_init(&b->mutex, NULL) || pthread_cond_init(&b->cond, NULL))
        abort();
    return b;
}

int s3_get_expect(struct blob_store *store, const char *key, int64_t size, struct blob **ret, struct err *e)
{
    (void)e;
    *ret = &make((struct s3 *)store, key, size)->blob;
    return 0;
}

int s3_expect(struct blob_store *store, const char *key, int64_t size, const char *etag, struct blob **ret,
              struct err *e)
{
    (void)e;
    struct s3_blob *b = make((struct s3 *)store, key, size);
    if (*etag && strlen(etag) + 2 < sizeof b->etag)
        (void)snprintf(b->etag, sizeof b->etag, "\"%s\"", etag);
    *ret = &b->blob;
    return 0;
}

int s3_get_open(struct blob_store *store, const char *key, struct blob **ret, int64_t *ret_size,
                struct err *e)
{
    struct s3 *s = (struct s3 *)store;
    struct s3_call c;
    int rc = 0;
    s3_call_object(&c, s, "HEAD", key);
    s3_call_run(&c);
    if (!c.good)
        rc = s3_call_error(&c, e);
    else if (c.content_length < 0 || !*c.etag)
        rc = s3_fail(s, e, ERR_STORAGE, "it is not said how large %.150s is", c.name);
    if (rc == 0) {
        struct s3_blob *b = make(s, key, c.content_length);
        text_copy(b->etag, sizeof b->etag, c.etag);
        *ret = &b->blob;
        *ret_size = b->size;
    }
    s3_call_free(&c);
    return rc;
}

/* With the mutex: the ring begins at `offset` afterwards. */
static void seek(struct s3_blob *b, int64_t offset)
{
    if (offset == b->at)
        return;
    if (offset > b->at && offset < b->at + (int64_t)b->len) {
        ring_drop(b, (size_t)(offset - b->at));
        return;
    }
    drop_fetch(b);
    b->at = offset;
    b->head = b->len = 0;
}

/* With the mutex. Enough room is made before more is read, so that it goes in long runs. */
static void make_progress(struct s3_blob *b, bool waits)
{
    if (b->fetch && b->full && b->len <= b->room / 2) {
        b->full = false;
        transfer_resume(&b->fetch->call.transfer);
    }
    int64_t next = b->at + (int64_t)b->len;
    bool more = next < (b->window_end > 0 ? b->window_end : b->size);
    if (!b->fetch && b->rc == 0 && (waits || (more && b->len <= b->room / 2)))
        begin(b, 0);
}

/* With the mutex. */
static int take_some(struct s3_blob *b, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    if (offset < 0 || offset >= b->size)
        return s3_fail(b->s3, e, ERR_STORAGE, "object %.150s ends early at byte %lld", b->key,
                       (long long)offset);
    seek(b, offset);
    if (b->len == 0 && b->rc < 0) {
        *e = b->error;
        return b->rc;
    }
    bool empty = b->len == 0;
    *ret_len = b->len < max ? b->len : max;
    if (*ret_len > 0)
        ring_take(b, to, *ret_len);
    make_progress(b, empty);
    return empty ? BLOB_LATER : 0;
}

int s3_get_read_some(struct blob *blob, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    struct s3_blob *b = (struct s3_blob *)blob;
    *ret_len = 0;
    (void)pthread_mutex_lock(&b->mutex);
    int rc = take_some(b, offset, to, max, ret_len, e);
    (void)pthread_mutex_unlock(&b->mutex);
    return rc;
}

int s3_get_read(struct blob *blob, int64_t offset, void *to, size_t len, struct err *e)
{
    struct s3_blob *b = (struct s3_blob *)blob;
    char *into = to;
    int rc = 0;
    (void)pthread_mutex_lock(&b->mutex);
    if (len > 0 && (offset > b->size || (int64_t)len > b->size - offset))
        rc = s3_fail(b->s3, e, ERR_STORAGE, "object %.150s ends early", b->key);
    while (rc >= 0 && len > 0) {
        size_t n = 0;
        rc = take_some(b, offset, into, len, &n, e);
        while (rc == BLOB_LATER && b->len == 0 && b->rc == 0 && b->fetch)
            (void)pthread_cond_wait(&b->cond, &b->mutex);
        into += n;
        offset += (int64_t)n;
        len -= n;
    }
    (void)pthread_mutex_unlock(&b->mutex);
    return rc < 0 ? rc : 0;
}

bool s3_get_wait(struct blob *blob, void (*wake)(void *ctx), void *ctx)
{
    struct s3_blob *b = (struct s3_blob *)blob;
    (void)pthread_mutex_lock(&b->mutex);
    bool waits = b->len == 0 && b->rc == 0 && b->fetch;
    if (waits) {
        b->wake = wake;
        b->wake_ctx = ctx;
    }
    (void)pthread_mutex_unlock(&b->mutex);
    return waits;
}

void s3_get_window(struct blob *blob, int64_t first, int64_t end)
{
    struct s3_blob *b = (struct s3_blob *)blob;
    (void)pthread_mutex_lock(&b->mutex);
    b->window_first = first;
    b->window_end = end;
    (void)pthread_mutex_unlock(&b->mutex);
}

void s3_get_cancel(struct blob *blob)
{
    struct s3_blob *b = (struct s3_blob *)blob;
    void *ctx;
    (void)pthread_mutex_lock(&b->mutex);
    drop_fetch(b);
    b->head = b->len = 0;
    b->rc = err_set(&b->error, ERR_SHUTTING_DOWN, "this was given up; try again in a moment");
    void (*wake)(void *) = take_waiter(b, &ctx);
    (void)pthread_mutex_unlock(&b->mutex);
    if (wake)
        wake(ctx);
}

void s3_get_close(struct blob *blob)
{
    struct s3_blob *b = (struct s3_blob *)blob;
    (void)pthread_mutex_lock(&b->mutex);
    drop_fetch(b);
    b->wake = NULL;
    unlock_and_release(b);
}
