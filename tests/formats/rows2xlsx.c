/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a simple format on stdin, XLSX on stdout: so that tests can have other programs open what is
 * written.
 *
 * A row is a line of cells. A cell is a letter, and for the last three kinds a length, a colon and as many
 * bytes:
 * - absent, 0 null, F false, T true, n3:1.5 number, t5:hello text, j2:[] nested. The first row has the names.
 *
 * usage: rows2xlsx [ROWS OF A SHEET [BYTES OF A SHEET [OFFSET OF THE ARCHIVE]]]
 * 0 is the usual value. A failure is a sentence on stderr and status 1.
 */
#include "base/arena.h"
#include "render/write_xlsx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put_stdout(void *ctx, const void *bytes, size_t len, struct err *e)
{
    (void)ctx;
    return fwrite(bytes, 1, len, stdout) == len ? 0 : err_set(e, ERR_STORAGE, "stdout takes no more");
}

static void refuse(const char *why)
{
    (void)fprintf(stderr, "rows2xlsx: %s\n", why);
    exit(2);
}

static char *read_all(size_t *ret_len)
{
    size_t room = 1 << 16;
    size_t len = 0;
    char *bytes = mem_alloc(room);
    for (size_t n; (n = fread(bytes + len, 1, room - len, stdin)) > 0;) {
        len += n;
        if (len == room)
            bytes = mem_realloc(bytes, room *= 2);
    }
    *ret_len = len;
    return bytes;
}

static enum cell_kind kind_of(char letter)
{
    static const char letters[] = "-0FTntj"; /* in the order of enum cell_kind */
    const char *at = letter ? strchr(letters, letter) : NULL;
    if (!at)
        refuse("a cell of no kind");
    return at ? (enum cell_kind)(at - letters) : CELL_ABSENT;
}

/* The cells of one line to `cells`; returns where the next one begins. */
static const char *read_row(const char *p, const char *end, struct cell *cells, int room, int *ret_count)
{
    int n = 0;
    for (; p < end && *p != '\n'; n++) {
        struct cell c = {.kind = kind_of(*p++)};
        if (n == room)
            refuse("too many cells");
        if (c.kind >= CELL_NUMBER) {
            while (p < end && *p != ':')
                c.len = 10 * c.len + (size_t)(*p++ - '0');
            c.bytes = ++p;
            if (p > end || c.len > (size_t)(end - p))
                refuse("a cell beyond the end");
            p += c.len;
        }
        cells[n] = c;
    }
    *ret_count = n;
    return p < end ? p + 1 : end;
}

static int write_rows(const struct xlsx_limits *limits, const char *p, const char *end, struct err *e)
{
    enum { ROOM = 20000 };
    struct cell *cells = mem_alloc(ROOM * sizeof *cells);
    struct column_name *names = mem_alloc(ROOM * sizeof *names);
    struct row row = {.cells = cells};
    int count;
    int rc = 0;
    p = read_row(p, end, cells, ROOM, &count);
    for (int i = 0; i < count; i++)
        names[i] = (struct column_name){cells[i].bytes, cells[i].len};
    struct xlsx_writer *w = xlsx_writer_new_within(limits, names, count, put_stdout, NULL);
    for (; p < end && rc == 0; row.number++) {
        p = read_row(p, end, cells, ROOM, &row.count);
        if (row.count != count)
            refuse("a row of another number of cells");
        rc = xlsx_writer_row(w, &row, e);
    }
    if (rc == 0)
        rc = xlsx_writer_finish(w, e);
    xlsx_writer_free(w);
    free(names);
    free(cells);
    return rc;
}

static long long argument(int argc, char **argv, int index, long long usual)
{
    long long v = index < argc ? strtoll(argv[index], NULL, 10) : 0;
    return v > 0 ? v : usual;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    size_t len;
    char *text = read_all(&len);
    const struct xlsx_limits limits = {
        .rows = argument(argc, argv, 1, xlsx_limits.rows),
        .sheet_bytes = (uint64_t)argument(argc, argv, 2, (long long)xlsx_limits.sheet_bytes),
        .offset = (uint64_t)argument(argc, argv, 3, 0),
    };
    int rc = write_rows(&limits, text, text + len, &e);
    free(text);
    if (rc < 0)
        (void)fprintf(stderr, "%s\n", e.detail);
    return rc < 0 || fflush(stdout) != 0;
}
