/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A move's two sides: the places that they are, and the source's freezing. See move_parts.h.
 */
#include "core/move_parts.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "core/blobs.h"
#include "core/file.h"
#include "core/instance.h"
#include "core/move.h"
#include "core/table_copy.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- places --- */

int move_open_source(struct side *s, struct err *e)
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
int move_prepare_target(struct mover *m, struct err *e)
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
int move_has_arrived(struct mover *m, struct err *e)
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

int move_open_blobs(struct mover *m, struct err *e)
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
int move_join_target(struct mover *m, struct err *e)
{
    struct instance_place place = {&m->to.folder, m->to.set};
    return m->same_blobs ? 0 : instance_join(&place, m->to.db, m->to.blobs, e);
}

void move_close_side(struct side *s)
{
    blob_store_close(s->blobs);
    db_close(s->db);
    if (s->lock >= 0)
        (void)close(s->lock);
}

/* --- the source can be read only --- */

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
int move_freeze_source(struct mover *m, int64_t finished_at, struct err *e)
{
    struct freezing f = {.row = m->at, .frozen = true};
    f.row.role = RELOCATION_SOURCE;
    f.row.finished_at = finished_at;
    text_copy(f.row.stage, sizeof f.row.stage, m->same_blobs ? "shared" : "");
    return db_tx(m->from.db, DB_WRITE, freeze, &f, e);
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

int move_has_doomed(struct db *to, struct err *e)
{
    static const struct whole_table doomed = {"doomed_blob", "pk", true};
    return table_has_rows(to, &doomed, e);
}

static int refuse_unless_empty(struct mover *m, struct err *e)
{
    int rc = 0;
    for (const struct whole_table *t = store_whole_tables; rc == 0 && t->name; t++)
        if ((rc = table_has_rows(m->to.db, t, e)) > 0)
            return err_set(e, ERR_BAD_VALUE, "the target is not empty: its table %s has rows already",
                           t->name);
    if (rc == 0 && (rc = move_has_doomed(m->to.db, e)) > 0)
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
    text_copy(b.row.stage, sizeof b.row.stage, move_stage_bytes);
    rc = db_tx(m->to.db, DB_WRITE, put_row, &b, e);
    m->at = b.row;
    return rc < 0 ? rc : move_freeze_source(m, 0, e);
}

/* 1: all has been moved there before; 0: there is something to do, and the source is frozen. */
int move_begin(struct mover *m, struct err *e)
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

/* --- the key of secrets --- */

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
int move_secret_key(struct mover *m, struct err *e)
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
    int rc = move_open_source(&s, e);
    if (rc == 0)
        rc = thaw(&s, e);
    move_close_side(&s);
    return rc;
}
