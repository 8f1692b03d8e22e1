/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bytes of an archive come from; see archive.h. One member is open at a time. */
#include "base/clock.h"
#include "core/archive_parts.h"
#include "core/buckets.h"
#include "core/storage.h"

#include <stdlib.h>
#include <string.h>

enum { NOTHING_OPEN = 0 };

static int gone(const struct archive_member *m, const char *what, struct err *e)
{
    return err_operator(e, ERR_STORAGE, "a result of this archive is not there any more",
                        "archive: result %s: %s: it expired or was purged while it was sent", m->id, what);
}

static void close_member(struct archive_bytes *b)
{
    blob_close(b->blob);
    making_release(b->making);
    arena_free(&b->arena);
    b->blob = NULL;
    b->making = NULL;
    b->bytes = NULL;
    b->open = NOTHING_OPEN;
}

static int open_file(struct archive_bytes *b, const struct archive_member *m, struct err *e)
{
    int rc = blob_expect(b->core->blobs, m->id, m->size, &b->blob, e);
    return rc == ERR_NOT_FOUND ? gone(m, "its file is missing, or has another size", e) : rc;
}

struct opening {
    struct archive_bytes *b;
    const struct archive_member *m;
};

static int read_inline(struct db *db, void *ctx, struct err *e)
{
    const struct opening *c = ctx;
    size_t len;
    int rc = store_bytes_get(db, &c->b->arena, c->m->pk, &c->b->bytes, &len, e);
    if (rc == 0 || (rc > 0 && (int64_t)len != c->m->size))
        return gone(c->m, "its bytes are not in the database", e);
    return rc < 0 ? rc : 0;
}

static int open_elsewhere(struct db *db, void *ctx, struct err *e)
{
    const struct opening *c = ctx;
    struct session s = {.core = c->b->core, .db = db, .arena = &c->b->arena, .now = core_now(c->b->core)};
    const struct storage *st = NULL;
    struct result *r = NULL;
    int rc = store_result_by_id(db, s.arena, c->m->id, &r, e);
    if (rc == 0)
        return gone(c->m, "it is not in the database", e);
    if (rc > 0)
        rc = storage_of(&s, r->storage, &st, e);
    return rc < 0 ? rc : buckets_expect(s.core, st, r, &c->b->blob, e);
}

/* --- tables --- */

/* What was made has made room for others, or went with another result of the same bytes. */
static int make_again(struct session *s, struct archive_bytes *b, const struct archive_member *m,
                      struct err *e)
{
    struct result *r = NULL;
    int rc = store_result_by_id(s->db, s->arena, m->id, &r, e);
    if (rc == 0)
        return gone(m, "it is not in the database", e);
    return rc < 0 ? rc : making_get(s, r, &b->form.options, m->tag, &b->making, e);
}

static int open_made(struct db *db, void *ctx, struct err *e)
{
    const struct opening *c = ctx;
    struct archive_bytes *b = c->b;
    struct session s = {.core = b->core, .db = db, .arena = &b->arena, .now = core_now(b->core)};
    struct made made;
    int rc = deliver_made(&s, c->m->tag, &made, e);
    if (rc == 0)
        return make_again(&s, b, c->m, e);
    if (rc < 0)
        return rc;
    b->blob = made.blob;
    return made.size == c->m->size ? 0 : gone(c->m, "what was made of it has another size", e);
}

static int open_again(struct db *db, void *ctx, struct err *e)
{
    const struct opening *c = ctx;
    struct session s = {.core = c->b->core, .db = db, .arena = &c->b->arena, .now = core_now(c->b->core)};
    return make_again(&s, c->b, c->m, e);
}

/* Once there is one: its bytes can be read. */
static int await_making(struct archive_bytes *b, const struct archive_member *m, struct err *e)
{
    const char *sha256;
    int rc = making_outcome(b->making, e);
    if (rc == 0)
        return ARCHIVE_LATER;
    if (rc > 0 && making_made(b->making, &sha256) != m->size)
        return gone(m, "made again it has another size", e);
    return rc < 0 ? rc : 0;
}

