/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as JSON; see write_json.h. Everything goes through one buffer that is put when the next piece may not
 * fit. Text is escaped straight into it, in pieces that fit even if each byte becomes six. Most text needs no
 * escape at all, so it is looked at and copied many bytes at a time.
 *
 * Most rows fit even then, and can be read a little beyond the ends of their cells: for these the `swift_`
 * functions ask nothing at each byte. The others make the same bytes.
 */
#include "render/write_json.h"

#include "base/arena.h"
#include "render/sixteen.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_SIZE = 65536,
    TEXT_PIECE = 2048,
    LONGEST_ESCAPE = 6,
    SWIFT_CELL = 8,  /* the most that a member has besides its name and text, and the longest word */
    BEYOND = SIXTEEN /* bytes after a key's end that may be read, and after the buffer's end written */
};

/* A member's begin: its name escaped and quoted, a comma before it and a colon after it. */
struct key {
    const char *bytes;
    size_t len;
};

struct json_rows_writer {
    bool lines;
    bool begun; /* a row was written */
    int count;
    struct key *keys;
    size_t keys_len;    /* of all of them */
    struct arena arena; /* of the keys */
    put_fn *put;
    void *ctx;
    size_t used; /* of the buffer */
    char buffer[BUFFER_SIZE + BEYOND];
};

static int flush(struct json_rows_writer *w, struct err *e)
{
    size_t used = w->used;
    w->used = 0;
    return used ? w->put(w->ctx, w->buffer, used, e) : 0;
}

/* Afterwards `len` bytes fit, which are no more than the buffer has. */
static inline int need(struct json_rows_writer *w, size_t len, struct err *e)
{
    return len <= BUFFER_SIZE - w->used ? 0 : flush(w, e);
}

static int add_large(struct json_rows_writer *w, const char *bytes, size_t len, struct err *e)
{
    int rc = flush(w, e);
    if (rc < 0)
        return rc;
    if (len >= BUFFER_SIZE)
        return w->put(w->ctx, bytes, len, e);
    memcpy(w->buffer, bytes, len);
    w->used = len;
    return 0;
}

static inline int add(struct json_rows_writer *w, const char *bytes, size_t len, struct err *e)
{
    if (len > BUFFER_SIZE - w->used)
        return add_large(w, bytes, len, e);
    memcpy(w->buffer + w->used, bytes, len);
    w->used += len;
    return 0;
}

static inline bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* Whether one of the eight bytes needs an escape. The lowest that borrows is right, so there is none without
   a reason. */
static inline bool any_needs_escape(uint64_t v)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = v ^ ones * '"';
    uint64_t backslash = v ^ ones * '\\';
    uint64_t low = (v - ones * 0x20) | (quote - ones) | (backslash - ones);
    return (low & ~v & ones * 0x80) != 0;
}

static inline uint64_t load8(const char *from)
{
    uint64_t v;
    memcpy(&v, from, sizeof v);
    return v;
}

static char *put_escape(char *to, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    *to++ = '\\';
    if (c >= 0x20 || letters[c]) {
        *to++ = (char)(c >= 0x20 ? c : letters[c]);
        return to;
    }
    *to++ = 'u';
    *to++ = '0';
    *to++ = '0';
    *to++ = digits[c >> 4];
    *to++ = digits[c & 15];
    return to;
}

/* Writes up to LONGEST_ESCAPE bytes for each of `len`. */
static char *put_escaped(char *to, const char *s, size_t len)
{
    const char *end = s + len;
    while (s < end) {
        if (end - s >= 8 && !any_needs_escape(load8(s))) {
            memcpy(to, s, 8);
            s += 8;
            to += 8;
            continue;
        }
        const char *stop = end - s >= 8 ? s + 8 : end;
        for (; s < stop; s++) {
            if (needs_escape((unsigned char)*s))
                to = put_escape(to, (unsigned char)*s);
            else
                *to++ = *s;
        }
    }
    return to;
}

static int add_text(struct json_rows_writer *w, const char *s, size_t len, struct err *e)
{
    int rc = add(w, "\"", 1, e);
    while (rc == 0 && len) {
        size_t piece = len < TEXT_PIECE ? len : TEXT_PIECE;
        if ((rc = need(w, piece * LONGEST_ESCAPE, e)) < 0)
            return rc;
        w->used = (size_t)(put_escaped(w->buffer + w->used, s, piece) - w->buffer);
        s += piece;
        len -= piece;
    }
    return rc < 0 ? rc : add(w, "\"", 1, e);
}

static int add_value(struct json_rows_writer *w, const struct cell *c, struct err *e)
{
    switch (c->kind) {
    case CELL_TRUE:
        return add(w, "true", 4, e);
    case CELL_FALSE:
        return add(w, "false", 5, e);
    case CELL_NUMBER:
    case CELL_NESTED:
        return add(w, c->bytes, c->len, e);
    case CELL_TEXT:
        return add_text(w, c->bytes, c->len, e);
    case CELL_ABSENT:
    case CELL_NULL:
        break;
    }
    return add(w, "null", 4, e);
}

