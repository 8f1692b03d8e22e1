/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function for each SQL statement, one struct for each kind of row. No rules live here: core decides,
 * this layer reads and writes.
 *
 * Rows and their texts are made in the caller's arena. "Get" functions return 1 and the row, 0 if there is
 * none, or a negative code. Times are microseconds since 1970, 0 for NULL; texts are NULL for NULL.
 */
#pragma once

#include "base/arena.h"
#include "base/digest.h"
#include "base/err.h"
#include "db/db.h"
#include "db/migrate.h"
#include "store/filter.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

extern const struct migration store_sqlite_migrations[]; /* made from sql/sqlite at build time */
extern const int store_sqlite_migration_count;

enum job_status { JOB_QUEUED, JOB_RUNNING, JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED, JOB_STATUS_END };
enum result_state { RESULT_AVAILABLE, RESULT_CONSUMED, RESULT_EXPIRED, RESULT_STATE_END };

/* The words that stand in the database and in every API that does not have its own. */
extern const char *const job_status_names[JOB_STATUS_END];
extern const char *const result_state_names[RESULT_STATE_END];
int store_word(const char *const *names, int count, const char *word); /* its index, or -1 */

enum principal_kind { PRINCIPAL_KEY, PRINCIPAL_USER };

struct principal {
    int64_t pk;
    int64_t project;
    const char *project_name;
    const char *name;
    const char *public_id; /* of a key */
    const void *secret;
    size_t secret_len;
    int64_t scopes;
    bool staff;
    int64_t created_at;
    int64_t revoked_at;
};

struct batch {
    int64_t pk;
    const char *id;
    int64_t project;
    const char *name;
    const char *description;
    int64_t created_at;
    int64_t jobs[JOB_STATUS_END];
};

/* What was found out about an uploaded table, see core/table.h. */
struct table_facts {
    int64_t rows;     /* -1: not a table */
    int64_t columns;  /* -1 */
    unsigned formats; /* bits 1 << enum format that can be had */
    const char
        *unavailable; /* JSON: why the others cannot, {"xlsx":"…"} or {"*":"…"}; NULL: nothing to tell */
    const char *description; /* JSON: how it is read; NULL: not a table */
    const void *offsets;     /* where rows begin */
    size_t offsets_len;
};

struct result {
    int64_t pk;
    const char *id;
    int64_t project;
    int64_t job;
    const char *job_id;
    int64_t job_pk; /* same as job; for the APIs that show integers */
    int64_t batch;  /* 0: none */
    const char *batch_id;
    const char *kind;
    const char *name;
    const char *type;
    bool is_primary;
    const char *media_type;
    int64_t size;
    struct digest_values digests;
    enum result_state state; /* as stored; what it is now is core's result_state_now */
    bool keep;
    bool stored;
    bool is_inline;
    int64_t creator;
    const char *creator_name;
    int64_t created_at;
    int64_t consumed_at;
    int64_t expires_at;
    int64_t due_at;
    int64_t expired_at;
    int64_t deleted_at;
    bool with_job;
    const char *content_encoding; /* of the stored bytes; "": none */
    struct table_facts table;     /* without description and offsets when read */
    struct {
        enum result_state state;
        bool trash;
        int64_t bytes;
    } counted;           /* the store's own: how the sums of usage.c have this row */
    struct result *next; /* in a list */
};

struct job {
    int64_t pk;
    const char *id;
    int64_t project;
    int64_t batch;
    const char *batch_id;
    const char *kind;
    const char *reference_id;
    const char *tag;
    int64_t priority_weight;
    enum job_status status;
    double progress;
    const char *error; /* JSON */
    const char *input; /* JSON */
    int64_t creator;
    const char *creator_name;
    const char *lease;
    int64_t lease_seconds;
    int64_t lease_expires_at;
    int64_t holder; /* pk of a document: who has acquired it; 0: nobody */
    int64_t created_at;
    int64_t started_at;
    int64_t finished_at;
    int64_t deleted_at;
    struct result *results; /* in order of creation */
    struct job *next;
};

