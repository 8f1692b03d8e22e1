/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads CSV as it streams in; see reader_csv.h.
 *
 * What is fed is copied into one buffer and looked at once, 64 bytes at a time, for the four bytes that
 * mean something: the delimiter, quote, CR and LF ("marks"). Between pieces only positions and a state are
 * kept, so that no byte is parsed twice, however small the pieces are (but for the first record, while the
 * delimiter is being found out). Cells point into the buffer; "" in a quoted cell is undone in place.
 *
 * Which marks are inside quotes follows from how many quotes stand before them, which is known for all 64 at
 * once. Only where a quote stands at a place where it means something else (or is an error) the marks of its
 * block are taken one by one.
 *
 * Where an input is wrong does not depend on how it was cut into pieces: all errors of a row are found at one
 * of its marks or at the end, and after the row limit none but the limit is.
 *
 * The buffer grows by doubling up to twice the row limit: at most a half of it is the row that is under way.
 */
#include "render/reader_csv.h"

#include "base/text.h"
#include "render/csv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUFFER_FIRST = 1 << 16, BUFFER_LEAST = 64, BLOCK = 64 /* also readable after the buffer's end */ };
/* Beside the kinds in `seen`: a bare cell that is not empty is a text, as all were before. */
enum { TEXT_ONLY = 1U << CELL_ABSENT };
#define COLD __attribute__((cold, noinline))

/* The record that comes next. */
enum expected {
    HEADER,
    FIRST_ROW, /* which says how many columns there are */
    ANY_ROW,
};

enum quoting {
    BARE,
    QUOTED,
    CLOSED, /* a quoted cell has ended, or the first half of "" was seen: what comes next decides */
};

struct csv_reader {
    struct columns *columns;
    row_fn *row;
    void *ctx;
    size_t row_limit;
    bool columns_are_set, header_absent, types_text;
    char delimiter; /* 0: being found out */

    char *bytes;
    size_t room, fill;
    int64_t base;  /* where bytes[0] is in the input */
    bool at_start; /* a BOM may come */

    /* The row under way. Places in `bytes`. */
    enum expected expected;
    size_t scan; /* all before it has been looked at */
    size_t row_start, cell_start;
    size_t closed_at; /* CLOSED: the quote */
    enum quoting quoting;
    bool doubled;   /* the cell has "" in it, or nothing but quotes */
    uint64_t wide;  /* not 0: the cell may hold bytes beyond ASCII */
    bool after_cr;  /* an LF at row_start belongs to the line end before it */
    size_t present; /* cells of the row that have ended */
    int64_t number;

    /* For each column. */
    int count, reserved;
    struct cell *cells;
    unsigned char *seen; /* what `columns` knows already, so that it is rarely asked; and TEXT_ONLY */
    int *next_suffix;    /* the least that may be free for the next column of this name */

    int64_t sniffed[4]; /* how many of each candidate the first record has outside quotes */
    bool sniff_quoted;
    bool sniff_fresh; /* a quote would open */
};

static const char candidates[] = CSV_DELIMITERS;

static void set_delimiter(struct csv_reader *r, char delimiter)
{
    r->delimiter = delimiter;
}

static void reserve_columns(struct csv_reader *r, int count)
{
    if (count <= r->reserved)
        return;
    size_t n = (size_t)count + (size_t)r->reserved;
    r->cells = mem_realloc(r->cells, n * sizeof *r->cells);
    r->seen = mem_realloc(r->seen, n);
    r->next_suffix = mem_realloc(r->next_suffix, n * sizeof *r->next_suffix);
    for (size_t i = (size_t)r->reserved; i < n; i++) {
        r->seen[i] = r->columns_are_set ? 0xFF : 0;
        r->next_suffix[i] = 2;
    }
    r->reserved = (int)n;
}

static size_t most_room(const struct csv_reader *r)
{
    return r->row_limit < BUFFER_LEAST / 2 ? BUFFER_LEAST : 2 * r->row_limit;
}

static bool is_text_only(const struct column *c)
{
    const unsigned others = 1U << CELL_NUMBER | 1U << CELL_TRUE | 1U << CELL_FALSE;
    return c->seen & 1U << CELL_TEXT && !(c->seen & others);
}

