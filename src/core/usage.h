/* SPDX-License-Identifier: Apache-2.0 */
/* What a project stores. */
#pragma once

#include "core/core.h"

int usage_get(struct session *s, struct usage *ret, struct err *e);     /* of the actor's project */
int usage_get_all(struct session *s, struct usage *ret, struct err *e); /* of all projects, for metrics */

/* Writes a row, to see that writing works. */
int usage_heartbeat(struct session *s, struct err *e);
