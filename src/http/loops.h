/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the event loops are at, for whoever watches over them: each says when it begins to work for the server
 * and when it has ended. The library has no way to ask a loop for an answer, and who connects reaches
 * whichever loop is free, so one that hangs would not be missed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loops;

struct loops *loops_new(void);
void loops_free(struct loops *l); /* when the event loops have ended; NULL is fine */

/* In an event loop, in pairs that do not nest. */
void loops_enter(struct loops *l);
void loops_leave(void);
bool loops_inside(void); /* whether the calling thread is one that has entered ever */

int64_t loops_busy(struct loops *l); /* microseconds since the first of those inside entered. Any thread. */
