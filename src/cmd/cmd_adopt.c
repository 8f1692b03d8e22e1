/* SPDX-License-Identifier: Apache-2.0 */
/* resultd adopt: saying that a store of bytes belongs to a database, where nothing there says so any more. */
#include "cmd/cmd.h"

#include "core/blobs.h"
#include "core/check.h"
#include "core/database.h"
#include "core/instance.h"
#include "net/outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void tell(void *ctx, const char *finding)
{
    (void)ctx;
    (void)printf("%s\n", finding);
}

static void show_nothing(void *ctx, const struct check_report *r)
{
    (void)ctx;
    (void)r;
}

/* What the sweeper would remove counts, too, whatever its age. */
static int refuse_foreign(const struct check_report *r, struct err *e)
{
    int64_t lost = r->missing + r->truncated;
    int64_t unknown = r->orphans + r->recent_orphans;
    if (lost + unknown == 0)
        return 0;
    return err_set(
        e, ERR_MISMATCH,
        "these bytes do not look like this database's: those of %lld of its %lld results are not there, "
        "and %lld files have no row (after a restore: what came since the backup). With --anyway they become "
        "its all the same, and what has no row is removed",
        (long long)lost, (long long)r->results, (long long)unknown);
}

static int prove(const struct cmd_args *a, struct db *db, struct blob_store *blobs, struct err *e)
{
    struct check_report report;
    int rc = check_run(db, blobs, false, a->settings.orphan_grace, tell, show_nothing, NULL, &report, e);
    return rc < 0 ? rc : refuse_foreign(&report, e);
}

static int adopt(const struct cmd_args *a, const struct folder *f, bool anyway, struct db *db, struct err *e)
{
    struct instance_place place = {f, &a->settings};
    struct blob_store *blobs = NULL;
    int rc = blobs_open(f, &a->settings, &blobs, e);
    if (rc == 0 && !anyway)
        rc = prove(a, db, blobs, e);
    if (rc == 0)
        rc = instance_adopt(&place, db, blobs, e);
    blob_store_close(blobs);
    return rc;
}

static int open_and_adopt(const struct cmd_args *a, bool anyway, struct err *e)
{
    struct folder f;
    struct database where;
    struct db *db = NULL;
    int lock = -1;
    int rc = folder_find(a->settings.data, !*a->settings.db, &f, e);
    if (rc == 0)
        rc = folder_lock(&f, &lock, e);
    if (rc < 0)
        return rc;
    database_choose_whole(&f, &a->settings, &where);
    rc = database_open_writer(&where, true, &db, e);
    if (rc == 0)
        rc = instance_refuse_served(db, e);
    if (rc == 0)
        rc = outgoing_start(e);
    if (rc == 0)
        rc = adopt(a, &f, anyway, db, e);
    outgoing_end();
    db_close(db);
    (void)close(lock);
    return rc;
}

static int run_adopt(const struct command *c, int argc, char **argv)
{
    bool anyway = false;
    const struct cmd_flag flags[] = {{"--anyway", NULL, &anyway}};
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, flags, 1, 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    if (open_and_adopt(&a, anyway, &e) < 0)
        status = cmd_fail(&e);
    else
        (void)printf("The bytes belong to this database now.\n");
    cmd_free(&a);
    return status;
}

const struct command cmd_adopt = {
    "adopt", "[--anyway] [--data DIR]",
    "Says at the place of the bytes (blobs/, or the bucket's prefix) that they belong to this database: where serve "
    "refuses because nothing there says so any more, or says something else. Only if the bytes of all results are "
    "there and nothing else is; --anyway: whatever is there, and what has no row is then removed by the sweeper.",
    run_adopt};