enum deleted_filter { DELETED_NO, DELETED_ONLY, DELETED_ANY };

/* Pages go from new to old: rows with pk < before (0: from the newest). With `oldest_first` from old to new,
 * where such a flag is: rows with pk > before, and if `until` is not 0 only those with pk < until. */
struct page {
    int64_t before;
    int64_t limit;
    int64_t until;
};

/*
 * A label is a value under a name that somebody gave to an object: a document whose kind is that name, whose
 * name is the object's id and whose parent is the value. Lists can be limited to what has all of some; those
 * of jobs and results by the labels of their batch. The narrowest stands first.
 */
struct label {
    const char *kind;
    const char *value;
};
struct labels {
    const struct label *all;
    int count; /* up to LABELS_MOST */
};
enum { LABELS_MOST = 6 };

/* Where counting rows ends: what is counted row by row must end somewhere. */
enum { STORE_COUNT_LIMIT = 100000 };

struct job_filter {
    int64_t project;
    int64_t batch; /* 0: any */
    const char *status, *kind, *reference_id, *tag;
    const char *or_status; /* with `status`: this one too */
    int64_t created_after;
    struct labels labels;
    enum deleted_filter deleted;
    int64_t now;
    bool oldest_first;
};

struct result_filter {
    int64_t project;
    int64_t job, batch;
    const char *name, *type, *kind;
    const char *state; /* NULL: available; "any" */
    int64_t created_after, created_before;
    struct labels labels;
    enum deleted_filter deleted;
    int64_t now;
    bool oldest_first;
};

struct batch_filter {
    int64_t project;
    struct labels labels;
    int64_t created_after;
    bool oldest_first;
};

struct document_filter {
    int64_t project;
    const char *kind;
    const char *parent; /* NULL: of any */
    struct labels labels;
    bool newest_first; /* else from old to new */
};

/* One row of the record of what happened. */
struct event {
    int64_t seq;
    int64_t at;
    const char *type;
    const char *object; /* id of what changed */
    struct event *next; /* in a list */
};

struct event_filter {
    int64_t project;
    const char *const *types; /* NULL-terminated */
    int64_t created_after;
    bool newest_first; /* else from old to new */
};

struct document {
    int64_t pk;
    const char *id;
    int64_t project;
    const char *kind;
    const char *name;   /* NULL: none */
    const char *parent; /* NULL: none */
    const char *body;   /* JSON */
    int64_t creator;
    int64_t created_at;
    int64_t changed_at;
    struct document *next; /* in a list */
};

/* project.c */
int store_project_create(struct db *db, const char *name, int64_t now, int64_t *ret_pk, struct err *e);
int store_project_get(struct db *db, const char *name, int64_t *ret_pk, struct err *e);
int store_project_created_at(struct db *db, int64_t pk, int64_t *ret, struct err *e);

/* principal.c */
int store_principal_add(struct db *db, enum principal_kind kind, const struct principal *p, int64_t *ret_pk,
                        struct err *e);
int store_principal_by_public_id(struct db *db, struct arena *a, const char *public_id,
                                 struct principal **ret, struct err *e);
int store_principal_by_pk(struct db *db, struct arena *a, int64_t pk, struct principal **ret, struct err *e);
int store_principal_user(struct db *db, struct arena *a, const char *name, struct principal **ret,
                         struct err *e);
int store_principal_revoke(struct db *db, const char *public_id, int64_t now,
                           struct err *e); /* 1 done, 0 none */
int store_principal_change_secret(struct db *db, int64_t pk, const void *secret, size_t len, struct err *e);
typedef int store_principal_fn(void *ctx, const struct principal *p, struct err *e);
/* The keys of a project, oldest first unless newest_first. */
int store_principal_each_key_of(struct db *db, struct arena *a, int64_t project, bool newest_first,
                                const struct page *page, store_principal_fn *each, void *ctx, struct err *e);
