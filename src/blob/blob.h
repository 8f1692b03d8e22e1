/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes under keys. A put is invisible until its commit returns; from then on it is complete and durable.
 * Keys are made by the caller from ids (ID_LEN characters of UUID text), never from what a user sent.
 *
 * A store may be used by any number of threads at once; a put or an open blob by one at a time. Where bytes
 * come over a network, everything waits for it but what is said not to.
 * Errors: ERR_NOT_FOUND (no such blob), ERR_STORAGE_FULL, ERR_STORAGE.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob_store;
struct blob_put;
struct blob;

enum blob_cap {
    BLOB_CAN_FD = 1 << 0,           /* an open blob has a file descriptor for sendfile */
    BLOB_LISTS_COMPLETELY = 1 << 1, /* list shows whatever was committed before it began */
    BLOB_KEEPS_OPEN = 1 << 2,       /* an open blob can be read to its end though it was removed */
    BLOB_CAN_LINK = 1 << 3,         /* has addresses that anybody may read a blob from for a while */
};

enum { BLOB_LATER = 1 }; /* there are no bytes yet */

struct blob_entry {
    const char *key;
    int64_t size;
    bool stray;    /* the key is a file's name that is no key here: nothing else of this store takes it */
    int64_t since; /* microseconds since 1970: when its last byte was written */
};

/* Negative, or positive without an error, ends the list, which returns it. */
typedef int blob_each_fn(void *ctx, const struct blob_entry *entry, struct err *e);

/* Whose a store is, and which one of the owner's: both are ids. */
struct blob_mark {
    char owner[ID_SIZE];
    char store[ID_SIZE];
};

/* An address for GET, and what its answer will say of itself. */
struct blob_link {
    const char *key;
    const char *media_type, *disposition;
    const char *encoding; /* NULL: none */
    int64_t seconds;      /* it is good for, at most */
};

struct blob_ops {
    const char *name;
    int parts; /* list works through this many parts, one a call */
    void (*close)(struct blob_store *s);
    int (*put_open)(struct blob_store *s, const char *key, bool readable, struct blob_put **ret,
                    struct err *e);
    int (*put_write)(struct blob_put *p, const void *bytes, size_t len, struct err *e);
    int (*put_read)(struct blob_put *p, int64_t offset, void *to, size_t len, struct err *e);
    int (*put_commit)(struct blob_put *p, struct err *e);
    void (*put_close)(struct blob_put *p); /* without a commit before it nothing remains */
    int (*open)(struct blob_store *s, const char *key, struct blob **ret, int64_t *ret_size, struct err *e);
    int (*expect)(struct blob_store *s, const char *key, int64_t size, struct blob **ret, struct err *e);
    int (*read)(struct blob *b, int64_t offset, void *to, size_t len,
                struct err *e); /* all of len, or an error */
    int (*read_some)(struct blob *b, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e);
    bool (*wait)(struct blob *b, void (*wake)(void *ctx), void *ctx);
    void (*window)(struct blob *b, int64_t first, int64_t end);
    void (*cancel)(struct blob *b);
    int (*fd)(struct blob *b); /* borrowed; -1 without BLOB_CAN_FD */
    void (*close_blob)(struct blob *b);
    int (*remove)(struct blob_store *s, const char *key, struct err *e); /* 0 also if there was none */
    int (*remove_many)(struct blob_store *s, const char *const *keys, int count, bool *ret_gone,
                       struct err *e); /* NULL: one by one */
    int (*list)(struct blob_store *s, int part, const char *after, blob_each_fn *each, void *ctx,
                struct err *e);
    int (*owner)(struct blob_store *s, struct blob_mark *ret, struct err *e);
    int (*own)(struct blob_store *s, const struct blob_mark *mark, bool replace, struct err *e);
    int (*room)(struct blob_store *s, int64_t *ret_free, struct err *e); /* bytes that still fit */
    int (*tidy)(struct blob_store *s, int64_t before, int64_t *ret_count, struct err *e); /* or NULL */
    int (*link)(struct blob_store *s, struct arena *a, const struct blob_link *l, const char **ret,
                struct err *e);            /* with BLOB_CAN_LINK */
    void (*give_up)(struct blob_store *s); /* or NULL */
};

/* The heads of every implementation's objects. */
struct blob_store {
    const struct blob_ops *ops;
    unsigned caps; /* enum blob_cap; as long as it is open */
};
struct blob_put {
    const struct blob_ops *ops;
};
struct blob {
    const struct blob_ops *ops;
};

