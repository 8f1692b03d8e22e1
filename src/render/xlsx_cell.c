/* SPDX-License-Identifier: Apache-2.0 */
/* What a cell of XLSX may be: how long, which numbers, which characters. See write_xlsx.h. No state, no
 * allocation, any thread. */
#include "render/write_xlsx.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIGITS = 15, SHOWN_NAME = 60 };

/* Every character but the ones from U+10000 on, which begin with F0 to F4, is one unit. */
size_t xlsx_units(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        n += (size_t)((c & 0xC0) != 0x80) + (size_t)(c >= 0xF0);
    }
    return n;
}

/* How much of a name fits into a sentence: whole characters. */
static int shown(const struct column_name *name)
{
    size_t len = name->len;
    if (len > SHOWN_NAME) {
        len = SHOWN_NAME;
        while (len && ((unsigned char)name->bytes[len] & 0xC0) == 0x80)
            len--;
    }
    return (int)len;
}

static const char *dots(const struct column_name *name)
{
    return name->len > SHOWN_NAME ? "…" : "";
}

int xlsx_check_columns(const struct column_name *names, int count, struct err *e)
{
    if (count < 1)
        return err_set(e, ERR_LIMIT, "no columns");
    if (count > XLSX_COLUMNS)
        return err_set(e, ERR_LIMIT, "%d columns, %d is the most", count, XLSX_COLUMNS);
    for (int i = 0; i < count; i++) {
        const struct column_name *name = &names[i];
        size_t units = name->len > XLSX_CELL ? xlsx_units(name->bytes, name->len) : 0;
        if (units > XLSX_CELL)
            return err_set(e, ERR_LIMIT, "the name of column %d, \"%.*s%s\": %zu characters, %d is the most",
                           i + 1, shown(name), name->bytes, dots(name), units, XLSX_CELL);
    }
    return 0;
}

int xlsx_check_cell(const struct cell *c, const struct column_name *name, int64_t row, struct err *e)
{
    char number[XLSX_NUMBER];
    if (c->kind < CELL_NUMBER || c->len <= XLSX_CELL)
        return 0;
    if (c->kind == CELL_NUMBER && xlsx_number(c->bytes, c->len, number))
        return 0;
    size_t units = xlsx_units(c->bytes, c->len);
    if (units <= XLSX_CELL)
        return 0;
    return err_set(e, ERR_LIMIT, "row %lld, column \"%.*s%s\": %zu characters in a cell, %d is the most",
                   (long long)row + 1, shown(name), name->bytes, dots(name), units, XLSX_CELL);
}

/* ---- numbers ------------------------------------------------------------------------------------------ */

