/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl ls, show, usage, batch ls, key ls …: what there is. */
#include "base/amount.h"
#include "cli/ctl.h"
#include "cli/screen.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { USUAL_LIMIT = 100 };

/* ---- lists ---- */

/* A column: a member of each object, as it is or as `shown` makes it. */
struct member {
    struct screen_column column;
    const char *name;
    const char *(*shown)(struct arena *a, const struct json *object, const char *name);
};

struct list {
    struct ctl *ctl;
    const struct member *members;
    struct screen_table table;
};

static int add_row(void *ctx, const struct json *object, struct failure *f)
{
    struct list *l = ctx;
    struct arena *a = l->table.arena;
    const char **cells = arena_alloc(a, (size_t)l->table.column_count * sizeof *cells);
    (void)f;
    if (l->ctl->options.json) {
        ctl_print_json(object);
        return 0;
    }
    for (int i = 0; i < l->table.column_count; i++) {
        const struct member *m = &l->members[i];
        cells[i] = m->shown ? m->shown(a, object, m->name) : ctl_text(object, m->name);
    }
    screen_table_add(&l->table, cells);
    return 0;
}

static int print_list(struct ctl *c, const char *path, int64_t limit, bool all, const struct member *members,
                      int count, struct failure *f)
{
    struct screen_column *columns = arena_alloc(&c->arena, (size_t)count * sizeof *columns);
    struct list l = {.ctl = c, .members = members};
    for (int i = 0; i < count; i++)
        columns[i] = members[i].column;
    l.table = (struct screen_table){.arena = &c->arena, .columns = columns, .column_count = count};
    int rc = ctl_list(c, path, all ? 0 : limit ? limit : USUAL_LIMIT, add_row, &l, f);
    if (!c->options.json)
        (void)screen_table_print(&l.table, stdout);
    return rc;
}

static const char *time_of(struct arena *a, const struct json *object, const char *name)
{
    const char *text = ctl_text(object, name);
    return screen_width(STDOUT_FILENO) > 0 ? screen_day(a, text) : screen_time(a, text);
}

static const char *size_of(struct arena *a, const struct json *object, const char *name)
{
    return amount_bytes(a, ctl_number(object, name));
}

/* A list of words. */
static const char *words_of(struct arena *a, const struct json *object, const char *name)
{
    const struct json *list = json_member(object, name);
    const char *words = "";
    for (const struct json *w = list ? list->first : NULL; w; w = w->next)
        words = arena_printf(a, "%s%s%s", words, *words ? "," : "", w->string ? w->string : "");
    return words;
}

static const char *part_of(struct arena *a, const struct json *object, const char *name)
{
    return arena_printf(a, "%.0f %%", ctl_real(object, name) * 100);
}

static const char *state_of(struct arena *a, const struct json *object, const char *name)
{
    const char *deleted = *ctl_text(object, "deleted_at") ? ", deleted" : "";
    return arena_printf(a, "%s%s%s", ctl_text(object, name), ctl_truth(object, "keep") ? ", kept" : "",
                        deleted);
}

/* ---- results ---- */

struct results_options {
    const char *job, *batch, *state, *name, *type, *kind, *after, *before;
    int64_t limit;
    bool all, deleted;
};

static const char *const states[] = {"available", "consumed", "expired", "any", NULL};

static const struct args_flag results_flags[] = {
    {"job", 'j', ARGS_TEXT, offsetof(struct results_options, job), "ID", "those of this job", NULL},
    {"batch", 'b', ARGS_TEXT, offsetof(struct results_options, batch), "ID", "those of this batch", NULL},
    {"state", 's', ARGS_WORD, offsetof(struct results_options, state), "STATE",
     "available (else only these), consumed, expired or any", states},
    {"name", 'n', ARGS_TEXT, offsetof(struct results_options, name), "NAME", "of this name", NULL},
    {"type", 't', ARGS_TEXT, offsetof(struct results_options, type), "TYPE", "of this type", NULL},
    {"kind", 'k', ARGS_TEXT, offsetof(struct results_options, kind), "KIND", "of jobs of this kind", NULL},
    {"after", 0, ARGS_TEXT, offsetof(struct results_options, after), "TIME",
     "made after this (RFC 3339, such as 2026-11-01T00:00:00Z)", NULL},
    {"before", 0, ARGS_TEXT, offsetof(struct results_options, before), "TIME", "made before this", NULL},
    {"deleted", 'd', ARGS_GIVEN, offsetof(struct results_options, deleted), NULL, "those in the trash", NULL},
    {"limit", 'l', ARGS_COUNT, offsetof(struct results_options, limit), "N", "at most so many (100)", NULL},
    {"all", 'A', ARGS_GIVEN, offsetof(struct results_options, all), NULL, "however many there are", NULL},
};

