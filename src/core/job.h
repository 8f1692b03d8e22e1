/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs and their moves. The moves stand in one table in job.c; each is a guarded update, so that two clients
 * cannot both win. A claimed job moves only with its lease, except to cancelled. Past the lease the job is
 * queued again, to every reader at once, whether or not the sweeper has come by.
 *
 * Where an API knows who works (its nodes, say), a job can be acquired instead: by a holder, which is a
 * document of that API, and without an end. An acquired job is queued until its holder starts it, but nobody
 * claims it; its holder alone moves it, except by cancel and abort. A holder runs one job at a time.
 */
#pragma once

#include "core/core.h"

struct job_new {
    const char *kind;
    const char *batch; /* id or NULL */
    const char *reference_id;
    const char *tag;
    int64_t priority_weight; /* 1–10 */
    const char *input;       /* JSON text or NULL */
    bool completed;          /* made around a result that is already there */
    const char *storage;     /* the name of where its results go; NULL: as the project says */
};

int job_create(struct session *s, const struct job_new *n, struct job **ret, struct err *e);
int job_get(struct session *s, const char *id, struct job **ret, struct err *e); /* with its results */
int job_by_pk(struct session *s, int64_t pk, struct job **ret, struct err *e);   /* the same */
/* All its results, the soft-deleted ones too, as they are stored. */
int job_results(struct session *s, const struct job *j, struct result **ret, struct err *e);
/* The result that is marked as primary, or else the first; NULL: there is none. */
struct result *job_primary(const struct job *j);
/* *ret_cut: the page ends early because its texts are large. */
int job_list(struct session *s, struct job_filter *f, const struct page *page, struct job **ret,
             bool *ret_cut, struct err *e);
/* How many such a list has in all, up to STORE_COUNT_LIMIT. */
int job_count(struct session *s, struct job_filter *f, int64_t *ret, struct err *e);

/* How many jobs the project has in each state. One whose lease ran out just now may still count as running.
 */
int job_totals(struct session *s, int64_t ret[JOB_STATUS_END], struct err *e);
/* What a filter lets through, as store_job_query gives it; `project` need not be set. */
int job_query(struct session *s, struct job_query *what, store_job_fn *each, void *ctx, struct err *e);

/* 1 and a job in state running with its lease, or 0: none is queued. `kinds` is NULL-terminated, NULL: any.
 */
int job_claim(struct session *s, const char *const *kinds, int64_t lease_seconds, struct job **ret,
              struct err *e);

enum job_verb {
    JOB_PROGRESS,
    JOB_FINISH,
    JOB_FAIL,
    JOB_CANCEL,
    JOB_ACQUIRE, /* queued: for m->holder */
    JOB_RELEASE, /* acquired and not started: queued for everybody again */
    JOB_START,   /* acquired: running; ERR_WRONG_STATE also if its holder runs another job */
    JOB_RESET,   /* failed: acquired as before it was started; its results are soft-deleted */
    JOB_ABORT,   /* queued, running or failed: queued for everybody; its results are soft-deleted */
    JOB_VERB_END
};

struct job_move {
    enum job_verb verb;
    const char *lease; /* NULL: none given */
    int64_t holder;    /* who moves it: pk of a document; 0: nobody who holds jobs */
    double progress;   /* of JOB_PROGRESS: 0–1 */
    const char *error; /* of JOB_FAIL: JSON {code, message} */
};

/* A repeat of a finished move, of acquire by the same holder and of abort succeeds and changes nothing. */
int job_move(struct session *s, const char *id, const struct job_move *m, struct job **ret, struct err *e);

/* The pk of the job that this holder runs; 0: none. */
int job_of_holder(struct session *s, int64_t holder, int64_t *ret, struct err *e);

/* Another input for a job, for APIs that let a part of it be edited: no move, and no event. */
int job_change_input(struct session *s, struct job *j, const char *input, struct err *e);

int job_delete(struct session *s, const char *id, struct err *e);       /* soft, with its results */
int job_delete_alone(struct session *s, const char *id, struct err *e); /* soft; its results stay */
int job_restore(struct session *s, const char *id, struct job **ret, struct err *e);
int job_purge(struct session *s, const char *id, struct err *e); /* the row; it must have no results */

/* For those who add to a job: it exists and is not deleted. It only reads. */
int job_load(struct session *s, const char *id, struct job **ret, struct err *e);
bool job_is_open(const struct job *j); /* queued or running: results may still come */

/* The pk of a job that a request refers to; ERR_BAD_REFERENCE names `where`. */
int job_refer(struct session *s, const char *id, enum err_place place, const char *where, int64_t *ret,
              struct err *e);

/* Makes a job whose lease ran out queued again. 1 if it was so. */
int job_lapse(struct session *s, struct job *j, struct err *e);
