/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: names under which jobs are gathered. */
#pragma once

#include "core/core.h"

int batch_create(struct session *s, const char *name, const char *description, struct batch **ret,
                 struct err *e);
int batch_get(struct session *s, const char *id, struct batch **ret, struct err *e);
/* The same with no count of its jobs: for who asks often. */
int batch_find(struct session *s, const char *id, struct batch **ret, struct err *e);
/* How many the project has, and how many of them are done: they have jobs, and none is queued or running. */
int batch_totals(struct session *s, int64_t *ret_all, int64_t *ret_done, struct err *e);
int batch_list(struct session *s, bool oldest_first, const struct page *page, store_batch_fn *each, void *ctx,
               struct err *e);
/* The same of those with some labels; how many there are, up to STORE_COUNT_LIMIT. */
int batch_select(struct session *s, struct batch_filter *f, const struct page *page, store_batch_fn *each,
                 void *ctx, struct err *e);
int batch_count(struct session *s, struct batch_filter *f, int64_t *ret, struct err *e);
/* The pk of a batch that a request refers to; ERR_BAD_REFERENCE names `where`. */
int batch_refer(struct session *s, const char *id, enum err_place place, const char *where, int64_t *ret,
                struct err *e);
