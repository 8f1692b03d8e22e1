/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking whether a table can be had as it is asked for, without making anything: for who wants to know no
 * more. Looking up columns takes long of a very wide table, so it is done in a thread of the converters'.
 */
#pragma once

#include "core/convert.h"

struct look;

/* ERR_BUSY: too many are under way. `r` is live. */
int look_new(struct session *s, const struct result *r, const struct conversion_options *o, struct look **ret,
             struct err *e);
void look_free(struct look *l); /* NULL is fine; not between look_start and its wake */

/* wake(ctx) is called once, from another thread. */
void look_start(struct look *l, void (*wake)(void *ctx), void *ctx);

/* After the wake: 0, or what making it would fail with, as far as the columns tell: ERR_BAD_VALUE,
 * ERR_NOT_ACCEPTABLE. */
int look_outcome(const struct look *l, struct err *e);
