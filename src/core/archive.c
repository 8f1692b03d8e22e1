/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into an archive; see archive.h.
 *
 * Planning one takes one statement and one pass over its rows: each becomes a member or is missing, and what
 * its bytes follow from goes into the tag. When everything is known of each member, names are given and
 * manifest and directory are computed.
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

/* Part of every tag: to be raised when the same rows are to give other bytes, be it names, manifest or heads.
 */
#define FORMAT "resultd archive 2"

#define MANIFEST "MANIFEST.json"
enum { MANIFEST_LINE = 220 /* about */ };

struct planning {
    struct session *s;
    struct archive_bytes *b;
    struct digest *tag;
    int64_t newest_change;
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
    p->newest_change = later(p->newest_change, r->deleted_at ? r->deleted_at : expired_at);
    tag_text(p->tag, reason);
    tag_text(p->tag, r->id);
    tag_text(p->tag, r->name);
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
    if (reason) {
        note_missing(p, r, reason);
        return 0;
    }
    struct archive_member *m = &b->members[b->count];
    struct archive_file *f = &b->plan->files[b->count];
    *m = (struct archive_member){.pk = r->pk, .size = r->size, .is_inline = r->is_inline};
    text_copy(m->id, sizeof m->id, r->id);
    *f = file_of(&b->plan->arena, r, reference_id);
    int rc = archive_choose(p->s, b, r, m, f, e);
    if (rc < 0)
        return rc;
    tag_member(p->tag, m, f);
    b->plan->newest = later(b->plan->newest, r->created_at);
    b->count++;
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

static const char *path_of(struct archive_bytes *b, int index, struct zip_names *names)
{
    struct archive_plan *p = b->plan;
    const struct archive_file *f = &p->files[index];
    const struct result named = {.name = f->name, .media_type = f->media_type};
    const char *folder = p->in_folders ? zip_folder(names, &p->arena, f->job_id, f->reference_id) : NULL;
    const char *name =
        b->members[index].tag
            ? deliver_file_name_as(&p->arena, &named, format_words[b->form.options.writer.format].extension)
            : deliver_file_name(&p->arena, &named);
    return zip_name(names, &p->arena, folder, name);
}

/* Gives each member its path, in *ret_paths. */
static void make_manifest(struct archive_bytes *b, struct json_out *j, const char **paths)
{
    struct zip_names *names = zip_names_new();
    (void)zip_name(names, &b->plan->arena, NULL, MANIFEST); /* so that no result takes it */
    buf_reserve(&j->buf, (size_t)b->count * MANIFEST_LINE);
    json_begin_object(j);
    put_text(j, b->plan->kind, b->plan->id);
    json_key(j, "files");
    json_begin_array(j);
    for (int i = 0; i < b->count; i++) {
        paths[i] = path_of(b, i, names);
        put_file(j, b, i, paths[i]);
    }
    json_end_array(j);
    put_missing(j, b->plan->missing);
    json_end_object(j);
    zip_names_free(names);
}

int64_t archive_finish(struct archive_bytes *b)
{
    struct archive_plan *p = b->plan;
    struct json_out manifest = {.buf = {.arena = &b->kept}};
    const char **paths = arena_alloc(&p->arena, (size_t)b->count * sizeof *paths);
    make_manifest(b, &manifest, paths);
    b->manifest = manifest.buf.bytes;
    uint32_t crc32 = digest_crc32(0, b->manifest, manifest.buf.len);
    zip_add(b->zip, MANIFEST, (int64_t)manifest.buf.len, crc32, p->newest);
    for (int i = 0; i < b->count; i++)
        zip_add(b->zip, paths[i], b->members[i].size, p->files[i].crc32, p->files[i].created_at);
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

static int plan(struct planning *p, const struct subject *of, struct archive *ret, struct err *e)
{
    struct digest_values v;
    tag_text(p->tag, FORMAT);
    tag_text(p->tag, of->kind);
    tag_text(p->tag, of->id);
    tag_number(p->tag, of->created_at);
    tag_text(p->tag, p->b->converts ? format_words[p->b->form.options.writer.format].name : "");
    int rc = store_archive_each(p->s->db, of->job, of->batch, put_result, p, e);
    if (rc < 0)
        return rc;
    digest_finish(p->tag, &v);
    *ret = (struct archive){
        .file_name = file_name(p->s->arena, of->name),
        .etag = arena_printf(p->s->arena, "\"%s\"", v.sha256),
        .modified = later(p->b->plan->newest, p->newest_change),
        .size = -1,
        .bytes = p->b,
    };
    if (!p->b->converts)
        ret->size = archive_finish(p->b);
    return 0;
}

static int make(struct session *s, const struct subject *of, const struct archive_form *form,
                struct archive *ret, struct err *e)
{
    int64_t count = 0;
    int rc = count_results(s, of, &count, e);
    if (rc < 0)
        return rc;
    struct planning p = {.s = s, .b = new_bytes(s->core, of, (size_t)count, form), .tag = digest_new()};
    rc = plan(&p, of, ret, e);
    if (rc < 0)
        archive_free(p.b);
    digest_free(p.tag);
    return rc;
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
    return make(s, &of, form, ret, e);
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
    return make(s, &of, form, ret, e);
}
