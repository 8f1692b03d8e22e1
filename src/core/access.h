/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what. A key reads rk_ID_SECRET: ID finds its row and may be shown, and of the whole only a
 * SHA-256 is stored, which is enough for a secret of 190 random bits.
 */
#pragma once

#include "core/core.h"

#include <pthread.h>

enum { ACCESS_KEY_SIZE = 3 + 12 + 1 + 32 + 1 };

/*
 * Keys that were found valid, and the one that signs. Whoever keeps the memory forgets them after a few
 * milliseconds: so long a key may still be good after another process has revoked it, and the key before sign
 * after a rotation; what it has signed stays valid (core/sign.h).
 */
enum { ACCESS_REMEMBERED = 8, ACCESS_MEMORY_US = 5000 };
struct access_memory {
    pthread_mutex_t *mutex; /* NULL: one thread's own */
    struct arena arena;     /* of the texts of actors */
    int count;
    struct {
        unsigned char hash[32];
        struct actor actor;
    } keys[ACCESS_REMEMBERED];
    bool signs; /* `signing` is there */
    struct signing_key signing;
};
void access_forget(struct access_memory *m);
/* Of the session's memory, if it has one: for core/sign.c. */
bool access_recall_signing(const struct session *s, struct signing_key *ret);
void access_remember_signing(struct session *s, const struct signing_key *key);

/* Fills s->actor. ERR_UNAUTHORIZED, always with the same sentence, for a key that is malformed, unknown or
 * revoked; ERR_KEY_EXPIRED for one that was good. */
int access_authenticate(struct session *s, const char *key, struct err *e);

/*
 * The same for credentials that are no key and that somebody else has found valid: the user or key with this
 * pk. `credential` is what the request carried; access_recall tells whether it was found valid just now.
 */
bool access_recall(struct session *s, const char *credential);
int access_become(struct session *s, int64_t pk, const char *credential, struct err *e);
int access_assume(struct session *s, const struct principal *p, const char *credential, struct err *e);

/*
 * A user's stored password, and whether `password` is that. The second takes some tenths of a second and 64
 * MiB, in any thread but an event loop's; it takes as long where `stored` is NULL, which says that there is
 * no such user.
 */
int access_user(struct session *s, const char *name, int64_t *ret_pk, const char **ret_stored, struct err *e);
int access_stored_password(struct session *s, int64_t pk, const char **ret,
                           struct err *e); /* NULL: no such user */
bool access_password_matches(const char *stored, const char *password);

int access_require(const struct session *s, int64_t scopes,
                   struct err *e); /* ERR_FORBIDDEN names what is missing */

int64_t access_scope(const char *name); /* its bit, or 0 */
/* "read,ack" to bits. */
int access_parse_scopes(const char *list, int64_t *ret, struct err *e);
/* Their names one after another, from *at = 0 on; NULL: there are no more. */
const char *access_scope_name(int64_t scopes, size_t *at);
const char *access_format_scopes(struct arena *a, int64_t scopes);

/* Makes a key for s->actor.project, good for so many seconds (0: for ever); s->db is in a write transaction.
 * The key itself is never seen again. */
int access_create_key(struct session *s, const char *name, int64_t scopes, int64_t seconds,
                      char ret_key[ACCESS_KEY_SIZE], struct err *e);
const char *access_public_id(struct arena *a, const char *key); /* the part of one that may be shown */
/* A key of the actor's project by the part that may be shown, and all of them, revoked ones too, by pk. */
int access_key(struct session *s, const char *public_id, struct principal **ret, struct err *e);
int access_keys(struct session *s, bool newest_first, const struct page *page, store_principal_fn *each,
                void *ctx, struct err *e);
int access_count_keys(struct session *s, int64_t *ret, struct err *e);
/* A new secret for one; the old one is worth nothing from the commit on. */
int access_rotate_key(struct session *s, const char *public_id, char ret_key[ACCESS_KEY_SIZE],
                      struct principal **ret, struct err *e);
/* ERR_WRONG_STATE for the last one with admin that is good. Again: nothing happens. */
int access_revoke_key(struct session *s, const char *public_id, struct err *e);
int access_project_created_at(struct session *s, int64_t *ret, struct err *e); /* of the actor's */

/* What is stored of a password, by libsodium (Argon2id): takes as long, and the same thread, as comparing. */
enum { ACCESS_STORED_SIZE = 128 };
int access_hash_password(const char *password, char ret[ACCESS_STORED_SIZE], struct err *e);

/* Users of the actor's project, newest first, those that are not active too; names are unique over all. */
int access_add_user(struct session *s, const char *name, const char *stored, bool staff, int64_t *ret_pk,
                    struct err *e);
int access_user_by_pk(struct session *s, int64_t pk, struct principal **ret, struct err *e);
int access_users(struct session *s, const struct page *page, store_principal_fn *each, void *ctx,
                 struct err *e);
struct access_user_change {
    const char *stored; /* of a new password, or NULL */
    bool sets_staff, staff;
    bool sets_active, active;
};
int access_change_user(struct session *s, int64_t pk, const struct access_user_change *c, struct err *e);
/* Makes a user at once, for commands. */
int access_create_user(struct session *s, const char *name, const char *password, bool staff, struct err *e);
