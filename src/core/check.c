/* SPDX-License-Identifier: Apache-2.0 */
/* See check.h. One thread; reads in pages of PAGE rows so that no snapshot is held for long. */
#include "core/check.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "core/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 500, CHUNK = 1 << 20 };

struct file {
    char key[ID_SIZE];
    int64_t since;
};

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
    struct file *files; /* of which it is not known yet whether they have rows */
    int file_count;
};

enum verdict { FINE, MISSING, TRUNCATED, DAMAGED };

static void tell(struct checker *c, const char *what, const char *id, const char *more)
{
    char line[400];
    (void)snprintf(line, sizeof line, "%s %s%s%s", what, id, *more ? ": " : "", more);
    c->tell(c->ctx, line);
}

/* Of representations no md5 is kept. */
static enum verdict compare(const struct digest_values *want, struct digest *d)
{
    struct digest_values v;
    digest_finish(d, &v);
    bool good = strcmp(v.sha256, want->sha256) == 0 && v.crc32 == want->crc32 &&
                (!*want->md5 || strcmp(v.md5, want->md5) == 0);
    return good ? FINE : DAMAGED;
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
        *ret = compare(&r->digests, d);
        digest_free(d);
    }
    return 0;
}

static int hash_blob(struct checker *c, struct blob *b, int64_t wanted_size, const struct digest_values *want,
                     enum verdict *ret, struct err *e)
{
    struct digest *d = digest_new();
    int rc = 0;
    for (int64_t at = 0; rc == 0 && at < wanted_size; at += CHUNK) {
        size_t len = (size_t)(wanted_size - at < CHUNK ? wanted_size - at : CHUNK);
        rc = blob_read(b, at, c->chunk, len, e);
        if (rc == 0)
            digest_update(d, c->chunk, len);
    }
    *ret = rc == 0 ? compare(want, d) : DAMAGED; /* what cannot be read is as good as wrong */
    digest_free(d);
    return 0;
}

