/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is being received: it has a name of its own, beside that of the file which it will be, until
 * all of it is there and proved. A second run goes on where the first was ended, however it was: the name
 * says which bytes these are the beginning of.
 *
 * A part belongs to one thread at a time.
 */
#pragma once

#include "base/arena.h"
#include "cli/failure.h"

#include <stdbool.h>
#include <stdint.h>

struct part;

/* What names a part, of a result and the ETag of the representation; in the arena. `final`: where it will be.
 */
const char *part_path(struct arena *a, const char *final, const char *id, const char *etag);
/* Whether there are parts of this result beside `final`, of whatever ETag. */
bool part_any(struct arena *a, const char *final, const char *id);
/* Removes those. */
void part_forget(struct arena *a, const char *final, const char *id);

/* Opens it, makes it if it is missing. FAILURE_CONFLICT: another process is at it. `sums_late`: all of it is
 * read once more by part_finish, which may be in another thread; else it is summed as it comes. */
int part_open(const char *path, bool sums_late, struct part **ret, struct failure *f);
int64_t part_received(const struct part *p);
int part_restart(struct part *p, struct failure *f); /* nothing of it is good */
int part_write(struct part *p, const void *bytes, size_t len, struct failure *f);
/*
 * All of it is there. `sha256` in hex, or "": not known. FAILURE_DAMAGED: these are other bytes; the part is
 * removed. `durable`: it survives a power cut when this returns. `replace`: what has the final name makes
 * room, else FAILURE_CONFLICT.
 */
int part_finish(struct part *p, const char *sha256, const char *final, bool durable, bool replace,
                struct failure *f);
void part_close(struct part *p); /* it stays, for another time; NULL is fine */

/* A file that has its name already survives a power cut from now on. */
int part_sync(const char *final, struct failure *f);
/* The same for the name alone, of a file or a folder. */
int part_sync_name(const char *path, struct failure *f);
/* The sum of a file as it is. FAILURE_ABSENT: there is none. */
int part_sum(const char *path, int64_t *ret_size, char *ret_sha256, struct failure *f);