/* digits · 10^power, without zeros at either end; no digits at all for zero. */
struct decimal {
    bool negative;
    char digits[MOST_DIGITS];
    int count;
    int64_t power;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number after an e. A text is too short for its zeros to make up for an exponent beyond `most`. */
static int64_t read_exponent(const char *p, const char *end)
{
    const int64_t most = INT64_C(1) << 56;
    bool negative = p < end && *p == '-';
    int64_t v = 0;
    for (p += p < end && (*p == '-' || *p == '+'); p < end && v < most; p++)
        v = 10 * v + (*p - '0');
    return negative ? -v : v;
}

/* One digit more, after `zeros` others. false: there are too many. */
static bool add_digit(struct decimal *d, char digit, int64_t zeros)
{
    if (d->count + zeros >= MOST_DIGITS)
        return false;
    memset(d->digits + d->count, '0', (size_t)zeros);
    d->count += (int)zeros;
    d->digits[d->count++] = digit;
    return true;
}

/* false: it has more digits than a double keeps. */
static bool read_decimal(const char *p, const char *end, struct decimal *ret)
{
    struct decimal d = {.negative = p < end && *p == '-'};
    int64_t zeros = 0; /* since the last digit that is none */
    int64_t scale = 0;
    bool point = false;
    for (p += d.negative; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        scale += point;
        if (*p == '0') {
            zeros += d.count > 0;
            continue;
        }
        if (!add_digit(&d, *p, zeros))
            return false;
        zeros = 0;
    }
    d.power = zeros - scale + (p < end ? read_exponent(p + 1, end) : 0);
    *ret = d;
    return true;
}

static size_t print_decimal(const struct decimal *d, char ret[XLSX_NUMBER])
{
    int len = d->count ? snprintf(ret, XLSX_NUMBER, "%s%.*se%lld", d->negative ? "-" : "", d->count,
                                  d->digits, (long long)d->power)
                       : snprintf(ret, XLSX_NUMBER, "0");
    return (size_t)len;
}

/* Neither too large nor so small that a double has fewer digits for it. `text` is d, printed. */
static bool is_in_range(const struct decimal *d, const char *text)
{
    int64_t first = d->count - 1 + d->power; /* the power of ten of the first digit */
    if (!d->count || (first > -308 && first < 308))
        return true;
    return first >= -308 && first <= 308 && isnormal(strtod(text, NULL));
}

size_t xlsx_number(const char *text, size_t len, char ret[XLSX_NUMBER])
{
    struct decimal d;
    bool simple = len <= MOST_DIGITS && !memchr(text, 'e', len) && !memchr(text, 'E', len);
    if (!simple) {
        if (!read_decimal(text, text + len, &d))
            return 0;
        size_t printed = print_decimal(&d, ret);
        if (!is_in_range(&d, ret))
            return 0;
        if (len > XLSX_NUMBER)
            return printed;
    }
    memcpy(ret, text, len);
    return len;
}

/* ---- characters --------------------------------------------------------------------------------------- */

/* The controls, what XML gives a meaning, the underscore, and EF, with which U+FFFE and U+FFFF begin. */
const unsigned char xlsx_special[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,         1,         1,         1,         1,          1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ['&'] = 1, ['<'] = 1, ['>'] = 1, ['_'] = 1, [0xEF] = 1,
};

/* U+FFFE or U+FFFF: EF BF BE, EF BF BF. */
static bool is_noncharacter(const char *s, size_t len)
{
    return len >= 3 && (unsigned char)s[0] == 0xEF && (unsigned char)s[1] == 0xBF &&
           (unsigned char)s[2] >= 0xBE;
}

/* CR could stand in XML, but would be read as a line feed. */
static bool is_forbidden(const char *s, size_t len)
{
    unsigned char c = (unsigned char)s[0];
    return (c < 0x20 && c != '\t' && c != '\n') || is_noncharacter(s, len);
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Whether _x0041_ follows, or _x0041 and a character whose own escape gives the second underscore. */
static bool begins_sequence(const char *s, size_t len)
{
    return len >= 7 && s[0] == '_' && s[1] == 'x' && is_hex(s[2]) && is_hex(s[3]) && is_hex(s[4]) &&
           is_hex(s[5]) && (s[6] == '_' || is_forbidden(s + 6, len - 6));
}

static size_t escape_as(const char *sequence, size_t taken, char to[XLSX_ESCAPED], size_t *ret_len)
{
    size_t n = 0;
    for (; sequence[n]; n++)
        to[n] = sequence[n];
    *ret_len = n;
    return taken;
}

static size_t escape_control(unsigned char c, char to[XLSX_ESCAPED], size_t *ret_len)
{
    static const char digits[] = "0123456789ABCDEF";
    const char sequence[] = {'_', 'x', '0', '0', digits[c >> 4], digits[c & 15], '_', '\0'};
    return escape_as(sequence, 1, to, ret_len);
}

size_t xlsx_escape(const char *text, size_t len, char to[XLSX_ESCAPED], size_t *ret_len)
{
    if (text[0] == '&')
        return escape_as("&amp;", 1, to, ret_len);
    if (text[0] == '<')
        return escape_as("&lt;", 1, to, ret_len);
    if (text[0] == '>')
        return escape_as("&gt;", 1, to, ret_len);
    if (begins_sequence(text, len))
        return escape_as("_x005F_", 1, to, ret_len);
    if (is_noncharacter(text, len))
        return escape_as((unsigned char)text[2] == 0xBE ? "_xFFFE_" : "_xFFFF_", 3, to, ret_len);
    if (is_forbidden(text, len))
        return escape_control((unsigned char)text[0], to, ret_len);
    to[0] = text[0];
    *ret_len = 1;
    return 1;
}