static int add_object(struct json_rows_writer *w, const struct row *row, struct err *e)
{
    size_t comma = 0; /* bytes that the next member has before its name */
    int rc = add(w, "{", 1, e);
    for (int i = 0; rc == 0 && i < w->count; i++) {
        if (row->cells[i].kind == CELL_ABSENT)
            continue;
        if ((rc = add(w, w->keys[i].bytes + 1 - comma, w->keys[i].len - 1 + comma, e)) < 0)
            return rc;
        rc = add_value(w, &row->cells[i], e);
        comma = 1;
    }
    return rc < 0 ? rc : add(w, "}", 1, e);
}

/* --- objects that fit: functions return where they have come to --- */

static inline char *swift_text(char *to, const char *s, size_t len)
{
    *to++ = '"';
    while (len > 0) {
        size_t n = len < SIXTEEN ? len : SIXTEEN;
        unsigned escapes = sixteen_escapes(s) & sixteen_first(n);
        memcpy(to, s, SIXTEEN);
        if (escapes) {
            n = (size_t)__builtin_ctz(escapes);
            to = put_escape(to + n, (unsigned char)s[n]);
            n++;
        } else {
            to += n;
        }
        s += n;
        len -= n;
    }
    *to++ = '"';
    return to;
}

static inline char *swift_word(char *to, enum cell_kind kind)
{
    static const char words[][SIXTEEN] = {"", "null", "false", "true"};
    memcpy(to, words[kind], SIXTEEN);
    return to + (kind == CELL_FALSE ? 5 : 4);
}

static inline char *swift_value(char *to, const struct cell *c)
{
    if (c->kind == CELL_TEXT)
        return swift_text(to, c->bytes, c->len);
    return c->kind >= CELL_NUMBER ? sixteen_copy(to, c->bytes, c->len) : swift_word(to, c->kind);
}

static void add_swiftly(struct json_rows_writer *w, const struct row *row)
{
    char *const begin = w->buffer + w->used;
    char *to = begin;
    const struct key *key = w->keys;
    const struct cell *const end = row->cells + w->count;
    for (const struct cell *c = row->cells; c < end; c++, key++) {
        if (c->kind == CELL_ABSENT)
            continue;
        to = sixteen_copy(to, key->bytes, key->len);
        to = swift_value(to, c);
    }
    if (to == begin)
        to++;
    *begin = '{'; /* in place of the first comma */
    *to++ = '}';
    w->used = (size_t)(to - w->buffer);
}

/* What the object of a row has at most; 0: it is not known, or too much. */
static size_t most_of(const struct json_rows_writer *w, const struct row *row)
{
    const size_t large = BUFFER_SIZE / 4;
    if (!row->roomy || row->size > large / LONGEST_ESCAPE || w->keys_len > large ||
        w->count > BUFFER_SIZE / 4 / SWIFT_CELL)
        return 0;
    return LONGEST_ESCAPE * row->size + w->keys_len + (size_t)w->count * SWIFT_CELL + 2;
}

static int add_row(struct json_rows_writer *w, const struct row *row, struct err *e)
{
    size_t most = row->json ? 0 : most_of(w, row);
    if (!most)
        return row->json ? add(w, row->json, row->json_len, e) : add_object(w, row, e);
    int rc = need(w, most, e);
    if (rc == 0)
        add_swiftly(w, row);
    return rc;
}

static struct key make_key(struct arena *a, const struct column_name *name)
{
    char *bytes = arena_alloc(a, name->len * LONGEST_ESCAPE + 4 + BEYOND);
    char *p = bytes;
    *p++ = ',';
    *p++ = '"';
    p = put_escaped(p, name->bytes, name->len);
    *p++ = '"';
    *p++ = ':';
    return (struct key){bytes, (size_t)(p - bytes)};
}

struct json_rows_writer *json_rows_writer_new(bool lines, const struct column_name *names, int count,
                                              put_fn *put, void *ctx)
{
    struct json_rows_writer *w = mem_alloc(sizeof *w);
    w->lines = lines;
    w->begun = false;
    w->count = count;
    w->arena = (struct arena){0};
    w->put = put;
    w->ctx = ctx;
    w->used = 0;
    w->keys = arena_alloc(&w->arena, (size_t)count * sizeof w->keys[0]);
    w->keys_len = 0;
    for (int i = 0; i < count; i++) {
        w->keys[i] = make_key(&w->arena, &names[i]);
        w->keys_len += w->keys[i].len;
    }
    return w;
}

void json_rows_writer_free(struct json_rows_writer *w)
{
    if (!w)
        return;
    arena_free(&w->arena);
    free(w);
}

int json_rows_writer_row(struct json_rows_writer *w, const struct row *row, struct err *e)
{
    int rc = 0;
    if (!w->lines)
        rc = add(w, w->begun ? ",\n" : "[\n", 2, e);
    w->begun = true;
    if (rc == 0)
        rc = add_row(w, row, e);
    return rc == 0 && w->lines ? add(w, "\n", 1, e) : rc;
}

int json_rows_writer_finish(struct json_rows_writer *w, struct err *e)
{
    int rc = 0;
    if (!w->lines)
        rc = w->begun ? add(w, "\n]\n", 3, e) : add(w, "[]\n", 3, e);
    return rc < 0 ? rc : flush(w, e);
}
