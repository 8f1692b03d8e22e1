/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a move share. move.c: the order of it all, how far it is, rows, and the proof at the end;
 * move_sides.c: the two places, the freezing of the source, the beginning and the giving up; move_results.c:
 * the bytes of results, page by page, and those that the source has lost. Nobody else includes this.
 */
#pragma once

#include "core/database.h"
#include "core/move.h"
#include "core/move_bytes.h"

struct side {
    const struct settings *set;
    struct folder folder;
    struct database database;
    struct db *db;
    struct blob_store *blobs;
    int lock;
};

struct mover {
    const struct move_options *o;
    struct side from;
    struct side to;
    bool same_blobs; /* they stay where they are */
    bool resumed;
    struct relocation at; /* the target's row */
    struct move_bytes *bytes;
    int64_t bytes_before; /* that earlier runs have copied */
    struct move_progress *seen;
};

/* move.c. Of the target's row; between them the names of tables. */
extern const char move_stage_bytes[], move_stage_compare[];
void move_show(void *ctx);                      /* how far it is, to whoever asked for that */
int move_go_on(struct mover *m, struct err *e); /* the same; ERR_SHUTTING_DOWN: no, stop */
/* The row in a transaction of the target. ERR_WRONG_STATE: another process has written it. */
int move_advance(struct db *to, struct mover *m, const struct relocation *next, struct err *e);
int move_next_stage(struct mover *m, const char *stage, struct err *e);

/* move_sides.c, in the order of their calls. */
int move_open_source(struct side *s, struct err *e);
int move_prepare_target(struct mover *m, struct err *e); /* to->db stays closed */
int move_has_arrived(struct mover *m, struct err *e);    /* 1: whoever has it may be served by now */
int move_open_blobs(struct mover *m, struct err *e);
int move_begin(struct mover *m, struct err *e); /* 1: all has been moved before; 0: the source is frozen */
int move_join_target(struct mover *m, struct err *e);
int move_secret_key(struct mover *m, struct err *e);
int move_freeze_source(struct mover *m, int64_t finished_at, struct err *e); /* 0: it has not ended yet */
/* 1: a key stands in doomed_blob, of whatever was there before: it would cost its blob. */
int move_has_doomed(struct db *to, struct err *e);
void move_close_side(struct side *s);

/* move_results.c */
int move_all_bytes(struct mover *m, struct err *e);
int move_try_lost_again(struct mover *m, struct err *e);
int move_refuse_lost(struct mover *m, struct err *e); /* unless they may expire */
int move_expire_lost(struct db *to, struct err *e);   /* in a transaction */