int store_principal_count_keys(struct db *db, int64_t project, int64_t *ret, struct err *e);
int store_principal_each_key(struct db *db, struct arena *a, store_principal_fn *each, void *ctx,
                             struct err *e);

/* batch.c */
int store_batch_add(struct db *db, struct batch *b, struct err *e); /* sets pk */
int store_batch_get(struct db *db, struct arena *a, int64_t project, const char *id, struct batch **ret,
                    struct err *e);
/* The same without counting its jobs, which takes the longer the more there are. */
int store_batch_find(struct db *db, struct arena *a, int64_t project, const char *id, struct batch **ret,
                     struct err *e);
int store_batch_pk(struct db *db, int64_t project, const char *id, int64_t *ret_pk, struct err *e);
/* How many there are, and how many of them have jobs of which none is queued or running. */
int store_batch_totals(struct db *db, int64_t project, int64_t *ret_all, int64_t *ret_done, struct err *e);
typedef int store_batch_fn(void *ctx, const struct batch *b, struct err *e);
int store_batch_each(struct db *db, struct arena *a, const struct batch_filter *f, const struct page *page,
                     store_batch_fn *each, void *ctx, struct err *e);
int store_batch_count(struct db *db, struct arena *a, const struct batch_filter *f, int64_t *ret,
                      struct err *e); /* up to STORE_COUNT_LIMIT */

/* job.c */
int store_job_add(struct db *db, struct job *j,
                  struct err *e); /* sets pk; ERR_DB_CONSTRAINT: reference taken */
int store_job_get(struct db *db, struct arena *a, int64_t project, const char *id, struct job **ret,
                  struct err *e);
int store_job_by_pk(struct db *db, struct arena *a, int64_t project, int64_t pk, struct job **ret,
                    struct err *e);
/* How many are in each state, as stored, without soft-deleted ones. */
int store_job_totals(struct db *db, int64_t project, int64_t ret[JOB_STATUS_END], struct err *e);
int store_job_next_queued(struct db *db, struct arena *a, int64_t project, const char *kind, struct job **ret,
                          struct err *e); /* kind NULL: of any kind; acquired ones are left out */
/* Writes what moves: status, progress, error, lease, holder, times. 0 if the row has not the status, lease
 * and holder of `from` any more; ERR_DB_CONSTRAINT if its holder runs another job. */
int store_job_move(struct db *db, const struct job *to, const struct job *from, struct err *e);
/* The pk of the job that this holder runs, or 0. */
int store_job_of_holder(struct db *db, int64_t holder, int64_t *ret, struct err *e);
int store_job_set_input(struct db *db, int64_t pk, const char *input, struct err *e);
/* Makes room for one more result, or one less: 1, or 0 if the job has `limit` already. */
int store_job_count_result(struct db *db, int64_t pk, int64_t change, int64_t limit, struct err *e);
/* deleted_at 0: back, unless its holder runs another job: ERR_DB_CONSTRAINT. */
int store_job_mark_deleted(struct db *db, int64_t pk, int64_t deleted_at, struct err *e);
int store_job_remove(struct db *db, int64_t pk, struct err *e);
/* Those whose lease has run out, the longest ago first; project 0: of all. */
int store_job_lapsed(struct db *db, struct arena *a, int64_t project, int64_t now, int64_t limit,
                     struct job **ret, struct err *e);
int store_job_next_lapse(struct db *db, int64_t *ret, struct err *e); /* 0: none will */
/* Soft-deleted ones without results, the longest deleted first. */
int store_job_purgeable(struct db *db, struct arena *a, int64_t deleted_before, int64_t limit,
                        struct job **ret, struct err *e);
/* With their results, in one query. *ret_cut: the page ends early because its texts are large. */
int store_job_list(struct db *db, struct arena *a, const struct job_filter *f, const struct page *page,
                   struct job **ret, bool *ret_cut, struct err *e);