struct csv_reader *csv_reader_new(const struct reader_options *o, struct columns *columns, row_fn *row,
                                  void *ctx)
{
    struct csv_reader *r = mem_alloc(sizeof *r);
    *r = (struct csv_reader){
        .columns = columns,
        .row = row,
        .ctx = ctx,
        .row_limit = o->row_limit < SIZE_MAX / 4 ? o->row_limit : SIZE_MAX / 4,
        .columns_are_set = o->columns_are_set,
        .header_absent = o->header_absent,
        .types_text = o->types_text,
        .expected = o->header_absent ? FIRST_ROW : HEADER,
        .at_start = true,
        .sniff_fresh = true,
    };
    if (o->delimiter)
        set_delimiter(r, o->delimiter);
    r->count = o->columns_are_set ? columns_count(columns) : 0;
    reserve_columns(r, r->count);
    for (int i = 0; i < r->count; i++)
        if (!is_text_only(columns_get(columns, i)))
            r->seen[i] &= (unsigned char)~TEXT_ONLY;
    r->room = most_room(r) < BUFFER_FIRST ? most_room(r) : BUFFER_FIRST;
    r->bytes = mem_alloc(r->room + BLOCK);
    memset(r->bytes, 0, r->room + BLOCK);
    return r;
}

void csv_reader_free(struct csv_reader *r)
{
    if (!r)
        return;
    free(r->bytes);
    free(r->cells);
    free(r->seen);
    free(r->next_suffix);
    free(r);
}

void csv_reader_resume(struct csv_reader *r, int64_t offset, int64_t number)
{
    assert(r->columns_are_set && r->delimiter);
    r->base = offset;
    r->number = number;
    r->at_start = offset == 0;
    r->expected = ANY_ROW;
}

int64_t csv_reader_row_offset(const struct csv_reader *r)
{
    return r->base + (int64_t)r->row_start;
}

/* "row 17 at byte 2041: WHAT" */
COLD __attribute__((format(printf, 4, 5))) static int fail(const struct csv_reader *r, size_t at,
                                                           struct err *e, const char *what, ...)
{
    char text[160];
    long long byte = r->base + (long long)at;
    va_list ap;
    va_start(ap, what);
    (void)vsnprintf(text, sizeof text, what, ap);
    va_end(ap);
    if (r->expected == HEADER)
        return err_set(e, ERR_BAD_VALUE, "header at byte %lld: %s", byte, text);
    return err_set(e, ERR_BAD_VALUE, "row %lld at byte %lld: %s", (long long)r->number + 1, byte, text);
}

static int check_row_limit(const struct csv_reader *r, size_t end, struct err *e)
{
    if (end - r->row_start <= r->row_limit)
        return 0;
    return fail(r, r->row_start, e, "longer than %zu bytes, the most that a row may have", r->row_limit);
}

/* The step of a column of this name that is not there yet: name, name_2, name_3 … NULL: no more bytes. */
static struct step *free_step(struct csv_reader *r, const char *name, size_t len)
{
    struct arena scratch = {0};
    struct step *root = columns_root(r->columns);
    struct step *s = columns_step(r->columns, root, NULL, name, len);
    int *suffix = s && s->column >= 0 ? &r->next_suffix[s->column] : NULL;
    while (s && s->column >= 0) {
        size_t room = len + 16;
        char *longer = arena_alloc(&scratch, room);
        if (len)
            memcpy(longer, name, len);
        int more = snprintf(longer + len, room - len, "_%d", (*suffix)++);
        s = columns_step(r->columns, root, NULL, longer, len + (size_t)more);
    }
    arena_free(&scratch);
    return s;
}

COLD static int add_column(struct csv_reader *r, const char *name, size_t len, struct err *e)
{
    struct step *s = free_step(r, name, len);
    if (!s)
        return err_set(e, ERR_LIMIT, "the names of the columns are too long together");
    int index = columns_of_step(r->columns, s, e);
    if (index < 0)
        return index;
    assert(index == r->count);
    reserve_columns(r, ++r->count);
    return 0;
}

