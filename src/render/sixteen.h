/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen bytes at a time: which of them are of a kind, the first byte in the lowest bit. Most cells are not
 * longer, so one look takes the place of a loop whose end no processor foresees. Inside render/.
 *
 * Everything reads SIXTEEN bytes from `from` on, and what copies may write up to SIXTEEN - 1 bytes behind the
 * last one.
 */
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { SIXTEEN = 16 };

#define BYTES_ONES  UINT64_C(0x0101010101010101)
#define BYTES_HIGHS UINT64_C(0x8080808080808080)

/* Eight bytes, the first of them lowest. */
static inline uint64_t bytes_load(const char *from)
{
    uint64_t eight;
    memcpy(&eight, from, sizeof eight);
    return le64toh(eight);
}

static inline uint64_t bytes_repeat(char c)
{
    return BYTES_ONES * (unsigned char)c;
}

/* The high bit of each byte that differs; exact, no byte disturbs its neighbour. The other bits are noise. */
static inline uint64_t bytes_differ(uint64_t eight, uint64_t repeated)
{
    uint64_t x = eight ^ repeated;
    return ((x & ~BYTES_HIGHS) + ~BYTES_HIGHS) | x;
}

/* The high bits of eight bytes, side by side. */
static inline unsigned bytes_gather(uint64_t highs)
{
    return (unsigned)((highs >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

/* The high bit of each byte below `limit`, which is at most 0x80; the other bits are noise. */
static inline uint64_t bytes_below(uint64_t eight, unsigned char limit)
{
    return ~(((eight & ~BYTES_HIGHS) + BYTES_ONES * (0x80U - limit)) | eight);
}

/* --- the same by eight, for processors without SSE2, and for comparison --- */

static inline unsigned eight_others(const char *from)
{
    return bytes_gather(~bytes_below(bytes_load(from) ^ bytes_repeat('0'), 10) & BYTES_HIGHS);
}

static inline unsigned eight_marks(const char *from, char delimiter)
{
    uint64_t v = bytes_load(from);
    return bytes_gather(~(bytes_differ(v, bytes_repeat(delimiter)) & bytes_differ(v, bytes_repeat('"')) &
                          bytes_differ(v, bytes_repeat('\n')) & bytes_differ(v, bytes_repeat('\r'))) &
                        BYTES_HIGHS);
}

static inline unsigned eight_escapes(const char *from)
{
    uint64_t v = bytes_load(from);
    return bytes_gather(
        (bytes_below(v, 0x20) | ~(bytes_differ(v, bytes_repeat('"')) & bytes_differ(v, bytes_repeat('\\')))) &
        BYTES_HIGHS);
}

static inline unsigned sixteen_others_by_eight(const char *from)
{
    return eight_others(from) | eight_others(from + 8) << 8;
}

static inline unsigned sixteen_marks_by_eight(const char *from, char delimiter)
{
    return eight_marks(from, delimiter) | eight_marks(from + 8, delimiter) << 8;
}

static inline unsigned sixteen_escapes_by_eight(const char *from)
{
    return eight_escapes(from) | eight_escapes(from + 8) << 8;
}

/* --- */

#ifdef __SSE2__

static inline __m128i sixteen_load(const char *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

/* No decimal digit. */
static inline unsigned sixteen_others(const char *from)
{
    __m128i value = _mm_sub_epi8(sixteen_load(from), _mm_set1_epi8('0'));
    __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
    return (unsigned)_mm_movemask_epi8(digits) ^ 0xFFFF;
}

/* The delimiter, a quote, CR or LF. */
static inline unsigned sixteen_marks(const char *from, char delimiter)
{
    __m128i x = sixteen_load(from);
    __m128i lines =
        _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\r')));
    __m128i cells =
        _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(delimiter)), _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(lines, cells));
}

/* What JSON escapes: a quote, a backslash, a control character. */
static inline unsigned sixteen_escapes(const char *from)
{
    __m128i x = sixteen_load(from);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1F)), x);
    __m128i other =
        _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, other));
}

#else
#define sixteen_others  sixteen_others_by_eight
#define sixteen_marks   sixteen_marks_by_eight
#define sixteen_escapes sixteen_escapes_by_eight
#endif

/* Beyond ASCII. */
static inline unsigned sixteen_wide(const char *from)
{
#ifdef __SSE2__
    return (unsigned)_mm_movemask_epi8(sixteen_load(from));
#else
    return bytes_gather(bytes_load(from) & BYTES_HIGHS) | bytes_gather(bytes_load(from + 8) & BYTES_HIGHS)
                                                              << 8;
#endif
}

/* Which bytes differ from those at `other`. */
static inline unsigned sixteen_differ(const char *from, const char *other)
{
#ifdef __SSE2__
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(sixteen_load(from), sixteen_load(other))) ^ 0xFFFF;
#else
    return bytes_gather(bytes_differ(bytes_load(from), bytes_load(other)) & BYTES_HIGHS) |
           bytes_gather(bytes_differ(bytes_load(from + 8), bytes_load(other + 8)) & BYTES_HIGHS) << 8;
#endif
}

/* How many bytes the well-formed UTF-8 sequence at `s` has, if two or three and by its first byte alone; 0:
   look closer. Reads three bytes. */
static inline size_t sixteen_utf8(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    if ((p[1] & 0xC0) != 0x80)
        return 0;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        return 2;
    return p[0] > 0xE0 && p[0] <= 0xEF && p[0] != 0xED && (p[2] & 0xC0) == 0x80 ? 3 : 0;
}

/* The lowest n bits, n at most SIXTEEN. */
static inline unsigned sixteen_first(size_t n)
{
    return (1U << n) - 1;
}

/* At least sixteen bytes, whatever `len` is. Behind what was copied. */
static inline char *sixteen_copy(char *to, const char *from, size_t len)
{
    memcpy(to, from, SIXTEEN);
    for (size_t i = SIXTEEN; i < len; i += SIXTEEN)
        memcpy(to + i, from + i, SIXTEEN);
    return to + len;
}
