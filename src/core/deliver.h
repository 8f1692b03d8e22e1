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

/* A representation that was made before: 1 and opened, 0: there is none. */
struct made {
    struct blob *blob; /* the caller closes it */
    int64_t size;
    const char *sha256; /* hex */
    uint32_t crc32;
};
int deliver_made(struct session *s, const char *tag, struct made *ret, struct err *e);

/* The file of a result on this machine, for clients on it; NULL: it has none. */
const char *deliver_local_path(struct session *s, const struct result *r);

/* Without opening it: the name under which a result is saved. */
const char *deliver_file_name(struct arena *a, const struct result *r);
/* The same in another format: its extension instead of the one that says what the original is. */
const char *deliver_file_name_as(struct arena *a, const struct result *r, const char *extension);
