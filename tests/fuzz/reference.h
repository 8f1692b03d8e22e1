/* SPDX-License-Identifier: Apache-2.0 */
/* Another JSON reader to compare with: jansson, loaded apart because its names are ours too (json_string,
 * json_null). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum reference_kind { REF_NULL, REF_BOOL, REF_NUMBER, REF_STRING, REF_ARRAY, REF_OBJECT };

/* NULL: refused; *ret_own_limit tells whether only for a limit of its own (numbers too large, a NUL in a
 * name). `duplicates`: a key may come twice, its last value counts. */
void *reference_load(const void *text, size_t len, bool duplicates, bool *ret_own_limit);
void reference_free(void *value); /* NULL is fine */
enum reference_kind reference_kind(const void *value);
bool reference_truth(const void *value);
const char *reference_string(const void *value, size_t *ret_len);
size_t reference_count(const void *value);
size_t reference_leaves(const void *value); /* in it at any depth: what is no container, or an empty one */
const void *reference_item(const void *value, size_t index);
const void *reference_member(const void *value, const char *key); /* NULL: none */
