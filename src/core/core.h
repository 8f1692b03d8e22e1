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
#include "base/clock.h"
#include "base/err.h"
#include "blob/blob.h"
#include "core/settings.h"
#include "db/db.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pool;
struct makings;
struct downloads;
struct passwords;
struct spools;
struct secrets;
struct buckets;

/*
 * A read transaction on the calling thread's own connection, for what goes on reading when its session is
 * over: the body of an answer, a spool. Not from inside a session of that thread, and in an event loop only
 * where reads run there.
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
    struct secrets *secrets;     /* the key that seals what others gave into our keeping */
    struct buckets *buckets;     /* what those of clients are reached through */
    struct makings *makings;     /* representations that are being made */
    struct passwords *passwords; /* being checked */
    struct downloads *downloads; /* being counted */
    struct spools *spools;       /* long texts that are being made */
    bool joined;                 /* the database and the bytes belong together: before, nothing is removed */
    atomic_bool disowned;        /* the bytes are not this database's any more, and the log says so */
    atomic_llong clock_epoch;    /* see clocks.h; 0: time is what this machine's clock says */
    atomic_llong clock_ahead;    /* microseconds that this machine's was ahead of the database's */
    atomic_bool clock_differs;   /* by too much, and the log says so */
    atomic_llong previews;       /* pages of rows that are read or sent, and looks at columns */
    atomic_llong upload_bytes;   /* received and not yet written, of all uploads */
    struct {                     /* for /-/metrics */
        atomic_llong uploads, sweeps, expired, purged, lapsed, sweep_errors;
        atomic_llong orphans, orphan_searches, blobs_removed;
    } counters;
};

/* What a key may do: bits of struct actor's scopes. No scope implies another but admin. */
enum scope {
    SCOPE_READ = 1 << 0,
    SCOPE_ACK = 1 << 1,
    SCOPE_WRITE = 1 << 2,
    SCOPE_DELETE = 1 << 3,
    SCOPE_ADMIN = 1 << 4,
    SCOPE_ALL = SCOPE_READ | SCOPE_ACK | SCOPE_WRITE | SCOPE_DELETE | SCOPE_ADMIN,
};

/* Who asks. */
struct actor {
    int64_t pk;
    int64_t project;
    const char *project_name;
    const char *name;
    const char *public_id; /* of a key; NULL: a user */
    int64_t scopes;
    int64_t expires_at; /* of a key; 0: never */
    int64_t storages;   /* how many buckets of its own the project has */
    bool staff;         /* of a user: the flag; of a key: it may delete or administer */
    bool by_cookie;     /* a browser stands for the key, by what it was given for it */
};

struct access_memory;

struct session {
    struct core *core;
    struct db *db;
    struct arena *arena;
    struct actor actor;
    int64_t now;
    const struct signing_key *signing; /* once it was read */
    struct access_memory *memory;      /* of keys looked up not long ago, or NULL */
    int64_t until;                     /* what is handed out is good no longer; 0: there is no such end */
};

/*
 * What time it is for everything that is decided: what has expired, lapsed, may be used. The same on all
 * machines that share a database, whose clock it is (clocks.h); of a database in a file, this machine's.
 */
static inline int64_t core_now(struct core *c)
{
    int64_t epoch = atomic_load_explicit(&c->clock_epoch, memory_order_relaxed);
    return epoch ? epoch + clock_boot() : clock_now();
}

static inline const struct settings *core_settings(struct core *c)
{
    return atomic_load_explicit(&c->settings, memory_order_acquire);
}
