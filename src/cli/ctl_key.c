/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl key …: the keys of the project, for who has one with the scope admin. A new key is printed alone
 * on standard output, once; its lists are in ctl_list.c. */
#include "cli/ctl.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static void print_key(struct ctl *c, const struct json *answer)
{
    if (c->options.json)
        ctl_print_json(answer);
    else
        (void)printf("%s\n", ctl_text(answer, "key"));
}

/* ---- create ---- */

struct create_options {
    const char *scopes;
    int64_t expires;
};

static void add_scopes(struct arena *a, struct json_out *j, const char *list)
{
    json_key(j, "scopes");
    json_begin_array(j);
    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ",");
        json_string(j, arena_copy(a, p, len));
        p += len + (p[len] == ',');
    }
    json_end_array(j);
}

static int run_create(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct create_options *o = options;
    struct json_out j = {.buf = {.arena = &c->arena}};
    const struct json *made = NULL;
    (void)count;
    if (!o->scopes)
        return failure_set(f, FAILURE_USAGE, "--scopes is needed, like --scopes read,ack");
    json_begin_object(&j);
    json_key(&j, "name");
    json_string(&j, words[0]);
    add_scopes(&c->arena, &j, o->scopes);
    if (o->expires) {
        json_key(&j, "expires_in");
        json_int(&j, o->expires);
    }
    json_end_object(&j);
    int rc = ctl_send(c, "POST", "/keys", buf_str(&j.buf), false, &made, f);
    if (rc == 0)
        print_key(c, made);
    return rc;
}

static const struct args_flag create_flags[] = {
    {"scopes", 's', ARGS_TEXT, offsetof(struct create_options, scopes), "LIST",
     "what it may: some of read, ack, write, delete and admin, with commas", NULL},
    {"expires", 'e', ARGS_TIME, offsetof(struct create_options, expires), "TIME",
     "it ends after that, like 90d", NULL},
};

const struct command ctl_command_key_create = {
    .name = "key create",
    .operands = "NAME",
    .least = 1,
    .most = 1,
    .summary = "Make a key and print it, this once",
    .examples = "  resultctl key create worker --scopes write --expires 90d > worker.key\n",
    .flags = create_flags,
    .flag_count = sizeof create_flags / sizeof create_flags[0],
    .options_size = sizeof(struct create_options),
    .run = run_create,
};

/* ---- revoke, rotate ---- */

static int revoke_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    (void)options;
    int rc = ctl_delete(c, ctl_path_of(c, "/keys/", id, ""), f);
    if (rc == 0)
        ctl_say(c, "%s is revoked", id);
    return rc;
}

static int run_revoke(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    return ctl_each_word(c, options, words, count, revoke_one, f);
}

const struct command ctl_command_key_revoke = {
    .name = "key revoke",
    .operands = "ID...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Revoke keys: they open nothing any more, for good",
    .examples = "  resultctl key ls\n  resultctl key revoke kQz3mPq8sTvW\n",
    .run = run_revoke,
};

static int run_rotate(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct json *rotated = NULL;
    (void)options;
    (void)count;
    int rc = ctl_send(c, "POST", ctl_path_of(c, "/keys/", words[0], "/rotate"), NULL, false, &rotated, f);
    if (rc == 0)
        print_key(c, rotated);
    return rc;
}

const struct command ctl_command_key_rotate = {
    .name = "key rotate",
    .operands = "ID",
    .least = 1,
    .most = 1,
    .summary = "Give a key another secret and print it, this once",
    .help = "The one before opens nothing any more, at once. Name, scopes and end stay.",
    .examples = "  resultctl key rotate kQz3mPq8sTvW > worker.key\n",
    .run = run_rotate,
};
