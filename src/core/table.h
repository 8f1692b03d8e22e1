/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables: whether uploaded bytes are rows (table_guess.c says what is tried, table_scan.c finds out while
 * they stream in), and how a table that was found is read again (table.c).
 *
 * An upload is a candidate by its media type or, where that says nothing, by its name. A candidate that is
 * damaged or no table after all is stored like any other bytes, and the reason is kept in its facts.
 */
#pragma once

#include "core/core.h"
#include "render/columns.h"
#include "render/decode.h"
#include "render/reader.h"
#include "render/writer.h"

enum { TABLE_ROW_MOST = 64 << 20 }; /* the largest value of table_row_limit */

/* How the bytes of a candidate are to be read. */
struct table_kind {
    enum table_source source;
    enum charset charset;
    enum compression compression; /* by Content-Encoding; NONE: the first bytes may show another */
    enum compression named;       /* by the end of the name, .gz or .zst: of bytes too few to show it */
    char delimiter;               /* 0: not known */
    bool header_absent;
    char unread[80]; /* a sentence: why nobody can read them; empty: they can be read */
};

/* By what an upload says of itself; `content_encoding` may be NULL. false: no candidate. A candidate may be
 * `unread`: looking through it ends with that reason. */
bool table_guess(const char *media_type, const char *content_encoding, const char *name,
                 struct table_kind *ret);

/* Looks through the bytes of one upload. One thread at a time. */
struct table_scan;

struct table_scan *table_scan_new(const struct settings *set, const struct table_kind *kind);
void table_scan_free(struct table_scan *s);                                /* NULL is fine */
void table_scan_feed(struct table_scan *s, const void *bytes, size_t len); /* never fails: it finds out */
/* No more bytes. The facts live as long as the scan. */
const struct table_facts *table_scan_finish(struct table_scan *s);

/* How to read a table. */
struct table {
    struct reader_options reader; /* with columns_are_set */
    enum compression compression;
    enum charset charset;
    int64_t rows;
    struct columns *columns;   /* named */
    struct column_name *names; /* of the columns */
    const void *offsets;
    size_t offsets_len;
};

/* What was written down of a table, in the session's arena. ERR_NOT_FOUND: it is not a table. */
int table_fetch(struct session *s, const struct result *r, struct table_facts *ret, struct err *e);

/* How to read it; of a very wide table that takes long. In the arena but for `columns`, which the caller
 * frees; what `f` points to must live as long. `nested_is_json`: its columns are the members of the rows,
 * else what is nested has columns of its own. */
int table_parse(struct arena *a, const struct table_facts *f, bool nested_is_json, struct table *ret,
                struct err *e);

/*
 * Whether a candidate is no table because its text breaks off or breaks the rules of its format, and not
 * because it says something else than rows, or too much. JSON that is neither an array nor an object counts
 * as damaged: nearly always it is no JSON.
 */
bool table_is_damaged(const struct result *r);

/* Whether the stored bytes of a table are a document of this format themselves, so not if they are
 * compressed: 1 or 0. */
int table_is_stored_as(struct session *s, const struct result *r, enum format format, struct err *e);

/* The last place that is known of and not after `row`: its offset in the stored bytes, and its number. False:
 * none, or the stored bytes are not the text itself. */
bool table_seek(const struct table *t, int64_t row, int64_t *ret_offset, int64_t *ret_number);
