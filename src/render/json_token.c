/* SPDX-License-Identifier: Apache-2.0 */
/* See json_token.h. */
#include "render/json_token.h"

#include "base/text.h"

void token_space(const char **at, const char *end)
{
    const char *p = *at;
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    *at = p;
}

static enum token bad(const char **at, const char *where, const char **what, const char *why)
{
    *at = where;
    *what = why;
    return TOKEN_BAD;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at s, or -1. */
static int32_t code_unit(const char *s)
{
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(s[i]);
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

/* *at is at the u of an escape; six or twelve bytes of it are read. */
static enum token unicode_escape(const char **at, const char *end, const char **what)
{
    const char *p = *at;
    if (end - p < 5)
        return TOKEN_MORE;
    int32_t unit = code_unit(p + 1);
    if (unit < 0)
        return bad(at, p, what, "\\u needs four hexadecimal digits");
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return bad(at, p, what, "a lone surrogate");
    if (unit < 0xD800 || unit > 0xDBFF) {
        *at = p + 5;
        return TOKEN_OK;
    }
    if (end - p < 11)
        return end - p > 5 && p[5] != '\\' ? bad(at, p, what, "a lone surrogate") : TOKEN_MORE;
    int32_t low = p[5] == '\\' && p[6] == 'u' ? code_unit(p + 7) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return bad(at, p, what, "a lone surrogate");
    *at = p + 11;
    return TOKEN_OK;
}

/* *at is after a backslash. */
static enum token escape(const char **at, const char *end, const char **what)
{
    if (*at == end)
        return TOKEN_MORE;
    if (**at == 'u')
        return unicode_escape(at, end, what);
    if (!**at || !strchr("\"\\/bfnrt", **at))
        return bad(at, *at, what, "an unknown escape");
    ++*at;
    return TOKEN_OK;
}

/* *at is at a byte of 0x80 or more. */
static enum token beyond_ascii(const char **at, const char *end, const char **what)
{
    size_t left = (size_t)(end - *at);
    size_t len = text_utf8_sequence(*at, left);
    if (!len)
        return left < 4 && text_utf8_is_cut(*at, left) ? TOKEN_MORE : bad(at, *at, what, "invalid UTF-8");
    *at += len;
    return TOKEN_OK;
}

enum token token_string(const char **at, const char *end, const char **ret, size_t *ret_len,
                        bool *ret_escaped, const char **what)
{
    const char *start = *at + 1;
    const char *p = start;
    *ret_escaped = false;
    for (;;) {
        enum token t = TOKEN_OK;
        p = token_past_text(p);
        if (*p == '"')
            break;
        if (p == end)
            return TOKEN_MORE;
        if (*p == '\\') {
            *ret_escaped = true;
            p++;
            t = escape(&p, end, what);
        } else if ((unsigned char)*p >= 0x80) {
            t = beyond_ascii(&p, end, what);
        } else {
            return bad(at, p, what, "a control character in a string");
        }
        if (t == TOKEN_BAD)
            *at = p;
        if (t != TOKEN_OK)
            return t;
    }
    *ret = start;
    *ret_len = (size_t)(p - start);
    *at = p + 1;
    return TOKEN_OK;
}

static const char *digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

/* What follows the integer part; *ret NULL: a digit is missing at *fault. */
static const char *fraction_and_exponent(const char *p, const char **fault)
{
    if (*p == '.') {
        const char *first = p + 1;
        p = digits(first);
        if (p == first) {
            *fault = p;
            return NULL;
        }
    }
    if (*p == 'e' || *p == 'E') {
        const char *first = p + 1;
        first += *first == '+' || *first == '-';
        p = digits(first);
        if (p == first) {
            *fault = p;
            return NULL;
        }
    }
    return p;
}

enum token token_number(const char **at, const char *end, bool last, bool *ret_fraction, const char **what)
{
    const char *first = *at + (**at == '-');
    const char *fault = NULL;
    const char *p = digits(first);
    if (p == first)
        return p == end && !last ? TOKEN_MORE : bad(at, p, what, "a digit is missing");
    if (*first == '0' && p - first > 1)
        return bad(at, first, what, "a number must not begin with 0");
    const char *integer_end = p;
    p = fraction_and_exponent(p, &fault);
    if (!p)
        return fault == end && !last ? TOKEN_MORE : bad(at, fault, what, "a digit is missing");
    if (p == end && !last)
        return TOKEN_MORE;
    *ret_fraction = p != integer_end;
    *at = p;
    return TOKEN_OK;
}

enum token token_word(const char **at, const char *end, const char *word, const char **what)
{
    size_t len = strlen(word);
    size_t left = (size_t)(end - *at);
    if (strncmp(*at, word, left < len ? left : len) != 0)
        return bad(at, *at, what, "neither true, false nor null");
    if (left < len)
        return TOKEN_MORE;
    *at += len;
    return TOKEN_OK;
}

static enum token skip_scalar(const char **at, const char *end, bool last, const char **what)
{
    const char *s;
    size_t len;
    bool flag;
    switch (**at) {
    case '"':
        return token_string(at, end, &s, &len, &flag, what);
    case 't':
        return token_word(at, end, "true", what);
    case 'f':
        return token_word(at, end, "false", what);
    case 'n':
        return token_word(at, end, "null", what);
    default:
        break;
    }
    if (**at == '-' || (**at >= '0' && **at <= '9'))
        return token_number(at, end, last, &flag, what);
    return bad(at, *at, what, "a value is missing");
}

/* A member's key and colon. */
static enum token skip_key(const char **at, const char *end, const char **what)
{
    const char *s;
    size_t len;
    bool escaped;
    if (*at == end)
        return TOKEN_MORE;
    if (**at != '"')
        return bad(at, *at, what, "a member needs a name in quotes");
    enum token t = token_string(at, end, &s, &len, &escaped, what);
    if (t != TOKEN_OK)
        return t;
    token_space(at, end);
    if (*at == end)
        return TOKEN_MORE;
    if (**at != ':')
        return bad(at, *at, what, "a colon is missing");
    ++*at;
    return TOKEN_OK;
}

static enum token skip(const char **at, const char *end, bool last, int depth, const char **what)
{
    token_space(at, end);
    if (*at == end)
        return TOKEN_MORE;
    if (**at != '{' && **at != '[')
        return skip_scalar(at, end, last, what);
    if (depth == 0)
        return bad(at, *at, what, "nested too deeply");
    char close = **at == '{' ? '}' : ']';
    ++*at;
    token_space(at, end);
    if (*at < end && **at == close) {
        ++*at;
        return TOKEN_OK;
    }
    for (;;) {
        enum token t = close == '}' ? skip_key(at, end, what) : TOKEN_OK;
        if (t == TOKEN_OK)
            t = skip(at, end, false, depth - 1, what);
        if (t != TOKEN_OK)
            return t;
        token_space(at, end);
        if (*at == end)
            return TOKEN_MORE;
        char c = *(*at)++;
        if (c == close)
            return TOKEN_OK;
        if (c != ',')
            return bad(at, *at - 1, what, "a comma is missing");
        token_space(at, end);
    }
}

enum token token_skip(const char **at, const char *end, bool last, int depth, const char **what)
{
    const char *p = *at;
    enum token t = skip(&p, end, last, depth, what);
    if (t != TOKEN_MORE)
        *at = p;
    return t;
}

static size_t put_utf8(uint32_t c, char *to)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3F));
    to[0] = (char)((0xF00U >> len & 0xFF) | c);
    return len;
}

static size_t unescape_one(const char *s, char *to, size_t *ret_read)
{
    static const char letters[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    *ret_read = 2;
    if (s[1] != 'u') {
        const char *letter = strchr(letters, s[1]);
        *to = s[1];
        if (letter)
            *to = meant[letter - letters];
        return 1;
    }
    uint32_t c = (uint32_t)code_unit(s + 2);
    *ret_read = 6;
    if (c >= 0xD800 && c <= 0xDBFF) {
        c = 0x10000 + ((c - 0xD800) << 10) + ((uint32_t)code_unit(s + 8) - 0xDC00);
        *ret_read = 12;
    }
    return put_utf8(c, to);
}

size_t token_unescape(const char *s, size_t len, char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        const char *backslash = memchr(s + i, '\\', len - i);
        size_t run = backslash ? (size_t)(backslash - s) - i : len - i;
        size_t used;
        memmove(to + n, s + i, run);
        n += run;
        i += run;
        if (i < len) {
            n += unescape_one(s + i, to + n, &used);
            i += used;
        }
    }
    return n;
}
