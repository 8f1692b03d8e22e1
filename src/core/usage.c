/* SPDX-License-Identifier: Apache-2.0 */
/* See usage.h. */
#include "core/usage.h"

int usage_get(struct session *s, struct usage *ret, struct err *e)
{
    return store_usage_get(s->db, s->actor.project, s->now, ret, e);
}

int usage_get_all(struct session *s, struct usage *ret, struct err *e)
{
    return store_usage_get(s->db, 0, s->now, ret, e);
}

int usage_heartbeat(struct session *s, struct err *e)
{
    return store_heartbeat(s->db, s->now, e);
}
