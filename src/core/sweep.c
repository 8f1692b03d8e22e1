/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweeper; see sweep.h. Its own thread decides and removes files, the writer's thread changes rows. The
 * mutex covers only the wish to stop.
 */
#include "core/sweep.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/event.h"
#include "core/job.h"
#include "core/pending.h"
#include "core/result.h"
#include "core/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { MAX_BAD = 1000, ORPHAN_MS_PER_ROUND = 200 };

struct sweeper {
    struct core *core;
    struct writer *writer;
    struct db *reader;
    char *lock_path;
    int64_t orphans_at; /* monotonic: not before this does it look for them again */
    int next_part;      /* of the blobs, where the search for orphans goes on */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
};

/* One step in the writer. Rows that failed are kept in `bad`, so that a step does not stumble over them
 * again. */
struct step {
    struct sweeper *sweeper;
    int (*body)(struct step *st, struct session *s, struct err *e);
    int64_t bad[MAX_BAD];
    int bad_count;
    int64_t done; /* rows changed by this step */
    bool more;    /* there was as much as a step takes */
    const char **keys;
    bool *removed;
    int64_t key_count;
};

static bool is_bad(const struct step *st, int64_t pk)
{
    for (int i = 0; i < st->bad_count; i++)
        if (st->bad[i] == pk)
            return true;
    return false;
}

static int run_step(struct db *db, void *ctx, struct err *e)
{
    struct step *st = ctx;
    struct arena a = {0};
    struct session s = {.core = st->sweeper->core, .db = db, .arena = &a, .now = clock_now()};
    st->done = 0;
    st->more = false;
    int rc = st->body(st, &s, e);
    arena_free(&a);
    return rc;
}

/* A row in a savepoint of its own: its failure undoes it alone. */
struct row_call {
    struct session *s;
    int (*handle)(struct session *s, void *row, struct err *e);
    void *row;
};

static int call_row(struct db *db, void *ctx, struct err *e)
{
    struct row_call *c = ctx;
    (void)db;
    return c->handle(c->s, c->row, e);
}

static int handle_row(struct step *st, struct session *s, int64_t pk, const char *id,
                      int (*handle)(struct session *s, void *row, struct err *e), void *row, struct err *e)
{
    struct row_call c = {s, handle, row};
    bool broken;
    int rc = db_nested(s->db, call_row, &c, &broken, e);
    if (broken)
        return rc < 0 ? rc : ERR_DB;
    if (rc >= 0) {
        st->done++;
        return 0;
    }
    atomic_fetch_add(&s->core->counters.sweep_errors, 1);
    log_line(LOG_ERROR, "the sweeper cannot handle a row; it goes on with the others",
             (struct log_field[]){{"id", id}, {"error", *e->log ? e->log : e->detail}, {0}});
    if (st->bad_count < MAX_BAD)
        st->bad[st->bad_count++] = pk;
    return 0;
}

static int expire_row(struct session *s, void *row, struct err *e)
{
    return result_expire(s, row, e);
}

static int expire_step(struct step *st, struct session *s, struct err *e)
{
    struct result *r = NULL;
    int64_t limit = core_settings(s->core)->sweep_batch + st->bad_count;
    int64_t seen = 0;
    int rc = store_result_due(s->db, s->arena, s->now, limit, &r, e);
    for (; rc == 0 && r; r = r->next, seen++)
        if (!is_bad(st, r->pk))
            rc = handle_row(st, s, r->pk, r->id, expire_row, r, e);
    st->more = seen == limit;
    return rc;
}

static int purge_result(struct session *s, void *row, struct err *e)
{
    return result_remove(s, row, e);
}

static int64_t trash_limit(const struct session *s)
{
    return s->now - core_settings(s->core)->trash_ttl * CLOCK_SECOND;
}

