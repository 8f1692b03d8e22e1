/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending a stored representation: validators, conditional requests, one range or several, digest and file
 * name.
 */
#pragma once

#include "http/request.h"

struct representation {
    const char *media_type;
    const char *encoding; /* the bytes' Content-Encoding; NULL: none */
    const char *etag;     /* strong, with its quotes */
    const char *sha256;   /* hex, for Repr-Digest; NULL: not known */
    int64_t modified;     /* microseconds */
    bool vague_date; /* not every change moves `modified`: it is told, and conditions go by the tag alone */
    const char *file_name; /* NULL: it is shown, not saved */
    int64_t size;
    /* Where the bytes are: `bytes`, or a file; `read` reads from the same source, for several ranges. Or
     * `read` alone. */
    const void *bytes;      /* live as long as the request */
    const char *proxy_path; /* where the proxy that asks has this file; NULL: it is sent from here */
    int fd;                 /* borrowed; -1: none */
    int (*read)(void *ctx, int64_t offset, void *to, size_t len, struct err *e);
    /* Or these two alone, as in struct response, of what may not be there yet. */
    int (*read_some)(void *ctx, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e);
    bool (*read_wait)(void *ctx);
    /* With these two, or NULL. Told before each range that will be read; and whether its first bytes are
     * there (0, RESPONSE_LATER, or an error that takes the place of the answer). */
    void (*window)(void *ctx, int64_t first, int64_t end);
    int (*begin)(void *ctx, int64_t offset, struct err *e);
    void (*done)(void *ctx); /* called when the source is needed no more, whatever the outcome */
    void *ctx;
    bool slow; /* `read` and `read_some`, as in struct response */
};

/* The validators, file name and the like that go with its bytes, also where it is not sent by
 * representation_send. */
void representation_headers(struct request *rq, const struct representation *rep);
/* Only the conditions of the request. 1: answered with 304; 0: go on; or ERR_PRECONDITION. */
int representation_check(struct request *rq, const struct representation *rep, struct err *e);

/* Fills rq->response: 200, 206, 304; or ERR_PRECONDITION, ERR_RANGE with its Content-Range set. */
int representation_send(struct request *rq, const struct representation *rep, struct err *e);
