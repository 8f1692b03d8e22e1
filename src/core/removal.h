/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing bytes that nobody needs: blobs whose rows have let go of them, orphans, and what puts have left.
 * A thread of its own, since a store may take its time and expiry must not wait for it. Where several nodes
 * share a database one of them does it at a time: the one that has claimed the row of the table `removal`,
 * and renews that. Another one takes over when its time is over; two at once would only waste requests.
 */
#pragma once

#include "core/core.h"
#include "core/writer.h"

struct removal;

/* `reader` is taken over: the thread's own read connection. `lock_path`: held by a backup while files must
 * stay, as is DB_LOCK_FILES of the database. Nothing of the store is removed unless core->joined. */
struct removal *removal_new(struct core *core, struct writer *writer, struct db *reader,
                            const char *lock_path);
void removal_free(struct removal *r); /* ends what is under way; NULL is fine */

/* One round of everything but the thread, for tests, always by the same node: returns how many files it
 * removed, or an error. */
int64_t removal_round(struct core *core, struct writer *writer, struct db *reader, const char *lock_path,
                      struct err *e);
