/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader and the writer of CSV agree on: which bytes mean something, and what a bare cell is. */
#pragma once

#include "render/row.h"
#include "render/sixteen.h"

#include <stdbool.h>

#define CSV_BOM "\xEF\xBB\xBF"

/* What a delimiter that nobody names may be; the first one where that cannot be told. */
#define CSV_DELIMITERS ",;\t|"

/* Beside an enum cell_kind: the number has a fraction or an exponent. */
enum { CSV_FRACTION = 1 << 7 };

/* What a cell without quotes is: CELL_NULL when empty, CELL_TRUE, CELL_FALSE, CELL_NUMBER by JSON's grammar,
   perhaps with CSV_FRACTION, else CELL_TEXT. */
unsigned csv_bare_kind(const char *s, size_t len);

/* Of 64 bytes, the first in the lowest bit: which are the delimiter, CR or LF, which are quotes, and which
   are beyond ASCII. */
struct csv_block {
    uint64_t ends, quotes, wide;
};

static inline struct csv_block csv_block_by_eight(const char *from, char delimiter)
{
    struct csv_block b = {0};
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t eight = bytes_load(from + i);
        uint64_t ends = bytes_differ(eight, bytes_repeat(delimiter)) &
                        bytes_differ(eight, bytes_repeat('\n')) & bytes_differ(eight, bytes_repeat('\r'));
        uint64_t quotes = bytes_differ(eight, bytes_repeat('"'));
        b.ends |= (uint64_t)bytes_gather(~ends & BYTES_HIGHS) << i;
        b.quotes |= (uint64_t)bytes_gather(~quotes & BYTES_HIGHS) << i;
        b.wide |= (uint64_t)bytes_gather(eight & BYTES_HIGHS) << i;
    }
    return b;
}

#ifdef __SSE2__
static inline struct csv_block csv_block(const char *from, char delimiter)
{
    const __m128i d = _mm_set1_epi8(delimiter);
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i lf = _mm_set1_epi8('\n');
    const __m128i cr = _mm_set1_epi8('\r');
    struct csv_block b = {0};
    for (unsigned i = 0; i < 64; i += SIXTEEN) {
        __m128i x = sixteen_load(from + i);
        __m128i lines = _mm_or_si128(_mm_cmpeq_epi8(x, lf), _mm_cmpeq_epi8(x, cr));
        b.ends |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_or_si128(lines, _mm_cmpeq_epi8(x, d))) << i;
        b.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, quote)) << i;
        b.wide |= (uint64_t)(unsigned)_mm_movemask_epi8(x) << i;
    }
    return b;
}
#else
#define csv_block csv_block_by_eight
#endif

/* Of what begins with a letter. */
static inline unsigned csv_word_kind(const char *s, size_t len)
{
    if (len == 4 && memcmp(s, "true", 4) == 0)
        return CELL_TRUE;
    return len == 5 && memcmp(s, "false", 5) == 0 ? CELL_FALSE : CELL_TEXT;
}

/* csv_bare_kind where SIXTEEN bytes may be read from `s` whatever `len` is: short numbers need no loop. */
static inline __attribute__((always_inline)) unsigned csv_bare_kind_fast(const char *s, size_t len)
{
    unsigned char first = (unsigned char)*s;
    if (len == 0)
        return CELL_NULL;
    if (first > '9')
        return first == 't' || first == 'f' ? csv_word_kind(s, len) : (unsigned)CELL_TEXT;
    if (first < '0' || len > SIXTEEN)
        return csv_bare_kind(s, len);
    unsigned others = sixteen_others(s) & sixteen_first(len);
    if (!others)
        return *s == '0' && len > 1 ? CELL_TEXT : CELL_NUMBER;
    unsigned digits = (unsigned)__builtin_ctz(others);
    if (digits > 1 && *s == '0')
        return CELL_TEXT;
    if (s[digits] == '.' && (others & (others - 1)) == 0 && digits + 1 < len)
        return CELL_NUMBER | CSV_FRACTION;
    return s[digits] == '.' || s[digits] == 'e' || s[digits] == 'E' ? csv_bare_kind(s, len)
                                                                    : (unsigned)CELL_TEXT;
}
