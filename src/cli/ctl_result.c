/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl ack, rm, restore, keep, link: one request for each result. */
#include "cli/ctl.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What was answered is shown only to programs; people see what was done. */
static int send(struct ctl *c, const char *method, const char *id, const char *rest, const char *done,
                struct failure *f)
{
    const struct json *answer = NULL;
    int rc = ctl_send(c, method, ctl_path_of(c, "/results/", id, rest), NULL, true, &answer, f);
    if (rc == 0 && c->options.json)
        ctl_print_json(answer);
    else if (rc == 0)
        ctl_say(c, "%s %s", id, done);
    return rc;
}

static int ack_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    (void)options;
    return send(c, "POST", id, "/ack", "acknowledged", f);
}

static int run_ack(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    return ctl_each_word(c, options, words, count, ack_one, f);
}

const struct command ctl_command_ack = {
    .name = "ack",
    .operands = "ID...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Acknowledge results: you have them",
    .help = "resultctl get --ack does it only once the bytes are on the disk and proved.",
    .examples = "  resultctl ack 0192f0c1-7b3e-7c53-8e63-cf1fbbd2f3a1\n",
    .run = run_ack,
};

/* ---- the trash ---- */

struct rm_options {
    bool permanent, yes;
};

static void print_id(struct ctl *c, const char *id)
{
    struct json_out j = {.buf = {.arena = &c->arena}};
    json_begin_object(&j);
    json_key(&j, "id");
    json_string(&j, id);
    json_end_object(&j);
    (void)printf("%s\n", buf_str(&j.buf));
}

static int rm_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    const struct rm_options *o = options;
    int rc = ctl_delete(c, ctl_path_of(c, "/results/", id, o->permanent ? "?permanent=true" : ""), f);
    if (rc == 0 && c->options.json)
        print_id(c, id);
    else if (rc == 0)
        ctl_say(c, "%s %s", id, o->permanent ? "is gone for good" : "deleted");
    return rc;
}

static int run_rm(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct rm_options *o = options;
    int rc = 0;
    if (o->permanent && !o->yes)
        rc = ctl_confirm(arena_printf(&c->arena, "%d result%s and the bytes will be gone for good. Go on",
                                      count, count == 1 ? "" : "s"),
                         "--yes", f);
    return rc == 0 ? ctl_each_word(c, options, words, count, rm_one, f) : rc;
}

static const struct args_flag rm_flags[] = {
    {"permanent", 0, ARGS_GIVEN, offsetof(struct rm_options, permanent), NULL,
     "row and bytes are gone at once, and cannot be restored", NULL},
    {"yes", 'y', ARGS_GIVEN, offsetof(struct rm_options, yes), NULL, "do not ask", NULL},
};

const struct command ctl_command_rm = {
    .name = "rm",
    .operands = "ID...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Delete results: into the trash, or for good",
    .examples = "  resultctl rm 0192f0c1-7b3e-7c53-8e63-cf1fbbd2f3a1\n"
                "  resultctl ls --state expired --json | jq -r .id | xargs resultctl rm --permanent --yes\n",
    .flags = rm_flags,
    .flag_count = sizeof rm_flags / sizeof rm_flags[0],
    .options_size = sizeof(struct rm_options),
    .run = run_rm,
};

static int restore_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    (void)options;
    return send(c, "POST", id, "/restore", "restored", f);
}

static int run_restore(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    return ctl_each_word(c, options, words, count, restore_one, f);
}

const struct command ctl_command_restore = {
    .name = "restore",
    .operands = "ID...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Take results back out of the trash",
    .examples = "  resultctl ls --deleted --json | jq -r .id | xargs resultctl restore\n",
    .run = run_restore,
};

/* ---- keeping ---- */

struct keep_options {
    bool off;
};

static int keep_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    const struct keep_options *o = options;
    return send(c, o->off ? "DELETE" : "PUT", id, "/keep", o->off ? "is not kept any more" : "is kept", f);
}

static int run_keep(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    return ctl_each_word(c, options, words, count, keep_one, f);
}

static const struct args_flag keep_flags[] = {
    {"off", 0, ARGS_GIVEN, offsetof(struct keep_options, off), NULL, "they expire again as others do", NULL},
};

const struct command ctl_command_keep = {
    .name = "keep",
    .operands = "ID...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Keep results from expiry and deletion",
    .examples = "  resultctl keep 0192f0c1-7b3e-7c53-8e63-cf1fbbd2f3a1\n",
    .flags = keep_flags,
    .flag_count = sizeof keep_flags / sizeof keep_flags[0],
    .options_size = sizeof(struct keep_options),
    .run = run_keep,
};

/* ---- links ---- */

struct link_options {
    const char *format, *note;
    int64_t expires;
};

static int share_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    const struct link_options *o = options;
    struct json_out j = {.buf = {.arena = &c->arena}};
    const struct json *link = NULL;
    json_begin_object(&j);
    if (o->expires) {
        json_key(&j, "expires_in");
        json_int(&j, o->expires);
    }
    if (o->format) {
        json_key(&j, "format");
        json_string(&j, o->format);
    }
    if (o->note) {
        json_key(&j, "note");
        json_string(&j, o->note);
    }
    json_end_object(&j);
    int rc = ctl_send(c, "POST", ctl_path_of(c, "/results/", id, "/links"), buf_str(&j.buf), false, &link, f);
    if (rc == 0 && c->options.json)
        ctl_print_json(link);
    else if (rc == 0)
        (void)printf("%s\n", ctl_text(link, "url"));
    return rc;
}

static int run_link(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    return ctl_each_word(c, options, words, count, share_one, f);
}

static const struct args_flag link_flags[] = {
    {"expires", 'e', ARGS_TIME, offsetof(struct link_options, expires), "TIME", "after 1h, at most 7d (1h)",
     NULL},
    {"format", 'f', ARGS_TEXT, offsetof(struct link_options, format), "FORMAT", "of a table: csv, xlsx …",
     NULL},
    {"note", 'n', ARGS_TEXT, offsetof(struct link_options, note), "TEXT", "what it is for", NULL},
};

const struct command ctl_command_link = {
    .name = "link",
    .operands = "ID...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Make links that need no key",
    .help = "Whoever has the link can download the result until it expires; it cannot be revoked by itself.",
    .examples = "  resultctl link 0192f0c1-7b3e-7c53-8e63-cf1fbbd2f3a1 --expires 2d --format xlsx\n",
    .flags = link_flags,
    .flag_count = sizeof link_flags / sizeof link_flags[0],
    .options_size = sizeof(struct link_options),
    .run = run_link,
};
