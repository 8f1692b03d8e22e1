/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the archive*.c files: archive.c plans, archive_tables.c finds out what tables become, and
 * archive_read.c reads. What only planning needs is in struct archive_plan and goes when the size is known;
 * what reading needs is in struct archive_bytes, which belongs to one request and is used by its event loop.
 */
#pragma once

#include "base/id.h"
#include "core/archive.h"
#include "core/making.h"
#include "render/zip.h"

/* How many tables one archive has in the making: a few, as others wait in the same queue. */
enum { ARCHIVE_AT_ONCE = 4 };

/* A result that is in. Its bytes are those of a representation, or in a blob named after `id`, or in the
 * database under `pk`. */
struct archive_member {
    int64_t pk;
    int64_t size;
    const char *tag; /* of the representation; NULL: as it was uploaded */
    bool is_inline;
    char id[ID_SIZE];
};

/* What the manifest and the directory need to know of it besides. */
struct archive_file {
    const char *name, *type, *media_type, *job_id, *reference_id;
    const char *unavailable; /* why it is not converted; NULL: it is, or nobody would expect it */
    int64_t created_at;
    uint32_t crc32;
    char sha256[DIGEST_SHA256_HEX];
};

/* A result that is not. */
struct archive_missing {
    const char *id, *name, *reason;
    struct archive_missing *next;
};

struct archive_under_way {
    struct making *making;
    int index; /* of the member */
};

struct archive_plan {
    struct arena arena;
    const char *kind, *id; /* what it is of */
    bool in_folders;
    int64_t newest;             /* of what is in */
    struct archive_file *files; /* of members */
    struct archive_missing *missing, **missing_link;
    int next;                                            /* the first member that was not looked at */
    bool rests;                                          /* there is more to look at, at once */
    struct archive_under_way under_way[ARCHIVE_AT_ONCE]; /* the oldest first */
    int under_way_count;
};

struct archive_bytes {
    struct core *core;
    struct arena kept;
    struct archive_plan *plan; /* NULL: the size is known */
    bool converts;
    struct archive_form form; /* if it converts */
    struct zip *zip;
    const char *manifest; /* entry 0; entry i is members[i - 1] */
    struct archive_member *members;
    int count;
    struct making_waiter waiter;
    int open; /* the entry whose bytes are at hand, or will be: */
    struct blob *blob;
    struct making *making;
    struct arena arena;
    const void *bytes;
};

/* archive_tables.c: decides what is to become of a result as it is planned. */
int archive_choose(struct session *s, struct archive_bytes *b, const struct result *r,
                   struct archive_member *m, struct archive_file *f, struct err *e);
void archive_plan_free(struct archive_plan *p); /* NULL is fine */

/* archive.c: everything is known of each member. Returns the size; the plan is gone. */
int64_t archive_finish(struct archive_bytes *b);
