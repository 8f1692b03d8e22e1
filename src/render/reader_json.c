/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See reader.h. What was fed and not yet read lies in one buffer; a machine of a few phases takes whole rows,
 * or whole members beside them, from its front (json_row.c reads one row). A row that is cut off stays and is
 * tried again when twice as much is there, so that a large row in small pieces costs no more than twice its
 * length.
 *
 * Which array of a document that is an object is the table is known for certain only at its end. So the rows
 * of the best array so far are handed on, and `restart` takes them back when a better one begins.
 */
#include "render/reader_json.h"

#include "base/arena.h"
#include "render/json_row.h"
#include "render/json_token.h"

#include <stdlib.h>
#include <string.h>

enum phase {
    AT_START,
    AT_MEMBER,        /* of the object: a name, or its end */
    AFTER_MEMBER,     /* a comma or its end */
    AT_FIRST_ELEMENT, /* of an array: an element, or its end */
    AT_ELEMENT,
    AFTER_ELEMENT,
    AT_LINE, /* of NDJSON */
    AFTER_LINE,
    AT_END, /* only white space may follow */
};

/* The better a name, the smaller its rank. */
static const char *const preferred[] = {"data", "records", "results", "items"};
enum { RANK_OTHER = 4, RANK_NONE = 5 };

struct json_reader {
    struct reader_options options;
    struct columns *columns;
    row_fn *row;
    void *ctx;
    struct json_row *rows; /* reads one */
    enum phase phase;
    char *bytes;
    size_t len;
    size_t room;
    size_t enough;    /* not to be looked at before there is that much */
    int64_t offset;   /* of bytes[0] in what was fed */
    int64_t row_at;   /* of the row that is handed on */
    int64_t number;   /* of the next row */
    bool last;        /* no more will come */
    bool in_object;   /* the array is a member */
    bool some_member; /* a comma came before: the object cannot end here */
    bool handing_on;  /* the rows of this array */
    bool preferred;   /* this array to what there was before it, if anything */
    bool all_objects; /* of this array, so far */
    int64_t elements; /* of this array */
    int rank;         /* of the last member's name */
    char *name;       /* of the last member */
    int best_rank;    /* of the array whose rows were handed on */
    char *best_name;
    int others; /* arrays of objects without a preferred name */
};

struct json_reader *json_reader_new(const struct reader_options *o, struct columns *columns, row_fn *row,
                                    void *ctx)
{
    struct json_reader *r = mem_alloc(sizeof *r);
    *r = (struct json_reader){
        .options = *o, .columns = columns, .row = row, .ctx = ctx, .best_rank = RANK_NONE};
    r->rows = json_row_new(o, columns);
    return r;
}

void json_reader_free(struct json_reader *r)
{
    if (!r)
        return;
    json_row_free(r->rows);
    free(r->bytes);
    free(r->name);
    free(r->best_name);
    free(r);
}

int64_t json_reader_row_offset(const struct json_reader *r)
{
    return r->row_at;
}

void json_reader_resume(struct json_reader *r, int64_t offset, int64_t number)
{
    r->offset = offset;
    r->number = number;
    r->phase = r->options.source == SOURCE_NDJSON ? AT_LINE : AT_ELEMENT;
    r->in_object = r->options.member != NULL;
    r->handing_on = r->all_objects = true;
    r->elements = 1;
    r->best_rank = 0;
    r->best_name = r->options.member ? mem_strdup(r->options.member) : NULL;
}

static int fault(const struct json_reader *r, const char *at, const char *what, struct err *e)
{
    return err_set(e, ERR_BAD_VALUE, "row %lld at byte %lld: %s", (long long)r->number + 1,
                   (long long)(r->offset + (at - r->bytes)), what);
}

