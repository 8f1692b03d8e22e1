/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is asked of a converted result; see converted.h. */
#include "api/converted.h"

#include "base/text.h"
#include "core/format.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PAGE_ROWS = 100, MOST_PAGE_ROWS = 1000, MOST_NAMES = 1000 };

struct asking {
    struct request *rq;
    enum converted_what what;
    struct conversion_options *o;
    const char **fields, **omit, **where;
    bool given;
    bool format_given;
    const char *for_csv;       /* a parameter that only CSV knows */
    const char *for_delimited; /* or CSV and TSV */
};

static int bad(const char *name, const char *right, struct err *e)
{
    return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, name, "the parameter \"%s\" must be %s", name, right);
}

/* --- one parameter each --- */

static int read_format(struct asking *a, const char *value, struct err *e)
{
    int format = format_of_name(value);
    if (format < 0)
        return bad("format", "json, ndjson, csv, tsv or xlsx", e);
    a->o->writer.format = (enum format)format;
    a->format_given = true;
    return 0;
}

static int add_name(const char **list, int *count, const char *parameter, const char *name, struct err *e)
{
    if (*count == MOST_NAMES)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, parameter, "at most %d columns can be named",
                      MOST_NAMES);
    list[(*count)++] = name;
    return 0;
}

static int read_names(struct asking *a, const char **list, int *count, const char *parameter,
                      const char *value, struct err *e)
{
    int rc = 0;
    for (const char *p = value; rc == 0; p++) {
        size_t len = strcspn(p, ",");
        rc = add_name(list, count, parameter, arena_copy(&a->rq->arena, p, len), e);
        p += len;
        if (!*p)
            break;
    }
    return rc;
}

static int read_fields(struct asking *a, const char *value, struct err *e)
{
    a->o->fields = a->fields;
    return read_names(a, a->fields, &a->o->field_count, "fields", value, e);
}

static int read_field(struct asking *a, const char *value, struct err *e)
{
    a->o->fields = a->fields;
    return add_name(a->fields, &a->o->field_count, "field", value, e);
}

static int read_omit(struct asking *a, const char *value, struct err *e)
{
    a->o->omit = a->omit;
    return read_names(a, a->omit, &a->o->omit_count, "omit", value, e);
}

static int read_where(struct asking *a, const char *value, struct err *e)
{
    a->o->where = a->where;
    return add_name(a->where, &a->o->where_count, "where", value, e);
}

static int read_count(const char *name, const char *value, int64_t smallest, int64_t largest, int64_t *ret,
                      struct err *e)
{
    int64_t v;
    if (text_uint(value, strlen(value), &v) && v >= smallest && v <= largest) {
        *ret = v;
        return 0;
    }
    if (largest == INT64_MAX)
        return bad(name, "a number of rows", e);
    return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, name,
                  "the parameter \"%s\" must be a number from %lld to %lld", name, (long long)smallest,
                  (long long)largest);
}

static int read_offset(struct asking *a, const char *value, struct err *e)
{
    return read_count("offset", value, 0, INT64_MAX, &a->o->offset, e);
}

static int read_limit(struct asking *a, const char *value, struct err *e)
{
    bool page = a->what == CONVERTED_PAGE;
    return read_count("limit", value, page, page ? MOST_PAGE_ROWS : INT64_MAX, &a->o->limit, e);
}

static int read_nested(struct asking *a, const char *value, struct err *e)
{
    a->o->nested_is_json = strcmp(value, "json") == 0;
    return a->o->nested_is_json || strcmp(value, "flat") == 0 ? 0 : bad("nested", "flat or json", e);
}

static int read_types(struct asking *a, const char *value, struct err *e)
{
    a->o->types_text = strcmp(value, "text") == 0;
    return a->o->types_text || strcmp(value, "auto") == 0 ? 0 : bad("types", "auto or text", e);
}

static int read_delimiter(struct asking *a, const char *value, struct err *e)
{
    a->for_csv = "delimiter";
    if (strcmp(value, "tab") == 0)
        a->o->writer.delimiter = '\t';
    else if (strlen(value) == 1 && strchr(",;|\t", *value))
        a->o->writer.delimiter = *value;
    else
        return bad("delimiter", "one of , ; | or the word tab", e);
    return 0;
}

static int read_eol(struct asking *a, const char *value, struct err *e)
{
    a->for_delimited = "eol";
    a->o->writer.lf = strcmp(value, "lf") == 0;
    return a->o->writer.lf || strcmp(value, "crlf") == 0 ? 0 : bad("eol", "crlf or lf", e);
}

static int read_switch(const char *name, const char *value, bool *ret, struct err *e)
{
    *ret = strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
    return *ret || strcmp(value, "0") == 0 || strcmp(value, "false") == 0 ? 0 : bad(name, "1 or 0", e);
}

