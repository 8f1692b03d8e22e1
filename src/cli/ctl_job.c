/* SPDX-License-Identifier: Apache-2.0 */
/* resultctl job …, batch create: what workers and those who give them work do. */
#include "base/clock.h"
#include "base/digest.h"
#include "cli/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST_INPUT = 64 << 20 };

static void add_text(struct json_out *j, const char *name, const char *value)
{
    if (!value)
        return;
    json_key(j, name);
    json_string(j, value);
}

/* For people its id alone, so that a shell can take it. */
static void print(struct ctl *c, const struct json *object)
{
    if (c->options.json)
        ctl_print_json(object);
    else
        (void)printf("%s\n", ctl_text(object, "id"));
}

/* ---- create ---- */

struct create_options {
    const char *batch, *reference_id, *tag, *input, *storage;
    int64_t priority;
};

static int read_all(struct ctl *c, int fd, const char *name, struct buf *ret, struct failure *f)
{
    ssize_t n = 1;
    *ret = (struct buf){.arena = &c->arena};
    while (n > 0) {
        buf_reserve(ret, 64 << 10);
        n = read(fd, ret->bytes + ret->len, 64 << 10);
        if (n < 0)
            return failure_errno(f, "cannot read", name);
        ret->len += (size_t)n;
        if (ret->len > LARGEST_INPUT)
            return failure_set(f, FAILURE_USAGE, "%.200s is too long for the input of a job", name);
    }
    ret->bytes[ret->len] = '\0';
    return 0;
}

/* JSON itself, @FILE, or - for standard input. */
static int read_input(struct ctl *c, const char *said, const struct json **ret, struct failure *f)
{
    struct buf text = {.arena = &c->arena};
    struct err e;
    int rc = 0;
    if (strcmp(said, "-") == 0) {
        rc = read_all(c, STDIN_FILENO, "standard input", &text, f);
    } else if (said[0] == '@') {
        int fd = open(said + 1, O_RDONLY | O_CLOEXEC);
        rc = fd < 0 ? failure_errno(f, "cannot read", said + 1) : read_all(c, fd, said + 1, &text, f);
        if (fd >= 0)
            (void)close(fd);
    } else {
        buf_puts(&text, said);
    }
    if (rc == 0 && json_parse(&c->arena, buf_str(&text), text.len, 128, ret, &e) < 0)
        rc = failure_set(f, FAILURE_USAGE, "the input is not JSON: %s", e.detail);
    return rc;
}

static int run_create(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct create_options *o = options;
    struct json_out j = {.buf = {.arena = &c->arena}};
    const struct json *input = NULL;
    const struct json *job = NULL;
    (void)count;
    int rc = o->input ? read_input(c, o->input, &input, f) : 0;
    if (rc != 0)
        return rc;
    json_begin_object(&j);
    add_text(&j, "kind", words[0]);
    add_text(&j, "batch", o->batch);
    add_text(&j, "reference_id", o->reference_id);
    add_text(&j, "tag", o->tag);
    add_text(&j, "storage", o->storage);
    if (o->priority) {
        json_key(&j, "priority_weight");
        json_int(&j, o->priority);
    }
    if (input) {
        json_key(&j, "input");
        json_raw(&j, input->raw, input->raw_len);
    }
    json_end_object(&j);
    rc = ctl_send(c, "POST", "/jobs", buf_str(&j.buf), false, &job, f);
    if (rc == 0)
        print(c, job);
    return rc;
}

static const struct args_flag create_flags[] = {
    {"input", 'i', ARGS_TEXT, offsetof(struct create_options, input), "JSON",
     "JSON, @FILE, or - for standard input", NULL},
    {"batch", 'b', ARGS_TEXT, offsetof(struct create_options, batch), "ID", "it belongs to this batch", NULL},
    {"reference-id", 'r', ARGS_TEXT, offsetof(struct create_options, reference_id), "ID",
     "your own name for it", NULL},
    {"tag", 0, ARGS_TEXT, offsetof(struct create_options, tag), "TAG", "a tag", NULL},
    {"priority", 'p', ARGS_COUNT, offsetof(struct create_options, priority), "N",
     "1 to 10, 10 is taken first (5)", NULL},
    {"storage", 's', ARGS_TEXT, offsetof(struct create_options, storage), "NAME", "where its results go",
     NULL},
};

