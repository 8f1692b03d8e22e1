/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions that are waited for until a moment of the monotonic clock, so that a change of the wall clock
 * neither cuts a wait short nor makes it last. A wait may end for no reason, as POSIX has it.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void wait_init(pthread_cond_t *c); /* in place of pthread_cond_init */
/* With the mutex. False: `moment`, of clock_monotonic(), has come. */
bool wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t moment);
