/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the metadata is: SQLite's file in the data folder, or the PostgreSQL that the setting `db` names. The
 * same tables and statements on both.
 */
#pragma once

#include "core/core.h"
#include "core/folder.h"

struct database {
    const struct db_ops *ops;
    char where[4096];
    const struct migration *steps;
    int step_count;
    struct db_options options;
    char instance[37]; /* the id that it has to have, on each connection that reads; "": any */
};

void database_choose(const struct folder *f, const struct settings *set, struct database *ret);
/* The same for a command that reads everything: without a limit of time, and without mapping a file, since a
 * read error in a mapping would end it. */
void database_choose_whole(const struct folder *f, const struct settings *set, struct database *ret);
/* What people may see of where it is: without a password. */
void database_name(const struct folder *f, const struct settings *set, char *ret, size_t size);
/* Where db_replica is, for readers only: they read nothing but what has this id. */
void database_choose_replica(const struct settings *set, const char *instance, struct database *ret);
/* ERR_MISMATCH: another database answers there. 0: the right one does, or none does now. */
int database_try_replica(const struct database *d, struct err *e);

/*
 * A connection. Each is refused by a database that a move has only begun to fill. The writer's is migrated,
 * and has a signing key and an id (core/instance.h), if it may be; else it must be of this program's schema
 * already, like that of a command that only reads (`verify`). A server's later connections do not look:
 * another node may have brought a database forward by a step that leaves this program working.
 */
int database_open_writer(const struct database *d, bool may_migrate, struct db **ret, struct err *e);
/* One that rows are to be copied into: migrated, without a signing key or an id of its own, and without sums
 * that follow what is written. */
int database_open_copy(const struct database *d, struct db **ret, struct err *e);
int database_open_reader(const struct database *d, bool verify, struct db **ret, struct err *e);
