/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart/form-data (RFC 7578, RFC 2046 section 5.1), read as it arrives in pieces of any size. Memory is
 * bounded whatever comes: the header of one part, and of a body no more than might be the begin of a
 * boundary. No threads, no I/O: fuzzed as it is.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>

enum { MULTIPART_HEADER = 8192, MULTIPART_PARTS = 100, MULTIPART_BOUNDARY = 70 };

struct multipart_part {
    const char *name;
    const char *file_name;  /* as it was sent, maybe with a path; NULL: not a file */
    const char *media_type; /* NULL: none was sent */
};

/*
 * What becomes of the parts, in the order in which they come: begin, bytes any number of times, end. Each
 * returns 0, or an error that ends the reading; `bytes` may also return 1: whoever takes them is behind.
 */
struct multipart_ops {
    int (*begin)(void *ctx, const struct multipart_part *part, struct err *e); /* texts live in the arena */
    int (*bytes)(void *ctx, const void *bytes, size_t len, struct err *e);     /* len > 0 */
    int (*end)(void *ctx, struct err *e);
};

struct multipart;

/* By the request's Content-Type, which may be NULL. ERR_BAD_VALUE names it. Everything lives in the arena. */
int multipart_new(struct arena *a, const char *content_type, const struct multipart_ops *ops, void *ctx,
                  struct multipart **ret, struct err *e);

/* 1: `bytes` said so at least once; everything has been taken all the same. After an error nothing more. */
int multipart_feed(struct multipart *m, const void *bytes, size_t len, struct err *e);

/* All has been fed: ERR_BAD_REQUEST if it ends in the middle. */
int multipart_finish(const struct multipart *m, struct err *e);
