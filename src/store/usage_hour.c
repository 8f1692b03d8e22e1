/* SPDX-License-Identifier: Apache-2.0 */
/* The history of usage: a row for each hour in which something happened in a project. */
#include "base/clock.h"
#include "store/row.h"

#define HOUR (INT64_C(3600) * CLOCK_SECOND)

int store_usage_hour_add(struct db *db, int64_t project, int64_t now, const struct activity *seen,
                         struct err *e)
{
#define SUM(state, column)                                                                                   \
    " coalesce(sum(CASE WHEN trash = 0 AND state = '" state "' THEN " column " END), 0),"
    static const struct stmt s DB_LISTED = {
        "usage_hour_add",
        "INSERT INTO usage_hour (project, at, uploads, uploaded_bytes, downloads, downloaded_bytes, acks, expired,"
        " deleted, available_results, available_bytes, consumed_results, consumed_bytes, expired_results,"
        " expired_bytes, trash_results, trash_bytes)"
        " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9," SUM("available", "results") SUM("available", "bytes")
            SUM("consumed", "results") SUM("consumed", "bytes") SUM("expired", "results") SUM(
                "expired",
                "bytes") " coalesce(sum(CASE WHEN trash = 1 THEN results END), 0),"
                         " coalesce(sum(CASE WHEN trash = 1 THEN bytes END), 0) FROM usage WHERE project = $1"
                         " ON CONFLICT (project, at) DO UPDATE SET uploads = usage_hour.uploads + excluded.uploads,"
                         " uploaded_bytes = usage_hour.uploaded_bytes + excluded.uploaded_bytes,"
                         " downloads = usage_hour.downloads + excluded.downloads,"
                         " downloaded_bytes = usage_hour.downloaded_bytes + excluded.downloaded_bytes,"
                         " acks = usage_hour.acks + excluded.acks, expired = usage_hour.expired + excluded.expired,"
                         " deleted = usage_hour.deleted + excluded.deleted,"
                         " available_results = excluded.available_results, available_bytes = excluded.available_bytes,"
                         " consumed_results = excluded.consumed_results, consumed_bytes = excluded.consumed_bytes,"
                         " expired_results = excluded.expired_results, expired_bytes = excluded.expired_bytes,"
                         " trash_results = excluded.trash_results, trash_bytes = excluded.trash_bytes",
        false};
#undef SUM
    struct db_value args[] = {
        db_of_int(project),         db_of_int(now - now % HOUR),
        db_of_int(seen->uploads),   db_of_int(seen->uploaded_bytes),
        db_of_int(seen->downloads), db_of_int(seen->downloaded_bytes),
        db_of_int(seen->acks),      db_of_int(seen->expired),
        db_of_int(seen->deleted),
    };
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}

#define STATE_COLUMNS                                                                                        \
    " h.available_results, h.available_bytes, h.consumed_results, h.consumed_bytes, h.expired_results,"      \
    " h.expired_bytes, h.trash_results, h.trash_bytes FROM usage_hour h"

static struct usage read_state(struct db *db, struct db_cursor *c, int n)
{
    struct usage u;
    for (int i = 0; i < RESULT_STATE_END; i++) {
        u.results[i] = db_int(db, c, n++);
        u.bytes[i] = db_int(db, c, n++);
    }
    u.trash_results = db_int(db, c, n++);
    u.trash_bytes = db_int(db, c, n);
    return u;
}

static struct activity read_activity(struct db *db, struct db_cursor *c, int n)
{
    return (struct activity){
        .uploads = db_int(db, c, n),
        .uploaded_bytes = db_int(db, c, n + 1),
        .downloads = db_int(db, c, n + 2),
        .downloaded_bytes = db_int(db, c, n + 3),
        .acks = db_int(db, c, n + 4),
        .expired = db_int(db, c, n + 5),
        .deleted = db_int(db, c, n + 6),
    };
}

int store_usage_spans(struct db *db, int64_t project, int64_t from, int64_t step, int64_t most,
                      struct usage_span *ret, int64_t *ret_count, struct err *e)
{
    enum { AT = 0, ACTIVITY = 1, STATE = 8 };
    static const struct stmt s DB_LISTED = {
        "usage_spans",
        "SELECT g.span, g.uploads, g.uploaded_bytes, g.downloads, g.downloaded_bytes, g.acks, g.expired,"
        " g.deleted," STATE_COLUMNS
        " JOIN (SELECT at - at % $3 AS span, max(at) AS last, sum(uploads) AS uploads,"
        " sum(uploaded_bytes) AS uploaded_bytes, sum(downloads) AS downloads,"
        " sum(downloaded_bytes) AS downloaded_bytes, sum(acks) AS acks, sum(expired) AS expired,"
        " sum(deleted) AS deleted FROM usage_hour WHERE project = $1 AND at >= $2 GROUP BY 1) g"
        " ON h.project = $1 AND h.at = g.last ORDER BY g.span LIMIT $4",
        false};
    struct db_value args[] = {db_of_int(project), db_of_int(from), db_of_int(step), db_of_int(most)};
    struct db_cursor *c = NULL;
    int64_t n = 0;
    int rc = db_query(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc < 0)
        return rc;
    for (; n < most && (rc = db_step(db, c, e)) > 0; n++)
        ret[n] =
            (struct usage_span){db_int(db, c, AT), read_activity(db, c, ACTIVITY), read_state(db, c, STATE)};
    db_done(db, c);
    *ret_count = n;
    return rc < 0 ? rc : 0;
}

int store_usage_before(struct db *db, int64_t project, int64_t at, struct usage *ret, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "usage_before",
        "SELECT" STATE_COLUMNS " WHERE h.project = $1 AND h.at < $2 ORDER BY h.at DESC LIMIT 1", false};
    struct db_value args[] = {db_of_int(project), db_of_int(at)};
    struct db_cursor *c = NULL;
    int rc = row_one(db, &s, args, STORE_COUNT(args), &c, e);
    if (rc > 0) {
        *ret = read_state(db, c, 0);
        db_done(db, c);
    }
    return rc;
}

int store_usage_prune(struct db *db, int64_t before, int64_t limit, struct err *e)
{
    static const struct stmt s DB_LISTED = {
        "usage_prune",
        "DELETE FROM usage_hour WHERE pk IN (SELECT h.pk FROM usage_hour h WHERE h.at < $1 AND EXISTS"
        " (SELECT 1 FROM usage_hour n WHERE n.project = h.project AND n.at > h.at AND n.at < $1)"
        " ORDER BY h.at LIMIT $2)",
        false};
    struct db_value args[] = {db_of_int(before), db_of_int(limit)};
    return db_run(db, &s, args, STORE_COUNT(args), NULL, e);
}
