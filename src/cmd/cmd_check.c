/* SPDX-License-Identifier: Apache-2.0 */
/* resultd check and backup: looking at a data folder, and copying it, also while a daemon works in it. */
#include "cmd/cmd.h"

#include "core/backup.h"
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

static void show_check(void *ctx, const struct check_report *r)
{
    (void)ctx;
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%lld results, %lld MiB looked at ", (long long)r->results,
                      (long long)(r->bytes >> 20));
}

static int print_report(const struct check_report *r)
{
    int64_t wrong = r->missing + r->truncated + r->damaged + r->orphans + r->strays + r->inconsistent;
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\n");
    (void)printf(
        "%lld results with %lld bytes: %lld missing, %lld truncated, %lld damaged; %lld orphans, %lld more "
        "within their grace period; %lld strays; %lld inconsistencies\n",
        (long long)r->results, (long long)r->bytes, (long long)r->missing, (long long)r->truncated,
        (long long)r->damaged, (long long)r->orphans, (long long)r->recent_orphans, (long long)r->strays,
        (long long)r->inconsistent);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* How much is wrong: it goes on, since what is found says whether it is only the place's mark that is. */
static int check_place(const struct cmd_args *a, const struct folder *f, struct db *db,
                       struct blob_store *blobs, struct err *e)
{
    struct instance_place place = {f, &a->settings};
    int rc = instance_compare(&place, db, blobs, e);
    if (rc != ERR_MISMATCH)
        return rc;
    (void)printf("inconsistent store: %s\n", e->detail);
    return 1;
}

static int check_folder(const struct cmd_args *a, bool quick, struct err *e)
{
    struct folder f;
    struct database where;
    struct db *db = NULL;
    struct blob_store *blobs = NULL;
    struct check_report report = {0};
    int rc = folder_find(a->settings.data, !*a->settings.db, &f, e);
    if (rc < 0)
        return rc;
    database_choose_whole(&f, &a->settings, &where);
    rc = database_open_reader(&where, true, &db, e);
    if (rc < 0)
        return rc;
    rc = outgoing_start(e);
    if (rc == 0)
        rc = blobs_find(&f, &a->settings, &blobs, e);
    int wrong = rc == 0 ? check_place(a, &f, db, blobs, e) : rc;
    if (wrong >= 0)
        rc = check_run(db, blobs, !quick, a->settings.orphan_grace, tell, show_check, NULL, &report, e);
    report.inconsistent += wrong;
    blob_store_close(blobs);
    outgoing_end();
    db_close(db);
    return wrong < 0 ? wrong : rc < 0 ? rc : print_report(&report);
}

static int run_check(const struct command *c, int argc, char **argv)
{
    bool quick = false;
    const struct cmd_flag flags[] = {{"--quick", NULL, &quick}};
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, flags, 1, 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    status = check_folder(&a, quick, &e);
    if (status < 0)
        status = cmd_fail(&e);
    cmd_free(&a);
    return status;
}

const struct command cmd_check = {"check", "[--quick] [--data DIR]",
                                  "Proves rows against bytes: each stored result's bytes are there, of the "
                                  "right length and digests (with --quick: "
                                  "length only), each file has a row, the database is sound. Exit status 0: "
                                  "nothing wrong, or only files without a "
                                  "row that are younger than orphan_grace.",
                                  run_check};

static void show_backup(void *ctx, const struct backup_report *r)
{
    (void)ctx;
    if (r->waits_for)
        (void)fprintf(stderr, "resultd: waiting for %s, which is removing files\n", r->waits_for);
    else if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%lld files, %lld MiB ", (long long)r->files, (long long)(r->bytes >> 20));
}

static int print_backup(const struct backup_report *r, const char *target)
{
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\n");
    if (r->wrong == 0)
        return EXIT_SUCCESS;
    (void)fprintf(
        stderr,
        "resultd: %s is not complete: it has %lld files, but not the bytes of the %lld results above, "
        "which the data folder has lost; see: resultd check\n",
        target, (long long)r->files, (long long)r->wrong);
    return EXIT_FAILURE;
}

static int run_backup(const struct command *c, int argc, char **argv)
{
    struct cmd_args a;
    struct folder f;
    struct backup_report report = {0};
    struct err e;
    int status = cmd_parse(c, argc, argv, NULL, 0, 1, &a);
    if (status)
        return status < 0 ? 0 : status;
    int rc = folder_find(a.settings.data, !*a.settings.db, &f, &e);
    if (rc == 0)
        rc = backup_run(&f, &a.settings, a.words[0], tell, show_backup, NULL, &report, &e);
    status = rc < 0 ? cmd_fail(&e) : print_backup(&report, a.words[0]);
    if (status == EXIT_SUCCESS && *a.settings.blobs)
        (void)printf(
            "The database was copied. The bytes of results stay in the bucket, which needs a backup of its own "
            "(versioning, replication). The copy is refused there until `resultd adopt` makes the bytes its; then "
            "this one is.\n");
    cmd_free(&a);
    return status;
}

const struct command cmd_backup = {
    "backup", "TARGET [--data DIR]",
    "Makes a consistent copy of the data folder, which may be in use. The "
    "copy is a data folder: serve it to restore. Bytes in a bucket "
    "(--blobs) stay there, and are the copy's only after resultd adopt. Exit status 1 "
    "with a line for each result whose bytes the folder has lost: the copy "
    "has all others.",
    run_backup};
