/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One download into a file: goes on where an earlier one ended, proves the bytes, and only then gives them
 * their name. What is there already, whole and the same, is not fetched again.
 */
#pragma once

#include "cli/bars.h"
#include "cli/ctl.h"
#include "cli/part.h"

struct fetch {
    /* The owner's, borrowed. */
    struct ctl *ctl;
    struct bars *bars;
    const char *id;     /* of what it is, for the name of its part */
    const char *path;   /* of the request */
    const char *final;  /* where it shall be */
    const char *label;  /* for the bar */
    const char *sha256; /* in hex, or "": only the server knows */
    int64_t size;       /* or -1 */
    bool summed;        /* the server knows a sum as soon as it has made it */
    bool archive;       /* nobody knows a sum: see fetch_check_archive */
    bool durable, replace;
    void (*done)(struct fetch *f); /* maybe before fetch_start returns */
    void *owner;

    /* What came of it. */
    struct failure failure;
    bool was_there;

    /* fetch.c's own. */
    struct arena arena;
    struct http_request look, get;
    struct http_aside aside;
    char found[65]; /* the sum of the file that is here already */
    int64_t found_size;
    struct failure find; /* why there is none */
    struct part *part;
    const char *etag; /* NULL: not known yet */
    struct bar bar;
    bool shown, again;
};

void fetch_start(struct fetch *f);
/* Asks for the sum of a table that was just made: while its first reader received it there was none. A range
 * is answered once all of it is there, and what comes of it is thrown away. */
struct http_request fetch_sum_request(struct arena *a, const char *path);
/* Of an archive nobody has a sum: its answer must say at least that it is one, have a strong ETag and, where
 * `has_bytes`, tell the length of it all. FAILURE_DAMAGED: it does not. */
int fetch_check_archive(const struct http_request *r, bool has_bytes, struct failure *f);
void fetch_free(struct fetch *f); /* after it is done */
