/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resultctl put: files become results of a job, which is made on the way and completed when all of them are
 * there. A file is hashed while it is sent, and the server's sum must be the same. One that changes meanwhile
 * is not taken: its last piece is sent only if it still has the size and time that it had.
 */
#include "base/digest.h"
#include "base/text.h"
#include "cli/bars.h"
#include "cli/ctl.h"
#include "cli/names.h"
#include "cli/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARALLEL = 4, MOST_PARALLEL = 64, SPOOL_SIZE = 256 << 10 };

struct options {
    const char *job, *batch, *new_batch, *reference_id, *tag, *kind;
    const char *name, *type, *storage, *media_type;
    int64_t expires, parallel;
    bool primary, keep, finish;
};

struct file {
    struct puts *all;
    const char *path; /* "-": standard input */
    const char *name;
    struct http_request put;
    struct arena arena;
    struct bar bar;
    int fd;        /* -1: not open */
    int64_t first; /* where it begins: somebody may have read of standard input before */
    int64_t size, sent;
    struct timespec changed;
    struct digest *digest;
    const char *id; /* of the result, once it is there */
    bool primary;
};

struct puts {
    struct ctl *ctl;
    const struct options *o;
    struct bars *bars;
    struct file **files;
    int64_t count, room, next, under_way, failed;
    struct names names; /* of the files */
    const char *job;
    bool ours; /* the job was made here */
    struct failure first;
};

/* ---- which files ---- */

/* Before anything is sent: of a folder the rest would be in the job already. */
static int check_name(const struct puts *p, const char *path, const char *name, struct failure *f)
{
    const char *rule =
        "it has 1 to 255 bytes of UTF-8 without control characters and '/', and is not . or ..";
    if (names_result(name))
        return 0;
    return p->o->name
               ? failure_set(f, FAILURE_USAGE, "--name cannot be the name of a result: %s", rule)
               : failure_set(f, FAILURE_USAGE,
                             "\"%.200s\" cannot be the name of a result: %s; rename the file, or put it by "
                             "itself with --name (%.200s)",
                             name, rule, path);
}

static int add_file(struct puts *p, const char *path, const char *name, int64_t size, struct failure *f)
{
    struct arena *a = &p->ctl->arena;
    struct file *file = arena_alloc(a, sizeof *file);
    int rc = check_name(p, path, name, f);
    const struct file *other = rc == 0 ? names_give(&p->names, name, file) : NULL;
    if (rc != 0)
        return rc;
    if (other)
        return failure_set(f, FAILURE_USAGE, "%.200s and %.200s would both be named \"%.100s\"", other->path,
                           path, name);
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 64;
        struct file **more = arena_alloc(a, (size_t)p->room * sizeof(struct file *));
        if (p->count > 0)
            memcpy((void *)more, (const void *)p->files, (size_t)p->count * sizeof(struct file *));
        p->files = more;
    }
    *file = (struct file){.all = p,
                          .path = arena_strdup(a, path),
                          .name = arena_strdup(a, name),
                          .fd = -1,
                          .primary = p->o->primary && p->count == 0};
    file->bar = (struct bar){.name = screen_safe(a, name), .total = size};
    p->files[p->count++] = file;
    bars_expect(p->bars, 1, size > 0 ? size : 0);
    return 0;
}

static const char *last_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What is no file is a failure too: nobody shall take the rest for all. */
static int add_entry(struct puts *p, const FTSENT *at, const char *name, struct failure *f)
{
    errno = at->fts_errno;
    switch (at->fts_info) {
    case FTS_F:
        return add_file(p, at->fts_path, name, at->fts_statp->st_size, f);
    case FTS_D:
    case FTS_DP:
        return 0;
    case FTS_DEFAULT:
        return failure_set(f, FAILURE_LOCAL, "%.300s is neither a file nor a folder", at->fts_path);
    case FTS_DC:
        return failure_set(f, FAILURE_LOCAL, "%.300s leads back to a folder that it is in", at->fts_path);
    case FTS_SLNONE:
        return failure_set(f, FAILURE_LOCAL, "%.300s leads nowhere", at->fts_path);
    default:
        return failure_errno(f, "cannot read", at->fts_path);
    }
}

