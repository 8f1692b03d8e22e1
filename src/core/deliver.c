/* SPDX-License-Identifier: Apache-2.0 */
/* See deliver.h. */
#include "core/deliver.h"

#include "base/clock.h"
#include "blob/disk.h"
#include "core/buckets.h"
#include "core/result.h"
#include "core/storage.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a name gets that has no extension. */
static const struct {
    const char *media_type;
    const char *extension;
} extensions[] = {
    {"application/json", ".json"},
    {"application/x-ndjson", ".ndjson"},
    {"text/csv", ".csv"},
    {"text/tab-separated-values", ".tsv"},
    {"text/plain", ".txt"},
    {"text/html", ".html"},
    {"application/xml", ".xml"},
    {"application/pdf", ".pdf"},
    {"application/zip", ".zip"},
    {"application/gzip", ".gz"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"},
    {"image/png", ".png"},
    {"image/jpeg", ".jpg"},
};

const char *deliver_file_name(struct arena *a, const struct result *r)
{
    const char *dot = strrchr(r->name, '.');
    size_t len = strcspn(r->media_type, "; ");
    if (dot && dot != r->name && dot[1])
        return r->name;
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++)
        if (strlen(extensions[i].media_type) == len &&
            strncasecmp(extensions[i].media_type, r->media_type, len) == 0)
            return arena_printf(a, "%s%s", r->name, extensions[i].extension);
    return r->name;
}

const char *deliver_file_name_as(struct arena *a, const struct result *r, const char *extension)
{
    static const char *const of_tables[] = {".json", ".ndjson", ".jsonl", ".csv", ".tsv", ".xlsx"};
    size_t len = strlen(r->name);
    if (len > 3 && strcasecmp(r->name + len - 3, ".gz") == 0)
        len -= 3;
    else if (len > 4 && strcasecmp(r->name + len - 4, ".zst") == 0)
        len -= 4;
    for (size_t i = 0; i < sizeof of_tables / sizeof of_tables[0]; i++) {
        size_t n = strlen(of_tables[i]);
        if (len > n && strncasecmp(r->name + len - n, of_tables[i], n) == 0) {
            len -= n;
            break;
        }
    }
    return arena_printf(a, "%.*s%s", (int)len, r->name, extension);
}

const char *deliver_local_path(struct session *s, const struct result *r)
{
    char data[PATH_MAX];
    char path[PATH_MAX + 64];
    if (r->is_inline || r->storage || !r->stored || *core_settings(s->core)->blobs ||
        !realpath(core_settings(s->core)->data, data))
        return NULL;
    disk_path(arena_printf(s->arena, "%s/blobs", data), r->id, path, sizeof path);
    return arena_strdup(s->arena, path);
}

static int missing(const struct result *r, const char *what, struct err *e)
{
    return err_operator(e, ERR_STORAGE,
                        "the bytes of this result cannot be read; the server's operator has been told",
                        "result %s: %s; run resultd check", r->id, what);
}

/* What is missing now was there by its row. Of a bucket of clients they are told themselves. */
static int lost(struct err *e)
{
    if (!*e->log) {
        e->code = ERR_STORAGE;
        return ERR_STORAGE;
    }
    char what[sizeof e->log];
    memcpy(what, e->log, sizeof what);
    return err_operator(e, ERR_STORAGE,
                        "the bytes of this result cannot be read; the server's operator has been told",
                        "%s; run resultd check", what);
}

static int open_elsewhere(struct session *s, const struct result *r, struct blob **ret, struct err *e)
{
    const struct storage *st = NULL;
    int rc = storage_of(s, r->storage, &st, e);
    return rc < 0 ? rc : buckets_expect(s->core, st, r, ret, e);
}

static int open_bytes(struct session *s, const struct result *r, struct content *ret, struct err *e)
{
    struct content c = {.result = r, .file_name = deliver_file_name(s->arena, r), .size = r->size};
    size_t len;
    int rc;
    if (r->is_inline) {
        rc = store_bytes_get(s->db, s->arena, r->pk, &c.bytes, &len, e);
        if (rc == 0 || (rc > 0 && (int64_t)len != r->size))
            return missing(r, "its bytes are not in the database", e);
    } else if (r->storage) {
        rc = open_elsewhere(s, r, &c.blob, e);
    } else {
        rc = blob_expect(s->core->blobs, r->id, r->size, &c.blob, e);
        if (rc == ERR_NOT_FOUND)
            return missing(r, "its file is missing, or has another size", e);
    }
    if (rc < 0)
        return rc;
    *ret = c;
    return 0;
}