static int run_results(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    static const struct member members[] = {
        {{"ID", false, SCREEN_WHOLE}, "id", NULL},
        {{"NAME", false, SCREEN_CUT}, "name", NULL},
        {{"SIZE", true, SCREEN_WHOLE}, "size", size_of},
        {{"STATE", false, SCREEN_WHOLE}, "state", state_of},
        {{"CREATED", false, SCREEN_WHOLE}, "created_at", time_of},
        {{"EXPIRES", false, SCREEN_WHOLE}, "expires_at", time_of},
    };
    const struct results_options *o = options;
    struct ctl_path p;
    (void)words;
    (void)count;
    ctl_path_begin(&p, &c->arena, "/results");
    ctl_path_add(&p, "job", o->job);
    ctl_path_add(&p, "batch", o->batch);
    ctl_path_add(&p, "state", o->state);
    ctl_path_add(&p, "name", o->name);
    ctl_path_add(&p, "type", o->type);
    ctl_path_add(&p, "kind", o->kind);
    ctl_path_add(&p, "created_after", o->after);
    ctl_path_add(&p, "created_before", o->before);
    ctl_path_add(&p, "deleted", o->deleted ? "true" : NULL);
    return print_list(c, ctl_path_end(&p), o->limit, o->all, members, sizeof members / sizeof members[0], f);
}

const struct command ctl_command_ls = {
    .name = "ls",
    .operands = "",
    .summary = "List results, newest first",
    .help = "Not on a terminal the columns are separated by tabs, and there is no heading.",
    .examples = "  resultctl ls --job 0192f0c1-6a2b-7d11-9b0e-4f6a0c1d2e3f\n"
                "  resultctl ls --state any --after 2026-11-01T00:00:00Z --json\n",
    .flags = results_flags,
    .flag_count = sizeof results_flags / sizeof results_flags[0],
    .options_size = sizeof(struct results_options),
    .run = run_results,
};

/* ---- jobs ---- */

struct jobs_options {
    const char *status, *kind, *batch, *reference_id, *tag;
    int64_t limit;
    bool all, deleted;
};

static const char *const statuses[] = {"queued", "running", "completed", "failed", "cancelled", NULL};

static const struct args_flag jobs_flags[] = {
    {"status", 's', ARGS_WORD, offsetof(struct jobs_options, status), "STATUS",
     "queued, running, completed, failed or cancelled", statuses},
    {"kind", 'k', ARGS_TEXT, offsetof(struct jobs_options, kind), "KIND", "of this kind", NULL},
    {"batch", 'b', ARGS_TEXT, offsetof(struct jobs_options, batch), "ID", "of this batch", NULL},
    {"reference-id", 'r', ARGS_TEXT, offsetof(struct jobs_options, reference_id), "ID",
     "the one of this name", NULL},
    {"tag", 0, ARGS_TEXT, offsetof(struct jobs_options, tag), "TAG", "with this tag", NULL},
    {"deleted", 'd', ARGS_GIVEN, offsetof(struct jobs_options, deleted), NULL, "those in the trash", NULL},
    {"limit", 'l', ARGS_COUNT, offsetof(struct jobs_options, limit), "N", "at most so many (100)", NULL},
    {"all", 'A', ARGS_GIVEN, offsetof(struct jobs_options, all), NULL, "however many there are", NULL},
};

