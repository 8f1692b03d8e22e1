/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of blobs that have their name but not yet their row: the sweeper must not take them for orphans,
 * however long the commit takes. Any thread.
 */
#pragma once

#include "base/id.h"

#include <stdbool.h>

struct pending;

struct pending_key { /* embedded in whoever holds one */
    char key[ID_SIZE];
    struct pending_key *next;
    struct pending_key **link; /* what points here; NULL: not held */
};

struct pending *pending_new(void);
void pending_free(struct pending *p);
void pending_hold(struct pending *p, struct pending_key *k);
void pending_release(struct pending *p, struct pending_key *k); /* fine if it is not held */
bool pending_has(struct pending *p, const char *key);
