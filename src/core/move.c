/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See move.h. Order: the target's row, then the freezing of the source, so that a target with a row knows its
 * source and an interrupted begin can be told from somebody else's. Then all bytes, then all tables, so that
 * no row is there before its bytes; then everything is read again on both sides and compared.
 *
 * The stage in that row is "bytes", the name of a table, or "compare". Comparing begins anew each time.
 */
#include "core/move.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "core/blobs.h"
#include "core/database.h"
#include "core/file.h"
#include "core/instance.h"
#include "core/move_bytes.h"
#include "core/result.h"
#include "core/table_copy.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const move_phase_names[MOVE_PHASE_END] = {"count", "bytes", "rows", "compare", "done"};

static const char stage_bytes[] = "bytes";
static const char stage_compare[] = "compare";

struct side {
    const struct settings *set;
    struct folder folder;
    struct database database;
    struct db *db;
    struct blob_store *blobs;
    int lock;
};

struct mover {
    const struct move_options *o;
    struct side from;
    struct side to;
    bool same_blobs; /* they stay where they are */
    bool resumed;
    struct relocation at; /* the target's row */
    struct move_bytes *bytes;
    int64_t bytes_before; /* that earlier runs have copied */
    struct move_progress *seen;
};

/* --- places --- */

static int open_source(struct side *s, struct err *e)
{
    int rc = folder_find(s->set->data, !*s->set->db, &s->folder, e);
    if (rc < 0)
        return rc;
    database_choose_whole(&s->folder, s->set, &s->database);
    return database_open_writer(&s->database, false, &s->db, e);
}

static bool same_folder(const struct side *a, const struct side *b)
{
    char first[PATH_MAX];
    char second[PATH_MAX];
    return realpath(a->set->data, first) && realpath(b->set->data, second) && strcmp(first, second) == 0;
}

/* What is in a folder is for one process; what only passes through it is not. */
static int prepare_target(struct mover *m, struct err *e)
{
    struct side *to = &m->to;
    int rc = folder_prepare(to->set->data, &to->folder, e);
    if (rc < 0)
        return rc;
    bool shared = same_folder(&m->from, to);
    bool same_database = strcmp(m->from.set->db, to->set->db) == 0 && (*to->set->db || shared);
    m->same_blobs = strcmp(m->from.set->blobs, to->set->blobs) == 0 && (*to->set->blobs || shared);
    if (same_database)
        return err_set(e, ERR_BAD_VALUE, "both sides have the same database");
    database_choose_whole(&to->folder, to->set, &to->database);
    return (!*to->set->db || !*to->set->blobs) && !shared ? folder_lock(&to->folder, &to->lock, e) : 0;
}

/* Who runs a move again that has come to its end may serve the target by now: 1. */
static int has_arrived(struct mover *m, struct err *e)
{
    struct relocation source;
    struct db *db = NULL;
    int rc = database_open_reader(&m->to.database, true, &db, e);
    if (rc < 0)
        return rc;
    int there = store_relocation_get(db, &m->at, e);
    rc = there > 0 ? store_relocation_get(m->from.db, &source, e) : there;
    db_close(db);
    return rc > 0 ? m->at.role == RELOCATION_ARRIVED && strcmp(m->at.token, source.token) == 0 : rc;
}

static int open_blobs(struct mover *m, struct err *e)
{
    struct instance_place place = {&m->from.folder, m->from.set};
    int rc = blobs_find(&m->from.folder, m->from.set, &m->from.blobs, e);
    if (rc == 0)
        rc = instance_compare(&place, m->from.db, m->from.blobs, e);
    if (rc == 0 && !m->same_blobs)
        rc = blobs_open(&m->to.folder, m->to.set, &m->to.blobs, e);
    return rc;
}

/* Before the first byte comes there; also of what an earlier run has begun. */
static int join_target(struct mover *m, struct err *e)
{
    struct instance_place place = {&m->to.folder, m->to.set};
    return m->same_blobs ? 0 : instance_join(&place, m->to.db, m->to.blobs, e);
}

static void close_side(struct side *s)
{
    blob_store_close(s->blobs);
    db_close(s->db);
    if (s->lock >= 0)
        (void)close(s->lock);
}

/* --- beginning --- */

