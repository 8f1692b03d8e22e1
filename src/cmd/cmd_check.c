/* SPDX-License-Identifier: Apache-2.0 */
/* resultd check and backup: looking at a data folder, and copying it, also while a daemon works in it. */
#include "cmd/cmd.h"

#include "blob/disk.h"
#include "core/backup.h"
#include "core/check.h"

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
    int64_t wrong = r->missing + r->truncated + r->damaged + r->orphans + r->inconsistent;
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\n");
    (void)printf(
        "%lld results with %lld bytes: %lld missing, %lld truncated, %lld damaged; %lld orphans, %lld more "
        "within their grace period; %lld inconsistencies\n",
        (long long)r->results, (long long)r->bytes, (long long)r->missing, (long long)r->truncated,
        (long long)r->damaged, (long long)r->orphans, (long long)r->recent_orphans,
        (long long)r->inconsistent);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int check_folder(const struct cmd_args *a, bool quick, struct err *e)
{
    struct folder f;
    struct db *db = NULL;
    struct blob_store *blobs = NULL;
    struct check_report report = {0};
    int rc = folder_find(a->settings.data, &f, e);
    if (rc == 0)
        rc = folder_open_reader(&f, a->settings.db_busy_timeout, 0, &db, e);
    if (rc < 0)
        return rc;
    rc = disk_open(f.blobs_path, &blobs, e);
    if (rc == 0) {
        rc = check_run(db, blobs, !quick, a->settings.orphan_grace, tell, show_check, NULL, &report, e);
        blob_store_close(blobs);
    }
    db_close(db);
    return rc < 0 ? rc : print_report(&report);
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

static void show_backup(void *ctx, int64_t files, int64_t bytes)
{
    (void)ctx;
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%lld files, %lld MiB ", (long long)files, (long long)(bytes >> 20));
}

static int run_backup(const struct command *c, int argc, char **argv)
{
    struct cmd_args a;
    struct folder f;
    struct err e;
    int status = cmd_parse(c, argc, argv, NULL, 0, 1, &a);
    if (status)
        return status < 0 ? 0 : status;
    int rc = folder_find(a.settings.data, &f, &e);
    if (rc == 0)
        rc = backup_run(&f, a.words[0], show_backup, NULL, &e);
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\n");
    if (rc < 0)
        status = cmd_fail(&e);
    cmd_free(&a);
    return status;
}

const struct command cmd_backup = {"backup", "TARGET [--data DIR]",
                                   "Makes a consistent copy of the data folder, which may be in use. The "
                                   "copy is a data folder: serve it to restore.",
                                   run_backup};
