/* SPDX-License-Identifier: Apache-2.0 */
/* See usage.h. */
#include "core/usage.h"

#include "base/clock.h"
#include "core/clocks.h"

int usage_get(struct session *s, struct usage *ret, struct err *e)
{
    return store_usage_get(s->db, s->actor.project, s->now, ret, e);
}

int usage_get_all(struct session *s, struct usage *ret, struct err *e)
{
    return store_usage_get(s->db, 0, s->now, ret, e);
}

/* Spans in which nothing happened have no row: there is what there was before. */
static void fill_gaps(const struct usage_history *h, int64_t from, const struct usage *before,
                      const struct usage_span *seen, int64_t count)
{
    struct usage last = *before;
    int64_t next = 0;
    for (int64_t i = 0; i < h->count; i++) {
        int64_t at = from + i * h->step;
        bool there = next < count && seen[next].at == at;
        h->spans[i] = there ? seen[next++] : (struct usage_span){.at = at, .after = last};
        last = h->spans[i].after;
    }
}

int usage_history(struct session *s, int64_t hours, struct usage_history *ret, struct err *e)
{
    const int64_t hour = 3600 * CLOCK_SECOND;
    struct usage_history h = {.step = hours > USAGE_HOURLY ? 24 * hour : hour};
    struct usage before = {0};
    int64_t count = 0;
    h.count = (hours * hour + h.step - 1) / h.step;
    h.spans = arena_alloc(s->arena, (size_t)h.count * sizeof *h.spans);
    struct usage_span *seen = arena_alloc(s->arena, (size_t)h.count * sizeof *seen);
    int64_t from = s->now - s->now % h.step - (h.count - 1) * h.step;
    int rc = store_usage_before(s->db, s->actor.project, from, &before, e);
    if (rc >= 0)
        rc = store_usage_spans(s->db, s->actor.project, from, h.step, h.count, seen, &count, e);
    if (rc < 0)
        return rc;
    fill_gaps(&h, from, &before, seen, count);
    *ret = h;
    return usage_get(s, &h.spans[h.count - 1].after, e); /* what is due but not swept is expired now */
}

/* A clock that is wrong keeps nobody from answering: the time is the database's. */
static int look_at_clock(struct session *s, const char **ret_warning, struct err *e)
{
    int rc = clocks_compare(s->core, s->db, e);
    *ret_warning = rc == ERR_BUSY ? arena_strdup(s->arena, e->detail) : NULL;
    return rc == ERR_BUSY ? 0 : rc;
}

int usage_ready(struct session *s, const char **ret_warning, struct err *e)
{
    int64_t room;
    int rc = blob_room(s->core->blobs, &room, e);
    if (rc == 0 && room < core_settings(s->core)->disk_floor)
        rc = err_set(e, ERR_BUSY, "less disk space is free than disk_floor asks for");
    if (rc == 0 && atomic_load(&s->core->disowned))
        rc = err_set(e, ERR_BUSY,
                     "the bytes of this server are another database's by now; see: resultd adopt");
    if (rc == 0)
        rc = look_at_clock(s, ret_warning, e);
    return rc < 0 ? rc : store_heartbeat(s->db, s->now, e);
}