const struct command ctl_command_job_create = {
    .name = "job create",
    .operands = "KIND",
    .least = 1,
    .most = 1,
    .summary = "Queue a job for a worker; prints its id",
    .examples = "  resultctl job create resize --input '{\"width\": 640}'\n",
    .flags = create_flags,
    .flag_count = sizeof create_flags / sizeof create_flags[0],
    .options_size = sizeof(struct create_options),
    .run = run_create,
};

/* ---- claim ---- */

struct claim_options {
    struct args_texts kinds;
    int64_t lease, wait;
};

static int claim(struct ctl *c, const char *body, const struct json **ret, struct failure *f)
{
    return ctl_send(c, "POST", "/jobs/claim", body, false, ret, f);
}

/* Asks again, more and more seldom: a second is soon enough for work that has waited already. */
static int claim_in_time(struct ctl *c, const char *body, int64_t wait, const struct json **ret,
                         struct failure *f)
{
    int64_t until = clock_monotonic() + wait * CLOCK_SECOND;
    int rc = claim(c, body, ret, f);
    while (rc == 0 && !*ret && clock_monotonic() < until) {
        rc = ctl_sleep(CLOCK_SECOND, f);
        if (rc == 0)
            rc = claim(c, body, ret, f);
    }
    return rc;
}

static int run_claim(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct claim_options *o = options;
    struct json_out j = {.buf = {.arena = &c->arena}};
    const struct json *job = NULL;
    (void)words;
    (void)count;
    json_begin_object(&j);
    if (o->kinds.count > 0) {
        json_key(&j, "kinds");
        json_begin_array(&j);
        for (int i = 0; i < o->kinds.count; i++)
            json_string(&j, o->kinds.texts[i]);
        json_end_array(&j);
    }
    if (o->lease) {
        json_key(&j, "lease_seconds");
        json_int(&j, o->lease);
    }
    json_end_object(&j);
    int rc = claim_in_time(c, buf_str(&j.buf), o->wait, &job, f);
    if (rc == 0 && !job)
        return failure_set(f, FAILURE_ABSENT, "no job is waiting");
    if (rc == 0 && c->options.json)
        ctl_print_json(job);
    else if (rc == 0)
        (void)printf("%s\t%s\n", ctl_text(job, "id"), ctl_text(job, "lease"));
    return rc;
}

static const struct args_flag claim_flags[] = {
    {"kind", 'k', ARGS_TEXTS, offsetof(struct claim_options, kinds), "KIND",
     "only of these kinds; may be repeated", NULL},
    {"lease", 'l', ARGS_TIME, offsetof(struct claim_options, lease), "TIME",
     "until it is given to another worker unless progress is told (60s)", NULL},
    {"wait", 'w', ARGS_TIME, offsetof(struct claim_options, wait), "TIME", "wait so long for one", NULL},
};

const struct command ctl_command_job_claim = {
    .name = "job claim",
    .operands = "",
    .summary = "Take the most urgent job that waits",
    .help =
        "Prints its id and its lease, separated by a tab; with --json the whole job, its input too. No job:\n"
        "exit status 4.",
    .examples = "  read -r job lease < <(resultctl job claim --kind resize --wait 1h)\n",
    .flags = claim_flags,
    .flag_count = sizeof claim_flags / sizeof claim_flags[0],
    .options_size = sizeof(struct claim_options),
    .run = run_claim,
};

/* ---- moves ---- */

struct move_options {
    const char *code, *message;
    int64_t every, pid;
};

