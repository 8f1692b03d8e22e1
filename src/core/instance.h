/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to a database: the store of its bytes, and the key of its secrets. A database with another's
 * store would take all bytes there for orphans and remove them; one with another's key could not open what
 * clients have left. So both are proved before anything works on them.
 *
 * Each database has an id, made with it, and its store carries the same (blob_owner), beside an id of the
 * store's own, which the database notes once the store has both: until then it is new, and takes none but an
 * empty store. Of several nodes that begin at once the first one's store is noted, and only those that have
 * the same one agree. A backup has ids of its own, so a store is never that of two databases.
 */
#pragma once

#include "core/core.h"
#include "core/folder.h"
#include "core/secret.h"

/* Where database and bytes are: only for the sentences. */
struct instance_place {
    const struct folder *folder;
    const struct settings *settings;
};

/* Inside a write transaction: the database has an id. */
int instance_ensure(struct session *s, struct err *e);

/* ERR_MISMATCH: they do not belong together; the sentence says which, and what to do. Changes nothing, and a
 * new database with an empty store is fine. */
int instance_compare(const struct instance_place *p, struct db *db, struct blob_store *blobs, struct err *e);
/* The same, and makes what is new belong together, also while others do. Not inside a transaction. */
int instance_join(const struct instance_place *p, struct db *db, struct blob_store *blobs, struct err *e);
/* ERR_BUSY: a node works on this database; one that was killed counts as long as its claim on removing files
 * lasts. In a file of this machine the folder's lock says it, and this nothing. */
int instance_refuse_served(struct db *db, struct err *e);
/* The store is this database's from now on, whoever's it was: also of a copy that has the same id. */
int instance_adopt(const struct instance_place *p, struct db *db, struct blob_store *blobs, struct err *e);

/*
 * Whether that is still so while a server runs: 0: somebody has adopted the bytes for another database, or
 * its mark is gone, and nothing of them is to be removed; the log says so once, and once when it is over, and
 * core->disowned as long. 1: they are this database's. Any connection, outside of the event loops.
 */
int instance_holds(struct core *core, struct db *db, struct err *e);

/* Inside a write transaction, of a copy: it becomes a database of its own, with a store of its own if the
 * original has one. */
int instance_renew(struct db *copy, struct err *e);
/* The store that has the copy's bytes says so. Nothing, if the original has none. */
int instance_mark(struct db *copy, struct blob_store *blobs, struct err *e);

/*
 * The keys in the file, once they have proved to be those of this database. Where none has been used yet and
 * `may_make`, the database keeps the proof from now on, and the file is made if it is missing: outside of a
 * transaction, on a connection that writes. ERR_MISMATCH, ERR_STORAGE: they are others, or missing.
 */
int instance_secrets(struct db *db, const char *path, bool may_make, struct secrets **ret, struct err *e);
/* The same after the key was lost: whatever the file holds is the key of this database from now on. */
int instance_secrets_anew(struct db *db, const char *path, struct secrets **ret, struct err *e);
/* Inside a write transaction: the proof, sealed by the first key of the file. ERR_INTERNAL: none opens it. */
int instance_reseal(struct session *s, struct secrets *secrets, struct err *e);
