/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader and the writer of CSV agree on: which bytes mean something, and what a bare cell is. */
#pragma once

#include "render/row.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define CSV_BOM "\xEF\xBB\xBF"

/* Beside an enum cell_kind: the number has a fraction or an exponent. */
enum { CSV_FRACTION = 1 << 7 };

/* What a cell without quotes is: CELL_NULL when empty, CELL_TRUE, CELL_FALSE, CELL_NUMBER by JSON's grammar,
   perhaps with CSV_FRACTION, else CELL_TEXT. */
unsigned csv_bare_kind(const char *s, size_t len);

#define CSV_ONES  UINT64_C(0x0101010101010101)
#define CSV_HIGHS UINT64_C(0x8080808080808080)

/* Eight bytes, the first of them lowest. */
static inline uint64_t csv_load(const char *from)
{
    uint64_t eight;
    memcpy(&eight, from, sizeof eight);
    return le64toh(eight);
}

static inline uint64_t csv_repeat(char c)
{
    return CSV_ONES * (unsigned char)c;
}

/* The high bit of each byte that differs; exact, no byte disturbs its neighbour. The other bits are noise. */
static inline uint64_t csv_differs(uint64_t eight, uint64_t repeated)
{
    uint64_t x = eight ^ repeated;
    return ((x & ~CSV_HIGHS) + ~CSV_HIGHS) | x;
}

/* The high bit of each byte that is the delimiter, a quote, CR or LF. */
static inline uint64_t csv_marks(uint64_t eight, uint64_t delimiters)
{
    return ~(csv_differs(eight, delimiters) & csv_differs(eight, CSV_ONES * '"') &
             csv_differs(eight, CSV_ONES * '\n') & csv_differs(eight, CSV_ONES * '\r')) &
           CSV_HIGHS;
}

/* The high bits of the first n bytes, n below 8. */
static inline uint64_t csv_first(size_t n)
{
    return CSV_HIGHS & ((UINT64_C(1) << 8 * n) - 1);
}

/* Of 64 bytes, the first in the lowest bit: which are marks, and which are beyond ASCII. */
struct csv_block {
    uint64_t marks, wide;
};

/* The high bits of eight bytes, side by side. */
static inline uint64_t csv_gather(uint64_t highs)
{
    return (highs >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline struct csv_block csv_block_by_eight(const char *from, char delimiter)
{
    struct csv_block b = {0};
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t eight = csv_load(from + i);
        b.marks |= csv_gather(csv_marks(eight, csv_repeat(delimiter))) << i;
        b.wide |= csv_gather(eight & CSV_HIGHS) << i;
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
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        __m128i lines = _mm_or_si128(_mm_cmpeq_epi8(x, lf), _mm_cmpeq_epi8(x, cr));
        __m128i cells = _mm_or_si128(_mm_cmpeq_epi8(x, d), _mm_cmpeq_epi8(x, quote));
        b.marks |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_or_si128(lines, cells)) << i;
        b.wide |= (uint64_t)(unsigned)_mm_movemask_epi8(x) << i;
    }
    return b;
}
#else
#define csv_block csv_block_by_eight
#endif

/* The same where eight bytes may be read from `s` whatever `len` is: short numbers need no loop. */
static inline unsigned csv_bare_kind_fast(const char *s, size_t len)
{
    if (len == 0 || len > 8 || *s > '9' || *s < '0')
        return csv_bare_kind(s, len);
    uint64_t x = csv_load(s) ^ CSV_ONES * '0'; /* a digit is its value now */
    uint64_t others = (((x & ~CSV_HIGHS) + CSV_ONES * (0x80 - 10)) | x) & CSV_HIGHS;
    if (len < 8)
        others &= csv_first(len);
    size_t digits = others ? (size_t)__builtin_ctzll(others) / 8 : len;
    if (digits > 1 && *s == '0')
        return CELL_TEXT;
    if (digits == len)
        return CELL_NUMBER;
    bool one = (others & (others - 1)) == 0;
    return one && s[digits] == '.' && digits + 1 < len ? CELL_NUMBER | CSV_FRACTION : csv_bare_kind(s, len);
}
