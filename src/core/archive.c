/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into an archive, and where its bytes come from; see archive.h.
 *
 * Making one takes one statement and one pass over its rows: each becomes a member or is missing, and a line
 * of the manifest either way. What only the making needs (paths, names that are taken) lives in an arena of
 * its own and is freed with it; what reading needs stays in struct archive_bytes, which belongs to the answer
 * and is used by the event loop that sends it.
 */
#include "core/archive.h"

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "core/batch.h"
#include "core/deliver.h"
#include "core/job.h"
#include "core/result.h"
#include "render/zip.h"

#include <stdlib.h>
#include <string.h>

/* Part of every tag: to be raised when the same rows are to give other bytes in what the tag does not hash,
 * the heads of the entries. */
#define FORMAT "resultd archive 1"

#define MANIFEST "MANIFEST.json"
enum { NOTHING_OPEN = 0, HASH_BLOCK = 64 << 10, MANIFEST_LINE = 220 /* about */ };

/* A result that is in. Its bytes are in a blob named after `id`, or in the database under `pk`. */
struct member {
    int64_t pk;
    int64_t size;
    bool is_inline;
    char id[ID_SIZE];
};

struct archive_bytes {
    struct core *core;
    struct zip *zip;
    const char *manifest; /* entry 0; entry i is members[i - 1] */
    struct member *members;
    int count;
    int open; /* the entry whose bytes are at hand: */
    struct blob *blob;
    struct arena arena;
    const void *bytes;
};

/* A result that is not. */
struct missing {
    const char *id, *name, *reason;
    struct missing *next;
};

/* What an entry is called and dated, until it is added. */
struct label {
    const char *path;
    uint32_t crc32;
    int64_t created_at;
};

struct making {
    struct session *s;
    struct archive_bytes *b;
    struct arena arena;
    struct zip_names *names;
    struct label *labels; /* of members */
    struct json_out manifest;
    struct missing *missing, **missing_link;
    bool in_folders;
    int64_t newest, newest_change;
};

/* --- making --- */

