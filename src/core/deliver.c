/* SPDX-License-Identifier: Apache-2.0 */
/* See deliver.h. */
#include "core/deliver.h"

#include "blob/disk.h"
#include "core/result.h"

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
    if (r->is_inline || !r->stored || !realpath(core_settings(s->core)->data, data))
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

static int open_bytes(struct session *s, const struct result *r, struct content *ret, struct err *e)
{
    struct content c = {.result = r, .file_name = deliver_file_name(s->arena, r), .size = r->size};
    size_t len;
    int64_t size;
    int rc;
    if (r->is_inline) {
        rc = store_bytes_get(s->db, s->arena, r->pk, &c.bytes, &len, e);
        if (rc == 0 || (rc > 0 && (int64_t)len != r->size))
            return missing(r, "its bytes are not in the database", e);
    } else {
        rc = blob_open(s->core->blobs, r->id, &c.blob, &size, e);
        if (rc == ERR_NOT_FOUND)
            return missing(r, "its file is missing", e);
        if (rc == 0 && size != r->size) {
            blob_close(c.blob);
            return missing(r, "its file has another size", e);
        }
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

/* A row whose blob is missing is as good as none: it is made again, and the row replaced. */
int deliver_made(struct session *s, const char *tag, struct made *ret, struct err *e)
{
    struct representation_row row;
    struct made m = {.blob = NULL};
    int rc = store_representation_get(s->db, s->arena, tag, &row, e);
    if (rc <= 0)
        return rc;
    rc = blob_open(s->core->blobs, row.key, &m.blob, &m.size, e);
    if (rc == 0 && m.size != row.size) {
        blob_close(m.blob);
        return 0;
    }
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    m.sha256 = row.sha256;
    m.crc32 = row.crc32;
    *ret = m;
    return 1;
}
