/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers. Public ids are UUIDv7 text (RFC 9562): they sort by time of creation and tell nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { ID_SIZE = 37, ID_LEN = 36 };

void id_new(char *ret);       /* ID_SIZE bytes: lower-case text with a NUL; unique, any thread */
bool id_valid(const char *s); /* exactly 36 characters of canonical lower-case UUID text */

void id_random(void *bytes, size_t len); /* from the kernel; aborts if it has none */
void id_token(char *ret, size_t len);    /* len letters and digits of 5.95 bits each, and a NUL */
