/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings from a table: one row names a setting, its type, bounds, default and help; the same row serves the
 * command line (--some-name VALUE or --some-name=VALUE), the environment (PREFIX_SOME_NAME), a configuration
 * file (some_name = value, # starts a comment) and the help text. Later sources win in the order defaults,
 * file, environment, command line.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type { CONF_BOOL, CONF_INT, CONF_SIZE, CONF_TIME, CONF_TEXT };

struct conf_item {
    enum conf_type type; /* member: bool, int64_t, int64_t bytes, int64_t seconds, const char * */
    const char *name;
    const char *initial;
    const char *smallest; /* of a text: its length */
    const char *largest;
    bool reload;
    const char *help;
    size_t offset;
};

struct conf {
    const struct conf_item *items;
    size_t count;
    const char *prefix; /* of environment variables, "RESULTD_" */
};

/* Texts are copied into `a`, which must live as long as `to`. The detail of an error names setting and
 * bounds. */
int conf_set(const struct conf *c, struct arena *a, const char *name, const char *value, void *to,
             struct err *e);
int conf_defaults(const struct conf *c, struct arena *a, void *to, struct err *e);
int conf_environment(const struct conf *c, struct arena *a, void *to, struct err *e);
int conf_file(const struct conf *c, struct arena *a, const char *path, void *to, struct err *e);

/*
 * If argv[*at] is a flag of this table, sets it, moves *at behind it and returns 1; 0 if it is something
 * else.
 */
int conf_argument(const struct conf *c, struct arena *a, char **argv, int *at, void *to, struct err *e);

void conf_help(const struct conf *c, struct buf *out);    /* for --help */
void conf_example(const struct conf *c, struct buf *out); /* a configuration file that says the defaults */
void conf_manual(const struct conf *c, struct buf *out);  /* the table as mdoc for the man page */
