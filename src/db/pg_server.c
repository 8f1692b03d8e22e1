/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PostgreSQL has beside tables: its clock, and locks of a session, which outlive transactions. They go
 * with their connection, so whoever has one asks (pg_locked) before it relies on what it has found meanwhile.
 */
#include "db/whole.h"

/* Beside that of all that write, in pg.c. */
#define LOCKS_FROM INT64_C(8243108427700)

#define OURS                                                                                                 \
    " FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND objsubid = 1"     \
    " AND classid = CAST($1 AS BIGINT) >> 32 AND objid = CAST($1 AS BIGINT) & 4294967295"

/*
 * The server's side of the connection, which is what has to notice that ours has gone: by TCP, as ours would
 * notice it (pg_link.c), and by hearing nothing. In the statement that locks, since it may be sent again on
 * another connection.
 */
#define WATCHED                                                                                              \
    ", set_config('idle_session_timeout', CAST(CAST($2 AS BIGINT) AS TEXT), false),"                         \
    " set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),"    \
    " set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '25000', false)"

static int ask_of_lock(struct db *db, const struct stmt *s, enum db_lock what, struct err *e)
{
    struct db_value key = db_of_int(LOCKS_FROM + (int)what);
    int64_t found;
    int rc = whole_int(db, s, &key, 1, &found, e);
    return rc < 0 ? rc : found > 0;
}

int pg_clock(struct db *db, int64_t *ret, struct err *e)
{
    static const struct stmt s = {
        "clock", "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)", false, false};
    return whole_int(db, &s, NULL, 0, ret, e);
}

/* Who has nothing may be silent for as long as it likes. */
static int unwatch(struct db *db, struct err *e)
{
    static const struct stmt s = {"unwatch", "SELECT length(set_config('idle_session_timeout', '0', false))",
                                  false, false};
    int64_t ignored;
    return whole_int(db, &s, NULL, 0, &ignored, e);
}

/* One that could not be given back is had still, and must not be counted twice. */
int pg_lock(struct db *db, enum db_lock what, bool alone, int64_t silence_ms, struct err *e)
{
    static const struct stmt exclusive = {"lock_alone",
                                          "SELECT CASE WHEN EXISTS (SELECT 1" OURS
                                          ") THEN 1 WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END" WATCHED,
                                          false, false};
    static const struct stmt shared = {
        "lock_shared",
        "SELECT CASE WHEN EXISTS (SELECT 1" OURS
        ") THEN 1 WHEN pg_try_advisory_lock_shared($1) THEN 1 ELSE 0 END" WATCHED,
        false, false};
    struct db_value args[] = {db_of_int(LOCKS_FROM + (int)what), db_of_int(silence_ms)};
    int64_t had;
    int rc = whole_int(db, alone ? &exclusive : &shared, args, 2, &had, e);
    if (rc == 0 && !had)
        rc = unwatch(db, e);
    return rc < 0 ? rc : had > 0;
}

int pg_locked(struct db *db, enum db_lock what, struct err *e)
{
    static const struct stmt s = {"locked", "SELECT count(*)" OURS, false, false};
    return ask_of_lock(db, &s, what, e);
}

int pg_unlock(struct db *db, enum db_lock what, struct err *e)
{
    static const struct stmt s = {
        "unlock",
        "SELECT CASE WHEN CASE mode WHEN 'ExclusiveLock' THEN pg_advisory_unlock($1)"
        " ELSE pg_advisory_unlock_shared($1) END THEN 1 ELSE 0 END" OURS,
        false, false};
    int rc = ask_of_lock(db, &s, what, e);
    return rc < 0 ? rc : unwatch(db, e) < 0 ? e->code : rc;
}
