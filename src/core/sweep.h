/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time does to results: expiry, the end of the trash, leases that ran out, files that nobody needs. A
 * background thread works in small steps, each a task of the writer, so that requests never wait for more
 * than one step. What a step has not done, the next one or the next process does: nothing is remembered
 * outside the database. A row that cannot be handled is logged and passed over until the next round.
 */
#pragma once

#include "core/core.h"
#include "core/writer.h"

struct sweeper;

/* `reader` is taken over: the thread's own read connection. `lock_path`: held by a backup while files must
 * stay. */
struct sweeper *sweeper_new(struct core *core, struct writer *writer, struct db *reader,
                            const char *lock_path);
void sweeper_free(struct sweeper *s); /* ends the step under way; NULL is fine */

/* One round of everything but the thread, for tests: returns how many rows and files it changed, or an error.
 */
int64_t sweep_round(struct core *core, struct writer *writer, struct db *reader, const char *lock_path,
                    struct err *e);
