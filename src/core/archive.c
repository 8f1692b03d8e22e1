/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into an archive; see archive.h.
 *
 * Planning one is one pass over its rows: each becomes a member or is missing, and what its bytes follow from
 * goes into the tag. When everything is known of each member, names are given and manifest and directory are
 * computed. All this is done some rows at a time, as it is an event loop that does it.
 */
#include "base/json.h"
#include "base/text.h"
#include "core/archive_parts.h"
#include "core/batch.h"
#include "core/format.h"
#include "core/job.h"
#include "core/result.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Part of every tag: to be raised when the same rows are to give other bytes, be it names, manifest or heads.
 */
#define FORMAT "resultd archive 3"

#define MANIFEST "MANIFEST.json"
enum { MANIFEST_LINE = 220 /* about */ };

struct planning {
    struct session *s;
    struct archive_bytes *b;
};

/* --- planning --- */

static const char *missing_reason(const struct session *s, const struct result *r)
{
    if (r->deleted_at)
        return "deleted";
    return result_state_now(r, s->now) == RESULT_EXPIRED ? "expired" : NULL;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void tag_text(struct digest *d, const char *text)
{
    digest_update_rest(d, text, strlen(text) + 1);
}

static void tag_number(struct digest *d, int64_t v)
{
    digest_update_rest(d, &v, sizeof v);
}

static void note_missing(struct planning *p, const struct result *r, const char *reason)
{
    struct archive_plan *plan = p->b->plan;
    struct archive_missing *gone = arena_alloc(&plan->arena, sizeof *gone);
    gone->id = arena_strdup(&plan->arena, r->id);
    gone->name = arena_strdup(&plan->arena, r->name);
    gone->reason = reason;
    *plan->missing_link = gone;
    plan->missing_link = &gone->next;
    int64_t expired_at = r->expired_at ? r->expired_at : r->due_at;
    plan->newest_change = later(plan->newest_change, r->deleted_at ? r->deleted_at : expired_at);
    tag_text(plan->tag, reason);
    tag_text(plan->tag, r->id);
    tag_text(plan->tag, r->name);
}

static struct archive_file file_of(struct arena *a, const struct result *r, const char *reference_id)
{
    struct archive_file f = {
        .name = arena_strdup(a, r->name),
        .type = arena_strdup(a, r->type),
        .media_type = arena_strdup(a, r->media_type),
        .job_id = arena_strdup(a, r->job_id),
        .reference_id = arena_strdup(a, reference_id ? reference_id : r->job_id),
        .created_at = r->created_at,
        .crc32 = r->digests.crc32,
    };
    text_copy(f.sha256, sizeof f.sha256, r->digests.sha256);
    return f;
}

static void tag_member(struct digest *d, const struct archive_member *m, const struct archive_file *f)
{
    tag_text(d, "file");
    tag_text(d, m->id);
    tag_text(d, f->name);
    tag_text(d, f->type);
    tag_text(d, f->media_type);
    tag_text(d, f->job_id);
    tag_text(d, f->reference_id);
    tag_text(d, f->sha256);
    tag_text(d, m->tag ? m->tag : "");
    tag_text(d, f->unavailable ? f->unavailable : "");
    tag_number(d, f->created_at);
}

static int put_result(void *ctx, const struct result *r, const char *reference_id, struct err *e)
{
    struct planning *p = ctx;
    struct archive_bytes *b = p->b;
    const char *reason = missing_reason(p->s, r);
    b->plan->read++;
    b->plan->last_read = r->pk;
    if (reason) {
        note_missing(p, r, reason);
        return 0;
    }
    struct archive_member *m = &b->members[b->count];
    struct archive_file *f = &b->plan->files[b->count];
    *m = (struct archive_member){
        .pk = r->pk, .size = r->size, .is_inline = r->is_inline, .is_elsewhere = r->storage != 0};
    text_copy(m->id, sizeof m->id, r->id);
    *f = file_of(&b->plan->arena, r, reference_id);
    int rc = archive_choose(p->s, b, r, m, f, e);
    if (rc < 0)
        return rc;
    tag_member(b->plan->tag, m, f);
    b->plan->newest = later(b->plan->newest, r->created_at);
    b->count++;
    return 0;
}

int archive_plan_some(struct session *s, struct archive *a, struct err *e)
{
    struct archive_plan *p = a->bytes->plan;
    struct planning now = {.s = s, .b = a->bytes};
    struct digest_values v;
    int64_t left = p->rows - p->read;
    int64_t until = p->read + (left < ARCHIVE_READ ? left : ARCHIVE_READ);
    int rc = store_archive_each(s->db, p->job, p->batch, p->last_read, until - p->read, put_result, &now, e);
    if (rc < 0)
        return rc;
    if (p->read == until && p->read < p->rows)
        return 0;
    digest_finish(p->tag, &v);
    digest_free(p->tag);
    p->tag = NULL;
    a->etag = arena_printf(s->arena, "\"%s\"", v.sha256);
    a->modified = later(p->newest, p->newest_change);
    return 0;
}

/* --- finishing --- */

static void put_text(struct json_out *j, const char *key, const char *value)
{
    json_key(j, key);
    json_string(j, value);
}

static void put_file(struct json_out *j, const struct archive_bytes *b, int index, const char *path)
{
    const struct archive_member *m = &b->members[index];
    const struct archive_file *f = &b->plan->files[index];
    json_begin_object(j);
    put_text(j, "path", path);
    put_text(j, "id", m->id);
    put_text(j, "name", f->name);
    put_text(j, "type", f->type);
    json_key(j, "size");
    json_int(j, m->size);
    put_text(j, "sha256", f->sha256);
    if (m->tag)
        put_text(j, "format", format_words[b->form.options.writer.format].name);
    if (f->unavailable)
        put_text(j, "unavailable", f->unavailable);
    json_end_object(j);
}

static void put_missing(struct json_out *j, const struct archive_missing *gone)
{
    json_key(j, "missing");
    json_begin_array(j);
    for (; gone; gone = gone->next) {
        json_begin_object(j);
        put_text(j, "id", gone->id);
        put_text(j, "name", gone->name);
        put_text(j, "reason", gone->reason);
        json_end_object(j);
    }
    json_end_array(j);
}

/* A file that has the format all the same may be called otherwise. */
static const char *name_of(struct archive_bytes *b, int index)
{
    struct archive_plan *p = b->plan;
    const struct archive_file *f = &p->files[index];
    const struct result named = {.name = f->name, .media_type = f->media_type};
    enum format format = b->form.options.writer.format;
    const char *dot = strrchr(f->name, '.');
    bool fits = f->has_format && dot &&
                (strcasecmp(dot, format_words[format].extension) == 0 ||
                 (format == FORMAT_NDJSON && strcasecmp(dot, ".jsonl") == 0));
    if (b->members[index].tag || (f->has_format && !fits))
        return deliver_file_name_as(&p->arena, &named, format_words[format].extension);
    return deliver_file_name(&p->arena, &named);
}

static const char *path_of(struct archive_bytes *b, int index, struct zip_names *names)
{
    struct archive_plan *p = b->plan;
    const struct archive_file *f = &p->files[index];
    const char *folder = p->in_folders ? zip_folder(names, &p->arena, f->job_id, f->reference_id) : NULL;
    return zip_name(names, &p->arena, folder, name_of(b, index));
}

static void begin_manifest(struct archive_bytes *b)
{
    struct archive_plan *p = b->plan;
    struct json_out *j = &p->manifest;
    p->names = zip_names_new();
    p->paths = arena_alloc(&p->arena, (size_t)b->count * sizeof *p->paths);
    (void)zip_name(p->names, &p->arena, NULL, MANIFEST); /* so that no result takes it */
    j->buf.arena = &b->kept;
    buf_reserve(&j->buf, (size_t)b->count * MANIFEST_LINE);
    json_begin_object(j);
    put_text(j, p->kind, p->id);
    json_key(j, "files");
    json_begin_array(j);
}

bool archive_name_some(struct archive_bytes *b)
{
    struct archive_plan *p = b->plan;
    if (!p->names)
        begin_manifest(b);
    for (int n = 0; n < ARCHIVE_NAMES && p->named < b->count; n++, p->named++) {
        p->paths[p->named] = path_of(b, p->named, p->names);
        put_file(&p->manifest, b, p->named, p->paths[p->named]);
    }
    return p->named == b->count;
}

static void end_manifest(struct archive_bytes *b)
{
    struct json_out *j = &b->plan->manifest;
    json_end_array(j);
    put_missing(j, b->plan->missing);
    json_end_object(j);
    b->manifest = j->buf.bytes;
}

int64_t archive_finish(struct archive_bytes *b)
{
    struct archive_plan *p = b->plan;
    end_manifest(b);
    size_t len = p->manifest.buf.len;
    zip_add(b->zip, MANIFEST, (int64_t)len, digest_crc32(0, b->manifest, len), p->newest);
    for (int i = 0; i < b->count; i++)
        zip_add(b->zip, p->paths[i], b->members[i].size, p->files[i].crc32, p->files[i].created_at);
    zip_close(b->zip);
    archive_plan_free(p);
    b->plan = NULL;
    return zip_size(b->zip);
}

/* --- beginning --- */

/* What an archive is of. */
struct subject {
    const char *kind;
    int64_t job, batch; /* one of them */
    const char *id;
    const char *name; /* what the archive is called */
    int64_t created_at;
};

static int count_results(struct session *s, const struct subject *of, int64_t *ret, struct err *e)
{
    int64_t limit = core_settings(s->core)->archive_limit;
    int rc = store_archive_count(s->db, of->job, of->batch, limit + 1, ret, e);
    if (rc == 0 && *ret > limit)
        rc = err_set(e, ERR_LIMIT,
                     "an archive has at most %lld files (the setting archive_limit), and this %s has more "
                     "results; download them one by one",
                     (long long)limit, of->kind);
    return rc;
}

static struct archive_plan *new_plan(const struct subject *of, size_t count)
{
    struct archive_plan *p = mem_alloc(sizeof *p);
    *p = (struct archive_plan){.in_folders = of->batch != 0, .newest = of->created_at};
    p->missing_link = &p->missing;
    p->kind = of->kind;
    p->id = arena_strdup(&p->arena, of->id);
    p->job = of->job;
    p->batch = of->batch;
    p->rows = (int64_t)count;
    p->tag = digest_new();
    p->files = arena_alloc(&p->arena, count * sizeof *p->files);
    return p;
}

static struct archive_bytes *new_bytes(struct core *core, const struct subject *of, size_t count,
                                       const struct archive_form *form)
{
    struct archive_bytes *b = mem_alloc(sizeof *b);
    *b = (struct archive_bytes){.core = core, .converts = form != NULL, .zip = zip_new()};
    b->plan = new_plan(of, count);
    b->members = mem_alloc(count * sizeof *b->members);
    if (form)
        b->form = *form;
    return b;
}

static const char *file_name(struct arena *a, const char *name)
{
    struct zip_names *names = zip_names_new(); /* of the folder into which it will be saved */
    const char *safe = zip_name(names, a, NULL, arena_printf(a, "%s.zip", name));
    zip_names_free(names);
    return safe;
}

static void begin_tag(const struct archive_bytes *b, const struct subject *of)
{
    struct digest *tag = b->plan->tag;
    tag_text(tag, FORMAT);
    tag_text(tag, of->kind);
    tag_text(tag, of->id);
    tag_number(tag, of->created_at);
    tag_text(tag, b->converts ? format_words[b->form.options.writer.format].name : "");
}

static int begin(struct session *s, const struct subject *of, const struct archive_form *form,
                 struct archive *ret, struct err *e)
{
    int64_t count = 0;
    int rc = count_results(s, of, &count, e);
    if (rc < 0)
        return rc;
    *ret = (struct archive){
        .file_name = file_name(s->arena, of->name),
        .size = -1,
        .bytes = new_bytes(s->core, of, (size_t)count, form),
    };
    begin_tag(ret->bytes, of);
    return 0;
}

int archive_of_job(struct session *s, const char *id, const struct archive_form *form, struct archive *ret,
                   struct err *e)
{
    struct job *j = NULL;
    int rc = job_load(s, id, &j, e);
    if (rc < 0)
        return rc;
    struct subject of = {.kind = "job",
                         .job = j->pk,
                         .id = j->id,
                         .name = j->reference_id ? j->reference_id : j->id,
                         .created_at = j->created_at};
    return begin(s, &of, form, ret, e);
}

int archive_of_batch(struct session *s, const char *id, const struct archive_form *form, struct archive *ret,
                     struct err *e)
{
    struct batch *b = NULL;
    int rc = batch_get(s, id, &b, e);
    if (rc < 0)
        return rc;
    struct subject of = {
        .kind = "batch", .batch = b->pk, .id = b->id, .name = b->id, .created_at = b->created_at};
    return begin(s, &of, form, ret, e);
}
