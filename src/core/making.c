/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See making.h. One mutex covers the list, the counts and what is marked in each making; everything else in a
 * making belongs to the thread that runs it until it has ended.
 */
#include "core/making.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "core/pending.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * Who asks may have a view of the database from before a making got its row, and so find neither that nor, if
 * it were gone, the making: it would be made twice. So it stays in the list for longer than a view lives.
 */
enum { RUNNING = 0, DONE = 1, LINGER = CLOCK_SECOND };

/* Who lost the connection while it waited may come back for what took so long. */
enum { PATIENCE = 30 * CLOCK_SECOND };

/* Waking costs more than a small piece is worth: after the first one pieces are told of by TELL_STEP bytes,
   or when there were none for TELL_PAUSE. */
enum { TELL_STEP = 256 << 10, TELL_PAUSE = CLOCK_SECOND / 20 };

struct making {
    struct pool_task task; /* first, so that one is the other */
    struct makings *all;
    struct making *next; /* mutex: in the list until its row is there, and for a moment after */
    int64_t kept_at;     /* mutex; monotonic; 0: it has no row yet */
    int holders;         /* mutex: who asks, and the thread that runs it */
    int outcome;         /* mutex: RUNNING, DONE or a code */
    struct err error;    /* mutex */
    int64_t left_at;     /* mutex; monotonic: since when nobody holds it but its thread; 0: somebody did */
    bool forsaken;       /* mutex: it has left the list and is to be given up */
    int64_t written;     /* mutex: bytes that can be read; -1: its options are not looked at yet */
    int64_t rows_done;   /* mutex */
    struct making_waiter *waiters; /* mutex */
    char tag[DIGEST_SHA256_HEX];
    int64_t result;
    struct conversion *conversion; /* NULL once it has ended, and `digest` */
    struct blob_put *put;
    struct digest *digest;
    int64_t size;
    int64_t told, told_at;        /* as `written` and when, but for the end */
    struct digest_values digests; /* once it is done */
};

struct makings {
    struct core *core;
    struct writer *writer;
    struct pool *pool;
    struct pool *others; /* of makings_run: a page of rows does not wait behind whole tables. NULL: no more */
    pthread_mutex_t mutex;
    struct making *first; /* mutex */
    int64_t count;        /* mutex: that are under way */
    bool stopping;        /* mutex */
    int64_t done, failed; /* mutex */
};

struct makings *makings_new(struct core *core, struct writer *writer, int threads)
{
    struct makings *all = mem_alloc(sizeof *all);
    *all = (struct makings){.core = core, .writer = writer};
    if (pthread_mutex_init(&all->mutex, NULL))
        abort();
    all->pool = pool_new(threads, "converter");
    all->others = pool_new(threads, "pages");
    return all;
}

void makings_stop(struct makings *all)
{
    (void)pthread_mutex_lock(&all->mutex);
    all->stopping = true;
    (void)pthread_mutex_unlock(&all->mutex);
}

bool makings_stopping(struct makings *all)
{
    (void)pthread_mutex_lock(&all->mutex);
    bool stopping = all->stopping;
    (void)pthread_mutex_unlock(&all->mutex);
    return stopping;
}

void makings_run(struct makings *all, struct pool_task *task)
{
    pool_add(all->others, task);
}

static void destroy(struct making *m)
{
    conversion_free(m->conversion);
    blob_put_close(m->put);
    digest_free(m->digest);
    free(m);
}

/* The blocks of a large file that nobody wants take long to free: too long for an event loop. */
static void destroy_task(struct pool_task *task)
{
    destroy((struct making *)task);
}

void making_release(struct making *m)
{
    if (!m)
        return;
    struct makings *all = m->all;
    (void)pthread_mutex_lock(&all->mutex);
    bool last = --m->holders == 0;
    bool here = last && !all->others;
    if (last && !here) {
        m->task.run = destroy_task;
        pool_add(all->others, &m->task);
    }
    (void)pthread_mutex_unlock(&all->mutex);
    if (here)
        destroy(m);
}

/* Those who wait for no more than there is, or all of them: taken off the list, to be woken without the
 * mutex. */
static struct making_waiter *take_waiters(struct making *m, bool everybody)
{
    struct making_waiter *taken = NULL;
    for (struct making_waiter **link = &m->waiters; *link;) {
        struct making_waiter *w = *link;
        if (everybody || w->offset < m->written) {
            *link = w->next;
            w->next = taken;
            taken = w;
        } else {
            link = &w->next;
        }
    }
    return taken;
}

static void wake_all(struct making_waiter *w)
{
    while (w) {
        struct making_waiter *next = w->next; /* w may be gone once it is woken */
        w->wake(w->ctx);
        w = next;
    }
}

