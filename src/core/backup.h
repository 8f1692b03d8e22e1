/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consistent copy of a data folder while a daemon works in it: the database as of one moment, and every
 * file that it refers to. The copy is itself a data folder.
 */
#pragma once

#include "core/folder.h"
#include "core/settings.h"

struct backup_report {
    int64_t files, bytes;  /* copied */
    const char *waits_for; /* who removes files, so that nothing is copied yet; NULL: nobody */
    int64_t wrong;         /* that the copy lacks, or has shorter or longer than their rows say */
};

typedef void backup_tell_fn(void *ctx, const char *finding); /* one line for people, without a newline */
typedef void backup_progress_fn(void *ctx, const struct backup_report *so_far);

/*
 * `target` must not exist or be an empty folder. Bytes that are in a bucket stay there. Files are hard-linked
 * where they can be (they never change). A file that is missing or cannot be read is told and counted, and
 * the copy goes on without it: 0, and the copy is all that could be saved. On an error it is no backup.
 */
int backup_run(const struct folder *from, const struct settings *set, const char *target,
               backup_tell_fn *tell, backup_progress_fn *progress, void *ctx, struct backup_report *ret,
               struct err *e);
