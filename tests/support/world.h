/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole core in a folder of its own: database (SQLite, or see support/pg.h), blobs, workers, a project and
 * an actor who may do anything. Time is what `now` says, for every session, so that tests never wait.
 */
#pragma once

#include "core/check.h"
#include "core/database.h"
#include "core/job.h"
#include "core/publish.h"
#include "core/result.h"
#include "core/upload.h"
#include "support/failing.h"
#include "support/pg.h"
#include "support/temp.h"
#include "support/test.h"

struct world {
    char path[TEMP_SIZE];
    struct folder folder;
    struct database database;
    struct settings settings;
    char pg[PG_WHERE_SIZE]; /* the database of this world, under RESULTD_TEST_DB=pg */
    struct core core;
    struct failing fault; /* of db and of core.blobs */
    struct db *db;
    struct arena arena; /* what the functions below return lives here */
    struct actor actor;
    int64_t now;
};

void world_open(struct world *w);
void world_open_on(struct world *w, bool pg); /* else on SQLite */
void world_close(struct world *w);

/* A session on the writer's connection, in a transaction. */
typedef int world_fn(struct session *s, void *ctx, struct err *e);
int world_run(struct world *w, world_fn *fn, void *ctx, struct err *e);
void world_session(struct world *w, struct db *db, struct session *ret); /* outside of a transaction */

/* Short cuts that must succeed; ids live in the arena. */
const char *world_job(struct world *w);
struct job *world_get_job(struct world *w, const char *id);
struct result *world_publish(struct world *w, const char *job, const char *name, size_t size, bool keep);
struct result *world_get(struct world *w,
                         const char *id);              /* NULL: there is none; as stored, not as it is now */
int64_t world_count(struct world *w, const char *sql); /* one integer */
void world_sql(struct world *w, const char *sql);      /* the sums of usage follow */
/* One more connection, which the caller closes or hands on; faults reach it too. */
struct db *world_reader(struct world *w);
struct db *world_writer(struct world *w);

/* Size bytes that depend on the seed, in the arena. */
unsigned char *world_bytes(struct world *w, size_t size, unsigned seed);

/* Takes bytes in and waits until they are durable. On failure *ret is still to be freed. */
int world_upload(struct world *w, const void *bytes, size_t size, struct upload **ret,
                 const struct upload_result **ret_done, struct err *e);

void world_check(struct world *w, struct check_report *ret); /* every row proved against its bytes */
void world_assert_sound(struct world *w);                    /* nothing wrong but orphans that are young */

/* All rows as one text, to see that nothing has changed. */
const char *world_snapshot(struct world *w);
