/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resultd move: all data to another place, while the old one goes on being read.
 *
 * A place is a configuration file, as the server there is started with; or a data folder; or an address of
 * the database and one of the bytes with a + between them, either of which may be a data folder.
 */
#include "cmd/cmd.h"

#include "base/amount.h"
#include "base/json.h"
#include "base/text.h"
#include "cmd/progress.h"
#include "core/move.h"
#include "net/outgoing.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { THREADS = 8, MOST_THREADS = 256 };

/* --- places --- */

static bool is_server(const char *s)
{
    return strncmp(s, "postgresql://", 13) == 0 || strncmp(s, "postgres://", 11) == 0;
}

static bool is_bucket(const char *s)
{
    return strncmp(s, "s3://", 5) == 0;
}

/* The + before an address of bytes. A folder's name may have one, too, so it only counts before an address,
 * or behind a server's before a path. */
static const char *find_plus(const char *text)
{
    const char *found = NULL;
    for (const char *p = strchr(text, '+'); p; p = strchr(p + 1, '+'))
        if (is_bucket(p + 1) || (is_server(text) && (p[1] == '/' || p[1] == '.')))
            found = p;
    return found;
}

static int read_config(struct cmd_args *a, const char *path, struct settings *ret, struct err *e)
{
    int rc = conf_defaults(&settings_conf, &a->arena, ret, e);
    return rc < 0 ? rc : conf_file(&settings_conf, &a->arena, path, ret, e);
}

static int read_addresses(struct cmd_args *a, const char *flag, const char *text, struct settings *ret,
                          struct err *e)
{
    const char *plus = find_plus(text);
    const char *database = plus ? arena_copy(&a->arena, text, (size_t)(plus - text)) : text;
    const char *bytes = plus ? plus + 1 : "";
    if (is_bucket(database) || !*database)
        return err_set(e, ERR_BAD_VALUE, "%.200s names no database: write DATABASE+%.100s", text, database);
    if (is_server(database) && cmd_refuse_password(flag, database, e) < 0)
        return e->code;
    ret->db = is_server(database) ? database : "";
    ret->blobs = is_bucket(bytes) ? bytes : "";
    if (!is_server(database))
        ret->data = database;
    else if (*bytes && !is_bucket(bytes))
        ret->data = bytes;
    return 0;
}

/* What an address does not say is as the settings of this command say. */
static int read_place(struct cmd_args *a, const char *flag, const char *text, struct settings *ret,
                      struct err *e)
{
    struct stat st;
    *ret = a->settings;
    bool file = stat(text, &st) == 0 && S_ISREG(st.st_mode);
    int rc = file ? read_config(a, text, ret, e) : read_addresses(a, flag, text, ret, e);
    return rc < 0 ? rc : settings_check(ret, e);
}

/* --- what is shown --- */

static atomic_bool stop;

static void wants_stop(int signal)
{
    (void)signal;
    atomic_store(&stop, true);
}

static void tell(void *ctx, const char *line)
{
    progress_clear(ctx);
    (void)fprintf(stderr, "%s\n", line);
}

static void show(void *ctx, const struct move_progress *p)
{
    bool bytes = p->phase == MOVE_BYTES;
    if (bytes)
        progress_show(ctx, move_phase_names[p->phase], p->bytes, p->bytes_total, true, "");
    else if (p->phase == MOVE_ROWS || p->phase == MOVE_COMPARE)
        progress_show(ctx, move_phase_names[p->phase], p->rows, p->rows_total, false, "rows");
}

static void print_end_json(const struct move_progress *p)
{
    struct arena a = {0};
    struct json_out j = {.buf = {.arena = &a}};
    json_begin_object(&j);
    json_key(&j, "phase");
    json_string(&j, move_phase_names[p->phase]);
    json_key(&j, "results");
    json_int(&j, p->blobs);
    json_key(&j, "bytes");
    json_int(&j, p->bytes);
    json_key(&j, "rows");
    json_int(&j, p->rows);
    json_key(&j, "lost");
    json_int(&j, p->lost);
    json_key(&j, "sha256");
    json_string(&j, *p->sha256 ? p->sha256 : NULL);
    json_end_object(&j);
    (void)printf("%s\n", buf_str(&j.buf));
    arena_free(&a);
}

static void print_end(const struct move_progress *p, const char *to)
{
    struct arena a = {0};
    (void)printf("%lld results with %s and %lld rows are there, the same as at the source%s%s.\n",
                 (long long)p->blobs, amount_bytes(&a, p->bytes), (long long)p->rows,
                 *p->sha256 ? "; sha256 of all rows: " : " (they were moved before)", p->sha256);
    if (p->lost)
        (void)printf("%lld results whose bytes the source had lost have expired there.\n",
                     (long long)p->lost);
    (void)printf("Serve the target now (%s). The source goes on answering reads and refuses changes.\n", to);
    arena_free(&a);
}