/* progress < 0: it is not told. */
static const char *move_body(struct ctl *c, const struct move_options *o, double progress)
{
    struct json_out j = {.buf = {.arena = &c->arena}};
    json_begin_object(&j);
    if (progress >= 0) {
        json_key(&j, "progress");
        json_real(&j, progress);
    }
    if (o->message || o->code) {
        json_key(&j, "error");
        json_begin_object(&j);
        add_text(&j, "code", o->code ? o->code : "failed");
        add_text(&j, "message", o->message ? o->message : "");
        json_end_object(&j);
    }
    add_text(&j, "lease",
             getenv("RESULTD_LEASE")); /* a secret: no flag, which any list of processes would show */
    json_end_object(&j);
    return buf_str(&j.buf);
}

static int move(struct ctl *c, const char *id, const char *verb, const char *body, const char *done,
                struct failure *f)
{
    const struct json *job = NULL;
    int rc = ctl_send(c, "POST", ctl_path_of(c, "/jobs/", id, verb), body, true, &job, f);
    if (rc == 0 && c->options.json)
        ctl_print_json(job);
    else if (rc == 0)
        ctl_say(c, "%s %s", id, done);
    return rc;
}

/* 0 is none that is waited for. */
static bool is_gone(int64_t pid)
{
    return pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/*
 * After a first try that ended with `rc`. It ends with the process, by a signal, which is how it is meant to
 * end, or when the job takes it no more; a server that is away may come back.
 */
static int repeat(struct ctl *c, const struct move_options *o, const char *id, const char *body, int rc,
                  struct failure *f)
{
    const char *path = ctl_path_of(c, "/jobs/", id, "/progress");
    while (rc == 0 || rc == FAILURE_UNREACHABLE) {
        if (rc != 0)
            ctl_complain(c, f);
        rc = ctl_sleep(o->every * CLOCK_SECOND, f);
        if (rc == 0 && is_gone(o->pid))
            return 0;
        if (rc == 0)
            rc = ctl_send(c, "POST", path, body, true, NULL, f);
    }
    return rc == FAILURE_INTERRUPTED ? 0 : rc;
}

static int run_progress(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct move_options *o = options;
    char *end = NULL;
    double progress = strtod(words[1], &end);
    (void)count;
    if (o->pid > INT_MAX || (o->pid && !o->every))
        return failure_set(f, FAILURE_USAGE, "--pid is a process that ends --every");
    if (*end == '%' && !end[1])
        progress /= 100;
    else if (*end || end == words[1])
        progress = -1;
    if (!(progress >= 0 && progress <= 1))
        return failure_set(f, FAILURE_USAGE, "progress is a part such as 0.4 or 40%%, not \"%.50s\"",
                           words[1]);
    const char *body = move_body(c, o, progress);
    int rc = move(c, words[0], "/progress", body, "goes on", f);
    return o->every ? repeat(c, o, words[0], body, rc, f) : rc;
}

static int run_finish(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    (void)count;
    return move(c, words[0], "/finish", move_body(c, options, -1), "completed", f);
}

static int run_fail(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    struct move_options o = *(const struct move_options *)options;
    (void)count;
    o.code = o.code ? o.code : "failed";
    return move(c, words[0], "/fail", move_body(c, &o, -1), "failed", f);
}

static int run_cancel(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    (void)count;
    return move(c, words[0], "/cancel", move_body(c, options, -1), "cancelled", f);
}

static const struct args_flag progress_flags[] = {
    {"every", 'e', ARGS_TIME, offsetof(struct move_options, every), "TIME",
     "tell it again so often, until interrupted", NULL},
    {"pid", 0, ARGS_COUNT, offsetof(struct move_options, pid), "PID", "or until this process has ended",
     NULL},
};

static const struct args_flag fail_flags[] = {
    {"code", 'c', ARGS_TEXT, offsetof(struct move_options, code), "CODE", "a word for programs (failed)",
     NULL},
    {"message", 'm', ARGS_TEXT, offsetof(struct move_options, message), "TEXT", "a sentence for people",
     NULL},
};

const struct command ctl_command_job_progress = {
    .name = "job progress",
    .operands = "ID PART",
    .least = 2,
    .most = 2,
    .summary = "Tell how far a job is, and renew its lease",
    .help = "With --every it ends when the job does, too, or its lease is another worker's: exit status 5.",
    .examples = "  RESULTD_LEASE=$lease resultctl job progress \"$job\" 40%\n"
                "  RESULTD_LEASE=$lease resultctl job progress \"$job\" 0 --every 30s --pid $$ --quiet &\n",
    .flags = progress_flags,
    .flag_count = sizeof progress_flags / sizeof progress_flags[0],
    .options_size = sizeof(struct move_options),
    .run = run_progress,
};

const struct command ctl_command_job_finish = {
    .name = "job finish",
    .operands = "ID",
    .least = 1,
    .most = 1,
    .summary = "Complete a job: all its results are there",
    .examples = "  RESULTD_LEASE=$lease resultctl job finish \"$job\"\n",
    .options_size = sizeof(struct move_options),
    .run = run_finish,
};

const struct command ctl_command_job_fail = {
    .name = "job fail",
    .operands = "ID",
    .least = 1,
    .most = 1,
    .summary = "Say that a job has failed, and why",
    .examples = "  resultctl job fail \"$job\" --code no-input --message 'there was nothing to resize'\n",
    .flags = fail_flags,
    .flag_count = sizeof fail_flags / sizeof fail_flags[0],
    .options_size = sizeof(struct move_options),
    .run = run_fail,
};

const struct command ctl_command_job_cancel = {
    .name = "job cancel",
    .operands = "ID",
    .least = 1,
    .most = 1,
    .summary = "Cancel a job, claimed or not",
    .examples = "  resultctl job cancel \"$job\"\n",
    .options_size = sizeof(struct move_options),
    .run = run_cancel,
};

/* ---- the trash ---- */

static int rm_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    (void)options;
    int rc = ctl_delete(c, ctl_path_of(c, "/jobs/", id, ""), f);
    if (rc == 0)
        ctl_say(c, "%s deleted, and its results with it", id);
    return rc;
}

