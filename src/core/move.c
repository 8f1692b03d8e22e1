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
#include "base/text.h"
#include "core/move_parts.h"
#include "core/table_copy.h"

#include <string.h>

const char *const move_phase_names[MOVE_PHASE_END] = {"count", "bytes", "rows", "compare", "done"};
const char move_stage_bytes[] = "bytes";
const char move_stage_compare[] = "compare";

/* --- how far it is --- */

void move_show(void *ctx)
{
    struct mover *m = ctx;
    if (m->bytes && m->seen->phase == MOVE_BYTES)
        m->seen->bytes = m->bytes_before + move_bytes_done(m->bytes);
    m->o->progress(m->o->ctx, m->seen);
}

int move_go_on(struct mover *m, struct err *e)
{
    move_show(m);
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
            rc = move_go_on(m, e);
    }
    return rc;
}

int move_advance(struct db *to, struct mover *m, const struct relocation *next, struct err *e)
{
    int rc = store_relocation_advance(to, next, &m->at, e);
    if (rc == 0)
        return err_set(e, ERR_WRONG_STATE, "another process moves data to this target");
    return rc < 0 ? rc : 0;
}

/* --- from stage to stage --- */

struct stage {
    struct mover *m;
    struct relocation next;
};

static int enter_stage(struct db *to, void *ctx, struct err *e)
{
    struct stage *s = ctx;
    return move_advance(to, s->m, &s->next, e);
}

int move_next_stage(struct mover *m, const char *stage, struct err *e)
{
    struct stage s = {.m = m, .next = m->at};
    text_copy(s.next.stage, sizeof s.next.stage, stage);
    s.next.after_key = 0;
    int rc = db_tx(m->to.db, DB_WRITE, enter_stage, &s, e);
    if (rc == 0)
        m->at = s.next;
    return rc;
}

/* --- rows --- */

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
    return move_advance(to, d->m, &d->next, e);
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
            rc = move_go_on(m, e);
        }
    }
    if (rc == 0)
        rc = move_next_stage(m, t[1].name ? t[1].name : move_stage_compare, e);
    return rc;
}

static int move_rows(struct mover *m, struct err *e)
{
    int rc = 0;
    m->seen->phase = MOVE_ROWS;
    for (const struct whole_table *t = store_whole_tables; rc == 0 && t->name; t++)
        if (strcmp(m->at.stage, t->name) == 0)
            rc = move_table(m, t, e);
    if (rc == 0 && strcmp(m->at.stage, move_stage_compare) != 0)
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
        rc = rc < 0 ? rc : move_go_on(m, e);
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

/* --- the end --- */

/* By a server that runs on the target and had begun before the move did: what it takes for garbage may be
 * what has come. */
static int refuse_removal(struct db *to, struct err *e)
{
    int rc = move_has_doomed(to, e);
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
        rc = move_expire_lost(to, e);
    if (rc == 0)
        rc = store_lost_clear(to, e);
    return rc < 0 ? rc : store_relocation_put(to, &arrived, e);
}

static int move_all(struct mover *m, struct err *e)
{
    int rc = count_all(m, e);
    if (rc == 0)
        rc = move_secret_key(m, e);
    m->bytes_before = m->at.bytes;
    m->seen->blobs = m->at.blobs;
    m->seen->bytes = m->at.bytes;
    m->seen->rows = m->at.rows;
    if (rc == 0 && strcmp(m->at.stage, move_stage_bytes) == 0)
        rc = move_all_bytes(m, e);
    m->seen->bytes = m->at.bytes;
    if (rc == 0)
        rc = move_try_lost_again(m, e);
    if (rc == 0)
        rc = move_rows(m, e);
    if (rc == 0)
        rc = compare_rows(m, e);
    if (rc == 0)
        rc = move_refuse_lost(m, e);
    if (rc == 0)
        rc = move_freeze_source(m, clock_now(), e);
    return rc < 0 ? rc : db_tx(m->to.db, DB_WRITE, release, &m->at, e);
}

static int run(struct mover *m, struct err *e)
{
    struct err ignored;
    int rc = move_open_source(&m->from, e);
    if (rc == 0)
        rc = move_prepare_target(m, e);
    if (rc == ERR_STORAGE && *m->to.database.where && move_has_arrived(m, &ignored) > 0)
        return 0;
    if (rc == 0)
        rc = database_open_copy(&m->to.database, &m->to.db, e);
    if (rc == 0)
        rc = move_open_blobs(m, e);
    if (rc == 0)
        rc = move_begin(m, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    m->seen->frozen = true;
    rc = move_join_target(m, e);
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
    move_close_side(&m.to);
    move_close_side(&m.from);
    return rc;
}
