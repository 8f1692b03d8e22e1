/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far transfers have come, on standard error: on a terminal a bar for each of those under way and one
 * line for all, drawn anew to the width that it has just now; else a line every ten seconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bars;

struct bar {
    const char *name;    /* safe for a terminal; borrowed */
    int64_t done, total; /* bytes; total -1: not known */
    int64_t started;
    struct bar *next;
};

struct bars *bars_new(bool quiet); /* quiet: shows nothing at all */
void bars_free(struct bars *b);    /* leaves the terminal as it was; NULL is fine */

void bars_expect(struct bars *b, int64_t files, int64_t bytes);  /* more of them; bytes 0: not known */
void bars_begin(struct bars *b, struct bar *bar);                /* `bar` is the caller's, and shown */
void bars_moved(struct bars *b, struct bar *bar, int64_t bytes); /* so many more */
void bars_back(struct bars *b, struct bar *bar); /* what has come for it does not count: it begins again */
void bars_end(struct bars *b, struct bar *bar);  /* it is not shown any more */
void bars_passed(struct bars *b, int64_t bytes); /* a file that needed no transfer, or the part of one */
void bars_tick(void *bars);                      /* as often as one likes */
/* Takes the bars away, before something else is printed; the next tick draws them again. */
void bars_hide(struct bars *b);
