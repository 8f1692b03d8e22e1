/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See removal.h. The thread lists and removes, the writer's thread changes rows. The mutex covers only the
 * wish to stop.
 */
#include "core/removal.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"
#include "core/instance.h"
#include "core/orphans.h"
#include "core/sweep.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* So many that fail before any other are not the files' fault. */
enum { HOPELESS = 5 };

/* At most so many by one step, which nobody can stop in the middle. */
enum { PIECE = 1000 };

/* How long a round searches and removes at most, and the pause until the next one if there is more of either:
 * long enough for a backup that waits to find the files not held. */
enum { SEARCH_MS = 1000, REMOVE_MS = 5000, PAUSE = CLOCK_SECOND };

/* A claim lasts for so many rounds and seconds; files are not held any more by who is silent for so long, and
 * for no longer than LONGEST_SILENCE seconds. */
enum { LEASE_ROUNDS = 3, LEASE_MORE = 10, LONGEST_SILENCE = 60 };

enum { NODE_BYTES = 8 };

struct removal {
    struct core *core;
    struct writer *writer;
    struct db *reader;
    char *lock_path;
    char node[2 * NODE_BYTES + 1]; /* this process, and no later one in its place */
    bool more;                     /* there is more to do, soon */
    bool whole;                    /* a round is not over before all is done */
    int64_t removed;               /* files, in all rounds */
    int64_t refused_at;            /* monotonic: since when files must stay; 0: they need not */
    bool told;                     /* that they must */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
};

static bool wants_stop(void *ctx)
{
    struct removal *r = ctx;
    (void)pthread_mutex_lock(&r->mutex);
    bool stop = r->stopping;
    (void)pthread_mutex_unlock(&r->mutex);
    return stop;
}

/* --- whose turn it is --- */

static int64_t lease(const struct removal *r)
{
    return (LEASE_ROUNDS * core_settings(r->core)->sweep_interval + LEASE_MORE) * CLOCK_SECOND;
}

struct claim {
    const struct removal *removal;
    bool ours;
};

/* Where no other process has the database, nobody else has a claim that counts. */
static int claim_row(struct db *db, void *ctx, struct err *e)
{
    struct claim *c = ctx;
    const struct removal *r = c->removal;
    int64_t now = core_now(r->core);
    int rc = store_removal_claim(db, r->node, db_is_remote(db) ? now : INT64_MAX, now + lease(r), e);
    c->ours = rc > 0;
    return rc < 0 ? rc : 0;
}

/* 1: it is ours, and *ret is how far everything has come. */
static int lead(const struct removal *r, struct removal_row *ret, struct err *e)
{
    struct claim c = {.removal = r};
    int rc = store_removal_get(r->reader, ret, e);
    if (rc < 0)
        return rc;
    bool ours = strcmp(ret->node, r->node) == 0;
    bool lasts = !db_is_remote(r->reader) || ret->till - core_now(r->core) > lease(r) / 2;
    if (ours && lasts)
        return 1;
    if (!ours && db_is_remote(r->reader) && ret->till >= core_now(r->core))
        return 0;
    rc = writer_call(r->writer, claim_row, &c, e);
    if (rc < 0 || !c.ours)
        return rc;
    rc = store_removal_get(r->reader, ret, e);
    return rc < 0 ? rc : 1;
}

static int release_row(struct db *db, void *ctx, struct err *e)
{
    const struct removal *r = ctx;
    int rc = store_removal_release(db, r->node, e);
    return rc < 0 ? rc : 0;
}

/* Monotonic: when a part of a round that may take so long has to end. */
static int64_t end_of(const struct removal *r, int64_t milliseconds)
{
    return r->whole ? INT64_MAX : clock_monotonic() + milliseconds * 1000;
}

