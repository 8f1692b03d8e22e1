/* SPDX-License-Identifier: Apache-2.0 */
/* resultd reconcile: a storage of a client against its rows, also while a daemon works. */
#include "cmd/cmd.h"

#include "core/buckets.h"
#include "core/database.h"
#include "core/instance.h"
#include "core/reconcile.h"
#include "core/secret.h"
#include "net/outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void tell(void *ctx, const char *finding)
{
    (void)ctx;
    (void)printf("%s\n", finding);
}

static void show(void *ctx, const struct reconcile_report *r)
{
    (void)ctx;
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%lld objects, %lld results looked at ", (long long)r->objects,
                      (long long)r->results);
}

static int print_report(const struct reconcile_report *r)
{
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\n");
    (void)printf(
        "%lld objects and %lld results: %lld missing, %lld changed; %lld unknown, %lld more within their "
        "grace period; %lld of expired results\n",
        (long long)r->objects, (long long)r->results, (long long)r->missing, (long long)r->changed,
        (long long)r->unknown, (long long)r->recent, (long long)r->released);
    return r->missing + r->changed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int find(struct db *db, struct arena *a, const char *project, const char *name, struct storage **ret,
                struct err *e)
{
    int64_t pk;
    int rc = store_project_get(db, project, &pk, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no project \"%.200s\"", project);
    if (rc > 0)
        rc = store_storage_by_name(db, a, pk, name, ret, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "the project has no storage \"%.200s\"", name);
    return rc < 0 ? rc : 0;
}

static int run(struct cmd_args *a, struct core *core, struct db *db, const char *project,
               struct reconcile_report *ret, struct err *e)
{
    struct storage *st = NULL;
    int rc = find(db, &a->arena, project, a->words[0], &st, e);
    return rc < 0 ? rc : reconcile_run(core, db, st, tell, show, NULL, ret, e);
}

static int open_and_run(struct cmd_args *a, const char *project, struct reconcile_report *ret, struct err *e)
{
    struct folder f;
    struct database where;
    struct core core = {.settings = &a->settings};
    struct db *db = NULL;
    int rc = folder_find(a->settings.data, !*a->settings.db, &f, e);
    if (rc < 0)
        return rc;
    database_choose(&f, &a->settings, &where);
    rc = database_open_reader(&where, true, &db, e);
    if (rc < 0)
        return rc;
    rc = outgoing_start(e);
    if (rc == 0)
        rc = instance_secrets(db, folder_secret_key(&f, &a->settings), false, &core.secrets, e);
    core.buckets = buckets_new(&core, "");
    if (rc == 0)
        rc = run(a, &core, db, project, ret, e);
    buckets_free(core.buckets);
    secrets_close(core.secrets);
    outgoing_end();
    db_close(db);
    return rc;
}

static int run_reconcile(const struct command *c, int argc, char **argv)
{
    const char *project = NULL;
    const struct cmd_flag flags[] = {{"--project", &project, NULL}};
    struct reconcile_report report = {0};
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, flags, 1, 1, &a);
    if (status)
        return status < 0 ? 0 : status;
    int rc = project ? open_and_run(&a, project, &report, &e)
                     : err_set(&e, ERR_MISSING, "--project is needed: resultd reconcile %s", c->usage);
    status = rc < 0 ? cmd_fail(&e) : print_report(&report);
    cmd_free(&a);
    return status;
}

const struct command cmd_reconcile = {
    "reconcile", "STORAGE --project NAME [--data DIR]",
    "Holds the bucket of a project's storage against its results, and says which objects are missing, were changed "
    "(size or ETag), or are unknown to any result. Changes nothing. Exit status 1 if any is missing or changed.",
    run_reconcile};
