/* SPDX-License-Identifier: Apache-2.0 */
/* See preview.h. A preview belongs to the thread that made it, but between preview_start and its wake to a
 * converter.
 */
#include "core/preview.h"

#include "base/json.h"
#include "core/making.h"

#include <stdlib.h>

enum { LARGEST = 8 << 20 }; /* of the text: then the page has fewer rows than it may */

struct preview {
    struct makings_guest guest; /* first, so that one is the other */
    struct core *core;
    struct arena arena;
    struct conversion *conversion;
    struct json_out out;
    bool full;
    void (*wake)(void *ctx);
    void *wake_ctx;
    int rc;
    struct err error;
};

int preview_new(struct session *s, const struct result *r, const struct conversion_options *o,
                struct preview **ret, struct err *e)
{
    struct conversion *c = NULL;
    if (atomic_load(&s->core->previews) >= core_settings(s->core)->conversion_limit)
        return err_set(e, ERR_BUSY, "too many pages of rows are being read; try again in a moment");
    int rc = conversion_new(s, r, o, &c, e);
    if (rc < 0)
        return rc;
    struct preview *p = mem_alloc(sizeof *p);
    *p = (struct preview){.core = s->core, .conversion = c};
    atomic_fetch_add(&s->core->previews, 1);
    p->out.buf.arena = &p->arena;
    *ret = p;
    return 0;
}

void preview_free(struct preview *p)
{
    if (!p)
        return;
    atomic_fetch_sub(&p->core->previews, 1);
    conversion_free(p->conversion);
    arena_free(&p->arena);
    free(p);
}

static void put_columns(struct preview *p)
{
    int count;
    const struct column_name *names = conversion_names(p->conversion, &count);
    json_key(&p->out, "columns");
    json_begin_array(&p->out);
    for (int i = 0; i < count; i++) {
        json_begin_object(&p->out);
        json_key(&p->out, "name");
        json_string_len(&p->out, names[i].bytes, names[i].len);
        json_key(&p->out, "type");
        json_string(&p->out, column_type(conversion_column(p->conversion, i)));
        json_end_object(&p->out);
    }
    json_end_array(&p->out);
}

static void put_cell(struct json_out *j, const struct cell *c)
{
    switch (c->kind) {
    case CELL_ABSENT:
    case CELL_NULL:
        json_null(j);
        break;
    case CELL_FALSE:
    case CELL_TRUE:
        json_bool(j, c->kind == CELL_TRUE);
        break;
    case CELL_NUMBER:
        json_raw(j, c->bytes, c->len);
        break;
    case CELL_TEXT:
    case CELL_NESTED:
        json_string_len(j, c->bytes, c->len);
        break;
    }
}

static int put_row(void *ctx, const struct row *row, struct err *e)
{
    struct preview *p = ctx;
    (void)e;
    if (p->full)
        return 0;
    json_begin_array(&p->out);
    for (int i = 0; i < row->count; i++)
        put_cell(&p->out, &row->cells[i]);
    json_end_array(&p->out);
    p->full = p->out.buf.len > LARGEST;
    return 0;
}

static int put_page(struct preview *p, struct err *e)
{
    int64_t matched = 0;
    json_begin_object(&p->out);
    put_columns(p);
    json_key(&p->out, "rows");
    json_begin_array(&p->out);
    int rc = conversion_run(p->conversion, put_row, NULL, p, &matched, e);
    json_end_array(&p->out);
    json_key(&p->out, "total");
    json_int(&p->out, matched);
    json_end_object(&p->out);
    return rc;
}

static void run(struct makings_guest *guest)
{
    struct preview *p = (struct preview *)guest;
    p->rc = conversion_prepare(p->conversion, &p->error);
    if (p->rc == 0)
        p->rc = put_page(p, &p->error);
    makings_leave(p->core->makings, &p->guest);
    p->wake(p->wake_ctx); /* the preview may be gone after this */
}

void preview_start(struct preview *p, void (*wake)(void *ctx), bool (*gone)(void *ctx), void *ctx)
{
    p->guest = (struct makings_guest){.run = run, .conversion = p->conversion, .gone = gone, .ctx = ctx};
    p->wake = wake;
    p->wake_ctx = ctx;
    makings_run(p->core->makings, &p->guest);
}

int preview_text(struct preview *p, const char **ret, size_t *ret_len, struct err *e)
{
    if (p->rc < 0) {
        *e = p->error;
        return p->rc;
    }
    *ret = p->out.buf.bytes;
    *ret_len = p->out.buf.len;
    return 0;
}