int store_job_count(struct db *db, struct arena *a, const struct job_filter *f, int64_t *ret,
                    struct err *e); /* up to STORE_COUNT_LIMIT */

/*
 * job_query.c: what a filter lets through, in its order. Conditions are over j, the job, d, the document of
 * the kind `described_by` that is named like the job's kind, and c, its creator. Jobs come with all their
 * results, the soft-deleted ones too, of which pk, name and type are set; of a document pk, name and body
 * are. All live until `each` returns.
 */
enum job_column {
    JOB_COLUMN_PK,
    JOB_COLUMN_HOLDER,
    JOB_COLUMN_CREATOR,
    JOB_COLUMN_CREATOR_NAME,
    JOB_COLUMN_CREATED_AT,
    JOB_COLUMN_DELETED_AT,
    JOB_COLUMN_END
};
extern const struct filter_column store_job_columns[JOB_COLUMN_END];
struct job_query {
    int64_t project;
    const char *described_by;
    const char *status; /* what the filter implies, so that an index serves it; NULL: nothing */
    const struct filter *filter;
};
/* `described` is NULL if there is no such document. */
typedef int store_job_fn(void *ctx, struct job *j, const struct document *described, struct err *e);
int store_job_query(struct db *db, const struct job_query *what, store_job_fn *each, void *ctx,
                    struct err *e);

/* result.c */
/* Sets pk. 0: its job has one of this name and type already, deleted or not, and nothing was changed. */
int store_result_add(struct db *db, struct result *r, struct err *e);
int store_result_get(struct db *db, struct arena *a, int64_t project, const char *id, struct result **ret,
                     struct err *e);
int store_result_by_pk(struct db *db, struct arena *a, int64_t project, int64_t pk, struct result **ret,
                       struct err *e);
int store_result_by_id(struct db *db, struct arena *a, const char *id, struct result **ret, struct err *e);
int store_result_by_name(struct db *db, struct arena *a, int64_t job, const char *name, const char *type,
                         struct result **ret, struct err *e);
int store_result_of_job(struct db *db, struct arena *a, int64_t job, struct result **ret, struct err *e);
int store_result_kept_of_job(struct db *db, int64_t job, struct err *e); /* 1: one is kept */
int store_result_list(struct db *db, struct arena *a, const struct result_filter *f, const struct page *page,
                      struct result **ret, struct err *e);
/*
 * result_query.c: what a filter lets through, in its order. Of the row are set: pk, job and job_pk, name,
 * type, creator, created_at and deleted_at; texts live until `each` returns. The columns' names are those of
 * struct result; JOB_… are of its job.
 */
enum result_column {
    RESULT_PK,
    RESULT_JOB,
    RESULT_NAME,
    RESULT_TYPE,
    RESULT_CREATOR,
    RESULT_CREATOR_NAME,
    RESULT_CREATED_AT,
    RESULT_DELETED_AT,
    RESULT_KIND,
    RESULT_JOB_CREATED_AT,
    RESULT_JOB_STARTED_AT,
    RESULT_JOB_FINISHED_AT,
    RESULT_JOB_CREATOR,
    RESULT_JOB_CREATOR_NAME,
    RESULT_COLUMN_END
};
extern const struct filter_column store_result_columns[RESULT_COLUMN_END];
typedef int store_result_fn(void *ctx, const struct result *r, struct err *e);
int store_result_query(struct db *db, int64_t project, const struct filter *f, store_result_fn *each,
                       void *ctx, struct err *e);

int store_result_count(struct db *db, struct arena *a, const struct result_filter *f, int64_t *ret,
                       struct err *e); /* up to STORE_COUNT_LIMIT */
/* Writes what changes in a life: state, keep, stored, times. The row must have been read in the same
 * transaction; 0 if it is not in the state in which it was read. */
