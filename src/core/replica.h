/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the database that follows it, a little behind: how much is measured by what arrives there. A
 * thread writes the time into the row of `heartbeat` each second and reads it on the replica; what it finds
 * is how old the replica's view is at the most, whatever way the copy is made in, and also when nothing else
 * is written.
 */
#pragma once

#include "core/database.h"
#include "core/writer.h"

struct replica;

/* `d` is where the replica is, and lives as long as this. It need not be there yet. No more than `at_once`
 * requests ask it at the same time, so that one that hangs does not hold all who read. */
struct replica *replica_new(struct core *core, struct writer *writer, const struct database *d, int at_once);
/* Whether it can be read, and shows everything that was committed before the last `seconds`. Any thread. */
bool replica_shows(struct replica *r, int64_t seconds);

/* One more asks it; false: as many as may do already. */
bool replica_begin(struct replica *r);
/* The outcome. After a failure of its own it is not asked until the thread has found it well again. */
void replica_end(struct replica *r, int rc);

struct replica_stats {
    int64_t age;     /* microseconds; -1: it cannot be read */
    long long reads; /* requests that were answered from it */
    bool foreign;    /* another database answers in its place, and is never read */
};
void replica_stats(struct replica *r, struct replica_stats *ret);
void replica_free(struct replica *r); /* NULL is fine */
