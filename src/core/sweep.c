/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweeper; see sweep.h. Its own thread decides, the writer's thread changes rows. The mutex covers only
 * the wish to stop.
 */
#include "core/sweep.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"
#include "core/clocks.h"
#include "core/event.h"
#include "core/job.h"
#include "core/result.h"
#include "core/sign.h"

#include <pthread.h>
#include <stdlib.h>

enum { MAX_BAD = 1000 };

struct sweeper {
    struct core *core;
    struct writer *writer;
    struct db *reader;
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
    struct session s = {.core = st->sweeper->core, .db = db, .arena = &a, .now = core_now(st->sweeper->core)};
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
        rc = store_making_prune(s->db, s->now - CLOCK_SECOND, set->sweep_batch, e);
    if (rc == 0)
        rc = store_signing_prune(s->db, s->now - (int64_t)(SIGN_LONGEST + 1) * CLOCK_SECOND, e);
    if (rc == 0)
        rc = store_usage_prune(s->db, s->now - set->usage_history_ttl * CLOCK_SECOND, set->sweep_batch, e);
    st->more = events == 10 * set->sweep_batch;
    return rc;
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

/*
 * While its data are being moved elsewhere, or once they were, a server changes nothing: the rows cannot be
 * changed, and its files may by now have rows in another database. Nor does one that they are being moved to,
 * as one that began just before the move may be: of files that have come their rows are still to come.
 */
static int is_moved(struct db *reader, struct err *e)
{
    struct relocation r;
    int rc = store_relocation_get(reader, &r, e);
    return rc > 0 ? r.role != RELOCATION_ARRIVED : rc;
}

int sweep_may(struct core *core, struct db *reader, struct err *e)
{
    struct err why;
    int rc = clocks_compare(core, reader, &why);
    if (rc == 0)
        rc = is_moved(reader, &why);
    if (rc < 0 && rc != ERR_BUSY)
        *e = why;
    return rc == 0 ? 1 : rc < 0 && rc != ERR_BUSY ? rc : 0;
}

static int round_of(struct sweeper *sw, int64_t *total, struct err *e)
{
    int rc = sweep_may(sw->core, sw->reader, e);
    if (rc <= 0)
        return rc;
    rc = run_steps(sw, lapse_step, &sw->core->counters.lapsed, total, e);
    if (rc == 0)
        rc = run_steps(sw, expire_step, &sw->core->counters.expired, total, e);
    if (rc == 0)
        rc = run_steps(sw, purge_results_step, &sw->core->counters.purged, total, e);
    if (rc == 0)
        rc = run_steps(sw, purge_jobs_step, NULL, total, e);
    if (rc == 0)
        rc = run_steps(sw, prune_step, NULL, total, e);
    atomic_fetch_add(&sw->core->counters.sweeps, 1);
    return rc;
}

/* Until the interval is over, or the next result or lease is due, whichever comes first. */
static void rest(struct sweeper *sw)
{
    struct err e;
    int64_t now = core_now(sw->core);
    int64_t next = now + core_settings(sw->core)->sweep_interval * CLOCK_SECOND;
    int64_t due = 0;
    if (store_result_next_due(sw->reader, &due, &e) == 0 && due > now && due < next)
        next = due;
    if (store_job_next_lapse(sw->reader, &due, &e) == 0 && due > now && due < next)
        next = due;
    int64_t until = clock_monotonic() + next - now;
    (void)pthread_mutex_lock(&sw->mutex);
    while (!sw->stopping && wait_until(&sw->wake, &sw->mutex, until))
        ;
    (void)pthread_mutex_unlock(&sw->mutex);
}

static void *work(void *arg)
{
    struct sweeper *sw = arg;
    while (!wants_stop(sw)) {
        struct err e;
        int64_t total = 0;
        if (round_of(sw, &total, &e) < 0) {
            atomic_fetch_add(&sw->core->counters.sweep_errors, 1);
            log_line(LOG_ERROR, "a round of the sweeper failed; it will try again",
                     (struct log_field[]){{"error", *e.log ? e.log : e.detail}, {0}});
        }
        rest(sw);
    }
    return NULL;
}

static struct sweeper *make(struct core *core, struct writer *writer, struct db *reader)
{
    struct sweeper *sw = mem_alloc(sizeof *sw);
    *sw = (struct sweeper){.core = core, .writer = writer, .reader = reader};
    wait_init(&sw->wake);
    if (pthread_mutex_init(&sw->mutex, NULL))
        abort();
    return sw;
}

static void destroy(struct sweeper *sw)
{
    (void)pthread_cond_destroy(&sw->wake);
    (void)pthread_mutex_destroy(&sw->mutex);
    free(sw);
}

struct sweeper *sweeper_new(struct core *core, struct writer *writer, struct db *reader)
{
    struct sweeper *sw = make(core, writer, reader);
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

int64_t sweep_round(struct core *core, struct writer *writer, struct db *reader, struct err *e)
{
    struct sweeper *sw = make(core, writer, reader);
    int64_t total = 0;
    int rc = round_of(sw, &total, e);
    destroy(sw);
    return rc < 0 ? rc : total;
}
