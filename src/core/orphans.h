/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs that no row names: what a crash left between naming a blob and committing its row. Each search goes
 * through all blobs, in slices, and notes those without a row. When it has seen all, what was noted first
 * longer than `orphan_grace` ago, and still has no row, is doomed: in a transaction of the writer, of which
 * there is one at a time in all nodes. Whoever gives a blob its row asks `orphans_refuse` in the same kind of
 * transaction. So one of both comes first, and the other one sees it, whatever clocks and stores say of ages.
 *
 * A search that finds more orphans than is plausible dooms nothing: the database is then rather the wrong
 * one, or an old one, than the blobs garbage.
 *
 * How far a search has come stands in the database: whichever node removes files goes on with it.
 */
#pragma once

#include "core/core.h"
#include "core/writer.h"

/* Where a search runs: in the thread of removal.h, with connections of its own. */
struct orphans_place {
    struct core *core;
    struct writer *writer;
    struct db *reader;
    bool (*wants_stop)(void *ctx);
    void *ctx;
};

/*
 * Begins a search or goes on with the one of `r`, until about `end` (monotonic). `r` is as it was read, and
 * is changed and written. 1: it is under way; 0: it has ended, or it is not the time for one; ERR_BUSY:
 * another node removes files by now.
 */
int orphans_search(const struct orphans_place *at, struct removal_row *r, int64_t end, struct err *e);

/* Whether it is time for what is not done in each round: `done_at` was the last time. Looking through a
 * bucket costs requests. */
bool orphans_is_time(struct core *core, int64_t done_at);

/*
 * In the transaction that gives a blob its row: ERR_STORAGE if it was doomed, or might have been and that is
 * forgotten. `since`, of clock_boot: when its commit began.
 */
int orphans_refuse(struct db *db, const char *key, int64_t since, struct err *e);

/* How many the last search left because they were too many. */
int orphans_held(struct session *s, int64_t *ret, struct err *e);

/* When the removed orphan is forgotten, which until then nobody can give a row. */
int64_t orphans_forget_at(int64_t now);
