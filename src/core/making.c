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
#include "core/blobs.h"
#include "core/orphans.h"
#include "core/sharing.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/*
 * Who asks may have a view of the database from before a making got its row, and so find neither that nor, if
 * it were gone, the making: it would be made twice. So it stays in the list for longer than a view lives.
 */
enum { RUNNING = 0, DONE = 1, LINGER = CLOCK_SECOND };

/* Waking costs more than a small piece is worth: after the first one pieces are told of by TELL_STEP bytes,
   or when there were none for TELL_PAUSE. */
enum { TELL_STEP = 256 << 10, TELL_PAUSE = CLOCK_SECOND / 20 };

enum { ELSEWHERE = 1, COPY_SIZE = 256 << 10 };

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
    char key[ID_SIZE]; /* of the blob */
    int64_t result;
    struct conversion *conversion; /* NULL once it has ended, and `digest` */
    struct blob_put *put;
    struct digest *digest;
    int64_t size;
    int64_t rows_read;            /* told with the next bytes or the next pause, whichever comes first */
    int64_t told, told_at;        /* as `written` and when, but for the end */
    struct digest_values digests; /* once it is done */
    struct sharing_claim claim;
    struct sharing_wait wait; /* for another node */
    bool is_late;             /* that took too long */
    bool taken_over;          /* from another node, which has made it */
};

struct makings {
    struct core *core;
    struct writer *writer;
    struct pool *pool;
    struct pool *others; /* of makings_run: a page of rows does not wait behind whole tables. NULL: no more */
    struct sharing *sharing; /* NULL: no other process has this database */
    pthread_mutex_t mutex;
    struct making *first;             /* mutex */
    struct makings_guest *guests;     /* mutex */
    int64_t count;                    /* mutex: that are under way */
    bool stopping;                    /* mutex */
    int64_t done, failed, taken_over; /* mutex */
};

struct makings *makings_new(struct core *core, struct writer *writer, struct db *reader, int threads)
{
    struct makings *all = mem_alloc(sizeof *all);
    *all = (struct makings){.core = core, .writer = writer};
    if (pthread_mutex_init(&all->mutex, NULL))
        abort();
    all->pool = pool_new(threads, "converter");
    all->others = pool_new(threads, "pages");
    if (reader)
        all->sharing = sharing_new(core, writer, reader);
    return all;
}

/* With the mutex: until it has ended nobody frees its conversion. */
static void cancel(struct making *m)
{
    if (m->outcome == RUNNING)
        conversion_cancel(m->conversion);
}

void makings_stop(struct makings *all)
{
    (void)pthread_mutex_lock(&all->mutex);
    all->stopping = true;
    for (struct making *m = all->first; m; m = m->next)
        cancel(m);
    for (struct makings_guest *g = all->guests; g; g = g->next)
        if (g->conversion)
            conversion_cancel(g->conversion);
    (void)pthread_mutex_unlock(&all->mutex);
}

bool makings_stopping(struct makings *all)
{
    (void)pthread_mutex_lock(&all->mutex);
    bool stopping = all->stopping;
    (void)pthread_mutex_unlock(&all->mutex);
    return stopping;
}

static void run_guest(struct pool_task *task)
{
    struct makings_guest *g = (struct makings_guest *)task;
    g->run(g);
}

void makings_run(struct makings *all, struct makings_guest *g)
{
    g->task =
        (struct pool_task){.run = run_guest, .holder = g->conversion ? conversion_holder(g->conversion) : 0};
    (void)pthread_mutex_lock(&all->mutex);
    g->prev = NULL;
    g->next = all->guests;
    if (g->next)
        g->next->prev = g;
    all->guests = g;
    if (all->stopping && g->conversion)
        conversion_cancel(g->conversion);
    (void)pthread_mutex_unlock(&all->mutex);
    pool_add(all->others, &g->task);
}