COLD static int add_numbered_column(struct csv_reader *r, struct err *e)
{
    char name[16];
    int len = snprintf(name, sizeof name, "c%d", r->count + 1);
    return add_column(r, name, (size_t)len, e);
}

COLD static void note_seen(struct csv_reader *r, int index, unsigned bits)
{
    struct column *c = columns_get(r->columns, index);
    r->seen[index] |= (unsigned char)bits;
    c->seen |= bits & ~(unsigned)CSV_FRACTION;
    if (bits & CSV_FRACTION)
        c->fraction = true;
}

/* A cell's text, undone from its quotes. */
static inline void put_cell(struct csv_reader *r, int index, const char *text, size_t len)
{
    struct cell *c = &r->cells[index];
    unsigned kind = CELL_TEXT;
    if (r->quoting == BARE)
        kind = r->types_text && len ? CELL_TEXT : csv_bare_kind_fast(text, len);
    c->kind = kind & ~(unsigned)CSV_FRACTION;
    c->len = len;
    c->bytes = text;
    unsigned bits = 1U << c->kind | (kind & CSV_FRACTION);
    if (bits & ~(unsigned)r->seen[index])
        note_seen(r, index, bits);
}

/* Makes each "" a ", and returns the new length. */
static size_t undouble(char *text, size_t len)
{
    char *to = text;
    const char *from = text;
    const char *end = text + len;
    for (const char *quote; (quote = memchr(from, '"', (size_t)(end - from)));) {
        size_t run = (size_t)(quote + 1 - from);
        memmove(to, from, run);
        to += run;
        from = quote + 2;
    }
    memmove(to, from, (size_t)(end - from));
    return (size_t)(to - text) + (size_t)(end - from);
}

static inline bool is_utf8(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        unsigned wide = sixteen_wide(text + i);
        if (!wide) {
            i += SIXTEEN;
            continue;
        }
        i += (unsigned)__builtin_ctz(wide);
        size_t n = i < len ? sixteen_utf8(text + i) : 1;
        if (!n || (n > 1 && i + n > len))
            return text_utf8_prefix(text, len) == len;
        i += n;
    }
    return true;
}

static int check_utf8(const struct csv_reader *r, size_t end, struct err *e)
{
    if (is_utf8(r->bytes + r->cell_start, end - r->cell_start))
        return 0;
    size_t good = r->cell_start + text_utf8_prefix(r->bytes + r->cell_start, end - r->cell_start);
    return fail(r, good, e, "not UTF-8 (0x%02X)", (unsigned)(unsigned char)r->bytes[good]);
}

static inline int take_cell(struct csv_reader *r, const char *text, size_t len, struct err *e)
{
    int rc = 0;
    if (r->expected == HEADER)
        return r->columns_are_set ? 0 : add_column(r, text, len, e);
    if (r->expected == FIRST_ROW && !r->columns_are_set)
        rc = add_numbered_column(r, e);
    if (rc == 0 && r->present < (size_t)r->count)
        put_cell(r, (int)r->present, text, len);
    return rc;
}

/* The cell ends before the mark at `end`. */
static inline int end_cell(struct csv_reader *r, size_t end, struct err *e)
{
    char *text = r->bytes + r->cell_start;
    size_t len = end - r->cell_start;
    int rc = check_row_limit(r, end, e);
    if (rc == 0 && r->wide)
        rc = check_utf8(r, end, e);
    if (rc < 0)
        return rc;
    if (r->quoting == CLOSED) {
        text++;
        len -= 2;
        if (r->doubled)
            len = undouble(text, len);
    }
    rc = take_cell(r, text, len, e);
    r->present++;
    r->cell_start = end + 1;
    r->quoting = BARE;
    r->doubled = false;
    r->wide = 0;
    return rc;
}

static int end_header(struct csv_reader *r, struct err *e)
{
    if (r->present != (size_t)r->count)
        return fail(r, r->row_start, e, "%zu columns, not %d as before", r->present, r->count);
    r->expected = ANY_ROW;
    return 0;
}

