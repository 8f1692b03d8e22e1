/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every change of state writes its event in the same transaction. Whatever notifies reads only the table:
 * nothing can be missed, everything can be replayed. Types: job.queued acquired released running
 * completed failed cancelled deleted restored purged; result.available consumed expired deleted restored
 * purged kept unkept; batch.created; link.created.
 */
#pragma once

#include "core/core.h"

int event_of_job(struct session *s, const struct job *j, const char *verb, struct err *e);
int event_of_result(struct session *s, const struct result *r, const char *verb, struct err *e);
int event_of_batch(struct session *s, const struct batch *b, struct err *e);
int event_of_link(struct session *s, const char *link_id, const struct result *r, struct err *e);

/* What happened in the project, of some types. An event's number is its seq. */
int event_list(struct session *s, struct event_filter *f, const struct page *page, struct event **ret,
               struct err *e);
int event_count(struct session *s, struct event_filter *f, int64_t *ret, struct err *e);
int event_get(struct session *s, struct event_filter *f, int64_t seq, struct event **ret, struct err *e);
