/* SPDX-License-Identifier: Apache-2.0 */
/* See screen.h. */
#include "cli/screen.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <unistr.h>
#include <uniwidth.h>

enum { GAP = 2, LEAST_TEXT = 8, FALLBACK_WIDTH = 80 };

int screen_width(int fd)
{
    struct winsize size;
    int64_t columns = 0;
    const char *said = getenv("COLUMNS");
    if (!isatty(fd))
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return said && text_uint(said, strlen(said), &columns) && columns > 0 && columns < 10000 ? (int)columns
                                                                                             : FALLBACK_WIDTH;
}

bool screen_moves(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

/* Whether a terminal, or a reader, would be led astray. */
static bool is_unsafe(ucs4_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

const char *screen_safe(struct arena *a, const char *text)
{
    struct buf out = {.arena = a};
    size_t left = strlen(text);
    while (left > 0) {
        ucs4_t c = 0;
        int n = u8_mbtoucr(&c, (const uint8_t *)text, left);
        if (n <= 0 || is_unsafe(c)) {
            buf_putc(&out, '?');
            n = n > 0 ? n : 1;
        } else {
            buf_add(&out, text, (size_t)n);
        }
        text += n;
        left -= (size_t)n;
    }
    return buf_str(&out);
}

int screen_columns(const char *text)
{
    return u8_strwidth((const uint8_t *)text, "UTF-8");
}

const char *screen_cut(struct arena *a, const char *text, int columns)
{
    size_t len = strlen(text);
    size_t at = 0;
    int used = 0;
    if (screen_columns(text) <= columns)
        return text;
    while (at < len) {
        ucs4_t c = 0;
        int n = u8_mbtouc(&c, (const uint8_t *)text + at, len - at);
        int width = uc_width(c, "UTF-8");
        if (used + (width > 0 ? width : 0) > columns - 1)
            break;
        used += width > 0 ? width : 0;
        at += (size_t)n;
    }
    return columns < 1 ? "" : arena_printf(a, "%.*s…", (int)at, text);
}

void screen_table_add(struct screen_table *t, const char *const *cells)
{
    int64_t n = t->rows * t->column_count;
    if (n + t->column_count > t->room) {
        int64_t room = t->room ? t->room * 2 : (int64_t)64 * t->column_count;
        const char **more = arena_alloc(t->arena, (size_t)room * sizeof *more);
        if (n > 0)
            memcpy(more, t->cells, (size_t)n * sizeof *more);
        t->cells = more;
        t->room = room;
    }
    for (int i = 0; i < t->column_count; i++)
        t->cells[n + i] = screen_safe(t->arena, cells[i] ? cells[i] : "");
    t->rows++;
}

static const char *cell(const struct screen_table *t, int64_t row, int column)
{
    return t->cells[row * t->column_count + column];
}

static void measure(const struct screen_table *t, int *widths)
{
    for (int i = 0; i < t->column_count; i++) {
        widths[i] = screen_columns(t->columns[i].title);
        for (int64_t row = 0; row < t->rows; row++) {
            int width = screen_columns(cell(t, row, i));
            if (width > widths[i])
                widths[i] = width;
        }
    }
}

/* How narrow a column may be. */
static int least_of(const struct screen_table *t, int column, int width)
{
    return t->columns[column].fit == SCREEN_WHOLE || width < LEAST_TEXT ? width : LEAST_TEXT;
}

/* The first `count` columns, as they are or as narrow as they may be. */
static int total_of(const struct screen_table *t, const int *widths, int count, bool least)
{
    int total = (count - 1) * GAP;
    for (int i = 0; i < count; i++)
        total += least || t->columns[i].fit == SCREEN_WRAPS ? least_of(t, i, widths[i]) : widths[i];
    return total;
}

/* The widest that may be cut; -1: none can. */
static int widest(const struct screen_table *t, const int *widths, int count)
{
    int found = -1;
    for (int i = 0; i < count; i++)
        if (t->columns[i].fit == SCREEN_CUT && widths[i] > LEAST_TEXT &&
            (found < 0 || widths[i] > widths[found]))
            found = i;
    return found;
}

/* How many columns are shown, the widths of which fit then. */
static int lay_out(const struct screen_table *t, int *widths, int columns)
{
    int count = t->column_count;
    while (count > 1 && total_of(t, widths, count, true) > columns)
        count--;
    for (int i = 0; i >= 0 && total_of(t, widths, count, false) > columns;)
        if ((i = widest(t, widths, count)) >= 0)
            widths[i]--;
    return count;
}

static void print_cell(const struct screen_table *t, int column, const char *text, int width, bool is_last,
                       FILE *to)
{
    const char *cut = t->columns[column].fit == SCREEN_CUT ? screen_cut(t->arena, text, width) : text;
    int blanks = width - screen_columns(cut);
    if (column > 0)
        (void)fprintf(to, "%*s", GAP, "");
    if (t->columns[column].right)
        (void)fprintf(to, "%*s%s", blanks, "", cut);
    else
        (void)fprintf(to, "%s%*s", cut, is_last ? 0 : blanks, "");
}

static void print_line(const struct screen_table *t, const int *widths, int count, int64_t row, FILE *to)
{
    for (int i = 0; i < count; i++)
        print_cell(t, i, row < 0 ? t->columns[i].title : cell(t, row, i), widths[i], i == count - 1, to);
    (void)fputc('\n', to);
}

/* Whether there is no room for two columns, or none for the begin of what wraps. */
static bool is_stacked(const struct screen_table *t, int count)
{
    return count < t->column_count && (count == 1 || t->columns[t->column_count - 1].fit == SCREEN_WRAPS);
}

/* The cells from `i` on that fit, those that may be cut to half of the line. The first that does not. */
static int add_below(const struct screen_table *t, int64_t row, int i, int columns, struct buf *out)
{
    int used = 0;
    for (; i < t->column_count; i++) {
        enum screen_fit fit = t->columns[i].fit;
        const char *text = cell(t, row, i);
        if (!*text)
            continue;
        text = fit == SCREEN_CUT ? screen_cut(t->arena, text, columns / 2) : text;
        used += GAP + screen_columns(text);
        if (used > columns && fit != SCREEN_WRAPS)
            break;
        buf_printf(out, "%*s%s", GAP, "", text);
    }
    return i;
}

/* The first `count` cells of a row, what fits of the others below them. How many columns are in all rows. */
static int print_stacked(const struct screen_table *t, const int *widths, int count, int columns, FILE *to)
{
    int shown = t->column_count;
    for (int64_t row = 0; row < t->rows; row++) {
        struct buf below = {.arena = t->arena};
        int end = add_below(t, row, count, columns, &below);
        shown = end < shown ? end : shown;
        print_line(t, widths, count, row, to);
        (void)fprintf(to, "%s\n", buf_str(&below));
    }
    return shown;
}

static void print_plain(const struct screen_table *t, FILE *to)
{
    for (int64_t row = 0; row < t->rows; row++)
        for (int i = 0; i < t->column_count; i++)
            (void)fprintf(to, "%s%s", cell(t, row, i), i == t->column_count - 1 ? "\n" : "\t");
}

int screen_table_print(const struct screen_table *t, FILE *to)
{
    int columns = screen_width(fileno(to));
    int *widths = arena_alloc(t->arena, (size_t)t->column_count * sizeof *widths);
    if (columns == 0) {
        print_plain(t, to);
        return 0;
    }
    measure(t, widths);
    int count = lay_out(t, widths, columns);
    if (is_stacked(t, count))
        return t->column_count - print_stacked(t, widths, count, columns, to);
    for (int64_t row = -1; row < t->rows; row++) /* the titles first */
        print_line(t, widths, count, row, to);
    return t->column_count - count;
}

/* Local time. */
static bool read_time(const char *rfc3339, struct tm *ret)
{
    int64_t at = 0;
    if (!rfc3339 || !clock_parse_rfc3339(rfc3339, &at))
        return false;
    time_t seconds = (time_t)(at / CLOCK_SECOND);
    return localtime_r(&seconds, ret) != NULL;
}

const char *screen_day(struct arena *a, const char *rfc3339)
{
    struct tm when;
    struct tm today;
    char text[32] = "";
    time_t now = time(NULL);
    if (!read_time(rfc3339, &when) || !localtime_r(&now, &today))
        return "";
    if (when.tm_year != today.tm_year)
        (void)strftime(text, sizeof text, "%Y-%m-%d", &when);
    else if (when.tm_yday != today.tm_yday)
        (void)strftime(text, sizeof text, "%b %e", &when);
    else
        (void)strftime(text, sizeof text, "%H:%M", &when);
    return arena_strdup(a, text);
}

const char *screen_time(struct arena *a, const char *rfc3339)
{
    struct tm when;
    char text[32] = "";
    if (read_time(rfc3339, &when))
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M", &when);
    return arena_strdup(a, text);
}
