/* SPDX-License-Identifier: Apache-2.0 */
/* See temp.h. Whatever goes wrong here is no finding about the product: it aborts. */
#include "support/temp.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void temp_make(char ret[TEMP_SIZE])
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(ret, TEMP_SIZE, "%s/resultd-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(ret)) {
        perror(ret);
        abort();
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    (void)remove(path);
    return 0;
}

void temp_remove(const char *folder)
{
    (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void temp_write(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "we");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f)) {
        perror(path);
        abort();
    }
}

void temp_signal(void *signal)
{
    struct temp_signal *s = signal;
    (void)pthread_mutex_lock(&s->mutex);
    s->count++;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
}

int temp_signal_count(struct temp_signal *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    int count = s->count;
    (void)pthread_mutex_unlock(&s->mutex);
    return count;
}

void temp_signal_wait(struct temp_signal *s, int count)
{
    (void)pthread_mutex_lock(&s->mutex);
    while (s->count < count)
        (void)pthread_cond_wait(&s->changed, &s->mutex);
    (void)pthread_mutex_unlock(&s->mutex);
}
