/* SPDX-License-Identifier: Apache-2.0 */
/* See usage.h. */
#include "core/usage.h"

#include "core/clocks.h"

int usage_get(struct session *s, struct usage *ret, struct err *e)
{
    return store_usage_get(s->db, s->actor.project, s->now, ret, e);
}

int usage_get_all(struct session *s, struct usage *ret, struct err *e)
{
    return store_usage_get(s->db, 0, s->now, ret, e);
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
