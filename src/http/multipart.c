/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See multipart.h. A boundary is looked for together with the line end before it: "\r\n--BOUNDARY". CR stands
 * in it only once, at its begin, so what turns out not to be one is a text of its own up to the byte that
 * does not fit, and no byte is ever looked at twice.
 */
#include "http/multipart.h"

#include "base/text.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* In the order in which they follow each other; AFTER_BOUNDARY leads to HEADER or to EPILOGUE. */
enum state { PREAMBLE, AFTER_BOUNDARY, HEADER, BODY, EPILOGUE };

struct multipart {
    struct arena *arena;
    const struct multipart_ops *ops;
    void *ctx;
    enum state state;
    char delimiter[4 + MULTIPART_BOUNDARY + 1]; /* \r\n--BOUNDARY */
    size_t delimiter_len;
    size_t matched; /* bytes of the delimiter that have come, in PREAMBLE and BODY */
    size_t skipped; /* of the preamble */
    int parts;
    bool behind;
    size_t line_len; /* AFTER_BOUNDARY and HEADER: of what is in `line` */
    char line[MULTIPART_HEADER + 1];
};

static int malformed(struct err *e, const char *what)
{
    return err_set(e, ERR_BAD_REQUEST, "the multipart body is not well-formed: %s", what);
}

/* --- parameters of a field: ; name=value; name="quoted" --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *s)
{
    while (is_blank(*s))
        s++;
    return s;
}

/* A backslash escapes only quotes and itself, for old browsers send C:\dir\file. */
static bool is_escape(const char *s)
{
    return *s == '\\' && (s[1] == '"' || s[1] == '\\');
}

/* The end of a value, quotes included; NULL: they are not closed. */
static const char *skip_value(const char *s)
{
    if (*s != '"')
        return s + strcspn(s, "; \t");
    for (s++; *s && *s != '"'; s++)
        s += is_escape(s);
    return *s ? s + 1 : NULL;
}

static const char *copy_value(struct arena *a, const char *s, const char *end)
{
    if (*s != '"')
        return arena_copy(a, s, (size_t)(end - s));
    char *ret = arena_alloc(a, (size_t)(end - s));
    char *to = ret;
    for (s++; s < end - 1; s++) {
        s += is_escape(s);
        *to++ = *s;
    }
    return ret;
}

/* 1 and the value of the parameter; 0: it has none; -1: it cannot be read. `s`: what follows the first word.
 */
static int find_parameter(struct arena *a, const char *s, const char *name, const char **ret)
{
    while (*(s = skip_blanks(s))) {
        if (*s != ';')
            return -1;
        s = skip_blanks(s + 1);
        size_t len = strcspn(s, "=; \t");
        if (len == 0 && (!*s || *s == ';'))
            continue; /* nothing between two semicolons, or at the end */
        if (s[len] != '=')
            return -1;
        const char *value = s + len + 1;
        const char *end = skip_value(value);
        if (end && len == strlen(name) && strncasecmp(s, name, len) == 0) {
            *ret = copy_value(a, value, end);
            return 1;
        }
        if (!end)
            return -1;
        s = end;
    }
    return 0;
}

/* UTF-8''percent%20encoded (RFC 8187): some send it for names that are not ASCII. */
static const char *decode_extended(struct arena *a, const char *value)
{
    char *text;
    size_t len;
    if (strncasecmp(value, "UTF-8'", 6) != 0 || !(value = strchr(value + 6, '\'')) ||
        !text_unpercent(a, value + 1, strlen(value + 1), false, &text, &len) || memchr(text, '\0', len))
        return NULL;
    return text;
}

/* --- begin --- */

static int bad_type(struct err *e, const char *what)
{
    return err_at(e, ERR_BAD_VALUE, ERR_HEADER, "Content-Type", "%s", what);
}

int multipart_new(struct arena *a, const char *content_type, const struct multipart_ops *ops, void *ctx,
                  struct multipart **ret, struct err *e)
{
    static const char type[] = "multipart/form-data";
    const char *boundary;
    if (!content_type || strncasecmp(content_type, type, sizeof type - 1) != 0)
        return bad_type(e, "the body must be multipart/form-data");
    if (find_parameter(a, content_type + sizeof type - 1, "boundary", &boundary) <= 0)
        return bad_type(e, "the Content-Type has no boundary that can be read");
    size_t len = strlen(boundary);
    if (len == 0 || len > MULTIPART_BOUNDARY || strpbrk(boundary, "\r\n") || boundary[len - 1] == ' ')
        return bad_type(e, "the boundary must be 1 to 70 characters");
    struct multipart *m = arena_alloc(a, sizeof *m);
    m->arena = a;
    m->ops = ops;
    m->ctx = ctx;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary, len + 1);
    m->delimiter_len = len + 4;
    m->matched = 2; /* the first boundary needs no line before it */
    *ret = m;
    return 0;
}