static int refuse_blob(void *ctx, const struct blob_entry *entry, struct err *e)
{
    (void)ctx;
    return err_set(e, ERR_BAD_VALUE, "the target is not empty: it has the blob %.60s already", entry->key);
}

static int refuse_owner(struct blob_store *blobs, struct err *e)
{
    struct blob_mark owner;
    int rc = blob_owner(blobs, &owner, e);
    return rc <= 0
               ? rc
               : err_set(e, ERR_BAD_VALUE,
                         "the target is not empty: " BLOB_OWNER " there says that it is another database's");
}

static const struct whole_table doomed_table = {"doomed_blob", "pk", true};

/* A key that stands in doomed_blob, of whatever was there before, would cost its blob. */
static int refuse_unless_empty(struct mover *m, struct err *e)
{
    int rc = 0;
    for (const struct whole_table *t = store_whole_tables; rc == 0 && t->name; t++)
        if ((rc = table_has_rows(m->to.db, t, e)) > 0)
            return err_set(e, ERR_BAD_VALUE, "the target is not empty: its table %s has rows already",
                           t->name);
    if (rc == 0 && (rc = table_has_rows(m->to.db, &doomed_table, e)) > 0)
        return err_set(e, ERR_BAD_VALUE,
                       "the target is not empty: it still has files to remove, or has just removed some");
    if (rc == 0 && m->to.blobs)
        rc = refuse_owner(m->to.blobs, e);
    for (int part = 0; rc == 0 && m->to.blobs && part < m->to.blobs->ops->parts; part++)
        rc = blob_list(m->to.blobs, part, "", refuse_blob, NULL, e);
    return rc;
}

struct beginning {
    struct relocation row;
    struct instance instance;
};

static int put_row(struct db *db, void *ctx, struct err *e)
{
    const struct beginning *b = ctx;
    int rc = store_lost_clear(db, e);
    if (rc == 0)
        rc = store_instance_put(db, &b->instance, e);
    return rc < 0 ? rc : store_relocation_put(db, &b->row, e);
}

struct freezing {
    struct relocation row;
    bool frozen;
};

/* Who has given up meanwhile may have changed something, behind what has been compared. */
static int still_ours(struct db *db, const struct relocation *row, struct err *e)
{
    struct relocation now;
    int rc = store_relocation_get(db, &now, e);
    if (rc < 0 || (rc > 0 && now.role == RELOCATION_SOURCE && strcmp(now.token, row->token) == 0))
        return rc < 0 ? rc : 0;
    return err_set(e, ERR_MISMATCH,
                   "somebody has ended this move with --abort: empty the target and begin anew");
}

static int freeze(struct db *db, void *ctx, struct err *e)
{
    struct freezing *f = ctx;
    int rc = f->row.finished_at ? still_ours(db, &f->row, e) : 0;
    if (rc == 0)
        rc = db_freeze(db, store_whole_names, f->frozen, e);
    if (rc < 0)
        return rc;
    return f->frozen ? store_relocation_put(db, &f->row, e) : store_relocation_remove(db, e);
}

/* A source whose bytes stay where they are says so: see move_abort. */
static int freeze_source(struct mover *m, int64_t finished_at, struct err *e)
{
    struct freezing f = {.row = m->at, .frozen = true};
    f.row.role = RELOCATION_SOURCE;
    f.row.finished_at = finished_at;
    text_copy(f.row.stage, sizeof f.row.stage, m->same_blobs ? "shared" : "");
    return db_tx(m->from.db, DB_WRITE, freeze, &f, e);
}

/*
 * The target has the same key of secrets. With bytes of its own it has an id of its own, so that neither side
 * can be served with the other's bytes, whether the move comes to its end or not; where the bytes stay the
 * id does.
 */
static int choose_instance(struct mover *m, struct instance *ret, struct err *e)
{
    int rc = store_instance_get(m->from.db, ret, e);
    if (rc > 0 && !m->same_blobs) {
        id_new(ret->id);
        ret->store[0] = ret->copy_of[0] = '\0';
    }
    return rc < 0 ? rc : 0;
}

