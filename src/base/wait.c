/* SPDX-License-Identifier: Apache-2.0 */
/* See wait.h. */
#include "base/wait.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

void wait_init(pthread_cond_t *c)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) || pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) ||
        pthread_cond_init(c, &monotonic))
        abort();
    (void)pthread_condattr_destroy(&monotonic);
}

bool wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t moment)
{
    struct timespec t = {.tv_sec = moment / CLOCK_SECOND, .tv_nsec = moment % CLOCK_SECOND * 1000};
    return pthread_cond_timedwait(c, m, &t) != ETIMEDOUT;
}
