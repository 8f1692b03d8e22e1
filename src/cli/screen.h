/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people read: texts made safe for a terminal, cut to its width, and laid out as tables. Names come from
 * strangers: control characters and what turns the direction of writing are shown as a question mark.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

int screen_width(int fd);  /* columns of its terminal; 0: it is none */
bool screen_moves(int fd); /* a terminal on which lines can be drawn anew */

const char *screen_safe(struct arena *a, const char *text);
int screen_columns(const char *text); /* how many it takes */
/* At most `columns` of it, the last one an ellipsis where something was left out. */
const char *screen_cut(struct arena *a, const char *text, int columns);

/*
 * A table. Columns are as wide as what is in them. Where that is more than the terminal has, texts are cut,
 * but not to less than tells something; then the last columns are left out; and where there is no room for
 * two, or for one that wraps, a row is two lines. What is worth nothing when it is cut, as an id is, never
 * is. Not on a terminal: cells are separated by tabs, nothing is left out, and there is no heading.
 */
enum screen_fit {
    SCREEN_WHOLE,
    SCREEN_CUT,   /* a text of which the begin is enough */
    SCREEN_WRAPS, /* the last one: the terminal goes on in its next line */
};

struct screen_column {
    const char *title;
    bool right; /* numbers */
    enum screen_fit fit;
};

struct screen_table {
    struct arena *arena;
    const struct screen_column *columns;
    int column_count;
    const char **cells; /* row by row */
    int64_t rows;
    int64_t room;
};

void screen_table_add(struct screen_table *t, const char *const *cells);
int screen_table_print(const struct screen_table *t, FILE *to); /* how many columns were left out */

const char *screen_day(struct arena *a, const char *rfc3339);  /* "14:05" today, "Nov 23" or "2025-11-23" */
const char *screen_time(struct arena *a, const char *rfc3339); /* local time, to the minute; "" for none */
