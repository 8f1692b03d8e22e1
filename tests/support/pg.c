/* SPDX-License-Identifier: Apache-2.0 */
/* See pg.h. */
#include "support/pg.h"

#include "base/id.h"
#include "base/text.h"
#include "support/test.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool pg_wanted(void)
{
    const char *which = getenv("RESULTD_TEST_DB");
    return which && strcmp(which, "pg") == 0;
}

static void no_notice(void *ctx, const PGresult *r)
{
    (void)ctx;
    (void)r;
}

void pg_sql(const char *where, const char *sql)
{
    PGconn *c = PQconnectdb(where);
    (void)PQsetNoticeReceiver(c, no_notice, NULL);
    PGresult *r = PQexec(c, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
}

void pg_make(char ret_where[PG_WHERE_SIZE])
{
    unsigned char random[8];
    char name[2 * sizeof random + 1];
    char sql[200];
    id_random(random, sizeof random);
    text_hex(random, sizeof random, name);
    (void)snprintf(sql, sizeof sql,
                   "CREATE DATABASE t_%s TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'", name);
    pg_sql("dbname=postgres", sql);
    (void)snprintf(ret_where, PG_WHERE_SIZE, "dbname=t_%s", name);
}

void pg_remove(const char *where)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", where + strlen("dbname="));
    pg_sql("dbname=postgres", sql);
}
