/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time does to results: expiry, the end of the trash, leases that ran out. A background thread works in
 * small steps, each a task of the writer, so that requests never wait for more than one step. What a step has
 * not done, the next one or the next process does: nothing is remembered outside the database. A row that
 * cannot be handled is logged and passed over until the next round. The bytes that rows let go of are removed
 * by removal.h.
 */
#pragma once

#include "core/core.h"
#include "core/writer.h"

struct sweeper;

/* `reader` is taken over: the thread's own read connection. */
struct sweeper *sweeper_new(struct core *core, struct writer *writer, struct db *reader);
void sweeper_free(struct sweeper *s); /* ends the step under way; NULL is fine */

/* 1: what is due may be changed and removed. 0: this machine's clock is wrong, so it might not be due, or the
 * data are being moved elsewhere, or were: then nothing is to be changed here, neither rows nor files. */
int sweep_may(struct core *core, struct db *reader, struct err *e);

/* One round of everything but the thread, for tests: returns how many rows it changed, or an error. */
int64_t sweep_round(struct core *core, struct writer *writer, struct db *reader, struct err *e);