static int run_rm(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    return ctl_each_word(c, options, words, count, rm_one, f);
}

const struct command ctl_command_job_rm = {
    .name = "job rm",
    .operands = "ID...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Move jobs and their results into the trash",
    .examples = "  resultctl job rm \"$job\"\n",
    .run = run_rm,
};

static int restore_one(struct ctl *c, const void *options, const char *id, struct failure *f)
{
    const struct json *job = NULL;
    (void)options;
    int rc = ctl_send(c, "POST", ctl_path_of(c, "/jobs/", id, "/restore"), NULL, true, &job, f);
    if (rc == 0 && c->options.json)
        ctl_print_json(job);
    else if (rc == 0)
        ctl_say(c, "%s restored, and its results with it", id);
    return rc;
}

static int run_restore(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    return ctl_each_word(c, options, words, count, restore_one, f);
}

const struct command ctl_command_job_restore = {
    .name = "job restore",
    .operands = "ID...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Take jobs and their results back out of the trash",
    .examples = "  resultctl job restore \"$job\"\n",
    .run = run_restore,
};

/* ---- batches ---- */

struct batch_options {
    const char *description;
};

static int run_batch(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    const struct batch_options *o = options;
    struct json_out j = {.buf = {.arena = &c->arena}};
    const struct json *batch = NULL;
    (void)count;
    json_begin_object(&j);
    add_text(&j, "name", words[0]);
    add_text(&j, "description", o->description);
    json_end_object(&j);
    int rc = ctl_send(c, "POST", "/batches", buf_str(&j.buf), false, &batch, f);
    if (rc == 0)
        print(c, batch);
    return rc;
}

static const struct args_flag batch_flags[] = {
    {"description", 'd', ARGS_TEXT, offsetof(struct batch_options, description), "TEXT", "what it is", NULL},
};

const struct command ctl_command_batch_create = {
    .name = "batch create",
    .operands = "NAME",
    .least = 1,
    .most = 1,
    .summary = "Make a batch of jobs; prints its id",
    .examples = "  batch=$(resultctl batch create july) && resultctl put --batch \"$batch\" out/\n",
    .flags = batch_flags,
    .flag_count = sizeof batch_flags / sizeof batch_flags[0],
    .options_size = sizeof(struct batch_options),
    .run = run_batch,
};