/* --- running --- */

/* A spreadsheet is not handed out before it is whole: a fault in its last row would be seen only then. */
static int tell(struct making *m, int64_t rows, struct err *e)
{
    bool whole = conversion_format(m->conversion) == FORMAT_XLSX;
    m->told = m->size;
    m->told_at = clock_monotonic();
    (void)pthread_mutex_lock(&m->all->mutex);
    bool stopping = m->all->stopping || m->forsaken;
    if (rows > m->rows_done)
        m->rows_done = rows;
    m->written = whole ? 0 : m->size;
    struct making_waiter *w = take_waiters(m, false);
    (void)pthread_mutex_unlock(&m->all->mutex);
    wake_all(w);
    return stopping ? err_set(e, ERR_SHUTTING_DOWN, "the server is being stopped; try again in a moment") : 0;
}

static bool is_worth_telling(const struct making *m)
{
    return m->told == 0 || m->size - m->told >= TELL_STEP || clock_monotonic() - m->told_at >= TELL_PAUSE;
}

static int put_bytes(void *ctx, const void *bytes, size_t len, struct err *e)
{
    struct making *m = ctx;
    int rc = blob_put_write(m->put, bytes, len, e);
    if (rc < 0)
        return rc;
    digest_update_rest(m->digest, bytes, len);
    m->size += (int64_t)len;
    return is_worth_telling(m) ? tell(m, 0, e) : 0;
}

static int progress(void *ctx, int64_t rows, struct err *e)
{
    struct making *m = ctx;
    return is_worth_telling(m) ? tell(m, rows, e) : 0;
}

struct keeping {
    struct core *core;
    struct representation_row row;
};

/* The oldest ones make room. */
static int keep_row(struct db *db, void *ctx, struct err *e)
{
    struct keeping *k = ctx;
    int64_t limit = core_settings(k->core)->cache_limit;
    int rc = store_representation_drop(db, k->row.tag, clock_now(), e);
    if (rc == 0)
        rc = store_representation_make_room(db, limit - k->row.size, clock_now(), e);
    if (rc == 0)
        rc = store_representation_add(db, &k->row, e);
    return rc;
}

static int keep(struct making *m, struct err *e)
{
    struct pending_key pending = {0};
    char key[ID_SIZE];
    struct keeping k = {.core = m->all->core};
    id_new(key);
    memcpy(pending.key, key, sizeof pending.key);
    pending_hold(m->all->core->pending, &pending);
    int rc = blob_put_commit(m->put, key, e);
    k.row = (struct representation_row){
        .tag = m->tag,
        .result = m->result,
        .key = key,
        .size = m->size,
        .sha256 = m->digests.sha256,
        .crc32 = m->digests.crc32,
        .made_at = clock_now(),
    };
    if (rc == 0)
        rc = writer_call(m->all->writer, keep_row, &k, e);
    pending_release(m->all->core->pending, &pending); /* without a row it is an orphan now */
    return rc;
}

static int run(struct making *m, struct err *e)
{
    int rc = conversion_prepare(m->conversion, e);
    if (rc == 0)
        rc = blob_put_open(m->all->core->blobs, &m->put, e);
    if (rc == 0)
        rc = conversion_write(m->conversion, put_bytes, progress, m, e);
    if (rc == ERR_LIMIT)
        e->code = rc = ERR_NOT_ACCEPTABLE; /* a spreadsheet cannot hold it */
    if (rc == 0)
        digest_finish(m->digest, &m->digests);
    return rc;
}

/* With the mutex. */
static void list(struct making *m)
{
    m->next = m->all->first;
    m->all->first = m;
}

static void unlist(struct making *m)
{
    struct making **link = &m->all->first;
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
}

/* Those that got their row before `before` leave the list, which held them. */
static void let_go(struct makings *all, int64_t before)
{
    struct making *gone = NULL;
    (void)pthread_mutex_lock(&all->mutex);
    for (struct making *m = all->first, *next; m; m = next) {
        next = m->next;
        if (m->kept_at && m->kept_at < before) {
            unlist(m);
            m->next = gone;
            gone = m;
        }
    }
    (void)pthread_mutex_unlock(&all->mutex);
    for (struct making *next; gone; gone = next) {
        next = gone->next;
        making_release(gone);
    }
}

static void wake_who_has_gone(struct makings *all)
{
    struct making_waiter *taken = NULL;
    (void)pthread_mutex_lock(&all->mutex);
    for (struct making *m = all->first; m; m = m->next)
        for (struct making_waiter **link = &m->waiters; *link;) {
            struct making_waiter *w = *link;
            if (w->gone && w->gone(w->ctx)) {
                *link = w->next;
                w->next = taken;
                taken = w;
            } else {
                link = &w->next;
            }
        }
    (void)pthread_mutex_unlock(&all->mutex);
    wake_all(taken);
}