int store_result_change(struct db *db, struct result *to, struct err *e);
int store_result_consume(struct db *db, struct result *to,
                         struct err *e); /* the same, of available → consumed only */
int store_result_remove(struct db *db, const struct result *r, struct err *e);
/* What expiry takes and what the end of the trash takes, the longest due first. */
int store_result_due(struct db *db, struct arena *a, int64_t now, int64_t limit, struct result **ret,
                     struct err *e);
int store_result_purgeable(struct db *db, struct arena *a, int64_t deleted_before, int64_t limit,
                           struct result **ret, struct err *e);
int store_result_next_due(struct db *db, int64_t *ret, struct err *e);   /* 0: nothing will be */
int store_result_has_blob(struct db *db, const char *id, struct err *e); /* 1: a row claims it */
int store_result_stored_after(struct db *db, struct arena *a, int64_t after_pk, int64_t limit,
                              struct result **ret, struct err *e);

/* bytes.c: results in the database, and files to be removed */
int store_bytes_add(struct db *db, int64_t result, const void *bytes, size_t len, struct err *e);
int store_bytes_get(struct db *db, struct arena *a, int64_t result, const void **ret, size_t *ret_len,
                    struct err *e);
int store_bytes_remove(struct db *db, int64_t result, struct err *e);
int store_doomed_add(struct db *db, const char *key, int64_t now, struct err *e);
int store_doomed_due(struct db *db, struct arena *a, int64_t now, int64_t limit, const char ***ret_keys,
                     int64_t *ret_count, struct err *e);
int store_doomed_remove(struct db *db, const char *key, struct err *e);
int store_doomed_retry(struct db *db, const char *key, int64_t now,
                       struct err *e); /* later, and later each time */
int store_doomed_has(struct db *db, const char *key, struct err *e);

/*
 * archive.c: what an archive needs to know of the results of a job or a batch, in the order of pk. Of the row
 * are set: pk, id, job_id, name, type, media_type, size, sha256, crc32, state, is_inline, created_at, due_at,
 * expired_at, deleted_at, content_encoding and table; `reference_id` is the job's. Texts live until `each`
 * returns.
 */
typedef int store_archive_fn(void *ctx, const struct result *r, const char *reference_id, struct err *e);
int store_archive_each(struct db *db, int64_t job, int64_t batch, store_archive_fn *each, void *ctx,
                       struct err *e); /* one of the two is 0 */
int store_archive_count(struct db *db, int64_t job, int64_t batch, int64_t most, int64_t *ret, struct err *e);

/* document.c */
int store_document_add(struct db *db, struct document *d,
                       struct err *e); /* sets pk; 0 if the name is taken, else 1 */
/* By id, by pk or by name: whichever of the three is not NULL or 0. */
int store_document_get(struct db *db, struct arena *a, int64_t project, const char *kind, const char *id,
                       int64_t pk, const char *name, struct document **ret, struct err *e);
int store_document_list(struct db *db, struct arena *a, const struct document_filter *f,
                        const struct page *page, struct document **ret, struct err *e);
/* The pk of the nth of that list, counted from 1: 1, or 0 if it has fewer. */
int store_document_nth(struct db *db, int64_t project, const char *kind, const char *parent, int64_t n,
                       int64_t *ret_pk, struct err *e);
int store_document_count(struct db *db, struct arena *a, const struct document_filter *f, int64_t *ret,
                         struct err *e); /* up to STORE_COUNT_LIMIT */
/*
 * What a filter over d, the documents of a kind, lets through, in its order. `first`, if it is not NULL, is
 * as if it stood before the others; of it pk, name, body, creator and times count. Texts live until `each`
 * returns.
 */
