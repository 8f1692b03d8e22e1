/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader; see json.h. Recursive descent, the depth bounded by max_depth. Everything it makes lives
 * in the caller's arena. Duplicate members are found by sorting, so that a hostile object costs n log n.
 */
#include "base/json.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct arena *arena;
    const char *start;
    const char *p;
    const char *end;
    int depth;
    int64_t values; /* kept so far */
    const struct json_bounds *bounds;
    struct err *e;
};

static int fail(struct reader *r, const char *what)
{
    return err_at(r->e, ERR_BAD_JSON, ERR_POINTER, "", "the body is not valid JSON: %s at byte %zu", what,
                  (size_t)(r->p - r->start));
}

static void skip_blank(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool is_digit(const struct reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static int need_digits(struct reader *r)
{
    if (!is_digit(r))
        return fail(r, "a digit is missing");
    while (is_digit(r))
        r->p++;
    return 0;
}

static int read_number(struct reader *r)
{
    int rc;
    if (*r->p == '-')
        r->p++;
    if (r->p < r->end && *r->p == '0') {
        r->p++;
        if (is_digit(r))
            return fail(r, "a number with a leading zero");
    } else if ((rc = need_digits(r)) < 0) {
        return rc;
    }
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        if ((rc = need_digits(r)) < 0)
            return rc;
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if ((rc = need_digits(r)) < 0)
            return rc;
    }
    return 0;
}

static size_t put_utf8(char *to, uint32_t c)
{
    unsigned char *p = (unsigned char *)to;
    if (c < 0x80) {
        p[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        p[0] = (unsigned char)(0xC0 | c >> 6);
        p[1] = (unsigned char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        p[0] = (unsigned char)(0xE0 | c >> 12);
        p[1] = (unsigned char)(0x80 | (c >> 6 & 63));
        p[2] = (unsigned char)(0x80 | (c & 63));
        return 3;
    }
    p[0] = (unsigned char)(0xF0 | c >> 18);
    p[1] = (unsigned char)(0x80 | (c >> 12 & 63));
    p[2] = (unsigned char)(0x80 | (c >> 6 & 63));
    p[3] = (unsigned char)(0x80 | (c & 63));
    return 4;
}

static bool read_hex4(struct reader *r, uint32_t *ret)
{
    unsigned char b[2];
    if (r->end - r->p < 4 || !text_unhex(r->p, 4, b))
        return false;
    *ret = (uint32_t)b[0] << 8 | b[1];
    r->p += 4;
    return true;
}

/* After \u: the code point, a surrogate pair taken together. */
static bool read_unicode(struct reader *r, uint32_t *ret)
{
    uint32_t high;
    uint32_t low;
    if (!read_hex4(r, &high) || (high >= 0xDC00 && high <= 0xDFFF))
        return false;
    if (high < 0xD800 || high > 0xDBFF) {
        *ret = high;
        return true;
    }
    if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
        return false;
    r->p += 2;
    if (!read_hex4(r, &low) || low < 0xDC00 || low > 0xDFFF)
        return false;
    *ret = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

static int read_escape(struct reader *r, char *to, size_t *len)
{
    static const char from[] = "\"\\/bfnrt";
    static const char into[] = "\"\\/\b\f\n\r\t";
    uint32_t c;
    if (r->p == r->end)
        return fail(r, "an unfinished escape");
    const char *known = *r->p ? strchr(from, *r->p) : NULL;
    if (known) {
        to[(*len)++] = into[known - from];
        r->p++;
        return 0;
    }
    if (*r->p != 'u')
        return fail(r, "an unknown escape");
    r->p++;
    if (!read_unicode(r, &c))
        return fail(r, "a broken \\u escape");
    *len += put_utf8(to + *len, c);
    return 0;
}

static int read_string(struct reader *r, const char **ret, size_t *ret_len)
{
    const char *begin = ++r->p;
    const char *close = begin;
    while (close < r->end && *close != '"')
        close += *close == '\\' && r->end - close > 1 ? 2 : 1;
    if (close >= r->end) {
        r->p = r->end;
        return fail(r, "an unclosed string");
    }
    char *out =
        arena_alloc(r->arena, (size_t)(close - begin) + 1); /* an escape is longer than what it stands for */
    size_t len = 0;
    while (r->p < close) {
        unsigned char c = (unsigned char)*r->p;
        if (c < 0x20)
            return fail(r, "a control character in a string");
        r->p++;
        if (c != '\\') {
            out[len++] = (char)c;
            continue;
        }
        int rc = read_escape(r, out, &len);
        if (rc < 0)
            return rc;
    }
    r->p = close + 1;
    if (!text_is_utf8(begin, (size_t)(close - begin))) {
        r->p = begin;
        return fail(r, "a string that is not UTF-8");
    }
    *ret = out;
    *ret_len = len;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct json *x = *(const struct json *const *)a;
    const struct json *y = *(const struct json *const *)b;
    size_t common = x->key_len < y->key_len ? x->key_len : y->key_len;
    int order = memcmp(x->key, y->key, common);
    if (order == 0)
        order = (x->key_len > y->key_len) - (x->key_len < y->key_len);
    return order;
}

enum { POINTER_SIZE = sizeof((struct err *)NULL)->where };

/* A name as a JSON pointer (RFC 6901: ~ and / are escaped). */
static void point(const char *name, char where[POINTER_SIZE])
{
    size_t n = 0;
    where[n++] = '/';
    for (const char *p = name; *p && n < POINTER_SIZE - 3; p++) {
        if (*p == '~' || *p == '/')
            where[n++] = '~';
        where[n++] = (char)(*p == '~' ? '0' : *p == '/' ? '1' : *p);
    }
    where[n] = '\0';
    while (n > 1 && !text_is_utf8(where, n)) /* a long name may have been cut inside a character */
        where[--n] = '\0';
}

/* "the member NAME …" */
static int at_member(const char *name, struct err *e, int code, const char *what)
{
    char where[POINTER_SIZE];
    point(name, where);
    return err_at(e, code, ERR_POINTER, where, "the member \"%s\" %s", where + 1, what);
}

static int refuse_duplicates(struct reader *r, const struct json *object, size_t count)
{
    if (count < 2)
        return 0;
    const struct json **sorted = arena_alloc(r->arena, count * sizeof(const struct json *));
    size_t n = 0;
    for (const struct json *m = object->first; m; m = m->next)
        sorted[n++] = m;
    qsort(sorted, count, sizeof(const struct json *), by_key);
    for (size_t i = 1; i < count; i++)
        if (by_key(&sorted[i - 1], &sorted[i]) == 0)
            return at_member(sorted[i]->key, r->e, ERR_BAD_JSON, "must not stand twice in one object");
    return 0;
}

static const struct json_field *find_field(const struct json_field *fields, size_t count,
                                           const struct json *m)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(fields[i].name) == m->key_len && memcmp(fields[i].name, m->key, m->key_len) == 0)
            return &fields[i];
    return NULL;
}

/* An error that names a member of this item, seen from the container around it. */
static void prefix_item(struct reader *r, const struct json *item, size_t index)
{
    char where[POINTER_SIZE];
    if (!*r->e->where)
        return; /* it is about the text as a whole */
    if (item->key)
        point(item->key, where);
    else
        (void)snprintf(where, sizeof where, "/%zu", index);
    err_prefix(r->e, where);
}

static int read_value(struct reader *r, struct json *v);

static bool is_raw(const struct reader *r, const struct json *member)
{
    const struct json_field *f = NULL;
    if (r->depth == 1 && member->key)
        f = find_field(r->bounds->fields, r->bounds->field_count, member);
    return f && f->raw;
}

/* What is inside is needed while it is checked, and no longer. */
static int read_raw(struct reader *r, struct json *v)
{
    struct arena scratch = {0};
    struct arena *kept = r->arena;
    int64_t values = r->values;
    r->arena = &scratch;
    r->values = INT64_MIN;
    int rc = read_value(r, v);
    r->arena = kept;
    r->values = values;
    v->first = NULL;
    v->string = NULL;
    v->string_len = 0;
    arena_free(&scratch);
    return rc;
}

/* One member or item, after which stands a comma or the end. */
static int read_item(struct reader *r, struct json *parent, struct json **ret)
{
    struct json *item = *ret = arena_alloc(r->arena, sizeof *item);
    int rc;
    if (++r->values > r->bounds->values)
        return err_at(r->e, ERR_BAD_JSON, ERR_POINTER, "", "the body has more than %lld values",
                      (long long)r->bounds->values);
    skip_blank(r);
    if (parent->type == JSON_OBJECT) {
        if (r->p == r->end || *r->p != '"')
            return fail(r, "a member's name is missing");
        if ((rc = read_string(r, &item->key, &item->key_len)) < 0)
            return rc;
        skip_blank(r);
        if (r->p == r->end || *r->p != ':')
            return fail(r, "a colon is missing");
        r->p++;
    }
    if ((rc = is_raw(r, item) ? read_raw(r, item) : read_value(r, item)) < 0)
        return rc;
    skip_blank(r);
    return 0;
}

static int read_container(struct reader *r, struct json *v)
{
    char close = v->type == JSON_OBJECT ? '}' : ']';
    struct json **link = &v->first;
    size_t count = 0;
    if (++r->depth > r->bounds->depth)
        return err_at(r->e, ERR_BAD_JSON, ERR_POINTER, "", "the body nests deeper than %d levels",
                      r->bounds->depth);
    r->p++;
    skip_blank(r);
    if (r->p < r->end && *r->p == close) {
        r->p++;
        r->depth--;
        return 0;
    }
    for (;;) {
        int rc = read_item(r, v, link);
        if (rc < 0) {
            prefix_item(r, *link, count);
            return rc;
        }
        count++;
        link = &(*link)->next;
        if (r->p == r->end || (*r->p != ',' && *r->p != close))
            return fail(r, v->type == JSON_OBJECT ? "a comma or } is missing" : "a comma or ] is missing");
        if (*r->p++ == close)
            break;
    }
    r->depth--;
    return v->type == JSON_OBJECT ? refuse_duplicates(r, v, count) : 0;
}

static bool read_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
        return false;
    r->p += len;
    return true;
}

static int read_typed(struct reader *r, struct json *v)
{
    switch (*r->p) {
    case '{':
        v->type = JSON_OBJECT;
        return read_container(r, v);
    case '[':
        v->type = JSON_ARRAY;
        return read_container(r, v);
    case '"':
        v->type = JSON_STRING;
        return read_string(r, &v->string, &v->string_len);
    case 't':
    case 'f':
        v->type = JSON_BOOL;
        v->truth = *r->p == 't';
        return read_word(r, v->truth ? "true" : "false") ? 0 : fail(r, "an unknown word");
    case 'n':
        v->type = JSON_NULL;
        return read_word(r, "null") ? 0 : fail(r, "an unknown word");
    default:
        if (*r->p != '-' && !is_digit(r))
            return fail(r, "a value is missing");
        v->type = JSON_NUMBER;
        return read_number(r);
    }
}

static int read_value(struct reader *r, struct json *v)
{
    skip_blank(r);
    if (r->p == r->end)
        return fail(r, "a value is missing");
    v->raw = r->p;
    int rc = read_typed(r, v);
    v->raw_len = (size_t)(r->p - v->raw);
    return rc;
}

int json_parse(struct arena *a, const char *text, size_t len, int max_depth, const struct json **ret,
               struct err *e)
{
    struct json_bounds b = {.depth = max_depth, .values = INT64_MAX};
    return json_parse_bounded(a, text, len, &b, ret, e);
}

int json_parse_bounded(struct arena *a, const char *text, size_t len, const struct json_bounds *b,
                       const struct json **ret, struct err *e)
{
    struct reader r = {.arena = a, .start = text, .p = text, .end = text + len, .bounds = b, .e = e};
    struct json *v = arena_alloc(a, sizeof *v);
    int rc = read_value(&r, v);
    if (rc < 0)
        return rc;
    skip_blank(&r);
    if (r.p != r.end)
        return fail(&r, "something stands after the value");
    *ret = v;
    return 0;
}

static int bad_member(const struct json *m, struct err *e, int code, const char *right)
{
    char what[120];
    (void)snprintf(what, sizeof what, "must be %s", right);
    return at_member(m->key, e, code, what);
}

static bool integer_of(const struct json *v, int64_t *ret)
{
    char *end;
    char digits[24];
    if (v->type != JSON_NUMBER || v->raw_len >= sizeof digits || memchr(v->raw, '.', v->raw_len) ||
        memchr(v->raw, 'e', v->raw_len) || memchr(v->raw, 'E', v->raw_len))
        return false;
    memcpy(digits, v->raw, v->raw_len);
    digits[v->raw_len] = '\0';
    errno = 0;
    long long n = strtoll(digits, &end, 10);
    *ret = n;
    return errno == 0 && *end == '\0';
}

static bool real_of(struct arena *a, const struct json *v, double *ret)
{
    if (v->type != JSON_NUMBER || v->raw_len > 400)
        return false;
    *ret = strtod(arena_copy(a, v->raw, v->raw_len), NULL);
    return isfinite(*ret);
}

static int read_text(const struct json *m, const struct json_field *f, const char **to, struct err *e)
{
    char right[80];
    if (m->type != JSON_STRING || memchr(m->string, '\0', m->string_len))
        return bad_member(m, e, ERR_BAD_VALUE, "a string without NUL characters");
    if ((int64_t)m->string_len < f->smallest || (int64_t)m->string_len > f->largest) {
        (void)snprintf(right, sizeof right, "%lld to %lld bytes long", (long long)f->smallest,
                       (long long)f->largest);
        return bad_member(m, e, ERR_BAD_VALUE, right);
    }
    if (f->word_count && !text_is_choice(f->words, f->word_count, m->string)) {
        text_choice(f->words, f->word_count, right, sizeof right);
        return bad_member(m, e, ERR_BAD_VALUE, right);
    }
    *to = m->string;
    return 0;
}

static int read_integer(const struct json *m, const struct json_field *f, int64_t *to, struct err *e)
{
    char right[80];
    int64_t v;
    if (!integer_of(m, &v) || v < f->smallest || v > f->largest) {
        (void)snprintf(right, sizeof right, "a whole number from %lld to %lld", (long long)f->smallest,
                       (long long)f->largest);
        return bad_member(m, e, ERR_BAD_VALUE, right);
    }
    *to = v;
    return 0;
}

static int read_real(const struct json *m, const struct json_field *f, double *to, struct err *e)
{
    struct arena scratch = {0};
    char right[80];
    double v = 0;
    bool good = real_of(&scratch, m, &v) && v >= (double)f->smallest && v <= (double)f->largest;
    arena_free(&scratch);
    if (!good) {
        (void)snprintf(right, sizeof right, "a number from %lld to %lld", (long long)f->smallest,
                       (long long)f->largest);
        return bad_member(m, e, ERR_BAD_VALUE, right);
    }
    *to = v;
    return 0;
}

static int bad_item(const struct json *list, int64_t index, struct err *e)
{
    char where[POINTER_SIZE];
    (void)err_at(e, ERR_BAD_VALUE, ERR_POINTER, "", "item %lld must be a string without NUL characters",
                 (long long)index);
    (void)snprintf(where, sizeof where, "/%lld", (long long)index);
    err_locate(e, ERR_POINTER, where);
    point(list->key, where);
    err_prefix(e, where);
    return e->code;
}

static int read_strings(const struct json *m, const struct json_field *f, const struct json **to,
                        struct err *e)
{
    char right[80];
    int64_t count = 0;
    for (const struct json *item = m->first; m->type == JSON_ARRAY && item; item = item->next, count++)
        if (item->type != JSON_STRING || memchr(item->string, '\0', item->string_len))
            return bad_item(m, count, e);
    if (m->type != JSON_ARRAY || count < f->smallest || count > f->largest) {
        (void)snprintf(right, sizeof right, "an array of %lld to %lld strings", (long long)f->smallest,
                       (long long)f->largest);
        return bad_member(m, e, ERR_BAD_VALUE, right);
    }
    *to = m;
    return 0;
}

static int read_member(const struct json *m, const struct json_field *f, void *to, struct err *e)
{
    void *at = (char *)to + f->offset;
    switch (f->kind) {
    case JSON_TO_STRING:
        return read_text(m, f, at, e);
    case JSON_TO_INT:
        return read_integer(m, f, at, e);
    case JSON_TO_REAL:
        return read_real(m, f, at, e);
    case JSON_TO_STRINGS:
        return read_strings(m, f, at, e);
    case JSON_TO_BOOL:
        if (m->type != JSON_BOOL)
            return bad_member(m, e, ERR_BAD_VALUE, "true or false");
        *(bool *)at = m->truth;
        return 0;
    case JSON_TO_OBJECT:
        if (m->type != JSON_OBJECT)
            return bad_member(m, e, ERR_BAD_VALUE, "an object");
        *(const struct json **)at = m;
        return 0;
    case JSON_TO_VALUE:
        break;
    }
    *(const struct json **)at = m;
    return 0;
}

static int need_required(const struct json *object, const struct json_field *f, struct err *e)
{
    for (const struct json *m = object->first; m; m = m->next)
        if (find_field(f, 1, m) && m->type != JSON_NULL)
            return 0;
    return at_member(f->name, e, ERR_MISSING, "is required");
}

static int read_object(const struct json *object, const struct json_field *fields, size_t count, bool strict,
                       void *to, struct err *e)
{
    int rc;
    if (object->type != JSON_OBJECT)
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "", "the body must be a JSON object");
    for (const struct json *m = object->first; m; m = m->next) {
        const struct json_field *f = find_field(fields, count, m);
        if (!f && strict)
            return at_member(m->key, e, ERR_UNKNOWN_MEMBER, "is not known here");
        if (!f)
            continue;
        if (m->type == JSON_NULL && f->kind != JSON_TO_VALUE)
            continue;
        if ((rc = read_member(m, f, to, e)) < 0)
            return rc;
    }
    for (size_t i = 0; i < count; i++)
        if (fields[i].required && (rc = need_required(object, &fields[i], e)) < 0)
            return rc;
    return 0;
}

int json_read(const struct json *object, const struct json_field *fields, size_t count, void *to,
              struct err *e)
{
    return read_object(object, fields, count, true, to, e);
}

int json_read_known(const struct json *object, const struct json_field *fields, size_t count, void *to,
                    struct err *e)
{
    return read_object(object, fields, count, false, to, e);
}

const struct json *json_member(const struct json *object, const char *key)
{
    for (const struct json *m = object->type == JSON_OBJECT ? object->first : NULL; m; m = m->next)
        if (strlen(key) == m->key_len && memcmp(key, m->key, m->key_len) == 0)
            return m;
    return NULL;
}
