/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything at once: the results of a job, or of all jobs of a batch, as one ZIP archive that is computed
 * and never made (render/zip.h). Its bytes are a function of the rows: same state, same bytes, same tag, so
 * that it can be read in any order, by several requests.
 *
 * Results that expired or are soft-deleted are not in it, but named in its first file, MANIFEST.json. Bytes
 * are opened when they are reached, one result at a time: if one was purged or has expired in the meantime,
 * reading fails.
 *
 * Tables can be in it in one format. Each is made once before the size is known, a few at a time
 * (archive_prepare). What was made may make room for others at any time: it is made again when it is reached,
 * which gives the same bytes. So an archive never needs more of the cache than one table at a time, and the
 * tag is known before anything is made.
 */
#pragma once

#include "core/convert.h"
#include "core/core.h"

struct archive_bytes;

/* Tables in another format. Of the options `fields`, `omit`, `where`, `offset` and `limit` are not set. */
struct archive_form {
    struct conversion_options options;
    bool all; /* also what is in that format already: the options say more than the format */
};

struct archive {
    const char *file_name;       /* texts live in the session's arena */
    const char *etag;            /* strong, with its quotes; NULL until archive_prepare has read all rows */
    int64_t modified;            /* the newest change that shows in the rows: a purge or a restore does not;
                                    known with etag */
    int64_t size;                /* -1: not known before archive_prepare is done */
    struct archive_bytes *bytes; /* the caller frees them, before that arena */
};

/* `form` NULL: everything as it was uploaded. Nothing is known but the file name. */
int archive_of_job(struct session *s, const char *id, const struct archive_form *form, struct archive *ret,
                   struct err *e);
int archive_of_batch(struct session *s, const char *id, const struct archive_form *form, struct archive *ret,
                     struct err *e);

enum archive_progress {
    ARCHIVE_PREPARING, /* to be called again after archive_wait, in a new session with the same arena */
    ARCHIVE_COMPLETE,  /* a->size is known */
    ARCHIVE_UNMADE,    /* without `make`: a table would have to be made first */
};
/* Goes on, for a few milliseconds at most, with what is not known yet: first the rows, as many as there were
 * when it was asked for; with a form the call that makes etag known does nothing more, so that it can be
 * looked at before anything is made. ERR_BUSY and ERR_STORAGE name the result that cannot be had. */
int archive_prepare(struct session *s, struct archive *a, bool make, struct err *e);

/* After ARCHIVE_PREPARING or ARCHIVE_LATER. True: wake(ctx) will be called once, from another thread, and `b`
 * must live until then; false: there is no need to wait. */
bool archive_wait(struct archive_bytes *b, void (*wake)(void *ctx), void *ctx);

/* Up to `max` bytes at `offset`, at least one; ARCHIVE_LATER: none yet, archive_wait waits for some. After
 * the session: by one thread at a time, not in a session. */
enum { ARCHIVE_LATER = 1 };
int archive_read_some(struct archive_bytes *b, int64_t offset, void *to, size_t max, size_t *ret_len,
                      struct err *e);
void archive_free(struct archive_bytes *b); /* not between archive_wait and its wake; NULL is fine */
