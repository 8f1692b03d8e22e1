/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resultctl get: results into files, several at once. First everything is listed and gets its name, oldest
 * first, so that a later result never takes the name of an earlier one; then it is fetched. An
 * acknowledgement follows only once the file has its name and is on the disk.
 */
#include "base/text.h"
#include "cli/fetch.h"
#include "cli/names.h"
#include "cli/screen.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PARALLEL = 8, MOST_PARALLEL = 64 };

struct options {
    struct args_texts jobs, batches;
    const char *output, *format;
    int64_t parallel;
    bool ack, force;
};

/* What is to be fetched; of these there may be very many. */
struct item {
    const char *result; /* its id */
    const char *name, *sha256;
    const char *folder; /* below the output; or "" */
    const char *file;   /* where it goes */
    int64_t pk, size;
};

/* One that is on its way. */
struct transfer {
    struct fetch fetch;
    struct http_request ack;
    struct arena arena;
    struct gets *all;
    const struct item *item;
};

/* A folder that files go to. */
struct place {
    const char *path;
    struct names names;
    struct place *next;
};

struct gets {
    struct ctl *ctl;
    const struct options *o;
    struct bars *bars;
    struct place *places;
    struct item *items;
    int64_t count, room, next, under_way;
    const char *folder; /* of the job that is being listed; or "" */
    int64_t failed, there, gone;
    struct failure first;
};

static void note_failure(struct gets *g, const char *what, struct failure *f)
{
    if (what)
        (void)failure_in(f, what);
    g->failed++;
    if (g->first.exit == FAILURE_NONE)
        g->first = *f;
    if (f->exit == FAILURE_INTERRUPTED)
        return;
    bars_hide(g->bars);
    ctl_complain(g->ctl, f);
}

/* ---- one after the other ---- */

static void end_transfer(struct transfer *t)
{
    t->all->under_way--;
    fetch_free(&t->fetch);
    arena_free(&t->arena);
    free(t);
}

static void on_acknowledged(struct http_request *r)
{
    struct transfer *t = r->owner;
    const struct json *result = NULL;
    struct failure f = r->failure;
    if (f.exit != FAILURE_NONE || http_json(r, &result, &f) != 0)
        note_failure(t->all, t->item->file, &f);
    end_transfer(t);
}

static void acknowledge(struct transfer *t)
{
    const struct item *it = t->item;
    t->ack = (struct http_request){.arena = &t->arena,
                                   .method = "POST",
                                   .path = arena_printf(&t->arena, "/results/%s/ack", it->result),
                                   .harmless = true,
                                   .owner = t,
                                   .done = on_acknowledged};
    if (!t->all->o->format) /* else what is here are other bytes */
        t->ack.json =
            arena_printf(&t->arena, "{\"sha256\":\"%s\",\"size\":%lld}", it->sha256, (long long)it->size);
    http_start(t->all->ctl->http, &t->ack);
}

static void print_item(const struct transfer *t)
{
    struct json_out j = {.buf = {.arena = (struct arena *)(uintptr_t)&t->arena}};
    const char *file = t->item->file;
    if (!t->all->ctl->options.json)
        return;
    json_begin_object(&j);
    json_key(&j, "id");
    json_string(&j, t->item->result);
    json_key(&j, "file");
    json_string_len(&j, file, text_utf8_prefix(file, strlen(file)));
    json_key(&j, "was_there");
    json_bool(&j, t->fetch.was_there);
    json_end_object(&j);
    (void)printf("%s\n", buf_str(&j.buf));
}

static void on_fetched(struct fetch *f)
{
    struct transfer *t = f->owner;
    if (f->failure.exit != FAILURE_NONE) {
        note_failure(t->all, t->item->file, &f->failure);
        end_transfer(t);
        return;
    }
    t->all->there += f->was_there;
    print_item(t);
    if (t->all->o->ack)
        acknowledge(t);
    else
        end_transfer(t);
}

