/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the s3*.c files: where the bucket is, by which keys it opens, and calls to it. */
#pragma once

#include "base/buf.h"
#include "base/id.h"
#include "blob/s3.h"
#include "blob/s3_xml.h"
#include "net/sigv4.h"
#include "net/transfer.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- s3_place.c --- */

struct s3_place {
    const char *origin; /* scheme://host[:port], with the bucket in it or not */
    const char *host;   /* the same without the scheme */
    const char *bucket;
    const char *prefix; /* "", or with a / at its end */
    const char *region;
    bool path_style; /* the bucket stands in the path */
};
int s3_place_parse(struct arena *a, const char *url, struct s3_place *ret, struct err *e);
/* The path of what is called `name` in the bucket. */
const char *s3_place_path(struct arena *a, const struct s3_place *p, const char *name);

/* --- s3_keys.c: the keys, read again when their file has changed --- */

struct s3_keys;
int s3_keys_open(const char *file, struct s3_keys **ret, struct err *e); /* "": from the environment */
int s3_keys_set(const char *id, const char *secret, struct s3_keys **ret, struct err *e);
void s3_keys_close(struct s3_keys *k); /* NULL is fine */
/* Copies into the arena; *ret_expires: microseconds since 1970, 0: they do not. */
void s3_keys_get(struct s3_keys *k, struct arena *a, struct sigv4_keys *ret, int64_t *ret_expires);

/* --- the store --- */

struct s3_engine {
    struct transfers *transfers;
    struct pool *hashers; /* of parts that are to be sent */
    struct s3_options options;
    int scratch;          /* a descriptor of the folder */
    atomic_llong fetched; /* bytes that readers have room for */
    atomic_int calls;     /* under way: the engine stays until there are none */
};

struct s3 {
    struct blob_store store;
    struct arena arena;
    struct s3_engine *engine;
    const char *name;   /* of a bucket of others; NULL: it is our own, and the engine is its own */
    int64_t holder;     /* whose it is; 0: our own */
    atomic_int holders; /* who opened it, and each put, blob and call */
    struct s3_place place;
    struct s3_keys *keys;
    pthread_mutex_t mutex;
    struct s3_put *puts; /* mutex: those with an upload of parts, which are not stale */
};

struct s3 *s3_hold(struct s3 *s);
void s3_release(struct s3 *s);
/* An error of its bucket: clients are told of one of others what is wrong, of our own the operator is. */
int s3_fail(const struct s3 *s, struct err *e, int code, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
/* The ETag without its quotes. */
void s3_bare_etag(const char *etag, char *ret, size_t size);

extern const struct blob_ops s3_ops;

/* One page of a list, as the call asks for it; 1: there is another. `page`: what the one before said, or
 * empty. */
struct s3_call;
int s3_list_page(struct s3_call *c, s3_entry_fn *each, void *ctx, struct s3_page *page, struct err *e);

const char *s3_object_name(struct arena *a, const struct s3 *s, const char *key);

/* --- s3_call.c: one request, signed, and tried again as long as that may help --- */

enum { S3_FIELDS = 8, S3_LONGEST_ANSWER = 4 << 20 };

struct s3_call {
    struct transfer transfer; /* first, so that one is the other */
    struct s3 *s3;
    /* What the caller fills in. Texts live as long as the call; its arena will do. */
    struct arena arena;
    const char *method;
    const char *name; /* in the bucket; "": the bucket itself */
    struct sigv4_field query[S3_FIELDS], header[S3_FIELDS];
    int query_count, header_count;
    int tries;       /* 0: as the settings say */
    int64_t seconds; /* for each try, in all; 0: no limit */
    bool patient;    /* it goes on with what has begun: its turn may come late */
    bool (*take)(struct s3_call *c, const void *bytes, size_t len); /* of the body of an answer 2xx */
    void (*finished)(struct s3_call *c); /* in a thread of the loop; it may free the call */
    void *ctx;
    /* What came of it. */
    bool good; /* 2xx, and no fault in it */
    int tried; /* how often it was sent */
    struct s3_fault fault;
    char etag[160];
    char put_token[40];
    int64_t content_length;
    int64_t range_first, range_last, range_total; /* of Content-Range; -1: none */
    struct arena answer_arena;
    struct buf answer; /* the body, unless `take` took it */
    bool too_long;     /* it had to be ended */
    /* Its own. */
    struct arena try_arena;
    int64_t give_up_at;
    atomic_bool cancelled;
};

void s3_call_init(struct s3_call *c, struct s3 *s, const char *method, const char *name);
void s3_call_object(struct s3_call *c, struct s3 *s, const char *method, const char *key); /* of a blob */
void s3_call_query(struct s3_call *c, const char *name, const char *value);
void s3_call_header(struct s3_call *c, const char *name, const char *value);
void s3_call_start(struct s3_call *c, int64_t delay); /* microseconds */
void s3_call_cancel(struct s3_call *c);               /* finished is called soon */
void s3_call_run(struct s3_call *c);                  /* starts it and waits; not in a thread of a loop */
void s3_call_free(struct s3_call *c);                 /* what it holds, not itself */
/* Why it failed, as an error. */
int s3_call_error(const struct s3_call *c, struct err *e);
/* Its server's address is not public, and was given as such. */
bool s3_call_is_refused(const struct s3_call *c);
bool s3_call_may_help(const struct s3_call *c); /* to try it once more */
int64_t s3_backoff(int failures);               /* microseconds, with chance in it */

/* --- s3_owner.c --- */

int s3_owner(struct blob_store *s, struct blob_mark *ret, struct err *e);
int s3_own(struct blob_store *s, const struct blob_mark *mark, bool replace, struct err *e);

/* --- s3_remove.c --- */

int s3_remove(struct blob_store *s, const char *key, struct err *e);
int s3_remove_many(struct blob_store *s, const char *const *keys, int count, bool *ret_gone, struct err *e);

/* --- s3_put.c, s3_get.c --- */

void s3_add_md5(struct s3_call *c, const void *body, size_t len); /* as Content-MD5 */

int s3_put_open(struct blob_store *s, const char *key, bool readable, struct blob_put **ret, struct err *e);
int s3_put_write(struct blob_put *p, const void *bytes, size_t len, struct err *e);
int s3_put_read(struct blob_put *p, int64_t offset, void *to, size_t len, struct err *e);
int s3_put_commit(struct blob_put *p, struct err *e);
void s3_put_close(struct blob_put *p);
bool s3_put_is_ours(struct s3 *s, const char *upload); /* an upload of parts that is under way in here */

int s3_get_open(struct blob_store *s, const char *key, struct blob **ret, int64_t *ret_size, struct err *e);
int s3_get_expect(struct blob_store *s, const char *key, int64_t size, struct blob **ret, struct err *e);
int s3_get_read(struct blob *b, int64_t offset, void *to, size_t len, struct err *e);
int s3_get_read_some(struct blob *b, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e);
bool s3_get_wait(struct blob *b, void (*wake)(void *ctx), void *ctx);
void s3_get_window(struct blob *b, int64_t first, int64_t end);
void s3_get_cancel(struct blob *b);
void s3_get_close(struct blob *b);
