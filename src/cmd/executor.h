/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where handlers run: what connects http's hooks with core's threads. Reads take the calling event-loop
 * thread's own connection, opened when it first needs one; writes go to the writer.
 */
#pragma once

#include "api/api.h"
#include "core/folder.h"
#include "http/server.h"

struct executor;

struct executor *executor_new(struct app *app, const struct folder *folder);
struct server_hooks executor_hooks(struct executor *x);
void executor_tick(struct executor *x); /* about every second: lets go of views that nobody uses any more */
void executor_free(struct executor *x); /* after the event loops have stopped; closes their connections */
