/* SPDX-License-Identifier: Apache-2.0 */
/* Delivering: a result's bytes, opened so that they can be sent whole or in part. */
#pragma once

#include "core/core.h"

struct content {
    const struct result *result;
    const char *file_name; /* the result's name, with an extension if it had none */
    int64_t size;
    const void *bytes; /* of an inline one: in the session's arena */
    struct blob
        *blob; /* else: the caller closes it; what is open can be read to its end even if it is removed */
};

/* `r` was loaded in this session; it must be live. */
int deliver_open(struct session *s, const struct result *r, struct content *ret, struct err *e);
/* The same of one that may be soft-deleted: for APIs to which that hides it from lists only. */
int deliver_open_deleted(struct session *s, const struct result *r, struct content *ret, struct err *e);

enum { DELIVER_LATER = 1 };

/* Bytes of what deliver_open, deliver_made and the like have opened. `blob`: a struct blob. What they have
 * opened may be missing all the same, where only reading shows that: then it is an error of the storage. */
int deliver_read(void *blob, int64_t offset, void *to, size_t len,
                 struct err *e); /* all of len, or an error; may wait for more than a disk */
/* 1 to `max` bytes (a `max` of 0 asks only), or DELIVER_LATER; never waits. After that deliver_wait: true:
 * wake(ctx) will be called, false: it is worth trying. */
int deliver_read_some(struct blob *b, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e);
bool deliver_wait(struct blob *b, void (*wake)(void *ctx), void *ctx);
void deliver_window(struct blob *b, int64_t first, int64_t end); /* no more than that will be read for now */
/* What a proxy that sends files itself is told to send: in the session's arena, and the file may be read by
 * the group. NULL: it is no file, or proxies send none. */
const char *deliver_proxy_path(struct session *s, struct blob *b, const char *key);
int deliver_fd(struct blob *b); /* borrowed, for sendfile; -1: there is none */
void deliver_close(void *blob); /* NULL is fine */

/* A representation that was made before: 1 and opened, 0: there is none. */
struct made {
    struct blob *blob; /* the caller closes it */
    const char *key;
    int64_t size;
    const char *sha256; /* hex */
    uint32_t crc32;
};
int deliver_made(struct session *s, const char *tag, struct made *ret, struct err *e);
/* Whether its blob is there, which it may not be: 1; 0, or an error, and it is closed; or DELIVER_UNKNOWN: it
 * can be waited for. */
enum { DELIVER_UNKNOWN = 2 };
int deliver_look(struct made *m, struct err *e);

/* Whether clients are sent to the bucket for a result's bytes; and the address there, which is good for
 * redirect_lifetime. ERR_… as deliver_open, where the result is not live. */
bool deliver_redirects(struct session *s, const struct result *r);
int deliver_link(struct session *s, const struct result *r, const char *disposition, const char **ret,
                 struct err *e);

/* The file of a result on this machine, for clients on it; NULL: it has none. */
const char *deliver_local_path(struct session *s, const struct result *r);

/* Without opening it: the name under which a result is saved. */
const char *deliver_file_name(struct arena *a, const struct result *r);
/* The same in another format: its extension instead of the one that says what the original is. */
const char *deliver_file_name_as(struct arena *a, const struct result *r, const char *extension);
