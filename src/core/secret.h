/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that are not only compared but needed again: other services' keys and passwords. They are sealed
 * (AES-256-GCM) before they come into the database, by a key in a file of the data folder that its owner
 * alone may read: the database alone, copied or leaked, does not tell them. Any thread.
 *
 * The file has one key of 32 bytes, or two: the first seals, both open. It is read again when it has changed,
 * so that keys can be changed while a daemon works.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct secrets;

/* Reads the keys; where there is no file it makes one, if it may. ERR_STORAGE: it cannot be read, is not what
 * it was, or is missing. */
int secrets_open(const char *path, bool may_make, struct secrets **ret, struct err *e);
void secrets_close(struct secrets *s); /* NULL is fine */

/* Text that only secret_unseal with the same key and purpose turns back; another one each time. */
const char *secret_seal(struct secrets *s, struct arena *a, const char *purpose, const char *text,
                        size_t len);
/* ERR_INTERNAL: it was sealed by another key or for another purpose, or is damaged. */
int secret_unseal(struct secrets *s, struct arena *a, const char *purpose, const char *sealed,
                  const char **ret, size_t *ret_len, struct err *e);
/* What is sealed by the second key, sealed by the first: 1 and *ret; 0: it is so already. */
int secret_reseal(struct secrets *s, struct arena *a, const char *purpose, const char *sealed,
                  const char **ret, struct err *e);

/* Changes the file durably, and all at once. */
enum secrets_change {
    SECRETS_NEW,      /* a new key seals; the one before opens, and the one before that is gone */
    SECRETS_PREPARE,  /* a new key opens besides: to be copied to all nodes before it seals */
    SECRETS_PREPARED, /* the second key seals, the first opens */
};
int secrets_change(struct secrets *s, enum secrets_change how, struct err *e);