/* TOKEN_OK is 0, TOKEN_MORE 1; TOKEN_BAD has become an error. */
static int outcome(const struct json_reader *r, enum token t, const char *at, const char *what, struct err *e)
{
    return t == TOKEN_BAD ? fault(r, at, what, e) : (int)t;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* --- which array --- */

/* A name with a NUL could not be told to others: it is never that of the table. */
static int rank_of(const char *name, size_t len)
{
    int rank = 0;
    if (strlen(name) != len)
        return RANK_NONE;
    while (rank < RANK_OTHER && strcmp(name, preferred[rank]) != 0)
        rank++;
    return rank;
}

static void begin_array(struct json_reader *r)
{
    r->elements = 0;
    r->all_objects = true;
    r->preferred = false;
    if (!r->in_object)
        r->handing_on = r->options.member == NULL;
    else if (r->options.member)
        r->handing_on = r->rank != RANK_NONE && strcmp(r->options.member, r->name) == 0;
    else
        r->handing_on = r->rank < r->best_rank && !r->options.columns_are_set;
    r->phase = AT_FIRST_ELEMENT;
}

static void take_back(struct json_reader *r)
{
    if (r->best_rank == RANK_NONE)
        return;
    r->best_rank = RANK_NONE;
    free(r->best_name);
    r->best_name = NULL;
    r->number = 0;
    if (r->options.restart)
        r->options.restart(r->ctx);
    if (!r->options.columns_are_set)
        columns_clear(r->columns);
}

/* At the first object of an array whose rows are wanted; more than once if it is cut off. */
static void prefer_this_array(struct json_reader *r)
{
    if (r->preferred)
        return;
    r->preferred = true;
    take_back(r);
    r->best_rank = r->in_object ? r->rank : 0;
    r->best_name = r->in_object ? mem_strdup(r->name) : NULL;
}

/* An element that is not an object. Rows of another array may have been given up for this one if it has one
   of the preferred names, and cannot be had back: so such an array is a fault wherever it stands. */
static int disappoint(struct json_reader *r, const char *at, struct err *e)
{
    bool may_have_replaced = r->rank < RANK_OTHER && r->all_objects && r->elements > 0;
    if (!r->in_object || (r->handing_on && r->options.member) || may_have_replaced)
        return fault(r, at, "not an object", e);
    if (r->handing_on && r->elements > 0)
        take_back(r);
    r->handing_on = r->all_objects = false;
    return 0;
}

static void end_array(struct json_reader *r)
{
    if (r->in_object && r->all_objects && r->elements > 0 && r->rank == RANK_OTHER)
        r->others++;
    if (!r->in_object)
        r->best_rank = 0;
    r->handing_on = false;
    r->phase = r->in_object ? AFTER_MEMBER : AT_END;
}

/* --- phases: 0 on, 1 more bytes are needed; the position moves past what was read --- */

static int skip_value(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    const char *what = "";
    enum token t = token_skip(at, end, false, r->options.depth_limit, &what);
    return outcome(r, t, *at, what, e);
}

static int hand_on(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    struct row row = {.number = r->number};
    const char *what = "";
    const char *start = *at;
    int rc = json_row_read(r->rows, at, end, &row, &what, e);
    if (rc < 0)
        return *what ? fault(r, *at, what, e) : rc;
    if (rc > 0)
        return rc;
    if (*at - start > (int64_t)r->options.row_limit)
        return fault(r, start, "a row is larger than may be", e);
    const char *newline =
        r->options.source == SOURCE_NDJSON ? memchr(start, '\n', (size_t)(*at - start)) : NULL;
    if (newline)
        return fault(r, newline, "a row goes on in the next line", e);
    r->row_at = r->offset + (start - r->bytes);
    r->number++;
    rc = r->row(r->ctx, &row, e);
    json_row_forget(r->rows);
    return rc;
}

static int read_start(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t left = (size_t)(end - *at);
    if (r->offset == 0 && *at == r->bytes && left < 3 && !r->last && strncmp(*at, mark, left) == 0)
        return 1;
    if (r->offset == 0 && *at == r->bytes && left >= 3 && memcmp(*at, mark, 3) == 0)
        *at += 3;
    if (r->options.source == SOURCE_NDJSON) {
        r->phase = AT_LINE;
        return 0;
    }
    token_space(at, end);
    if (*at == end)
        return 1;
    if (**at != '[' && **at != '{')
        return err_set(e, ERR_BAD_VALUE, "neither an array of objects nor an object with one");
    r->in_object = *(*at)++ == '{';
    r->phase = AT_MEMBER;
    if (!r->in_object)
        begin_array(r);
    return 0;
}

/* The name and colon of a member, and the first character of its value. */
static int read_name(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    const char *what = "";
    const char *s = NULL;
    size_t len = 0;
    bool escaped = false;
    enum token t = token_string(at, end, &s, &len, &escaped, &what);
    if (t != TOKEN_OK)
        return outcome(r, t, *at, what, e);
    token_space(at, end);
    if (*at == end)
        return 1;
    if (**at != ':')
        return fault(r, *at, "a colon is missing", e);
    ++*at;
    token_space(at, end);
    if (*at == end)
        return 1;
    free(r->name);
    r->name = mem_alloc(len + 1);
    len = token_unescape(s, len, r->name);
    r->name[len] = '\0';
    r->rank = rank_of(r->name, len);
    return 0;
}

static int read_member(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    token_space(at, end);
    if (*at == end)
        return 1;
    if (**at == '}' && !r->some_member) {
        ++*at;
        r->phase = AT_END;
        return 0;
    }
    if (**at != '"')
        return fault(r, *at, "a member needs a name in quotes", e);
    int rc = read_name(r, at, end, e);
    if (rc == 0 && r->best_name && r->rank != RANK_NONE && strcmp(r->name, r->best_name) == 0)
        return fault(r, *at, "the member with the rows comes twice", e);
    if (rc == 0 && **at == '[') {
        ++*at;
        begin_array(r);
        return 0;
    }
    if (rc == 0)
        rc = skip_value(r, at, end, e);
    if (rc == 0)
        r->phase = AFTER_MEMBER;
    return rc;
}

static int read_element(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    int rc = 0;
    token_space(at, end);
    if (*at == end)
        return 1;
    if (**at == ']' && r->phase == AT_FIRST_ELEMENT) {
        ++*at;
        end_array(r);
        return 0;
    }
    if (**at != '{')
        rc = disappoint(r, *at, e);
    else if (r->handing_on && r->elements == 0)
        prefer_this_array(r);
    if (rc == 0)
        rc = r->handing_on ? hand_on(r, at, end, e) : skip_value(r, at, end, e);
    if (rc != 0)
        return rc;
    r->elements++;
    r->phase = AFTER_ELEMENT;
    return 0;
}

static int read_comma(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    bool in_array = r->phase == AFTER_ELEMENT;
    token_space(at, end);
    if (*at == end)
        return 1;
    char c = *(*at)++;
    if (c == ',') {
        r->phase = in_array ? AT_ELEMENT : AT_MEMBER;
        r->some_member = true;
    } else if (c == (in_array ? ']' : '}')) {
        if (in_array)
            end_array(r);
        else
            r->phase = AT_END;
    } else {
        return fault(r, *at - 1, "a comma is missing", e);
    }
    return 0;
}

static int read_line(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    token_space(at, end);
    if (*at == end)
        return 1;
    if (**at != '{')
        return fault(r, *at, "not an object", e);
    int rc = hand_on(r, at, end, e);
    if (rc == 0)
        r->phase = AFTER_LINE;
    return rc;
}

static int read_line_end(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    while (*at < end && is_blank(**at) && **at != '\n')
        ++*at;
    if (*at == end)
        return 1;
    if (**at != '\n')
        return fault(r, *at, "more than one value in a line", e);
    r->phase = AT_LINE;
    return 0;
}

static int read_nothing(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    token_space(at, end);
    return *at == end ? 1 : fault(r, *at, "something follows the end of the document", e);
}

static int step_on(struct json_reader *r, const char **at, const char *end, struct err *e)
{
    switch (r->phase) {
    case AT_START:
        return read_start(r, at, end, e);
    case AT_MEMBER:
        return read_member(r, at, end, e);
    case AT_FIRST_ELEMENT:
    case AT_ELEMENT:
        return read_element(r, at, end, e);
    case AFTER_MEMBER:
    case AFTER_ELEMENT:
        return read_comma(r, at, end, e);
    case AT_LINE:
        return read_line(r, at, end, e);
    case AFTER_LINE:
        return read_line_end(r, at, end, e);
    case AT_END:
        break;
    }
    return read_nothing(r, at, end, e);
}

/* --- feeding --- */

/* The white space that may be forgotten: after a row of NDJSON the end of its line may not. */
static size_t blanks(const struct json_reader *r, const char *at, const char *end)
{
    const char *p = at;
    while (p < end && is_blank(*p) && (*p != '\n' || r->phase != AFTER_LINE))
        p++;
    return (size_t)(p - at);
}

static int work(struct json_reader *r, struct err *e)
{
    const char *at = r->bytes;
    const char *end = r->bytes + r->len;
    const char *read = at;
    int rc;
    memset(r->bytes + r->len, 0, TOKEN_PADDING);
    json_row_reserve(r->rows, r->len);
    while ((rc = step_on(r, &at, end, e)) == 0)
        read = at;
    if (rc < 0)
        return rc;
    read += blanks(r, read, end);
    r->len = (size_t)(end - read);
    r->offset += read - r->bytes;
    memmove(r->bytes, read, r->len);
    if (r->len > r->options.row_limit)
        return fault(r, r->bytes, "a row or member is larger than may be", e);
    r->enough = 2 * r->len;
    return 0;
}

static void make_room(struct json_reader *r, size_t len)
{
    if (r->bytes && len <= r->room)
        return;
    size_t most = r->options.row_limit + 1; /* never more is asked for */
    r->room = 2 * r->room < most ? 2 * r->room : most;
    if (r->room < len)
        r->room = len;
    r->bytes = mem_realloc(r->bytes, r->room + TOKEN_PADDING);
}

int json_reader_feed(struct json_reader *r, const void *bytes, size_t len, struct err *e)
{
    while (len > 0) {
        size_t most =
            r->options.row_limit + 1 - r->len; /* what is left of a row is never more than the limit */
        size_t n = len < most ? len : most;
        make_room(r, r->len + n);
        memcpy(r->bytes + r->len, bytes, n);
        r->len += n;
        bytes = (const char *)bytes + n;
        len -= n;
        int rc = r->len >= r->enough || r->len > r->options.row_limit ? work(r, e) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check_choice(const struct json_reader *r, struct err *e)
{
    if (r->options.source == SOURCE_NDJSON || !r->in_object || r->best_rank < RANK_OTHER)
        return 0;
    if (r->best_rank == RANK_NONE)
        return err_set(e, ERR_BAD_VALUE, "no member of the object is an array of objects");
    if (r->others > 1 && !r->options.member)
        return err_set(e, ERR_BAD_VALUE,
                       "%d members are arrays of objects, and none is called data, records, results or items",
                       r->others);
    return 0;
}

int json_reader_finish(struct json_reader *r, struct reader_end *ret, struct err *e)
{
    r->last = true;
    make_room(r, 0);
    int rc = work(r, e);
    if (rc < 0)
        return rc;
    if (r->phase != AT_END && r->phase != AFTER_LINE && (r->phase != AT_LINE || r->len > 0))
        return fault(r, r->bytes + r->len, "the text ends in the middle", e);
    if ((rc = check_choice(r, e)) < 0)
        return rc;
    *ret = (struct reader_end){.rows = r->number, .member = r->in_object ? r->best_name : NULL};
    return 0;
}