static int purge_results_step(struct step *st, struct session *s, struct err *e)
{
    struct result *r = NULL;
    int64_t limit = core_settings(s->core)->sweep_batch + st->bad_count;
    int64_t seen = 0;
    int rc = store_result_purgeable(s->db, s->arena, trash_limit(s), limit, &r, e);
    for (; rc == 0 && r; r = r->next, seen++)
        if (!is_bad(st, r->pk))
            rc = handle_row(st, s, r->pk, r->id, purge_result, r, e);
    st->more = seen == limit;
    return rc;
}

static int purge_job(struct session *s, void *row, struct err *e)
{
    struct job *j = row;
    int rc = store_job_remove(s->db, j->pk, e);
    return rc < 0 ? rc : event_of_job(s, j, "purged", e);
}

static int purge_jobs_step(struct step *st, struct session *s, struct err *e)
{
    struct job *j = NULL;
    int64_t limit = core_settings(s->core)->sweep_batch + st->bad_count;
    int64_t seen = 0;
    int rc = store_job_purgeable(s->db, s->arena, trash_limit(s), limit, &j, e);
    for (; rc == 0 && j; j = j->next, seen++)
        if (!is_bad(st, j->pk))
            rc = handle_row(st, s, j->pk, j->id, purge_job, j, e);
    st->more = seen == limit;
    return rc;
}

static int lapse_row(struct session *s, void *row, struct err *e)
{
    return job_lapse(s, row, e);
}

static int lapse_step(struct step *st, struct session *s, struct err *e)
{
    struct job *j = NULL;
    int64_t limit = core_settings(s->core)->sweep_batch + st->bad_count;
    int64_t seen = 0;
    int rc = store_job_lapsed(s->db, s->arena, 0, s->now, limit, &j, e);
    for (; rc == 0 && j; j = j->next, seen++)
        if (!is_bad(st, j->pk))
            rc = handle_row(st, s, j->pk, j->id, lapse_row, j, e);
    st->more = seen == limit;
    return rc;
}

static int prune_step(struct step *st, struct session *s, struct err *e)
{
    const struct settings *set = core_settings(s->core);
    int64_t events = 0;
    int rc =
        store_event_prune(s->db, s->now - set->events_ttl * CLOCK_SECOND, 10 * set->sweep_batch, &events, e);
    if (rc == 0)
        rc = store_link_prune(s->db, s->now - CLOCK_SECOND, set->sweep_batch, e);
    if (rc == 0)
        rc = store_signing_prune(s->db, s->now - (int64_t)SIGN_LONGEST * CLOCK_SECOND, e);
    st->more = events == 10 * set->sweep_batch;
    return rc;
}

static int settle_files_step(struct step *st, struct session *s, struct err *e)
{
    int rc = 0;
    for (int64_t i = 0; rc >= 0 && i < st->key_count; i++)
        rc = st->removed[i] ? store_doomed_remove(s->db, st->keys[i], e)
                            : store_doomed_retry(s->db, st->keys[i], s->now, e);
    return rc < 0 ? rc : 0;
}

static bool wants_stop(struct sweeper *sw)
{
    (void)pthread_mutex_lock(&sw->mutex);
    bool stop = sw->stopping;
    (void)pthread_mutex_unlock(&sw->mutex);
    return stop;
}

/* Repeats a step until it finds no full batch any more. */
static int run_steps(struct sweeper *sw, int (*body)(struct step *, struct session *, struct err *),
                     atomic_llong *counter, int64_t *total, struct err *e)
{
    struct step *st = calloc(1, sizeof *st);
    int rc = st ? 0 : err_set(e, ERR_INTERNAL, "memory is out");
    while (rc == 0) {
        st->sweeper = sw;
        st->body = body;
        rc = writer_call(sw->writer, run_step, st, e);
        if (rc == 0) {
            *total += st->done;
            if (counter)
                atomic_fetch_add(counter, st->done);
        }
        if (!st->more || st->bad_count == MAX_BAD || wants_stop(sw))
            break;
    }
    free(st);
    return rc;
}

