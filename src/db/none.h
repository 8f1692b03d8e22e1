/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to no database, for what mostly needs none: every statement fails, and it is remembered that
 * there was one. Its ops are not complete: statements are all that it can be asked for.
 */
#pragma once

#include "db/db.h"

struct db_none {
    struct db db; /* first, so that one is the other */
    bool asked;
};

void db_none_init(struct db_none *none);
