/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a project has: sums in a table of their own, corrected by what is due but not yet swept.
 *
 * Every function of result.c that writes a row adds to them. A group commit acknowledges dozens of results of
 * one project, so the additions are gathered and written once per transaction: as triggers they were a third
 * of the writer's time.
 */
#include "store/row.h"

enum { GATHERED_SUMS = 24, GATHERED_HOURS = 8 };

struct sum {
    int64_t project;
    enum result_state state;
    bool trash;
    int64_t results;
    int64_t bytes;
};

/* Of a transaction, which counts where its last change does. */
struct hour {
    int64_t project;
    int64_t now;
    struct activity seen;
};

struct sums {
    int count, hour_count;
    struct sum of[GATHERED_SUMS];
    struct hour hours[GATHERED_HOURS];
};

static int write_sum(struct db *db, const struct sum *s, struct err *e)
{
    static const struct stmt st DB_LISTED = {
        "usage_add",
        "INSERT INTO usage (project, state, trash, results, bytes) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (project, state, trash)"
        " DO UPDATE SET results = usage.results + excluded.results, bytes = usage.bytes + excluded.bytes",
        false};
    struct db_value args[] = {db_of_int(s->project), db_of_text(result_state_names[s->state]),
                              db_of_int(s->trash), db_of_int(s->results), db_of_int(s->bytes)};
    return s->results || s->bytes ? db_run(db, &st, args, STORE_COUNT(args), NULL, e) : 0;
}

static int flush(struct db *db, void *gathered, struct err *e)
{
    struct sums *sums = gathered;
    int rc = 0;
    for (int i = 0; rc == 0 && i < sums->count; i++)
        rc = write_sum(db, &sums->of[i], e);
    for (int i = 0; rc == 0 && i < sums->hour_count; i++) /* after the sums, which it notes */
        rc = store_usage_hour_add(db, sums->hours[i].project, sums->hours[i].now, &sums->hours[i].seen, e);
    sums->count = sums->hour_count = 0;
    return rc;
}

const struct db_gathering store_usage_gathering = {sizeof(struct sums), flush};

int usage_add(struct db *db, int64_t project, enum result_state state, bool trash, int64_t results,
              int64_t bytes, struct err *e)
{
    struct sum add = {project, state, trash, results, bytes};
    struct sums *sums = db_gathered(db);
    if (!sums)
        return write_sum(db, &add, e);
    for (int i = 0; i < sums->count; i++) {
        struct sum *s = &sums->of[i];
        if (s->project == project && s->state == state && s->trash == trash) {
            s->results += results;
            s->bytes += bytes;
            return 0;
        }
    }
    int rc = sums->count == GATHERED_SUMS ? flush(db, sums, e) : 0;
    if (rc == 0)
        sums->of[sums->count++] = add;
    return rc;
}

static void add_activity(struct activity *to, const struct activity *more)
{
    to->uploads += more->uploads;
    to->uploaded_bytes += more->uploaded_bytes;
    to->downloads += more->downloads;
    to->downloaded_bytes += more->downloaded_bytes;
    to->acks += more->acks;
    to->expired += more->expired;
    to->deleted += more->deleted;
}

int usage_note(struct db *db, int64_t project, int64_t now, const struct activity *seen, struct err *e)
{
    struct sums *sums = db_gathered(db);
    if (!sums)
        return store_usage_hour_add(db, project, now, seen, e);
    for (int i = 0; i < sums->hour_count; i++)
        if (sums->hours[i].project == project) {
            sums->hours[i].now = now;
            add_activity(&sums->hours[i].seen, seen);
            return 0;
        }
    int rc = sums->hour_count == GATHERED_HOURS ? flush(db, sums, e) : 0;
    if (rc == 0)
        sums->hours[sums->hour_count++] = (struct hour){project, now, *seen};
    return rc;
}

int store_usage_downloaded(struct db *db, int64_t project, int64_t now, const struct activity *seen,
                           struct err *e)
{
    return usage_note(db, project, now, seen, e);
}

static void add(struct usage *u, int state, bool trash, int64_t results, int64_t bytes)
{
    if (trash) {
        u->trash_results += results;
        u->trash_bytes += bytes;
    } else if (state >= 0) {
        u->results[state] += results;
        u->bytes[state] += bytes;
    }
}

static int read_sums(struct db *db, const struct stmt *s, const struct db_value *args, int count, bool due,
                     struct usage *u, struct err *e)
{
    struct db_cursor *c = NULL;
    int rc = db_query(db, s, args, count, &c, e);
    if (rc < 0)
        return rc;
    while ((rc = db_step(db, c, e)) > 0) {
        int state = store_word(result_state_names, RESULT_STATE_END, db_text(db, c, 0));
        int64_t results = db_int(db, c, 2);
        int64_t bytes = db_int(db, c, 3);
        add(u, state, db_int(db, c, 1) != 0, due ? -results : results, due ? -bytes : bytes);
        if (due)
            add(u, RESULT_EXPIRED, false, results, bytes);
    }
    db_done(db, c);
    return rc;
}

int store_usage_get(struct db *db, int64_t project, int64_t now, struct usage *ret, struct err *e)
{
    static const struct stmt sums DB_LISTED = {
        "usage_sums",
        "SELECT state, trash, sum(results), sum(bytes) FROM usage WHERE $1 = 0 "
        "OR project = $1 GROUP BY state, trash",
        false};
    static const struct stmt due DB_LISTED = {
        "usage_due",
        "SELECT state, 0, count(*), sum(size * stored) FROM result"
        " WHERE due_at <= $2 AND expired_at IS NULL AND deleted_at IS NULL AND ($1 = 0 OR project = $1) GROUP BY state",
        false};
    struct db_value args[] = {db_of_int(project), db_of_int(now)};
    struct usage u = {0};
    int rc = read_sums(db, &sums, args, STORE_COUNT(args), false, &u, e);
    if (rc == 0)
        rc = read_sums(db, &due, args, STORE_COUNT(args), true, &u, e);
    if (rc == 0)
        *ret = u;
    return rc;
}

int store_usage_of_job(struct db *db, int64_t job, int64_t now, struct usage *ret, struct err *e)
{
    static const struct stmt counts DB_LISTED = {
        "usage_of_job",
        "SELECT CASE WHEN due_at <= $2 THEN 'expired' ELSE state END AS now, deleted_at IS NOT NULL AS trash,"
        " count(*), sum(size * stored) FROM result WHERE job = $1 GROUP BY now, trash",
        false};
    struct db_value args[] = {db_of_int(job), db_of_int(now)};
    struct usage u = {0};
    int rc = read_sums(db, &counts, args, STORE_COUNT(args), false, &u, e);
    if (rc == 0)
        *ret = u;
    return rc;
}