static int run_jobs(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    static const struct member members[] = {
        {{"ID", false, SCREEN_WHOLE}, "id", NULL},
        {{"KIND", false, SCREEN_CUT}, "kind", NULL},
        {{"STATUS", false, SCREEN_WHOLE}, "status", state_of},
        {{"DONE", true, SCREEN_WHOLE}, "progress", part_of},
        {{"REFERENCE", false, SCREEN_CUT}, "reference_id", NULL},
        {{"CREATED", false, SCREEN_WHOLE}, "created_at", time_of},
    };
    const struct jobs_options *o = options;
    struct ctl_path p;
    (void)words;
    (void)count;
    ctl_path_begin(&p, &c->arena, "/jobs");
    ctl_path_add(&p, "status", o->status);
    ctl_path_add(&p, "kind", o->kind);
    ctl_path_add(&p, "batch", o->batch);
    ctl_path_add(&p, "reference_id", o->reference_id);
    ctl_path_add(&p, "tag", o->tag);
    ctl_path_add(&p, "deleted", o->deleted ? "true" : NULL);
    return print_list(c, ctl_path_end(&p), o->limit, o->all, members, sizeof members / sizeof members[0], f);
}

const struct command ctl_command_job_ls = {
    .name = "job ls",
    .operands = "",
    .summary = "List jobs, newest first",
    .examples = "  resultctl job ls --status failed --json | jq -r '\"\\(.id) \\(.error.message)\"'\n",
    .flags = jobs_flags,
    .flag_count = sizeof jobs_flags / sizeof jobs_flags[0],
    .options_size = sizeof(struct jobs_options),
    .run = run_jobs,
};

/* ---- batches, keys, users ---- */

struct length_options {
    int64_t limit;
    bool all;
};

static const struct args_flag length_flags[] = {
    {"limit", 'l', ARGS_COUNT, offsetof(struct length_options, limit), "N", "at most so many (100)", NULL},
    {"all", 'A', ARGS_GIVEN, offsetof(struct length_options, all), NULL, "however many there are", NULL},
};

static const char *jobs_of(struct arena *a, const struct json *batch, const char *name)
{
    const struct json *jobs = json_member(batch, name);
    struct buf out = {.arena = a};
    for (const struct json *m = jobs ? jobs->first : NULL; m; m = m->next)
        if (ctl_number(jobs, m->key) > 0)
            buf_printf(&out, "%s%lld %s", out.len ? ", " : "", (long long)ctl_number(jobs, m->key), m->key);
    return buf_str(&out);
}

static int run_batches(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    static const struct member members[] = {
        {{"ID", false, SCREEN_WHOLE}, "id", NULL},
        {{"NAME", false, SCREEN_CUT}, "name", NULL},
        {{"JOBS", false, SCREEN_CUT}, "jobs", jobs_of},
        {{"CREATED", false, SCREEN_WHOLE}, "created_at", time_of},
    };
    const struct length_options *o = options;
    (void)words;
    (void)count;
    return print_list(c, "/batches", o->limit, o->all, members, sizeof members / sizeof members[0], f);
}

const struct command ctl_command_batch_ls = {
    .name = "batch ls",
    .operands = "",
    .summary = "List batches, newest first",
    .examples = "  resultctl batch ls --limit 10\n",
    .flags = length_flags,
    .flag_count = sizeof length_flags / sizeof length_flags[0],
    .options_size = sizeof(struct length_options),
    .run = run_batches,
};

static int run_keys(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    static const struct member members[] = {
        {{"ID", false, SCREEN_WHOLE}, "id", NULL},
        {{"NAME", false, SCREEN_CUT}, "name", NULL},
        {{"SCOPES", false, SCREEN_WHOLE}, "scopes", words_of},
        {{"CREATED", false, SCREEN_WHOLE}, "created_at", time_of},
        {{"EXPIRES", false, SCREEN_WHOLE}, "expires_at", time_of},
        {{"REVOKED", false, SCREEN_WHOLE}, "revoked_at", time_of},
    };
    const struct length_options *o = options;
    (void)words;
    (void)count;
    return print_list(c, "/keys", o->limit, o->all, members, sizeof members / sizeof members[0], f);
}

