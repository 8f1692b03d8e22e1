/* SPDX-License-Identifier: Apache-2.0 */
/* See convert.h. A conversion belongs to one thread at a time; it owns an arena, the columns and an open
 * blob. */
#include "core/convert.h"

#include "base/json.h"
#include "base/text.h"
#include "core/format.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 << 10 };

struct conversion {
    struct arena arena;
    struct conversion_options options;
    struct table_facts facts;
    struct content content;
    int64_t holder;
    atomic_bool cancelled;
    /* once it is prepared */
    struct arena looked_up;
    struct table table;
    struct selected selected;
    struct column_name *names; /* of the columns that come out */
    /* while it runs */
    struct reader *reader;
    struct decoder *decoder;
    row_fn *row;
    convert_progress_fn *progress;
    void *ctx;
    int64_t rows_read;
    uint32_t crc32;        /* of the stored bytes that were read */
    uint32_t stored_crc32; /* of all of them, when they came */
};

struct conversion_options convert_whole(enum format format)
{
    return (struct conversion_options){.writer = {.format = format, .delimiter = ','}, .limit = -1};
}

/* --- tag --- */

static void put_list(struct json_out *j, const char *const *list, int count)
{
    json_begin_array(j);
    for (int i = 0; list && i < count; i++)
        json_string(j, list[i]);
    json_end_array(j);
}

/* The number is changed whenever the same options would give other bytes than before. What is read from a
 * bucket of a project's own is made for that project alone: others neither wait for that bucket nor get what
 * it has made of the bytes. */
void convert_tag(const struct result *r, const struct conversion_options *o, char ret[DIGEST_SHA256_HEX])
{
    unsigned char digest[DIGEST_SHA256_LEN];
    struct arena a = {0};
    struct json_out j = {.buf = {.arena = &a}};
    json_begin_array(&j);
    json_int(&j, 2);
    json_string(&j, r->digests.sha256);
    json_string(&j, r->media_type);
    json_string(&j, r->content_encoding);
    json_string(&j, r->name);
    json_string(&j, format_words[o->writer.format].name);
    json_int(&j, o->writer.delimiter);
    json_bool(&j, o->writer.lf);
    json_bool(&j, o->writer.bom);
    json_bool(&j, o->writer.safe);
    json_bool(&j, o->nested_is_json);
    json_bool(&j, o->types_text);
    json_int(&j, o->offset);
    json_int(&j, o->limit);
    json_bool(&j, o->fields != NULL);
    put_list(&j, o->fields, o->field_count);
    put_list(&j, o->omit, o->omit_count);
    put_list(&j, o->where, o->where_count);
    if (r->storage)
        json_int(&j, r->project);
    json_end_array(&j);
    digest_sha256(j.buf.bytes, j.buf.len, digest);
    text_hex(digest, sizeof digest, ret);
    arena_free(&a);
}

/* --- what can be had --- */

static const char *reason_for(struct arena *a, const struct result *r, const char *format)
{
    const struct json *reasons = NULL;
    struct err ignored;
    const char *text = r->table.unavailable;
    if (!text || json_parse(a, text, strlen(text), 4, &reasons, &ignored) < 0)
        return NULL;
    for (const struct json *j = reasons->first; j; j = j->next)
        if (strcmp(j->key, format) == 0 || strcmp(j->key, "*") == 0)
            return j->string;
    return NULL;
}

const char *convert_reason(struct arena *a, const struct result *r, const struct conversion_options *o)
{
    bool fewer_columns =
        o->field_count || o->omit_count; /* what is asked is what is judged, when it is made */
    bool asked_otherwise = fewer_columns || o->nested_is_json;
    if (r->table.formats & 1U << o->writer.format ||
        (r->table.rows >= 0 && r->table.columns > 0 && asked_otherwise))
        return NULL;
    const char *reason = reason_for(a, r, format_words[o->writer.format].name);
    return reason ? reason : "it is not a table";
}

static int refuse(enum format format, const char *reason, struct err *e)
{
    return err_at(e, ERR_NOT_ACCEPTABLE, ERR_PARAMETER, "format", "this result cannot be had as %s: %s",
                  format_words[format].name, reason);
}

