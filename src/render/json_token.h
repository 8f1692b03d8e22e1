/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON tokens of text that may be cut off anywhere. Strict RFC 8259: valid UTF-8 only, no control characters
 * in strings, no lone surrogate, numbers by the grammar. Pure functions.
 *
 * Behind `end` there are TOKEN_PADDING bytes that are NUL, so that nobody needs to ask at each byte whether
 * it is there; a text that is known to be valid ends by itself and needs none.
 *
 * A position is a `const char **`, which moves past what was read. Every function returns TOKEN_OK,
 * TOKEN_MORE (the text ended in the middle; the position has not moved) or TOKEN_BAD (*what says why; the
 * position is at the fault).
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TOKEN_PADDING = 8 };

enum token { TOKEN_OK, TOKEN_MORE, TOKEN_BAD };

/* How many of eight bytes come before the first that is not plain: plain is ASCII from 0x20 on, but no quote
   and no backslash. A subtraction borrows only from bytes above one that is special, so the lowest mark is
   right. */
static inline unsigned token_plain_of_eight(const char *s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t v;
    memcpy(&v, s, sizeof v);
    v = le64toh(v);
    uint64_t quote = v ^ ones * '"';
    uint64_t backslash = v ^ ones * '\\';
    uint64_t marks = (v | (v - ones * 0x20) | (quote - ones) | (backslash - ones)) & ones * 0x80;
    return marks ? (unsigned)__builtin_ctzll(marks) / 8 : 8;
}

/* Past what is plain; the padding is not. */
static inline const char *token_past_plain(const char *s)
{
    unsigned n;
    while ((n = token_plain_of_eight(s)) == 8)
        s += 8;
    return s + n;
}

void token_space(const char **at, const char *end);

/* The position is at the opening quote. *ret is what is between the quotes, still escaped. */
enum token token_string(const char **at, const char *end, const char **ret, size_t *ret_len,
                        bool *ret_escaped, const char **what);

/* At a minus or digit. Where the text ends there may be more digits: TOKEN_MORE unless `last`. */
enum token token_number(const char **at, const char *end, bool last, bool *ret_fraction, const char **what);

/* At t, f or n: true, false, null. */
enum token token_word(const char **at, const char *end, const char *word, const char **what);

/* One whole value that nobody looks at; objects and arrays to `depth` levels. */
enum token token_skip(const char **at, const char *end, bool last, int depth, const char **what);

/* Decodes what token_string returned; never longer than it. The length. */
size_t token_unescape(const char *s, size_t len, char *to);