static int check_blob(struct checker *c, const char *key, int64_t wanted_size,
                      const struct digest_values *want, enum verdict *ret, struct err *e)
{
    struct blob *b = NULL;
    int64_t size;
    int rc = blob_open(c->blobs, key, &b, &size, e);
    if (rc == ERR_NOT_FOUND) {
        *ret = MISSING;
        return 0;
    }
    if (rc < 0)
        return rc;
    *ret = size != wanted_size ? TRUNCATED : FINE;
    if (*ret == FINE && c->digests)
        rc = hash_blob(c, b, wanted_size, want, ret, e);
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
    int rc = r->is_inline ? check_inline(c, a, r, &v, e) : check_blob(c, r->id, r->size, &r->digests, &v, e);
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

/* The daemon may have made room since we read the row. */
static bool still_kept(struct checker *c, struct arena *a, const struct representation_row *r)
{
    struct err ignored;
    struct representation_row now;
    return store_representation_get(c->db, a, r->tag, &now, &ignored) > 0 && strcmp(now.key, r->key) == 0;
}

static int check_representation(void *ctx, const struct representation_row *r, struct err *e)
{
    static const char *const findings[] = {
        [MISSING] = "its file is missing",
        [TRUNCATED] = "its file has another length than its row says",
        [DAMAGED] = "its file has another digest than its row says",
    };
    struct checker *c = ctx;
    struct digest_values want = {.crc32 = r->crc32};
    struct arena a = {0};
    enum verdict v;
    text_copy(want.sha256, sizeof want.sha256, r->sha256);
    int rc = check_blob(c, r->key, r->size, &want, &v, e);
    if (rc == 0 && v != FINE && still_kept(c, &a, r)) {
        c->report->inconsistent++;
        tell(c, "inconsistent", r->key, arena_printf(&a, "a representation: %s", findings[v]));
    }
    arena_free(&a);
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

static void check_unclaimed(struct checker *c, const char *key)
{
    int i = 0;
    while (strcmp(c->files[i].key, key) != 0)
        i++;
    if (c->files[i].since > clock_now() - c->grace * CLOCK_SECOND) {
        c->report->recent_orphans++;
    } else if (still_there(c, key)) { /* else its removal was faster */
        c->report->orphans++;
        tell(c, "orphan", key, "a file without a row, older than its grace period");
    }
}

/* One statement for many. */
static int check_files(struct checker *c, struct err *e)
{
    struct arena a = {0};
    const char **keys = arena_alloc(&a, sizeof *keys * STORE_KEYS_MOST);
    const char **unclaimed = arena_alloc(&a, sizeof *unclaimed * STORE_KEYS_MOST);
    int n = 0;
    for (int i = 0; i < c->file_count; i++)
        keys[i] = c->files[i].key;
    int rc = store_unclaimed(c->db, &a, &(struct store_keys){keys, c->file_count}, unclaimed, &n, e);
    for (int i = 0; rc == 0 && i < n; i++)
        check_unclaimed(c, unclaimed[i]);
    c->file_count = 0;
    arena_free(&a);
    return rc;
}

static int check_file(void *ctx, const struct blob_entry *entry, struct err *e)
{
    struct checker *c = ctx;
    if (entry->stray) {
        c->report->strays++;
        tell(c, "stray", entry->key, "no file of this server has such a name in this folder");
        return 0;
    }
    struct file *f = &c->files[c->file_count++];
    text_copy(f->key, sizeof f->key, entry->key);
    f->since = entry->since;
    return c->file_count == STORE_KEYS_MOST ? check_files(c, e) : 0;
}

static int check_part(struct checker *c, int part, struct err *e)
{
    int rc = blob_list(c->blobs, part, "", check_file, c, e);
    return rc == 0 && c->file_count ? check_files(c, e) : rc;
}

/* Each row that it gives says what is wrong. */
static int run_check(struct checker *c, const struct stmt *s, struct err *e)
{
    struct db_cursor *cursor = NULL;
    int rc = db_query(c->db, s, NULL, 0, &cursor, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(c->db, cursor, e)) > 0) {
        c->report->inconsistent++;
        tell(c, "inconsistent", "database", db_text(c->db, cursor, 0));
    }
    db_done(c->db, cursor);
    return rc;
}

static int check_database(struct checker *c, struct err *e)
{
    static const struct stmt statements[] DB_LISTED = {
        {"usage_check", /* both tables, each sum once with its sign: what does not cancel out is wrong */
         "SELECT 'the sums of project ' || project || ' for ' || state || ' are wrong' FROM ("
         " SELECT project, state, trash, results, bytes FROM usage UNION ALL"
         " SELECT project, state, CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END, -1, -size * stored FROM result"
         ") both_sums GROUP BY project, state, trash HAVING sum(results) <> 0 OR sum(bytes) <> 0",
         false},
        {"result_state_check",
         "SELECT 'result ' || id || ' is missing in the list of its state' FROM result r WHERE NOT EXISTS ("
         " SELECT 1 FROM result_state s WHERE s.in_project = r.project AND s.in_state = r.state AND s.pk = r.pk)",
         false},
        {"result_state_more_check",
         "SELECT 'the lists of states have results that are not there' WHERE"
         " (SELECT count(*) FROM result_state) > (SELECT count(*) FROM result)",
         false},
        {"representation_check",
         "SELECT 'the sum of the kept representations is wrong' FROM representation_total"
         " WHERE size <> (SELECT coalesce(sum(size), 0) FROM representation)",
         false},
        {"result_count_check",
         "SELECT 'job ' || id || ' counts ' || result_count || ' results, but has ' || there FROM ("
         " SELECT id, result_count, (SELECT count(*) FROM result r WHERE r.job = j.pk) AS there FROM job j)"
         " AS counted WHERE result_count <> there",
         false},
    };
    int rc = 0;
    for (int i = 0; rc == 0 && i < STORE_COUNT(statements); i++)
        rc = run_check(c, &statements[i], e);
    for (int i = 0; rc == 0 && i < c->db->ops->check_count; i++)
        rc = run_check(c, &c->db->ops->checks[i], e);
    return rc;
}

/* What stands there was found by a server; the findings above say what there is now. */
static int check_held(struct checker *c, struct err *e)
{
    struct removal_row r;
    char line[200];
    int rc = store_removal_get(c->db, &r, e);
    if (rc < 0 || r.held == 0)
        return rc;
    (void)snprintf(
        line, sizeof line,
        "the server found %lld orphans among %lld files and removes none of them: see orphan_limit",
        (long long)r.held, (long long)r.held_of);
    tell(c, "held", "orphans", line);
    return 0;
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
                        .chunk = mem_alloc(CHUNK),
                        .files = mem_alloc(sizeof(struct file) * STORE_KEYS_MOST)};
    *ret = (struct check_report){0};
    int rc = check_results(&c, e);
    if (rc == 0)
        rc = store_representation_each(c.db, check_representation, &c, e);
    for (int part = 0; rc == 0 && part < blobs->ops->parts; part++)
        rc = check_part(&c, part, e);
    if (rc == 0)
        rc = check_held(&c, e);
    if (rc == 0)
        rc = check_database(&c, e);
    free(c.chunk);
    free(c.files);
    return rc;
}