/* --- the header of a part --- */

static int read_disposition(struct multipart *m, const char *value, struct multipart_part *part,
                            struct err *e)
{
    static const char form_data[] = "form-data";
    const char *extended = NULL;
    if (strncasecmp(value, form_data, sizeof form_data - 1) != 0)
        return malformed(e, "a part is not form-data");
    const char *rest = value + sizeof form_data - 1;
    if (find_parameter(m->arena, rest, "name", &part->name) <= 0 ||
        find_parameter(m->arena, rest, "filename", &part->file_name) < 0 ||
        find_parameter(m->arena, rest, "filename*", &extended) < 0)
        return malformed(e, "a Content-Disposition has no name, or cannot be read");
    if (extended && !(part->file_name = decode_extended(m->arena, extended)))
        return malformed(e, "a filename* cannot be read");
    if (!text_is_utf8(part->name, strlen(part->name)) ||
        (part->file_name && !text_is_utf8(part->file_name, strlen(part->file_name))))
        return malformed(e, "a name is not UTF-8");
    return 0;
}

static const char *value_of(const char *line, const char *name)
{
    size_t len = strlen(name);
    return strncasecmp(line, name, len) == 0 && line[len] == ':' ? skip_blanks(line + len + 1) : NULL;
}

/* RFC 7578 deprecates it; what it would mean is that the bytes are not those that are meant. */
static bool changes_bytes(const char *transfer_encoding)
{
    return strcasecmp(transfer_encoding, "binary") != 0 && strcasecmp(transfer_encoding, "8bit") != 0 &&
           strcasecmp(transfer_encoding, "7bit") != 0;
}

static int read_field(struct multipart *m, const char *line, struct multipart_part *part, struct err *e)
{
    const char *disposition = value_of(line, "Content-Disposition");
    const char *type = value_of(line, "Content-Type");
    const char *encoding = value_of(line, "Content-Transfer-Encoding");
    if (disposition)
        return read_disposition(m, disposition, part, e);
    if (type && *type)
        part->media_type = arena_strdup(m->arena, type);
    if (encoding && changes_bytes(encoding))
        return malformed(e, "a Content-Transfer-Encoding other than binary, 8bit or 7bit is not taken");
    return 0;
}

/* `line` holds all lines of the header, each ended by CRLF, and the empty one. */
static int begin_part(struct multipart *m, struct err *e)
{
    struct multipart_part part = {.name = NULL};
    int rc = 0;
    for (char *line = m->line, *end; rc == 0 && (end = strstr(line, "\r\n")) != line; line = end + 2) {
        char *last = end;
        while (last > line && is_blank(last[-1]))
            last--;
        *end = *last = '\0';
        rc = read_field(m, line, &part, e);
    }
    if (rc == 0 && !part.name)
        rc = malformed(e, "a part has no Content-Disposition");
    if (rc == 0 && ++m->parts > MULTIPART_PARTS)
        rc = err_set(e, ERR_TOO_LARGE, "the multipart body has more than %d parts", MULTIPART_PARTS);
    return rc < 0 ? rc : m->ops->begin(m->ctx, &part, e);
}

static bool header_is_complete(const struct multipart *m)
{
    size_t len = m->line_len;
    return len >= 2 && memcmp(m->line + len - 2, "\r\n", 2) == 0 &&
           (len == 2 || (len >= 4 && memcmp(m->line + len - 4, "\r\n", 2) == 0));
}

static int add_to_header(struct multipart *m, char c, struct err *e)
{
    if (m->line_len == MULTIPART_HEADER)
        return err_set(e, ERR_TOO_LARGE, "the header of a part may have at most %d bytes", MULTIPART_HEADER);
    if (c == '\0')
        return malformed(e, "a NUL in the header of a part");
    m->line[m->line_len++] = c;
    m->line[m->line_len] = '\0';
    if (c != '\n' || !header_is_complete(m))
        return 0;
    m->state = BODY;
    m->matched = 0;
    return begin_part(m, e);
}