/* It may be long, and names a user. */
static const char *name_of_place(const char *text)
{
    return is_server(text) ? "PostgreSQL" : text;
}

/* --- the command --- */

struct wanted {
    const char *from, *to, *threads;
    bool json, abort, expire_lost;
};

static int parse_threads(const struct wanted *w, int *ret, struct err *e)
{
    int64_t n = THREADS;
    if (w->threads && (!text_uint(w->threads, strlen(w->threads), &n) || n < 1 || n > MOST_THREADS))
        return err_set(e, ERR_BAD_VALUE, "--threads is a number from 1 to %d", MOST_THREADS);
    *ret = (int)n;
    return 0;
}

static int do_abort(struct cmd_args *a, const struct wanted *w, struct err *e)
{
    static const char *const sentences[] = {
        "The source was not being moved.",
        "The source can be changed again. What the target has of it is worth nothing: empty it.",
        "The source can be changed again. From now on it and the target each go their own way.",
    };
    struct settings from;
    int rc = read_place(a, "--from", w->from, &from, e);
    if (rc == 0)
        rc = move_abort(&from, e);
    if (rc < 0)
        return rc;
    (void)printf("%s\n", sentences[rc]);
    return 0;
}

static void say_how_to_go_on(void)
{
    (void)fprintf(
        stderr,
        "resultd: the source can be read, but not changed, until this is over: run the same command again "
        "to go on from here, or give up with: resultd move --abort --from …\n");
}

static int do_move(struct cmd_args *a, const struct wanted *w, struct err *e)
{
    struct settings from;
    struct settings to;
    struct progress bar;
    struct move_progress done;
    struct move_options o = {.expire_lost = w->expire_lost, .stop = &stop, .tell = tell, .progress = show};
    progress_init(&bar, w->json);
    o.ctx = &bar;
    int rc = parse_threads(w, &o.threads, e);
    if (rc == 0)
        rc = read_place(a, "--from", w->from, &from, e);
    if (rc == 0)
        rc = read_place(a, "--to", w->to, &to, e);
    if (rc == 0)
        rc = outgoing_start(e);
    if (rc < 0)
        return rc;
    rc = move_run(&from, &to, &o, &done, e);
    outgoing_end();
    progress_clear(&bar);
    if (rc < 0 && done.frozen)
        say_how_to_go_on();
    if (rc == 0 && w->json)
        print_end_json(&done);
    else if (rc == 0)
        print_end(&done, name_of_place(w->to));
    return rc;
}

static int run_move(const struct command *c, int argc, char **argv)
{
    struct wanted w = {.from = NULL};
    const struct cmd_flag flags[] = {
        {"--from", &w.from, NULL}, {"--to", &w.to, NULL},       {"--threads", &w.threads, NULL},
        {"--json", NULL, &w.json}, {"--abort", NULL, &w.abort}, {"--expire-lost", NULL, &w.expire_lost},
    };
    struct cmd_args a;
    struct err e;
    int status = cmd_parse(c, argc, argv, flags, sizeof flags / sizeof flags[0], 0, &a);
    if (status)
        return status < 0 ? 0 : status;
    struct sigaction on = {.sa_handler = wants_stop,
                           .sa_flags = SA_RESETHAND}; /* a second one ends at once */
    (void)sigaction(SIGINT, &on, NULL);
    (void)sigaction(SIGTERM, &on, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = 0;
    if (!w.from || (!w.to && !w.abort))
        rc = err_set(&e, ERR_BAD_VALUE, "a source and a target are needed: --from PLACE --to PLACE");
    else
        rc = w.abort ? do_abort(&a, &w, &e) : do_move(&a, &w, &e);
    status = rc < 0 ? cmd_fail(&e) : EXIT_SUCCESS;
    cmd_free(&a);
    return status;
}

const struct command cmd_move = {
    "move", "[--threads N] [--expire-lost] [--json] --from PLACE (--to PLACE | --abort)",
    "Copies all data to an empty place, proves each byte and row there, and can be run again after it was "
    "interrupted at any moment. Meanwhile, and afterwards, the source answers reads and refuses changes by 503; "
    "--abort ends that. A PLACE is a configuration file, a data folder, or the addresses of database and bytes "
    "with a + between them: postgresql://HOST/NAME+s3://BUCKET/PREFIX, DIR+s3://BUCKET, postgresql://HOST/NAME+DIR. "
    "Exit status 1: something is missing or differs, and the target is not released.",
    run_move};
