/* SPDX-License-Identifier: Apache-2.0 */
/* resultd settings: the table of settings in the forms that documentation is compared with. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static int run_settings(const struct command *c, int argc, char **argv)
{
    const char *form = "example";
    const struct cmd_flag flags[] = {{"--form", &form, NULL}};
    struct cmd_args a;
    int status = cmd_parse(c, argc, argv, flags, 1, 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    struct buf out = {.arena = &a.arena};
    if (strcmp(form, "example") == 0)
        conf_example(&settings_conf, &out);
    else if (strcmp(form, "manual") == 0)
        conf_manual(&settings_conf, &out);
    else if (strcmp(form, "help") == 0)
        conf_help(&settings_conf, &out);
    else
        status = EXIT_USAGE;
    if (status)
        (void)fprintf(stderr, "resultd: --form is example, manual or help\n");
    else
        (void)fputs(buf_str(&out), stdout);
    cmd_free(&a);
    return status;
}

const struct command cmd_settings = {
    "settings", "[--form example|manual|help]",
    "Prints all settings: as a configuration file that says the defaults, as the "
    "manual page shows them, or as --help does.",
    run_settings};
