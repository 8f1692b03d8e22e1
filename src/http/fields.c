/* SPDX-License-Identifier: Apache-2.0 */
/* See fields.h. */
#include "http/fields.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *skip_blank(const char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

/* Digits of any length, also none; a position beyond int64_t is beyond any size and counts as the largest. */
static size_t parse_position(const char *s, int64_t *ret)
{
    size_t len = strspn(s, "0123456789");
    size_t zeros = strspn(s, "0");
    size_t skip = zeros < len ? zeros : len - (len > 0);
    if (len && !text_uint(s + skip, len - skip, ret))
        *ret = INT64_MAX;
    return len;
}

/* One of "a-b", "a-", "-n". */
static bool parse_one(const char **s, int64_t size, struct byte_range *ret, bool *ret_satisfiable)
{
    const char *p = skip_blank(*s);
    int64_t first = 0;
    int64_t last = INT64_MAX;
    size_t first_len = parse_position(p, &first);
    if (p[first_len] != '-')
        return false;
    const char *q = p + first_len + 1;
    size_t last_len = parse_position(q, &last);
    if ((!first_len && !last_len) || (first_len && last < first))
        return false;
    *s = skip_blank(q + last_len);
    if (!first_len) { /* the last n bytes */
        *ret_satisfiable = last > 0 && size > 0;
        *ret = (struct byte_range){last < size ? size - last : 0, size - 1};
    } else {
        *ret_satisfiable = first < size;
        *ret = (struct byte_range){first, last < size ? last : size - 1};
    }
    return true;
}

enum range_outcome fields_parse_range(const char *value, int64_t size,
                                      struct byte_range ret[FIELDS_MAX_RANGES], int *ret_count)
{
    int64_t total = 0;
    int n = 0;
    bool any = false;
    if (!value || strncasecmp(value, "bytes=", 6) != 0)
        return RANGE_NONE;
    for (const char *s = value + 6;;) {
        struct byte_range r;
        bool satisfiable;
        if (!parse_one(&s, size, &r, &satisfiable) || (*s && *s != ','))
            return RANGE_NONE;
        any = true;
        if (satisfiable) {
            if (n == FIELDS_MAX_RANGES || r.last - r.first + 1 > size - total)
                return RANGE_NONE;
            ret[n++] = r;
            total += r.last - r.first + 1;
        }
        if (!*s)
            break;
        s++;
    }
    if (!any)
        return RANGE_NONE;
    *ret_count = n;
    return n ? RANGE_PARTS : RANGE_UNSATISFIABLE;
}

bool fields_match_etag(const char *list, const char *etag, bool weak_is_fine)
{
    const char *s = skip_blank(list);
    if (strcmp(s, "*") == 0)
        return true;
    while (*s) {
        bool weak = strncmp(s, "W/", 2) == 0;
        const char *tag = weak ? s + 2 : s;
        const char *close = *tag == '"' ? strchr(tag + 1, '"') : NULL;
        if (!close)
            return false;
        size_t len = (size_t)(close - tag) + 1;
        if ((!weak || weak_is_fine) && strlen(etag) == len && memcmp(tag, etag, len) == 0)
            return true;
        s = skip_blank(close + 1);
        if (*s && *s != ',')
            return false;
        while (*s == ',')
            s = skip_blank(s + 1);
    }
    return false;
}

int64_t fields_max_stale(const char *value)
{
    static const char name[] = "max-stale";
    for (const char *s = value; s; s = strchr(s, ',')) {
        int64_t seconds;
        s = skip_blank(*s == ',' ? s + 1 : s);
        if (strncasecmp(s, name, sizeof name - 1) != 0)
            continue;
        s += sizeof name - 1;
        if (*s != '=')
            return *s == '\0' || strchr(", \t", *s) ? INT64_MAX : -1;
        return text_uint(s + 1, strcspn(s + 1, ", \t"), &seconds) ? seconds : -1;
    }
    return -1;
}

/* Whether the parameters of a coding say that it is not wanted: q=0, with any number of zeros behind the
 * point. */
static bool quality_is_zero(const char *s)
{
    const char *end = s + strcspn(s, ",");
    s += strspn(s, "; \t");
    if (end - s < 3 || (*s | 0x20) != 'q' || s[1] != '=' || s[2] != '0')
        return false;
    s += 3;
    s += *s == '.';
    s += strspn(s, "0 \t");
    return s >= end;
}

