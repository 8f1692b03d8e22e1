/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl wait, watch: what changes. */
#include "base/clock.h"
#include "base/text.h"
#include "cli/ctl.h"
#include "cli/screen.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PAUSE   (CLOCK_SECOND / 5)
#define LONGEST_PAUSE (2 * CLOCK_SECOND)

/* ---- wait ---- */

struct wait_options {
    const char *timeout; /* NULL: as long as it takes; 0 looks once */
};

static bool has_ended(const char *status)
{
    return strcmp(status, "queued") != 0 && strcmp(status, "running") != 0;
}

static void show_progress(const struct ctl *c, struct arena *a, const struct json *job)
{
    int columns = screen_width(STDERR_FILENO);
    if (c->options.quiet || !screen_moves(STDERR_FILENO))
        return;
    const char *line = arena_printf(a, "%s %s %.0f %%", ctl_text(job, "id"), ctl_text(job, "status"),
                                    ctl_real(job, "progress") * 100);
    (void)fprintf(stderr, "\r%s\033[K", screen_cut(a, line, columns - 1));
}

static void clear_progress(const struct ctl *c)
{
    if (!c->options.quiet && screen_moves(STDERR_FILENO))
        (void)fputs("\r\033[K", stderr);
}

static int judge(struct ctl *c, const struct json *job, struct failure *f)
{
    const char *status = ctl_text(job, "status");
    const struct json *error = json_member(job, "error");
    if (c->options.json)
        ctl_print_json(job);
    if (strcmp(status, "completed") == 0)
        return 0;
    if (error && error->type == JSON_OBJECT)
        return failure_set(f, FAILURE_JOB, "the job is %s: %.400s (%.60s)", status,
                           ctl_text(error, "message"), ctl_text(error, "code"));
    return failure_set(f, FAILURE_JOB, "the job is %s", status);
}

/* *ret_over: the wait has an end, and `rc` is how. */
static int look_once(struct ctl *c, const char *path, bool last, bool *ret_over, struct failure *f)
{
    struct arena a = {0};
    const struct json *job = NULL;
    int rc = ctl_get_into(c, &a, path, &job, f);
    bool ended = rc == 0 && has_ended(ctl_text(job, "status"));
    *ret_over = rc != 0 || ended || last;
    if (!*ret_over)
        show_progress(c, &a, job);
    else
        clear_progress(c);
    if (ended)
        rc = judge(c, job, f);
    else if (rc == 0 && last)
        rc = failure_set(f, FAILURE_TIME, "the job is still %.40s", ctl_text(job, "status"));
    arena_free(&a);
    return rc;
}

static int wait_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    const struct wait_options *o = options;
    int64_t seconds = INT64_MAX / CLOCK_SECOND / 2;
    int64_t pause = FIRST_PAUSE;
    const char *path = ctl_path_of(c, "/jobs/", id, "");
    bool over = false;
    if (o->timeout && !args_time(o->timeout, &seconds))
        return failure_set(f, FAILURE_USAGE, "--timeout is a time such as 90s, 5m, 2h or 7d, not \"%.100s\"",
                           o->timeout);
    int64_t until = clock_monotonic() + seconds * CLOCK_SECOND;
    int rc = look_once(c, path, seconds == 0, &over, f);
    while (rc == 0 && !over) {
        rc = ctl_sleep(pause, f);
        pause = pause * 3 / 2 < LONGEST_PAUSE ? pause * 3 / 2 : LONGEST_PAUSE;
        if (rc == 0)
            rc = look_once(c, path, clock_monotonic() >= until, &over, f);
    }
    return rc;
}

static int run_wait(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    return ctl_each_word(c, options, words, count, wait_one, f);
}

static const struct args_flag wait_flags[] = {
    {"timeout", 't', ARGS_TEXT, offsetof(struct wait_options, timeout), "TIME",
     "for each; 0 looks once; else as long as it takes", NULL},
};

const struct command ctl_command_wait = {
    .name = "wait",
    .operands = "JOB...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Wait until jobs have ended",
    .help = "Exit status 10: one has failed or was cancelled. 11: the time was over first.",
    .examples =
        "  job=$(resultctl job create resize) && resultctl wait \"$job\" && resultctl get --job \"$job\"\n",
    .flags = wait_flags,
    .flag_count = sizeof wait_flags / sizeof wait_flags[0],
    .options_size = sizeof(struct wait_options),
    .run = run_wait,
};

/* ---- watch ---- */

struct watch_options {
    const char *batch;
    int64_t interval;
};

enum { WATCHED = 300, WORDS = 48 };

struct seen {
    char id[40];
    char words[WORDS];
};

