/* SPDX-License-Identifier: Apache-2.0 */
/* What a project has: sums that triggers keep, corrected by what is due but not yet swept. */
#include "store/row.h"

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
    static const struct stmt sums = {"usage_sums",
                                     "SELECT state, trash, sum(results), sum(bytes) FROM usage WHERE $1 = 0 "
                                     "OR project = $1 GROUP BY state, trash",
                                     false};
    static const struct stmt due = {
        "usage_due",
        "SELECT state, 0, count(*), sum(size * stored) FROM result"
        " WHERE due_at <= $2 AND deleted_at IS NULL AND ($1 = 0 OR project = $1) GROUP BY state",
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
    static const struct stmt counts = {
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