static void start(struct gets *g, const struct item *it)
{
    struct transfer *t = mem_alloc(sizeof *t);
    const char *format = g->o->format;
    *t = (struct transfer){.all = g, .item = it};
    t->fetch = (struct fetch){
        .ctl = g->ctl,
        .bars = g->bars,
        .id = format ? arena_printf(&t->arena, "%s-%s", it->result, format) : it->result,
        .path = arena_printf(&t->arena, "/results/%s/content%s%s", it->result, format ? "?format=" : "",
                             format ? text_percent(&t->arena, format, strlen(format)) : ""),
        .final = it->file,
        .label = screen_safe(&t->arena, it->file),
        .sha256 = format ? "" : it->sha256,
        .size = format ? -1 : it->size,
        .summed = format != NULL,
        .durable = g->o->ack,
        .replace = g->o->force,
        .done = on_fetched,
        .owner = t};
    g->under_way++;
    fetch_start(&t->fetch);
}

static void start_some(void *ctx)
{
    struct gets *g = ctx;
    int64_t most = g->o->parallel > 0 ? g->o->parallel : PARALLEL;
    bars_tick(g->bars);
    while (g->next < g->count && g->under_way < most && !ctl_stop) {
        start(g, &g->items[g->next++]);
        bars_tick(g->bars);
    }
}

/* ---- what is to be fetched ---- */

static void add_item(struct gets *g, const struct json *result)
{
    struct arena *a = &g->ctl->arena;
    if (g->count == g->room) {
        g->room = g->room ? g->room * 2 : 64;
        struct item *more = arena_alloc(a, (size_t)g->room * sizeof *more);
        if (g->count > 0)
            memcpy(more, g->items, (size_t)g->count * sizeof *more);
        g->items = more;
    }
    struct item *it = &g->items[g->count++];
    *it = (struct item){.result = arena_strdup(a, ctl_text(result, "id")),
                        .name = arena_strdup(a, ctl_text(result, "name")),
                        .sha256 = arena_strdup(a, ctl_text(result, "sha256")),
                        .folder = g->folder,
                        .pk = ctl_number(result, "pk"),
                        .size = ctl_number(result, "size")};
    bars_expect(g->bars, 1, it->size > 0 && !g->o->format ? it->size : 0);
}

/* What is not there any more is said, and is a failure: nobody shall take what is left for all. */
static void note_gone(struct gets *g, struct failure *why)
{
    g->gone++;
    note_failure(g, NULL, why);
}

static int add_result(void *ctx, const struct json *result, struct failure *f)
{
    struct gets *g = ctx;
    struct failure why = {.exit = FAILURE_NONE};
    const char *id = ctl_text(result, "id");
    const char *name = ctl_text(result, "name");
    const char *deleted_at = ctl_text(result, "deleted_at");
    (void)f;
    if (strcmp(ctl_text(result, "state"), "expired") == 0)
        (void)failure_set(&why, FAILURE_ABSENT, "%s (%s) has expired at %s", name, id,
                          ctl_text(result, "expired_at"));
    else if (*deleted_at)
        (void)failure_set(&why, FAILURE_ABSENT, "%s was deleted at %s; resultctl restore %s brings it back",
                          name, deleted_at, id);
    if (why.exit == FAILURE_NONE)
        add_item(g, result);
    else
        note_gone(g, &why);
    return 0;
}

static int list_results(struct gets *g, const char *id, struct failure *f)
{
    struct ctl_path p;
    ctl_path_begin(&p, &g->ctl->arena, "/results");
    ctl_path_add(&p, "job", id);
    ctl_path_add(&p, "state", "any");
    ctl_path_add(&p, "deleted", "any");
    return ctl_list(g->ctl, ctl_path_end(&p), 0, add_result, g, f);
}

static int add_job(void *ctx, const struct json *job, struct failure *f)
{
    struct gets *g = ctx;
    const char *id = ctl_text(job, "id");
    const char *status = ctl_text(job, "status");
    const char *deleted_at = ctl_text(job, "deleted_at");
    struct failure why;
    if (*deleted_at) {
        (void)failure_set(&why, FAILURE_ABSENT,
                          "the job %s was deleted at %s; resultctl job restore %s brings it back", id,
                          deleted_at, id);
        note_gone(g, &why);
        return 0;
    }
    if (strcmp(status, "completed") != 0)
        ctl_say(g->ctl, "the job %s is %s, not completed: these may not be all of its results", id, status);
    return list_results(g, id, f);
}

