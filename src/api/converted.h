/* SPDX-License-Identifier: Apache-2.0 */
/* A result in another format, for every API: what is asked of it, and sending it. */
#pragma once

#include "api/api.h"
#include "core/convert.h"

/*
 * Reads the query's parameters about format, rows and columns (docs/formats.md). *ret_given: there were any.
 * Of a page, /rows: no format and what belongs to it, and limit is 1 to 1000 (100). Of an archive: no rows
 * and columns.
 */
enum converted_what { CONVERTED_CONTENT = 1, CONVERTED_PAGE = 2, CONVERTED_ARCHIVE = 4 };
int converted_options(struct request *rq, enum converted_what what, struct conversion_options *ret,
                      bool *ret_given, struct err *e);

/* The parameters that these take (of enum converted_what), for a description. Their number. */
size_t converted_parameters(unsigned what, struct param *ret);

/* What the Accept field prefers to the original; false: the original. */
bool converted_by_accept(struct request *rq, const struct result *r, enum format *ret);

/* `r` is live. The handler calls it again, with the same arguments, when the request has slept. */
int converted_send(struct request *rq, const struct result *r, const struct conversion_options *o,
                   struct err *e);
