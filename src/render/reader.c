/* SPDX-License-Identifier: Apache-2.0 */
/* See reader.h: which of the readers it is. */
#include "render/reader.h"

#include "base/arena.h"
#include "render/reader_csv.h"
#include "render/reader_json.h"

#include <stdlib.h>

struct reader {
    struct csv_reader *csv; /* one of these */
    struct json_reader *json;
};

struct reader *reader_new(const struct reader_options *o, struct columns *columns, row_fn *row, void *ctx)
{
    struct reader *r = mem_alloc(sizeof *r);
    *r = (struct reader){NULL, NULL};
    if (o->source == SOURCE_CSV)
        r->csv = csv_reader_new(o, columns, row, ctx);
    else
        r->json = json_reader_new(o, columns, row, ctx);
    return r;
}

void reader_free(struct reader *r)
{
    if (!r)
        return;
    csv_reader_free(r->csv);
    json_reader_free(r->json);
    free(r);
}

int reader_feed(struct reader *r, const void *bytes, size_t len, struct err *e)
{
    return r->csv ? csv_reader_feed(r->csv, bytes, len, e) : json_reader_feed(r->json, bytes, len, e);
}

int reader_finish(struct reader *r, struct reader_end *ret, struct err *e)
{
    return r->csv ? csv_reader_finish(r->csv, ret, e) : json_reader_finish(r->json, ret, e);
}

int64_t reader_row_offset(const struct reader *r)
{
    return r->csv ? csv_reader_row_offset(r->csv) : json_reader_row_offset(r->json);
}

void reader_resume(struct reader *r, int64_t offset, int64_t number)
{
    if (r->csv)
        csv_reader_resume(r->csv, offset, number);
    else
        json_reader_resume(r->json, offset, number);
}
