/* SPDX-License-Identifier: Apache-2.0 */
/* See progress.h. Rates are of the whole of what is being done now, so that they do not jump. */
#include "cmd/progress.h"

#include "base/amount.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 24 };
#define BAR_US   INT64_C(200000)
#define LINES_US (INT64_C(10) * CLOCK_SECOND)
#define JSON_US  (INT64_C(1) * CLOCK_SECOND)

struct rate {
    double per_second;
    int64_t seconds_left; /* -1: not known */
};

void progress_init(struct progress *p, bool json)
{
    *p = (struct progress){.form = json                    ? PROGRESS_JSON
                                   : isatty(STDERR_FILENO) ? PROGRESS_BAR
                                                           : PROGRESS_LINES};
}

static struct rate rate_of(const struct progress *p, int64_t now, int64_t done, int64_t total)
{
    double seconds = (double)(now - p->started) / (double)CLOCK_SECOND;
    struct rate r = {.per_second = seconds > 0 ? (double)(done - p->first) / seconds : 0, .seconds_left = -1};
    if (r.per_second > 0)
        r.seconds_left = (int64_t)((double)(total - done) / r.per_second + 0.5);
    return r;
}

static const char *amount(struct arena *a, int64_t n, bool bytes)
{
    return bytes ? amount_bytes(a, n) : arena_printf(a, "%lld", (long long)n);
}

static const char *sentence(struct arena *a, int64_t done, int64_t total, const struct rate *r, bool bytes,
                            const char *unit)
{
    const char *left =
        r->seconds_left < 0 ? "" : arena_printf(a, ", %s left", amount_seconds(a, r->seconds_left));
    return arena_printf(a, "%s of %s%s%s, %s/s%s", amount(a, done, bytes), amount(a, total, bytes),
                        bytes ? "" : " ", bytes ? "" : unit, amount(a, (int64_t)r->per_second, bytes), left);
}

static void draw(struct progress *p, int64_t done, int64_t total, const char *text)
{
    char bar[BAR_WIDTH + 1];
    double part = total > 0 ? (double)done / (double)total : 1;
    int full = (int)(part * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    (void)fprintf(stderr, "\r%s [%s] %d %%  %s\033[K", p->label, bar, (int)(part * 100), text);
    (void)fflush(stderr);
    p->drawn = true;
}

static void print_json(const struct progress *p, int64_t done, int64_t total, const struct rate *r,
                       bool bytes, const char *unit)
{
    struct arena a = {0};
    struct json_out j = {.buf = {.arena = &a}};
    json_begin_object(&j);
    json_key(&j, "phase");
    json_string(&j, p->label);
    json_key(&j, "unit");
    json_string(&j, bytes ? "bytes" : unit);
    json_key(&j, "done");
    json_int(&j, done);
    json_key(&j, "total");
    json_int(&j, total);
    json_key(&j, "per_second");
    json_int(&j, (int64_t)r->per_second);
    json_key(&j, "seconds_left");
    if (r->seconds_left < 0)
        json_null(&j);
    else
        json_int(&j, r->seconds_left);
    json_end_object(&j);
    (void)printf("%s\n", buf_str(&j.buf));
    (void)fflush(stdout);
    arena_free(&a);
}

static int64_t pause_of(const struct progress *p)
{
    return p->form == PROGRESS_BAR ? BAR_US : p->form == PROGRESS_JSON ? JSON_US : LINES_US;
}

void progress_show(struct progress *p, const char *label, int64_t done, int64_t total, bool bytes,
                   const char *unit)
{
    int64_t now = clock_monotonic();
    bool fresh = !p->label || strcmp(p->label, label) != 0;
    if (!fresh && now - p->shown < pause_of(p))
        return;
    if (fresh) {
        progress_clear(p);
        p->label = label;
        p->started = now;
        p->first = done;
    }
    p->shown = now;
    struct arena a = {0};
    struct rate r = rate_of(p, now, done, total);
    if (p->form == PROGRESS_JSON)
        print_json(p, done, total, &r, bytes, unit);
    else if (p->form == PROGRESS_BAR)
        draw(p, done, total, sentence(&a, done, total, &r, bytes, unit));
    else
        (void)fprintf(stderr, "%s: %s\n", label, sentence(&a, done, total, &r, bytes, unit));
    arena_free(&a);
}

void progress_clear(struct progress *p)
{
    if (p->drawn)
        (void)fprintf(stderr, "\n");
    p->drawn = false;
}
