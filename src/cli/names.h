/* SPDX-License-Identifier: Apache-2.0 */
/* Names of files here for what comes from a server, and of results for files that go there. */
#pragma once

#include "base/arena.h"

#include <stdbool.h>

/*
 * A name that is one component of a path here, visible, and at most 255 bytes long. `format`, or "": the
 * extension that it gets in the place of that of another table.
 */
const char *names_file(struct arena *a, const char *name, const char *format);
/* Whether a result can be called so: one component of a path that the server takes. */
bool names_result(const char *name);
/* "a (2).csv" for n = 2; the same name for n = 1. */
const char *names_numbered(struct arena *a, const char *name, int n);
/* The media type that a file's extension stands for. */
const char *names_media_type(const char *file);

/* Names that were given already, such as those of one folder: a hash table in an arena. */
struct names {
    struct arena *arena;
    bool folds_case; /* letters of ASCII that differ in case alone are the same, as for some file systems */
    struct names_slot {
        const char *name; /* NULL: free */
        const void *of;
    } * slots;
    int count, room;
};
/* NULL, and the name is given from now on; or whose it is already. `of` is not NULL. */
const void *names_give(struct names *n, const char *name, const void *of);
/* The first of "x", "x (2)", "x (3)" … that is not given; it is, then. */
const char *names_take(struct names *n, const char *name);
