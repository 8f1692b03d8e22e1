/* SPDX-License-Identifier: Apache-2.0 */
/* What a project stores. */
#pragma once

#include "core/core.h"

int usage_get(struct session *s, struct usage *ret, struct err *e);     /* of the actor's project */
int usage_get_all(struct session *s, struct usage *ret, struct err *e); /* of all projects, for metrics */

/*
 * What happened in the last hours of the actor's project, the current one included so far: one span for each
 * hour, or for each day where more than USAGE_HOURLY are asked for, the oldest first.
 */
enum { USAGE_HOURS_MOST = 8760, USAGE_HOURLY = 720 };
struct usage_history {
    int64_t step; /* microseconds */
    int64_t count;
    struct usage_span *spans;
};
int usage_history(struct session *s, int64_t hours, struct usage_history *ret, struct err *e);

/* Whether the server can work: there is room, and a row can be written. ERR_BUSY and why not. *ret_warning:
 * what is wrong all the same, or NULL. */
int usage_ready(struct session *s, const char **ret_warning, struct err *e);