const struct command ctl_command_key_ls = {
    .name = "key ls",
    .operands = "",
    .summary = "List the project's keys, newest first",
    .examples = "  resultctl key ls --json | jq -r 'select(.revoked_at == null) | .name'\n",
    .flags = length_flags,
    .flag_count = sizeof length_flags / sizeof length_flags[0],
    .options_size = sizeof(struct length_options),
    .run = run_keys,
};

static const char *truth_of(struct arena *a, const struct json *object, const char *name)
{
    (void)a;
    return ctl_truth(object, name) ? "yes" : "no";
}

static const char *number_of(struct arena *a, const struct json *object, const char *name)
{
    return arena_printf(a, "%lld", (long long)ctl_number(object, name));
}

static int run_users(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    static const struct member members[] = {
        {{"NUMBER", true, SCREEN_WHOLE}, "pk", number_of},
        {{"NAME", false, SCREEN_CUT}, "name", NULL},
        {{"STAFF", false, SCREEN_WHOLE}, "staff", truth_of},
        {{"ACTIVE", false, SCREEN_WHOLE}, "active", truth_of},
        {{"CREATED", false, SCREEN_WHOLE}, "created_at", time_of},
    };
    const struct length_options *o = options;
    (void)words;
    (void)count;
    return print_list(c, "/users", o->limit, o->all, members, sizeof members / sizeof members[0], f);
}

const struct command ctl_command_user_ls = {
    .name = "user ls",
    .operands = "",
    .summary = "List the project's users, newest first",
    .examples = "  resultctl user ls --json | jq -r 'select(.active) | .name'\n",
    .flags = length_flags,
    .flag_count = sizeof length_flags / sizeof length_flags[0],
    .options_size = sizeof(struct length_options),
    .run = run_users,
};

/* ---- one object ---- */

/* An id tells nothing of what it is the id of. */
static int show_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    static const char *const folders[] = {"/results/", "/jobs/", "/batches/"};
    const struct json *object = NULL;
    int rc = FAILURE_ABSENT;
    (void)options;
    for (size_t i = 0; rc == FAILURE_ABSENT && i < sizeof folders / sizeof folders[0]; i++)
        rc = ctl_get(c, ctl_path_of(c, folders[i], id, ""), &object, f);
    if (rc == 0)
        ctl_show(c, object);
    return rc == FAILURE_ABSENT
               ? failure_set(f, FAILURE_ABSENT, "there is no result, job or batch of this id")
               : rc;
}

static int run_show(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    return ctl_each_word(c, options, words, count, show_one, f);
}

const struct command ctl_command_show = {
    .name = "show",
    .operands = "ID...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Show results, jobs or batches",
    .examples = "  resultctl show 0192f0c1-7b3e-7c53-8e63-cf1fbbd2f3a1 --json | jq .sha256\n",
    .run = run_show,
};

/* ---- usage ---- */

static void add_usage(struct screen_table *t, const char *what, const struct json *of)
{
    struct arena *a = t->arena;
    screen_table_add(t, (const char *const[]){what,
                                              arena_printf(a, "%lld", (long long)ctl_number(of, "results")),
                                              amount_bytes(a, ctl_number(of, "bytes"))});
}

static int run_usage(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    static const struct screen_column columns[] = {
        {"", false, SCREEN_WHOLE}, {"RESULTS", true, SCREEN_WHOLE}, {"BYTES", true, SCREEN_WHOLE}};
    struct screen_table t = {.arena = &c->arena, .columns = columns, .column_count = 3};
    const struct json *usage = NULL;
    (void)options;
    (void)words;
    (void)count;
    int rc = ctl_get(c, "/usage", &usage, f);
    if (rc != 0)
        return rc;
    if (c->options.json) {
        ctl_print_json(usage);
        return 0;
    }
    const struct json *states_of = json_member(usage, "by_state");
    for (const struct json *m = states_of ? states_of->first : NULL; m; m = m->next)
        add_usage(&t, m->key, m);
    add_usage(&t, "trash", json_member(usage, "trash"));
    add_usage(&t, "all", usage);
    (void)screen_table_print(&t, stdout);
    return 0;
}

const struct command ctl_command_usage = {.name = "usage",
                                          .operands = "",
                                          .summary = "How many results and bytes the project has",
                                          .run = run_usage};
