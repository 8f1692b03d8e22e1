/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where handlers run: what connects http's hooks with core's threads. Writes go to the writer. Reads take the
 * calling event-loop thread's own connection, opened when it first needs one, where the database is on this
 * machine; else they go to threads that may wait for it, each with a connection of its own, and no event loop
 * ever touches the database.
 */
#pragma once

#include "api/api.h"
#include "core/database.h"
#include "http/server.h"

struct executor;

/* `readers` is the number of those threads; 0: reads stay in the event loops. `senders`: of those that read
 * the pieces of slow answers; 0: event loops do. `replica`: its `where` is "" where there is none.
 * Sets app->readers, app->replica, and core's reader. */
struct executor *executor_new(struct app *app, const struct database *database,
                              const struct database *replica, int readers, int senders);
struct server_hooks executor_hooks(struct executor *x);
void executor_tick(struct executor *x); /* about every second: lets go of views that nobody uses any more */
void executor_free(struct executor *x); /* after the event loops have stopped; closes their connections */