/* Results have no folders: "sub/a.csv" of a folder becomes "sub_a.csv". */
static int add_folder(struct puts *p, const char *path, struct failure *f)
{
    char *const roots[] = {(char *)(uintptr_t)path, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    int rc = walk ? 0 : failure_errno(f, "cannot read", path);
    for (FTSENT *at = walk ? fts_read(walk) : NULL; rc == 0 && at; at = fts_read(walk)) {
        const char *below = at->fts_path + strlen(path);
        while (*below == '/')
            below++;
        char *name = arena_strdup(&p->ctl->arena, below);
        for (char *c = name; *c; c++)
            if (*c == '/')
                *c = '_';
        rc = add_entry(p, at, name, f);
    }
    if (walk)
        (void)fts_close(walk);
    return rc;
}

/* Of a shell's <(command) the last word of the path is the number of a descriptor. */
static bool has_no_name(const char *path, const struct stat *st)
{
    return !S_ISREG(st->st_mode) && (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0);
}

static int add_path(struct puts *p, const char *path, struct failure *f)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return p->o->name ? add_file(p, "-", p->o->name, -1, f)
                          : failure_set(f, FAILURE_USAGE, "what comes from standard input needs a --name");
    if (stat(path, &st) < 0)
        return failure_errno(f, "cannot read", path);
    if (S_ISDIR(st.st_mode))
        return add_folder(p, path, f);
    if (!p->o->name && has_no_name(path, &st))
        return failure_set(f, FAILURE_USAGE, "what comes from %.200s needs a --name", path);
    return add_file(p, path, p->o->name ? p->o->name : last_of(path), S_ISREG(st.st_mode) ? st.st_size : -1,
                    f);
}

/* A pattern that the shell was kept from expanding. */
static int add_pattern(struct puts *p, const char *pattern, struct failure *f)
{
    glob_t found;
    if (strcmp(pattern, "-") == 0 || access(pattern, F_OK) == 0 || !strpbrk(pattern, "*?["))
        return add_path(p, pattern, f);
    if (glob(pattern, 0, NULL, &found) != 0)
        return failure_set(f, FAILURE_LOCAL, "nothing here matches %.300s", pattern);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
        rc = add_path(p, found.gl_pathv[i], f);
    globfree(&found);
    return rc;
}

/* ---- one file ---- */

/* What comes only once is kept while it is sent: it may come slowly, or have to be sent again. */
static int spool(const struct file *file, int from, int *ret, struct failure *f)
{
    const char *folder = getenv("TMPDIR");
    char *bytes = arena_alloc(&file->all->ctl->arena, SPOOL_SIZE);
    int to = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    ssize_t n = 1;
    if (to < 0)
        return failure_errno(f, "cannot keep what comes in", folder && *folder ? folder : "/tmp");
    while (n > 0) {
        n = read(from, bytes, SPOOL_SIZE);
        int rc = 0;
        if (ctl_stop)
            rc = failure_set(f, FAILURE_INTERRUPTED, "interrupted");
        else if (n < 0 || (n > 0 && write(to, bytes, (size_t)n) != n))
            rc = failure_errno(f, "cannot read or keep", file->path);
        if (rc != 0) {
            (void)close(to);
            return rc;
        }
    }
    *ret = to;
    return 0;
}

static int open_file(struct file *file, struct failure *f)
{
    struct stat st;
    bool given = strcmp(file->path, "-") == 0;
    int fd = given ? STDIN_FILENO : open(file->path, O_RDONLY | O_CLOEXEC);
    file->fd = fd;
    if (fd < 0 || fstat(fd, &st) < 0)
        return failure_errno(f, "cannot read", file->path);
    if (S_ISREG(st.st_mode)) {
        file->first = lseek(fd, 0, SEEK_CUR);
        return 0;
    }
    file->fd = -1;
    int rc = spool(file, fd, &file->fd, f);
    if (!given)
        (void)close(fd);
    return rc;
}

/* Each try begins at the first byte. */
static int on_begin(struct http_request *r, struct failure *f)
{
    struct file *file = r->owner;
    struct stat st;
    if (file->fd < 0 && open_file(file, f) != 0)
        return (int)f->exit;
    if (fstat(file->fd, &st) < 0 || lseek(file->fd, file->first, SEEK_SET) < 0)
        return failure_errno(f, "cannot read", file->path);
    bars_back(file->all->bars, &file->bar);
    file->size = st.st_size - file->first;
    file->changed = st.st_mtim;
    file->bar.total = file->size;
    file->sent = 0;
    digest_free(file->digest);
    file->digest = digest_new();
    r->length = file->size;
    return 0;
}

static int check_unchanged(const struct file *file, struct failure *f)
{
    struct stat st;
    if (fstat(file->fd, &st) == 0 && st.st_size - file->first == file->size &&
        st.st_mtim.tv_sec == file->changed.tv_sec && st.st_mtim.tv_nsec == file->changed.tv_nsec)
        return 0;
    return failure_set(f, FAILURE_CONFLICT, "%.300s changed while it was sent; nothing of it was kept",
                       file->path);
}

