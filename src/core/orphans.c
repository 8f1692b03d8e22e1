/* SPDX-License-Identifier: Apache-2.0 */
/* See orphans.h. The removal's thread searches; the writer's notes, dooms and refuses. */
#include "core/orphans.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY (86400 * CLOCK_SECOND)

/*
 * What is longer on its way to its row than GIVE_UP is refused; what was doomed is forgotten much later. So
 * each row comes at a time when it is still known whether its blob was doomed.
 */
#define GIVE_UP (1 * DAY)
#define FORGET  (7 * DAY)

/* So many are held in the table: then those that are old enough go first. */
enum { MOST_NOTED = 100000 };

int64_t orphans_forget_at(int64_t now)
{
    return now + FORGET;
}

int orphans_refuse(struct db *db, const char *key, int64_t since, struct err *e)
{
    int rc = clock_boot() - since > GIVE_UP ? 1 : store_doomed_has(db, key, e);
    if (rc == 0)
        return 0;
    return rc < 0
               ? rc
               : err_operator(
                     e, ERR_STORAGE,
                     "it took too long to record what was sent, and it was given up; send it again",
                     "blob %s was doomed as an orphan before it had its row: orphan_grace is too short", key);
}

bool orphans_is_time(struct core *core, int64_t done_at)
{
    const struct settings *set = core_settings(core);
    int64_t now = core_now(core);
    int64_t wait = set->orphan_grace / 4 > set->sweep_interval ? set->orphan_grace / 4 : set->sweep_interval;
    return done_at > now || now - done_at >= wait * CLOCK_SECOND;
}

int orphans_held(struct session *s, int64_t *ret, struct err *e)
{
    struct removal_row r;
    int rc = store_removal_get(s->db, &r, e);
    if (rc == 0)
        *ret = r.held;
    return rc;
}

/* --- one slice --- */

struct slice {
    const struct orphans_place *at;
    struct removal_row *r;
    int64_t until; /* monotonic */
    char keys[STORE_KEYS_MOST][ID_SIZE];
    int count;
    bool whole;     /* all blobs have been seen */
    int64_t doomed; /* so many by this slice */
};

/* What is done to the database: in a transaction of the writer, with the row of whoever may do it. */
struct change {
    const struct slice *slice;
    struct store_keys keys;
    int64_t before, looked_at, doomed;
};

static int put_row(struct db *db, const struct removal_row *r, struct err *e)
{
    int rc = store_removal_put(db, r, e);
    return rc == 0 ? err_set(e, ERR_BUSY, "another node removes files now") : rc < 0 ? rc : 0;
}

static int note_keys(struct db *db, void *ctx, struct err *e)
{
    const struct change *c = ctx;
    int rc = c->keys.count
                 ? store_orphan_note(db, &c->keys, core_now(c->slice->at->core), c->slice->r->begun_at, e)
                 : 0;
    return rc < 0 ? rc : put_row(db, c->slice->r, e);
}

static int find_unclaimed(const struct slice *s, struct arena *a, struct store_keys *ret, struct err *e)
{
    const char **all = arena_alloc(a, sizeof *all * STORE_KEYS_MOST);
    const char **found = arena_alloc(a, sizeof *found * STORE_KEYS_MOST);
    for (int i = 0; i < s->count; i++)
        all[i] = s->keys[i];
    ret->keys = found;
    return store_unclaimed(s->at->reader, a, &(struct store_keys){all, s->count}, found, &ret->count, e);
}

static int look_at_keys(struct slice *s, struct err *e)
{
    struct arena a = {0};
    struct change c = {.slice = s};
    int rc = s->count ? find_unclaimed(s, &a, &c.keys, e) : 0;
    s->r->seen += s->count;
    if (rc == 0 && s->count)
        text_copy(s->r->after, sizeof s->r->after, s->keys[s->count - 1]);
    if (rc == 0 && c.keys.count) /* else how far it has come is written at the end of the slice */
        rc = writer_call(s->at->writer, note_keys, &c, e);
    s->count = 0;
    arena_free(&a);
    return rc;
}

static bool is_over(const struct slice *s)
{
    return clock_monotonic() > s->until || s->at->wants_stop(s->at->ctx);
}

static int take_blob(void *ctx, const struct blob_entry *entry, struct err *e)
{
    struct slice *s = ctx;
    if (entry->stray)
        return 0;
    text_copy(s->keys[s->count++], ID_SIZE, entry->key);
    if (s->count < STORE_KEYS_MOST)
        return 0;
    int rc = look_at_keys(s, e);
    return rc < 0 ? rc : is_over(s);
}

/* 1: there are more parts. */
static int list_parts(struct slice *s, struct err *e)
{
    struct blob_store *blobs = s->at->core->blobs;
    int rc = 0;
    while (rc == 0 && s->r->part < blobs->ops->parts && !is_over(s)) {
        rc = blob_list(blobs, (int)s->r->part, s->r->after, take_blob, s, e);
        if (rc != 0)
            break;
        rc = look_at_keys(s, e);
        if (rc == 0) {
            s->r->part++;
            s->r->after[0] = '\0';
        }
    }
    return rc < 0 ? rc : s->r->part < blobs->ops->parts;
}

