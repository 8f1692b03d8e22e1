/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bytes of an archive come from; see archive.h. One member is open at a time. */
#include "base/clock.h"
#include "core/archive_parts.h"

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
    int64_t size = 0;
    int rc = blob_open(b->core->blobs, m->id, &b->blob, &size, e);
    if (rc == ERR_NOT_FOUND)
        return gone(m, "its file is missing", e);
    if (rc == 0 && size != m->size)
        return gone(m, "its file has another size", e);
    return rc;
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
    struct session s = {.core = b->core, .db = db, .arena = &b->arena, .now = clock_now()};
    struct made made;
    int rc = deliver_made(&s, c->m->tag, &made, e);
    if (rc == 0)
        return make_again(&s, b, c->m, e);
    if (rc < 0)
        return rc;
    b->blob = made.blob;
    return made.size == c->m->size ? 0 : gone(c->m, "what was made of it has another size", e);
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
    else
        rc = open_file(b, m, e);
    b->open = index;
    return rc;
}

static int read_entry(void *ctx, int index, int64_t offset, void *to, size_t len, struct err *e)
{
    struct archive_bytes *b = ctx;
    int rc = 0;
    if (index == 0) {
        memcpy(to, b->manifest + offset, len);
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
    if (b->making)
        return read_made(b, &b->members[index - 1], offset, to, len, e);
    if (b->blob)
        return blob_read(b->blob, offset, to, len, e);
    memcpy(to, (const char *)b->bytes + offset, len);
    return 0;
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