/*
 * A put for `key`, or for bytes that are only to be read back and will not be committed (NULL). `readable`:
 * blob_put_read will be called; without that no more than the store needs is kept at hand.
 */
int blob_put_open(struct blob_store *s, const char *key, bool readable, struct blob_put **ret, struct err *e);
int blob_put_write(struct blob_put *p, const void *bytes, size_t len, struct err *e);
/* What was written so far, exactly `len` bytes; also while another thread goes on writing, and after the
 * commit. It does not wait for a network. */
int blob_put_read(struct blob_put *p, int64_t offset, void *to, size_t len, struct err *e);
int blob_put_commit(struct blob_put *p, struct err *e); /* once */
void blob_put_close(struct blob_put *p);                /* NULL is fine */

int blob_open(struct blob_store *s, const char *key, struct blob **ret, int64_t *ret_size, struct err *e);
/*
 * The same for event loops: never waits for a network. That there is a blob of this size is an error at once
 * where the store knows it, and else of the first read: ERR_NOT_FOUND.
 */
int blob_expect(struct blob_store *s, const char *key, int64_t size, struct blob **ret, struct err *e);
int blob_read(struct blob *b, int64_t offset, void *to, size_t len, struct err *e);
/*
 * 1 to `max` bytes from `offset` on, which lies before the end, without waiting for a network: BLOB_LATER if
 * there are none at hand. They are fetched in order from then on, a bounded number ahead. With a `max` of 0
 * it only says whether there are any.
 */
int blob_read_some(struct blob *b, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e);
/* After BLOB_LATER. True: wake(ctx) will be called once, from another thread; false: it is worth trying. */
bool blob_wait(struct blob *b, void (*wake)(void *ctx), void *ctx);
/* No more than [first, end) is going to be read of what is there: nothing beyond is fetched ahead. */
void blob_window(struct blob *b, int64_t first, int64_t end);
/* Any thread, while it is open: reads that wait for a network, now or later, end with an error. */
void blob_cancel(struct blob *b);
int blob_fd(struct blob *b);
/* Lets the group of its file read it; false: it has none, or that fails. */
bool blob_share(struct blob *b);
void blob_close(struct blob *b); /* NULL is fine; does not wait */

int blob_remove(struct blob_store *s, const char *key, struct err *e);
/* As many of these as can be removed, by as few requests as the store knows; ret_gone[i]: keys[i] is not
 * there any more. An error if one may still be, which says why of one of them. */
int blob_remove_many(struct blob_store *s, const char *const *keys, int count, bool *ret_gone, struct err *e);
/* Those of a part behind the key `after` ("": all), in the order of their keys: so a list can be gone on with
 * where it was left. In memory that does not grow with the part. */
int blob_list(struct blob_store *s, int part, const char *after, blob_each_fn *each, void *ctx,
              struct err *e);
/*
 * Whose the store is: a mark beside the blobs, under this name, which no list shows. blob_owner: 1 and *ret,
 * or 0: nobody's yet. blob_own: durably, but what stands there already stays unless `replace`; so look
 * afterwards whose it is.
 */
#define BLOB_OWNER "resultd-store"
int blob_owner(struct blob_store *s, struct blob_mark *ret, struct err *e);
int blob_own(struct blob_store *s, const struct blob_mark *mark, bool replace, struct err *e);
/* For implementations, what stands there: BLOB_MARK_SIZE bytes, a NUL at their end. */
enum { BLOB_MARK_SIZE = 2 * ID_SIZE + 1 };
void blob_mark_format(const struct blob_mark *mark, char *ret);
bool blob_mark_parse(const char *text, size_t len, struct blob_mark *ret); /* false: that is none */
int blob_room(struct blob_store *s, int64_t *ret_free, struct err *e);     /* does not wait */
/* Removes what puts have left that others began and where nothing came since `before` (microseconds). */
int blob_tidy(struct blob_store *s, int64_t before, int64_t *ret_count, struct err *e);
/* Does not wait. */
int blob_link(struct blob_store *s, struct arena *a, const struct blob_link *l, const char **ret,
              struct err *e);
void blob_give_up(struct blob_store *s);     /* what waits for a network ends with an error, now and later */
void blob_store_close(struct blob_store *s); /* NULL is fine */
