/* SPDX-License-Identifier: Apache-2.0 */
/* See writer.h: which of the writers it is. */
#include "render/writer.h"

#include "base/arena.h"
#include "render/write_csv.h"
#include "render/write_json.h"
#include "render/write_xlsx.h"

#include <stdlib.h>

struct rows_writer {
    struct json_rows_writer *json; /* one of these */
    struct csv_writer *csv;
    struct xlsx_writer *xlsx;
};

struct rows_writer *rows_writer_new(const struct writer_options *o, const struct column_name *names,
                                    int count, put_fn *put, void *ctx)
{
    struct rows_writer *w = mem_alloc(sizeof *w);
    *w = (struct rows_writer){NULL, NULL, NULL};
    if (o->format == FORMAT_XLSX)
        w->xlsx = xlsx_writer_new(names, count, put, ctx);
    else if (o->format == FORMAT_CSV || o->format == FORMAT_TSV)
        w->csv = csv_writer_new(o, names, count, put, ctx);
    else
        w->json = json_rows_writer_new(o->format == FORMAT_NDJSON, names, count, put, ctx);
    return w;
}

void rows_writer_free(struct rows_writer *w)
{
    if (!w)
        return;
    json_rows_writer_free(w->json);
    csv_writer_free(w->csv);
    xlsx_writer_free(w->xlsx);
    free(w);
}

int rows_writer_row(struct rows_writer *w, const struct row *row, struct err *e)
{
    if (w->json)
        return json_rows_writer_row(w->json, row, e);
    return w->csv ? csv_writer_row(w->csv, row, e) : xlsx_writer_row(w->xlsx, row, e);
}

int rows_writer_finish(struct rows_writer *w, struct err *e)
{
    if (w->json)
        return json_rows_writer_finish(w->json, e);
    return w->csv ? csv_writer_finish(w->csv, e) : xlsx_writer_finish(w->xlsx, e);
}
