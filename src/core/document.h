/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small JSON documents that an API keeps for its clients and that mean nothing here: sessions, collections,
 * job templates, nodes. A kind is `api.word`; documents of other projects do not exist for anybody.
 */
#pragma once

#include "core/core.h"

enum { DOCUMENT_LONGEST = 256 << 10 }; /* bytes of its JSON */

/* `name` (unique among its kind, or ERR_TAKEN) and `parent` may be NULL. `body` is JSON text. */
int document_create(struct session *s, const char *kind, const char *name, const char *parent,
                    const char *body, struct document **ret, struct err *e);
/* ERR_NOT_FOUND if there is none. */
int document_get(struct session *s, const char *kind, const char *id, struct document **ret, struct err *e);
int document_by_pk(struct session *s, const char *kind, int64_t pk, struct document **ret, struct err *e);
int document_by_name(struct session *s, const char *kind, const char *name, struct document **ret,
                     struct err *e);
/* Those of the actor's project that a filter lets through, in its direction. */
int document_list(struct session *s, struct document_filter *f, const struct page *page,
                  struct document **ret, struct err *e);
/* How many there are, up to STORE_COUNT_LIMIT. */
int document_count(struct session *s, struct document_filter *f, int64_t *ret, struct err *e);
/* For lists by number, oldest first: what page->before is to be so that the first `count` are left out.
 * parent NULL: of any. */
int document_skip(struct session *s, const char *kind, const char *parent, int64_t count, int64_t *ret_before,
                  struct err *e);
/* Labels a batch or a document, see struct label; ERR_TAKEN: it has one of this kind. */
int document_label(struct session *s, const char *id, const struct label *l, struct err *e);
/* What a filter lets through, as store_document_query gives it. */
int document_query(struct session *s, const char *kind, const struct document *first, const struct filter *f,
                   store_document_fn *each, void *ctx, struct err *e);
int document_change(struct session *s, struct document *d, const char *body, struct err *e);
int document_remove(struct session *s, const struct document *d, struct err *e);
