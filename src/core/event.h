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
