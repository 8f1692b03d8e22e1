/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON tokens of text that may be cut off anywhere. Strict RFC 8259: valid UTF-8 only, no control characters
 * in strings, no lone surrogate, numbers by the grammar. Pure functions.
 *
 * Behind `end` there are TOKEN_PADDING bytes that are NUL, so that nobody needs to ask at each byte whether
 * it is there.
 *
 * A position is a `const char **`, which moves past what was read. Every function returns TOKEN_OK,
 * TOKEN_MORE (the text ended in the middle; the position has not moved) or TOKEN_BAD (*what says why; the
 * position is at the fault).
 */
#pragma once

#include "render/sixteen.h"

#include <stdbool.h>

enum { TOKEN_PADDING = SIXTEEN };

enum token { TOKEN_OK, TOKEN_MORE, TOKEN_BAD };

/* Past what is plain: ASCII from 0x20 on, but no quote and no backslash. The padding is not. */
static inline const char *token_past_plain(const char *s)
{
    unsigned other;
    while (!(other = sixteen_escapes(s) | sixteen_wide(s)))
        s += SIXTEEN;
    return s + __builtin_ctz(other);
}

/* Past that and characters beyond ASCII, but not all of those: what stops it may be one. */
static inline const char *token_past_text(const char *s)
{
    for (;;) {
        s = token_past_plain(s);
        size_t len = sixteen_utf8(s);
        if (!len)
            return s;
        s += len;
    }
}

void token_space(const char **at, const char *end);

/* The position is at the opening quote. *ret is what is between the quotes, still escaped. */
enum token token_string(const char **at, const char *end, const char **ret, size_t *ret_len,
                        bool *ret_escaped, const char **what);

/* At a minus or digit. Where the text ends there may be more digits: TOKEN_MORE unless `last`. */
enum token token_number(const char **at, const char *end, bool last, bool *ret_fraction, const char **what);

/* The same of a number that is not cut off, not very long and without an exponent: behind it, or NULL. */
static inline const char *token_past_number(const char *s, bool *ret_fraction)
{
    s += *s == '-';
    const char *first = s;
    s += __builtin_ctz(sixteen_others(s) | 1U << SIXTEEN);
    if (s == first || s - first >= SIXTEEN || (*first == '0' && s - first > 1))
        return NULL;
    *ret_fraction = *s == '.';
    if (*ret_fraction) {
        first = ++s;
        s += __builtin_ctz(sixteen_others(s) | 1U << SIXTEEN);
        if (s == first || s - first >= SIXTEEN)
            return NULL;
    }
    return *s && *s != 'e' && *s != 'E' ? s : NULL;
}

/* At t, f or n: true, false, null. */
enum token token_word(const char **at, const char *end, const char *word, const char **what);

/* One whole value that nobody looks at; objects and arrays to `depth` levels. */
enum token token_skip(const char **at, const char *end, bool last, int depth, const char **what);

/* Decodes what token_string returned; never longer than it. The length. */
size_t token_unescape(const char *s, size_t len, char *to);
