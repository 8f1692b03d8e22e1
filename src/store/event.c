/* SPDX-License-Identifier: Apache-2.0 */
/* The numbered record of what happened, and the row that proves that writing works. */
#include "store/row.h"

int store_event_add(struct db *db, int64_t project, int64_t now, const char *type, const char *object,
                    const char *job, struct err *e)
{
    static const struct stmt s = {
        "event_add", "INSERT INTO event (project, at, type, object, job) VALUES ($1, $2, $3, $4, $5)", false};
    struct db_value args[] = {db_of_int(project), db_of_int(now), db_of_text(type), db_of_text(object),
                              db_of_text(job)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

/* From the front only, and never the newest: what remains has no gaps, and the next number follows from it.
 */
int store_event_prune(struct db *db, int64_t before, int64_t limit, int64_t *ret_count, struct err *e)
{
    static const struct stmt s = {
        "event_prune",
        "DELETE FROM event WHERE seq IN (SELECT seq FROM (SELECT seq, at FROM event ORDER BY seq LIMIT $2) oldest"
        " WHERE at < $1) AND seq < (SELECT max(seq) FROM event)",
        false};
    struct db_value args[] = {db_of_int(before), db_of_int(limit)};
    return db_run(db, &s, args, STORE_COUNT(args), ret_count, e);
}

int store_heartbeat(struct db *db, int64_t now, struct err *e)
{
    static const struct stmt s = {"heartbeat", "UPDATE heartbeat SET at = $1 WHERE one = 1", false};
    struct db_value args[] = {db_of_int(now)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}
