/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the archive*.c files: archive.c plans, archive_tables.c finds out what tables become, and
 * archive_read.c reads. What only planning needs is in struct archive_plan and goes when the size is known;
 * what reading needs is in struct archive_bytes, which belongs to one request and is used by its event loop.
 */
#pragma once

#include "base/digest.h"
#include "base/id.h"
#include "base/json.h"
#include "core/archive.h"
#include "core/making.h"
#include "render/zip.h"

/* How many tables one archive has in the making: a few, as others wait in the same queue. */
enum { ARCHIVE_AT_ONCE = 4 };

/* What an event loop does before it looks after others: some milliseconds at most. */
enum { ARCHIVE_READ = 300, ARCHIVE_LOOK_UPS = 200, ARCHIVE_NAMES = 300 };

/* A result that is in. Its bytes are those of a representation, or in a blob named after `id`, or in the
 * database under `pk`, or where its row says. */
struct archive_member {
    int64_t pk;
    int64_t size;
    const char *tag; /* of the representation; NULL: as it was uploaded */
    bool is_inline;
    bool is_elsewhere; /* in a storage of clients */
    char id[ID_SIZE];
};

/* What the manifest and the directory need to know of it besides. */
struct archive_file {
    const char *name, *type, *media_type, *job_id, *reference_id;
    const char *unavailable; /* why it is not converted; NULL: it is, or nobody would expect it */
    bool has_format;         /* without being converted */
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
    int64_t job, batch;    /* the same: one of them */
    bool in_folders;
    /* rows are read */
    int64_t rows, read, last_read; /* how many there are, how many and up to which pk they are read */
    struct digest *tag;            /* NULL: all of them are */
    int64_t newest_change;
    int64_t newest;             /* of what is in */
    struct archive_file *files; /* of members */
    struct archive_missing *missing, **missing_link;
    int next;                                            /* the first member that was not looked at */
    bool rests;                                          /* there is more to look at, at once */
    struct archive_under_way under_way[ARCHIVE_AT_ONCE]; /* the oldest first */
    int under_way_count;
    /* everything is known of each member, and they get their names */
    struct zip_names *names; /* NULL: not yet */
    const char **paths;
    int named;
    struct json_out manifest;
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

/* archive.c: reads some rows more; after the last ones a->etag is known. */
int archive_plan_some(struct session *s, struct archive *a, struct err *e);
/* archive.c: everything is known of each member. Gives some of them names; true: all have theirs. */
bool archive_name_some(struct archive_bytes *b);
/* Then. Returns the size; the plan is gone. */
int64_t archive_finish(struct archive_bytes *b);
