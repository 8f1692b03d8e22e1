/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl cat, archive, rows: a result on standard output, all results at once, some rows as a table. */
#include "base/digest.h"
#include "base/text.h"
#include "cli/fetch.h"
#include "cli/screen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- to standard output ---- */

/* What was written cannot be taken back: a connection that breaks off is gone on with, and bytes that are not
 * the same any more are a failure. */
struct stream {
    struct http_request request;
    struct digest *digest;
    const char *sha256; /* in hex, or "" */
    bool archive;       /* nobody knows a sum */
    char etag[sizeof((struct http_request *)NULL)->etag];
    int64_t written, whole; /* whole: how much it should be, of an archive */
};

static int on_begin(struct http_request *r, struct failure *f)
{
    struct stream *s = r->owner;
    (void)f;
    r->from = s->written;
    r->if_range = *s->sha256 || !*s->etag ? NULL : s->etag;
    return 0;
}

static int on_head(struct http_request *r, struct failure *f)
{
    struct stream *s = r->owner;
    if (s->archive && fetch_check_archive(r, true, f) != 0)
        return (int)f->exit;
    if (s->written > 0 && (r->status != 206 || r->answer_from != s->written))
        return failure_set(f, FAILURE_DAMAGED,
                           "the connection broke off after %lld bytes, and the rest is not the same any more",
                           (long long)s->written);
    text_copy(s->etag, sizeof s->etag, r->etag);
    s->whole = http_whole_length(r);
    return 0;
}

static int on_take(struct http_request *r, const void *bytes, size_t len, struct failure *f)
{
    struct stream *s = r->owner;
    if (fwrite(bytes, 1, len, stdout) != len)
        return failure_errno(f, "cannot write to", "standard output");
    digest_update_rest(s->digest, bytes, len);
    s->written += (int64_t)len;
    return 0;
}

/* What the server has to say of the bytes that it sent; "" if they were none. */
static int sum_of(struct ctl *c, const char *path, const struct stream *s, const char **ret,
                  struct failure *f)
{
    struct http_request r = fetch_sum_request(&c->arena, path);
    int rc = http_call(c->http, &r, f);
    if (r.status == 416 && s->written == 0)
        rc = 0;
    if (rc == 0 && !*r.digest && s->written > 0)
        rc = failure_set(f, FAILURE_DAMAGED, "the server tells no sha256 by which it can be proved");
    *ret = arena_strdup(&c->arena, r.digest);
    return rc;
}

/* `sha256` "": only the server knows; NULL: nobody does, of an archive. */
static int stream(struct ctl *c, const char *path, const char *sha256, struct failure *f)
{
    struct digest_values sums;
    struct stream s = {.digest = digest_new(), .sha256 = sha256 ? sha256 : "", .archive = !sha256};
    s.request = (struct http_request){.arena = &c->arena,
                                      .method = "GET",
                                      .path = path,
                                      .harmless = true,
                                      .owner = &s,
                                      .begin = on_begin,
                                      .head = on_head,
                                      .take = on_take};
    int rc = ctl_connect(c, f);
    if (rc == 0)
        rc = http_call(c->http, &s.request, f);
    digest_finish(s.digest, &sums);
    digest_free(s.digest);
    const char *want = *s.sha256 ? s.sha256 : s.request.digest;
    if (rc == 0 && s.archive && s.written != s.whole)
        rc = failure_set(f, FAILURE_DAMAGED, "%lld bytes were received, of %lld", (long long)s.written,
                         (long long)s.whole);
    if (rc == 0 && sha256 && !*want)
        rc = sum_of(c, path, &s, &want, f);
    if (rc == 0 && *want && strcmp(want, sums.sha256) != 0)
        rc = failure_set(f, FAILURE_DAMAGED, "the bytes received have the sha256 %s, not %s", sums.sha256,
                         want);
    return rc;
}

/* ---- cat ---- */

struct cat_options {
    const char *format;
    bool ack;
};

static int cat_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    const struct cat_options *o = options;
    struct ctl_path p;
    const struct json *result = NULL;
    int rc = ctl_get(c, ctl_path_of(c, "/results/", id, ""), &result, f);
    ctl_path_begin(&p, &c->arena, ctl_path_of(c, "/results/", id, "/content"));
    ctl_path_add(&p, "format", o->format);
    if (rc == 0)
        rc = stream(c, ctl_path_end(&p), o->format ? "" : ctl_text(result, "sha256"), f);
    if (rc == 0)
        rc = ctl_flush(f);
    if (rc == 0 && o->ack)
        rc = ctl_send(c, "POST", ctl_path_of(c, "/results/", id, "/ack"), NULL, true, NULL, f);
    return rc;
}