/* -1: a backup is being made, files must stay. */
static int lock_files(const struct sweeper *sw)
{
    int fd = open(sw->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static bool remove_file(struct sweeper *sw, const char *key)
{
    struct err e;
    if (blob_remove(sw->core->blobs, key, &e) == 0) {
        atomic_fetch_add(&sw->core->counters.blobs_removed, 1);
        return true;
    }
    atomic_fetch_add(&sw->core->counters.sweep_errors, 1);
    log_line(LOG_ERROR, "the sweeper cannot remove a file; it will try again",
             (struct log_field[]){{"key", key}, {"error", e.log}, {0}});
    return false;
}

/* Files whose rows have let go of them. */
static int remove_some_doomed(struct sweeper *sw, struct arena *a, int64_t limit, int64_t *ret_count,
                              int64_t *total, struct err *e)
{
    struct step st = {.sweeper = sw, .body = settle_files_step};
    int rc = store_doomed_due(sw->reader, a, clock_now(), limit, &st.keys, &st.key_count, e);
    *ret_count = st.key_count;
    if (rc < 0 || st.key_count == 0)
        return rc;
    st.removed = arena_alloc(a, (size_t)st.key_count * sizeof *st.removed);
    for (int64_t i = 0; i < st.key_count; i++) {
        st.removed[i] = remove_file(sw, st.keys[i]);
        *total += st.removed[i];
    }
    return writer_call(sw->writer, run_step, &st, e);
}

static int remove_doomed(struct sweeper *sw, int64_t *total, struct err *e)
{
    int64_t limit = core_settings(sw->core)->sweep_batch;
    int64_t count = limit;
    int rc = 0;
    while (rc == 0 && count == limit && !wants_stop(sw)) {
        struct arena a = {0};
        rc = remove_some_doomed(sw, &a, limit, &count, total, e);
        arena_free(&a);
    }
    return rc;
}

struct orphan_search {
    struct sweeper *sweeper;
    int64_t before;
    int64_t found;
};

/*
 * First "is it being committed", then "is there a row": in this order a blob that gets its row in between is
 * seen by one of them.
 */
static int look_at_file(void *ctx, const struct blob_entry *entry, struct err *e)
{
    struct orphan_search *search = ctx;
    struct sweeper *sw = search->sweeper;
    if (entry->since > search->before || pending_has(sw->core->pending, entry->key))
        return 0;
    int rc = store_result_has_blob(sw->reader, entry->key, e);
    if (rc == 0)
        rc = store_doomed_has(sw->reader, entry->key, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (remove_file(sw, entry->key)) {
        search->found++;
        atomic_fetch_add(&sw->core->counters.orphans, 1);
        log_line(LOG_WARN, "a file without a row was removed",
                 (struct log_field[]){{"key", entry->key}, {0}});
    }
    return 0;
}

/* Part by part until all are seen or the time for one round is over; the next round goes on from there. */
static int remove_orphans(struct sweeper *sw, int64_t milliseconds, int64_t *total, struct err *e)
{
    int64_t until = clock_monotonic() + milliseconds * 1000;
    int64_t grace = core_settings(sw->core)->orphan_grace * CLOCK_SECOND;
    struct orphan_search search = {.sweeper = sw, .before = clock_now() - grace};
    int rc = 0;
    for (int i = 0; rc == 0 && i < sw->core->blobs->ops->parts && !wants_stop(sw); i++) {
        rc = blob_list(sw->core->blobs, sw->next_part, look_at_file, &search, e);
        sw->next_part = (sw->next_part + 1) % sw->core->blobs->ops->parts;
        if (clock_monotonic() > until)
            break;
    }
    *total += search.found;
    return rc;
}

static int round_of(struct sweeper *sw, int64_t orphan_ms, int64_t *total, struct err *e)
{
    int rc = run_steps(sw, lapse_step, &sw->core->counters.lapsed, total, e);
    if (rc == 0)
        rc = run_steps(sw, expire_step, &sw->core->counters.expired, total, e);
    if (rc == 0)
        rc = run_steps(sw, purge_results_step, &sw->core->counters.purged, total, e);
    if (rc == 0)
        rc = run_steps(sw, purge_jobs_step, NULL, total, e);
    if (rc == 0)
        rc = run_steps(sw, prune_step, NULL, total, e);
    int lock = rc == 0 ? lock_files(sw) : -1;
    if (lock >= 0) {
        rc = remove_doomed(sw, total, e);
        if (rc == 0 && clock_monotonic() >= sw->orphans_at) {
            rc = remove_orphans(sw, orphan_ms, total, e);
            sw->orphans_at = clock_monotonic() + core_settings(sw->core)->sweep_interval * CLOCK_SECOND;
        }
        (void)close(lock);
    }
    atomic_fetch_add(&sw->core->counters.sweeps, 1);
    return rc;
}

/* Until the interval is over, or the next result or lease is due, whichever comes first. */
static void rest(struct sweeper *sw)
{
    struct err e;
    struct timespec until;
    int64_t now = clock_now();
    int64_t next = now + core_settings(sw->core)->sweep_interval * CLOCK_SECOND;
    int64_t due = 0;
    if (store_result_next_due(sw->reader, &due, &e) == 0 && due > now && due < next)
        next = due;
    if (store_job_next_lapse(sw->reader, &due, &e) == 0 && due > now && due < next)
        next = due;
    until.tv_sec = next / CLOCK_SECOND;
    until.tv_nsec = next % CLOCK_SECOND * 1000;
    (void)pthread_mutex_lock(&sw->mutex);
    while (!sw->stopping && pthread_cond_timedwait(&sw->wake, &sw->mutex, &until) != ETIMEDOUT)
        ;
    (void)pthread_mutex_unlock(&sw->mutex);
}

static void *work(void *arg)
{
    struct sweeper *sw = arg;
    while (!wants_stop(sw)) {
        struct err e;
        int64_t total = 0;
        if (round_of(sw, ORPHAN_MS_PER_ROUND, &total, &e) < 0) {
            atomic_fetch_add(&sw->core->counters.sweep_errors, 1);
            log_line(LOG_ERROR, "a round of the sweeper failed; it will try again",
                     (struct log_field[]){{"error", *e.log ? e.log : e.detail}, {0}});
        }
        rest(sw);
    }
    return NULL;
}

static struct sweeper *make(struct core *core, struct writer *writer, struct db *reader,
                            const char *lock_path)
{
    struct sweeper *sw = mem_alloc(sizeof *sw);
    *sw = (struct sweeper){
        .core = core, .writer = writer, .reader = reader, .lock_path = mem_strdup(lock_path)};
    if (pthread_mutex_init(&sw->mutex, NULL) || pthread_cond_init(&sw->wake, NULL))
        abort();
    return sw;
}

static void destroy(struct sweeper *sw)
{
    (void)pthread_cond_destroy(&sw->wake);
    (void)pthread_mutex_destroy(&sw->mutex);
    free(sw->lock_path);
    free(sw);
}

struct sweeper *sweeper_new(struct core *core, struct writer *writer, struct db *reader,
                            const char *lock_path)
{
    struct sweeper *sw = make(core, writer, reader, lock_path);
    if (pthread_create(&sw->thread, NULL, work, sw))
        abort();
    (void)pthread_setname_np(sw->thread, "sweeper");
    return sw;
}

void sweeper_free(struct sweeper *sw)
{
    if (!sw)
        return;
    (void)pthread_mutex_lock(&sw->mutex);
    sw->stopping = true;
    (void)pthread_cond_signal(&sw->wake);
    (void)pthread_mutex_unlock(&sw->mutex);
    (void)pthread_join(sw->thread, NULL);
    db_close(sw->reader);
    destroy(sw);
}

int64_t sweep_round(struct core *core, struct writer *writer, struct db *reader, const char *lock_path,
                    struct err *e)
{
    struct sweeper *sw = make(core, writer, reader, lock_path);
    int64_t total = 0;
    int rc = round_of(sw, INT32_MAX, &total, e);
    destroy(sw);
    return rc < 0 ? rc : total;
}
