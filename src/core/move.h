/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of a server's data moved to another place, whichever engines these are: SQLite and PostgreSQL, a folder
 * and a bucket, in any combination.
 *
 * The source is frozen first (db_freeze): its servers go on reading, and answer what would change something
 * by 503. So what is copied stays as it is, however long that takes. How far it has come is a row of the
 * target, written with the rows themselves: a move that was killed at any moment goes on from there when it
 * is run again. Until the end nobody can serve the target, from then on the source stays frozen.
 */
#pragma once

#include "core/core.h"

enum move_phase { MOVE_COUNT, MOVE_BYTES, MOVE_ROWS, MOVE_COMPARE, MOVE_DONE, MOVE_PHASE_END };
extern const char *const move_phase_names[MOVE_PHASE_END];

struct move_progress {
    enum move_phase phase;
    int64_t bytes, bytes_total;     /* of results, those in the database included */
    int64_t blobs;                  /* results whose bytes are there */
    int64_t rows, rows_total;       /* of the phase */
    int64_t lost;                   /* results whose bytes the source does not have as their rows say */
    bool frozen;                    /* the source is, until this or another run comes to its end */
    char sha256[DIGEST_SHA256_HEX]; /* at the end: of all rows of both sides */
};

typedef void move_tell_fn(void *ctx, const char *line); /* for people, without a newline */
typedef void move_progress_fn(void *ctx, const struct move_progress *so_far);

struct move_options {
    int threads;      /* that copy bytes */
    bool expire_lost; /* results whose bytes are lost count as expired at the target, with their event */
    const atomic_bool *stop; /* true: end soon, to be gone on with later */
    move_tell_fn *tell;
    move_progress_fn *progress; /* a few times a second */
    void *ctx;
};

/*
 * outgoing_start was called. ERR_MISMATCH: something is not as it was, nothing is lost and the target is not
 * released; the sentence says what. ERR_SHUTTING_DOWN: *stop.
 */
int move_run(const struct settings *from, const struct settings *to, const struct move_options *o,
             struct move_progress *ret, struct err *e);

/* The source can be changed again, what has been copied is worth nothing. 1: it was frozen, 2: since the
 * move had come to its end, 0: it was not. */
int move_abort(const struct settings *from, struct err *e);
