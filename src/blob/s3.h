/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs as objects of a bucket that speaks the protocol of S3. A put gathers its bytes in a file without a
 * name in the scratch folder and sends them from there, in parts while they come if they are many. A get is a
 * request for a range whose answer is read no faster than its reader takes it.
 *
 * Two kinds of stores: the server's own bucket, where keys are ids and an object is BUCKET/PREFIX/xx/KEY, xx
 * the first two digits of the key's last group, which are random; and buckets of others, where a key is the
 * object's whole name. All of the second kind share one engine: threads, connections, bounds.
 */
#pragma once

#include "blob/blob.h"

struct s3_options {
    /* s3://BUCKET[/PREFIX][?endpoint=URL][&region=NAME][&path_style=on|off], percent-encoded where needed */
    const char *url;
    const char *credentials; /* a file of them, like ~/.aws/credentials; "": the environment */
    const char *scratch;     /* a folder of this machine, made if it is missing; "": nothing will be put */
    int threads, connections;
    int tries;                                   /* of a request, at most */
    int64_t patience;                            /* seconds in which it is tried again */
    int64_t silence;                             /* seconds without a byte after which a try has failed */
    int64_t lowest_rate, rate_time, answer_time; /* as in net/transfer.h */
    int64_t memory;                              /* bytes that all readers together may have fetched ahead */
    bool (*any_address)(void *ctx);              /* as in net/transfer.h; NULL: yes */
    void *ctx;
};

/* What is wrong with such an address, without opening it. */
int s3_check_url(const char *url, struct err *e);

/* outgoing_start was called. Asks the bucket for a list once, so that what is wrong is told at the start. */
int s3_open(const struct s3_options *o, struct blob_store **ret, struct err *e);

/* How large the next part of a put is whose parts so far have `before` bytes: 10,000 of them make 5 TiB. */
int64_t s3_part_size(int64_t before);
#define S3_LARGEST (INT64_C(5) << 40)

/* --- buckets of others --- */

struct s3_engine;

/* `url` and `credentials` of the options are not looked at. */
int s3_engine_new(const struct s3_options *o, struct s3_engine **ret, struct err *e);
void s3_engine_give_up(struct s3_engine *g); /* what is under way ends with an error, now and later */
void s3_engine_free(struct s3_engine *g); /* after all its stores, puts and blobs are closed; NULL is fine */

struct s3_bucket {
    const char *url;  /* as in the options */
    const char *name; /* under which errors tell clients of it */
    int64_t holder;   /* whose it is (base/shares.h) */
    const char *access_key_id, *secret_access_key;
};
/*
 * A store for a bucket, made at once and without asking it; copies what it is given. It may be closed while
 * puts and blobs of it are open. Errors name the store and what its server said.
 */
int s3_attach(struct s3_engine *g, const struct s3_bucket *b, struct blob_store **ret, struct err *e);

/* Where objects of it belong: "" or text that ends with a slash. Lives as long as the store. */
const char *s3_prefix(struct blob_store *store);

/* Before the first write: what the object will say of itself; `encoding` may be NULL. */
void s3_put_describe(struct blob_put *p, const char *media_type, const char *encoding);
/* After the commit: its ETag without quotes; "" if the server told none. */
const char *s3_put_etag(struct blob_put *p);
/* As blob_expect: reads fail if the object has another ETag. */
int s3_expect(struct blob_store *store, const char *key, int64_t size, const char *etag, struct blob **ret,
              struct err *e);

struct s3_object {
    const char *key;
    int64_t size;
    const char *etag; /* without quotes */
    int64_t since;    /* microseconds since 1970: when it was written */
};
typedef int s3_object_fn(void *ctx, const struct s3_object *o, struct err *e); /* negative ends the list */
/* All objects below the prefix, in the order of the bytes of their keys. ERR_STORAGE: not in that order. */
int s3_each(struct blob_store *store, s3_object_fn *each, void *ctx, struct err *e);
/* What there is under a key now: 1, and size and etag (of `size` bytes); 0: nothing. */
int s3_stat(struct blob_store *store, const char *key, int64_t *ret_size, char *ret_etag, size_t size,
            struct err *e);

/* What can be done there, found out by doing it, one try each: listing, writing a small object under the
 * prefix, reading it back, removing it. */
enum s3_step { S3_LIST, S3_WRITE, S3_READ, S3_REMOVE };
struct s3_probe {
    int done;         /* steps that were tried: the last one failed, unless `word` is NULL */
    const char *word; /* address-not-allowed, connection-failed, access-denied, no-such-bucket,
                         unexpected-answer or wrong-bytes */
    char sentence[256];
    char log[320]; /* what is for the operator alone, or "" */
};
/* Takes up to S3_PROBE_SECONDS for each step. */
enum { S3_PROBE_SECONDS = 8 };
void s3_try(struct blob_store *store, struct s3_probe *ret);
