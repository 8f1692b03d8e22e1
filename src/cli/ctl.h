/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands of resultctl share: the server that is talked to, requests with small answers, lists, and
 * how things are shown. Each cmd file ends with its `struct command`; main.c has the table of them.
 *
 * Standard output has what was asked for, and nothing else: for people, or with --json one JSON value a line,
 * as the server says it. Everything else goes to standard error.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "cli/args.h"
#include "cli/bars.h"
#include "cli/failure.h"
#include "cli/http.h"

struct ctl_options {
    const char *server, *url, *key_file, *config, *ca_file;
    bool json, quiet;
    int64_t tries, timeout;
};

struct ctl {
    struct arena arena; /* of the whole run */
    struct ctl_options options;
    const struct command *command;
    struct http *http; /* NULL until ctl_connect */
    const char *where; /* the server's address, for sentences */
    struct bars *bars; /* that are shown just now, or NULL */
};

extern volatile sig_atomic_t ctl_stop;             /* a signal has come */
extern const struct args_flag ctl_flags[];         /* that every command has; ends with an empty one */
extern const struct command *const ctl_commands[]; /* ends with NULL */
extern const struct command ctl_command_manual;

/* From flags, RESULTD_URL and RESULTD_KEY, or the file of servers, in this order. Again: nothing. */
int ctl_connect(struct ctl *c, struct failure *f);
const char *ctl_ca_file(const struct ctl *c); /* who may sign a server's certificate; NULL: the system's */

/* ---- requests whose answers are small; they connect ---- */

int ctl_get(struct ctl *c, const char *path, const struct json **ret, struct failure *f);
/* The same, in an arena of the caller's. */
int ctl_get_into(struct ctl *c, struct arena *a, const char *path, const struct json **ret,
                 struct failure *f);
/* `body` JSON or NULL. `harmless`: see http.h. *ret NULL: 204, of a claim. `ret` may be NULL: what was
 * answered is looked at all the same. */
int ctl_send(struct ctl *c, const char *method, const char *path, const char *body, bool harmless,
             const struct json **ret, struct failure *f);
/* DELETE of what is gone afterwards. Only 204 says that it is. */
int ctl_delete(struct ctl *c, const char *path, struct failure *f);

/* Calls `each` for at most `limit` (0: all) members of a list, page by page; each page is freed after it. */
typedef int ctl_each_fn(void *ctx, const struct json *item, struct failure *f);
int ctl_list(struct ctl *c, const char *path, int64_t limit, ctl_each_fn *each, void *ctx, struct failure *f);

/* path?name=value&…; a value that is NULL or "" adds nothing. */
struct ctl_path {
    struct buf buf;
    bool has_query;
};
void ctl_path_begin(struct ctl_path *p, struct arena *a, const char *path);
void ctl_path_add(struct ctl_path *p, const char *name, const char *value);
const char *ctl_path_end(struct ctl_path *p);
/* `/results/` and the like with an id behind it, escaped, and what follows. */
const char *ctl_path_of(struct ctl *c, const char *folder, const char *id, const char *rest);

/* ---- members of what the server says ---- */

const char *ctl_text(const struct json *object, const char *name); /* "" for none */
int64_t ctl_number(const struct json *object, const char *name);   /* -1 for none */
bool ctl_truth(const struct json *object, const char *name);
double ctl_real(const struct json *object, const char *name); /* 0 for none */

/* ---- what is shown ---- */

void ctl_print_json(const struct json *value); /* a line */
/* With --json the value, else "NAME  VALUE" for each member that has one. */
void ctl_show(struct ctl *c, const struct json *object);
/* After all was printed. FAILURE_LOCAL: it did not arrive. */
int ctl_flush(struct failure *f);
/* FAILURE_INTERRUPTED: the user wants no more. */
int ctl_sleep(int64_t microseconds, struct failure *f);
/* Bars for transfers, of which no line gets between those of --json. */
struct bars *ctl_bars(const struct ctl *c);
/* A sentence on standard error, unless --quiet; with --json as {"note": …}. */
void ctl_say(const struct ctl *c, const char *text, ...) __attribute__((format(printf, 2, 3)));
/* Prints what went wrong: a sentence, or with --json an object. */
void ctl_complain(struct ctl *c, const struct failure *f);
/* Asks on the terminal. FAILURE_USAGE where there is none: `flag` says yes beforehand. */
int ctl_confirm(const char *question, const char *flag, struct failure *f);

/* A line of standard input that is no argument, where others could see it; from a terminal unseen, after
 * "`prompt`: ". `what` it is called in errors. */
int ctl_ask_secret(struct ctl *c, const char *prompt, const char *what, const char **ret, struct failure *f);

/* One operand after the other; one that fails does not stop the others, and the first failure counts. */
typedef int ctl_one_fn(struct ctl *c, const void *options, const char *word, struct failure *f);
int ctl_each_word(struct ctl *c, const void *options, const char **words, int count, ctl_one_fn *one,
                  struct failure *f);