static const char *missing_reason(const struct making *m, const struct result *r)
{
    if (r->deleted_at)
        return "deleted";
    return result_state_now(r, m->s->now) == RESULT_EXPIRED ? "expired" : NULL;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void note_missing(struct making *m, const struct result *r, const char *reason)
{
    struct missing *gone = arena_alloc(&m->arena, sizeof *gone);
    gone->id = arena_strdup(&m->arena, r->id);
    gone->name = arena_strdup(&m->arena, r->name);
    gone->reason = reason;
    *m->missing_link = gone;
    m->missing_link = &gone->next;
    int64_t expired_at = r->expired_at ? r->expired_at : r->due_at;
    m->newest_change = later(m->newest_change, r->deleted_at ? r->deleted_at : expired_at);
}

static void put_text(struct json_out *j, const char *key, const char *value)
{
    json_key(j, key);
    json_string(j, value);
}

static void put_file(struct json_out *j, const struct result *r, const char *path)
{
    json_begin_object(j);
    put_text(j, "path", path);
    put_text(j, "id", r->id);
    put_text(j, "name", r->name);
    put_text(j, "type", r->type);
    json_key(j, "size");
    json_int(j, r->size);
    put_text(j, "sha256", r->digests.sha256);
    json_end_object(j);
}

static void add_member(struct making *m, const struct result *r, const char *path)
{
    m->labels[m->b->count] = (struct label){path, r->digests.crc32, r->created_at};
    struct member *member = &m->b->members[m->b->count++];
    *member = (struct member){.pk = r->pk, .size = r->size, .is_inline = r->is_inline};
    text_copy(member->id, sizeof member->id, r->id);
    m->newest = later(m->newest, r->created_at);
}

static int put_result(void *ctx, const struct result *r, const char *reference_id, struct err *e)
{
    struct making *m = ctx;
    const char *reason = missing_reason(m, r);
    const char *folder = NULL;
    (void)e;
    if (reason) {
        note_missing(m, r, reason);
        return 0;
    }
    if (m->in_folders)
        folder = zip_folder(m->names, &m->arena, r->job_id, reference_id ? reference_id : r->job_id);
    const char *path = zip_name(m->names, &m->arena, folder, deliver_file_name(&m->arena, r));
    put_file(&m->manifest, r, path);
    add_member(m, r, path);
    return 0;
}

static void put_missing(struct json_out *j, const struct missing *gone)
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

static void begin_manifest(struct making *m, const char *kind, const char *id)
{
    (void)zip_name(m->names, &m->arena, NULL, MANIFEST); /* so that no result takes it */
    json_begin_object(&m->manifest);
    put_text(&m->manifest, kind, id);
    json_key(&m->manifest, "files");
    json_begin_array(&m->manifest);
}

static void finish_manifest(struct making *m)
{
    json_end_array(&m->manifest);
    put_missing(&m->manifest, m->missing);
    json_end_object(&m->manifest);
    m->b->manifest = m->manifest.buf.bytes;
}

static void add_entries(struct making *m, uint32_t manifest_crc32)
{
    struct archive_bytes *b = m->b;
    zip_add(b->zip, MANIFEST, (int64_t)m->manifest.buf.len, manifest_crc32, m->newest);
    for (int i = 0; i < b->count; i++)
        zip_add(b->zip, m->labels[i].path, b->members[i].size, m->labels[i].crc32, m->labels[i].created_at);
    zip_close(b->zip);
}

/* The manifest has the sha256 of every content, the directory all the rest: names, sizes, places, times. */
static const char *make_tag(struct making *m, const char *manifest_sha256)
{
    const struct zip *z = m->b->zip;
    struct digest *d = digest_new();
    struct digest_values v;
    struct err e;
    void *block = arena_alloc(&m->arena, HASH_BLOCK);
    digest_update_rest(d, FORMAT, sizeof FORMAT);
    digest_update_rest(d, manifest_sha256, DIGEST_SHA256_HEX);
    for (int64_t at = zip_directory(z), len; at < zip_size(z); at += len) {
        len = zip_size(z) - at < HASH_BLOCK ? zip_size(z) - at : HASH_BLOCK;
        (void)zip_read(z, at, block, (size_t)len, NULL, NULL, &e); /* only contents can fail */
        digest_update_rest(d, block, (size_t)len);
    }
    digest_finish(d, &v);
    digest_free(d);
    return arena_printf(m->s->arena, "\"%s\"", v.sha256);
}

static void finish(struct making *m, const char *name, struct archive *ret)
{
    struct digest *d = digest_new();
    struct digest_values v;
    struct zip_names *names = zip_names_new(); /* of the folder into which it will be saved */
    finish_manifest(m);
    digest_update_rest(d, m->b->manifest, m->manifest.buf.len);
    digest_finish(d, &v);
    digest_free(d);
    add_entries(m, v.crc32);
    *ret = (struct archive){
        .file_name = zip_name(names, m->s->arena, NULL, arena_printf(&m->arena, "%s.zip", name)),
        .etag = make_tag(m, v.sha256),
        .modified = later(m->newest, m->newest_change),
        .size = zip_size(m->b->zip),
        .bytes = m->b,
    };
    zip_names_free(names);
}

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

static int make(struct session *s, const struct subject *of, struct archive *ret, struct err *e)
{
    int64_t count = 0;
    int rc = count_results(s, of, &count, e);
    if (rc < 0)
        return rc;
    struct making m = {.s = s,
                       .b = mem_alloc(sizeof *m.b),
                       .names = zip_names_new(),
                       .labels = mem_alloc((size_t)count * sizeof *m.labels),
                       .manifest = {.buf = {.arena = s->arena}}, /* it stays */
                       .missing_link = &m.missing,
                       .in_folders = of->batch != 0,
                       .newest = of->created_at};
    *m.b = (struct archive_bytes){
        .core = s->core, .zip = zip_new(), .members = mem_alloc((size_t)count * sizeof *m.b->members)};
    buf_reserve(&m.manifest.buf, (size_t)count * MANIFEST_LINE);
    begin_manifest(&m, of->kind, of->id);
    rc = store_archive_each(s->db, of->job, of->batch, put_result, &m, e);
    if (rc == 0)
        finish(&m, of->name, ret);
    else
        archive_free(m.b);
    zip_names_free(m.names);
    free(m.labels);
    arena_free(&m.arena);
    return rc;
}

int archive_of_job(struct session *s, const char *id, struct archive *ret, struct err *e)
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
    return make(s, &of, ret, e);
}

