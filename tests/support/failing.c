/* SPDX-License-Identifier: Apache-2.0 */
/* See failing.h. Cursors are the inner engine's own, so reading columns needs no wrapping. */
#include "support/failing.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_OPEN = 32 };

struct wrapped_db {
    struct db db;
    struct db_ops ops; /* with what reads the inner one's cursors */
    struct db *inner;
    struct failing *plan;
    struct {
        struct db_cursor *cursor;
        bool skipped;
    } open[MAX_OPEN];
};

struct wrapped_store {
    struct blob_store store;
    struct blob_ops ops; /* with the parts of the inner one */
    struct blob_store *inner;
    struct failing *plan;
};

struct wrapped_put {
    struct blob_put put;
    struct blob_put *inner;
    struct failing *plan;
};

struct wrapped_blob {
    struct blob blob;
    struct blob *inner;
    struct failing *plan;
};

void failing_arm(struct failing *f, unsigned kinds, int at, bool for_good, int db_code)
{
    atomic_store(&f->kinds, kinds);
    atomic_store(&f->for_good, for_good);
    atomic_store(&f->db_code, db_code);
    atomic_store(&f->calls, 0);
    atomic_store(&f->failed, 0);
    atomic_store(&f->at, at);
}

int failing_disarm(struct failing *f)
{
    atomic_store(&f->at, 0);
    atomic_store(&f->only, NULL);
    return atomic_load(&f->failed);
}

static bool fails(struct failing *f, enum failing_kind kind)
{
    int at = atomic_load(&f->at);
    if (!at || !(atomic_load(&f->kinds) & (unsigned)kind))
        return false;
    int call = atomic_fetch_add(&f->calls, 1) + 1;
    bool now = call == at || (call > at && atomic_load(&f->for_good));
    if (now)
        atomic_fetch_add(&f->failed, 1);
    return now;
}

static int db_failure(struct failing *f, struct err *e)
{
    return err_operator(e, atomic_load(&f->db_code), "the database failed", "failed on demand");
}

static int blob_failure(struct err *e)
{
    return err_operator(e, ERR_STORAGE, "the server's storage failed", "failed on demand");
}

/* --- the database --- */

static struct wrapped_db *of(struct db *db)
{
    return (struct wrapped_db *)db;
}

static int db_query_(struct db *db, const struct stmt *s, const struct db_value *args, int count,
                     struct db_cursor **ret, struct err *e)
{
    struct wrapped_db *w = of(db);
    const char *only = atomic_load(&w->plan->only);
    bool skipped = only && strcmp(only, s->name) != 0;
    if (!skipped && fails(w->plan, FAIL_DB_QUERY))
        return db_failure(w->plan, e);
    int rc = w->inner->ops->query(w->inner, s, args, count, ret, e);
    for (int i = 0; rc == 0; i++) {
        if (i == MAX_OPEN)
            abort();
        if (w->open[i].cursor)
            continue;
        w->open[i].cursor = *ret;
        w->open[i].skipped = skipped;
        break;
    }
    return rc;
}

static int db_step_(struct db *db, struct db_cursor *c, struct err *e)
{
    struct wrapped_db *w = of(db);
    bool skipped = false;
    for (int i = 0; i < MAX_OPEN; i++)
        if (w->open[i].cursor == c)
            skipped = w->open[i].skipped;
    if (!skipped && fails(w->plan, FAIL_DB_STEP))
        return db_failure(w->plan, e);
    return w->inner->ops->step(w->inner, c, e);
}

static void db_done_(struct db *db, struct db_cursor *c)
{
    struct wrapped_db *w = of(db);
    for (int i = 0; i < MAX_OPEN; i++)
        if (w->open[i].cursor == c)
            w->open[i].cursor = NULL;
    w->inner->ops->done(w->inner, c);
}

/* A cursor that is still open here was never closed by db_done: that is a leak of the product's. */
static void db_close_(struct db *db)
{
    struct wrapped_db *w = of(db);
    for (int i = 0; i < MAX_OPEN; i++)
        if (w->open[i].cursor)
            abort();
    db_close(w->inner);
    free(w);
}

static int db_run_(struct db *db, const struct stmt *s, const struct db_value *args, int count, struct err *e)
{
    struct wrapped_db *w = of(db);
    const char *only = atomic_load(&w->plan->only);
    if ((!only || strcmp(only, s->name) == 0) && fails(w->plan, FAIL_DB_STEP))
        return db_failure(w->plan, e);
    return w->inner->ops->run(w->inner, s, args, count, e);
}

static int db_move_(struct db *db, enum db_move move, struct err *e)
{
    struct wrapped_db *w = of(db);
    const char *only = atomic_load(&w->plan->only);
    bool skipped = move == DB_ROLLBACK || (only && strcmp(only, db_move_names[move]) != 0);
    if (!skipped && fails(w->plan, FAIL_DB_STEP))
        return db_failure(w->plan, e);
    w->inner->depth = db->depth;
    return w->inner->ops->move(w->inner, move, e);
}