static int begin_anew(struct mover *m, struct err *e)
{
    struct beginning b = {.row = {.role = RELOCATION_TARGET, .started_at = clock_now()}};
    int rc = refuse_unless_empty(m, e);
    if (rc == 0)
        rc = choose_instance(m, &b.instance, e);
    if (rc < 0)
        return rc;
    id_new(b.row.token);
    text_copy(b.row.stage, sizeof b.row.stage, stage_bytes);
    rc = db_tx(m->to.db, DB_WRITE, put_row, &b, e);
    m->at = b.row;
    return rc < 0 ? rc : freeze_source(m, 0, e);
}

/* 1: all has been moved there before; 0: there is something to do, and the source is frozen. */
static int begin(struct mover *m, struct err *e)
{
    struct relocation source;
    int sources = store_relocation_get(m->from.db, &source, e);
    int targets = sources < 0 ? sources : store_relocation_get(m->to.db, &m->at, e);
    if (targets < 0)
        return targets;
    bool frozen = sources > 0 && source.role == RELOCATION_SOURCE;
    bool ours = frozen && targets > 0 && strcmp(source.token, m->at.token) == 0;
    if (ours && m->at.role == RELOCATION_ARRIVED)
        return 1;
    if (ours && m->at.role == RELOCATION_TARGET) {
        m->resumed = true;
        return 0;
    }
    if (frozen && !source.finished_at)
        return err_set(
            e, ERR_WRONG_STATE,
            "this source is being moved to another place already: go on with that, or end it with: "
            "resultd move --abort");
    return begin_anew(m, e);
}

static int same_content(const char *a, const char *b, bool *ret, struct err *e)
{
    char first[256] = {0};
    char second[256] = {0};
    FILE *one = fopen(a, "rb");
    FILE *other = fopen(b, "rb");
    int rc = one && other ? 0 : file_fail("read", one ? b : a, e);
    if (rc == 0)
        *ret = fread(first, 1, sizeof first, one) == fread(second, 1, sizeof second, other) &&
               memcmp(first, second, sizeof first) == 0;
    if (one)
        (void)fclose(one);
    if (other)
        (void)fclose(other);
    explicit_bzero(first, sizeof first);
    explicit_bzero(second, sizeof second);
    return rc;
}

/* It is not there before all of it is. */
static int copy_whole(const char *from, const char *to, struct err *e)
{
    char part[PATH_MAX];
    if ((size_t)snprintf(part, sizeof part, "%s.part", to) >= sizeof part)
        return err_set(e, ERR_BAD_VALUE, "the path %.200s is too long", to);
    (void)unlink(part); /* of an earlier run */
    int rc = file_copy(from, part, e);
    if (rc == 0 && rename(part, to) < 0)
        rc = file_fail("name", to, e);
    return rc < 0 ? rc : file_sync(dirname(part), e);
}

/* Without it what is sealed in the database could not be read. Who was never served has none. */
static int copy_secret_key(struct mover *m, struct err *e)
{
    const char *from = folder_secret_key(&m->from.folder, m->from.set);
    const char *to = folder_secret_key(&m->to.folder, m->to.set);
    bool same = true;
    if (access(from, F_OK) < 0)
        return 0;
    if (access(to, F_OK) < 0)
        return copy_whole(from, to, e);
    int rc = same_content(from, to, &same, e);
    if (rc == 0 && !same)
        rc = err_set(e, ERR_BAD_VALUE, "the target has another key for secrets in %.200s", to);
    return rc;
}

/* --- how far it is --- */

static void show(void *ctx)
{
    struct mover *m = ctx;
    if (m->bytes && m->seen->phase == MOVE_BYTES)
        m->seen->bytes = m->bytes_before + move_bytes_done(m->bytes);
    m->o->progress(m->o->ctx, m->seen);
}

static int go_on(struct mover *m, struct err *e)
{
    show(m);
    return atomic_load(m->o->stop) ? err_set(e, ERR_SHUTTING_DOWN, "stopped") : 0;
}

/* What is to be copied may take a while to count: only rows of tables, since their pages are what takes time.
 */
static int count_all(struct mover *m, struct err *e)
{
    int64_t results;
    int rc = store_whole_bytes(m->from.db, &results, &m->seen->bytes_total, e);
    for (const struct whole_table *t = store_whole_tables; rc == 0 && t->name; t++) {
        int64_t rows = 0;
        rc = store_whole_count(m->from.db, t, &rows, e);
        m->seen->rows_total += rows;
        if (rc == 0)
            rc = go_on(m, e);
    }
    return rc;
}