static int on_read(struct http_request *r, void *to, size_t room, size_t *ret, struct failure *f)
{
    struct file *file = r->owner;
    if ((int64_t)room > file->size - file->sent)
        room = (size_t)(file->size - file->sent);
    ssize_t n = room ? read(file->fd, to, room) : 0;
    if (n < 0)
        return failure_errno(f, "cannot read", file->path);
    if ((n == 0 || file->sent + n == file->size) && check_unchanged(file, f) != 0)
        return (int)f->exit;
    digest_update_rest(file->digest, to, (size_t)n);
    bars_moved(file->all->bars, &file->bar, n);
    file->sent += n;
    *ret = (size_t)n;
    return 0;
}

static void end_file(struct file *file)
{
    bars_end(file->all->bars, &file->bar);
    if (file->fd > STDIN_FILENO)
        (void)close(file->fd);
    file->fd = -1;
    digest_free(file->digest);
    file->digest = NULL;
    arena_free(&file->arena);
    file->all->under_way--;
}

/* What the server has must be what was read here. */
static int prove(struct file *file, struct failure *f)
{
    const struct json *result = NULL;
    struct digest_values sums;
    int rc = http_json(&file->put, &result, f);
    if (rc != 0)
        return rc;
    digest_finish(file->digest, &sums);
    if (strcmp(ctl_text(result, "sha256"), sums.sha256) != 0)
        return failure_set(f, FAILURE_DAMAGED, "the server has other bytes (sha256 %s) than were sent (%s)",
                           ctl_text(result, "sha256"), sums.sha256);
    file->id = arena_strdup(&file->all->ctl->arena, ctl_text(result, "id"));
    file->size = file->sent;
    if (file->all->ctl->options.json)
        ctl_print_json(result);
    return 0;
}

static void on_put(struct http_request *r)
{
    struct file *file = r->owner;
    struct puts *p = file->all;
    struct failure f = r->failure;
    if (f.exit == FAILURE_NONE)
        (void)prove(file, &f);
    else
        f.exit = r->failure.exit;
    if (r->failure.exit != FAILURE_NONE || !file->id) {
        (void)failure_in(&f, file->path);
        p->failed++;
        if (p->first.exit == FAILURE_NONE)
            p->first = f;
        bars_hide(p->bars);
        if (f.exit != FAILURE_INTERRUPTED)
            ctl_complain(p->ctl, &f);
    }
    end_file(file);
}

static const char *put_path(struct file *file)
{
    const struct options *o = file->all->o;
    struct arena *a = &file->arena;
    struct ctl_path p;
    ctl_path_begin(&p, a,
                   arena_printf(a, "/jobs/%s/results/%s", file->all->job,
                                text_percent(a, file->name, strlen(file->name))));
    ctl_path_add(&p, "type", o->type);
    ctl_path_add(&p, "primary", file->primary ? "true" : NULL);
    ctl_path_add(&p, "keep", o->keep ? "true" : NULL);
    ctl_path_add(&p, "storage", o->storage);
    ctl_path_add(&p, "expires_in", o->expires ? arena_printf(a, "%lld", (long long)o->expires) : NULL);
    return ctl_path_end(&p);
}

static void start_file(struct file *file)
{
    const char *type = file->all->o->media_type;
    const char **headers = arena_alloc(&file->arena, 2 * sizeof *headers);
    headers[0] = arena_printf(&file->arena, "Content-Type: %s", type ? type : names_media_type(file->name));
    file->put = (struct http_request){.arena = &file->arena,
                                      .method = "PUT",
                                      .path = put_path(file),
                                      .headers = headers,
                                      .read = on_read,
                                      .length = -1,
                                      .harmless = true,
                                      .owner = file,
                                      .begin = on_begin,
                                      .done = on_put};
    bars_begin(file->all->bars, &file->bar);
    file->all->under_way++;
    http_start(file->all->ctl->http, &file->put);
}

static void start_some(void *ctx)
{
    struct puts *p = ctx;
    int64_t most = p->o->parallel > 0 ? p->o->parallel : PARALLEL;
    while (p->next < p->count && p->under_way < most)
        start_file(p->files[p->next++]);
    bars_tick(p->bars);
}

/* ---- the job ---- */