static void give_up_forsaken(struct makings *all, int64_t now)
{
    (void)pthread_mutex_lock(&all->mutex);
    for (struct making *m = all->first, *next; m; m = next) {
        next = m->next;
        bool alone = m->outcome == RUNNING && m->holders == 1;
        if (alone && m->left_at && now - m->left_at > PATIENCE) {
            unlist(m);
            m->forsaken = true;
        } else if (!alone) {
            m->left_at = 0;
        } else if (!m->left_at) {
            m->left_at = now;
        }
    }
    (void)pthread_mutex_unlock(&all->mutex);
}

void makings_tick(struct makings *all)
{
    int64_t now = clock_monotonic();
    let_go(all, now - LINGER);
    wake_who_has_gone(all);
    give_up_forsaken(all, now);
}

static void end(struct making *m, int rc, const struct err *e)
{
    (void)pthread_mutex_lock(&m->all->mutex);
    bool begun = m->written >= 0;
    m->all->count--;
    m->outcome = rc < 0 ? rc : DONE;
    if (rc < 0 && !m->forsaken)
        unlist(m);
    else if (rc == 0 && m->forsaken) /* too late */
        list(m);
    if (rc < 0)
        m->error = *e;
    else
        m->written = m->size;
    if (begun && (rc == 0 || !m->forsaken))
        *(rc < 0 ? &m->all->failed : &m->all->done) += 1;
    struct making_waiter *w = take_waiters(m, true);
    (void)pthread_mutex_unlock(&m->all->mutex);
    wake_all(w);
}

/* It stays for a moment, and hundreds may be done in that: what only making needs has gone by then. */
static void put_down(struct making *m)
{
    conversion_free(m->conversion);
    digest_free(m->digest);
    m->conversion = NULL;
    m->digest = NULL;
}

static void complain(const char *what, const struct err *e)
{
    if (*e->log)
        log_line(LOG_ERROR, what, (struct log_field[]){{"error", e->log}, {0}});
}

/* What could not be kept was good for those who had asked; the next one makes it anew. */
static void keep_on(struct making *m)
{
    struct err e;
    int rc = keep(m, &e);
    (void)pthread_mutex_lock(&m->all->mutex);
    if (rc < 0) {
        unlist(m);
    } else {
        m->kept_at = clock_monotonic();
        m->holders++; /* the list */
    }
    (void)pthread_mutex_unlock(&m->all->mutex);
    if (rc < 0)
        complain("a converted table cannot be kept", &e);
}

static void run_making(struct pool_task *task)
{
    struct making *m = (struct making *)task;
    struct err e;
    int rc = run(m, &e);
    if (rc < 0)
        complain("a conversion failed", &e);
    end(m, rc, &e);
    if (rc == 0)
        keep_on(m);
    put_down(m);
    making_release(m);
}

/* In the other pool, so that who asks wrongly need not wait behind whole tables to be told. Nothing of it is
 * kept: hundreds may wait for their turn. */
static void look_at_options(struct pool_task *task)
{
    struct making *m = (struct making *)task;
    struct err e;
    int rc = conversion_prepare(m->conversion, &e);
    conversion_put_aside(m->conversion);
    if (rc < 0) {
        end(m, rc, &e);
        making_release(m);
        return;
    }
    (void)pthread_mutex_lock(&m->all->mutex);
    m->written = 0;
    struct making_waiter *w = take_waiters(m, false);
    (void)pthread_mutex_unlock(&m->all->mutex);
    wake_all(w);
    m->task.run = run_making;
    pool_add(m->all->pool, &m->task);
}

void makings_free(struct makings *all)
{
    if (!all)
        return;
    makings_stop(all);
    (void)pthread_mutex_lock(&all->mutex);
    struct pool *others = all->others;
    all->others = NULL;
    (void)pthread_mutex_unlock(&all->mutex);
    pool_free(others); /* hands what it has looked at to the other one */
    pool_free(all->pool);
    let_go(all, INT64_MAX);
    (void)pthread_mutex_destroy(&all->mutex);
    free(all);
}

/* --- asking --- */

static struct making *find(struct makings *all, const char *tag)
{
    struct making *m = all->first;
    while (m && strcmp(m->tag, tag) != 0)
        m = m->next;
    return m;
}

/* With the mutex. */
static struct making *hold(struct makings *all, const char *tag)
{
    struct making *m = find(all, tag);
    if (m) {
        m->holders++;
        m->left_at = 0;
    }
    return m;
}