static int advance(struct db *to, struct mover *m, const struct relocation *next, struct err *e)
{
    int rc = store_relocation_advance(to, next, &m->at, e);
    if (rc == 0)
        return err_set(e, ERR_WRONG_STATE, "another process moves data to this target");
    return rc < 0 ? rc : 0;
}

/* --- bytes --- */

struct page_done {
    struct mover *m;
    const struct move_blob *blobs;
    int count;
    struct relocation next;
};

static int note_lost(struct db *to, const struct move_blob *b, struct err *e)
{
    return *b->lost ? store_lost_add(to, b->result->pk, b->result->id, b->lost, e) : 0;
}

static int note_page(struct db *to, void *ctx, struct err *e)
{
    struct page_done *p = ctx;
    int rc = 0;
    for (int i = 0; rc == 0 && i < p->count; i++)
        rc = note_lost(to, &p->blobs[i], e);
    return rc < 0 ? rc : advance(to, p->m, &p->next, e);
}

static void tell_lost(struct mover *m, const char *id, const char *why)
{
    char line[260];
    (void)snprintf(line, sizeof line, "%.40s: %s", id, why);
    m->o->tell(m->o->ctx, line);
}

/* What is in the database moves with its rows: it is only looked at here. */
static int look_at_inline(struct mover *m, struct move_blob *b, struct err *e)
{
    struct arena a = {0};
    struct digest_values v;
    const void *bytes = NULL;
    size_t len = 0;
    int rc = store_bytes_get(m->from.db, &a, b->result->pk, &bytes, &len, e);
    if (rc > 0) {
        struct digest *d = digest_new();
        digest_update_rest(d, bytes, len);
        digest_finish(d, &v);
        digest_free(d);
        if ((int64_t)len != b->result->size || strcmp(v.sha256, b->result->digests.sha256) != 0)
            text_copy(b->lost, sizeof b->lost, "its bytes have another digest than its row says");
        m->bytes_before += (int64_t)len;
    } else if (rc == 0) {
        text_copy(b->lost, sizeof b->lost, "its bytes are missing");
    }
    arena_free(&a);
    return rc < 0 ? rc : 0;
}

/* Those of the database at once, the others by threads; `blobs` has all of them afterwards. */
static int move_some(struct mover *m, struct result *list, struct move_blob *blobs, int *ret_count,
                     bool look_first, struct err *e)
{
    int filed = 0;
    int small = 0;
    int total = 0;
    int rc = 0;
    for (const struct result *r = list; r; r = r->next)
        total++;
    for (const struct result *r = list; r; r = r->next)
        if (r->is_inline)
            blobs[total - ++small].result = r;
        else
            blobs[filed++].result = r;
    *ret_count = total;
    rc = move_bytes_run(m->bytes, blobs, filed, look_first, show, m, e);
    for (int i = filed; rc == 0 && i < total; i++)
        rc = look_at_inline(m, &blobs[i], e);
    return rc;
}

static int finish_page(struct mover *m, const struct result *list, struct move_blob *blobs, int count,
                       struct err *e)
{
    struct page_done p = {.m = m, .blobs = blobs, .count = count, .next = m->at};
    for (const struct result *r = list; r; r = r->next)
        p.next.after_key = r->pk;
    for (int i = 0; i < count; i++)
        if (!*blobs[i].lost) {
            p.next.blobs++;
            p.next.bytes += blobs[i].result->size;
        }
    int rc = db_tx(m->to.db, DB_WRITE, note_page, &p, e);
    for (int i = 0; rc == 0 && i < count; i++)
        if (*blobs[i].lost)
            tell_lost(m, blobs[i].result->id, blobs[i].lost);
    if (rc == 0)
        m->at = p.next;
    m->seen->blobs = m->at.blobs;
    return rc;
}

/* One page of results; 1: there are no more. */
static int move_page(struct mover *m, bool look_first, struct err *e)
{
    struct arena a = {0};
    struct result *list = NULL;
    int count = 0;
    int limit = move_bytes_batch(m->bytes);
    struct move_blob *blobs = arena_alloc(&a, (size_t)limit * sizeof *blobs);
    int rc = store_result_stored_after(m->from.db, &a, m->at.after_key, limit, &list, e);
    if (rc == 0)
        rc = move_some(m, list, blobs, &count, look_first, e);
    if (rc == 0 && count)
        rc = finish_page(m, list, blobs, count, e);
    arena_free(&a);
    return rc < 0 ? rc : count < limit;
}