int deliver_open(struct session *s, const struct result *r, struct content *ret, struct err *e)
{
    int rc = result_require_live(s, r, e);
    return rc < 0 ? rc : open_bytes(s, r, ret, e);
}

int deliver_open_deleted(struct session *s, const struct result *r, struct content *ret, struct err *e)
{
    struct result as_if_live = *r;
    as_if_live.deleted_at = 0;
    int rc = result_require_live(s, &as_if_live, e);
    return rc < 0 ? rc : open_bytes(s, r, ret, e);
}

bool deliver_redirects(struct session *s, const struct result *r)
{
    if (r->storage)
        return r->redirects;
    return !r->is_inline && s->core->blobs->caps & BLOB_CAN_LINK &&
           strcmp(core_settings(s->core)->deliver, "redirect") == 0;
}

/* No longer than the result or what the client came by is good for. */
static int64_t lifetime(const struct session *s, const struct result *r, int64_t seconds)
{
    int64_t until = s->until && (!r->due_at || s->until < r->due_at) ? s->until : r->due_at;
    int64_t left = until ? (until - s->now + CLOCK_SECOND - 1) / CLOCK_SECOND : seconds;
    return left < 1 ? 1 : left < seconds ? left : seconds;
}

static int link_elsewhere(struct session *s, const struct result *r, const char *disposition,
                          const char **ret, struct err *e)
{
    const struct storage *st = NULL;
    int rc = storage_of(s, r->storage, &st, e);
    if (rc < 0)
        return rc;
    int64_t seconds = st->link_lifetime ? st->link_lifetime : core_settings(s->core)->redirect_lifetime;
    return buckets_link(s, st, r, disposition, lifetime(s, r, seconds), ret, e);
}

int deliver_link(struct session *s, const struct result *r, const char *disposition, const char **ret,
                 struct err *e)
{
    struct blob_link l = {.key = r->id,
                          .media_type = *r->media_type ? r->media_type : "application/octet-stream",
                          .encoding = *r->content_encoding ? r->content_encoding : NULL,
                          .disposition = disposition,
                          .seconds = lifetime(s, r, core_settings(s->core)->redirect_lifetime)};
    int rc = result_require_live(s, r, e);
    if (rc == 0 && r->storage)
        return link_elsewhere(s, r, disposition, ret, e);
    return rc < 0 ? rc : blob_link(s->core->blobs, s->arena, &l, ret, e);
}

/* A row whose blob is missing is as good as none: it is made again, and the row replaced. */
int deliver_made(struct session *s, const char *tag, struct made *ret, struct err *e)
{
    struct representation_row row;
    struct made m = {.blob = NULL};
    int rc = store_representation_get(s->db, s->arena, tag, &row, e);
    if (rc <= 0)
        return rc;
    rc = blob_expect(s->core->blobs, row.key, row.size, &m.blob, e);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    m.key = row.key;
    m.size = row.size;
    m.sha256 = row.sha256;
    m.crc32 = row.crc32;
    *ret = m;
    return 1;
}

int deliver_read(void *blob, int64_t offset, void *to, size_t len, struct err *e)
{
    int rc = blob_read(blob, offset, to, len, e);
    return rc == ERR_NOT_FOUND ? lost(e) : rc;
}

int deliver_read_some(struct blob *b, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    int rc = blob_read_some(b, offset, to, max, ret_len, e);
    return rc == BLOB_LATER ? DELIVER_LATER : rc == ERR_NOT_FOUND ? lost(e) : rc;
}

bool deliver_wait(struct blob *b, void (*wake)(void *ctx), void *ctx)
{
    return blob_wait(b, wake, ctx);
}

void deliver_window(struct blob *b, int64_t first, int64_t end)
{
    blob_window(b, first, end);
}

const char *deliver_proxy_path(struct session *s, struct blob *b, const char *key)
{
    char path[PATH_MAX];
    const char *at = core_settings(s->core)->accel_redirect;
    if (!*at || !blob_share(b))
        return NULL;
    disk_path(at, key, path, sizeof path);
    return arena_strdup(s->arena, path);
}

int deliver_fd(struct blob *b)
{
    return blob_fd(b);
}

void deliver_close(void *blob)
{
    blob_close(blob);
}

int deliver_look(struct made *m, struct err *e)
{
    size_t none;
    int rc = m->size > 0 ? blob_read_some(m->blob, 0, NULL, 0, &none, e) : 0;
    if (rc == BLOB_LATER)
        return DELIVER_UNKNOWN;
    if (rc == 0)
        return 1;
    blob_close(m->blob);
    m->blob = NULL;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}
