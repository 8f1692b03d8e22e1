/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as they are written, by JSON's grammar, compared exactly: never rounded, never allocated for, and
 * at the same cost whatever value the exponent has. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool decimal_is_number(const char *text, size_t len); /* exactly one JSON number, nothing around it */

/* -1, 0, 1 as a is less than, equal to, greater than b. Both must be numbers. 1.10 equals 1.1 and 11e-1, -0
   equals 0. */
int decimal_compare(const char *a, size_t a_len, const char *b, size_t b_len);