enum document_column {
    DOCUMENT_PK,
    DOCUMENT_NAME,
    DOCUMENT_CREATOR,
    DOCUMENT_CREATOR_NAME,
    DOCUMENT_CREATED_AT,
    DOCUMENT_CHANGED_AT,
    DOCUMENT_COLUMN_END
};
extern const struct filter_column store_document_columns[DOCUMENT_COLUMN_END];
typedef int store_document_fn(void *ctx, const struct document *d, struct err *e);
int store_document_query(struct db *db, int64_t project, const char *kind, const struct document *first,
                         const struct filter *f, store_document_fn *each, void *ctx, struct err *e);
int store_document_change(struct db *db, int64_t pk, const char *body, int64_t now, struct err *e);
int store_document_remove(struct db *db, int64_t pk, struct err *e);

/* event.c */
int store_event_add(struct db *db, int64_t project, int64_t now, const char *type, const char *object,
                    const char *job, struct err *e);
int store_event_get(struct db *db, struct arena *a, const struct event_filter *f, int64_t seq,
                    struct event **ret, struct err *e);
int store_event_list(struct db *db, struct arena *a, const struct event_filter *f, const struct page *page,
                     struct event **ret, struct err *e);
int store_event_count(struct db *db, struct arena *a, const struct event_filter *f, int64_t *ret,
                      struct err *e); /* up to STORE_COUNT_LIMIT */
int store_event_prune(struct db *db, int64_t before, int64_t limit, int64_t *ret_count, struct err *e);

/* table.c */
int store_table_add(struct db *db, int64_t result, const struct table_facts *t, struct err *e);
/* 1 and the description and offsets, in the arena; 0: not a table. */
int store_table_get(struct db *db, struct arena *a, int64_t result, struct table_facts *ret, struct err *e);

/* representation.c */
struct representation_row {
    const char *tag;
    int64_t result;
    const char *key; /* of the blob */
    int64_t size;
    const char *sha256;
    uint32_t crc32;
    int64_t made_at;
};
int store_representation_get(struct db *db, struct arena *a, const char *tag, struct representation_row *ret,
                             struct err *e);
/* If its result has no bytes any more the blob is let go of instead. */
int store_representation_add(struct db *db, const struct representation_row *r, struct err *e);
/* Rows go, and with them their blobs. */
int store_representation_drop(struct db *db, const char *tag, int64_t now, struct err *e);
int store_representation_drop_of(struct db *db, int64_t result, int64_t now, struct err *e);
/* The oldest go until the rest have `limit` bytes together at most. */
int store_representation_make_room(struct db *db, int64_t limit, int64_t now, struct err *e);

/* usage.c */
struct usage {
    int64_t results[RESULT_STATE_END];
    int64_t bytes[RESULT_STATE_END];
    int64_t trash_results;
    int64_t trash_bytes;
};
extern const struct db_gathering
    store_usage_gathering; /* for db_gather, of connections that change results */
/* What has passed its time counts as expired even before the sweep. project 0: of all projects. */
int store_usage_get(struct db *db, int64_t project, int64_t now, struct usage *ret, struct err *e);
int store_usage_of_job(struct db *db, int64_t job, int64_t now, struct usage *ret,
                       struct err *e); /* counted */

/* signing.c */
struct signing_key {
    int64_t pk;
    unsigned char secret[32];
    int64_t retired_at;
};
int store_signing_current(struct db *db, struct signing_key *ret, struct err *e);
int store_signing_get(struct db *db, int64_t pk, struct signing_key *ret, struct err *e);
int store_signing_retire_all(struct db *db, int64_t now, struct err *e);
int store_signing_add(struct db *db, const unsigned char secret[32], int64_t now, struct err *e);
int store_signing_prune(struct db *db, int64_t retired_before, struct err *e);

struct link_row {
    const char *id;
    int64_t result;
    const char *format;
    const char *note;
    int64_t creator;
    int64_t created_at;
    int64_t expires_at;
};
int store_link_add(struct db *db, const struct link_row *l, struct err *e);
int store_link_prune(struct db *db, int64_t expired_before, int64_t limit, struct err *e);

int store_heartbeat(struct db *db, int64_t now, struct err *e); /* writes one row */