static int read_bom(struct asking *a, const char *value, struct err *e)
{
    a->for_delimited = "bom";
    return read_switch("bom", value, &a->o->writer.bom, e);
}

static int read_safe(struct asking *a, const char *value, struct err *e)
{
    a->for_delimited = "safe";
    return read_switch("safe", value, &a->o->writer.safe, e);
}

/* Where the answer is a file, and where it can be a part of a table. */
enum { FILES = CONVERTED_CONTENT | CONVERTED_ARCHIVE, PARTS = CONVERTED_CONTENT | CONVERTED_PAGE };

static const char *const formats[] = {"json", "ndjson", "csv", "tsv", "xlsx"};
static const char *const nestings[] = {"flat", "json"};
static const char *const typings[] = {"auto", "text"};
static const char *const line_ends[] = {"crlf", "lf"};
static const char *const switches[] = {"1", "0", "true", "false"};

static const struct parameter {
    const char *name;
    int (*read)(struct asking *a, const char *value, struct err *e);
    bool repeatable;
    unsigned of; /* which of enum converted_what know it */
    const char *about;
    const char *const *words;
    int word_count;
    const char *example;
    enum param_kind kind;
    int64_t page_most; /* of a page: from 1 to so many */
} parameters[] = {
    {"format", read_format, false, FILES,
     "The format to convert a table to; without it the bytes come as they were uploaded.", formats,
     API_COUNT(formats)},
    {"fields", read_fields, true, PARTS, "Columns to keep, with commas between them, in their order.",
     .example = "id,price"},
    {"field", read_field, true, PARTS, "One column to keep; again for another. For names with commas.",
     .example = "price"},
    {"omit", read_omit, true, PARTS, "Columns to leave out, with commas between them.", .example = "id"},
    {"where", read_where, true, PARTS,
     "Rows to keep, like `price>=10`; again for another condition, all must hold. `= != < <= > >= ~`.",
     .example = "price>=2"},
    {"offset", read_offset, false, PARTS, "Rows to pass over, of those that are kept.", .example = "1",
     .kind = PARAM_INT},
    {"limit", read_limit, false, PARTS, "At most so many rows; of a page 1 to 1000 (100).", .example = "10",
     .kind = PARAM_INT, .page_most = MOST_PAGE_ROWS},
    {"nested", read_nested, false, FILES | PARTS,
     "What becomes of nested values: columns like `a.b` (flat), or JSON text.", nestings,
     API_COUNT(nestings)},
    {"types", read_types, false, FILES | PARTS, "`text` keeps all cells as text.", typings,
     API_COUNT(typings)},
    {"delimiter", read_delimiter, false, FILES, "Of CSV: one of `, ; |`, or `tab`.", .example = ";"},
    {"eol", read_eol, false, FILES, "How lines of CSV and TSV end.", line_ends, API_COUNT(line_ends)},
    {"bom", read_bom, false, FILES, "Whether CSV and TSV begin with a byte order mark.", switches,
     API_COUNT(switches)},
    {"safe", read_safe, false, FILES, "Whether cells that a spreadsheet would take for formulas are guarded.",
     switches, API_COUNT(switches)},
};
enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };

size_t converted_parameters(unsigned what, struct param *ret)
{
    size_t n = 0;
    for (const struct parameter *p = parameters; p < parameters + PARAMETERS; p++)
        if (p->of & what)
            ret[n++] =
                (struct param){.name = p->name,
                               .kind = p->kind,
                               .smallest = p->page_most && what == CONVERTED_PAGE,
                               .largest = what == CONVERTED_PAGE && p->page_most ? p->page_most : INT64_MAX,
                               .about = p->about,
                               .words = p->words,
                               .word_count = p->word_count,
                               .is_list = p->repeatable,
                               .example = p->example};
    return n;
}

static int find_parameter(const struct asking *a, const char *name, struct err *e)
{
    int i = 0;
    while (i < PARAMETERS && strcmp(parameters[i].name, name) != 0)
        i++;
    if (i < PARAMETERS && parameters[i].of & a->what)
        return i;
    if (i < PARAMETERS && a->what == CONVERTED_ARCHIVE)
        return err_at(
            e, ERR_UNKNOWN_PARAM, ERR_PARAMETER, name,
            "an archive has tables with all their rows and columns; \"%s\" goes with the content of "
            "one result",
            name);
    return err_at(e, ERR_UNKNOWN_PARAM, ERR_PARAMETER, name, "there is no parameter \"%.80s\" here", name);
}

