/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to a server of the native API, over libcurl: many at once in one thread, tried again where that
 * can help and harms nobody.
 *
 * What is tried again: a connection that was not made, an answer of 429 or 503, and for requests that are
 * `harmless` also one that broke off, and 500, 502 and 504. Pauses double from a quarter of a second,
 * jittered, at least as long as Retry-After says; bytes that came through begin the count anew. Redirects
 * of GET and HEAD are followed; the key is not sent to another host.
 *
 * A request is its owner's but between http_start and `done`. All callbacks run inside of http_run or
 * http_call.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/pool.h"
#include "cli/args.h"
#include "cli/failure.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;
struct http_request;

struct http_options {
    const char *url;                   /* of the server, without /api/v1 */
    const char *key;                   /* or NULL: only addresses that need none */
    const char *ca_file;               /* or NULL: the system's */
    int64_t tries;                     /* of each request, at least 1 */
    int64_t silence;                   /* seconds without a byte in either direction */
    const volatile sig_atomic_t *stop; /* the user wants no more */
    const struct command *command;     /* in whose words failures are told; or NULL */
    /* Or NULL: this is tried again after so many microseconds. */
    void (*on_retry)(void *ctx, const struct http_request *r, int64_t pause);
    void *ctx;
};

struct http_request {
    /* The owner's. */
    struct arena *arena; /* the answer lives there */
    const char *method;
    const char *path;           /* "/results": below /api/v1; or a whole address */
    const char *const *headers; /* lines, ends with NULL; or NULL */
    const char *json;           /* the body; or NULL */
    int (*read)(struct http_request *r, void *to, size_t room, size_t *ret, struct failure *f); /* or this */
    int64_t length; /* of what `read` gives; -1: not known */
    bool harmless;  /* sent twice it does what it does once */
    void *owner;
    /* Before each try, or NULL: begins a body again, says where to go on. */
    int (*begin)(struct http_request *r, struct failure *f);
    int64_t from;         /* > 0: only what is from there on; */
    const char *if_range; /* of this ETag; or NULL */
    /* With `take` the bytes of a 2xx go there, after `head`; without they are gathered in `answer`. */
    int (*head)(struct http_request *r, struct failure *f);
    int (*take)(struct http_request *r, const void *bytes, size_t len, struct failure *f);
    void (*done)(struct http_request *r); /* or NULL */

    /* What came of it. */
    struct failure failure; /* exit FAILURE_NONE: a 2xx, whole */
    int status;             /* 0: no answer */
    struct buf answer;      /* also of a failure */
    int64_t answer_length;  /* -1: was not said */
    int64_t answer_from;    /* of a 206, else 0 */
    int64_t answer_of;      /* of a 206: the length of all that it is a part of; -1: was not said */
    char etag[200];         /* with its quotes; "" */
    char digest[65];        /* sha256 of the representation in hex, or "" */
    char media_type[100];   /* without parameters, or "" */
    bool maybe_before;      /* an earlier try had no answer and may have been done nevertheless */

    /* http.c's own. */
    struct http *http;
    struct http_request *next;
    void *easy, *lines;
    int tries;
    int64_t reached, furthest; /* bytes of the body, in this try and in all */
    int64_t again_at;
    int64_t wait; /* Retry-After, seconds */
    bool begun, headed, is_over;
    struct failure own; /* of a callback */
};

int http_new(const struct http_options *o, struct http **ret, struct failure *f);
void http_free(struct http *h); /* NULL is fine; nothing may be under way */

void http_start(struct http *h, struct http_request *r);
/* Until nothing is under way. `tick`, or NULL, is called some times a second. FAILURE_INTERRUPTED: what was
 * under way is done with that failure. */
int http_run(struct http *h, void (*tick)(void *ctx), void *ctx, struct failure *f);
/* Starts it and waits for it alone; r->failure is copied to `f`. */
int http_call(struct http *h, struct http_request *r, struct failure *f);

/*
 * What would hold up the loop: `run` is called in a thread of its own kind, of which there are two, and then
 * `done` in the loop, which counts it as under way until then. The owner keeps it until it is done.
 */
struct http_aside {
    void (*run)(struct http_aside *a);
    void (*done)(struct http_aside *a);
    struct pool_task task; /* http.c's own, and what follows */
    struct http *http;
    struct http_aside *next;
};
void http_aside(struct http *h, struct http_aside *a);

/* The whole address of a path below /api/v1. */
const char *http_address(const struct http *h, struct arena *a, const char *path);

/* A line of an answer's header; http.c calls it, and so does its fuzz target. */
void http_note_header(struct http_request *r, const char *line, size_t len);

/* Of all bytes, also where a part of them was answered; -1: was not said. */
int64_t http_whole_length(const struct http_request *r);
/* What was gathered, as JSON. */
int http_json(struct http_request *r, const struct json **ret, struct failure *f);
