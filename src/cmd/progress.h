/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far long work has come: on a terminal a bar that is drawn anew, else a line now and then, or JSON lines
 * for programs. All of it goes to standard error but JSON, which goes to standard output.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum progress_form { PROGRESS_BAR, PROGRESS_LINES, PROGRESS_JSON };

struct progress {
    enum progress_form form;
    const char *label; /* of what is being done now; another one begins anew */
    int64_t started;   /* monotonic */
    int64_t first;     /* `done` at that time */
    int64_t shown;     /* monotonic */
    bool drawn;        /* the terminal's line is not empty */
};

void progress_init(struct progress *p, bool json);
/* As often as one likes. `bytes`: what is counted are bytes, else `unit` says what. */
void progress_show(struct progress *p, const char *label, int64_t done, int64_t total, bool bytes,
                   const char *unit);
/* Ends the bar's line, before something else is printed. */
void progress_clear(struct progress *p);