/* What a format does not know is an error, not ignored: the answer would not be what was meant. */
static int check_together(const struct asking *a, struct err *e)
{
    enum format f = a->o->writer.format;
    if (a->what != CONVERTED_PAGE && a->given && !a->format_given)
        return err_at(
            e, ERR_MISSING, ERR_PARAMETER, "format",
            "rows, columns and options can be chosen together with a format: json, ndjson, csv, tsv or xlsx");
    if (a->for_csv && f != FORMAT_CSV)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, a->for_csv,
                      "the parameter \"%s\" goes with format=csv only", a->for_csv);
    if (a->for_delimited && f != FORMAT_CSV && f != FORMAT_TSV)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, a->for_delimited,
                      "the parameter \"%s\" goes with format=csv or tsv only", a->for_delimited);
    return 0;
}

int converted_options(struct request *rq, enum converted_what what, struct conversion_options *ret,
                      bool *ret_given, struct err *e)
{
    bool seen[PARAMETERS] = {false};
    *ret = convert_whole(FORMAT_JSON);
    *ret_given = false;
    if (what == CONVERTED_PAGE)
        ret->limit = PAGE_ROWS;
    if (!rq->query) /* most downloads: no room for names that nobody gives */
        return 0;
    struct asking a = {.rq = rq, .what = what, .o = ret};
    a.fields = arena_alloc(&rq->arena, MOST_NAMES * sizeof *a.fields);
    a.omit = arena_alloc(&rq->arena, MOST_NAMES * sizeof *a.omit);
    a.where = arena_alloc(&rq->arena, MOST_NAMES * sizeof *a.where);
    for (const struct query_pair *q = rq->query; q; q = q->next) {
        int i = find_parameter(&a, q->key, e);
        if (i < 0)
            return i;
        if (seen[i] && !parameters[i].repeatable)
            return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, q->key, "the parameter \"%s\" is there twice",
                          q->key);
        seen[i] = true;
        int rc = parameters[i].read(&a, q->value, e);
        if (rc < 0)
            return rc;
        a.given = true;
    }
    *ret_given = a.given;
    return check_together(&a, e);
}

/* --- Accept (RFC 9110 section 12.5.1) --- */

static int thousandths(double q)
{
    if (!(q > 0))
        return 0;
    return q < 1 ? (int)(q * 1000) : 1000;
}

/* The quality that a list gives a media type, in thousandths; the most specific range counts,
 * or with `ranges` false only the type itself. */
static int quality(const char *accept, const char *type, bool ranges)
{
    size_t type_len = strcspn(type, "; ");
    size_t main_len = strcspn(type, "/") + 1;
    int best = 0;
    int specific = 0;
    for (const char *p = accept; *p; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " \t");
        size_t len = strcspn(p, ",; \t");
        int how = len == type_len && strncasecmp(p, type, len) == 0                                 ? 3
                  : !ranges                                                                         ? 0
                  : len == main_len + 1 && p[len - 1] == '*' && strncasecmp(p, type, main_len) == 0 ? 2
                  : len == 3 && strncmp(p, "*/*", 3) == 0                                           ? 1
                                                                                                    : 0;
        if (how <= specific)
            continue;
        specific = how;
        const char *q = p + len;
        size_t rest = strcspn(q, ",");
        best = 1000;
        for (size_t i = 0; i + 3 < rest; i++)
            if ((q[i] == ';' || q[i] == ' ') && (q[i + 1] | 0x20) == 'q' && q[i + 2] == '=')
                best = thousandths(strtod(q + i + 3, NULL));
    }
    return best;
}

/* A format has other media types besides the one that it is sent with. */
static int quality_of_format(const char *accept, enum format f)
{
    static const char *const others[][5] = {
        [FORMAT_JSON] = {"text/json"},
        [FORMAT_NDJSON] = {"application/ndjson", "application/jsonl", "application/jsonlines",
                           "application/x-jsonlines"},
        [FORMAT_CSV] = {"application/csv"},
        [FORMAT_XLSX] = {NULL},
    };
    int best = quality(accept, format_words[f].media_type, true);
    for (const char *const *other = others[f]; *other; other++) {
        int q = quality(accept, *other, false);
        best = q > best ? q : best;
    }
    return best;
}

bool converted_by_accept(struct request *rq, const struct result *r, enum format *ret)
{
    const char *accept = request_header_list(rq, "Accept");
    if (!accept || !r->table.formats)
        return false;
    int best = quality(accept, r->media_type, true);
    bool found = false;
    for (int f = 0; f < FORMAT_END; f++) {
        int q = r->table.formats & 1U << f ? quality_of_format(accept, (enum format)f) : 0;
        if (q > best) {
            best = q;
            *ret = (enum format)f;
            found = true;
        }
    }
    return found;
}
