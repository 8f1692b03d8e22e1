/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands and their flags as tables: one row serves the parser, --help, the manual page and the completions
 * of shells, so they cannot disagree. Flags may stand anywhere; `--` ends them. `-o X`, `-oX`, `--output X`
 * and `--output=X` are the same.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "cli/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum args_kind {
    ARGS_GIVEN, /* bool: takes no value */
    ARGS_TEXT,  /* const char * */
    ARGS_TEXTS, /* struct args_texts: may be repeated */
    ARGS_COUNT, /* int64_t > 0: so that 0 is "not given" */
    ARGS_PLACE, /* int64_t ≥ 0 */
    ARGS_TIME,  /* int64_t seconds > 0: 90, 90s, 5m, 2h, 7d */
    ARGS_WORD,  /* const char *, one of `words` */
};

struct args_texts {
    const char **texts;
    int count;
};

struct args_flag {
    const char *name; /* "output", without its dashes */
    char letter;      /* 'o', or 0 */
    enum args_kind kind;
    size_t offset;     /* in the command's options */
    const char *value; /* "DIR": what stands for it in the help */
    const char *help;
    const char *const *words; /* of ARGS_WORD; ends with NULL */
};

struct ctl;

struct command {
    const char *name;     /* one or two words: "job create" */
    const char *operands; /* what follows the flags: "FILE..." */
    int least, most;      /* how many of them */
    bool hidden;          /* for those who build packages: in no list */
    const char *summary;  /* one line */
    const char *help;     /* more, or NULL */
    const char *examples; /* lines of a shell, or NULL */
    const struct args_flag *flags;
    int flag_count;
    size_t options_size;
    /* `options`: zero but for the flags that were given. `words`: the operands. */
    int (*run)(struct ctl *c, const void *options, const char **words, int count, struct failure *f);
};

struct args {
    const struct command *command; /* NULL: help was asked for, or the version */
    void *options;
    const char **words;
    int count;
    bool help;
};

/* `common`: flags that each command has, stored in `common_to`. */
int args_parse(struct arena *a, const struct command *const *commands, const struct args_flag *common,
               void *common_to, int argc, char **argv, struct args *ret, struct failure *f);

bool args_time(const char *text, int64_t *ret_seconds);
const char *args_time_text(struct arena *a, int64_t seconds); /* "7d", "90s" */

/* Texts for people and shells; `commands` and `common` end with NULL and an empty flag. */
void args_overview(const struct command *const *commands, struct buf *out);
void args_help(const struct command *c, const struct args_flag *common, struct buf *out);
