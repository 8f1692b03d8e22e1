/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing: from bytes to a result. `publish_prepare` decides before the first byte is read, in a read
 * transaction; `publish_commit` decides again and writes, when all bytes are in and durable.
 */
#pragma once

#include "core/core.h"
#include "core/upload.h"

struct publish {
    const char *job;   /* id; NULL: a completed job is made around the result */
    const char *kind;  /* of that job */
    const char *input; /* of that job: JSON, or NULL */
    const char *name;
    const char *type;
    const char *media_type;
    const char *content_encoding; /* NULL: none */
    bool primary;
    bool keep;
    int64_t expires_in;     /* seconds; 0: results_ttl */
    int64_t content_length; /* as announced; -1: unknown */
    bool asks_first;        /* the client does not send the bytes before it hears that they are wanted */
    const char *want_md5;   /* hex, or NULL: what the client says the bytes are */
    const char *want_sha256;
    const char *md5_field, *sha256_field; /* where it says so, for the error; may be NULL */
    const char *storage;        /* the name of where it is to lie; NULL: as its job or project says */
    const struct storage *goal; /* set by publish_prepare: that; NULL: the server's own */
};

/*
 * Where the bytes are few and on their way already, whether the job is open and the name is free is left to
 * publish_commit, which looks anyway; but not where the project has storages of its own.
 */
int publish_prepare(struct session *s, struct publish *p, struct err *e);
/* Then: where the upload goes. */
struct upload_goal publish_goal(const struct publish *p);

/*
 * *ret_new tells whether it is a new row, or the one that an equal upload made before. Has no effect outside
 * the transaction: it may run again.
 */
int publish_commit(struct session *s, const struct publish *p, const struct upload_result *u,
                   struct result **ret, bool *ret_new, struct err *e);