static struct making *prepare(struct makings *all, const struct result *r, const char *tag,
                              struct conversion *c)
{
    struct making *m = mem_alloc(sizeof *m);
    *m = (struct making){.task = {.run = look_at_options},
                         .all = all,
                         .holders = 2,
                         .written = -1,
                         .result = r->pk,
                         .conversion = c,
                         .digest = digest_new()};
    text_copy(m->tag, sizeof m->tag, tag);
    return m;
}

int making_get(struct session *s, const struct result *r, const struct conversion_options *o, const char *tag,
               struct making **ret, struct err *e)
{
    struct makings *all = s->core->makings;
    struct conversion *c = NULL;
    (void)pthread_mutex_lock(&all->mutex);
    *ret = hold(all, tag);
    bool too_many = all->count >= core_settings(s->core)->conversion_limit;
    (void)pthread_mutex_unlock(&all->mutex);
    if (*ret)
        return 0;
    if (too_many)
        return err_set(e, ERR_BUSY, "too many conversions are under way; try again in a moment");
    int rc = conversion_new(s, r, o, &c, e);
    if (rc < 0)
        return rc;
    struct making *mine = prepare(all, r, tag, c);
    (void)pthread_mutex_lock(&all->mutex);
    *ret = hold(all, tag); /* somebody may have been faster */
    if (!*ret) {
        *ret = mine;
        list(mine);
        all->count++;
    }
    (void)pthread_mutex_unlock(&all->mutex);
    if (*ret == mine)
        pool_add(all->others, &mine->task);
    else
        destroy(mine);
    return 0;
}

bool making_find(struct core *core, const char *tag, struct making **ret)
{
    struct makings *all = core->makings;
    if (!all)
        return false;
    (void)pthread_mutex_lock(&all->mutex);
    struct making *m = find(all, tag);
    bool found = m && m->outcome == DONE;
    if (found)
        m->holders++;
    (void)pthread_mutex_unlock(&all->mutex);
    if (found)
        *ret = m;
    return found;
}

int making_outcome(struct making *m, struct err *e)
{
    (void)pthread_mutex_lock(&m->all->mutex);
    int rc = m->outcome;
    if (rc < 0)
        *e = m->error;
    (void)pthread_mutex_unlock(&m->all->mutex);
    return rc;
}

int64_t making_made(struct making *m, const char **ret_sha256)
{
    *ret_sha256 = m->digests.sha256;
    return m->size;
}

uint32_t making_crc32(const struct making *m)
{
    return m->digests.crc32;
}

int making_read(struct making *m, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    (void)pthread_mutex_lock(&m->all->mutex);
    int64_t left = m->written - offset;
    int rc = m->outcome < 0 ? m->outcome : 0;
    if (rc < 0)
        *e = m->error;
    (void)pthread_mutex_unlock(&m->all->mutex);
    *ret_len = left <= 0 ? 0 : left < (int64_t)max ? (size_t)left : max;
    return rc < 0 || *ret_len == 0 ? rc : blob_put_read(m->put, offset, to, *ret_len, e);
}

bool making_wait(struct making *m, struct making_waiter *w)
{
    (void)pthread_mutex_lock(&m->all->mutex);
    bool waits = m->outcome == RUNNING && w->offset >= m->written;
    if (waits) {
        w->next = m->waiters;
        m->waiters = w;
    }
    (void)pthread_mutex_unlock(&m->all->mutex);
    return waits;
}

bool making_progress(struct core *core, int64_t result, enum format *ret_format, int64_t *ret_rows)
{
    struct makings *all = core->makings;
    if (!all)
        return false;
    (void)pthread_mutex_lock(&all->mutex);
    struct making *m = all->first;
    while (m && (m->result != result || m->outcome != RUNNING))
        m = m->next;
    if (m) {
        *ret_format = conversion_format(m->conversion);
        *ret_rows = m->rows_done;
        m->left_at = 0;
    }
    (void)pthread_mutex_unlock(&all->mutex);
    return m != NULL;
}

void making_stats(struct core *core, struct making_stats *ret)
{
    struct makings *all = core->makings;
    *ret = (struct making_stats){0};
    if (!all)
        return;
    (void)pthread_mutex_lock(&all->mutex);
    ret->running = all->count;
    for (struct making *m = all->first; m; m = m->next) {
        if (m->outcome != RUNNING)
            continue;
        ret->rows_done += m->rows_done;
        ret->rows += conversion_rows(m->conversion);
    }
    ret->done = all->done;
    ret->failed = all->failed;
    (void)pthread_mutex_unlock(&all->mutex);
}
