/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed links: whoever has one may download one result in one format until it expires, without a key.
 *
 *     /-/d/PAYLOAD.SIGNATURE/NAME
 *
 * PAYLOAD is base64url of: version 1, key number (8 bytes), expiry (8 bytes, microseconds), result id (36),
 * link id (36), format. SIGNATURE is base64url of HMAC-SHA256 over "resultd link 1\n", PAYLOAD, "/" and NAME
 * as they stand in the address, so that no byte of it can be changed. Keys are numbered: after a rotation
 * older links stay valid.
 */
#pragma once

#include "core/core.h"

#define SIGN_PREFIX "/-/d/"
enum { SIGN_LONGEST = 604800 }; /* seconds: seven days */

struct sign_link {
    const char *id;
    const char *path; /* from /-/d/ on */
    int64_t expires_at;
};

/*
 * Makes a link without a record; `r` is live. ERR_FORBIDDEN: the actor lacks SCOPE_READ, and who may not read
 * the bytes may not open them to others; so for sign_create.
 */
int sign_make(struct session *s, const struct result *r, const char *format, int64_t seconds,
              struct sign_link *ret, struct err *e);
/* Makes one with a record and a note; needs a write transaction. */
int sign_create(struct session *s, const char *result_id, const char *format, const char *note,
                int64_t seconds, struct sign_link *ret, struct err *e);

/*
 * `token` and `name` are the two segments of the address, not decoded. ERR_BAD_SIGNATURE, ERR_LINK_EXPIRED;
 * the result itself may be gone: ERR_EXPIRED, ERR_DELETED, ERR_NOT_FOUND. What the session hands out is good
 * no longer than the link.
 */
int sign_verify(struct session *s, const char *token, const char *name, struct result **ret,
                const char **ret_format, struct err *e);

/*
 * A message authentication code (HMAC-SHA256, base64url) over a text for another purpose than links, by the
 * key with the number *key; 0: by the newest, and *key becomes its number. What one purpose has signed is
 * worth nothing to another. ERR_BAD_SIGNATURE: there is no such key.
 */
int sign_text(struct session *s, const char *purpose, const char *text, size_t len, int64_t *key,
              const char **ret, struct err *e);

int sign_rotate(struct session *s, struct err *e); /* a new key signs from now on */
int sign_ensure(struct session *s, struct err *e); /* makes the first key where there is none */
