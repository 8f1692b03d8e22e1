/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See downloads.h. Counts are gathered in one table while another one, which nobody adds to, is written piece
 * by piece: a piece is passed over only when it is durable. The mutex covers the table that is gathered and
 * `writing`; while that is true, `written` belongs to the writer's thread.
 */
#include "core/downloads.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64, MOST_RESULTS = 1 << 16, PIECE = 200 };

/* Of a result, or of all of a project: then `result` is 0. */
struct tally {
    int64_t project, result;
    int64_t downloads, bytes;
    int64_t at; /* of the last one */
};

/* Open addressing; a place with project 0 is free. `room` is a power of two and twice the count at least. */
struct tallies {
    struct tally *places;
    size_t room, count;
};

struct downloads {
    struct writer_task task; /* first, so that one is the other */
    struct core *core;
    struct writer *writer;
    pthread_mutex_t mutex;
    struct tallies gathered;
    bool writing;
    int64_t due; /* monotonic */
    struct tallies written;
    size_t next; /* place of `written` up to which all is durable */
    size_t end;  /* of the piece under way */
};

/* --- counting --- */

static size_t place_of(const struct tallies *t, int64_t project, int64_t result)
{
    uint64_t mixed = ((uint64_t)result * 31 + (uint64_t)project) * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = (size_t)(mixed >> 32) & (t->room - 1);
    while (t->places[i].project && (t->places[i].project != project || t->places[i].result != result))
        i = (i + 1) & (t->room - 1);
    return i;
}

static void make_room(struct tallies *t)
{
    struct tallies larger = {.room = t->room ? 2 * t->room : FIRST_ROOM, .count = t->count};
    if (2 * (t->count + 1) <= t->room)
        return;
    larger.places = mem_alloc(larger.room * sizeof *larger.places);
    memset(larger.places, 0, larger.room * sizeof *larger.places);
    for (size_t i = 0; i < t->room; i++)
        if (t->places[i].project)
            larger.places[place_of(&larger, t->places[i].project, t->places[i].result)] = t->places[i];
    free(t->places);
    *t = larger;
}

/* Of more results than there may be only the project's sums are kept: memory has a bound. */
static void add(struct tallies *t, const struct tally *more)
{
    make_room(t);
    struct tally *to = &t->places[place_of(t, more->project, more->result)];
    if (!to->project && more->result && t->count >= MOST_RESULTS)
        return;
    if (!to->project) {
        *to = (struct tally){.project = more->project, .result = more->result};
        t->count++;
    }
    to->downloads += more->downloads;
    to->bytes += more->bytes;
    to->at = more->at;
}

void downloads_count(struct downloads *d, int64_t project, int64_t result, int64_t bytes, bool whole)
{
    struct tally of_project = {project, 0, whole, bytes, core_now(d->core)};
    struct tally of_result = {project, result, whole, 0, of_project.at};
    (void)pthread_mutex_lock(&d->mutex);
    add(&d->gathered, &of_project);
    if (whole)
        add(&d->gathered, &of_result);
    (void)pthread_mutex_unlock(&d->mutex);
}

/* --- writing --- */

static int write_tally(struct downloads *d, struct db *db, const struct tally *t, struct err *e)
{
    struct activity seen = {.downloads = t->downloads, .downloaded_bytes = t->bytes};
    if (t->result)
        return store_result_downloaded(db, t->result, t->downloads, t->at, e);
    return store_usage_downloaded(db, t->project, core_now(d->core), &seen, e);
}

/* Runs again if its transaction has to: so it starts at `next`, which only a commit moves. */
static int write_piece(struct db *db, void *ctx, struct err *e)
{
    struct downloads *d = ctx;
    int rc = 0;
    int rows = 0;
    for (d->end = d->next; rc == 0 && rows < PIECE && d->end < d->written.room; d->end++)
        if (d->written.places[d->end].project) {
            rc = write_tally(d, db, &d->written.places[d->end], e);
            rows++;
        }
    return rc;
}

static bool is_written(struct downloads *d)
{
    d->next = d->end;
    if (d->next < d->written.room)
        return false;
    free(d->written.places);
    d->written = (struct tallies){NULL, 0, 0};
    return true;
}

/* True: there is something to be written, and it is the caller who does. */
static bool take(struct downloads *d, bool wait_until_due)
{
    int64_t now = clock_monotonic();
    (void)pthread_mutex_lock(&d->mutex);
    bool mine = !d->writing && (!wait_until_due || now >= d->due);
    if (mine && !d->written.room) {
        d->written = d->gathered;
        d->gathered = (struct tallies){NULL, 0, 0};
        d->next = 0;
    }
    mine = mine && d->written.room;
    d->writing = d->writing || mine;
    if (mine)
        d->due = now + core_settings(d->core)->downloads_interval * CLOCK_SECOND;
    (void)pthread_mutex_unlock(&d->mutex);
    return mine;
}

static void rest(struct downloads *d)
{
    (void)pthread_mutex_lock(&d->mutex);
    d->writing = false;
    (void)pthread_mutex_unlock(&d->mutex);
}

static int run_task(struct writer_task *t, struct db *db, struct err *e)
{
    return write_piece(db, t, e);
}

/* What could not be written is tried again when the next is due. */
static void task_done(struct writer_task *t, int rc, const struct err *e)
{
    struct downloads *d = (struct downloads *)t;
    struct err busy;
    (void)e;
    if (rc < 0 || is_written(d) || writer_submit(d->writer, &d->task, &busy) < 0)
        rest(d);
}

void downloads_tick(struct downloads *d)
{
    struct err busy;
    if (take(d, true) && writer_submit(d->writer, &d->task, &busy) < 0)
        rest(d);
}

/* --- beginning and end --- */

struct downloads *downloads_new(struct core *core, struct writer *w)
{
    struct downloads *d = mem_alloc(sizeof *d);
    *d = (struct downloads){.core = core, .writer = w, .task = {.body = run_task, .done = task_done}};
    if (pthread_mutex_init(&d->mutex, NULL))
        abort();
    return d;
}

/* The task under way, if there is one, was submitted before: when the writer has run this, it is done. */
static int pass(struct db *db, void *ctx, struct err *e)
{
    (void)db;
    (void)ctx;
    (void)e;
    return 0;
}

static bool is_busy(struct downloads *d)
{
    (void)pthread_mutex_lock(&d->mutex);
    bool busy = d->writing;
    (void)pthread_mutex_unlock(&d->mutex);
    return busy;
}

static int write_all(struct downloads *d, struct err *e)
{
    int rc;
    do
        rc = writer_call(d->writer, write_piece, d, e);
    while (rc == 0 && !is_written(d));
    rest(d);
    return rc;
}

void downloads_free(struct downloads *d)
{
    struct err e;
    int rc = 0;
    if (!d)
        return;
    while (rc == 0 && is_busy(d))
        rc = writer_call(d->writer, pass, NULL, &e);
    while (rc == 0 && take(d, false))
        rc = write_all(d, &e);
    if (rc < 0)
        log_line(LOG_WARN, "the last downloads could not be counted",
                 (struct log_field[]){{"error", *e.log ? e.log : e.detail}, {0}});
    free(d->gathered.places);
    free(d->written.places);
    (void)pthread_mutex_destroy(&d->mutex);
    free(d);
}