static int64_t db_changes_(struct db *db)
{
    return of(db)->inner->ops->changes(of(db)->inner);
}

static bool db_in_transaction_(struct db *db)
{
    return of(db)->inner->ops->in_transaction(of(db)->inner);
}

static int64_t db_written_(struct db *db)
{
    return of(db)->inner->ops->written(of(db)->inner);
}

static int db_script_(struct db *db, const char *text, struct err *e)
{
    struct wrapped_db *w = of(db);
    if (fails(w->plan, FAIL_DB_SCRIPT))
        return db_failure(w->plan, e);
    return w->inner->ops->script(w->inner, text, e);
}

static int db_clock_(struct db *db, int64_t *ret, struct err *e)
{
    return fails(of(db)->plan, FAIL_DB_QUERY) ? db_failure(of(db)->plan, e) : db_clock(of(db)->inner, ret, e);
}

static int db_lock_(struct db *db, enum db_lock what, bool alone, int64_t silence_ms, struct err *e)
{
    bool fail = fails(of(db)->plan, FAIL_DB_QUERY);
    return fail ? db_failure(of(db)->plan, e) : db_lock(of(db)->inner, what, alone, silence_ms, e);
}

static int db_locked_(struct db *db, enum db_lock what, struct err *e)
{
    return fails(of(db)->plan, FAIL_DB_QUERY) ? db_failure(of(db)->plan, e)
                                              : db_locked(of(db)->inner, what, e);
}

static int db_unlock_(struct db *db, enum db_lock what, struct err *e)
{
    (void)e;
    db_unlock(of(db)->inner, what);
    return 0;
}

static const struct db_ops wrapped_db_ops = {
    .name = "failing",
    .close = db_close_,
    .query = db_query_,
    .step = db_step_,
    .done = db_done_,
    .run = db_run_,
    .move = db_move_,
    .changes = db_changes_,
    .written = db_written_,
    .in_transaction = db_in_transaction_,
    .script = db_script_,
    .clock = db_clock_,
    .lock = db_lock_,
    .locked = db_locked_,
    .unlock = db_unlock_,
};

struct db *failing_db(struct failing *f, struct db *inner)
{
    struct wrapped_db *w = mem_alloc(sizeof *w);
    *w = (struct wrapped_db){.ops = wrapped_db_ops, .inner = inner, .plan = f};
    w->ops.remote = inner->ops->remote;
    w->ops.checks = inner->ops->checks;
    w->ops.check_count = inner->ops->check_count;
    w->ops.freeze = inner->ops->freeze;
    w->ops.sequence = inner->ops->sequence;
    w->ops.set_sequence = inner->ops->set_sequence;
    w->ops.columns = inner->ops->columns;
    w->ops.column = inner->ops->column;
    w->ops.type = inner->ops->type;
    w->ops.get_int = inner->ops->get_int;
    w->ops.get_real = inner->ops->get_real;
    w->ops.get_text = inner->ops->get_text;
    w->ops.get_bytes = inner->ops->get_bytes;
    w->db.ops = &w->ops;
    if (inner->gathering)
        db_gather(&w->db, inner->gathering);
    return &w->db;
}

/* --- blobs --- */

static struct wrapped_store *store_of(struct blob_store *s)
{
    return (struct wrapped_store *)s;
}

static void store_close(struct blob_store *s)
{
    blob_store_close(store_of(s)->inner);
    free(s);
}

static int put_open(struct blob_store *s, const char *key, bool readable, struct blob_put **ret,
                    struct err *e)
{
    struct wrapped_store *w = store_of(s);
    struct blob_put *inner;
    if (fails(w->plan, FAIL_BLOB_PUT_OPEN))
        return blob_failure(e);
    int rc = blob_put_open(w->inner, key, readable, &inner, e);
    if (rc < 0)
        return rc;
    struct wrapped_put *p = mem_alloc(sizeof *p);
    *p = (struct wrapped_put){.put = {.ops = s->ops}, .inner = inner, .plan = w->plan};
    *ret = &p->put;
    return 0;
}

static int put_write(struct blob_put *put, const void *bytes, size_t len, struct err *e)
{
    struct wrapped_put *p = (struct wrapped_put *)put;
    return fails(p->plan, FAIL_BLOB_PUT_WRITE) ? blob_failure(e) : blob_put_write(p->inner, bytes, len, e);
}

static int put_commit(struct blob_put *put, struct err *e)
{
    struct wrapped_put *p = (struct wrapped_put *)put;
    return fails(p->plan, FAIL_BLOB_PUT_COMMIT) ? blob_failure(e) : blob_put_commit(p->inner, e);
}

static void put_close(struct blob_put *put)
{
    blob_put_close(((struct wrapped_put *)put)->inner);
    free(put);
}

