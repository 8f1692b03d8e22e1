/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results and their life: available → consumed (ack) → expired, or available → expired. A result is expired
 * from due_at on, to every reader at once; the sweeper records it and removes the bytes. While kept, nothing
 * touches it. Soft-deleted ones can be restored until the sweeper purges them.
 */
#pragma once

#include "core/core.h"

enum result_state result_state_now(const struct result *r, int64_t now);

int result_get(struct session *s, const char *id, struct result **ret, struct err *e); /* in whatever state */
int result_by_pk(struct session *s, int64_t pk, struct result **ret, struct err *e);   /* the same */
/* Of a job of this project; soft-deleted ones too. */
int result_by_name(struct session *s, const struct job *j, const char *name, const char *type,
                   struct result **ret, struct err *e);
int result_list(struct session *s, struct result_filter *f, const struct page *page, struct result **ret,
                struct err *e);

/* What will expire next, soonest first; neither kept nor soft-deleted ones. */
int result_expiring(struct session *s, int64_t limit, struct result **ret, struct err *e);

/* What a filter lets through, as store_result_query gives it: expired ones, too. */
int result_query(struct session *s, const struct filter *f, store_result_fn *each, void *ctx, struct err *e);

/* How many such a list has in all: exact and at once of a job or the whole project, in one state; with other
 * filters counted, up to STORE_COUNT_LIMIT. */
int result_count(struct session *s, struct result_filter *f, int64_t *ret, struct err *e);

/* Fails with ERR_DELETED or ERR_EXPIRED, saying when and what to do. */
int result_require_live(const struct session *s, const struct result *r, struct err *e);

struct result_ack {
    const char *sha256; /* hex, or NULL */
    int64_t size;       /* or -1 */
};
int result_acknowledge(struct session *s, const char *id, const struct result_ack *a, struct result **ret,
                       struct err *e);

int result_keep(struct session *s, const char *id, bool keep, struct result **ret, struct err *e);
int result_delete(struct session *s, const char *id, struct err *e);
int result_restore(struct session *s, const char *id, struct result **ret, struct err *e);
int result_purge(struct session *s, const char *id, struct err *e); /* row and bytes */

/* For the sweeper: what it found, without asking who may. */
int result_expire(struct session *s, struct result *r, struct err *e);
int result_remove(struct session *s, struct result *r, struct err *e);