static int next_stage(struct mover *m, const char *stage, struct err *e);

static int move_all_bytes(struct mover *m, struct err *e)
{
    bool look_first = m->resumed;
    int rc = 0;
    m->seen->phase = MOVE_BYTES;
    show(m);
    while (rc == 0) {
        rc = move_page(m, look_first, e);
        if (rc >= 0 && go_on(m, e) < 0)
            rc = e->code;
        look_first = false; /* an earlier run had no more than one page under way */
    }
    return rc < 0 ? rc : next_stage(m, store_whole_tables[0].name, e);
}

/* --- those that were lost when an earlier run came by --- */

struct lost_list {
    struct arena *arena;
    struct move_blob *blobs;
    const char **ids;
    int count;
    int64_t last;
};
enum { LOST_PAGE = 200 };

static int take_lost(void *ctx, int64_t result, const char *id, const char *why, struct err *e)
{
    struct lost_list *l = ctx;
    (void)why;
    (void)e;
    l->ids[l->count++] = arena_strdup(l->arena, id);
    l->last = result;
    return 0;
}

static int remove_found(struct db *to, void *ctx, struct err *e)
{
    const struct lost_list *l = ctx;
    int rc = 0;
    for (int i = 0; rc == 0 && i < l->count; i++)
        if (!*l->blobs[i].lost)
            rc = store_lost_remove(to, l->blobs[i].result->pk, e);
    return rc;
}

static int try_lost_page(struct mover *m, struct lost_list *l, struct err *e)
{
    struct result *list = NULL;
    struct result **link = &list;
    int rc = store_lost_each(m->to.db, l->last, LOST_PAGE, take_lost, l, e);
    for (int i = 0; rc >= 0 && i < l->count; i++)
        if ((rc = store_result_by_id(m->from.db, l->arena, l->ids[i], link, e)) > 0)
            link = &(*link)->next;
    if (rc >= 0)
        rc = move_some(m, list, l->blobs, &l->count, true, e);
    if (rc == 0)
        rc = db_tx(m->to.db, DB_WRITE, remove_found, l, e);
    for (int i = 0; rc == 0 && i < l->count; i++)
        if (*l->blobs[i].lost)
            tell_lost(m, l->blobs[i].result->id, l->blobs[i].lost);
    return rc;
}

/* Somebody may have brought their files back. */
static int try_lost_again(struct mover *m, struct err *e)
{
    int64_t last = 0;
    int rc = 0;
    for (bool more = m->resumed; rc == 0 && more;) {
        struct arena a = {0};
        struct lost_list l = {.arena = &a, .last = last};
        l.ids = arena_alloc(&a, LOST_PAGE * sizeof *l.ids);
        l.blobs = arena_alloc(&a, LOST_PAGE * sizeof *l.blobs);
        rc = try_lost_page(m, &l, e);
        more = l.last != last;
        last = l.last;
        arena_free(&a);
    }
    return rc;
}

/* --- rows --- */

struct stage {
    struct mover *m;
    const char *name;
    struct relocation next;
};

static int enter_stage(struct db *to, void *ctx, struct err *e)
{
    struct stage *s = ctx;
    return advance(to, s->m, &s->next, e);
}

static int next_stage(struct mover *m, const char *stage, struct err *e)
{
    struct stage s = {.m = m, .next = m->at};
    text_copy(s.next.stage, sizeof s.next.stage, stage);
    s.next.after_key = 0;
    int rc = db_tx(m->to.db, DB_WRITE, enter_stage, &s, e);
    if (rc == 0)
        m->at = s.next;
    return rc;
}

struct rows_done {
    struct mover *m;
    struct relocation next;
    int64_t rows_before;
};

static int note_rows(struct db *to, const struct table_place *now, void *ctx, struct err *e)
{
    struct rows_done *d = ctx;
    d->next = d->m->at;
    d->next.after_key = now->after;
    d->next.rows = d->rows_before + now->rows;
    return advance(to, d->m, &d->next, e);
}