static inline int end_row(struct csv_reader *r, size_t end, struct err *e)
{
    if (r->present > (size_t)r->count)
        return fail(r, r->row_start, e, "%zu cells, the %s has %d", r->present,
                    r->header_absent ? "first row" : "header", r->count);
    for (int i = (int)r->present; i < r->count; i++) {
        r->cells[i] = (struct cell){.kind = CELL_NULL};
        if (!(r->seen[i] & 1U << CELL_NULL))
            note_seen(r, i, 1U << CELL_NULL);
    }
    r->expected = ANY_ROW;
    struct row row = {
        .number = r->number, .cells = r->cells, .count = r->count, .size = end - r->row_start, .roomy = true};
    int rc = r->row(r->ctx, &row, e);
    r->number++;
    return rc;
}

/* The line ends before `end`. An empty one is a row only where it can be meant as one: of a single column. */
static int end_line(struct csv_reader *r, size_t end, struct err *e)
{
    int rc = 0;
    if (end > r->row_start || (r->expected == ANY_ROW && r->count == 1)) {
        if ((rc = end_cell(r, end, e)) == 0)
            rc = r->expected == HEADER ? end_header(r, e) : end_row(r, end, e);
    }
    r->row_start = r->cell_start = end + 1;
    r->present = 0;
    return rc;
}

static int on_quote(struct csv_reader *r, size_t at)
{
    if (r->quoting == BARE && at == r->cell_start) {
        r->quoting = QUOTED;
    } else if (r->quoting == QUOTED) {
        r->quoting = CLOSED;
        r->closed_at = at;
    } else if (r->quoting == CLOSED) {
        r->quoting = QUOTED;
        r->doubled = true;
    }
    return 0;
}

static int on_line_end(struct csv_reader *r, size_t at, struct err *e)
{
    if (r->bytes[at] == '\n' && r->after_cr && at == r->row_start) {
        r->row_start = r->cell_start = at + 1;
        r->after_cr = false;
        return 0;
    }
    r->after_cr = r->bytes[at] == '\r';
    return end_line(r, at, e);
}

static int refuse_after_quote(const struct csv_reader *r, size_t at, struct err *e)
{
    int rc = check_row_limit(r, at, e);
    return rc < 0 ? rc : fail(r, r->closed_at + 1, e, "text after a closing quote");
}

static inline int on_mark(struct csv_reader *r, size_t at, struct err *e)
{
    char c = r->bytes[at];
    if (r->quoting == CLOSED && at != r->closed_at + 1)
        return refuse_after_quote(r, at, e);
    if (c == '"')
        return on_quote(r, at);
    if (r->quoting == QUOTED)
        return 0;
    return c == r->delimiter ? end_cell(r, at, e) : on_line_end(r, at, e);
}

/* The marks of a block one by one. */
static int scan_each(struct csv_reader *r, struct csv_block block, struct err *e)
{
    for (uint64_t marks = block.ends | block.quotes; marks; marks &= marks - 1) {
        uint64_t mark = marks & -marks;
        r->wide |= block.wide & (mark - 1);
        block.wide &= -mark;
        int rc = on_mark(r, r->scan + (size_t)__builtin_ctzll(mark), e);
        if (rc < 0)
            return rc;
    }
    r->wide |= block.wide;
    return 0;
}