/* The newest of one kind of object, as they were when they were last looked at. */
struct watched {
    struct ctl *ctl;
    const char *what;
    struct seen *now, *before;
    int now_count, before_count;
    int64_t reached; /* the largest pk of all */
    int64_t newest;  /* pk; -1: what is there at the first look is no change */
};

static const struct seen *find(const struct watched *w, const char *id)
{
    for (int i = 0; i < w->before_count; i++)
        if (strcmp(w->before[i].id, id) == 0)
            return &w->before[i];
    return NULL;
}

static void describe(struct arena *a, const struct json *object, char *ret)
{
    const char *state = ctl_text(object, "state");
    const char *text = *state ? state
                              : arena_printf(a, "%s %.0f %%", ctl_text(object, "status"),
                                             ctl_real(object, "progress") * 100);
    text_copy(ret, WORDS, *ctl_text(object, "deleted_at") ? "deleted" : text);
}

static void tell(const struct watched *w, const struct json *object, const char *words, struct arena *a)
{
    char clock[16];
    struct tm when;
    time_t now = time(NULL);
    if (w->ctl->options.json) {
        (void)printf("{\"%s\":%.*s}\n", w->what, (int)object->raw_len, object->raw);
        return;
    }
    const char *name = ctl_text(object, "name");
    (void)strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &when));
    (void)printf("%s\t%s\t%s\t%s\t%s\n", clock, w->what, ctl_text(object, "id"), words,
                 screen_safe(a, *name ? name : ctl_text(object, "kind")));
}

static int on_object(void *ctx, const struct json *object, struct failure *f)
{
    struct watched *w = ctx;
    struct arena a = {0};
    struct seen *s = &w->now[w->now_count++];
    (void)f;
    text_copy(s->id, sizeof s->id, ctl_text(object, "id"));
    describe(&a, object, s->words);
    const struct seen *old = find(w, s->id);
    int64_t pk = ctl_number(object, "pk");
    if (old ? strcmp(old->words, s->words) != 0 : w->newest >= 0 && pk > w->newest)
        tell(w, object, s->words, &a);
    if (pk > w->reached)
        w->reached = pk;
    arena_free(&a);
    return 0;
}

static int look(struct watched *w, const char *path, struct failure *f)
{
    struct seen *before = w->before;
    w->before = w->now;
    w->before_count = w->now_count;
    w->now = before;
    w->now_count = 0;
    int rc = ctl_list(w->ctl, path, WATCHED, on_object, w, f);
    w->newest = w->reached;
    return rc == 0 ? ctl_flush(f) : rc;
}

static struct watched watch(struct ctl *c, const char *what)
{
    return (struct watched){.ctl = c,
                            .what = what,
                            .newest = -1,
                            .now = arena_alloc(&c->arena, WATCHED * sizeof(struct seen)),
                            .before = arena_alloc(&c->arena, WATCHED * sizeof(struct seen))};
}

static const char *path_of(struct ctl *c, const char *path, const char *batch, bool any)
{
    struct ctl_path p;
    ctl_path_begin(&p, &c->arena, path);
    ctl_path_add(&p, "batch", batch);
    ctl_path_add(&p, "deleted", "any");
    ctl_path_add(&p, "state", any ? "any" : NULL);
    return ctl_path_end(&p);
}

static int run_watch(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct watch_options *o = options;
    struct watched jobs = watch(c, "job");
    struct watched results = watch(c, "result");
    const char *of_jobs = path_of(c, "/jobs", o->batch, false);
    const char *of_results = path_of(c, "/results", o->batch, true);
    int rc = 0;
    (void)words;
    (void)count;
    while (rc == 0) {
        rc = look(&jobs, of_jobs, f);
        if (rc == 0)
            rc = look(&results, of_results, f);
        if (rc == 0)
            rc = ctl_sleep((o->interval ? o->interval : 2) * CLOCK_SECOND, f);
    }
    return rc;
}

static const struct args_flag watch_flags[] = {
    {"batch", 'b', ARGS_TEXT, offsetof(struct watch_options, batch), "ID", "only of this batch", NULL},
    {"interval", 'i', ARGS_TIME, offsetof(struct watch_options, interval), "TIME", "look so often (2s)",
     NULL},
};

const struct command ctl_command_watch = {
    .name = "watch",
    .operands = "",
    .summary = "Show jobs and results as they change, until interrupted",
    .help =
        "A line for each change of the 300 newest jobs and results: time, what, id, how it is now, name.\n"
        "With --json {\"job\": …} or {\"result\": …}.",
    .examples = "  resultctl watch --batch \"$batch\"\n",
    .flags = watch_flags,
    .flag_count = sizeof watch_flags / sizeof watch_flags[0],
    .options_size = sizeof(struct watch_options),
    .run = run_watch,
};
