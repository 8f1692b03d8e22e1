/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules work on.
 *
 * `struct core` is the process: made once, shared by all threads. `struct session` is one request or one step
 * of a background task: it lives in one thread, its `db` is that thread's connection and is inside a
 * transaction (of mode DB_READ for what only reads), and everything that functions return lives in its
 * `arena`.
 *
 * Errors carry the public code and sentence that every API renders in its own words.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "blob/blob.h"
#include "core/settings.h"
#include "db/db.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pool;
struct pending;
struct makings;
struct passwords;
struct spools;
struct secrets;

/*
 * A read transaction on the calling thread's own connection, for what goes on reading when its session is
 * over: the body of an answer, in its event loop. Not from inside a session of that thread.
 */
struct core_reader {
    int (*run)(void *of, db_body_fn *body, void *ctx, struct err *e);
    void *of;
};

struct core {
    settings_ref settings;
    struct core_reader reader;
    struct blob_store *blobs;
    struct pool *workers;        /* hashing and file writing */
    struct pool *outgoing;       /* asking other servers, which may wait for seconds */
    struct pending *pending;     /* blobs that are named but not yet in a row */
    struct secrets *secrets;     /* the key that seals what others gave into our keeping */
    struct makings *makings;     /* representations that are being made */
    struct passwords *passwords; /* being checked */
    struct spools *spools;       /* long texts that are being made */
    atomic_llong previews;       /* pages of rows that are read or sent */
    atomic_llong upload_bytes;   /* received and not yet written, of all uploads */
    struct {                     /* for /-/metrics */
        atomic_llong uploads, sweeps, expired, purged, orphans, lapsed, sweep_errors, blobs_removed;
    } counters;
};

/* What a key may do: bits of struct actor's scopes. No scope implies another but admin. */
enum scope {
    SCOPE_READ = 1 << 0,
    SCOPE_ACK = 1 << 1,
    SCOPE_WRITE = 1 << 2,
    SCOPE_DELETE = 1 << 3,
    SCOPE_ADMIN = 1 << 4,
};

/* Who asks. */
struct actor {
    int64_t pk;
    int64_t project;
    const char *project_name;
    const char *name;
    const char *public_id; /* of a key; NULL: a user */
    int64_t scopes;
    bool staff; /* of a user: the flag; of a key: it may delete or administer */
};

struct access_memory;

struct session {
    struct core *core;
    struct db *db;
    struct arena *arena;
    struct actor actor;
    int64_t now;
    struct signing_key *signing;  /* once it was read */
    struct access_memory *memory; /* of keys looked up not long ago, or NULL */
};

static inline const struct settings *core_settings(struct core *c)
{
    return atomic_load_explicit(&c->settings, memory_order_acquire);
}
