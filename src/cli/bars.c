/* SPDX-License-Identifier: Apache-2.0 */
/* See bars.h. The rate is smoothed over some seconds, so that the time left does not jump. */
#include "cli/bars.h"

#include "base/amount.h"
#include "base/clock.h"
#include "cli/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_BARS = 8, BAR_WIDTH = 20, LEAST_NAME = 6, MOST_NAME = 40 };
#define DRAW_US  INT64_C(200000)
#define LINES_US (10 * CLOCK_SECOND)
#define SMOOTHED (3.0 * (double)CLOCK_SECOND)

struct bars {
    bool quiet;
    struct bar *first;
    int64_t files, files_done, bytes, bytes_done;
    int64_t moved;    /* bytes that were really sent or received */
    int64_t measured; /* of these, when the rate was last looked at */
    int64_t shown_at; /* monotonic */
    double rate;      /* bytes a second; < 0: not known yet */
    int drawn;        /* lines of the terminal that are ours */
};

struct bars *bars_new(bool quiet)
{
    struct bars *b = mem_alloc(sizeof *b);
    *b = (struct bars){.quiet = quiet, .shown_at = clock_monotonic(), .rate = -1};
    return b;
}

void bars_hide(struct bars *b)
{
    if (b->drawn > 0)
        (void)fprintf(stderr, "\r\033[%dA\033[J", b->drawn);
    b->drawn = 0;
}

void bars_free(struct bars *b)
{
    if (!b)
        return;
    bars_hide(b);
    free(b);
}

void bars_expect(struct bars *b, int64_t files, int64_t bytes)
{
    b->files += files;
    b->bytes += bytes;
}

void bars_begin(struct bars *b, struct bar *bar)
{
    bar->started = clock_monotonic();
    bar->next = b->first;
    b->first = bar;
}

void bars_moved(struct bars *b, struct bar *bar, int64_t bytes)
{
    bar->done += bytes;
    b->bytes_done += bytes;
    b->moved += bytes;
}

void bars_back(struct bars *b, struct bar *bar)
{
    b->bytes_done -= bar->done;
    bar->done = 0;
}

void bars_end(struct bars *b, struct bar *bar)
{
    struct bar **at = &b->first;
    while (*at && *at != bar)
        at = &(*at)->next;
    if (*at)
        *at = bar->next;
    b->files_done++;
}

void bars_passed(struct bars *b, int64_t bytes)
{
    b->bytes_done += bytes;
}

static void measure(struct bars *b, int64_t now)
{
    double past = (double)(now - b->shown_at);
    double rate = past > 0 ? (double)(b->moved - b->measured) * (double)CLOCK_SECOND / past : 0;
    double weight = past < SMOOTHED ? past / SMOOTHED : 1;
    b->rate = b->rate < 0 ? rate : b->rate + (rate - b->rate) * weight;
    b->measured = b->moved;
    b->shown_at = now;
}

static const char *amount_of(struct arena *a, int64_t done, int64_t total)
{
    return total > 0 ? arena_printf(a, "%s of %s", amount_bytes(a, done), amount_bytes(a, total))
                     : amount_bytes(a, done);
}

static const char *left_of(struct arena *a, const struct bars *b)
{
    if (b->rate < 1 || b->bytes <= b->bytes_done)
        return "";
    return arena_printf(a, ", %s left",
                        amount_seconds(a, (int64_t)((double)(b->bytes - b->bytes_done) / b->rate) + 1));
}

static const char *sentence(struct arena *a, const struct bars *b)
{
    const char *files =
        b->files > 1 ? arena_printf(a, "%lld of %lld files, ", (long long)b->files_done, (long long)b->files)
                     : "";
    return arena_printf(a, "%s%s, %s/s%s", files, amount_of(a, b->bytes_done, b->bytes),
                        amount_bytes(a, b->rate > 0 ? (int64_t)b->rate : 0), left_of(a, b));
}

static const char *gauge(struct arena *a, const struct bar *bar)
{
    int full = bar->total > 0 ? (int)((double)bar->done / (double)bar->total * BAR_WIDTH) : 0;
    struct buf out = {.arena = a};
    buf_putc(&out, '[');
    for (int i = 0; i < BAR_WIDTH; i++)
        buf_putc(&out, i < full ? '#' : '.');
    buf_puts(&out, "] ");
    return buf_str(&out);
}

/* What does not fit is left out: the rate, then the gauge, then the end of the name. */
static void draw_bar(struct arena *a, const struct bar *bar, int columns)
{
    double seconds = (double)(clock_monotonic() - bar->started) / (double)CLOCK_SECOND;
    const char *part = bar->total > 0
                           ? arena_printf(a, "%3d %%", (int)((double)bar->done / (double)bar->total * 100))
                           : amount_bytes(a, bar->done);
    const char *rate =
        arena_printf(a, "  %s  %s/s", amount_bytes(a, bar->done),
                     amount_bytes(a, seconds > 0 ? (int64_t)((double)bar->done / seconds) : 0));
    const char *meter = bar->total > 0 ? gauge(a, bar) : "";
    int room = columns - 2 - screen_columns(part);
    if (room - screen_columns(meter) - screen_columns(rate) < LEAST_NAME)
        rate = "";
    if (room - screen_columns(meter) - screen_columns(rate) < LEAST_NAME)
        meter = "";
    room -= screen_columns(meter) + screen_columns(rate);
    const char *name = screen_cut(a, bar->name, room < MOST_NAME ? room : MOST_NAME);
    (void)fprintf(stderr, "\r%s %s%s%s\033[K\n", name, meter, part, rate);
}

static void draw(struct bars *b, int columns)
{
    struct arena a = {0};
    int lines = 0;
    bars_hide(b);
    for (const struct bar *bar = b->first; bar && lines < MOST_BARS; bar = bar->next, lines++)
        draw_bar(&a, bar, columns);
    if (b->files > 1 || !b->first) {
        (void)fprintf(stderr, "\r%s\033[K\n", screen_cut(&a, sentence(&a, b), columns - 1));
        lines++;
    }
    b->drawn = lines;
    (void)fflush(stderr);
    arena_free(&a);
}

void bars_tick(void *bars)
{
    struct bars *b = bars;
    int64_t now = clock_monotonic();
    int columns = b->quiet || !screen_moves(STDERR_FILENO) ? 0 : screen_width(STDERR_FILENO);
    if (b->quiet || now - b->shown_at < (columns ? DRAW_US : LINES_US))
        return;
    measure(b, now);
    if (columns) {
        draw(b, columns);
        return;
    }
    struct arena a = {0};
    (void)fprintf(stderr, "%s\n", sentence(&a, b));
    arena_free(&a);
}
