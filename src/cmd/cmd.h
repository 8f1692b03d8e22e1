/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the subcommands of resultd. Each cmd_*.c has one of them; main.c has their table. */
#pragma once

#include "base/err.h"
#include "core/folder.h"
#include "core/settings.h"

struct command {
    const char *name;  /* one or two words: "key create" */
    const char *usage; /* what follows the name */
    const char *help;
    int (*run)(const struct command *c, int argc, char **argv); /* argv after the name; the exit status */
};

extern const struct command cmd_serve, cmd_project_create, cmd_key_create, cmd_key_list, cmd_key_revoke,
    cmd_key_rotate, cmd_key_rotate_secrets, cmd_user_create, cmd_check, cmd_adopt, cmd_backup, cmd_move,
    cmd_reconcile, cmd_settings, cmd_openapi;

enum { EXIT_USAGE = 2 };

/* A flag of a subcommand beside the settings. */
struct cmd_flag {
    const char *name;  /* "--scopes" */
    const char **text; /* takes a value, */
    bool *given;       /* or does not */
};

struct cmd_args {
    struct arena arena;
    struct settings settings; /* defaults, file, environment, command line */
    const char *config;       /* --config FILE, or NULL */
    const char *words[4];     /* what is not a flag */
    int word_count;
};

/* Reads everything; on an error says it on standard error and returns the exit status, else 0. */
int cmd_parse(const struct command *c, int argc, char **argv, const struct cmd_flag *flags, size_t flag_count,
              int words, struct cmd_args *ret);
void cmd_free(struct cmd_args *a);

/* The settings once more, as they are in the file now; for SIGHUP. */
int cmd_reload(int argc, char **argv, struct arena *a, struct settings *ret, struct err *e);

/* ERR_BAD_VALUE: this address of a database, given after `flag`, has a password, which whoever is on the
 * machine can read in the list of processes. */
int cmd_refuse_password(const char *flag, const char *address, struct err *e);

/* "resultd: sentence" on standard error. The exit status: EXIT_USAGE for what was given wrong, or else 1. */
int cmd_fail(const struct err *e);

/*
 * Runs body in one write transaction on the folder of these settings, which may be in use by a daemon: then
 * only if this program knows its schema. `project` NULL: of no project. `may_create`: makes the folder if it
 * is missing.
 */
struct session;
typedef int cmd_body_fn(struct session *s, void *ctx, struct err *e);
int cmd_write(const struct cmd_args *a, bool may_create, const char *project, cmd_body_fn *body, void *ctx,
              struct err *e);