/* --- the end of a search --- */

static int doom_some(struct db *db, void *ctx, struct err *e)
{
    struct change *c = ctx;
    int64_t limit = core_settings(c->slice->at->core)->sweep_batch;
    int64_t most = limit < STORE_KEYS_MOST ? limit : STORE_KEYS_MOST;
    int rc = store_orphan_doom(db, c->before, core_now(c->slice->at->core), most, &c->looked_at, e);
    c->doomed += c->looked_at;
    if (rc == 0 && c->looked_at < most)
        c->looked_at = 0; /* that was the rest */
    return rc < 0 ? rc : put_row(db, c->slice->r, e);
}

static int doom_the_old(struct slice *s, struct err *e)
{
    int64_t grace = core_settings(s->at->core)->orphan_grace * CLOCK_SECOND;
    struct change c = {.slice = s, .before = core_now(s->at->core) - grace, .looked_at = 1};
    int rc = 0;
    while (rc == 0 && c.looked_at && !s->at->wants_stop(s->at->ctx))
        rc = writer_call(s->at->writer, doom_some, &c, e);
    s->doomed = c.doomed;
    return rc;
}

static void tell_of_held(const struct slice *s, int64_t found)
{
    char many[24];
    char all[24];
    (void)snprintf(many, sizeof many, "%lld", (long long)found);
    (void)snprintf(all, sizeof all, "%lld", (long long)s->r->seen);
    log_line(LOG_ERROR,
             "more files have no row than is plausible, and none of them is removed: see whether this is the "
             "right database, and not an old copy; if they are garbage, raise orphan_limit",
             (struct log_field[]){{"orphans", many}, {"files", all}, {0}});
}

static bool is_implausible(const struct slice *s, int64_t found)
{
    return found > core_settings(s->at->core)->orphan_limit && found > s->r->seen / 2;
}

static int forget_gone(struct db *db, void *ctx, struct err *e)
{
    const struct change *c = ctx;
    return store_orphan_forget(db, c->slice->r->begun_at, e);
}

enum { NO_SEARCH = 0 };

/* What was noted by a search that is held before it has seen all is forgotten: else there would be no room
 * for what the next one finds, which may see that it is the right database by now, or that they are fewer. */
static int finish(struct db *db, void *ctx, struct err *e)
{
    const struct change *c = ctx;
    struct removal_row next = *c->slice->r;
    int rc = c->slice->whole ? 0 : store_orphan_forget(db, NO_SEARCH, e);
    if (rc < 0)
        return rc;
    next.begun_at = next.part = next.seen = 0;
    next.after[0] = '\0';
    next.searched_at = core_now(c->slice->at->core);
    return put_row(db, &next, e);
}

static int decide(struct slice *s, int64_t found, struct err *e)
{
    bool held = is_implausible(s, found);
    s->r->held = held ? found : 0;
    s->r->held_of = held ? s->r->seen : 0;
    if (!held)
        return doom_the_old(s, e);
    tell_of_held(s, found);
    return 0;
}

/* All blobs have been seen, or as many orphans as are noted at once: then it goes on when they have gone. */
static int judge(struct slice *s, struct err *e)
{
    struct change c = {.slice = s};
    int64_t found = 0;
    int rc = s->whole ? writer_call(s->at->writer, forget_gone, &c, e) : 0;
    if (rc == 0)
        rc = store_orphan_count(s->at->reader, &found, e);
    if (rc == 0)
        rc = decide(s, found, e);
    if (rc < 0 || (!s->whole && !s->r->held))
        return rc < 0 ? rc : s->doomed > 0; /* else none is old enough yet */
    rc = writer_call(s->at->writer, finish, &c, e);
    atomic_fetch_add(&s->at->core->counters.orphan_searches, rc == 0);
    return rc;
}

/* 1: it is under way. */
static int run(struct slice *s, struct err *e)
{
    struct change c = {.slice = s};
    int64_t noted = 0;
    int rc = store_orphan_count(s->at->reader, &noted, e);
    if (rc < 0 || noted >= MOST_NOTED)
        return rc < 0 ? rc : judge(s, e);
    int more = list_parts(s, e);
    rc = more < 0 ? more : writer_call(s->at->writer, note_keys, &c, e);
    if (rc < 0 || more)
        return rc < 0 ? rc : 1;
    s->whole = true;
    return judge(s, e);
}

int orphans_search(const struct orphans_place *at, struct removal_row *r, int64_t end, struct err *e)
{
    if (!r->begun_at && !orphans_is_time(at->core, r->searched_at))
        return 0;
    struct slice *s = mem_alloc(sizeof *s);
    *s = (struct slice){.at = at, .r = r, .until = end};
    if (!r->begun_at)
        r->begun_at = core_now(at->core);
    int rc = run(s, e);
    free(s);
    return rc;
}
