/* SPDX-License-Identifier: Apache-2.0 */
/* See sharing.h. The mutex covers both lists and `stopping`; the connection belongs to the thread. */
#include "core/sharing.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/wait.h"
#include "core/making.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_US = CLOCK_SECOND / 10, RENEWALS = 3, NODE_BYTES = 8 };

struct sharing {
    struct core *core;
    struct writer *writer;
    struct db *reader;
    char node[2 * NODE_BYTES + 1]; /* this process, and no later one in its place */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct sharing_claim *claims;
    struct sharing_wait *waits;
    bool stopping;
    int64_t renew_at; /* monotonic */
    pthread_t thread;
};

static int64_t lease(const struct sharing *s)
{
    return core_settings(s->core)->conversion_lease * CLOCK_SECOND;
}

/* --- renewing what is claimed --- */

struct renewing {
    struct sharing *sharing;
    struct arena arena;
    const char **tags;
    int count;
};

static int renew_rows(struct db *db, void *ctx, struct err *e)
{
    const struct renewing *r = ctx;
    int64_t till = core_now(r->sharing->core) + lease(r->sharing);
    int rc = 0;
    for (int i = 0; rc >= 0 && i < r->count; i++)
        rc = store_making_renew(db, r->tags[i], r->sharing->node, till, e);
    return rc < 0 ? rc : 0;
}

static void collect_tags(struct renewing *r)
{
    struct sharing *s = r->sharing;
    int n = 0;
    (void)pthread_mutex_lock(&s->mutex);
    for (struct sharing_claim *c = s->claims; c; c = c->next)
        n++;
    r->tags = arena_alloc(&r->arena, (size_t)n * sizeof *r->tags + 1);
    for (struct sharing_claim *c = s->claims; c; c = c->next)
        r->tags[r->count++] = arena_strdup(&r->arena, c->tag);
    (void)pthread_mutex_unlock(&s->mutex);
}

/* A failure is not the end: there are more renewals than one within a lease. */
static void renew(struct sharing *s)
{
    struct err ignored;
    struct renewing r = {.sharing = s};
    if (clock_monotonic() < s->renew_at)
        return;
    collect_tags(&r);
    if (r.count)
        (void)writer_call(s->writer, renew_rows, &r, &ignored);
    s->renew_at = clock_monotonic() + lease(s) / RENEWALS;
    arena_free(&r.arena);
}

/* --- waiting for what others have claimed --- */

static bool is_over(struct sharing *s, const struct sharing_wait *w, bool late)
{
    struct err ignored;
    return late || makings_stopping(s->core->makings) ||
           store_making_is_claimed(s->reader, w->tag, core_now(s->core), &ignored) == 0;
}

static void look(struct sharing *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    struct sharing_wait *all = s->waits;
    s->waits = NULL;
    (void)pthread_mutex_unlock(&s->mutex);
    for (struct sharing_wait *next; all; all = next) {
        bool late = clock_monotonic() >= all->until;
        next = all->next;
        if (is_over(s, all, late))
            all->over(all, late);
        else
            sharing_wait(s, all);
    }
}

static void tell_all(struct sharing_wait *all)
{
    for (struct sharing_wait *next; all; all = next) {
        next = all->next;
        all->over(all, false);
    }
}

static void rest(struct sharing *s)
{
    if (!s->claims && !s->waits) {
        (void)pthread_cond_wait(&s->wake, &s->mutex);
        return;
    }
    (void)wait_until(&s->wake, &s->mutex, clock_monotonic() + LOOK_US);
}

static void *work(void *arg)
{
    struct sharing *s = arg;
    (void)pthread_mutex_lock(&s->mutex);
    while (!s->stopping) {
        rest(s);
        (void)pthread_mutex_unlock(&s->mutex);
        renew(s);
        look(s);
        (void)pthread_mutex_lock(&s->mutex);
    }
    struct sharing_wait *left = s->waits;
    s->waits = NULL;
    (void)pthread_mutex_unlock(&s->mutex);
    tell_all(left);
    return NULL;
}