int archive_of_batch(struct session *s, const char *id, struct archive *ret, struct err *e)
{
    struct batch *b = NULL;
    int rc = batch_get(s, id, &b, e);
    if (rc < 0)
        return rc;
    struct subject of = {
        .kind = "batch", .batch = b->pk, .id = b->id, .name = b->id, .created_at = b->created_at};
    return make(s, &of, ret, e);
}

/* --- reading --- */

static int gone(const struct member *m, const char *what, struct err *e)
{
    return err_operator(e, ERR_STORAGE, "a result of this archive is not there any more",
                        "archive: result %s: %s: it expired or was purged while it was sent", m->id, what);
}

static void close_member(struct archive_bytes *b)
{
    blob_close(b->blob);
    arena_free(&b->arena);
    b->blob = NULL;
    b->bytes = NULL;
    b->open = NOTHING_OPEN;
}

static int open_file(struct archive_bytes *b, const struct member *m, struct err *e)
{
    int64_t size = 0;
    int rc = blob_open(b->core->blobs, m->id, &b->blob, &size, e);
    if (rc == ERR_NOT_FOUND)
        return gone(m, "its file is missing", e);
    if (rc == 0 && size != m->size)
        return gone(m, "its file has another size", e);
    return rc;
}

struct inline_call {
    struct archive_bytes *b;
    const struct member *m;
};

static int read_inline(struct db *db, void *ctx, struct err *e)
{
    const struct inline_call *c = ctx;
    size_t len;
    int rc = store_bytes_get(db, &c->b->arena, c->m->pk, &c->b->bytes, &len, e);
    if (rc == 0 || (rc > 0 && (int64_t)len != c->m->size))
        return gone(c->m, "its bytes are not in the database", e);
    return rc < 0 ? rc : 0;
}

static int open_member(struct archive_bytes *b, int index, struct err *e)
{
    const struct member *m = &b->members[index - 1];
    struct inline_call c = {b, m};
    close_member(b);
    int rc = m->is_inline ? b->core->reader.run(b->core->reader.of, read_inline, &c, e) : open_file(b, m, e);
    if (rc < 0)
        close_member(b);
    else
        b->open = index;
    return rc;
}

static int read_entry(void *ctx, int index, int64_t offset, void *to, size_t len, struct err *e)
{
    struct archive_bytes *b = ctx;
    if (index == 0) {
        memcpy(to, b->manifest + offset, len);
        return 0;
    }
    if (b->open != index) {
        int rc = open_member(b, index, e);
        if (rc < 0)
            return rc;
    }
    if (b->blob)
        return blob_read(b->blob, offset, to, len, e);
    memcpy(to, (const char *)b->bytes + offset, len);
    return 0;
}

int archive_read(struct archive_bytes *b, int64_t offset, void *to, size_t len, struct err *e)
{
    return zip_read(b->zip, offset, to, len, read_entry, b, e);
}

void archive_free(struct archive_bytes *b)
{
    if (!b)
        return;
    close_member(b);
    zip_free(b->zip);
    free(b->members);
    free(b);
}