static int move_table(struct mover *m, const struct whole_table *t, struct err *e)
{
    struct table_place at = {.after = m->at.after_key};
    struct rows_done d = {.m = m, .rows_before = m->at.rows};
    int rc = 0;
    while (rc == 0 && !at.end) {
        rc = table_copy_page(m->from.db, m->to.db, t, &at, note_rows, &d, e);
        if (rc == 0) {
            m->at = d.next;
            m->seen->rows = m->at.rows;
            rc = go_on(m, e);
        }
    }
    if (rc == 0)
        rc = next_stage(m, t[1].name ? t[1].name : stage_compare, e);
    return rc;
}

static int move_rows(struct mover *m, struct err *e)
{
    int rc = 0;
    m->seen->phase = MOVE_ROWS;
    for (const struct whole_table *t = store_whole_tables; rc == 0 && t->name; t++)
        if (strcmp(m->at.stage, t->name) == 0)
            rc = move_table(m, t, e);
    if (rc == 0 && strcmp(m->at.stage, stage_compare) != 0)
        rc = err_set(e, ERR_MISMATCH, "the target was begun by another version of this program");
    return rc < 0 ? rc : table_copy_sequences(m->from.db, m->to.db, e);
}

/* --- proving --- */

static int compare_table(struct mover *m, const struct whole_table *t, struct digest *all, struct err *e)
{
    struct table_place at = {.end = false};
    int64_t before = m->seen->rows;
    int rc = 0;
    while (rc == 0 && !at.end) {
        int64_t after = at.after;
        rc = table_compare_page(m->from.db, m->to.db, t, &at, all, e);
        if (rc == 0)
            return err_set(
                e, ERR_MISMATCH,
                "the table %s is not the same on both sides, behind its row %lld: somebody has changed "
                "one of them",
                t->name, (long long)after);
        m->seen->rows = before + at.rows;
        rc = rc < 0 ? rc : go_on(m, e);
    }
    return rc;
}

static int compare_rows(struct mover *m, struct err *e)
{
    struct digest *all = digest_new();
    struct digest_values v;
    int rc = 0;
    m->seen->phase = MOVE_COMPARE;
    m->seen->rows = 0;
    for (const struct whole_table *t = store_whole_tables; rc == 0 && t->name; t++)
        rc = compare_table(m, t, all, e);
    digest_finish(all, &v);
    digest_free(all);
    text_copy(m->seen->sha256, sizeof m->seen->sha256, v.sha256);
    if (rc == 0 && m->seen->rows != m->at.rows)
        rc = err_set(e, ERR_MISMATCH, "%lld rows are there, but %lld were copied", (long long)m->seen->rows,
                     (long long)m->at.rows);
    return rc;
}

static int refuse_lost(struct mover *m, struct err *e)
{
    int rc = store_lost_count(m->to.db, &m->seen->lost, e);
    if (rc < 0 || m->seen->lost == 0 || m->o->expire_lost)
        return rc;
    return err_set(
        e, ERR_MISMATCH,
        "the source has lost the bytes of %lld results, see above: bring them back and run this again, or "
        "let them expire with --expire-lost",
        (long long)m->seen->lost);
}

/* --- the end --- */

static int expire_lost(struct db *to, const char *id, struct err *e)
{
    struct arena a = {0};
    struct session s = {.db = to, .arena = &a};
    struct result *r = NULL;
    int rc = db_clock(to, &s.now, e);
    rc = rc < 0 ? rc : store_result_by_id(to, &a, id, &r, e);
    if (rc > 0) {
        r->keep = false;
        r->due_at = s.now;
        rc = result_expire(&s, r, e);
    }
    arena_free(&a);
    return rc < 0 ? rc : 0;
}

static int expire_all_lost(struct db *to, struct err *e)
{
    int64_t last = 0;
    int rc = 0;
    for (bool more = true; rc == 0 && more;) {
        struct arena a = {0};
        struct lost_list l = {.arena = &a, .last = last};
        l.ids = arena_alloc(&a, LOST_PAGE * sizeof *l.ids);
        rc = store_lost_each(to, last, LOST_PAGE, take_lost, &l, e);
        for (int i = 0; rc == 0 && i < l.count; i++)
            rc = expire_lost(to, l.ids[i], e);
        more = l.last != last;
        last = l.last;
        arena_free(&a);
    }
    return rc;
}

/* By a server that runs on the target and had begun before the move did: what it takes for garbage may be
 * what has come. */
