/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares of what there are only so many of, like threads: whoever holds as many as one may have waits in a
 * queue of its own, and others go past it. Holders are numbers, 0 is nobody: what is nobody's is not counted.
 * There are no locks: the caller has one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct shares;

/* Embedded in what wants one. */
struct share_wish {
    struct share_wish *next; /* while it waits: of the shares */
};

/* What one of many may have of `all`: at most half, so that something is left for others wherever there is
 * more than one. */
int shares_half(int all);

struct shares *shares_new(int most); /* that one holder may have at once */
void shares_free(struct shares *s);  /* nobody holds or waits any more; NULL is fine */
/* true: `holder` has one more. False: it will, once the wish is returned by shares_give. */
bool shares_take(struct shares *s, int64_t holder, struct share_wish *w);
/* One is given back: the oldest wish of this holder, which has it now; NULL: none waits. */
struct share_wish *shares_give(struct shares *s, int64_t holder);
/* A wish that waits is withdrawn. */
void shares_forget(struct shares *s, int64_t holder, struct share_wish *w);
