/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consistent copy of a data folder while a daemon works in it: the database as of one moment, and every
 * file that it refers to. The copy is itself a data folder.
 */
#pragma once

#include "core/folder.h"

typedef void backup_progress_fn(void *ctx, int64_t files, int64_t bytes);

/* `target` must not exist or be an empty folder. Files are hard-linked where they can be (they never change).
 */
int backup_run(const struct folder *from, const char *target, backup_progress_fn *progress, void *ctx,
               struct err *e);
