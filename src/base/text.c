/* SPDX-License-Identifier: Apache-2.0 */
/* Codecs; see text.h. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Table 3-7 of the Unicode standard. `cut`: what follows `left` bytes is unknown and may be right. */
static size_t utf8_sequence(const unsigned char *s, size_t left, bool cut)
{
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t len;
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xC2 && s[0] <= 0xDF)
        len = 2;
    else if (s[0] >= 0xE0 && s[0] <= 0xEF)
        len = 3;
    else if (s[0] >= 0xF0 && s[0] <= 0xF4)
        len = 4;
    else
        return 0;
    if (s[0] == 0xE0)
        low = 0xA0;
    else if (s[0] == 0xED)
        high = 0x9F;
    else if (s[0] == 0xF0)
        low = 0x90;
    else if (s[0] == 0xF4)
        high = 0x8F;
    if ((left < len && !cut) || (left > 1 && (s[1] < low || s[1] > high)))
        return 0;
    for (size_t i = 2; i < len && i < left; i++)
        if (s[i] < 0x80 || s[i] > 0xBF)
            return 0;
    return len;
}

size_t text_utf8_sequence(const char *s, size_t left)
{
    return utf8_sequence((const unsigned char *)s, left, false);
}

bool text_utf8_is_cut(const char *s, size_t left)
{
    return utf8_sequence((const unsigned char *)s, left, true) > left;
}

bool text_has_control(const char *s)
{
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        if (*p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F))
            return true;
    return false;
}

size_t text_utf8_prefix(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t i = 0;
    while (i < len) {
        uint64_t eight;
        size_t n;
        while (len - i >= sizeof eight) { /* most texts are ASCII for most of their way */
            memcpy(&eight, p + i, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080))
                break;
            i += sizeof eight;
        }
        if (i == len)
            break;
        n = utf8_sequence(p + i, len - i, false);
        if (!n)
            break;
        i += n;
    }
    return i;
}

bool text_is_utf8(const char *s, size_t len)
{
    return text_utf8_prefix(s, len) == len;
}

void text_hex(const void *bytes, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[p[i] >> 4];
        ret[2 * i + 1] = digits[p[i] & 15];
    }
    ret[2 * len] = '\0';
}

/* By a table, one more than the value: the digits of a digest are random, so branches would be guessed
 * wrongly. */
static const unsigned char hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

static int hex_value(char c)
{
    return hex_values[(unsigned char)c] - 1;
}

bool text_unhex(const char *hex, size_t hex_len, void *ret)
{
    unsigned char *out = ret;
    if (hex_len % 2)
        return false;
    for (size_t i = 0; i < hex_len; i += 2) {
        int high = hex_value(hex[i]);
        int low = hex_value(hex[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *encode64(struct arena *a, const void *bytes, size_t len, const char *digits, bool pad)
{
    const unsigned char *p = bytes;
    char *out = arena_alloc(a, (len + 2) / 3 * 4 + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;
        if (have > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (have > 2)
            v |= p[i + 2];
        for (size_t k = 0; k <= have; k++)
            out[n++] = digits[v >> (18 - 6 * k) & 63];
        for (size_t k = have + 1; pad && k < 4; k++)
            out[n++] = '=';
    }
    return out;
}

char *text_base64(struct arena *a, const void *bytes, size_t len)
{
    return encode64(a, bytes, len, alphabet, true);
}

char *text_base64url(struct arena *a, const void *bytes, size_t len)
{
    return encode64(a, bytes, len, alphabet_url, false);
}

static bool decode64(struct arena *a, const char *s, size_t len, const char *digits, char **ret,
                     size_t *ret_len)
{
    unsigned char *out = arena_alloc(a, len / 4 * 3 + 4);
    size_t n = 0;
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = s[i] ? strchr(digits, s[i]) : NULL;
        if (!digit)
            return false;
        v = v << 6 | (uint32_t)(digit - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (unsigned char)(v >> bits);
            v &= (1U << bits) - 1;
        }
    }
    if (bits >= 6 || v != 0)
        return false;
    *ret = (char *)out;
    *ret_len = n;
    return true;
}

bool text_unbase64(struct arena *a, const char *s, size_t len, char **ret, size_t *ret_len)
{
    if (len % 4)
        return false;
    if (len && s[len - 1] == '=')
        len--;
    if (len % 4 == 3 && s[len - 1] == '=')
        len--;
    return decode64(a, s, len, alphabet, ret, ret_len);
}

bool text_unbase64url(struct arena *a, const char *s, size_t len, char **ret, size_t *ret_len)
{
    return decode64(a, s, len, alphabet_url, ret, ret_len);
}

static bool unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

char *text_percent(struct arena *a, const char *s, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, 3 * len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (unreserved(c)) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = digits[c >> 4];
        out[n++] = digits[c & 15];
    }
    return out;
}

bool text_unpercent(struct arena *a, const char *s, size_t len, bool plus, char **ret, size_t *ret_len)
{
    char *out = arena_alloc(a, len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '%') {
            if (len - i < 3 || !text_unhex(s + i + 1, 2, out + n))
                return false;
            n++;
            i += 2;
        } else {
            out[n++] = (char)(plus && s[i] == '+' ? ' ' : s[i]);
        }
    }
    *ret = out;
    *ret_len = n;
    return true;
}

bool text_uint(const char *s, size_t len, int64_t *ret)
{
    int64_t v = 0;
    if (!len || len > 19 || (s[0] == '0' && len > 1))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s[i] - '0', &v))
            return false;
    }
    *ret = v;
    return true;
}

bool text_is_choice(const char *const *words, int count, const char *value)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], value) == 0)
            return true;
    return false;
}

void text_choice(const char *const *words, int count, char *to, size_t size)
{
    size_t len = 0;
    *to = '\0';
    for (int i = 0; i < count && len < size; i++) {
        const char *before = i == 0 ? "" : i == count - 1 ? " or " : ", ";
        len += (size_t)snprintf(to + len, size - len, "%s%s", before, words[i]);
    }
}

void text_copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
}
