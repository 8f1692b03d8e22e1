/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding a storage of a client against its rows: the list of its bucket and the rows, both in the order of
 * keys, are read side by side in pages, so memory does not depend on how many there are. Works beside a
 * running daemon: what looks wrong is looked at again before it is reported. Nothing is changed anywhere.
 */
#pragma once

#include "core/core.h"

struct reconcile_report {
    int64_t objects, results; /* looked at */
    int64_t missing;          /* results whose object is not there */
    int64_t changed;          /* results whose object has another size or ETag than was written */
    int64_t unknown;          /* objects that no result knows */
    int64_t recent;   /* such ones that are younger than the grace period: maybe on their way to a row */
    int64_t released; /* objects of results that have expired */
};

typedef void reconcile_tell_fn(void *ctx, const char *finding); /* one line for people, without a newline */
typedef void reconcile_progress_fn(void *ctx, const struct reconcile_report *so_far);

/* `core` needs settings, secrets and buckets only; `reader` is no connection of a session. */
int reconcile_run(struct core *core, struct db *reader, const struct storage *st, reconcile_tell_fn *tell,
                  reconcile_progress_fn *progress, void *ctx, struct reconcile_report *ret, struct err *e);
