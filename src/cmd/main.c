/* SPDX-License-Identifier: Apache-2.0 */
/* resultd's subcommands. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct command *const commands[] = {
    &cmd_serve,
    &cmd_project_create,
    &cmd_key_create,
    &cmd_key_list,
    &cmd_key_revoke,
    &cmd_key_rotate,
    &cmd_key_rotate_secrets,
    &cmd_user_create,
    &cmd_check,
    &cmd_backup,
    &cmd_adopt,
    &cmd_move,
    &cmd_reconcile,
    &cmd_settings,
    &cmd_openapi,
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_commands(FILE *to)
{
    (void)fprintf(to, "resultd " RESULTD_VERSION ": where asynchronous jobs put their results\n\n");
    for (int i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(to, "  resultd %s %s\n      %s\n", commands[i]->name, commands[i]->usage,
                      commands[i]->help);
}

/* How many of argv's words are the command's name; 0: it is another. */
static int words_of(const struct command *c, int argc, char **argv)
{
    const char *name = c->name;
    int n = 0;
    while (*name) {
        size_t len = strcspn(name, " ");
        if (n == argc || strlen(argv[n]) != len || strncmp(argv[n], name, len) != 0)
            return 0;
        n++;
        name += len + (name[len] == ' ');
    }
    return n;
}

int main(int argc, char **argv)
{
    (void)umask(077); /* whatever we make is the owner's alone */
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_commands(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("resultd " RESULTD_VERSION "\n");
        return 0;
    }
    for (int i = 0; i < COMMAND_COUNT; i++) {
        int n = words_of(commands[i], argc - 1, argv + 1);
        if (n)
            return commands[i]->run(commands[i], argc - 1 - n, argv + 1 + n);
    }
    (void)fprintf(stderr, "resultd: there is no command \"%s\"; see: resultd --help\n", argv[1]);
    return EXIT_USAGE;
}