int convert_check(const struct result *r, const struct conversion_options *o, struct err *e)
{
    struct arena a = {0};
    const char *reason = convert_reason(&a, r, o);
    int rc = 0;
    if (reason)
        rc = refuse(o->writer.format, reason, e);
    arena_free(&a);
    return rc;
}

/* --- making one ready --- */

static int resolve(struct conversion *c, struct err *e)
{
    const struct conversion_options *o = &c->options;
    struct selection s = {.fields = o->fields,
                          .field_count = o->field_count,
                          .omit = o->omit,
                          .omit_count = o->omit_count,
                          .offset = o->offset,
                          .limit = o->limit};
    struct where *first = NULL;
    struct where **link = &first;
    for (int i = 0; i < o->where_count; i++) {
        struct where *w = NULL;
        int rc = where_parse(&c->looked_up, o->where[i], &w, e);
        if (rc < 0)
            return rc;
        *link = w;
        link = &w->next;
    }
    s.where = first;
    int count = columns_count(c->table.columns);
    int rc = select_resolve(&c->looked_up, &s, c->table.names, count, &c->selected, e);
    if (rc < 0)
        return rc;
    c->names = arena_alloc(&c->looked_up, (size_t)c->selected.count * sizeof *c->names);
    for (int i = 0; i < c->selected.count; i++)
        c->names[i] = c->table.names[c->selected.order[i]];
    return 0;
}

/* A where only asks a spreadsheet for fewer rows; its columns are judged here, its cells as they are written.
 */
static int check_names(const struct conversion *c, struct err *e)
{
    struct err why;
    if (c->options.writer.format != FORMAT_XLSX || xlsx_check_columns(c->names, c->selected.count, &why) == 0)
        return 0;
    return refuse(FORMAT_XLSX, why.detail, e);
}

/* What the cells of CSV are when all that are not empty stay texts. */
static void make_text(struct columns *columns)
{
    const unsigned nothing = 1U << CELL_ABSENT | 1U << CELL_NULL;
    for (int i = 0; i < columns_count(columns); i++) {
        struct column *column = columns_get(columns, i);
        if (column->seen & ~nothing)
            column->seen = (column->seen & nothing) | 1U << CELL_TEXT;
    }
}

static const char *const *copy_list(struct arena *a, const char *const *list, int count)
{
    const char **copy = list ? arena_alloc(a, (size_t)count * sizeof *copy) : NULL;
    for (int i = 0; copy && i < count; i++)
        copy[i] = arena_strdup(a, list[i]);
    return copy;
}

static void copy_options(struct conversion *c, const struct conversion_options *o)
{
    c->options = *o;
    c->options.fields = copy_list(&c->arena, o->fields, o->field_count);
    c->options.omit = copy_list(&c->arena, o->omit, o->omit_count);
    c->options.where = copy_list(&c->arena, o->where, o->where_count);
}

int conversion_new(struct session *s, const struct result *r, const struct conversion_options *o,
                   struct conversion **ret, struct err *e)
{
    struct conversion *c = mem_alloc(sizeof *c);
    *c = (struct conversion){.holder = r->storage ? r->project : 0};
    struct session mine = *s; /* what is read lives as long as the conversion */
    mine.arena = &c->arena;
    copy_options(c, o);
    int rc = table_fetch(&mine, r, &c->facts, e);
    if (rc == 0)
        rc = deliver_open(&mine, r, &c->content, e);
    if (rc < 0) {
        conversion_free(c);
        return rc;
    }
    c->content.result = NULL; /* the session's */
    c->stored_crc32 = r->digests.crc32;
    *ret = c;
    return 0;
}

int conversion_prepare(struct conversion *c, struct err *e)
{
    const struct conversion_options *o = &c->options;
    bool is_json = o->writer.format == FORMAT_JSON || o->writer.format == FORMAT_NDJSON;
    int rc = table_parse(&c->looked_up, &c->facts, o->nested_is_json, &c->table, e);
    if (rc == 0)
        rc = resolve(c, e);
    if (rc == 0)
        rc = check_names(c, e);
    if (rc < 0)
        return rc;
    c->table.reader.want_json = is_json && c->selected.all;
    c->table.reader.types_text = o->types_text;
    if (o->types_text && c->table.reader.source == SOURCE_CSV)
        make_text(c->table.columns);
    return 0;
}

