/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bytes are: files of the data folder, or the bucket that the setting `blobs` names. */
#pragma once

#include "core/core.h"
#include "core/folder.h"

/*
 * When a blob may be removed that its row lets go of now: where one that is read would break off, after
 * `bucket_removal_delay`, so that downloads come to their end, on whatever node. `core` NULL: at once, for
 * where nobody is served.
 */
int64_t blobs_due_at(struct core *core, int64_t now);

int blobs_open(const struct folder *f, const struct settings *set, struct blob_store **ret, struct err *e);
/* The same without making anything that is missing: for commands that only read. */
int blobs_find(const struct folder *f, const struct settings *set, struct blob_store **ret, struct err *e);
/* What people may see of where they are: without parameters. */
void blobs_name(const struct folder *f, const struct settings *set, char *ret, size_t size);
