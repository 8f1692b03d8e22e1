/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer; see json.h. */
#include "base/json.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void before_value(struct json_out *j)
{
    if (j->comma)
        buf_putc(&j->buf, ',');
    j->comma = true;
}

void json_begin_object(struct json_out *j)
{
    before_value(j);
    buf_putc(&j->buf, '{');
    j->comma = false;
}

void json_end_object(struct json_out *j)
{
    buf_putc(&j->buf, '}');
    j->comma = true;
}

void json_begin_array(struct json_out *j)
{
    before_value(j);
    buf_putc(&j->buf, '[');
    j->comma = false;
}

void json_end_array(struct json_out *j)
{
    buf_putc(&j->buf, ']');
    j->comma = true;
}

void json_key(struct json_out *j, const char *key)
{
    size_t len = strlen(key);
    buf_reserve(&j->buf, len + 4);
    char *p = j->buf.bytes + j->buf.len;
    if (j->comma)
        *p++ = ',';
    *p++ = '"';
    memcpy(p, key, len);
    p += len;
    *p++ = '"';
    *p++ = ':';
    *p = '\0';
    j->buf.len = (size_t)(p - j->buf.bytes);
    j->comma = false;
}

static void add_escaped(struct buf *b, unsigned char c)
{
    static const char named[] = "\b\t\n\f\r\"\\";
    static const char letter[] = "btnfr\"\\";
    const char *known = c ? strchr(named, c) : NULL;
    if (known)
        buf_printf(b, "\\%c", letter[known - named]);
    else
        buf_printf(b, "\\u%04x", c);
}

/* Whether one of eight bytes may need an escape: " \\ DEL or below 0x20. Some harmless ones are taken for
 * one. */
static bool may_need_escape(const char *s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t v;
    memcpy(&v, s, sizeof v);
    uint64_t quote = v ^ ones * '"';
    uint64_t backslash = v ^ ones * '\\';
    uint64_t del = v ^ ones * 0x7F;
    /* Borrows: of a byte below 0x20, and of a byte that is zero after the exclusive or. */
    uint64_t low = (v - ones * 0x20) | (quote - ones) | (backslash - ones) | (del - ones);
    return (low & ~v & ones * 0x80) != 0;
}

/* The length of the run at s that needs no escape. */
static size_t plain_run(const char *s, size_t len)
{
    size_t i = 0;
    while (len - i >= 8 && !may_need_escape(s + i))
        i += 8;
    while (i < len && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\' && s[i] != 0x7F)
        i++;
    return i;
}

void json_string_len(struct json_out *j, const char *s, size_t len)
{
    before_value(j);
    buf_reserve(&j->buf, len + 2);
    buf_putc(&j->buf, '"');
    for (size_t i = 0; i < len;) {
        size_t run = plain_run(s + i, len - i);
        buf_add(&j->buf, s + i, run);
        i += run;
        if (i < len)
            add_escaped(&j->buf, (unsigned char)s[i++]);
    }
    buf_putc(&j->buf, '"');
}

void json_string(struct json_out *j, const char *s)
{
    if (s)
        json_string_len(j, s, strlen(s));
    else
        json_null(j);
}

void json_int(struct json_out *j, int64_t v)
{
    char digits[24];
    char *p = digits + sizeof digits;
    uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + left % 10);
    while (left /= 10);
    if (v < 0)
        *--p = '-';
    before_value(j);
    buf_add(&j->buf, p, (size_t)(digits + sizeof digits - p));
}

void json_real(struct json_out *j, double v)
{
    char text[32];
    if (!isfinite(v)) {
        json_null(j);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*g", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    before_value(j);
    buf_puts(&j->buf, text);
}

void json_bool(struct json_out *j, bool v)
{
    before_value(j);
    buf_puts(&j->buf, v ? "true" : "false");
}

void json_null(struct json_out *j)
{
    before_value(j);
    buf_add(&j->buf, "null", 4);
}

void json_raw(struct json_out *j, const char *text, size_t len)
{
    before_value(j);
    buf_add(&j->buf, text, len);
}

void json_time(struct json_out *j, int64_t t)
{
    char text[CLOCK_RFC3339_SIZE + 2];
    if (!t) {
        json_null(j);
        return;
    }
    text[0] = '"';
    clock_rfc3339(t, text + 1);
    text[CLOCK_RFC3339_SIZE] = '"';
    json_raw(j, text, CLOCK_RFC3339_SIZE + 1);
}

void json_put_string(struct json_out *j, const char *key, const char *s)
{
    json_key(j, key);
    json_string(j, s);
}

void json_put_int(struct json_out *j, const char *key, int64_t v)
{
    json_key(j, key);
    json_int(j, v);
}

void json_put_bool(struct json_out *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}
