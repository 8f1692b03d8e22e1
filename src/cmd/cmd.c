/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments, and transactions on a data folder, for all subcommands; see cmd.h. */
#include "cmd/cmd.h"

#include "base/clock.h"
#include "base/text.h"
#include "core/database.h"
#include "db/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_fail(const struct err *e)
{
    (void)fprintf(stderr, "resultd: %s%s%s%s\n", e->detail, *e->log ? " (" : "", e->log, *e->log ? ")" : "");
    return err_status(e->code) == 400 ? EXIT_USAGE : EXIT_FAILURE;
}

static int usage(const struct command *c, const char *problem, const char *what)
{
    (void)fprintf(stderr, "resultd: %s%s\nusage: resultd %s %s\n", problem, what, c->name, c->usage);
    return EXIT_USAGE;
}

static int print_help(const struct command *c)
{
    struct arena a = {0};
    struct buf out = {.arena = &a};
    conf_help(&settings_conf, &out);
    (void)printf(
        "usage: resultd %s %s\n\n%s\n\nSettings, also as RESULTD_NAME in the environment and name = value in "
        "the file of --config:\n%s",
        c->name, c->usage, c->help, buf_str(&out));
    arena_free(&a);
    return -1;
}

/* 1: taken; 0: not one of these; negative: its value is missing. */
static int take_flag(const struct cmd_flag *flags, size_t count, char **argv, int *at)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(flags[i].name);
        if (strncmp(argv[*at], flags[i].name, len) != 0 || (argv[*at][len] && argv[*at][len] != '='))
            continue;
        if (argv[*at][len] && flags[i].text) {
            *flags[i].text = argv[(*at)++] + len + 1;
            return 1;
        }
        if (flags[i].given) {
            *flags[i].given = true;
            (*at)++;
            return 1;
        }
        if (!argv[*at + 1] || !flags[i].text)
            return -1;
        *flags[i].text = argv[*at + 1];
        *at += 2;
        return 1;
    }
    return 0;
}

static const char *find_config(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0)
            return argv[i] + 9;
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            return argv[i + 1];
    }
    return getenv("RESULTD_CONFIG");
}

static int load(const char *config, struct arena *a, struct settings *to, struct err *e)
{
    int rc = conf_defaults(&settings_conf, a, to, e);
    if (rc == 0 && config)
        rc = conf_file(&settings_conf, a, config, to, e);
    if (rc == 0)
        rc = conf_environment(&settings_conf, a, to, e);
    return rc;
}

int cmd_refuse_password(const char *flag, const char *address, struct err *e)
{
    if (!db_address_has_password(address))
        return 0;
    return err_set(
        e, ERR_BAD_VALUE,
        "the address after %s has a password, which everybody on this machine can read there: leave it "
        "out, and put it into PGPASSWORD or a file that PGPASSFILE names; or put the whole address into "
        "the file of --config",
        flag);
}

/* 1: it was a setting. */
static int take_setting(char **argv, int *at, struct cmd_args *ret, struct err *e)
{
    struct settings before = ret->settings;
    int taken = conf_argument(&settings_conf, &ret->arena, argv, at, &ret->settings, e);
    int rc = 0;
    if (taken > 0 && ret->settings.db != before.db)
        rc = cmd_refuse_password("--db", ret->settings.db, e);
    if (taken > 0 && ret->settings.db_replica != before.db_replica)
        rc = cmd_refuse_password("--db-replica", ret->settings.db_replica, e);
    if (taken > 0 && ret->settings.accel_key != before.accel_key)
        rc = err_set(
            e, ERR_BAD_VALUE,
            "everybody on this machine can read what follows --accel-key: put accel_key into the file of "
            "--config, or into RESULTD_ACCEL_KEY");
    return rc < 0 ? rc : taken;
}

