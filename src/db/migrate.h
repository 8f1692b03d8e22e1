/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema in numbered steps. Each step is one file of sql/, embedded in the binary, run once in a
 * transaction that also records it with its checksum.
 */
#pragma once

#include "db/db.h"

struct migration {
    int version; /* 1, 2, 3 … without gaps */
    const char *name;
    const char *text;
};

/*
 * Brings a database up to the last step, under the engine's write lock, so that two starting processes cannot
 * both do it. Fails, and changes nothing, if the database has steps that we do not know (it is of a newer
 * program) or if a step that it has run differs from ours.
 */
int migrate(struct db *db, const struct migration *steps, int count, struct err *e);

/* Changes nothing: 0 if the database has exactly these steps. */
int migrate_verify(struct db *db, const struct migration *steps, int count, struct err *e);