static int add_job_of_batch(void *ctx, const struct json *job, struct failure *f)
{
    struct gets *g = ctx;
    const char *name = ctl_text(job, "reference_id");
    g->folder = names_file(&g->ctl->arena, *name ? name : ctl_text(job, "id"), "");
    return add_job(g, job, f);
}

static int add_batch(void *ctx, const struct json *batch, struct failure *f)
{
    struct gets *g = ctx;
    struct ctl_path p;
    ctl_path_begin(&p, &g->ctl->arena, "/jobs");
    ctl_path_add(&p, "batch", ctl_text(batch, "id"));
    ctl_path_add(&p, "deleted", "any");
    return ctl_list(g->ctl, ctl_path_end(&p), 0, add_job_of_batch, g, f);
}

/* One that is not there does not keep the others from being fetched. */
static int add_one(struct gets *g, const char *folder, const char *id, ctl_each_fn *add, struct failure *f)
{
    struct arena a = {0};
    const struct json *object = NULL;
    int rc = ctl_get_into(g->ctl, &a, ctl_path_of(g->ctl, folder, id, ""), &object, f);
    if (rc == 0)
        rc = add(g, object, f);
    arena_free(&a);
    if (rc != FAILURE_ABSENT)
        return rc == 0 ? 0 : failure_in(f, id);
    g->gone++;
    note_failure(g, id, f);
    return 0;
}

static int list_all(struct gets *g, const char **words, int count, struct failure *f)
{
    int rc = 0;
    g->folder = "";
    for (int i = 0; rc == 0 && i < count; i++)
        rc = add_one(g, "/results/", words[i], add_result, f);
    for (int i = 0; rc == 0 && i < g->o->jobs.count; i++)
        rc = add_one(g, "/jobs/", g->o->jobs.texts[i], add_job, f);
    for (int i = 0; rc == 0 && i < g->o->batches.count; i++)
        rc = add_one(g, "/batches/", g->o->batches.texts[i], add_batch, f);
    return rc;
}

/* ---- where they go ---- */

static int make_folder(const char *path, struct failure *f)
{
    if (mkdir(path, 0777) < 0)
        return errno == EEXIST ? 0 : failure_errno(f, "cannot make the folder", path);
    return part_sync_name(path, f);
}

static struct place *place_of(struct gets *g, const char *path, struct failure *f)
{
    for (struct place *p = g->places; p; p = p->next)
        if (strcmp(p->path, path) == 0)
            return p;
    if (make_folder(path, f) != 0)
        return NULL;
    struct place *p = arena_alloc(&g->ctl->arena, sizeof *p);
    *p = (struct place){
        .path = path, .names = {.arena = &g->ctl->arena, .folds_case = true}, .next = g->places};
    g->places = p;
    return p;
}

static int name_item(struct gets *g, struct item *it, struct failure *f)
{
    struct arena *a = &g->ctl->arena;
    const char *output = g->o->output ? g->o->output : ".";
    const char *path = *it->folder ? arena_printf(a, "%s/%s", output, it->folder) : output;
    if (*it->folder && make_folder(output, f) != 0)
        return (int)f->exit;
    struct place *p = place_of(g, path, f);
    if (!p)
        return (int)f->exit;
    const char *file = names_take(&p->names, names_file(a, it->name, g->o->format ? g->o->format : ""));
    it->file = strcmp(path, ".") == 0 ? file : arena_printf(a, "%s/%s", path, file);
    return 0;
}

static int compare_age(const void *a, const void *b)
{
    int64_t first = ((const struct item *)a)->pk;
    int64_t second = ((const struct item *)b)->pk;
    return first < second ? -1 : first > second;
}

/* -o FILE, for one result; -o DIR, DIR/ or nothing else. */
static bool names_a_file(const struct options *o, int count)
{
    struct stat st;
    size_t len = o->output ? strlen(o->output) : 0;
    return len > 0 && count == 1 && o->jobs.count + o->batches.count == 0 && o->output[len - 1] != '/' &&
           !(stat(o->output, &st) == 0 && S_ISDIR(st.st_mode));
}

/* One that was named twice, or by its job, too, is fetched once. They are in order of age, equal ones
 * together. */
static void drop_repeated(struct gets *g)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < g->count; i++)
        if (kept == 0 || strcmp(g->items[kept - 1].result, g->items[i].result) != 0)
            g->items[kept++] = g->items[i];
    g->count = kept;
}

