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

int event_list(struct session *s, struct event_filter *f, const struct page *page, struct event **ret,
               struct err *e)
{
    f->project = s->actor.project;
    return store_event_list(s->db, s->arena, f, page, ret, e);
}

int event_count(struct session *s, struct event_filter *f, int64_t *ret, struct err *e)
{
    f->project = s->actor.project;
    return store_event_count(s->db, s->arena, f, ret, e);
}

int event_get(struct session *s, struct event_filter *f, int64_t seq, struct event **ret, struct err *e)
{
    f->project = s->actor.project;
    int rc = store_event_get(s->db, s->arena, f, seq, ret, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no such event");
    return rc < 0 ? rc : 0;
}