static struct blob *wrap_blob(struct wrapped_store *w, struct blob *inner)
{
    struct wrapped_blob *b = mem_alloc(sizeof *b);
    *b = (struct wrapped_blob){.blob = {.ops = w->store.ops}, .inner = inner, .plan = w->plan};
    return &b->blob;
}

static int open_blob(struct blob_store *s, const char *key, struct blob **ret, int64_t *ret_size,
                     struct err *e)
{
    struct wrapped_store *w = store_of(s);
    struct blob *inner;
    if (fails(w->plan, FAIL_BLOB_OPEN))
        return blob_failure(e);
    int rc = blob_open(w->inner, key, &inner, ret_size, e);
    if (rc < 0)
        return rc;
    *ret = wrap_blob(w, inner);
    return 0;
}

static int expect_blob(struct blob_store *s, const char *key, int64_t size, struct blob **ret, struct err *e)
{
    struct wrapped_store *w = store_of(s);
    struct blob *inner;
    if (fails(w->plan, FAIL_BLOB_OPEN))
        return blob_failure(e);
    int rc = blob_expect(w->inner, key, size, &inner, e);
    if (rc == 0)
        *ret = wrap_blob(w, inner);
    return rc;
}

static int read_blob(struct blob *blob, int64_t offset, void *to, size_t len, struct err *e)
{
    struct wrapped_blob *b = (struct wrapped_blob *)blob;
    return fails(b->plan, FAIL_BLOB_READ) ? blob_failure(e) : blob_read(b->inner, offset, to, len, e);
}

static int read_some(struct blob *blob, int64_t offset, void *to, size_t max, size_t *ret_len, struct err *e)
{
    struct wrapped_blob *b = (struct wrapped_blob *)blob;
    return fails(b->plan, FAIL_BLOB_READ) ? blob_failure(e)
                                          : blob_read_some(b->inner, offset, to, max, ret_len, e);
}

static bool wait_for(struct blob *blob, void (*wake)(void *ctx), void *ctx)
{
    return blob_wait(((struct wrapped_blob *)blob)->inner, wake, ctx);
}

static void window(struct blob *blob, int64_t first, int64_t end)
{
    blob_window(((struct wrapped_blob *)blob)->inner, first, end);
}

static int fd_of(struct blob *blob)
{
    return blob_fd(((struct wrapped_blob *)blob)->inner);
}

static void close_blob(struct blob *blob)
{
    blob_close(((struct wrapped_blob *)blob)->inner);
    free(blob);
}

static int remove_blob(struct blob_store *s, const char *key, struct err *e)
{
    struct wrapped_store *w = store_of(s);
    return fails(w->plan, FAIL_BLOB_REMOVE) ? blob_failure(e) : blob_remove(w->inner, key, e);
}

static int list_blobs(struct blob_store *s, int part, const char *after, blob_each_fn *each, void *ctx,
                      struct err *e)
{
    struct wrapped_store *w = store_of(s);
    return fails(w->plan, FAIL_BLOB_LIST) ? blob_failure(e) : blob_list(w->inner, part, after, each, ctx, e);
}

static int owner(struct blob_store *s, struct blob_mark *ret, struct err *e)
{
    struct wrapped_store *w = store_of(s);
    return fails(w->plan, FAIL_BLOB_OPEN) ? blob_failure(e) : blob_owner(w->inner, ret, e);
}

static int own(struct blob_store *s, const struct blob_mark *mark, bool replace, struct err *e)
{
    struct wrapped_store *w = store_of(s);
    return fails(w->plan, FAIL_BLOB_PUT_COMMIT) ? blob_failure(e) : blob_own(w->inner, mark, replace, e);
}

static int room(struct blob_store *s, int64_t *ret_free, struct err *e)
{
    struct wrapped_store *w = store_of(s);
    return fails(w->plan, FAIL_BLOB_ROOM) ? blob_failure(e) : blob_room(w->inner, ret_free, e);
}

struct blob_store *failing_blobs(struct failing *f, struct blob_store *inner)
{
    struct wrapped_store *w = mem_alloc(sizeof *w);
    *w = (struct wrapped_store){.ops = {.name = "failing",
                                        .parts = inner->ops->parts,
                                        .close = store_close,
                                        .put_open = put_open,
                                        .put_write = put_write,
                                        .put_commit = put_commit,
                                        .put_close = put_close,
                                        .open = open_blob,
                                        .expect = expect_blob,
                                        .read_some = read_some,
                                        .wait = wait_for,
                                        .window = window,
                                        .read = read_blob,
                                        .fd = fd_of,
                                        .close_blob = close_blob,
                                        .remove = remove_blob,
                                        .list = list_blobs,
                                        .owner = owner,
                                        .own = own,
                                        .room = room},
                                .inner = inner,
                                .plan = f};
    w->store = (struct blob_store){.ops = &w->ops, .caps = inner->caps};
    return &w->store;
}
