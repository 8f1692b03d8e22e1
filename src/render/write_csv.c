/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes CSV and TSV; see write_csv.h.
 *
 * Bytes gather in one buffer and are put whenever the next text may not fit. A text that fits is copied first
 * and looked at then: most texts need no quotes, and then nothing is left to do. A text that would never fit
 * goes through the buffer in pieces.
 *
 * Most rows fit whatever becomes of their cells, and can be read a little beyond their ends: for these the
 * `swift_` functions ask nothing at each byte. The others make the same bytes.
 */
#include "render/write_csv.h"

#include "base/arena.h"
#include "render/csv.h"

#include <stdlib.h>

enum {
    BUFFER = 1 << 16,
    BEYOND = SIXTEEN,   /* bytes after the buffer's end that may be read and written */
    LARGE = BUFFER / 4, /* a text above that goes in pieces */
    SWIFT_CELL = 8,     /* the most that a cell has besides its text, and the longest word */
};

struct csv_writer {
    const struct column_name *names;
    int count;
    put_fn *put;
    void *ctx;
    char delimiter;
    const char *line_end;
    size_t line_end_len;
    bool bom, safe;
    bool sniffed;   /* who reads it finds out the delimiter: the names must not hold another one */
    bool comma_too; /* and of a single name can only think of a comma: it means something in cells, too */
    bool begun;
    size_t used;
    char bytes[BUFFER + BEYOND];
};

struct csv_writer *csv_writer_new(const struct writer_options *o, const struct column_name *names, int count,
                                  put_fn *put, void *ctx)
{
    struct csv_writer *w = mem_alloc(sizeof *w);
    memset(w, 0, sizeof *w);
    w->names = names;
    w->count = count;
    w->put = put;
    w->ctx = ctx;
    w->delimiter = (char)(o->format == FORMAT_TSV ? '\t' : o->delimiter ? o->delimiter : ',');
    w->line_end = o->lf ? "\n" : "\r\n";
    w->line_end_len = o->lf ? 1 : 2;
    w->bom = o->bom;
    w->safe = o->safe;
    w->sniffed = o->format != FORMAT_TSV;
    w->comma_too = w->sniffed && count == 1 && w->delimiter != ',';
    return w;
}

void csv_writer_free(struct csv_writer *w)
{
    free(w);
}

static int flush(struct csv_writer *w, struct err *e)
{
    size_t len = w->used;
    w->used = 0;
    return len ? w->put(w->ctx, w->bytes, len, e) : 0;
}

/* Afterwards `len` bytes fit, at most BUFFER. */
static int need(struct csv_writer *w, size_t len, struct err *e)
{
    return BUFFER - w->used < len ? flush(w, e) : 0;
}

static int add(struct csv_writer *w, const char *bytes, size_t len, struct err *e)
{
    while (len > 0) {
        int rc = need(w, 1, e);
        if (rc < 0)
            return rc;
        size_t n = len < BUFFER - w->used ? len : BUFFER - w->used;
        memcpy(w->bytes + w->used, bytes, n);
        w->used += n;
        bytes += n;
        len -= n;
    }
    return 0;
}

/* Whether the `len` bytes from `at` in the buffer hold a mark. */
static bool has_marks(const struct csv_writer *w, size_t at, size_t len)
{
    const char *p = w->bytes + at;
    unsigned found = 0;
    for (; len >= SIXTEEN; p += SIXTEEN, len -= SIXTEEN)
        found |= sixteen_marks(p, w->delimiter);
    return (found | (sixteen_marks(p, w->delimiter) & sixteen_first(len))) != 0;
}

static int add_quoted(struct csv_writer *w, bool prefix, const char *text, size_t len, struct err *e)
{
    const char *end = text + len;
    int rc = add(w, "\"'", prefix ? 2 : 1, e);
    while (rc == 0 && text < end) {
        const char *quote = memchr(text, '"', (size_t)(end - text));
        const char *stop = quote ? quote + 1 : end;
        if ((rc = add(w, text, (size_t)(stop - text), e)) == 0 && quote)
            rc = add(w, "\"", 1, e);
        text = stop;
    }
    return rc < 0 ? rc : add(w, "\"", 1, e);
}

/* What a spreadsheet may take for a formula. */
static bool is_formula(const char *text, size_t len)
{
    return len && text[0] && strchr("=+-@\t\r", text[0]);
}

/* A text, quoted if `quoted` says so or it has a mark in it. */
static int add_text(struct csv_writer *w, bool quoted, bool prefix, const char *text, size_t len,
                    struct err *e)
{
    if (quoted || len > LARGE)
        return add_quoted(w, prefix, text, len, e);
    int rc = need(w, len + 1, e);
    if (rc < 0)
        return rc;
    size_t before = w->used;
    if (prefix)
        w->bytes[w->used++] = '\'';
    if (len)
        memcpy(w->bytes + w->used, text, len);
    w->used += len;
    if (!has_marks(w, before, w->used - before))
        return 0;
    w->used = before;
    return add_quoted(w, prefix, text, len, e);
}

/* A bare text must not read back as a number, true, false or null. */
static int add_text_cell(struct csv_writer *w, const struct cell *c, struct err *e)
{
    bool prefix = w->safe && is_formula(c->bytes, c->len);
    bool quoted = (!prefix && csv_bare_kind(c->bytes, c->len) != CELL_TEXT) ||
                  (w->comma_too && c->len && memchr(c->bytes, ',', c->len));
    return add_text(w, quoted, prefix, c->bytes, c->len, e);
}

