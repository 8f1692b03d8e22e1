/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl user …: people with a password, for who has a key with the scope admin. A password comes from the
 * terminal, unseen, or from standard input. */
#include "cli/ctl.h"

#include <limits.h>
#include <stdio.h>

static int ask_for_password(struct ctl *c, const char *of, const char **ret, struct failure *f)
{
    return ctl_ask_secret(c, arena_printf(&c->arena, "Password of %s", of), "password", ret, f);
}

static void print_user(struct ctl *c, const struct json *user)
{
    if (c->options.json)
        ctl_print_json(user);
    else
        (void)printf("%lld\n", (long long)ctl_number(user, "pk"));
}

struct create_options {
    bool staff;
};

static int run_create(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct create_options *o = options;
    struct json_out j = {.buf = {.arena = &c->arena}};
    const struct json *user = NULL;
    const char *password = NULL;
    (void)count;
    int rc = ask_for_password(c, words[0], &password, f);
    if (rc != 0)
        return rc;
    json_begin_object(&j);
    json_key(&j, "name");
    json_string(&j, words[0]);
    json_key(&j, "password");
    json_string(&j, password);
    json_key(&j, "staff");
    json_bool(&j, o->staff);
    json_end_object(&j);
    rc = ctl_send(c, "POST", "/users", buf_str(&j.buf), false, &user, f);
    if (rc == 0)
        print_user(c, user);
    return rc;
}

static const struct args_flag create_flags[] = {
    {"staff", 's', ARGS_GIVEN, offsetof(struct create_options, staff), NULL, "may delete, too", NULL},
};

const struct command ctl_command_user_create = {
    .name = "user create",
    .operands = "NAME",
    .least = 1,
    .most = 1,
    .summary = "Make a user and print the number",
    .help = "The password is asked for on the terminal, or is the first line of standard input.",
    .examples = "  resultctl user create ada --staff\n",
    .flags = create_flags,
    .flag_count = sizeof create_flags / sizeof create_flags[0],
    .options_size = sizeof(struct create_options),
    .run = run_create,
};

/* ---- change ---- */

struct change_options {
    bool password, staff, no_staff, active, inactive;
};

static void add_flag(struct json_out *j, const char *name, bool on, bool off)
{
    if (!on && !off)
        return;
    json_key(j, name);
    json_bool(j, on);
}

static int run_change(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct change_options *o = options;
    struct json_out j = {.buf = {.arena = &c->arena}};
    const struct json *user = NULL;
    const char *password = NULL;
    (void)count;
    if ((o->staff && o->no_staff) || (o->active && o->inactive))
        return failure_set(f, FAILURE_USAGE, "a flag and its contrary cannot be given at once");
    int rc = o->password ? ask_for_password(c, words[0], &password, f) : 0;
    if (rc != 0)
        return rc;
    json_begin_object(&j);
    if (password) {
        json_key(&j, "password");
        json_string(&j, password);
    }
    add_flag(&j, "staff", o->staff, o->no_staff);
    add_flag(&j, "active", o->active, o->inactive);
    json_end_object(&j);
    rc = ctl_send(c, "PATCH", ctl_path_of(c, "/users/", words[0], ""), buf_str(&j.buf), true, &user, f);
    if (rc == 0)
        ctl_show(c, user);
    return rc;
}

static const struct args_flag change_flags[] = {
    {"password", 'p', ARGS_GIVEN, offsetof(struct change_options, password), NULL,
     "another password, from the terminal or standard input", NULL},
    {"staff", 's', ARGS_GIVEN, offsetof(struct change_options, staff), NULL, "may delete, too", NULL},
    {"no-staff", 0, ARGS_GIVEN, offsetof(struct change_options, no_staff), NULL, "may not", NULL},
    {"active", 0, ARGS_GIVEN, offsetof(struct change_options, active), NULL, "may log in again", NULL},
    {"inactive", 0, ARGS_GIVEN, offsetof(struct change_options, inactive), NULL,
     "cannot log in any more; what he has made stays", NULL},
};

const struct command ctl_command_user_change = {
    .name = "user change",
    .operands = "NUMBER",
    .least = 1,
    .most = 1,
    .summary = "Change a user: password, rights, whether he may log in",
    .examples = "  resultctl user ls\n  resultctl user change 7 --inactive\n",
    .flags = change_flags,
    .flag_count = sizeof change_flags / sizeof change_flags[0],
    .options_size = sizeof(struct change_options),
    .run = run_change,
};
