/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data folder: DATA/resultd.db, DATA/blobs/, DATA/secret.key (core/secret.h), and two lock files.
 * DATA/serve.lock is held by the daemon, of which there is one for a folder; DATA/files.lock by a backup
 * while no file may go. Everything is readable by its owner alone.
 */
#pragma once

#include "core/core.h"

struct folder {
    char db_path[4096];
    char blobs_path[4096];
    char serve_lock[4096];
    char files_lock[4096];
    char secret_key[4096];
};

/* Makes the folder where it is missing. */
int folder_prepare(const char *data, struct folder *ret, struct err *e);
/* The same for one that must be there already. */
int folder_find(const char *data, struct folder *ret, struct err *e);
/* A descriptor that holds DATA/serve.lock until it is closed, or an error: another daemon serves this folder.
 */
int folder_lock(const struct folder *f, int *ret, struct err *e);

/*
 * A connection. The writer's is migrated, and has a signing key, if it may be (nobody else serves the
 * folder); else, like a reader's, it must be of this program's schema already.
 */
int folder_open_writer(const struct folder *f, bool may_migrate, int64_t busy_seconds, struct db **ret,
                       struct err *e);
int folder_open_reader(const struct folder *f, int64_t busy_seconds, int64_t map_bytes, struct db **ret,
                       struct err *e);
