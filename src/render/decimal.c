/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact decimals; see decimal.h. A number is taken apart into slices of its own text: a sign, digits from the
 * first that is not 0, the power of ten of that digit, and an exponent that is left as digits. Two numbers of
 * one sign compare by the power of their first digit, then digit by digit. Nothing is copied, and an exponent
 * of any length is right: only the difference of two is ever computed, and that may be cut off where it is
 * larger than any text is long.
 */
#include "render/decimal.h"

#include <stdint.h>

/* No text has as many digits, so powers of first digits cannot make up for a difference this large. */
#define FAR INT64_C(100000000000000000)

struct decimal {
    int sign;           /* -1, 0, 1 */
    const char *digits; /* from the first that is not 0; a point may stand among them */
    const char *end;
    int64_t power;        /* of ten, of the first digit, without the exponent */
    int64_t exponent_len; /* 0: the two below are not set */
    int exponent_sign;
    const char *exponent; /* its digits */
};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* NULL: no digit stands at p. */
static const char *need_digits(const char *p, const char *end)
{
    const char *after = skip_digits(p, end);
    return after > p ? after : NULL;
}

bool decimal_is_number(const char *text, size_t len)
{
    if (!len)
        return false;
    const char *p = text;
    const char *end = text + len;
    p += *p == '-';
    if (p < end && *p == '0')
        p++;
    else if (!(p = need_digits(p, end)))
        return false;
    if (p < end && *p == '.' && !(p = need_digits(p + 1, end)))
        return false;
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        if (!(p = need_digits(p, end)))
            return false;
    }
    return p == end;
}

static void take_exponent(struct decimal *d, const char *p, const char *end)
{
    d->exponent_sign = *p == '-' ? -1 : 1;
    p += *p == '-' || *p == '+';
    d->exponent = p;
    d->exponent_len = end - p;
}

static void take_apart(struct decimal *d, const char *text, size_t len)
{
    const char *end = text + len;
    const char *p = text + (*text == '-');
    const char *point = skip_digits(p, end);
    d->end = point < end && *point == '.' ? skip_digits(point + 1, end) : point;
    d->exponent_len = 0;
    if (d->end < end)
        take_exponent(d, d->end + 1, end);
    while (p < d->end && (*p == '0' || *p == '.'))
        p++;
    d->sign = p == d->end ? 0 : *text == '-' ? -1 : 1;
    d->digits = p;
    d->power = p < point ? point - p - 1 : point - p;
}

/* The digit of an exponent that stands `place` places from its right end. */
static int exponent_digit(const struct decimal *d, int64_t place)
{
    return place < d->exponent_len ? d->exponent_sign * (d->exponent[d->exponent_len - 1 - place] - '0') : 0;
}

/* a's exponent minus b's, cut off beyond ±FAR: a step changes the difference by 18 at most, so from 3 on it
   only grows. */
static int64_t exponent_difference(const struct decimal *a, const struct decimal *b)
{
    int64_t place = a->exponent_len > b->exponent_len ? a->exponent_len : b->exponent_len;
    int64_t difference = 0;
    while (place-- > 0 && difference < FAR && difference > -FAR)
        difference = 10 * difference + exponent_digit(a, place) - exponent_digit(b, place);
    return difference;
}

/* The digit at *p, past the point if that is there; 0 goes on for ever behind the last one. */
static int next_digit(const char **p, const char *end)
{
    if (*p < end && **p == '.')
        ++*p;
    return *p < end ? *(*p)++ : '0';
}

static int compare_digits(const struct decimal *a, const struct decimal *b)
{
    const char *p = a->digits;
    const char *q = b->digits;
    while (p < a->end || q < b->end) {
        int x = next_digit(&p, a->end);
        int y = next_digit(&q, b->end);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

int decimal_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    struct decimal x;
    struct decimal y;
    take_apart(&x, a, a_len);
    take_apart(&y, b, b_len);
    if (x.sign != y.sign)
        return x.sign < y.sign ? -1 : 1;
    if (!x.sign)
        return 0;
    int64_t higher = x.power - y.power;
    if (x.exponent_len || y.exponent_len)
        higher += exponent_difference(&x, &y);
    if (higher)
        return higher < 0 ? -x.sign : x.sign;
    return x.sign * compare_digits(&x, &y);
}
