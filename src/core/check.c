/* SPDX-License-Identifier: Apache-2.0 */
/* See check.h. One thread; reads in pages of PAGE rows so that no snapshot is held for long. */
#include "core/check.h"

#include "base/clock.h"
#include "base/id.h"
#include "core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 500, CHUNK = 1 << 20 };

struct checker {
    struct db *db;
    struct blob_store *blobs;
    bool digests;
    int64_t grace;
    check_tell_fn *tell;
    check_progress_fn *progress;
    void *ctx;
    struct check_report *report;
    unsigned char *chunk;
};

enum verdict { FINE, MISSING, TRUNCATED, DAMAGED };

static void tell(struct checker *c, const char *what, const char *id, const char *more)
{
    char line[400];
    (void)snprintf(line, sizeof line, "%s %s%s%s", what, id, *more ? ": " : "", more);
    c->tell(c->ctx, line);
}

static enum verdict compare(const struct result *r, struct digest *d)
{
    struct digest_values v;
    digest_finish(d, &v);
    return strcmp(v.sha256, r->digests.sha256) == 0 && strcmp(v.md5, r->digests.md5) == 0 ? FINE : DAMAGED;
}

static int check_inline(struct checker *c, struct arena *a, const struct result *r, enum verdict *ret,
                        struct err *e)
{
    const void *bytes;
    size_t len;
    int rc = store_bytes_get(c->db, a, r->pk, &bytes, &len, e);
    if (rc < 0)
        return rc;
    *ret = rc == 0 ? MISSING : (int64_t)len != r->size ? TRUNCATED : FINE;
    if (*ret == FINE && c->digests) {
        struct digest *d = digest_new();
        digest_update(d, bytes, len);
        *ret = compare(r, d);
        digest_free(d);
    }
    return 0;
}

static int hash_blob(struct checker *c, struct blob *b, const struct result *r, enum verdict *ret,
                     struct err *e)
{
    struct digest *d = digest_new();
    int rc = 0;
    for (int64_t at = 0; rc == 0 && at < r->size; at += CHUNK) {
        size_t len = (size_t)(r->size - at < CHUNK ? r->size - at : CHUNK);
        rc = blob_read(b, at, c->chunk, len, e);
        if (rc == 0)
            digest_update(d, c->chunk, len);
    }
    *ret = rc == 0 ? compare(r, d) : DAMAGED; /* what cannot be read is as good as wrong */
    digest_free(d);
    return 0;
}

static int check_blob(struct checker *c, const struct result *r, enum verdict *ret, struct err *e)
{
    struct blob *b = NULL;
    int64_t size;
    int rc = blob_open(c->blobs, r->id, &b, &size, e);
    if (rc == ERR_NOT_FOUND) {
        *ret = MISSING;
        return 0;
    }
    if (rc < 0)
        return rc;
    *ret = size != r->size ? TRUNCATED : FINE;
    if (*ret == FINE && c->digests)
        rc = hash_blob(c, b, r, ret, e);
    blob_close(b);
    return rc;
}

/* The daemon may have expired or purged it since we read the row. */
static bool still_stored(struct checker *c, struct arena *a, const struct result *r)
{
    struct err ignored;
    struct result *now = NULL;
    return store_result_by_id(c->db, a, r->id, &now, &ignored) > 0 && now->stored;
}

static int check_result(struct checker *c, struct arena *a, const struct result *r, struct err *e)
{
    enum verdict v;
    int rc = r->is_inline ? check_inline(c, a, r, &v, e) : check_blob(c, r, &v, e);
    if (rc < 0)
        return rc;
    c->report->results++;
    c->report->bytes += r->size;
    if (v == FINE || !still_stored(c, a, r))
        return 0;
    if (v == MISSING) {
        c->report->missing++;
        tell(c, "missing", r->id, "the row is there, its bytes are not");
    } else if (v == TRUNCATED) {
        c->report->truncated++;
        tell(c, "truncated", r->id, "the bytes have another length than the row says");
    } else {
        c->report->damaged++;
        tell(c, "damaged", r->id, "the bytes have another digest than the row says");
    }
    return 0;
}

