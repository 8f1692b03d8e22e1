/* SPDX-License-Identifier: Apache-2.0 */
/* Reading again what table_scan.c wrote down; see table.h. */
#include "core/table.h"

#include "base/json.h"

#include <assert.h>
#include <string.h>

struct description {
    int64_t source;
    int64_t charset;
    int64_t compression;
    int64_t delimiter;
    bool header_absent;
    const char *member;
    const struct json *columns;
};

static const struct json_field fields[] = {
    {"source", JSON_TO_INT, offsetof(struct description, source), true, SOURCE_JSON, SOURCE_CSV},
    {"charset", JSON_TO_INT, offsetof(struct description, charset), true, CHARSET_UTF8, CHARSET_WINDOWS_1252},
    {"compression", JSON_TO_INT, offsetof(struct description, compression), true, COMPRESSION_NONE,
     COMPRESSION_ZSTD},
    {"delimiter", JSON_TO_INT, offsetof(struct description, delimiter), true, 0, 127},
    {"header_absent", JSON_TO_BOOL, offsetof(struct description, header_absent), true, 0, 0},
    {"member", JSON_TO_STRING, offsetof(struct description, member), false, 0, INT32_MAX},
    {"columns", JSON_TO_VALUE, offsetof(struct description, columns), true, 0, 0},
};

/* [seen, fraction, step, step, …] */
static int add_column(struct columns *c, const struct json *entry, bool nested_is_json, struct err *e)
{
    const struct json *seen = entry->first;
    const struct json *fraction = seen->next;
    struct step *at = columns_root(c);
    bool deep = fraction->next && fraction->next->next;
    unsigned bits = 0;
    for (size_t i = 0; i < seen->raw_len; i++)
        bits = bits * 10 + (unsigned)(seen->raw[i] - '0');
    for (const struct json *step = fraction->next; at && step; step = step->next) {
        at = columns_step(c, at, NULL, step->string, step->string_len);
        if (nested_is_json)
            break;
    }
    int index = at ? columns_of_step(c, at, e) : err_set(e, ERR_LIMIT, "too many columns");
    if (index < 0)
        return index;
    struct column *column = columns_get(c, index);
    column->seen |= nested_is_json && deep ? 1U << CELL_NESTED : bits;
    column->fraction |= fraction->truth;
    return 0;
}

static int rebuild_columns(struct arena *a, const struct json *list, bool nested_is_json, struct table *t,
                           struct err *e)
{
    int rc = 0;
    t->columns = columns_new(INT32_MAX, SIZE_MAX / 2); /* it was within the limits once */
    for (const struct json *entry = list ? list->first : NULL; rc == 0 && entry; entry = entry->next)
        rc = add_column(t->columns, entry, nested_is_json, e);
    if (rc < 0) {
        columns_free(t->columns);
        return rc;
    }
    columns_name(t->columns);
    int count = columns_count(t->columns);
    t->names = arena_alloc(a, (size_t)count * sizeof *t->names);
    for (int i = 0; i < count; i++) {
        const struct column *c = columns_get(t->columns, i);
        t->names[i] = (struct column_name){c->name, c->name_len};
    }
    return 0;
}

int table_fetch(struct session *s, const struct result *r, struct table_facts *ret, struct err *e)
{
    struct table_facts f = {0};
    int rc = store_table_get(s->db, s->arena, r->pk, &f, e);
    if (rc == 0)
        rc = err_set(e, ERR_NOT_FOUND, "this result is not a table");
    if (rc < 0)
        return rc;
    f.rows = r->table.rows;
    *ret = f;
    return 0;
}

int table_parse(struct arena *a, const struct table_facts *f, bool nested_is_json, struct table *ret,
                struct err *e)
{
    struct arena parsed = {0}; /* many times as large as the columns that are made of it */
    struct description d = {0};
    const struct json *text = NULL;
    int rc = json_parse(&parsed, f->description, strlen(f->description), 8, &text, e);
    if (rc == 0)
        rc = json_read(text, fields, sizeof fields / sizeof fields[0], &d, e);
    if (rc < 0) {
        arena_free(&parsed);
        return rc;
    }
    struct table t = {
        .compression = (enum compression)d.compression,
        .charset = (enum charset)d.charset,
        .rows = f->rows,
        .offsets = f->offsets,
        .offsets_len = f->offsets_len,
        .reader = {.source = (enum table_source)d.source,
                   .row_limit = TABLE_ROW_MOST, /* whatever the limit was when it came */
                   .depth_limit = 1000,
                   .nested_is_json = nested_is_json,
                   .columns_are_set = true,
                   .delimiter = (char)d.delimiter,
                   .header_absent = d.header_absent,
                   .member = d.member ? arena_strdup(a, d.member) : NULL},
    };
    if ((rc = rebuild_columns(a, d.columns, nested_is_json, &t, e)) == 0)
        *ret = t;
    arena_free(&parsed);
    return rc;
}

/* What is said of sound texts too; then by what is said of damaged ones. The words are those of src/render.
 */
bool table_is_damaged(const struct result *r)
{
    static const char *const sound[] = {": not an object", "comes twice", "larger than may be",
                                        ": longer than ", "nested too deeply"};
    static const char *const damaged[] = {" at byte ", " data are damaged", " data end in the middle",
                                          " stands after the ", "neither an array of objects nor an object"};
    const char *why = r->table.rows < 0 && r->table.unavailable ? r->table.unavailable : "";
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++)
        if (strstr(why, sound[i]))
            return false;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++)
        if (strstr(why, damaged[i]))
            return true;
    return false;
}

static enum format format_of(const struct table_kind *k)
{
    if (k->source == SOURCE_CSV)
        return k->delimiter == '\t' ? FORMAT_TSV : FORMAT_CSV;
    return k->source == SOURCE_JSON ? FORMAT_JSON : FORMAT_NDJSON;
}

/* Of how a description begins: it stands before all texts, so it is found without reading the rest, which may
 * have thousands of columns, and be asked of thousands of tables. */
static bool is_compressed(const char *head)
{
    static_assert(COMPRESSION_NONE == 0, "is what is looked for");
    return !strstr(head, "\"compression\":0,");
}

int table_is_stored_as(struct session *s, const struct result *r, enum format format, struct err *e)
{
    struct arena a = {0};
    struct table_kind kind;
    const char *head = NULL;
    if (!table_guess(r->media_type, r->content_encoding, r->name, &kind) || format_of(&kind) != format)
        return 0;
    int rc = store_table_head(s->db, &a, r->pk, &head, e);
    if (rc > 0)
        rc = !is_compressed(head);
    arena_free(&a);
    return rc;
}

static uint64_t get_varint(const unsigned char **at, const unsigned char *end)
{
    uint64_t v = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        unsigned char c = *(*at)++;
        v |= (uint64_t)(c & 0x7F) << shift;
        if (c < 0x80)
            break;
    }
    return v;
}

bool table_seek(const struct table *t, int64_t row, int64_t *ret_offset, int64_t *ret_number)
{
    const unsigned char *at = t->offsets;
    const unsigned char *end = at ? at + t->offsets_len : at;
    int64_t number = 0;
    int64_t offset = 0;
    bool found = false;
    while (at < end) {
        number += (int64_t)get_varint(&at, end);
        offset += (int64_t)get_varint(&at, end);
        if (number > row)
            break;
        *ret_number = number;
        *ret_offset = offset;
        found = true;
    }
    return found;
}
