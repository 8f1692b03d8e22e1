/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4, as S3 and everything that speaks its protocol asks for it: in the header of a
 * request, or in the query of an address that anybody may then use for a while. No input or output; any
 * thread. What comes out lives in the arena. Signatures and keys are never to be logged.
 */
#pragma once

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

/* The payload is not part of the signature: TLS or a signed Content-MD5 keeps it as it is. */
#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

enum { SIGV4_LONGEST = 7 * 24 * 3600 }; /* seconds that a signed address may last */

struct sigv4_field {
    const char *name; /* of a header: in lower case */
    const char *value;
};

struct sigv4_keys {
    const char *access_key_id, *secret_access_key;
    const char *session_token; /* of temporary ones; NULL: none */
};

struct sigv4_request {
    const struct sigv4_keys *keys;
    const char *region, *service; /* "s3": the payload's digest is a header, too */
    const char *method;
    const char *host;                /* as it will be sent: with the port unless that is the scheme's own */
    const char *path;                /* not encoded */
    const struct sigv4_field *query; /* not encoded, in any order */
    size_t query_count;
    const struct sigv4_field *headers; /* those that are signed beside what signing adds */
    size_t header_count;
    const char *payload; /* sha256 of the body in hex, or SIGV4_UNSIGNED */
    int64_t now;         /* microseconds since 1970 */
};

/* As both are to be sent: other spellings of the same address have other signatures. */
const char *sigv4_path(struct arena *a, const struct sigv4_request *rq);
const char *sigv4_query(struct arena *a, const struct sigv4_request *rq);

/* All lines of header ("name: value") that are to be sent but Host, the given ones first; ends with NULL. */
const char *const *sigv4_header(struct arena *a, const struct sigv4_request *rq);

/* The query of an address that is good for `seconds`, 1 to SIGV4_LONGEST. It has the payload unsigned. */
const char *sigv4_presign(struct arena *a, const struct sigv4_request *rq, int64_t seconds);