static int check_results(struct checker *c, struct err *e)
{
    int64_t after = 0;
    int rc = 0;
    for (bool more = true; rc == 0 && more;) {
        struct arena a = {0};
        struct result *r;
        more = false;
        rc = store_result_stored_after(c->db, &a, after, PAGE, &r, e);
        for (; rc == 0 && r; r = r->next) {
            struct arena one = {0};
            rc = check_result(c, &one, r, e);
            arena_free(&one);
            after = r->pk;
            more = true;
        }
        arena_free(&a);
        c->progress(c->ctx, c->report);
    }
    return rc;
}

static bool still_there(struct checker *c, const char *key)
{
    struct err ignored;
    struct blob *b = NULL;
    int64_t size;
    int rc = blob_open(c->blobs, key, &b, &size, &ignored);
    blob_close(b);
    return rc != ERR_NOT_FOUND;
}

static int check_file(void *ctx, const struct blob_entry *entry, struct err *e)
{
    struct checker *c = ctx;
    int rc = store_result_has_blob(c->db, entry->key, e);
    if (rc == 0)
        rc = store_doomed_has(c->db, entry->key, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (entry->since > clock_now() - c->grace * CLOCK_SECOND) {
        c->report->recent_orphans++;
        return 0;
    }
    if (!still_there(c, entry->key)) /* the sweeper was faster */
        return 0;
    c->report->orphans++;
    tell(c, "orphan", entry->key, "a file without a row, older than its grace period");
    return 0;
}

static int check_database(struct checker *c, struct err *e)
{
    static const struct stmt statements[] = {
        {"integrity_check", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'", false},
        {"foreign_key_check",
         "SELECT 'a row of ' || \"table\" || ' refers to nothing' FROM pragma_foreign_key_check", false},
        {"usage_check", /* both tables, each sum once with its sign: what does not cancel out is wrong */
         "SELECT 'the sums of project ' || project || ' for ' || state || ' are wrong' FROM ("
         " SELECT project, state, trash, results, bytes FROM usage UNION ALL"
         " SELECT project, state, deleted_at IS NOT NULL, -1, -size * stored FROM result)"
         " GROUP BY project, state, trash HAVING sum(results) <> 0 OR sum(bytes) <> 0",
         false},
    };
    int rc = 0;
    for (int i = 0; rc == 0 && i < STORE_COUNT(statements); i++) {
        struct db_cursor *cursor;
        rc = db_query(c->db, &statements[i], NULL, 0, &cursor, e);
        if (rc < 0)
            return rc;
        while ((rc = db_step(c->db, cursor, e)) > 0) {
            c->report->inconsistent++;
            tell(c, "inconsistent", "database", db_text(c->db, cursor, 0));
        }
        db_done(c->db, cursor);
    }
    return rc;
}

int check_run(struct db *reader, struct blob_store *blobs, bool digests, int64_t grace_seconds,
              check_tell_fn *tell_fn, check_progress_fn *progress, void *ctx, struct check_report *ret,
              struct err *e)
{
    struct checker c = {.db = reader,
                        .blobs = blobs,
                        .digests = digests,
                        .grace = grace_seconds,
                        .tell = tell_fn,
                        .progress = progress,
                        .ctx = ctx,
                        .report = ret,
                        .chunk = mem_alloc(CHUNK)};
    *ret = (struct check_report){0};
    int rc = check_results(&c, e);
    for (int part = 0; rc == 0 && part < blobs->ops->parts; part++)
        rc = blob_list(blobs, part, check_file, &c, e);
    if (rc == 0)
        rc = check_database(&c, e);
    free(c.chunk);
    return rc;
}