bool fields_accept_gzip(const char *value)
{
    bool any = false;
    for (const char *s = value; s; s = strchr(s, ',')) {
        s = skip_blank(*s == ',' ? s + 1 : s);
        size_t len = strcspn(s, ",; \t");
        if ((len == 4 && strncasecmp(s, "gzip", len) == 0) ||
            (len == 6 && strncasecmp(s, "x-gzip", len) == 0))
            return !quality_is_zero(s + len);
        any = any || (len == 1 && *s == '*' && !quality_is_zero(s + len));
    }
    return any;
}

static bool modified_after(const char *date, int64_t modified, bool otherwise)
{
    int64_t t;
    if (!clock_parse_http(date, &t))
        return otherwise;
    return modified / CLOCK_SECOND > t / CLOCK_SECOND;
}

enum condition_outcome fields_check_conditions(const struct conditions *c, const char *etag, int64_t modified,
                                               bool *ret_range)
{
    *ret_range = true;
    if (c->if_match) {
        if (!fields_match_etag(c->if_match, etag, false))
            return CONDITION_FAILED;
    } else if (c->if_unmodified_since && modified_after(c->if_unmodified_since, modified, false)) {
        return CONDITION_FAILED;
    }
    if (c->if_none_match) {
        if (fields_match_etag(c->if_none_match, etag, true))
            return CONDITION_NOT_MODIFIED;
    } else if (c->if_modified_since && !modified_after(c->if_modified_since, modified, true)) {
        return CONDITION_NOT_MODIFIED;
    }
    if (c->if_range) {
        int64_t t;
        const char *s = skip_blank(c->if_range);
        if (*s == '"' || *s == 'W')
            *ret_range = strcmp(s, etag) == 0;
        else
            *ret_range = clock_parse_http(s, &t) && t / CLOCK_SECOND == modified / CLOCK_SECOND;
    }
    return CONDITION_PROCEED;
}

static const char *hex_of(struct arena *a, const char *base64, size_t len, size_t want)
{
    char *bytes;
    size_t n;
    if (!text_unbase64(a, base64, len, &bytes, &n) || n != want)
        return NULL;
    char *hex = arena_alloc(a, 2 * n + 1);
    text_hex(bytes, n, hex);
    return hex;
}

static int bad_digest(struct err *e, const char *name, const char *right)
{
    return err_at(e, ERR_BAD_VALUE, ERR_HEADER, name, "the field %s must be %s", name, right);
}

static int set_digest(const char **to, const char **to_field, const char *hex, const char *name,
                      struct err *e)
{
    if (*to && strcmp(*to, hex) != 0)
        return err_at(e, ERR_BAD_VALUE, ERR_HEADER, name, "the announced digests contradict each other");
    if (!*to)
        *to_field = name;
    *to = hex;
    return 0;
}

int fields_parse_content_md5(struct arena *a, const char *value, struct wanted_digests *to, struct err *e)
{
    const char *hex = hex_of(a, value, strlen(value), 16);
    if (!hex)
        return bad_digest(e, "Content-MD5", "the base64 of 16 bytes");
    return set_digest(&to->md5, &to->md5_field, hex, "Content-MD5", e);
}

/* A structured-field dictionary (RFC 8941) of byte sequences: `sha-256=:BASE64:, md5=:BASE64:`. */
int fields_parse_digest(struct arena *a, const char *name, const char *value, struct wanted_digests *to,
                        struct err *e)
{
    static const char right[] = "like sha-256=:BASE64: (RFC 9530)";
    for (const char *s = skip_blank(value); *s;) {
        size_t key_len = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-.*");
        const char *colon = s + key_len + 2;
        if (!key_len || s[key_len] != '=' || s[key_len + 1] != ':')
            return bad_digest(e, name, right);
        size_t len = strcspn(colon, ":");
        if (colon[len] != ':')
            return bad_digest(e, name, right);
        bool sha256 = key_len == 7 && memcmp(s, "sha-256", 7) == 0;
        bool md5 = key_len == 3 && memcmp(s, "md5", 3) == 0;
        if (sha256 || md5) {
            const char *hex = hex_of(a, colon, len, sha256 ? 32 : 16);
            if (!hex)
                return bad_digest(e, name,
                                  sha256 ? "the base64 of 32 bytes for sha-256" : "of 16 bytes for md5");
            int rc = sha256 ? set_digest(&to->sha256, &to->sha256_field, hex, name, e)
                            : set_digest(&to->md5, &to->md5_field, hex, name, e);
            if (rc < 0)
                return rc;
        }
        s = skip_blank(colon + len + 1);
        if (*s && *s != ',')
            return bad_digest(e, name, right);
        if (*s)
            s = skip_blank(s + 1);
    }
    return 0;
}