/* --- boundaries --- */

/* What follows one: blanks and a line end, or "--" where it is the last. */
static int add_after_boundary(struct multipart *m, char c, struct err *e)
{
    const char *wanted = m->line[0] == '-' ? "-" : "\n"; /* after one byte that counts */
    if (m->line_len == 0 && is_blank(c))
        return 0;
    if (m->line_len == 0 && (c == '\r' || c == '-')) {
        m->line[m->line_len++] = c;
        return 0;
    }
    if (m->line_len == 0 || c != *wanted)
        return malformed(e, "something else follows a boundary");
    m->state = c == '\n' ? HEADER : EPILOGUE;
    m->line_len = 0;
    return 0;
}

static int put(struct multipart *m, const char *bytes, size_t len, struct err *e)
{
    if (len == 0)
        return 0;
    if (m->state == PREAMBLE) {
        m->skipped += len;
        return m->skipped > MULTIPART_HEADER ? malformed(e, "it does not begin with its boundary") : 0;
    }
    int rc = m->ops->bytes(m->ctx, bytes, len, e);
    m->behind = m->behind || rc > 0;
    return rc < 0 ? rc : 0;
}

static int end_part(struct multipart *m, struct err *e)
{
    bool had_part = m->state == BODY;
    m->state = AFTER_BOUNDARY;
    m->line_len = 0;
    return had_part ? m->ops->end(m->ctx, e) : 0;
}

/* How far the bytes are those of the delimiter, of which `matched` have come. */
static size_t common_length(const struct multipart *m, size_t matched, const char *bytes, size_t len)
{
    size_t i = 0;
    while (i < len && matched + i < m->delimiter_len && bytes[i] == m->delimiter[matched + i])
        i++;
    return i;
}

/* Goes on with a delimiter that has begun. *ret_len: how many of the bytes were taken. */
static int match(struct multipart *m, const char *bytes, size_t len, size_t *ret_len, struct err *e)
{
    size_t held = m->matched;
    size_t more = common_length(m, held, bytes, len);
    *ret_len = more;
    m->matched += more;
    if (m->matched == m->delimiter_len)
        return end_part(m, e);
    if (more == len)
        return 0;
    held = m->matched; /* it is none: what was held back is part of the body */
    m->matched = 0;
    return put(m, m->delimiter, held, e);
}

/* Up to a delimiter, or to what may become one with the next bytes, everything belongs to the body: handed on
 * in one piece, for texts have a CR in each line. */
static int pass(struct multipart *m, const char *bytes, size_t len, size_t *ret_len, struct err *e)
{
    const char *end = bytes + len;
    const char *cr = bytes;
    size_t same = 0;
    while ((cr = memchr(cr + same, '\r', (size_t)(end - cr) - same))) {
        same = common_length(m, 0, cr, (size_t)(end - cr));
        if (same == m->delimiter_len || cr + same == end)
            break;
    }
    m->matched = cr ? same : 0;
    *ret_len = cr ? (size_t)(cr - bytes) + same : len;
    int rc = put(m, bytes, *ret_len - m->matched, e);
    return rc == 0 && m->matched == m->delimiter_len ? end_part(m, e) : rc;
}

static int take(struct multipart *m, const char *bytes, size_t len, size_t *ret_len, struct err *e)
{
    *ret_len = 1;
    switch (m->state) {
    case AFTER_BOUNDARY:
        return add_after_boundary(m, *bytes, e);
    case HEADER:
        return add_to_header(m, *bytes, e);
    case EPILOGUE:
        *ret_len = len;
        return 0;
    case PREAMBLE:
    case BODY:
        break;
    }
    return m->matched ? match(m, bytes, len, ret_len, e) : pass(m, bytes, len, ret_len, e);
}

int multipart_feed(struct multipart *m, const void *bytes, size_t len, struct err *e)
{
    const char *p = bytes;
    m->behind = false;
    while (len > 0) {
        size_t taken;
        int rc = take(m, p, len, &taken, e);
        if (rc < 0)
            return rc;
        p += taken;
        len -= taken;
    }
    return m->behind;
}

int multipart_finish(const struct multipart *m, struct err *e)
{
    return m->state == EPILOGUE ? 0 : malformed(e, "it ends before its last boundary");
}
