/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of a test's own, below $TMPDIR or /tmp, and waiting for another thread. */
#pragma once

#include <pthread.h>
#include <stddef.h>

enum { TEMP_SIZE = 400 };

void temp_make(char ret[TEMP_SIZE]);
void temp_remove(const char *folder); /* with all that is in it */
void temp_write(const char *path, const void *bytes, size_t len);

/* Counts calls of temp_signal, which may come from any thread. */
struct temp_signal {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int count;
};

#define TEMP_SIGNAL                                                                                          \
    {                                                                                                        \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                               \
    }

void temp_signal(void *signal);
int temp_signal_count(struct temp_signal *s);
void temp_signal_wait(struct temp_signal *s, int count); /* until there were that many */
