/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some rows of a table, for a preview: read in a thread of the converters, since conditions may need every
 * row.
 */
#pragma once

#include "core/convert.h"

struct preview;

/* As the options say; the format counts for nothing. ERR_BUSY if there are conversion_limit of them: each
 * holds columns, and then a page, until it is freed. */
int preview_new(struct session *s, const struct result *r, const struct conversion_options *o,
                struct preview **ret, struct err *e);
void preview_free(struct preview *p); /* before preview_start, or after it has woken; NULL is fine */

/* wake(ctx) is called once, from another thread, when it is done. gone(ctx): as in struct making_waiter. */
void preview_start(struct preview *p, void (*wake)(void *ctx), bool (*gone)(void *ctx), void *ctx);

/* After that, or ERR_BAD_VALUE with the parameter: {"columns":[{"name","type"}],"rows":[[…]],"total":…};
 * lives as long as the preview. */
int preview_text(struct preview *p, const char **ret, size_t *ret_len, struct err *e);