static int run_cat(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++)
        rc = cat_one(c, options, words[i], f);
    return rc;
}

static const struct args_flag cat_flags[] = {
    {"format", 'f', ARGS_TEXT, offsetof(struct cat_options, format), "FORMAT",
     "a table as csv, tsv, json, ndjson", NULL},
    {"ack", 'a', ARGS_GIVEN, offsetof(struct cat_options, ack), NULL, "acknowledge it once all was written",
     NULL},
};

const struct command ctl_command_cat = {
    .name = "cat",
    .operands = "ID...",
    .least = 1,
    .most = 1000,
    .summary = "Write results to standard output",
    .help = "The exit status is 8 if what was written is not what the server has.",
    .examples = "  resultctl cat 0192f0c1-7b3e-7c53-8e63-cf1fbbd2f3a1 --format ndjson | jq .price\n",
    .flags = cat_flags,
    .flag_count = sizeof cat_flags / sizeof cat_flags[0],
    .options_size = sizeof(struct cat_options),
    .run = run_cat,
};

/* ---- archive ---- */

struct archive_options {
    const char *job, *batch, *output, *format;
    bool force;
};

static void nothing(struct fetch *f)
{
    (void)f;
}

static void print_file(struct ctl *c, const char *path)
{
    struct json_out j = {.buf = {.arena = &c->arena}};
    struct stat st = {0};
    (void)stat(path, &st);
    json_begin_object(&j);
    json_put_string(&j, "file", path);
    json_put_int(&j, "size", st.st_size);
    json_end_object(&j);
    (void)printf("%s\n", buf_str(&j.buf));
}

static int fetch_archive(struct ctl *c, const struct archive_options *o, const char *path, struct failure *f)
{
    struct stat st;
    const char *id = o->job ? o->job : o->batch;
    const char *final = o->output ? o->output : arena_printf(&c->arena, "%s.zip", id);
    struct fetch fetch = {.ctl = c,
                          .id = arena_printf(&c->arena, "archive-%.64s", id),
                          .path = path,
                          .sha256 = "",
                          .size = -1,
                          .archive = true,
                          .replace = o->force,
                          .done = nothing};
    int rc = ctl_connect(c, f);
    if (rc != 0)
        return rc;
    if (stat(final, &st) == 0 && S_ISDIR(st.st_mode))
        final = arena_printf(&c->arena, "%s/%s.zip", final, id);
    fetch.final = final;
    fetch.label = screen_safe(&c->arena, final);
    fetch.bars = c->bars = ctl_bars(c);
    fetch_start(&fetch);
    rc = http_run(c->http, bars_tick, fetch.bars, f);
    c->bars = NULL;
    bars_free(fetch.bars);
    if (fetch.failure.exit != FAILURE_NONE)
        *f = fetch.failure;
    fetch_free(&fetch);
    if (rc == 0)
        rc = (int)fetch.failure.exit;
    if (rc == 0 && c->options.json)
        print_file(c, final);
    if (rc == 0)
        ctl_say(c, "%s", fetch.label);
    return rc;
}

static int run_archive(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct archive_options *o = options;
    struct ctl_path p;
    (void)words;
    (void)count;
    if (!o->job == !o->batch)
        return failure_set(f, FAILURE_USAGE, "say which: --job ID or --batch ID");
    ctl_path_begin(&p, &c->arena,
                   o->job ? ctl_path_of(c, "/jobs/", o->job, "/archive.zip")
                          : ctl_path_of(c, "/batches/", o->batch, "/archive.zip"));
    ctl_path_add(&p, "format", o->format);
    if (o->output && strcmp(o->output, "-") == 0)
        return stream(c, ctl_path_end(&p), NULL, f);
    return fetch_archive(c, o, ctl_path_end(&p), f);
}

static const struct args_flag archive_flags[] = {
    {"job", 'j', ARGS_TEXT, offsetof(struct archive_options, job), "ID", "of this job", NULL},
    {"batch", 'b', ARGS_TEXT, offsetof(struct archive_options, batch), "ID", "of this batch", NULL},
    {"output", 'o', ARGS_TEXT, offsetof(struct archive_options, output), "FILE",
     "- for standard output (ID.zip)", NULL},
    {"format", 'f', ARGS_TEXT, offsetof(struct archive_options, format), "FORMAT",
     "tables in it as csv, xlsx …", NULL},
    {"force", 0, ARGS_GIVEN, offsetof(struct archive_options, force), NULL, "replace a file that is there",
     NULL},
};

const struct command ctl_command_archive = {
    .name = "archive",
    .operands = "",
    .summary = "Download all results of a job or a batch as one ZIP archive",
    .examples = "  resultctl archive --batch \"$batch\" --format xlsx -o july.zip\n",
    .flags = archive_flags,
    .flag_count = sizeof archive_flags / sizeof archive_flags[0],
    .options_size = sizeof(struct archive_options),
    .run = run_archive,
};

