/* SPDX-License-Identifier: Apache-2.0 */
/* What a project stores. */
#pragma once

#include "core/core.h"

int usage_get(struct session *s, struct usage *ret, struct err *e);     /* of the actor's project */
int usage_get_all(struct session *s, struct usage *ret, struct err *e); /* of all projects, for metrics */

/* Whether the server can work: there is room, and a row can be written. ERR_BUSY and why not. *ret_warning:
 * what is wrong all the same, or NULL. */
int usage_ready(struct session *s, const char **ret_warning, struct err *e);
