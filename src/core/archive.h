/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once: the results of a job, or of all jobs of a batch, as one ZIP archive that is computed
 * and never made (render/zip.h). Its bytes are a function of the rows: same state, same bytes, same tag, so
 * that it can be read in any order, by several requests.
 *
 * Results that expired or are soft-deleted are not in it, but named in its first file, MANIFEST.json. Bytes
 * are opened when they are reached, one result at a time: if one was purged or has expired in the meantime,
 * reading fails.
 */
#pragma once

#include "core/core.h"

struct archive_bytes;

struct archive {
    const char *file_name; /* texts live in the session's arena */
    const char *etag;      /* strong, with its quotes */
    int64_t modified;      /* the newest change that shows in the rows: a purge or a restore does not */
    int64_t size;
    struct archive_bytes *bytes; /* the caller frees them, before that arena */
};

int archive_of_job(struct session *s, const char *id, struct archive *ret, struct err *e);
int archive_of_batch(struct session *s, const char *id, struct archive *ret, struct err *e);

/* Exactly `len` bytes at `offset`. After the session: by the thread that it ran in, not in a session. */
int archive_read(struct archive_bytes *b, int64_t offset, void *to, size_t len, struct err *e);
void archive_free(struct archive_bytes *b); /* NULL is fine */
