/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines that fail on demand: a wrapper over struct db_ops and one over struct blob_ops that count the calls
 * of the chosen kinds and fail the N-th, once or from then on, instead of making it. One plan may serve
 * several wrappers and threads. ROLLBACK always gets through, as an engine always can go back after an error.
 */
#pragma once

#include "blob/blob.h"
#include "db/db.h"

#include <stdatomic.h>

enum failing_kind {
    FAIL_DB_QUERY = 1 << 0,
    FAIL_DB_STEP = 1 << 1,
    FAIL_DB_SCRIPT = 1 << 2,
    FAIL_BLOB_PUT_OPEN = 1 << 3,
    FAIL_BLOB_PUT_WRITE = 1 << 4,
    FAIL_BLOB_PUT_COMMIT = 1 << 5,
    FAIL_BLOB_OPEN = 1 << 6,
    FAIL_BLOB_READ = 1 << 7,
    FAIL_BLOB_REMOVE = 1 << 8,
    FAIL_BLOB_LIST = 1 << 9,
    FAIL_BLOB_ROOM = 1 << 10,
};
enum { FAIL_DB = 7, FAIL_BLOB = 0x7F8, FAIL_ANY = 0x7FF };

struct failing {
    atomic_uint kinds;
    atomic_int at; /* the call that fails, from 1 on; 0: none does */
    atomic_bool for_good;
    atomic_int db_code;
    atomic_int calls;
    atomic_int failed;
    const char *_Atomic only; /* NULL, or the name of the one statement that counts */
};

void failing_arm(struct failing *f, unsigned kinds, int at, bool for_good, int db_code);
int failing_disarm(struct failing *f); /* how many calls have failed since it was armed */

struct db *failing_db(struct failing *f, struct db *inner); /* takes `inner` over */
struct blob_store *failing_blobs(struct failing *f, struct blob_store *inner);
