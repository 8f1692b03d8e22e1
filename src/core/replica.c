/* SPDX-License-Identifier: Apache-2.0 */
/* See replica.h. The mutex covers `stopping`; the connection belongs to the thread. */
#include "core/replica.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BEAT_US = CLOCK_SECOND };

struct replica {
    struct core *core;
    struct writer *writer;
    const struct database *database;
    struct db *db;         /* NULL: not yet opened */
    atomic_llong shown_at; /* the newest beat that has arrived there; 0: it cannot be read */
    atomic_llong reads;
    atomic_int asking;
    int at_once;
    int told; /* the log: why it cannot be read, a code of err.def; 0: it can */
    atomic_bool foreign;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
    pthread_t thread;
};

static int beat(struct db *db, void *ctx, struct err *e)
{
    return store_heartbeat(db, core_now(ctx), e);
}

static int read_beat(struct replica *r, int64_t *ret, struct err *e)
{
    int rc = r->db ? 0 : database_open_reader(r->database, false, &r->db, e);
    return rc < 0 ? rc : store_heartbeat_get(r->db, ret, e);
}

/* Between another database and the right one it may be away for a while. */
static void tell(struct replica *r, int rc, const struct err *e)
{
    bool foreign = rc == ERR_MISMATCH;
    bool more = foreign ? r->told != ERR_MISMATCH : !r->told;
    if (rc < 0 && more && foreign)
        log_text(LOG_ERROR, "db_replica is no replica of this database, and is never asked; correct it");
    else if (rc < 0 && more)
        log_line(LOG_WARN, "the replica cannot be read; everything is asked of the database itself",
                 (struct log_field[]){{"error", *e->log ? e->log : e->detail}, {0}});
    if (rc == 0 && r->told)
        log_text(LOG_INFO, "the replica can be read again");
    if (rc == 0 || more)
        r->told = rc;
    if (rc == 0 || foreign)
        atomic_store(&r->foreign, foreign);
}

static void look(struct replica *r)
{
    struct err e;
    int64_t at = 0;
    (void)writer_call(r->writer, beat, r->core,
                      &e); /* without a beat the view grows old, which is the truth */
    int rc = read_beat(r, &at, &e);
    atomic_store(&r->shown_at, rc < 0 ? 0 : at);
    tell(r, rc < 0 ? rc : 0, &e);
}

static bool rest(struct replica *r)
{
    int64_t until = clock_monotonic() + BEAT_US;
    (void)pthread_mutex_lock(&r->mutex);
    if (!r->stopping)
        (void)wait_until(&r->wake, &r->mutex, until);
    bool goes_on = !r->stopping;
    (void)pthread_mutex_unlock(&r->mutex);
    return goes_on;
}

static void *work(void *arg)
{
    struct replica *r = arg;
    do
        look(r);
    while (rest(r));
    return NULL;
}

struct replica *replica_new(struct core *core, struct writer *writer, const struct database *d, int at_once)
{
    struct replica *r = mem_alloc(sizeof *r);
    *r = (struct replica){.core = core, .writer = writer, .database = d, .at_once = at_once};
    wait_init(&r->wake);
    if (pthread_mutex_init(&r->mutex, NULL) || pthread_create(&r->thread, NULL, work, r))
        abort();
    (void)pthread_setname_np(r->thread, "replica");
    return r;
}

static int64_t age(struct replica *r)
{
    int64_t at = atomic_load(&r->shown_at);
    return at ? core_now(r->core) - at : -1;
}

bool replica_shows(struct replica *r, int64_t seconds)
{
    int64_t old = age(r);
    return old >= 0 && old <= seconds * CLOCK_SECOND;
}

bool replica_begin(struct replica *r)
{
    bool room = atomic_fetch_add(&r->asking, 1) < r->at_once;
    if (!room)
        atomic_fetch_sub(&r->asking, 1);
    return room;
}

void replica_end(struct replica *r, int rc)
{
    atomic_fetch_sub(&r->asking, 1);
    if (rc >= 0)
        atomic_fetch_add(&r->reads, 1);
    else if (rc == ERR_MISMATCH || err_status(rc) >= 500)
        atomic_store(&r->shown_at, 0);
}

void replica_stats(struct replica *r, struct replica_stats *ret)
{
    *ret = (struct replica_stats){
        .age = age(r), .reads = atomic_load(&r->reads), .foreign = atomic_load(&r->foreign)};
}

void replica_free(struct replica *r)
{
    if (!r)
        return;
    (void)pthread_mutex_lock(&r->mutex);
    r->stopping = true;
    (void)pthread_cond_signal(&r->wake);
    (void)pthread_mutex_unlock(&r->mutex);
    (void)pthread_join(r->thread, NULL);
    db_close(r->db);
    (void)pthread_cond_destroy(&r->wake);
    (void)pthread_mutex_destroy(&r->mutex);
    free(r);
}