/* ---- rows ---- */

struct rows_options {
    struct args_texts where;
    const char *fields, *omit;
    int64_t offset, limit;
};

static const char *cell_of(struct arena *a, const struct json *v)
{
    if (v->type == JSON_NULL)
        return "";
    return v->type == JSON_STRING ? v->string : arena_copy(a, v->raw, v->raw_len);
}

/* Of a number that is cut nobody knows what it was. */
static struct screen_column column_of(struct ctl *c, const struct json *column)
{
    const char *type = ctl_text(column, "type");
    bool is_number = strcmp(type, "number") == 0 || strcmp(type, "integer") == 0;
    return (struct screen_column){.title = screen_safe(&c->arena, ctl_text(column, "name")),
                                  .right = is_number,
                                  .fit = is_number ? SCREEN_WHOLE : SCREEN_CUT};
}

static int print_rows(struct ctl *c, const struct json *page, struct failure *f)
{
    const struct json *names = json_member(page, "columns");
    const struct json *rows = json_member(page, "rows");
    struct screen_table t = {.arena = &c->arena};
    for (const struct json *m = names ? names->first : NULL; m; m = m->next)
        t.column_count++;
    if (t.column_count == 0)
        return failure_set(f, FAILURE_ABSENT, "there are no columns");
    struct screen_column *columns = arena_alloc(&c->arena, (size_t)t.column_count * sizeof *columns);
    const char **cells = arena_alloc(&c->arena, (size_t)t.column_count * sizeof *cells);
    int n = 0;
    for (const struct json *m = names->first; m; m = m->next, n++)
        columns[n] = column_of(c, m);
    t.columns = columns;
    for (const struct json *row = rows ? rows->first : NULL; row; row = row->next) {
        n = 0;
        for (const struct json *v = row->first; v && n < t.column_count; v = v->next)
            cells[n++] = cell_of(&c->arena, v);
        while (n < t.column_count)
            cells[n++] = "";
        screen_table_add(&t, cells);
    }
    int left_out = screen_table_print(&t, stdout);
    if (left_out > 0)
        ctl_say(c, "%d columns are not shown: --fields chooses, --json has all", left_out);
    return 0;
}

static int run_rows(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct rows_options *o = options;
    const struct json *page = NULL;
    struct ctl_path p;
    (void)count;
    ctl_path_begin(&p, &c->arena, ctl_path_of(c, "/results/", words[0], "/rows"));
    ctl_path_add(&p, "offset", o->offset ? arena_printf(&c->arena, "%lld", (long long)o->offset) : NULL);
    ctl_path_add(&p, "limit", arena_printf(&c->arena, "%lld", (long long)(o->limit ? o->limit : 20)));
    ctl_path_add(&p, "fields", o->fields);
    ctl_path_add(&p, "omit", o->omit);
    for (int i = 0; i < o->where.count; i++)
        ctl_path_add(&p, "where", o->where.texts[i]);
    int rc = ctl_get(c, ctl_path_end(&p), &page, f);
    if (rc != 0)
        return rc;
    if (c->options.json) {
        ctl_print_json(page);
        return 0;
    }
    rc = print_rows(c, page, f);
    if (rc == 0 && ctl_number(page, "total") >= 0)
        ctl_say(c, "%lld rows in all", (long long)ctl_number(page, "total"));
    return rc;
}

static const struct args_flag rows_flags[] = {
    {"offset", 0, ARGS_PLACE, offsetof(struct rows_options, offset), "N", "leave out so many (0)", NULL},
    {"limit", 'l', ARGS_COUNT, offsetof(struct rows_options, limit), "N", "at most so many (20)", NULL},
    {"fields", 'F', ARGS_TEXT, offsetof(struct rows_options, fields), "A,B", "only these columns", NULL},
    {"omit", 0, ARGS_TEXT, offsetof(struct rows_options, omit), "A,B", "without these columns", NULL},
    {"where", 'w', ARGS_TEXTS, offsetof(struct rows_options, where), "RULE",
     "such as 'price>=10'; may be repeated, all must hold", NULL},
};

const struct command ctl_command_rows = {
    .name = "rows",
    .operands = "ID",
    .least = 1,
    .most = 1,
    .summary = "Show rows of a table on the terminal",
    .examples = "  resultctl rows 0192f0c1-7b3e-7c53-8e63-cf1fbbd2f3a1 --where 'price>=10' --limit 50\n",
    .flags = rows_flags,
    .flag_count = sizeof rows_flags / sizeof rows_flags[0],
    .options_size = sizeof(struct rows_options),
    .run = run_rows,
};