/* Bit i: how many of the bits up to i are set, odd or even. */
static inline uint64_t parity(uint64_t bits)
{
    for (unsigned shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* What the quotes of a block are. */
struct quotes {
    uint64_t inside;  /* from an opening quote to before a closing one */
    uint64_t doubled; /* quotes that follow one */
};

/* False: a quote is elsewhere than at the ends of a cell or beside another one. The block has n bytes. */
static inline bool match_quotes(const struct csv_reader *r, const struct csv_block *block, size_t n,
                                struct quotes *ret)
{
    bool closed_before = r->quoting == CLOSED;
    uint64_t inside = block->quotes ? parity(block->quotes) : 0;
    if (r->quoting == QUOTED)
        inside = ~inside;
    uint64_t ends = block->ends & ~inside;
    uint64_t opening = block->quotes & inside;
    uint64_t closing = block->quotes & ~inside;
    uint64_t begins = ends << 1 | (r->cell_start == r->scan);
    uint64_t behind = closing << 1 | closed_before;
    uint64_t all = n < BLOCK ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
    ret->inside = inside;
    ret->doubled = block->quotes & (block->quotes << 1 | closed_before);
    if (closed_before && r->closed_at + 1 != r->scan)
        return false;
    return !(opening & ~(begins | behind)) && !(behind & all & ~(ends | opening));
}

/* What the end of a block leaves. */
static inline void note_quoting(struct csv_reader *r, const struct csv_block *block, const struct quotes *q,
                                size_t n)
{
    uint64_t last = UINT64_C(1) << (n - 1);
    r->quoting = BARE;
    if (q->inside & last) {
        r->quoting = QUOTED;
    } else if (block->quotes & last) {
        r->quoting = CLOSED;
        r->closed_at = r->scan + n - 1;
    }
}

/* The cell or line that ends at `at`. */
static int on_end(struct csv_reader *r, size_t at, struct err *e)
{
    r->quoting = at > r->cell_start && r->bytes[r->cell_start] == '"' ? CLOSED : BARE;
    return r->bytes[at] == r->delimiter ? end_cell(r, at, e) : on_line_end(r, at, e);
}

/* The marks of a block by what is known of all of them. */
static int scan_matched(struct csv_reader *r, struct csv_block block, struct quotes q, struct err *e)
{
    for (uint64_t ends = block.ends & ~q.inside; ends; ends &= ends - 1) {
        uint64_t until = ends ^ (ends - 1);
        r->wide |= block.wide & until;
        r->doubled |= (q.doubled & until) != 0;
        block.wide &= ~until;
        q.doubled &= ~until;
        int rc = on_end(r, r->scan + (size_t)__builtin_ctzll(ends), e);
        if (rc < 0)
            return rc;
    }
    r->wide |= block.wide;
    r->doubled |= q.doubled != 0;
    return 0;
}

/* The text of a cell with its quotes, if it has any, as *c. Returns its kind, perhaps with CSV_FRACTION. */
static inline unsigned make_cell(struct cell *c, unsigned seen, char *text, size_t len, bool doubled)
{
    unsigned kind = CELL_TEXT;
    if (!len) {
        kind = CELL_NULL;
    } else if (*text == '"') {
        text++;
        len -= 2;
        if (doubled)
            len = undouble(text, len);
    } else if (!(seen & TEXT_ONLY)) {
        kind = csv_bare_kind_fast(text, len);
    }
    *c = (struct cell){kind & ~(unsigned)CSV_FRACTION, text, len};
    return kind;
}

/* Where the row under way is, out of the reader: there each byte that is written could have changed it. */
struct swift {
    char *row, *cell;
    size_t present;
};

static inline struct swift take_out(const struct csv_reader *r)
{
    return (struct swift){r->bytes + r->row_start, r->bytes + r->cell_start, r->present};
}

static inline void put_back(struct csv_reader *r, struct swift s)
{
    r->cell_start = (size_t)(s.cell - r->bytes);
    r->present = s.present;
}

static int end_row_swiftly(struct csv_reader *r, const char *end, size_t present, struct err *e)
{
    r->after_cr = *end == '\r';
    r->present = present;
    int rc = end_row(r, (size_t)(end - r->bytes), e);
    r->row_start = (size_t)(end + 1 - r->bytes);
    return rc;
}

static void note_kind(struct csv_reader *r, size_t index, unsigned kind)
{
    unsigned bits = 1U << (kind & ~(unsigned)CSV_FRACTION) | (kind & CSV_FRACTION);
    if (bits & ~(unsigned)r->seen[index])
        note_seen(r, (int)index, bits);
}

/* The same among rows of which none is longer than may be, where the types of cells count. */
static int scan_swiftly(struct csv_reader *r, struct csv_block block, struct quotes q, struct err *e)
{
    const char delimiter = r->delimiter;
    const bool notes = !r->columns_are_set;
    const size_t count = (size_t)r->count;
    char *const bytes = r->bytes + r->scan;
    struct swift s = take_out(r);
    int rc = 0;
    block.wide |= r->wide != 0; /* no mark of the block is before its first byte */
    q.doubled |= r->doubled;
    for (uint64_t ends = block.ends & ~q.inside; ends && rc == 0; ends &= ends - 1) {
        char *end = bytes + __builtin_ctzll(ends);
        uint64_t until = ends ^ (ends - 1);
        bool wide = false;
        bool doubled = false;
        if ((block.wide | q.doubled) & until) {
            wide = (block.wide & until) != 0;
            doubled = (q.doubled & until) != 0;
            block.wide &= ~until;
            q.doubled &= ~until;
        }
        if (s.present >= count || end == s.row) { /* one too many, or an empty line */
            put_back(r, s);
            r->wide = wide;
            r->doubled = doubled;
            rc = on_end(r, (size_t)(end - r->bytes), e);
            s = take_out(r);
            continue;
        }
        if (wide && !is_utf8(s.cell, (size_t)(end - s.cell))) {
            put_back(r, s);
            return check_utf8(r, (size_t)(end - r->bytes), e);
        }
        unsigned kind =
            make_cell(&r->cells[s.present], r->seen[s.present], s.cell, (size_t)(end - s.cell), doubled);
        if (notes)
            note_kind(r, s.present, kind);
        s.cell = end + 1;
        s.present++;
        if (*end != delimiter) {
            rc = end_row_swiftly(r, end, s.present, e);
            s.row = s.cell;
            s.present = 0;
        }
    }
    put_back(r, s);
    r->wide = block.wide;
    r->doubled = q.doubled != 0;
    return rc;
}

static int scan_block(struct csv_reader *r, struct csv_block block, size_t n, struct err *e)
{
    struct quotes quotes;
    if (!match_quotes(r, &block, n, &quotes))
        return scan_each(r, block, e);
    bool swift = r->expected == ANY_ROW && !r->types_text && r->scan + n - r->row_start <= r->row_limit;
    int rc = swift ? scan_swiftly(r, block, quotes, e) : scan_matched(r, block, quotes, e);
    note_quoting(r, &block, &quotes, n);
    return rc;
}

static int scan_marks(struct csv_reader *r, struct err *e)
{
    while (r->scan < r->fill) {
        struct csv_block block = csv_block(r->bytes + r->scan, r->delimiter);
        size_t n = r->fill - r->scan < BLOCK ? r->fill - r->scan : BLOCK;
        uint64_t all = n < BLOCK ? (UINT64_C(1) << n) - 1 : UINT64_MAX;
        block.ends &= all;
        block.quotes &= all;
        block.wide &= all;
        int rc = scan_block(r, block, n, e);
        if (rc < 0)
            return rc;
        r->scan += n;
    }
    return 0;
}

/* The most frequent candidate; a comma where there is none or two are equally frequent. */
static char choose_delimiter(const struct csv_reader *r)
{
    int best = 0;
    bool tied = false;
    for (int i = 1; candidates[i]; i++) {
        tied = r->sniffed[i] == r->sniffed[best] || (tied && r->sniffed[i] < r->sniffed[best]);
        if (r->sniffed[i] > r->sniffed[best])
            best = i;
    }
    return candidates[tied ? 0 : best];
}

/* Without a delimiter it is not known where a cell begins: a quote opens after any that it could be. */
static void sniff_char(struct csv_reader *r, char c)
{
    if (c == '"' && (r->sniff_quoted || r->sniff_fresh)) {
        r->sniff_quoted = !r->sniff_quoted;
        r->sniff_fresh = true; /* when it closed: the next one doubles it */
        return;
    }
    const char *candidate = c ? strchr(candidates, c) : NULL;
    if (candidate && !r->sniff_quoted)
        r->sniffed[candidate - candidates]++;
    r->sniff_fresh = candidate != NULL;
}

/* 1: the first record has ended, and the delimiter is known; 0: not yet. */
static int sniff(struct csv_reader *r, bool at_end, struct err *e)
{
    bool ended = at_end;
    for (; r->scan < r->fill; r->scan++) {
        char c = r->bytes[r->scan];
        bool line_end = (c == '\r' || c == '\n') && !r->sniff_quoted;
        if (line_end && r->scan > r->row_start) {
            ended = true;
            break;
        }
        if (line_end)
            r->row_start = r->cell_start = r->scan + 1; /* empty lines before the first record are nothing */
        else
            sniff_char(r, c);
    }
    if (!ended)
        return 0;
    int rc = check_row_limit(r, r->scan, e);
    if (rc < 0)
        return rc;
    set_delimiter(r, choose_delimiter(r));
    r->scan = r->row_start;
    return 1;
}

/* Whether what begins the input is known well enough; a BOM is skipped. */
static bool pass_start(struct csv_reader *r, bool at_end)
{
    size_t n = r->fill < 3 ? r->fill : 3;
    bool may_be_bom = memcmp(r->bytes, CSV_BOM, n) == 0;
    if (may_be_bom && n < 3 && !at_end)
        return false;
    if (may_be_bom && n == 3)
        r->scan = r->row_start = r->cell_start = 3;
    r->at_start = false;
    return true;
}

static int take_in(struct csv_reader *r, bool at_end, struct err *e)
{
    int rc = 1;
    if (r->at_start && !pass_start(r, at_end))
        return 0;
    if (!r->delimiter)
        rc = sniff(r, at_end, e);
    if (rc > 0)
        rc = scan_marks(r, e);
    return rc < 0 ? rc : check_row_limit(r, r->fill, e);
}

/* What lay at `from` lies at `to` from now on. */
static void move_cells(struct csv_reader *r, const char *from, const char *to)
{
    for (size_t i = 0; r->expected != HEADER && i < r->present && i < (size_t)r->count; i++)
        r->cells[i].bytes = to + (r->cells[i].bytes - from);
}

static void grow(struct csv_reader *r)
{
    r->room = 2 * r->room < most_room(r) ? 2 * r->room : most_room(r);
    char *larger = mem_alloc(r->room + BLOCK);
    memcpy(larger, r->bytes, r->fill);
    memset(larger + r->fill, 0, r->room + BLOCK - r->fill);
    move_cells(r, r->bytes, larger);
    free(r->bytes);
    r->bytes = larger;
}

/* Drops all before the row under way, and makes room where that row has more than a half of it. */
static void make_room(struct csv_reader *r)
{
    size_t gone = r->row_start;
    if (r->fill < r->room)
        return;
    move_cells(r, r->bytes + gone, r->bytes);
    memmove(r->bytes, r->bytes + gone, r->fill - gone);
    r->base += (int64_t)gone;
    r->fill -= gone;
    r->scan -= gone;
    r->cell_start -= gone;
    r->closed_at -= r->quoting == CLOSED ? gone : 0;
    r->row_start = 0;
    if (r->fill > r->room / 2)
        grow(r);
}

int csv_reader_feed(struct csv_reader *r, const void *bytes, size_t len, struct err *e)
{
    const char *p = bytes;
    while (len > 0) {
        make_room(r);
        size_t n = len < r->room - r->fill ? len : r->room - r->fill;
        memcpy(r->bytes + r->fill, p, n);
        r->fill += n;
        p += n;
        len -= n;
        int rc = take_in(r, false, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int end_last_line(struct csv_reader *r, struct err *e)
{
    if (r->fill == r->row_start)
        return 0;
    if (r->quoting == QUOTED)
        return fail(r, r->row_start, e, "unclosed quote");
    if (r->quoting == CLOSED && r->fill != r->closed_at + 1)
        return refuse_after_quote(r, r->fill, e);
    return end_line(r, r->fill, e);
}

int csv_reader_finish(struct csv_reader *r, struct reader_end *ret, struct err *e)
{
    int rc = take_in(r, true, e);
    if (rc == 0)
        rc = end_last_line(r, e);
    if (rc < 0)
        return rc;
    if (r->expected == HEADER)
        return err_set(e, ERR_BAD_VALUE, "no header");
    *ret = (struct reader_end){.rows = r->number, .delimiter = r->delimiter};
    return 0;
}