static int read_made(struct archive_bytes *b, const struct archive_member *m, int64_t offset, void *to,
                     size_t len, struct err *e)
{
    size_t got = 0;
    int rc = making_read(b->making, offset, to, len, &got, e);
    return rc == 0 && got != len ? gone(m, "made again it ends early", e) : rc;
}

/* --- members --- */

static int open_member(struct archive_bytes *b, int index, struct err *e)
{
    const struct archive_member *m = &b->members[index - 1];
    struct opening c = {b, m};
    int rc;
    close_member(b);
    if (m->tag)
        rc = b->core->reader.run(b->core->reader.of, open_made, &c, e);
    else if (m->is_inline)
        rc = b->core->reader.run(b->core->reader.of, read_inline, &c, e);
    else if (m->is_elsewhere)
        rc = b->core->reader.run(b->core->reader.of, open_elsewhere, &c, e);
    else
        rc = open_file(b, m, e);
    b->open = index;
    return rc;
}

/* What a bucket does not have is known only when it is asked. */
static int read_blob(struct archive_bytes *b, const struct archive_member *m, int64_t offset, void *to,
                     size_t *len, struct err *e)
{
    size_t got = 0;
    struct opening c = {b, m};
    int rc = blob_read_some(b->blob, offset, to, *len, &got, e);
    if (rc == BLOB_LATER)
        return ARCHIVE_LATER;
    if (rc == 0)
        *len = got;
    if (rc != ERR_NOT_FOUND)
        return rc;
    if (!m->tag)
        return gone(m, "its bytes are missing", e);
    blob_close(b->blob);
    b->blob = NULL;
    rc = b->core->reader.run(b->core->reader.of, open_again, &c, e);
    return rc == 0 ? await_making(b, m, e) : rc;
}

static int read_entry(void *ctx, int index, int64_t offset, void *to, size_t *len, struct err *e)
{
    struct archive_bytes *b = ctx;
    int rc = 0;
    if (index == 0) {
        memcpy(to, b->manifest + offset, *len);
        return 0;
    }
    if (b->open != index)
        rc = open_member(b, index, e);
    if (rc == 0 && b->making)
        rc = await_making(b, &b->members[index - 1], e);
    if (rc < 0)
        close_member(b);
    if (rc != 0)
        return rc;
    if (b->blob)
        rc = read_blob(b, &b->members[index - 1], offset, to, len, e);
    else if (!b->making)
        memcpy(to, (const char *)b->bytes + offset, *len);
    if (rc == 0 && b->making)
        rc = read_made(b, &b->members[index - 1], offset, to, *len, e);
    return rc;
}

int archive_read_some(struct archive_bytes *b, int64_t offset, void *to, size_t max, size_t *ret_len,
                      struct err *e)
{
    int rc = zip_read(b->zip, offset, to, max, ret_len, read_entry, b, e);
    return rc == ARCHIVE_LATER && *ret_len > 0 ? 0 : rc;
}

bool archive_wait(struct archive_bytes *b, void (*wake)(void *ctx), void *ctx)
{
    struct making *m = b->making;
    if (!b->plan && b->blob)
        return blob_wait(b->blob, wake, ctx);
    if (b->plan)
        m = b->plan->rests ? NULL : b->plan->under_way[0].making;
    b->waiter = (struct making_waiter){.offset = INT64_MAX, .wake = wake, .ctx = ctx};
    return m && making_wait(m, &b->waiter);
}

void archive_free(struct archive_bytes *b)
{
    if (!b)
        return;
    close_member(b);
    archive_plan_free(b->plan);
    zip_free(b->zip);
    arena_free(&b->kept);
    free(b->members);
    free(b);
}
