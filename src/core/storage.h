/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storages: buckets of a project's own, with the keys that open them, into which results are published. What
 * lies there is its owner's: nothing of resultd ever removes a result's bytes there. Rows only; the way there
 * is core/buckets.h.
 */
#pragma once

#include "core/core.h"

/* What secrets of storages are sealed for. It is called so because that API had them first. */
#define STORAGE_PURPOSE "ricloud.storage"

/* The name of the server's own, which no other may have. */
#define STORAGE_OWN "default"

/* ERR_NOT_FOUND if there is none. */
int storage_get(struct session *s, const char *id, struct storage **ret, struct err *e);
int storage_list(struct session *s, struct storage_filter *f, const struct page *page, struct storage **ret,
                 struct err *e);
int storage_count(struct session *s, int64_t *ret, struct err *e);

/*
 * Fills in what a new one has: name, url, endpoint, region, path_style, redirects, link_lifetime and
 * access_key_id are the caller's, and `secret` the secret access key. Errors name the member that is wrong,
 * as /url; ERR_TAKEN: the name.
 */
int storage_create(struct session *s, struct storage *st, const char *secret, struct err *e);
/*
 * From what it was to what it is to be; `secret` NULL: as before. Another endpoint needs it, so that who only
 * administers cannot have it sent to a place of his own; another url is ERR_WRONG_STATE while results lie
 * there.
 */
int storage_change(struct session *s, const struct storage *before, struct storage *st, const char *secret,
                   struct err *e);
int storage_make_default(struct session *s, const struct storage *st, bool wanted, struct err *e);
int storage_remove(struct session *s, const struct storage *st, struct err *e); /* ERR_WRONG_STATE: in use */
/* How a test of it went, as it was then. */
int storage_mark(struct session *s, const struct storage *st, bool valid, struct err *e);

/*
 * Where something is to be published: what `name` says (NULL: nothing), else the job `j` (NULL: none), else
 * the project. *ret is NULL for the server's own. ERR_BAD_REFERENCE: there is none of this name.
 */
int storage_choose(struct session *s, const char *name, const struct job *j, const struct storage **ret,
                   struct err *e);
/* The one that a member of a body names, for a job. */
int storage_refer(struct session *s, const char *name, const char *pointer, int64_t *ret, struct err *e);
/* Of a row that refers to it. */
int storage_of(struct session *s, int64_t pk, const struct storage **ret, struct err *e);

/* As s3.h wants it. */
const char *storage_address(struct arena *a, const struct storage *st);
/* s3://BUCKET/KEY of a result that lies in one. */
const char *storage_url_of(struct arena *a, const struct result *r);
/* The key of an object: PREFIX, the result's id, and a name like the result's that is safe everywhere. */
const char *storage_key(struct arena *a, const char *prefix, const char *id, const char *name);