static int make_batch(struct puts *p, const char **ret, struct failure *f)
{
    struct json_out j = {.buf = {.arena = &p->ctl->arena}};
    const struct json *batch = NULL;
    json_begin_object(&j);
    json_key(&j, "name");
    json_string(&j, p->o->new_batch);
    json_end_object(&j);
    int rc = ctl_send(p->ctl, "POST", "/batches", buf_str(&j.buf), false, &batch, f);
    *ret = rc == 0 ? ctl_text(batch, "id") : NULL;
    if (rc == 0)
        ctl_say(p->ctl, "batch %s", *ret);
    return rc;
}

static void add_member(struct json_out *j, const char *name, const char *value)
{
    if (!value)
        return;
    json_key(j, name);
    json_string(j, value);
}

static int make_job(struct puts *p, struct failure *f)
{
    struct json_out j = {.buf = {.arena = &p->ctl->arena}};
    const struct json *job = NULL;
    const char *batch = p->o->batch;
    int rc = p->o->new_batch ? make_batch(p, &batch, f) : 0;
    if (rc != 0)
        return rc;
    json_begin_object(&j);
    add_member(&j, "kind", p->o->kind ? p->o->kind : "publish");
    add_member(&j, "batch", batch);
    add_member(&j, "reference_id", p->o->reference_id);
    add_member(&j, "tag", p->o->tag);
    json_end_object(&j);
    rc = ctl_send(p->ctl, "POST", "/jobs", buf_str(&j.buf), false, &job, f);
    if (rc != 0)
        return rc;
    p->ours = true;
    p->job = ctl_text(job, "id");
    ctl_say(p->ctl, "job %s", p->job);
    /* It is begun at once, so that no worker takes it for one that waits. */
    return ctl_send(p->ctl, "POST", ctl_path_of(p->ctl, "/jobs/", p->job, "/progress"), "{\"progress\":0}",
                    true, NULL, f);
}

/* With the lease of a job that was claimed. */
static int finish_job(struct puts *p, struct failure *f)
{
    const char *lease = p->ours ? NULL : getenv("RESULTD_LEASE");
    struct json_out j = {.buf = {.arena = &p->ctl->arena}};
    json_begin_object(&j);
    add_member(&j, "lease", lease);
    json_end_object(&j);
    return ctl_send(p->ctl, "POST", ctl_path_of(p->ctl, "/jobs/", p->job, "/finish"), buf_str(&j.buf), true,
                    NULL, f);
}

static int end_job(struct puts *p, struct failure *f)
{
    if (!p->ours && !p->o->finish)
        return 0;
    if (p->failed == 0)
        return finish_job(p, f);
    bool may_go_on = p->first.exit == FAILURE_INTERRUPTED || p->first.exit == FAILURE_UNREACHABLE;
    if (p->ours && p->failed == p->count && !may_go_on) { /* nobody would end it */
        int rc =
            ctl_send(p->ctl, "POST", ctl_path_of(p->ctl, "/jobs/", p->job, "/cancel"), NULL, true, NULL, f);
        if (rc == 0)
            ctl_say(p->ctl, "the job was cancelled, since nothing of it was taken");
        return rc;
    }
    ctl_say(p->ctl, "the job %s is left running; go on with: resultctl put --job %s --finish FILE...", p->job,
            p->job);
    return 0;
}

static void print_files(const struct puts *p)
{
    static const struct screen_column columns[] = {{"ID", false, SCREEN_WHOLE}, {"NAME", false, SCREEN_CUT}};
    struct screen_table t = {.arena = &p->ctl->arena, .columns = columns, .column_count = 2};
    for (int64_t i = 0; i < p->count; i++)
        if (p->files[i]->id)
            screen_table_add(&t, (const char *const[]){p->files[i]->id, p->files[i]->name});
    if (!p->ctl->options.json)
        (void)screen_table_print(&t, stdout);
}

static int send_all(struct puts *p, struct failure *f)
{
    int rc = p->o->job ? 0 : make_job(p, f);
    struct failure interrupted;
    if (rc != 0)
        return rc;
    if (p->o->job)
        p->job = text_percent(&p->ctl->arena, p->o->job, strlen(p->o->job));
    start_some(p);
    if (http_run(p->ctl->http, start_some, p, &interrupted) != 0)
        p->first = interrupted;
    bars_hide(p->bars);
    print_files(p);
    rc = end_job(p, f);
    if (rc == 0 && p->failed > 0)
        *f = p->first;
    if (rc == 0 && p->failed > 0 && p->first.exit != FAILURE_INTERRUPTED)
        rc = failure_set(f, p->first.exit, "%lld of %lld files were not taken", (long long)p->failed,
                         (long long)p->count);
    if (rc == 0 && p->first.exit != FAILURE_NONE) {
        *f = p->first;
        rc = (int)f->exit;
    }
    return rc;
}

