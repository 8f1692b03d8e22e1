/* SPDX-License-Identifier: Apache-2.0 */
/* See pending.h. The mutex covers the list. It holds one key for each large upload that is being committed.
 */
#include "core/pending.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct pending {
    pthread_mutex_t mutex;
    struct pending_key *first;
};

struct pending *pending_new(void)
{
    struct pending *p = mem_alloc(sizeof *p);
    p->first = NULL;
    if (pthread_mutex_init(&p->mutex, NULL))
        abort();
    return p;
}

void pending_free(struct pending *p)
{
    if (!p)
        return;
    (void)pthread_mutex_destroy(&p->mutex);
    free(p);
}

void pending_hold(struct pending *p, struct pending_key *k)
{
    (void)pthread_mutex_lock(&p->mutex);
    k->next = p->first;
    if (k->next)
        k->next->link = &k->next;
    k->link = &p->first;
    p->first = k;
    (void)pthread_mutex_unlock(&p->mutex);
}

void pending_release(struct pending *p, struct pending_key *k)
{
    (void)pthread_mutex_lock(&p->mutex);
    if (k->link) {
        *k->link = k->next;
        if (k->next)
            k->next->link = k->link;
        k->link = NULL;
    }
    (void)pthread_mutex_unlock(&p->mutex);
}

bool pending_has(struct pending *p, const char *key)
{
    bool found = false;
    (void)pthread_mutex_lock(&p->mutex);
    for (struct pending_key *k = p->first; k && !found; k = k->next)
        found = strcmp(k->key, key) == 0;
    (void)pthread_mutex_unlock(&p->mutex);
    return found;
}