static int refuse_removal(struct db *to, struct err *e)
{
    int rc = table_has_rows(to, &doomed_table, e);
    return rc > 0
               ? err_set(e, ERR_BAD_VALUE,
                         "a server has removed files from the target in the meantime, or is about to; stop "
                         "it, remove what is there, and move once more")
               : rc;
}

static int release(struct db *to, void *ctx, struct err *e)
{
    struct relocation arrived = *(const struct relocation *)ctx;
    arrived.role = RELOCATION_ARRIVED;
    arrived.finished_at = clock_now();
    int rc = refuse_removal(to, e);
    if (rc == 0)
        rc = expire_all_lost(to, e);
    if (rc == 0)
        rc = store_lost_clear(to, e);
    return rc < 0 ? rc : store_relocation_put(to, &arrived, e);
}

static int move_all(struct mover *m, struct err *e)
{
    int rc = count_all(m, e);
    if (rc == 0)
        rc = copy_secret_key(m, e);
    m->bytes_before = m->at.bytes;
    m->seen->blobs = m->at.blobs;
    m->seen->bytes = m->at.bytes;
    m->seen->rows = m->at.rows;
    if (rc == 0 && strcmp(m->at.stage, stage_bytes) == 0)
        rc = move_all_bytes(m, e);
    m->seen->bytes = m->at.bytes;
    if (rc == 0)
        rc = try_lost_again(m, e);
    if (rc == 0)
        rc = move_rows(m, e);
    if (rc == 0)
        rc = compare_rows(m, e);
    if (rc == 0)
        rc = refuse_lost(m, e);
    if (rc == 0)
        rc = freeze_source(m, clock_now(), e);
    return rc < 0 ? rc : db_tx(m->to.db, DB_WRITE, release, &m->at, e);
}

static int run(struct mover *m, struct err *e)
{
    struct err ignored;
    int rc = open_source(&m->from, e);
    if (rc == 0)
        rc = prepare_target(m, e);
    if (rc == ERR_STORAGE && *m->to.database.where && has_arrived(m, &ignored) > 0)
        return 0;
    if (rc == 0)
        rc = database_open_copy(&m->to.database, &m->to.db, e);
    if (rc == 0)
        rc = open_blobs(m, e);
    if (rc == 0)
        rc = begin(m, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    m->seen->frozen = true;
    rc = join_target(m, e);
    if (rc < 0)
        return rc;
    m->bytes = move_bytes_new(m->from.blobs, m->to.blobs, m->o->threads, m->o->stop);
    rc = move_all(m, e);
    move_bytes_free(m->bytes);
    m->bytes = NULL;
    return rc;
}

int move_run(const struct settings *from, const struct settings *to, const struct move_options *o,
             struct move_progress *ret, struct err *e)
{
    struct mover m = {.o = o, .from = {.set = from, .lock = -1}, .to = {.set = to, .lock = -1}, .seen = ret};
    *ret = (struct move_progress){.phase = MOVE_COUNT};
    int rc = run(&m, e);
    if (rc == 0) {
        ret->phase = MOVE_DONE;
        ret->blobs = m.at.blobs;
        ret->bytes = m.at.bytes;
        ret->rows = m.at.rows;
        o->progress(o->ctx, ret);
    }
    close_side(&m.to);
    close_side(&m.from);
    return rc;
}

/* --- giving up --- */

static int thaw(struct side *s, struct err *e)
{
    struct freezing f = {.frozen = false};
    struct relocation r;
    int rc = store_relocation_get(s->db, &r, e);
    if (rc <= 0 || r.role != RELOCATION_SOURCE)
        return rc < 0 ? rc : 0;
    if (r.finished_at && strcmp(r.stage, "shared") == 0)
        return err_set(
            e, ERR_WRONG_STATE,
            "these data were moved, and their bytes stayed where they are: who serves both databases "
            "loses them");
    rc = db_tx(s->db, DB_WRITE, freeze, &f, e);
    return rc < 0 ? rc : r.finished_at ? 2 : 1;
}

int move_abort(const struct settings *from, struct err *e)
{
    struct side s = {.set = from, .lock = -1};
    int rc = open_source(&s, e);
    if (rc == 0)
        rc = thaw(&s, e);
    close_side(&s);
    return rc;
}
