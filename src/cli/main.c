/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl: the table of its commands, the flags that all have, and how it ends. */
#include "base/clock.h"
#include "cli/ctl.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const struct command ctl_command_put, ctl_command_get, ctl_command_cat, ctl_command_ls,
    ctl_command_show, ctl_command_rows, ctl_command_archive, ctl_command_ack, ctl_command_rm,
    ctl_command_restore, ctl_command_keep, ctl_command_link, ctl_command_wait, ctl_command_watch,
    ctl_command_usage, ctl_command_job_create, ctl_command_job_claim, ctl_command_job_progress,
    ctl_command_job_finish, ctl_command_job_fail, ctl_command_job_cancel, ctl_command_job_ls,
    ctl_command_job_rm, ctl_command_job_restore, ctl_command_batch_create, ctl_command_batch_ls,
    ctl_command_key_create, ctl_command_key_ls, ctl_command_key_revoke, ctl_command_key_rotate,
    ctl_command_user_create, ctl_command_user_ls, ctl_command_user_change, ctl_command_login,
    ctl_command_logout, ctl_command_servers, ctl_command_completion;

const struct command *const ctl_commands[] = {
    &ctl_command_put,          &ctl_command_get,        &ctl_command_cat,
    &ctl_command_ls,           &ctl_command_show,       &ctl_command_rows,
    &ctl_command_archive,      &ctl_command_ack,        &ctl_command_rm,
    &ctl_command_restore,      &ctl_command_keep,       &ctl_command_link,
    &ctl_command_wait,         &ctl_command_watch,      &ctl_command_usage,
    &ctl_command_job_create,   &ctl_command_job_claim,  &ctl_command_job_progress,
    &ctl_command_job_finish,   &ctl_command_job_fail,   &ctl_command_job_cancel,
    &ctl_command_job_ls,       &ctl_command_job_rm,     &ctl_command_job_restore,
    &ctl_command_batch_create, &ctl_command_batch_ls,   &ctl_command_key_create,
    &ctl_command_key_ls,       &ctl_command_key_revoke, &ctl_command_key_rotate,
    &ctl_command_user_create,  &ctl_command_user_ls,    &ctl_command_user_change,
    &ctl_command_login,        &ctl_command_logout,     &ctl_command_servers,
    &ctl_command_completion,   &ctl_command_manual,     NULL,
};

const struct args_flag ctl_flags[] = {
    {"server", 'S', ARGS_TEXT, offsetof(struct ctl_options, server), "NAME",
     "one that resultctl servers lists", NULL},
    {"url", 'U', ARGS_TEXT, offsetof(struct ctl_options, url), "URL", "of the server (RESULTD_URL)", NULL},
    {"key-file", 'K', ARGS_TEXT, offsetof(struct ctl_options, key_file), "FILE",
     "its first line is the key (else RESULTD_KEY)", NULL},
    {"json", 0, ARGS_GIVEN, offsetof(struct ctl_options, json), NULL, "JSON for programs, a value a line",
     NULL},
    {"quiet", 'q', ARGS_GIVEN, offsetof(struct ctl_options, quiet), NULL,
     "say nothing but what was asked for", NULL},
    {"tries", 0, ARGS_COUNT, offsetof(struct ctl_options, tries), "N",
     "of each request, where that can help (6)", NULL},
    {"stall-timeout", 0, ARGS_TIME, offsetof(struct ctl_options, timeout), "TIME",
     "without a byte until a connection counts as lost (10m)", NULL},
    {"ca-file", 0, ARGS_TEXT, offsetof(struct ctl_options, ca_file), "FILE",
     "who may sign the server's certificate ($CURL_CA_BUNDLE)", NULL},
    {"config", 0, ARGS_TEXT, offsetof(struct ctl_options, config), "FILE", "another file of servers", NULL},
    {NULL, 0, ARGS_GIVEN, 0, NULL, NULL, NULL},
};

static void on_signal(int number)
{
    (void)number;
    ctl_stop = 1;
}

/* The first is a wish, after which what is half done is put in order; the second is taken as it is meant. */
static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static void print_help(struct ctl *c, const struct command *command)
{
    struct buf out = {.arena = &c->arena};
    if (command) {
        args_help(command, ctl_flags, &out);
    } else {
        buf_puts(&out, "resultctl " RESULTD_VERSION ": put and get results of asynchronous jobs\n\n"
                       "usage: resultctl COMMAND [flags] …\n\nCommands:\n");
        args_overview(ctl_commands, &out);
        buf_puts(&out, "\nEach has --help. Begin with: resultctl login URL\n");
    }
    (void)fputs(buf_str(&out), stdout);
}

static int run(struct ctl *c, const struct args *args, struct failure *f)
{
    if (!args->command || args->help) {
        print_help(c, args->command);
        return ctl_flush(f);
    }
    c->command = args->command;
    int rc = args->command->run(c, args->options, args->words, args->count, f);
    return rc == 0 ? ctl_flush(f) : rc;
}

/* Who typed something wrong is told so in JSON, too, wherever the flag stands. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

/* Who closes our output early, as `head` does, has what was wanted. */
static bool is_closed_pipe(void)
{
    return ferror(stdout) && errno == EPIPE;
}

int main(int argc, char **argv)
{
    struct ctl c = {.http = NULL};
    struct failure f = {.exit = FAILURE_NONE};
    struct args args = {.command = NULL};
    (void)setlocale(LC_CTYPE, "");
    watch_signals();
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("resultctl " RESULTD_VERSION "\n");
        return 0;
    }
    int rc = args_parse(&c.arena, ctl_commands, ctl_flags, &c.options, argc, argv, &args, &f);
    if (rc == 0)
        rc = run(&c, &args, &f);
    else
        c.options.json = wants_json(argc, argv);
    if (is_closed_pipe())
        rc = 0;
    else if (rc != 0)
        ctl_complain(&c, &f);
    http_free(c.http);
    arena_free(&c.arena);
    return rc;
}