void conversion_put_aside(struct conversion *c)
{
    columns_free(c->table.columns);
    arena_free(&c->looked_up);
    c->table = (struct table){0};
    c->selected = (struct selected){0};
    c->names = NULL;
}

void conversion_free(struct conversion *c)
{
    if (!c)
        return;
    decoder_free(c->decoder);
    reader_free(c->reader);
    conversion_put_aside(c);
    blob_close(c->content.blob);
    arena_free(&c->arena);
    free(c);
}

void conversion_cancel(struct conversion *c)
{
    atomic_store(&c->cancelled, true);
    if (c->content.blob)
        blob_cancel(c->content.blob);
}

int64_t conversion_holder(const struct conversion *c)
{
    return c->holder;
}

const struct column_name *conversion_names(const struct conversion *c, int *ret_count)
{
    *ret_count = c->selected.count;
    return c->names;
}

const struct column *conversion_column(const struct conversion *c, int index)
{
    return columns_get(c->table.columns, c->selected.order[index]);
}

enum format conversion_format(const struct conversion *c)
{
    return c->options.writer.format;
}

int64_t conversion_rows(const struct conversion *c)
{
    return c->facts.rows;
}

/* --- running --- */

static int take_row(void *ctx, const struct row *row, struct err *e)
{
    struct conversion *c = ctx;
    struct row wanted;
    int rc = 0;
    c->rows_read = row->number + 1;
    bool counts = c->selected.condition_count > 0; /* what matches, also beyond what is wanted */
    if (rc == 0 && (counts || !select_is_full(&c->selected)) && select_row(&c->selected, row, &wanted))
        rc = c->row(c->ctx, &wanted, e);
    return rc;
}

static int take_text(void *ctx, const void *bytes, size_t len, struct err *e)
{
    struct conversion *c = ctx;
    return reader_feed(c->reader, bytes, len, e);
}

static int read_block(struct conversion *c, int64_t offset, char *to, size_t len, struct err *e)
{
    if (atomic_load(&c->cancelled))
        return err_set(e, ERR_SHUTTING_DOWN, "this was given up; try again in a moment");
    if (c->content.blob)
        return deliver_read(c->content.blob, offset, to, len, e);
    memcpy(to, (const char *)c->content.bytes + offset, len);
    return 0;
}

/* Counting what matches needs every row; else what follows the last wanted one is not read. */
static bool has_enough(const struct conversion *c)
{
    return select_is_full(&c->selected) && c->selected.condition_count == 0;
}

static int feed_all(struct conversion *c, int64_t offset, struct err *e)
{
    char *block = mem_alloc(BLOCK);
    int rc = 0;
    while (rc == 0 && offset < c->content.size && !has_enough(c)) {
        int64_t left = c->content.size - offset;
        size_t len = left < BLOCK ? (size_t)left : BLOCK;
        rc = read_block(c, offset, block, len, e);
        if (rc == 0 && c->progress)
            rc = c->progress(c->ctx, c->rows_read, e);
        if (rc == 0)
            rc = decoder_feed(c->decoder, block, len, e);
        c->crc32 = digest_crc32(c->crc32, block, len);
        offset += (int64_t)len;
    }
    free(block);
    return rc;
}

/* Where nothing is filtered the rows before the first wanted one need not be read, but for a few. */
static int64_t start_late(struct conversion *c)
{
    int64_t offset = 0;
    int64_t number = 0;
    if (c->selected.condition_count || c->table.compression != COMPRESSION_NONE ||
        !table_seek(&c->table, c->selected.offset, &offset, &number))
        return 0;
    reader_resume(c->reader, offset, number);
    c->selected.offset -= number;
    return offset;
}

