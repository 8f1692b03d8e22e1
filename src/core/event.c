/* SPDX-License-Identifier: Apache-2.0 */
/* See event.h. */
#include "core/event.h"

#include <stdio.h>

int event_of_job(struct session *s, const struct job *j, const char *verb, struct err *e)
{
    char type[40];
    (void)snprintf(type, sizeof type, "job.%s", verb);
    return store_event_add(s->db, j->project, s->now, type, j->id, j->id, e);
}

int event_of_result(struct session *s, const struct result *r, const char *verb, struct err *e)
{
    char type[40];
    (void)snprintf(type, sizeof type, "result.%s", verb);
    return store_event_add(s->db, r->project, s->now, type, r->id, r->job_id, e);
}

int event_of_batch(struct session *s, const struct batch *b, struct err *e)
{
    return store_event_add(s->db, b->project, s->now, "batch.created", b->id, NULL, e);
}

int event_of_link(struct session *s, const char *link_id, const struct result *r, struct err *e)
{
    return store_event_add(s->db, r->project, s->now, "link.created", link_id, r->job_id, e);
}