static int take_argument(const struct command *c, char **argv, int *at, const struct cmd_flag *flags,
                         size_t count, struct cmd_args *ret, struct err *e)
{
    struct cmd_flag config = {"--config", &ret->config, NULL};
    int rc = take_flag(&config, 1, argv, at);
    if (rc == 0)
        rc = take_flag(flags, count, argv, at);
    if (rc < 0)
        return usage(c, "a value is missing after ", argv[*at]);
    if (rc > 0)
        return 0;
    rc = take_setting(argv, at, ret, e);
    if (rc < 0)
        return cmd_fail(e);
    if (rc > 0)
        return 0;
    if (argv[*at][0] == '-')
        return usage(c, "unknown flag ", argv[*at]);
    if (ret->word_count == (int)(sizeof ret->words / sizeof ret->words[0]))
        return usage(c, "unexpected argument ", argv[*at]);
    ret->words[ret->word_count++] = argv[(*at)++];
    return 0;
}

int cmd_parse(const struct command *c, int argc, char **argv, const struct cmd_flag *flags, size_t flag_count,
              int words, struct cmd_args *ret)
{
    struct err e;
    int status = 0;
    *ret = (struct cmd_args){.config = NULL};
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return print_help(c);
    if (load(find_config(argc, argv), &ret->arena, &ret->settings, &e) < 0)
        status = cmd_fail(&e);
    for (int i = 0; status == 0 && i < argc;)
        status = take_argument(c, argv, &i, flags, flag_count, ret, &e);
    if (status == 0 && settings_check(&ret->settings, &e) < 0)
        status = cmd_fail(&e);
    if (status == 0 && ret->word_count != words)
        status = usage(c, ret->word_count < words ? "an argument is missing" : "unexpected argument ",
                       ret->word_count < words ? "" : ret->words[words]);
    if (status)
        cmd_free(ret);
    return status;
}

int cmd_reload(int argc, char **argv, struct arena *a, struct settings *ret, struct err *e)
{
    int rc = load(find_config(argc, argv), a, ret, e);
    for (int i = 0; rc == 0 && i < argc;) {
        int taken = conf_argument(&settings_conf, a, argv, &i, ret, e);
        if (taken == 0)
            i++;
        rc = taken < 0 ? taken : 0;
    }
    return rc < 0 ? rc : settings_check(ret, e);
}

void cmd_free(struct cmd_args *a)
{
    arena_free(&a->arena);
}

struct write {
    const char *project;
    cmd_body_fn *body;
    void *ctx;
};

static int run_write(struct db *db, void *ctx, struct err *e)
{
    struct write *w = ctx;
    struct arena a = {0};
    struct session s = {.db = db, .arena = &a};
    int rc = db_clock(db, &s.now, e);
    if (rc == 0)
        rc = w->project ? store_project_get(db, w->project, &s.actor.project, e) : 1;
    if (rc == 0)
        rc = err_set(e, ERR_NOT_FOUND, "there is no project \"%.200s\"; make it with: resultd project create",
                     w->project);
    if (rc > 0)
        rc = w->body(&s, w->ctx, e);
    arena_free(&a);
    return rc;
}

int cmd_write(const struct cmd_args *a, bool may_create, const char *project, cmd_body_fn *body, void *ctx,
              struct err *e)
{
    struct folder f;
    struct database where;
    struct db *db = NULL;
    struct err ignored;
    struct write w = {project, body, ctx};
    int lock = -1;
    int rc = may_create ? folder_prepare(a->settings.data, &f, e)
                        : folder_find(a->settings.data, !*a->settings.db, &f, e);
    if (rc < 0)
        return rc;
    database_choose(&f, &a->settings, &where);
    bool served = where.ops->remote ? !may_create : folder_lock(&f, &lock, &ignored) < 0;
    rc = database_open_writer(&where, !served, &db, e);
    if (rc == 0) {
        rc = db_tx(db, DB_WRITE, run_write, &w, e);
        db_close(db);
    }
    if (lock >= 0)
        (void)close(lock);
    return rc;
}