/* What was read to its end has as many rows as when it came, and if it was read whole, the same checksum. */
static int compare_with_upload(const struct conversion *c, const struct reader_end *end, bool whole,
                               struct err *e)
{
    if (end->rows != c->table.rows)
        return err_set(e, ERR_BAD_VALUE, "%lld rows where there were %lld", (long long)end->rows,
                       (long long)c->table.rows);
    if (whole && c->crc32 != c->stored_crc32)
        return err_set(e, ERR_BAD_VALUE, "the stored bytes are not those that were uploaded");
    return 0;
}

/* What a spreadsheet cannot hold may be damage: the reason is told only of bytes that are those that came. */
static int compare_before_refusing(struct conversion *c, const struct err *refusal, struct err *e)
{
    char *block = mem_alloc(BLOCK);
    uint32_t crc32 = 0;
    int rc = 0;
    for (int64_t offset = 0, len; rc == 0 && offset < c->content.size; offset += len) {
        len = c->content.size - offset < BLOCK ? c->content.size - offset : BLOCK;
        rc = read_block(c, offset, block, (size_t)len, e);
        if (rc == 0 && c->progress)
            rc = c->progress(c->ctx, c->rows_read, e);
        crc32 = rc == 0 ? digest_crc32(crc32, block, (size_t)len) : 0;
    }
    free(block);
    if (rc < 0)
        return rc;
    if (crc32 != c->stored_crc32)
        return err_set(e, ERR_BAD_VALUE, "the stored bytes are not those that were uploaded");
    *e = *refusal;
    return e->code;
}

/* The original was looked through when it came: what is wrong with it now happened on our side. */
static int blame_storage(int rc, struct err *e)
{
    if (rc != ERR_BAD_VALUE)
        return rc;
    struct err was = *e;
    return err_operator(e, ERR_STORAGE,
                        "the bytes of this result cannot be read; the server's operator has been told",
                        "converting: %s", was.detail);
}

int conversion_run(struct conversion *c, row_fn *row, convert_progress_fn *progress, void *ctx,
                   int64_t *ret_matched, struct err *e)
{
    struct reader_end end = {0};
    c->row = row;
    c->progress = progress;
    c->ctx = ctx;
    c->reader = reader_new(&c->table.reader, c->table.columns, take_row, c);
    int64_t offset = start_late(c);
    bool from_start = offset == 0;
    c->decoder =
        decoder_new(c->table.compression, from_start ? c->table.charset : CHARSET_UTF8, take_text, c);
    int rc = feed_all(c, offset, e);
    if (rc == 0 && !has_enough(c)) {
        rc = decoder_finish(c->decoder, e);
        if (rc == 0)
            rc = reader_finish(c->reader, &end, e);
        if (rc == 0)
            rc = compare_with_upload(c, &end, offset == 0, e);
    }
    if (rc == 0)
        *ret_matched = c->selected.condition_count ? c->selected.matched : c->table.rows;
    if (rc == ERR_LIMIT) {
        struct err refusal = *e;
        rc = compare_before_refusing(c, &refusal, e);
    }
    return blame_storage(rc, e);
}

struct writing {
    struct rows_writer *writer;
    convert_progress_fn *progress;
    void *ctx;
};

static int write_row(void *ctx, const struct row *row, struct err *e)
{
    const struct writing *w = ctx;
    return rows_writer_row(w->writer, row, e);
}

static int pass_progress(void *ctx, int64_t rows, struct err *e)
{
    const struct writing *w = ctx;
    return w->progress ? w->progress(w->ctx, rows, e) : 0;
}

int conversion_write(struct conversion *c, put_fn *put, convert_progress_fn *progress, void *ctx,
                     struct err *e)
{
    int64_t matched;
    struct writing w = {.progress = progress, .ctx = ctx};
    w.writer = rows_writer_new(&c->options.writer, c->names, c->selected.count, put, ctx);
    int rc = conversion_run(c, write_row, pass_progress, &w, &matched, e);
    if (rc == 0)
        rc = rows_writer_finish(w.writer, e);
    rows_writer_free(w.writer);
    if (rc != ERR_LIMIT)
        return rc;
    struct err why = *e;
    return refuse(c->options.writer.format, why.detail, e);
}
