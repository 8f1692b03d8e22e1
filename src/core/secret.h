/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that are not only compared but needed again: other services' keys and passwords. They are sealed
 * (AES-256-GCM) before they come into the database, by a key in a file of the data folder that its owner
 * alone may read: the database alone, copied or leaked, does not tell them. Any thread.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>

struct secrets;

/* Reads the key; makes one where there is no file. ERR_STORAGE: it cannot be read, or is not what it was. */
int secrets_open(const char *path, struct secrets **ret, struct err *e);
void secrets_close(struct secrets *s); /* NULL is fine */

/* Text that only secret_unseal with the same key and purpose turns back; another one each time. */
const char *secret_seal(struct secrets *s, struct arena *a, const char *purpose, const char *text,
                        size_t len);
/* ERR_INTERNAL: it was sealed by another key or for another purpose, or is damaged. */
int secret_unseal(struct secrets *s, struct arena *a, const char *purpose, const char *sealed,
                  const char **ret, size_t *ret_len, struct err *e);