/* Ends at the next comma, blanks around it not counted; *s moves behind the comma, or becomes NULL. */
static size_t next_item(const char **s, const char **ret)
{
    const char *item = skip_blank(*s);
    size_t whole = strcspn(item, ",");
    size_t len = whole;
    while (len > 0 && (item[len - 1] == ' ' || item[len - 1] == '\t'))
        len--;
    *s = item[whole] ? item + whole + 1 : NULL;
    *ret = item;
    return len;
}

/* Chunked, once and last, or something else before it. */
static int check_codings(const char *codings, struct err *e)
{
    const char *item = "";
    size_t len = 0;
    int count = 0;
    int chunked = 0;
    for (const char *s = codings; s; count++) {
        len = next_item(&s, &item);
        chunked += len == 7 && strncasecmp(item, "chunked", 7) == 0;
    }
    bool is_last = len == 7 && strncasecmp(item, "chunked", 7) == 0;
    if (!is_last || chunked != 1)
        return err_at(e, ERR_BAD_REQUEST, ERR_HEADER, "Transfer-Encoding",
                      "the last coding of Transfer-Encoding must be chunked, and no other");
    if (count > 1)
        return err_at(e, ERR_NOT_IMPLEMENTED, ERR_HEADER, "Transfer-Encoding",
                      "no other Transfer-Encoding than chunked is known here");
    return 0;
}

static int parse_lengths(const char *lengths, int64_t *ret, struct err *e)
{
    const char *item;
    int64_t found = -1;
    for (const char *s = lengths; s;) {
        int64_t v = INT64_MAX;
        size_t len = next_item(&s, &item);
        bool digits = len > 0 && strspn(item, "0123456789") == len;
        for (; digits && len > 1 && *item == '0'; len--)
            item++;
        if (digits && !text_uint(item, len, &v))
            v = INT64_MAX;
        if (!digits || (found >= 0 && v != found))
            return err_at(e, ERR_BAD_REQUEST, ERR_HEADER, "Content-Length",
                          "Content-Length must be one number of bytes");
        found = v;
    }
    *ret = found;
    return 0;
}

int fields_parse_framing(const char *lengths, const char *codings, bool http_1_0, int64_t *ret, struct err *e)
{
    *ret = 0;
    if (!codings)
        return lengths ? parse_lengths(lengths, ret, e) : 0;
    if (lengths || http_1_0)
        return err_at(e, ERR_BAD_REQUEST, ERR_HEADER, "Transfer-Encoding",
                      lengths ? "a body has a Content-Length or a Transfer-Encoding, not both"
                              : "HTTP/1.0 has no Transfer-Encoding");
    *ret = -1;
    return check_codings(codings, e);
}

/* What the plain form cannot say becomes an underscore, for clients that do not know the other. */
const char *fields_disposition(struct arena *a, const char *name)
{
    static const char plain[] = "attachment; filename=\"";
    struct buf b = {.arena = a};
    buf_puts(&b, plain);
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        if ((*p & 0xC0) == 0x80)
            continue; /* one underscore for a whole character */
        buf_putc(&b, (char)(*p < 0x20 || *p >= 0x7F || strchr("\"\\/%", *p) ? '_' : (char)*p));
    }
    bool whole = strcmp(buf_str(&b) + sizeof plain - 1, name) == 0;
    buf_putc(&b, '"');
    if (!whole)
        buf_printf(&b, "; filename*=UTF-8''%s", text_percent(a, name, strlen(name)));
    return buf_str(&b);
}

const char *fields_repr_digest(struct arena *a, const char *sha256_hex)
{
    unsigned char bytes[32];
    if (strlen(sha256_hex) != 64 || !text_unhex(sha256_hex, 64, bytes))
        return NULL;
    return arena_printf(a, "sha-256=:%s:", text_base64(a, bytes, sizeof bytes));
}