static int check(const struct options *o, int count, struct failure *f)
{
    if (o->job && (o->batch || o->new_batch || o->reference_id || o->tag || o->kind))
        return failure_set(f, FAILURE_USAGE,
                           "--job names one that is there: batch, kind and the like are its own");
    if (o->batch && o->new_batch)
        return failure_set(f, FAILURE_USAGE,
                           "--batch names one that is there, --new-batch makes one: not both");
    if (o->name && count > 1)
        return failure_set(f, FAILURE_USAGE, "--name is for one file, these are %d", count);
    if (o->parallel > MOST_PARALLEL)
        return failure_set(f, FAILURE_USAGE, "--parallel is at most %d", MOST_PARALLEL);
    if (o->media_type && strpbrk(o->media_type, "\r\n"))
        return failure_set(f, FAILURE_USAGE, "--media-type is one line, such as text/csv");
    return 0;
}

static int run(struct ctl *c, const void *options, const char **words, int count, struct failure *f)
{
    struct puts p = {.ctl = c, .o = options, .names = {.arena = &c->arena}};
    int rc = check(p.o, count, f);
    if (rc == 0)
        rc = ctl_connect(c, f);
    p.bars = c->bars = ctl_bars(c);
    for (int i = 0; rc == 0 && i < count; i++)
        rc = add_pattern(&p, words[i], f);
    if (rc == 0 && p.count == 0)
        rc = failure_set(f, FAILURE_USAGE, "there is no file in %.300s", words[0]);
    if (rc == 0)
        rc = send_all(&p, f);
    c->bars = NULL;
    bars_free(p.bars);
    return rc;
}

static const struct args_flag flags[] = {
    {"job", 'j', ARGS_TEXT, offsetof(struct options, job), "ID", "results of this job; else one is made",
     NULL},
    {"finish", 0, ARGS_GIVEN, offsetof(struct options, finish), NULL,
     "complete the --job when all are there (RESULTD_LEASE)", NULL},
    {"batch", 'b', ARGS_TEXT, offsetof(struct options, batch), "ID", "the new job belongs to this batch",
     NULL},
    {"new-batch", 'B', ARGS_TEXT, offsetof(struct options, new_batch), "NAME", "make a batch for it", NULL},
    {"reference-id", 'r', ARGS_TEXT, offsetof(struct options, reference_id), "ID",
     "your own name for the new job", NULL},
    {"tag", 0, ARGS_TEXT, offsetof(struct options, tag), "TAG", "a tag of the new job", NULL},
    {"kind", 'k', ARGS_TEXT, offsetof(struct options, kind), "KIND", "the kind of the new job (publish)",
     NULL},
    {"name", 'n', ARGS_TEXT, offsetof(struct options, name), "NAME",
     "of the one file; else that of the file itself", NULL},
    {"type", 't', ARGS_TEXT, offsetof(struct options, type), "TYPE", "a word for what kind of result it is",
     NULL},
    {"primary", 'p', ARGS_GIVEN, offsetof(struct options, primary), NULL,
     "the first file is the primary result", NULL},
    {"media-type", 'm', ARGS_TEXT, offsetof(struct options, media_type), "TYPE",
     "such as text/csv; else by the extension", NULL},
    {"expires", 'e', ARGS_TIME, offsetof(struct options, expires), "TIME", "after 12h, 30d and the like",
     NULL},
    {"keep", 0, ARGS_GIVEN, offsetof(struct options, keep), NULL, "neither expires nor can be deleted", NULL},
    {"storage", 's', ARGS_TEXT, offsetof(struct options, storage), "NAME",
     "the bucket of your own it goes to", NULL},
    {"parallel", 'P', ARGS_COUNT, offsetof(struct options, parallel), "N", "so many at once (4)", NULL},
};

const struct command ctl_command_put = {
    .name = "put",
    .operands = "FILE...",
    .least = 1,
    .most = INT_MAX,
    .summary = "Upload files as the results of a job",
    .help =
        "FILE is a file, a folder (all files in it), a pattern in quotes, or - for standard input, which is kept\n"
        "in an unnamed file of $TMPDIR until all of it has come. Without --job a job is made around them, and\n"
        "completed when all are there. Ids and names go to standard output. Sending the same file again is\n"
        "harmless.",
    .examples = "  resultctl put report.csv --expires 30d\n"
                "  resultctl put --new-batch july --reference-id crawl-17 out/\n"
                "  pg_dump shop | resultctl put - --name shop.sql\n",
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .options_size = sizeof(struct options),
    .run = run,
};
