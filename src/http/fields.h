/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields that need parsing or care: Range, conditional requests, digests, file names. Pure functions,
 * fuzzed as they are.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FIELDS_MAX_RANGES = 32 };

struct byte_range {
    int64_t first;
    int64_t last; /* inclusive */
};

enum range_outcome { RANGE_NONE, RANGE_PARTS, RANGE_UNSATISFIABLE };

/*
 * RFC 9110 section 14. RANGE_NONE: absent, malformed, of another unit, more than FIELDS_MAX_RANGES, or ranges
 * that add up to more than the whole (an attempt to make the server send more than it has): the whole is
 * sent.
 */
enum range_outcome fields_parse_range(const char *value, int64_t size,
                                      struct byte_range ret[FIELDS_MAX_RANGES], int *ret_count);

/* RFC 9110 section 13.1: whether a list of entity tags, or *, holds `etag`. Weak tags match only if
 * `weak_is_fine`. */
bool fields_match_etag(const char *list, const char *etag, bool weak_is_fine);

/* RFC 9111 section 5.2.1.2: how many seconds too old an answer may be by this Cache-Control of a request;
 * INT64_MAX: any; -1: it says nothing of that, or is malformed. NULL is fine. */
int64_t fields_max_stale(const char *value);

/* RFC 9110 section 12.5.3: whether an Accept-Encoding takes gzip. NULL, which is any coding, is not: who says
 * nothing may know none. */
bool fields_accept_gzip(const char *value);

struct conditions {
    const char *if_match, *if_none_match, *if_modified_since, *if_unmodified_since, *if_range;
};
enum condition_outcome { CONDITION_PROCEED, CONDITION_NOT_MODIFIED, CONDITION_FAILED };

/* RFC 9110 section 13.2.2. *ret_range: whether a Range field counts. `modified` is in microseconds. */
enum condition_outcome fields_check_conditions(const struct conditions *c, const char *etag, int64_t modified,
                                               bool *ret_range);

/*
 * Digests that a client announces, as lower-case hex or NULL: Content-MD5 (RFC 1864), and Content-Digest or
 * Repr-Digest (RFC 9530; sha-256 and md5 count, others are ignored). ERR_BAD_VALUE names the field.
 */
struct wanted_digests {
    const char *md5;
    const char *sha256;
    const char *md5_field, *sha256_field; /* the names of the fields that say so first */
};
int fields_parse_content_md5(struct arena *a, const char *value, struct wanted_digests *to, struct err *e);
/* `name`: of the field, lives as long as `to`. */
int fields_parse_digest(struct arena *a, const char *name, const char *value, struct wanted_digests *to,
                        struct err *e);

/*
 * How long a request's body is (RFC 9112 section 6.3): bytes, at most INT64_MAX; -1: chunked. `lengths` and
 * `codings` are the values of all lines of Content-Length and Transfer-Encoding with commas between them, or
 * NULL. On an error nobody knows where the next request begins: ERR_BAD_REQUEST; ERR_NOT_IMPLEMENTED, a
 * coding before chunked.
 */
int fields_parse_framing(const char *lengths, const char *codings, bool http_1_0, int64_t *ret,
                         struct err *e);

/* `attachment; filename="…"; filename*=UTF-8''…` (RFC 6266 and 8187) for a name of valid UTF-8; the last only
 * where the first does not say it all. */
const char *fields_disposition(struct arena *a, const char *name);

/* `sha-256=:…:` from hex. */
const char *fields_repr_digest(struct arena *a, const char *sha256_hex);
