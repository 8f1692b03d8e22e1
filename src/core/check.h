/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proving rows against bytes: every stored result's bytes are there, of the right size and digest; every file
 * has a row. Works beside a running daemon: what looks wrong is looked at again before it is reported.
 */
#pragma once

#include "core/core.h"

struct check_report {
    int64_t results, bytes;              /* looked at */
    int64_t missing, truncated, damaged; /* of results */
    int64_t orphans, recent_orphans; /* files without a row; the recent ones are within their grace period */
    int64_t strays;                  /* files that are none of this server's, where its files are */
    int64_t inconsistent;            /* of the database itself, of its sums, and of representations */
};

typedef void check_tell_fn(void *ctx, const char *finding); /* one line for people, without a newline */
typedef void check_progress_fn(void *ctx, const struct check_report *so_far);

/* `digests` false: sizes only. */
int check_run(struct db *reader, struct blob_store *blobs, bool digests, int64_t grace_seconds,
              check_tell_fn *tell, check_progress_fn *progress, void *ctx, struct check_report *ret,
              struct err *e);
