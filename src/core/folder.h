/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data folder: DATA/resultd.db, DATA/blobs/, DATA/secret.key (core/secret.h), and two lock files.
 * DATA/serve.lock is held by the daemon, of which there is one for a folder; DATA/files.lock by a backup
 * while no file may go. Everything is readable by its owner alone.
 */
#pragma once

#include "core/settings.h"

struct folder {
    char db_path[4096];
    char blobs_path[4096];
    char scratch_path[4096]; /* of puts to a bucket: nothing in it outlives the process */
    char serve_lock[4096];
    char files_lock[4096];
    char secret_key[4096];
};

/* Makes the folder where it is missing. */
int folder_prepare(const char *data, struct folder *ret, struct err *e);
/* The same for one that must be there already; with a database in it, unless that is elsewhere. */
int folder_find(const char *data, bool has_database, struct folder *ret, struct err *e);
/* A descriptor that holds DATA/serve.lock until it is closed, or an error: another daemon serves this folder.
 * Both lock files are there after it. */
int folder_lock(const struct folder *f, int *ret, struct err *e);
/* Where the key of secrets is: as secret_key_file says, or DATA/secret.key. Lives as long as both. */
const char *folder_secret_key(const struct folder *f, const struct settings *set);