/* A descriptor. -1: a backup is being made from this folder, files must stay. */
static int lock_folder(const struct removal *r)
{
    int fd = open(r->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* 1 and *ret: nobody backs this database up, from here or elsewhere, nor removes its files. 0: files must
 * stay. */
static int lock_files(const struct removal *r, int *ret, struct err *e)
{
    int64_t silence = lease(r) < LONGEST_SILENCE * CLOCK_SECOND ? lease(r) : LONGEST_SILENCE * CLOCK_SECOND;
    int fd = lock_folder(r);
    int rc = fd >= 0 ? db_lock(r->reader, DB_LOCK_FILES, true, silence / 1000, e) : 0;
    if (rc > 0)
        *ret = fd;
    else if (fd >= 0)
        (void)close(fd);
    return rc;
}

static void unlock_files(const struct removal *r, int lock)
{
    db_unlock(r->reader, DB_LOCK_FILES);
    (void)close(lock);
}

/*
 * What was read just now was read under the lock: so no backup that begins later needs these files, even if
 * the lock is lost from here on. 0: it is lost already, as by a process that was stopped for a while.
 */
static int still_locked(const struct removal *r, struct err *e)
{
    return db_locked(r->reader, DB_LOCK_FILES, e);
}

/* A backup may take hours, but somebody who has forgotten one should know. */
static void tell_of_refusal(struct removal *r, bool refused)
{
    int64_t now = clock_monotonic();
    if (!refused) {
        r->refused_at = 0;
        r->told = false;
    } else if (!r->refused_at) {
        r->refused_at = now;
    } else if (!r->told && now - r->refused_at > lease(r)) {
        r->told = true;
        log_line(LOG_WARN,
                 "no files are removed for the time being: a backup holds them, or another node that has not "
                 "let go of them",
                 (struct log_field[]){{0}});
    }
}

/* --- what rows have let go of --- */

struct settling {
    struct core *core;
    struct doomed *all;
    bool *removed;
    int64_t count;
};

static void note_removed(const struct removal *r, const struct doomed *d)
{
    atomic_fetch_add(&r->core->counters.blobs_removed, 1);
    if (d->orphan) {
        atomic_fetch_add(&r->core->counters.orphans, 1);
        log_line(LOG_WARN, "a file without a row was removed", (struct log_field[]){{"key", d->key}, {0}});
    }
}

static void tell_of_failed(const struct removal *r, const struct settling *s, int64_t failed,
                           const struct err *e)
{
    char many[24];
    int64_t at = 0;
    while (s->removed[at])
        at++;
    (void)snprintf(many, sizeof many, "%lld", (long long)failed);
    atomic_fetch_add(&r->core->counters.sweep_errors, failed);
    log_line(LOG_ERROR, "files cannot be removed; it will be tried again",
             (struct log_field[]){{"count", many}, {"key", s->all[at].key}, {"error", e->log}, {0}});
}

/* Returns how many are gone. */
static int64_t remove_files(const struct removal *r, struct arena *a, struct settling *s)
{
    struct err e;
    int64_t removed = 0;
    const char **keys = arena_alloc(a, (size_t)s->count * sizeof *keys);
    s->removed = arena_alloc(a, (size_t)s->count * sizeof *s->removed);
    for (int64_t i = 0; i < s->count; i++)
        keys[i] = s->all[i].key;
    int rc = blob_remove_many(r->core->blobs, keys, (int)s->count, s->removed, &e);
    for (int64_t i = 0; i < s->count; i++)
        if (s->removed[i]) {
            note_removed(r, &s->all[i]);
            removed++;
        }
    if (rc < 0)
        tell_of_failed(r, s, s->count - removed, &e);
    return removed;
}

static int settle(struct db *db, void *ctx, struct err *e)
{
    const struct settling *s = ctx;
    int64_t now = core_now(s->core);
    int rc = 0;
    for (int64_t i = 0; rc >= 0 && i < s->count; i++)
        rc = s->removed[i] ? store_doomed_removed(db, &s->all[i], orphans_forget_at(now), e)
                           : store_doomed_retry(db, s->all[i].key, now, e);
    return rc < 0 ? rc : 0;
}

/* *ret_count: how many were due, or 0 if the others had better wait for another round. */
static int remove_some(struct removal *r, struct arena *a, int64_t limit, int64_t *ret_count, struct err *e)
{
    struct settling s = {.core = r->core};
    int rc = store_doomed_due(r->reader, a, core_now(r->core), limit, &s.all, &s.count, e);
    *ret_count = s.count;
    if (rc == 0 && s.count > 0)
        rc = still_locked(r, e);
    if (rc <= 0) {
        *ret_count = 0;
        return rc;
    }
    int64_t removed = remove_files(r, a, &s);
    r->removed += removed;
    if (removed == 0 && s.count > HOPELESS) {
        s.count = HOPELESS;
        *ret_count = 0;
    }
    return writer_call(r->writer, settle, &s, e);
}

/* As long as there are some, and the round lasts: then others have their turn. */
static int remove_while(struct removal *r, struct removal_row *row, int64_t end, struct err *e)
{
    int64_t batch = core_settings(r->core)->sweep_batch;
    int64_t limit = batch < PIECE ? batch : PIECE;
    int64_t count = limit;
    int rc = 1;
    while (rc > 0 && count == limit && clock_monotonic() < end && !wants_stop(r)) {
        struct arena a = {0};
        rc = remove_some(r, &a, limit, &count, e);
        arena_free(&a);
        if (rc == 0)
            rc = lead(r, row, e);
    }
    if (rc > 0 && count == limit)
        r->more = true;
    return rc;
}

static int remove_doomed(struct removal *r, struct removal_row *row, struct err *e)
{
    int lock = -1;
    int rc = lock_files(r, &lock, e);
    if (rc >= 0)
        tell_of_refusal(r, rc == 0);
    if (rc <= 0)
        return rc;
    rc = remove_while(r, row, end_of(r, REMOVE_MS), e);
    unlock_files(r, lock);
    return rc;
}

/* --- what puts have left --- */

static int put_row(struct db *db, void *ctx, struct err *e)
{
    int rc = store_removal_put(db, ctx, e);
    return rc < 0 ? rc : 0;
}

/* What other processes have left that ended in the middle of a put. */
static int tidy(struct removal *r, struct removal_row *row, struct err *e)
{
    char text[24];
    int64_t count = 0;
    int64_t grace = core_settings(r->core)->orphan_grace * CLOCK_SECOND;
    if (!orphans_is_time(r->core, row->tidied_at))
        return 0;
    int rc = blob_tidy(r->core->blobs, clock_now() - grace, &count, e);
    (void)snprintf(text, sizeof text, "%lld", (long long)count);
    if (count > 0)
        log_line(LOG_WARN, "uploads that nobody went on with were given up",
                 (struct log_field[]){{"count", text}, {0}});
    r->removed += count;
    row->tidied_at = core_now(r->core);
    return rc < 0 ? rc : writer_call(r->writer, put_row, row, e);
}

/* --- rounds --- */

static int search(struct removal *r, struct removal_row *row, struct err *e)
{
    struct orphans_place at = {r->core, r->writer, r->reader, wants_stop, r};
    int rc = orphans_search(&at, row, end_of(r, SEARCH_MS), e);
    if (rc > 0)
        r->more = true;
    return rc;
}

typedef int part_fn(struct removal *r, struct removal_row *row, struct err *e);

/* Each as long as it is ours, and what fails keeps none of the others from its turn. */
static int do_all(struct removal *r, struct err *e)
{
    static part_fn *const parts[] = {search, remove_doomed, tidy};
    int first = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct removal_row row;
        struct err why;
        int rc = lead(r, &row, &why);
        if (rc > 0)
            rc = parts[i](r, &row, &why);
        if (rc < 0 && rc != ERR_BUSY && first == 0) {
            first = rc;
            *e = why;
        }
    }
    return first;
}

/* The claim is renewed also while the bytes are another's: it tells `adopt` that somebody works here. */
static int round_of(struct removal *r, struct err *e)
{
    struct removal_row row;
    r->more = false;
    if (!r->core->joined)
        return 0;
    int rc = sweep_may(r->core, r->reader, e);
    if (rc > 0 && lead(r, &row, e) < 0)
        return e->code;
    if (rc > 0)
        rc = instance_holds(r->core, r->reader, e);
    return rc > 0 ? do_all(r, e) : rc;
}

static void rest(struct removal *r)
{
    int64_t pause = core_settings(r->core)->sweep_interval * CLOCK_SECOND;
    if (r->more && pause > PAUSE)
        pause = PAUSE;
    int64_t until = clock_monotonic() + pause;
    (void)pthread_mutex_lock(&r->mutex);
    while (!r->stopping && wait_until(&r->wake, &r->mutex, until))
        ;
    (void)pthread_mutex_unlock(&r->mutex);
}

static void *work(void *arg)
{
    struct removal *r = arg;
    while (!wants_stop(r)) {
        struct err e;
        if (round_of(r, &e) < 0) {
            atomic_fetch_add(&r->core->counters.sweep_errors, 1);
            log_line(LOG_ERROR, "a round of removing files failed; it will be tried again",
                     (struct log_field[]){{"error", *e.log ? e.log : e.detail}, {0}});
        }
        rest(r);
    }
    return NULL;
}

static struct removal *make(struct core *core, struct writer *writer, struct db *reader,
                            const char *lock_path, const char *node)
{
    struct removal *r = mem_alloc(sizeof *r);
    *r = (struct removal){
        .core = core, .writer = writer, .reader = reader, .lock_path = mem_strdup(lock_path)};
    text_copy(r->node, sizeof r->node, node);
    wait_init(&r->wake);
    if (pthread_mutex_init(&r->mutex, NULL))
        abort();
    return r;
}

static void destroy(struct removal *r)
{
    (void)pthread_cond_destroy(&r->wake);
    (void)pthread_mutex_destroy(&r->mutex);
    free(r->lock_path);
    free(r);
}

struct removal *removal_new(struct core *core, struct writer *writer, struct db *reader,
                            const char *lock_path)
{
    unsigned char random[NODE_BYTES];
    char node[2 * NODE_BYTES + 1];
    id_random(random, sizeof random);
    text_hex(random, sizeof random, node);
    struct removal *r = make(core, writer, reader, lock_path, node);
    if (pthread_create(&r->thread, NULL, work, r))
        abort();
    (void)pthread_setname_np(r->thread, "removal");
    return r;
}

void removal_free(struct removal *r)
{
    struct err ignored;
    if (!r)
        return;
    (void)pthread_mutex_lock(&r->mutex);
    r->stopping = true;
    (void)pthread_cond_signal(&r->wake);
    (void)pthread_mutex_unlock(&r->mutex);
    (void)pthread_join(r->thread, NULL);
    if (db_is_remote(r->reader)) /* another node need not wait until its time is over */
        (void)writer_call(r->writer, release_row, r, &ignored);
    db_close(r->reader);
    destroy(r);
}

int64_t removal_round(struct core *core, struct writer *writer, struct db *reader, const char *lock_path,
                      struct err *e)
{
    struct removal *r = make(core, writer, reader, lock_path, "round");
    r->whole = true;
    int rc = round_of(r, e);
    int64_t removed = r->removed;
    destroy(r);
    return rc < 0 ? rc : removed;
}
