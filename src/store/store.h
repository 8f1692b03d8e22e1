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

extern const struct migration store_sqlite_migrations[],
    store_pg_migrations[]; /* made from sql/ at build time */
extern const int store_sqlite_migration_count, store_pg_migration_count;

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
    int64_t expires_at; /* 0: never */
    int64_t storages;   /* how many its project has */
};

enum storage_state { STORAGE_NEW, STORAGE_VALID, STORAGE_INVALID, STORAGE_STATE_END };
extern const char *const storage_state_names[STORAGE_STATE_END];

/* A bucket of a project's own. */
struct storage {
    int64_t pk;
    const char *id;
    int64_t project;
    const char *name;
    const char *url;       /* s3://BUCKET or s3://BUCKET/PREFIX, not encoded */
    const char *endpoint;  /* NULL: Amazon's of the region */
    const char *region;    /* NULL: us-east-1 */
    int64_t path_style;    /* 1, 0, or -1: where there is an endpoint */
    bool redirects;        /* clients are sent there for bytes */
    int64_t link_lifetime; /* seconds that an address of the bucket is good for; 0: redirect_lifetime */
    const char *access_key_id;
    const char *secret; /* sealed */
    enum storage_state state;
    int64_t creator;
    const char *creator_name;
    int64_t created_at;
    int64_t changed_at;
    bool is_default; /* the project's results go there */
    struct storage *next;
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
    int64_t downloads; /* to the last byte */
    int64_t downloaded_at;
    const char *content_encoding; /* of the stored bytes; "": none */
    int64_t storage;              /* where they are; 0: in the server's own, and the rest of these is NULL */
    const char *object;           /* their whole key there */
    const char *etag;             /* what the bucket called them */
    const char *storage_name, *storage_url;
    bool redirects;           /* clients are sent there for them */
    struct table_facts table; /* without description and offsets when read */
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
    int64_t storage; /* where its results go; 0: as the project says */
    const char *storage_name;
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
    const char *or_kind;   /* with `kind`: this one too */
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
    const char *untyped; /* with `type`: also those of no type and this media type, in small letters */
    const char *state;   /* NULL: available; "any" */
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

struct storage_filter {
    int64_t project;
    int64_t created_after;
    bool newest_first; /* else from old to new */
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

/* storage.c */
int store_storage_add(struct db *db, struct storage *st,
                      struct err *e); /* sets pk; 0: the name is taken, 1 */
int store_storage_get(struct db *db, struct arena *a, int64_t project, const char *id, struct storage **ret,
                      struct err *e);
int store_storage_by_name(struct db *db, struct arena *a, int64_t project, const char *name,
                          struct storage **ret, struct err *e);
int store_storage_by_pk(struct db *db, struct arena *a, int64_t pk, struct storage **ret, struct err *e);
int store_storage_default(struct db *db, struct arena *a, int64_t project, struct storage **ret,
                          struct err *e);
int store_storage_list(struct db *db, struct arena *a, const struct storage_filter *f,
                       const struct page *page, struct storage **ret, struct err *e);
int store_storage_count(struct db *db, int64_t project, int64_t *ret, struct err *e);
int store_storage_change(struct db *db, const struct storage *st,
                         struct err *e); /* ERR_DB_CONSTRAINT: taken */
int store_storage_set_default(struct db *db, int64_t project, int64_t pk, struct err *e); /* 0: none is */
/* Of the one that was changed last at `changed_at`: 0 if it was changed since. */
int store_storage_set_state(struct db *db, int64_t pk, int64_t changed_at, enum storage_state state,
                            struct err *e);
/* What refers to it: bits of these. */
enum { STORAGE_OF_RESULTS = 1, STORAGE_OF_JOBS = 2 };
int store_storage_uses(struct db *db, int64_t pk, struct err *e);
int store_storage_remove(struct db *db, const struct storage *st, struct err *e);
/* What rows say of the objects in one, behind the key `after`, in the order of their keys. */
struct stored_object {
    const char *key, *etag, *result;
    int64_t size;
    bool stored; /* false: the result has let go of it */
};
int store_storage_objects(struct db *db, struct arena *a, int64_t storage, const char *after, int64_t limit,
                          struct stored_object **ret, int64_t *ret_count, struct err *e);
/* The one of that key: 1, or 0. */
int store_storage_object(struct db *db, struct arena *a, int64_t storage, const char *key,
                         struct stored_object *ret, struct err *e);
/* Secrets, page by page: sealed texts of storages and of documents, whose bodies hold them. */
int store_storage_reseal(struct db *db, int64_t pk, const char *sealed, struct err *e);
int store_storage_after(struct db *db, struct arena *a, int64_t after, int64_t limit, struct storage **ret,
                        struct err *e);

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
/* Writes scopes, staff and revoked_at. */
int store_principal_change(struct db *db, const struct principal *p, struct err *e);
typedef int store_principal_fn(void *ctx, const struct principal *p, struct err *e);
/* The keys or users of a project, oldest first unless newest_first. */
int store_principal_each_of(struct db *db, struct arena *a, enum principal_kind kind, int64_t project,
                            bool newest_first, const struct page *page, store_principal_fn *each, void *ctx,
                            struct err *e);
/* Keys of a project with one of these scopes that are good at `now`, but for the one with this pk. */
int store_principal_count_other_keys(struct db *db, int64_t project, int64_t scopes, int64_t pk, int64_t now,
                                     int64_t *ret, struct err *e);
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
 * type, creator, created_at and deleted_at; texts live until `each` returns. Conditions are over r, the
 * result. The columns' names are those of struct result; JOB_… are of its job.
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
    RESULT_JOB_CREATED_AT,
    RESULT_JOB_CREATOR,
    RESULT_JOB_CREATOR_NAME,
    RESULT_COLUMN_END
};
extern const struct filter_column store_result_columns[RESULT_COLUMN_END];
/*
 * `keys` of columns that follow from the job, as an expression over j, and from the kind, over k.kind. Jobs
 * are fewer than their results; of each kind one result is read. $1 is the project.
 */
#define RESULT_JOBS_BY(expression) "r.job IN (SELECT j.pk FROM job j WHERE j.project = $1 AND " expression
#define RESULT_KINDS_BY(expression)                                                                          \
    "r.kind IN (WITH RECURSIVE k(kind) AS (SELECT min(kind) FROM result WHERE project = $1 UNION ALL"        \
    " SELECT (SELECT min(kind) FROM result WHERE project = $1 AND kind > k.kind) FROM k"                     \
    " WHERE k.kind IS NOT NULL) SELECT k.kind FROM k WHERE k.kind IS NOT NULL AND " expression
enum { RESULT_BY_KINDS = 6, RESULT_BY_JOBS = 9 }; /* how narrow they are */
typedef int store_result_fn(void *ctx, const struct result *r, struct err *e);
int store_result_query(struct db *db, int64_t project, const struct filter *f, store_result_fn *each,
                       void *ctx, struct err *e);

int store_result_count(struct db *db, struct arena *a, const struct result_filter *f, int64_t *ret,
                       struct err *e); /* up to STORE_COUNT_LIMIT */
/* Writes what changes in a life: state, keep, stored, times. The row must have been read in the same
 * transaction; ERR_DB_CONFLICT, perhaps at its end, if it is not in the state in which it was read. `now` is
 * for the history of usage. */
int store_result_change(struct db *db, struct result *to, int64_t now, struct err *e);
int store_result_consume(struct db *db, struct result *to,
                         struct err *e); /* the same, of available → consumed only */
int store_result_downloaded(struct db *db, int64_t pk, int64_t downloads, int64_t at, struct err *e);
int store_result_remove(struct db *db, const struct result *r, int64_t now, struct err *e);
/* What expiry takes and what the end of the trash takes, the longest due first. */
int store_result_due(struct db *db, struct arena *a, int64_t now, int64_t limit, struct result **ret,
                     struct err *e);
/* Of a project: what has not expired at `now` and will, soonest first; without soft-deleted ones. */
int store_result_expiring(struct db *db, struct arena *a, int64_t project, int64_t now, int64_t limit,
                          struct result **ret, struct err *e);
int store_result_purgeable(struct db *db, struct arena *a, int64_t deleted_before, int64_t limit,
                           struct result **ret, struct err *e);
int store_result_next_due(struct db *db, int64_t *ret, struct err *e); /* 0: nothing will be */
/* Those whose bytes are in the server's own storage. */
int store_result_stored_after(struct db *db, struct arena *a, int64_t after_pk, int64_t limit,
                              struct result **ret, struct err *e);

/* bytes.c: results in the database */
int store_bytes_add(struct db *db, int64_t result, const void *bytes, size_t len, struct err *e);
int store_bytes_get(struct db *db, struct arena *a, int64_t result, const void **ret, size_t *ret_len,
                    struct err *e);
int store_bytes_remove(struct db *db, int64_t result, struct err *e);

/* doomed.c: files to be removed. */
int store_doomed_add(struct db *db, const char *key, int64_t due_at, struct err *e);
struct doomed {
    const char *key;
    bool orphan; /* no row has ever named it */
};
int store_doomed_due(struct db *db, struct arena *a, int64_t now, int64_t limit, struct doomed **ret,
                     int64_t *ret_count, struct err *e);
/* It has been removed. An orphan stays until `again`, when it is due once more. */
int store_doomed_removed(struct db *db, const struct doomed *d, int64_t again, struct err *e);
int store_doomed_retry(struct db *db, const char *key, int64_t now,
                       struct err *e); /* later, and later each time */
int store_doomed_has(struct db *db, const char *key, struct err *e);

/* orphan.c: files that no row names. Keys come as lists, so that one statement asks for many. */
enum { STORE_KEYS_MOST = 1000 };
struct store_keys {
    const char *const *keys; /* made by id_new, hence without what JSON would escape */
    int count;
};
/* Those of `keys` that neither rows nor doomed_blob have, into `ret`, which has room for all. */
int store_unclaimed(struct db *db, struct arena *a, const struct store_keys *keys, const char **ret,
                    int *ret_count, struct err *e);
/* They were seen by the search that began at `search`; `now` counts for those that were not known before. */
int store_orphan_note(struct db *db, const struct store_keys *keys, int64_t now, int64_t search,
                      struct err *e);
/* What other searches saw, and this one did not, is not there any more. */
int store_orphan_forget(struct db *db, int64_t search, struct err *e);
/* How many have no row yet. */
int store_orphan_count(struct db *db, int64_t *ret, struct err *e);
/* Up to `limit` that were found at `before` or earlier: those that still have no row are doomed. *ret_count:
 * how many were looked at; they are orphans no longer. */
int store_orphan_doom(struct db *db, int64_t before, int64_t now, int64_t limit, int64_t *ret_count,
                      struct err *e);

/* Who removes files, and how far the search for orphans has come. */
struct removal_row {
    char node[33];
    int64_t till;
    int64_t begun_at; /* 0: there is no search under way, and the next three are nothing */
    int64_t part;
    char after[37];
    int64_t seen;
    int64_t searched_at, tidied_at;
    int64_t held, held_of;
};
int store_removal_get(struct db *db, struct removal_row *ret, struct err *e);
/* 1: `node` may until `till`; 0: another one may, whose time had not come at `now`. */
int store_removal_claim(struct db *db, const char *node, int64_t now, int64_t till, struct err *e);
/* All but who, and until when. 0: `r->node` may not any more. */
int store_removal_put(struct db *db, const struct removal_row *r, struct err *e);
int store_removal_release(struct db *db, const char *node, struct err *e);

/*
 * archive.c: what an archive needs to know of the results of a job or a batch, in the order of pk. Of the row
 * are set: pk, id, job_id, name, type, media_type, size, sha256, crc32, state, is_inline, storage,
 * created_at, due_at, expired_at, deleted_at, content_encoding and table; `reference_id` is the job's. Texts
 * live until `each` returns.
 */
typedef int store_archive_fn(void *ctx, const struct result *r, const char *reference_id, struct err *e);
/* One of job and batch is 0. Those behind the pk `after`, `most` at most. */
int store_archive_each(struct db *db, int64_t job, int64_t batch, int64_t after, int64_t most,
                       store_archive_fn *each, void *ctx, struct err *e);
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
/* Those of all projects behind a pk that may hold sealed texts. */
int store_document_sealed(struct db *db, struct arena *a, int64_t after, int64_t limit, struct document **ret,
                          struct err *e);
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
/* 1 and how the description begins, in the arena; 0: not a table. Much less than all of it is read. */
int store_table_head(struct db *db, struct arena *a, int64_t result, const char **ret, struct err *e);
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
/* All of them, in pages that hold no view of the database between them. */
typedef int store_representation_fn(void *ctx, const struct representation_row *r, struct err *e);
int store_representation_each(struct db *db, store_representation_fn *each, void *ctx, struct err *e);
int store_representation_add(struct db *db, const struct representation_row *r, struct err *e);
/* Rows go, and with them their blobs, which are due at `due_at`. */
int store_representation_drop(struct db *db, const char *tag, int64_t due_at, struct err *e);
int store_representation_drop_of(struct db *db, int64_t result, int64_t due_at, struct err *e);
/* The oldest go until the rest have `limit` bytes together at most. */
int store_representation_make_room(struct db *db, int64_t limit, int64_t due_at, struct err *e);

/* making.c: which node makes a representation at the moment. */
/* 1: it is this node's until `till`; 0: it is another one's. */
int store_making_claim(struct db *db, const char *tag, const char *node, int64_t now, int64_t till,
                       struct err *e);
int store_making_renew(struct db *db, const char *tag, const char *node, int64_t till,
                       struct err *e); /* 0: it is not this node's any more */
int store_making_release(struct db *db, const char *tag, const char *node, struct err *e);
int store_making_is_claimed(struct db *db, const char *tag, int64_t now, struct err *e); /* 1 or 0 */
/* What dead nodes have left. */
int store_making_prune(struct db *db, int64_t before, int64_t limit, struct err *e);

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

/* usage_hour.c: what happened, by the hour. */
struct activity {
    int64_t uploads, uploaded_bytes;
    int64_t downloads, downloaded_bytes;
    int64_t acks, expired, deleted;
};
struct usage_span {
    int64_t at; /* when it begins */
    struct activity seen;
    struct usage after; /* the last change in it */
};
/* Adds to the hour of `now`; what there is in `usage` is noted with it. */
int store_usage_hour_add(struct db *db, int64_t project, int64_t now, const struct activity *seen,
                         struct err *e);
/* Spans of `step` microseconds since 1970 that begin at `from` or later and in which something happened, in
 * their order; up to `most`. */
int store_usage_spans(struct db *db, int64_t project, int64_t from, int64_t step, int64_t most,
                      struct usage_span *ret, int64_t *ret_count, struct err *e);
/* What there was at `at`: 1, or 0 if nothing had happened before. */
int store_usage_before(struct db *db, int64_t project, int64_t at, struct usage *ret, struct err *e);
int store_usage_downloaded(struct db *db, int64_t project, int64_t now, const struct activity *seen,
                           struct err *e); /* gathered like what transactions count themselves */
/* Removes up to `limit` hours before that time, but of each project the last one: it says what there was
 * since. */
int store_usage_prune(struct db *db, int64_t before, int64_t limit, struct err *e);

/* whole.c: tables as they are, for copies of a whole database. */
struct whole_table {
    const char *name;
    const char *key;  /* an integer of each row, by which pages go */
    bool numbered;    /* the engine gives keys by itself, see db_sequence */
    const char *also; /* or NULL: what follows from a row; $1 is its key */
};
/* All that is copied, what is referred to first; and what each database has for itself: what can be made
 * again, and what is about its own files or changes. NULL ends both. */
extern const struct whole_table store_whole_tables[];
extern const char *const store_whole_left[];
/* The names of the former, for db_freeze. */
extern const char *const store_whole_names[];

struct whole_row {
    int64_t key;
    int count; /* of its columns */
    const char *const *names;
    const struct db_value *values; /* these and the names live until `each` returns */
};
typedef int store_whole_fn(void *ctx, const struct whole_row *r, struct err *e);
/* Rows with greater keys than `after`, in their order, up to `limit`. */
int store_whole_page(struct db *db, const struct whole_table *t, int64_t after, int64_t limit,
                     store_whole_fn *each, void *ctx, struct err *e);
int store_whole_add(struct db *db, const struct whole_table *t, const struct whole_row *r, struct err *e);
int store_whole_count(struct db *db, const struct whole_table *t, int64_t *ret, struct err *e);
int store_whole_last(struct db *db, const struct whole_table *t, int64_t *ret_key,
                     struct err *e); /* 0: none */
/* Of all stored results. */
int store_whole_bytes(struct db *db, int64_t *ret_results, int64_t *ret_bytes, struct err *e);

/* instance.c: who a database is, and what belongs to it. */
struct instance {
    char id[37];
    char store[37];   /* of the store of its bytes, which carries the id, too; "": none has been joined yet */
    char copy_of[37]; /* the id of the database that this one is a backup of; "": it is none */
    char sealed[128]; /* core/instance.h; "": by no key yet */
};
extern const char store_instance_proof[]; /* a query of nothing but the id */
int store_instance_get(struct db *db, struct instance *ret, struct err *e); /* 1, or 0: there is none */
int store_instance_add(struct db *db, const char *id, struct err *e);       /* unless there is one */
int store_instance_put(struct db *db, const struct instance *i, struct err *e);
int store_instance_bind(struct db *db, const char *store, struct err *e);   /* unless there is one */
int store_instance_rebind(struct db *db, const char *store, struct err *e); /* and it is nobody's copy */
int store_instance_seal(struct db *db, const char *sealed, struct err *e);

/* relocation.c: what a database knows of being moved. */
enum relocation_role { RELOCATION_SOURCE, RELOCATION_TARGET, RELOCATION_ARRIVED, RELOCATION_ROLE_END };
struct relocation {
    enum relocation_role role;
    char token[37];
    char stage[32];
    int64_t after_key;
    int64_t blobs, bytes, rows;
    int64_t started_at;
    int64_t finished_at;
};
int store_relocation_get(struct db *db, struct relocation *ret, struct err *e);
int store_relocation_put(struct db *db, const struct relocation *r, struct err *e);
int store_relocation_remove(struct db *db, struct err *e);
/* Writes how far it has come. 0: it is not where `from` says any more, somebody else is at work. */
int store_relocation_advance(struct db *db, const struct relocation *to, const struct relocation *from,
                             struct err *e);
int store_lost_add(struct db *db, int64_t result, const char *id, const char *why, struct err *e);
int store_lost_remove(struct db *db, int64_t result, struct err *e);
int store_lost_clear(struct db *db, struct err *e);
int store_lost_count(struct db *db, int64_t *ret, struct err *e);
typedef int store_lost_fn(void *ctx, int64_t result, const char *id, const char *why, struct err *e);
/* Those of greater keys than `after`, up to `limit`. */
int store_lost_each(struct db *db, int64_t after, int64_t limit, store_lost_fn *each, void *ctx,
                    struct err *e);

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
int store_heartbeat_get(struct db *db, int64_t *ret, struct err *e);
