/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what. A key reads rk_ID_SECRET: ID finds its row and may be shown, and of the whole only a
 * SHA-256 is stored, which is enough for a secret of 190 random bits.
 */
#pragma once

#include "core/core.h"

enum { ACCESS_KEY_SIZE = 3 + 12 + 1 + 32 + 1 };

/*
 * Keys that were found valid. Whoever keeps the memory forgets them after a few milliseconds: so long a key
 * may still be good after another process has revoked it.
 */
enum { ACCESS_REMEMBERED = 8 };
struct access_memory {
    struct arena arena; /* of the texts of actors */
    int count;
    struct {
        unsigned char hash[32];
        struct actor actor;
    } keys[ACCESS_REMEMBERED];
};
void access_forget(struct access_memory *m);

/* Fills s->actor. ERR_UNAUTHORIZED, always with the same sentence, for a key that is malformed, unknown or
 * revoked. */
int access_authenticate(struct session *s, const char *key, struct err *e);
int access_require(const struct session *s, int64_t scopes,
                   struct err *e); /* ERR_FORBIDDEN names what is missing */

/* "read,ack" to bits. */
int access_parse_scopes(const char *list, int64_t *ret, struct err *e);
const char *access_format_scopes(struct arena *a, int64_t scopes);

/* Makes a key for s->actor.project; s->db is in a write transaction. The key itself is never seen again. */
int access_create_key(struct session *s, const char *name, int64_t scopes, char ret_key[ACCESS_KEY_SIZE],
                      struct err *e);
/* Makes a user; the password is stored by libsodium (Argon2id). */
int access_create_user(struct session *s, const char *name, const char *password, bool staff, struct err *e);