void sharing_wait(struct sharing *s, struct sharing_wait *w)
{
    (void)pthread_mutex_lock(&s->mutex);
    bool stopping = s->stopping;
    if (!stopping) {
        w->next = s->waits;
        s->waits = w;
        if (!w->next)
            (void)pthread_cond_signal(&s->wake);
    }
    (void)pthread_mutex_unlock(&s->mutex);
    if (stopping)
        w->over(w, false);
}

/* --- claiming --- */

struct claiming {
    struct sharing *sharing;
    struct sharing_claim *claim;
    bool anew;
    int outcome;
};

static int find_made(struct db *db, struct sharing_claim *c, struct err *e)
{
    struct arena a = {0};
    struct representation_row row;
    int rc = store_representation_get(db, &a, c->tag, &row, e);
    if (rc > 0) {
        text_copy(c->key, sizeof c->key, row.key);
        text_copy(c->sha256, sizeof c->sha256, row.sha256);
        c->size = row.size;
    }
    arena_free(&a);
    return rc;
}

static int claim_row(struct db *db, void *ctx, struct err *e)
{
    struct claiming *c = ctx;
    struct sharing *s = c->sharing;
    int64_t now = core_now(s->core);
    int rc = c->anew ? 0 : find_made(db, c->claim, e);
    c->outcome = SHARING_MADE;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = store_making_claim(db, c->claim->tag, s->node, now, now + lease(s), e);
    c->outcome = rc > 0 ? SHARING_OURS : SHARING_ELSEWHERE;
    return rc < 0 ? rc : 0;
}

int sharing_claim(struct sharing *s, struct sharing_claim *c, bool anew, struct err *e)
{
    struct claiming call = {.sharing = s, .claim = c, .anew = anew};
    int rc = writer_call(s->writer, claim_row, &call, e);
    if (rc < 0 || call.outcome != SHARING_OURS)
        return rc < 0 ? rc : call.outcome;
    (void)pthread_mutex_lock(&s->mutex);
    c->next = s->claims;
    s->claims = c;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->mutex);
    return SHARING_OURS;
}

int sharing_settle(struct sharing *s, const struct sharing_claim *c, struct db *db, struct err *e)
{
    return store_making_release(db, c->tag, s->node, e);
}

static int release_row(struct db *db, void *ctx, struct err *e)
{
    const struct claiming *c = ctx;
    return sharing_settle(c->sharing, c->claim, db, e);
}

/* A row that cannot be removed is good for as long as it was claimed. */
void sharing_end(struct sharing *s, struct sharing_claim *c, bool settled)
{
    struct err ignored;
    struct claiming call = {.sharing = s, .claim = c};
    (void)pthread_mutex_lock(&s->mutex);
    struct sharing_claim **link = &s->claims;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    (void)pthread_mutex_unlock(&s->mutex);
    if (!settled)
        (void)writer_call(s->writer, release_row, &call, &ignored);
}

/* --- the whole --- */

struct sharing *sharing_new(struct core *core, struct writer *writer, struct db *reader)
{
    unsigned char node[NODE_BYTES];
    struct sharing *s = mem_alloc(sizeof *s);
    *s = (struct sharing){.core = core, .writer = writer, .reader = reader};
    id_random(node, sizeof node);
    text_hex(node, sizeof node, s->node);
    wait_init(&s->wake);
    if (pthread_mutex_init(&s->mutex, NULL) || pthread_create(&s->thread, NULL, work, s))
        abort();
    (void)pthread_setname_np(s->thread, "sharing");
    return s;
}

void sharing_stop(struct sharing *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    bool first = !s->stopping;
    s->stopping = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->mutex);
    if (first)
        (void)pthread_join(s->thread, NULL);
}

void sharing_free(struct sharing *s)
{
    if (!s)
        return;
    sharing_stop(s);
    db_close(s->reader);
    (void)pthread_cond_destroy(&s->wake);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
}
