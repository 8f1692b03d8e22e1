/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Converting: a table in another format, or some of its rows and columns. What is asked for is put down in a
 * struct conversion_options; a struct conversion has all that a thread without a database needs to run it.
 */
#pragma once

#include "core/deliver.h"
#include "core/table.h"
#include "render/select.h"

struct conversion_options {
    struct writer_options writer;
    bool nested_is_json;
    bool types_text; /* CSV cells stay texts */
    const char *const *fields;
    int field_count;
    const char *const *omit;
    int omit_count;
    const char *const *where; /* as they were asked */
    int where_count;
    int64_t offset;
    int64_t limit; /* -1: all */
};

/* The whole table in this format, with nothing else asked. */
struct conversion_options convert_whole(enum format format);

/*
 * The strong entity tag of a result in this form, without quotes: it follows from the original's digest and
 * what decides how it is read and written, so it is known before the first byte is made.
 */
void convert_tag(const struct result *r, const struct conversion_options *o, char ret[DIGEST_SHA256_HEX]);

/* Why a result cannot be had so, in the arena; NULL: it can. */
const char *convert_reason(struct arena *a, const struct result *r, const struct conversion_options *o);
/* The same as an error, ERR_NOT_ACCEPTABLE. */
int convert_check(const struct result *r, const struct conversion_options *o, struct err *e);

struct conversion;

/* Opens the result's bytes and fetches what is known of the table. `r` is live. */
int conversion_new(struct session *s, const struct result *r, const struct conversion_options *o,
                   struct conversion **ret, struct err *e);
/* Looks up columns, in any thread, before all that follows but format and rows: ERR_BAD_VALUE names
 * a parameter. Of a very wide table that takes long. */
int conversion_prepare(struct conversion *c, struct err *e);
/* Lets go of what was looked up, which takes megabytes of a very wide table, until it is prepared again. */
void conversion_put_aside(struct conversion *c);
void conversion_free(struct conversion *c); /* NULL is fine */
/* Any thread, until it is freed: it ends with an error soon, also where it waits for a network. */
void conversion_cancel(struct conversion *c);
/* Whose server it may have to wait for, as base/shares.h has it; 0: nobody's. */
int64_t conversion_holder(const struct conversion *c);

/* The columns that come out, and those of the table that they are. */
const struct column_name *conversion_names(const struct conversion *c, int *ret_count);
const struct column *conversion_column(const struct conversion *c, int index);
enum format conversion_format(const struct conversion *c);
int64_t conversion_rows(const struct conversion *c); /* of the whole table */

/* Hands on what is asked for row by row; *ret_matched: how many rows the conditions let through. `progress`
 * is told of the rows read every now and then, and ends the work by returning an error. It may be NULL. An
 * ERR_LIMIT of `row` is only passed on where the stored bytes are those that came, else it is ERR_STORAGE. */
typedef int convert_progress_fn(void *ctx, int64_t rows, struct err *e);
int conversion_run(struct conversion *c, row_fn *row, convert_progress_fn *progress, void *ctx,
                   int64_t *ret_matched, struct err *e);
/* The same, written in its format. ERR_NOT_ACCEPTABLE: the format cannot hold what is asked for. */
int conversion_write(struct conversion *c, put_fn *put, convert_progress_fn *progress, void *ctx,
                     struct err *e);
