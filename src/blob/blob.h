/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes under keys. A put is invisible until its commit returns; from then on it is complete and durable.
 * Keys are made by the caller from ids (ID_LEN characters of UUID text), never from what a user sent.
 *
 * A store may be used by any number of threads at once; a put or an open blob by one at a time.
 * Errors: ERR_NOT_FOUND (no such blob), ERR_STORAGE_FULL, ERR_STORAGE.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob_store;
struct blob_put;
struct blob;

enum blob_cap {
    BLOB_CAN_FD = 1 << 0,           /* an open blob has a file descriptor for sendfile */
    BLOB_LISTS_COMPLETELY = 1 << 1, /* list shows whatever was committed before it began */
};

struct blob_entry {
    const char *key;
    int64_t size;
    int64_t since; /* microseconds since 1970: when its last byte was written */
};

typedef int blob_each_fn(void *ctx, const struct blob_entry *entry,
                         struct err *e); /* negative ends the list */

struct blob_ops {
    const char *name;
    unsigned caps;
    int parts; /* list works through this many parts, one a call */
    void (*close)(struct blob_store *s);
    int (*put_open)(struct blob_store *s, struct blob_put **ret, struct err *e);
    int (*put_write)(struct blob_put *p, const void *bytes, size_t len, struct err *e);
    int (*put_read)(struct blob_put *p, int64_t offset, void *to, size_t len, struct err *e);
    int (*put_commit)(struct blob_put *p, const char *key, struct err *e);
    void (*put_close)(struct blob_put *p); /* without a commit before it nothing remains */
    int (*open)(struct blob_store *s, const char *key, struct blob **ret, int64_t *ret_size, struct err *e);
    int (*read)(struct blob *b, int64_t offset, void *to, size_t len,
                struct err *e); /* all of len, or an error */
    int (*fd)(struct blob *b);  /* borrowed; -1 without BLOB_CAN_FD */
    void (*close_blob)(struct blob *b);
    int (*remove)(struct blob_store *s, const char *key, struct err *e); /* 0 also if there was none */
    int (*list)(struct blob_store *s, int part, blob_each_fn *each, void *ctx, struct err *e);
    int (*room)(struct blob_store *s, int64_t *ret_free, struct err *e); /* bytes that still fit */
};

/* The heads of every implementation's objects. */
struct blob_store {
    const struct blob_ops *ops;
};
struct blob_put {
    const struct blob_ops *ops;
};
struct blob {
    const struct blob_ops *ops;
};

int blob_put_open(struct blob_store *s, struct blob_put **ret, struct err *e);
int blob_put_write(struct blob_put *p, const void *bytes, size_t len, struct err *e);
/* What was written so far, exactly `len` bytes; also while another thread goes on writing, and after the
 * commit. */
int blob_put_read(struct blob_put *p, int64_t offset, void *to, size_t len, struct err *e);
int blob_put_commit(struct blob_put *p, const char *key, struct err *e);
void blob_put_close(struct blob_put *p); /* NULL is fine */
int blob_open(struct blob_store *s, const char *key, struct blob **ret, int64_t *ret_size, struct err *e);
int blob_read(struct blob *b, int64_t offset, void *to, size_t len, struct err *e);
int blob_fd(struct blob *b);
void blob_close(struct blob *b); /* NULL is fine */
int blob_remove(struct blob_store *s, const char *key, struct err *e);
int blob_list(struct blob_store *s, int part, blob_each_fn *each, void *ctx, struct err *e);
int blob_room(struct blob_store *s, int64_t *ret_free, struct err *e);
void blob_store_close(struct blob_store *s); /* NULL is fine */