static int name_all(struct gets *g, bool one, struct failure *f)
{
    int rc = 0;
    if (g->count > 0)
        qsort(g->items, (size_t)g->count, sizeof *g->items, compare_age);
    drop_repeated(g);
    for (int64_t i = 0; rc == 0 && i < g->count; i++)
        if (one)
            g->items[i].file = g->o->output;
        else
            rc = name_item(g, &g->items[i], f);
    return rc;
}

static void tell(const struct gets *g)
{
    struct arena *a = &g->ctl->arena;
    int64_t all = g->count - (g->failed - g->gone);
    const char *there = g->there ? arena_printf(a, ", %lld of them there already", (long long)g->there) : "";
    ctl_say(g->ctl, "%lld file%s%s%s", (long long)all, all == 1 ? "" : "s", there,
            g->o->ack && !g->failed ? ", acknowledged" : "");
}

static int fetch_all(struct gets *g, struct failure *f)
{
    start_some(g);
    int rc = http_run(g->ctl->http, start_some, g, f);
    bars_hide(g->bars);
    if (rc == 0)
        tell(g);
    if (rc == 0 && g->failed)
        rc = failure_set(f, g->first.exit, "%lld of %lld could not be had", (long long)g->failed,
                         (long long)(g->count + g->gone));
    return rc;
}

static int run(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    struct gets g = {.ctl = c, .o = options};
    if (count + g.o->jobs.count + g.o->batches.count == 0)
        return failure_set(f, FAILURE_USAGE, "name results by their ids, or --job ID or --batch ID");
    if (g.o->parallel > MOST_PARALLEL)
        return failure_set(f, FAILURE_USAGE, "--parallel is at most %d", MOST_PARALLEL);
    if (g.o->output && strcmp(g.o->output, "-") == 0)
        return failure_set(f, FAILURE_USAGE, "to standard output it is: resultctl cat");
    int rc = ctl_connect(c, f);
    g.bars = c->bars = ctl_bars(c);
    if (rc == 0)
        rc = list_all(&g, words, count, f);
    if (rc == 0)
        rc = name_all(&g, names_a_file(g.o, count), f);
    if (rc == 0)
        rc = fetch_all(&g, f);
    c->bars = NULL;
    bars_free(g.bars);
    return rc;
}

static const struct args_flag flags[] = {
    {"job", 'j', ARGS_TEXTS, offsetof(struct options, jobs), "ID", "all results of a job; may be repeated",
     NULL},
    {"batch", 'b', ARGS_TEXTS, offsetof(struct options, batches), "ID",
     "all of a batch, a folder for each job; may be repeated", NULL},
    {"output", 'o', ARGS_TEXT, offsetof(struct options, output), "DIR",
     "the folder they go to (.); or, for one result, the file", NULL},
    {"format", 'f', ARGS_TEXT, offsetof(struct options, format), "FORMAT",
     "tables as csv, tsv, json, ndjson or xlsx", NULL},
    {"ack", 'a', ARGS_GIVEN, offsetof(struct options, ack), NULL,
     "acknowledge each once it is on the disk and proved", NULL},
    {"force", 0, ARGS_GIVEN, offsetof(struct options, force), NULL, "replace files that have other bytes",
     NULL},
    {"parallel", 'P', ARGS_COUNT, offsetof(struct options, parallel), "N", "so many at once (8)", NULL},
};

const struct command ctl_command_get = {
    .name = "get",
    .operands = "[ID...]",
    .most = INT_MAX,
    .summary = "Download results into files",
    .help =
        "A file gets its name once all its bytes are there and their sha256 is right. What an earlier run\n"
        "has received is not fetched again: half a file is gone on with, a whole one is looked at and left.\n"
        "What has expired or was deleted is told, and makes the exit status 4. Of a job that is not completed it\n"
        "is said that there may be more.",
    .examples = "  resultctl get 0192f0c1-7b3e-7c53-8e63-cf1fbbd2f3a1\n"
                "  resultctl get --job 0192f0c1-6a2b-7d11-9b0e-4f6a0c1d2e3f -o results --ack\n"
                "  resultctl get --batch 0192f0c1-5d00-7a8f-8a44-0d9e8c7b6a55 -o export --format csv\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .options_size = sizeof(struct options),
    .run = run,
};
