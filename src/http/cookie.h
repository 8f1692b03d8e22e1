/* SPDX-License-Identifier: Apache-2.0 */
/* The header field Cookie of a request (RFC 6265 section 4.2). A pure function, fuzzed as it is. */
#pragma once

#include "base/arena.h"

/* UNCLEAR: it is there twice, or has bytes that no cookie's value has. */
enum cookie_found { COOKIE_NONE, COOKIE_ONE, COOKIE_UNCLEAR };

/* The cookie of this name, of which case counts. `field`: all lines, with commas between them; NULL: absent.
 */
enum cookie_found cookie_find(struct arena *a, const char *field, const char *name, const char **ret);