void makings_leave(struct makings *all, struct makings_guest *g)
{
    (void)pthread_mutex_lock(&all->mutex);
    if (g->next)
        g->next->prev = g->prev;
    *(g->prev ? &g->prev->next : &all->guests) = g->next;
    (void)pthread_mutex_unlock(&all->mutex);
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
        m->task = (struct pool_task){.run = destroy_task};
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
static int tell(struct making *m, struct err *e)
{
    bool whole = conversion_format(m->conversion) == FORMAT_XLSX;
    m->told = m->size;
    m->told_at = clock_monotonic();
    (void)pthread_mutex_lock(&m->all->mutex);
    bool stopping = m->all->stopping || m->forsaken;
    m->rows_done = m->rows_read;
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
    return is_worth_telling(m) ? tell(m, e) : 0;
}

static int progress(void *ctx, int64_t rows, struct err *e)
{
    struct making *m = ctx;
    m->rows_read = rows;
    return is_worth_telling(m) ? tell(m, e) : 0;
}

struct keeping {
    struct making *making;
    int64_t since; /* of clock_boot: when its blob began to be committed */
    struct representation_row row;
};

/* The oldest ones make room. */
static int keep_row(struct db *db, void *ctx, struct err *e)
{
    struct keeping *k = ctx;
    struct makings *all = k->making->all;
    int64_t limit = core_settings(all->core)->cache_limit;
    int64_t due_at = blobs_due_at(all->core, core_now(all->core));
    int rc = orphans_refuse(db, k->row.key, k->since, e);
    if (rc == 0)
        rc = store_representation_drop(db, k->row.tag, due_at, e);
    if (rc == 0)
        rc = store_representation_make_room(db, limit - k->row.size, due_at, e);
    if (rc == 0)
        rc = store_representation_add(db, &k->row, e);
    if (rc == 0 && all->sharing)
        rc = sharing_settle(all->sharing, &k->making->claim, db, e);
    return rc;
}

static int keep(struct making *m, struct err *e)
{
    struct keeping k = {.making = m, .since = clock_boot()};
    int rc = blob_put_commit(m->put, e);
    k.row = (struct representation_row){
        .tag = m->tag,
        .result = m->result,
        .key = m->key,
        .size = m->size,
        .sha256 = m->digests.sha256,
        .crc32 = m->digests.crc32,
        .made_at = core_now(m->all->core),
    };
    if (rc == 0)
        rc = writer_call(m->all->writer, keep_row, &k, e);
    return rc;
}

static int run(struct making *m, struct err *e)
{
    int rc = conversion_prepare(m->conversion, e);
    if (rc == 0)
        rc = blob_put_open(m->all->core->blobs, m->key, true, &m->put, e);
    if (rc == 0)
        rc = conversion_write(m->conversion, put_bytes, progress, m, e);
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

static void cancel_guests_who_have_gone(struct makings *all)
{
    (void)pthread_mutex_lock(&all->mutex);
    for (struct makings_guest *g = all->guests; g; g = g->next)
        if (g->conversion && g->gone && g->gone(g->ctx))
            conversion_cancel(g->conversion);
    (void)pthread_mutex_unlock(&all->mutex);
}

/* Who lost the connection while it waited may come back for what took so long. */
static void give_up_forsaken(struct makings *all, int64_t now)
{
    int64_t patience = core_settings(all->core)->conversion_patience * CLOCK_SECOND;
    (void)pthread_mutex_lock(&all->mutex);
    for (struct making *m = all->first, *next; m; m = next) {
        next = m->next;
        bool alone = m->outcome == RUNNING && m->holders == 1;
        if (alone && m->left_at && now - m->left_at > patience) {
            unlist(m);
            m->forsaken = true;
            cancel(m);
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
    cancel_guests_who_have_gone(all);
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
        *(rc < 0 ? &m->all->failed : m->taken_over ? &m->all->taken_over : &m->all->done) += 1;
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

/* From now on it is found by its row; but not by those whose view is from before that. */
static void leave_later(struct making *m)
{
    (void)pthread_mutex_lock(&m->all->mutex);
    m->kept_at = clock_monotonic();
    m->holders++; /* the list */
    (void)pthread_mutex_unlock(&m->all->mutex);
}

/* What could not be kept was good for those who had asked; the next one makes it anew. */
static int keep_on(struct making *m)
{
    struct err e;
    int rc = keep(m, &e);
    if (rc == 0) {
        leave_later(m);
        return 0;
    }
    (void)pthread_mutex_lock(&m->all->mutex);
    unlist(m);
    (void)pthread_mutex_unlock(&m->all->mutex);
    complain("a converted table cannot be kept", &e);
    return rc;
}

/* Who waits to know that it can be had may go on. */
static void announce(struct making *m)
{
    (void)pthread_mutex_lock(&m->all->mutex);
    m->written = 0;
    struct making_waiter *w = take_waiters(m, false);
    (void)pthread_mutex_unlock(&m->all->mutex);
    wake_all(w);
}

/* --- between nodes --- */

static int copy_bytes(struct making *m, struct blob *b, struct err *e)
{
    char *piece = mem_alloc(COPY_SIZE);
    int rc = 0;
    while (rc == 0 && m->size < m->claim.size) {
        int64_t left = m->claim.size - m->size;
        size_t len = left < COPY_SIZE ? (size_t)left : COPY_SIZE;
        rc = blob_read(b, m->size, piece, len, e);
        if (rc == 0)
            rc = put_bytes(m, piece, len, e);
    }
    free(piece);
    return rc;
}

/* What another node has made becomes ours by copying it: so it is read like whatever is in the making, also
 * while the cache drops it. ERR_NOT_FOUND: it has gone. */
static int take_over(struct making *m, struct err *e)
{
    struct blob *b = NULL;
    int64_t size = 0;
    int rc = blob_open(m->all->core->blobs, m->claim.key, &b, &size, e);
    if (rc < 0)
        return rc;
    m->taken_over = true;
    announce(m);
    rc = blob_put_open(m->all->core->blobs, NULL, true, &m->put, e);
    if (rc == 0)
        rc = copy_bytes(m, b, e);
    blob_close(b);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? (e->code = ERR_STORAGE) : rc;
    digest_finish(m->digest, &m->digests);
    if (strcmp(m->digests.sha256, m->claim.sha256) == 0)
        return 0;
    return err_operator(e, ERR_STORAGE,
                        "a converted table cannot be read; the server's operator has been told",
                        "blob %s has another digest than its row; run resultd check", m->claim.key);
}

static int is_given_up(struct making *m, struct err *e)
{
    (void)pthread_mutex_lock(&m->all->mutex);
    bool given_up = m->all->stopping || m->forsaken;
    (void)pthread_mutex_unlock(&m->all->mutex);
    if (given_up)
        return err_set(e, ERR_SHUTTING_DOWN, "the server is being stopped; try again in a moment");
    if (m->is_late)
        return err_set(e, ERR_BUSY, "another server is still making this format; try again in a moment");
    return 0;
}

static int claim(struct making *m, struct err *e)
{
    m->claim.tag = m->tag;
    int rc = sharing_claim(m->all->sharing, &m->claim, false, e);
    if (rc != SHARING_MADE)
        return rc;
    rc = take_over(m, e);
    return rc == ERR_NOT_FOUND ? sharing_claim(m->all->sharing, &m->claim, true, e) : rc;
}

/* 0 also of what another node has made. */
static int run_shared(struct making *m, struct err *e)
{
    int rc = is_given_up(m, e);
    if (rc == 0)
        rc = claim(m, e);
    if (rc == SHARING_ELSEWHERE)
        return ELSEWHERE;
    if (rc != SHARING_OURS)
        return rc;
    announce(m);
    rc = run(m, e);
    if (rc < 0)
        sharing_end(m->all->sharing, &m->claim, false);
    return rc;
}

static void run_making(struct pool_task *task);

/* Where it has to wait for a client's bucket, it is that one's work. */
static void queue(struct making *m)
{
    m->task = (struct pool_task){.run = run_making, .holder = conversion_holder(m->conversion)};
    pool_add(m->all->pool, &m->task);
}

static void run_again(struct sharing_wait *w, bool late)
{
    struct making *m = (struct making *)((char *)w - offsetof(struct making, wait));
    m->is_late = late;
    queue(m);
}

static void wait_for_the_other(struct making *m)
{
    if (!m->wait.until)
        m->wait = (struct sharing_wait){.tag = m->tag,
                                        .until = clock_monotonic() +
                                                 core_settings(m->all->core)->conversion_wait * CLOCK_SECOND,
                                        .over = run_again};
    sharing_wait(m->all->sharing, &m->wait);
}

static void keep_made(struct making *m)
{
    if (m->taken_over) {
        leave_later(m);
        return;
    }
    int rc = keep_on(m);
    if (m->all->sharing)
        sharing_end(m->all->sharing, &m->claim, rc == 0);
}

static void run_making(struct pool_task *task)
{
    struct making *m = (struct making *)task;
    struct err e;
    int rc = m->all->sharing ? run_shared(m, &e) : run(m, &e);
    if (rc == ELSEWHERE) {
        wait_for_the_other(m);
        return;
    }
    if (rc < 0)
        complain("a conversion failed", &e);
    end(m, rc, &e);
    if (rc == 0)
        keep_made(m);
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
    if (!m->all->sharing) /* else only once it is known that another node does not take too long */
        announce(m);
    queue(m);
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
    if (all->sharing)
        sharing_stop(all->sharing); /* the same */
    pool_free(all->pool);
    sharing_free(all->sharing);
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
    id_new(m->key);
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
        if (all->stopping)
            cancel(mine);
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
    ret->taken_over = all->taken_over;
    (void)pthread_mutex_unlock(&all->mutex);
}