static int add_cell(struct csv_writer *w, const struct cell *c, struct err *e)
{
    switch (c->kind) {
    case CELL_ABSENT:
    case CELL_NULL:
        break;
    case CELL_FALSE:
        return add(w, "false", 5, e);
    case CELL_TRUE:
        return add(w, "true", 4, e);
    case CELL_NUMBER:
        return add(w, c->bytes, c->len, e);
    case CELL_TEXT:
    case CELL_NESTED:
        return add_text_cell(w, c, e);
    }
    return 0;
}

static int add_separator(struct csv_writer *w, bool last, struct err *e)
{
    int rc = need(w, 2, e);
    if (rc < 0)
        return rc;
    if (last) {
        memcpy(w->bytes + w->used, w->line_end, w->line_end_len);
        w->used += w->line_end_len;
    } else {
        w->bytes[w->used++] = w->delimiter;
    }
    return 0;
}

static bool has_delimiter(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] && strchr(CSV_DELIMITERS, text[i]))
            return true;
    return false;
}

/* Names are text whatever they look like; but a line must not be empty, nor a name begin like a BOM, nor may
 * a delimiter be found in one. */
static int add_name(struct csv_writer *w, int index, struct err *e)
{
    const struct column_name *n = &w->names[index];
    bool like_bom = index == 0 && n->len >= 3 && memcmp(n->bytes, CSV_BOM, 3) == 0;
    bool empty_line = w->count == 1 && n->len == 0;
    bool quoted = like_bom || empty_line || (w->sniffed && has_delimiter(n->bytes, n->len));
    return add_text(w, quoted, w->safe && is_formula(n->bytes, n->len), n->bytes, n->len, e);
}

static int begin(struct csv_writer *w, struct err *e)
{
    int rc = 0;
    if (w->begun)
        return 0;
    w->begun = true;
    if (w->bom)
        rc = add(w, CSV_BOM, 3, e);
    for (int i = 0; i < w->count && rc == 0; i++)
        if ((rc = add_name(w, i, e)) == 0)
            rc = add_separator(w, i == w->count - 1, e);
    return rc;
}

/* --- rows that fit: functions return where they have come to --- */

static char *swift_quoted(char *to, const char *text, size_t len)
{
    *to++ = '"';
    while (len > 0) {
        const char *quote = memchr(text, '"', len);
        size_t run = quote ? (size_t)(quote - text) + 1 : len;
        to = sixteen_copy(to, text, run);
        if (quote)
            *to++ = '"';
        text += run;
        len -= run;
    }
    *to++ = '"';
    return to;
}

static inline char *swift_text(char *to, const char *text, size_t len, char delimiter)
{
    unsigned marks = 0;
    size_t i = 0;
    if (csv_bare_kind_fast(text, len) != CELL_TEXT)
        return swift_quoted(to, text, len);
    for (; len - i > SIXTEEN; i += SIXTEEN) {
        memcpy(to + i, text + i, SIXTEEN);
        marks |= sixteen_marks(text + i, delimiter);
    }
    memcpy(to + i, text + i, SIXTEEN);
    marks |= sixteen_marks(text + i, delimiter) & sixteen_first(len - i);
    return marks ? swift_quoted(to, text, len) : to + len;
}

static char *swift_word(char *to, enum cell_kind kind)
{
    static const char words[][SIXTEEN] = {"", "", "false", "true"};
    return sixteen_copy(to, words[kind], kind == CELL_FALSE ? 5 : kind == CELL_TRUE ? 4 : 0);
}

static void add_swiftly(struct csv_writer *w, const struct row *row)
{
    char *to = w->bytes + w->used;
    const char delimiter = w->delimiter;
    for (int i = 0; i < w->count; i++) {
        const struct cell *c = &row->cells[i];
        if (c->kind >= CELL_TEXT)
            to = swift_text(to, c->bytes, c->len, delimiter);
        else if (c->kind == CELL_NUMBER)
            to = sixteen_copy(to, c->bytes, c->len);
        else
            to = swift_word(to, c->kind);
        *to++ = delimiter;
    }
    to--;
    memcpy(to, w->line_end, w->line_end_len);
    w->used = (size_t)(to - w->bytes) + w->line_end_len;
}

/* What a row becomes at most; 0: it is not known, or too much. */
static size_t most_of(const struct csv_writer *w, const struct row *row)
{
    if (!row->roomy || w->safe || w->comma_too || w->count == 0 || row->size > LARGE ||
        w->count > LARGE / SWIFT_CELL)
        return 0;
    return 2 * row->size + (size_t)w->count * SWIFT_CELL;
}

int csv_writer_row(struct csv_writer *w, const struct row *row, struct err *e)
{
    int rc = begin(w, e);
    size_t most = most_of(w, row);
    if (rc == 0 && most) {
        rc = need(w, most, e);
        if (rc == 0)
            add_swiftly(w, row);
        return rc;
    }
    for (int i = 0; i < w->count && rc == 0; i++)
        if ((rc = add_cell(w, &row->cells[i], e)) == 0)
            rc = add_separator(w, i == w->count - 1, e);
    return rc;
}

int csv_writer_finish(struct csv_writer *w, struct err *e)
{
    int rc = begin(w, e);
    return rc < 0 ? rc : flush(w, e);
}
