/* SPDX-License-Identifier: Apache-2.0 */
/* Bare cells of CSV; see csv.h. Pure functions. */
#include "render/csv.h"

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* After the digits of an integer: what stands there, if it makes a number of it all. */
static bool is_fraction(const char *p, const char *end)
{
    const char *begin;
    if (*p == '.') {
        begin = ++p;
        p = skip_digits(p, end);
        if (p == begin)
            return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        begin = p;
        p = skip_digits(p, end);
        if (p == begin)
            return false;
    }
    return p == end;
}

static unsigned number_or_text(const char *s, const char *end)
{
    const char *begin = s + (*s == '-');
    const char *p = skip_digits(begin, end);
    if (p == begin || (*begin == '0' && p - begin > 1))
        return CELL_TEXT;
    if (p == end)
        return CELL_NUMBER;
    return is_fraction(p, end) ? CELL_NUMBER | CSV_FRACTION : CELL_TEXT;
}

unsigned csv_bare_kind(const char *s, size_t len)
{
    if (len == 0)
        return CELL_NULL;
    if (*s <= '9')
        return *s >= '0' || *s == '-' ? number_or_text(s, s + len) : CELL_TEXT;
    return csv_word_kind(s, len);
}
