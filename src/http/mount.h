/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several APIs on one port: whose a path is, and whether their tables get along. No threads, no I/O.
 *
 * A list of mounts ends with one whose `api` is NULL and has at least one before that.
 */
#pragma once

#include "http/request.h"

/*
 * The mount whose API answers for a path: the one with the longest prefix, counted in whole segments. Where a
 * prefix of one API is as long as the place where another is mounted, the prefix wins; of others that are as
 * long as each other, the first. What nobody owns is the last one's.
 */
const struct api_mount *mount_find(const struct api_mount *mounts, const char *path);

/* What of a path an API's own patterns are compared with: the rest behind `at`. NULL: it does not begin so.
 */
const char *mount_inside(const char *at, const char *path);

/* Of a segment of a pattern: whether it is {} or {#}, and whether such a place takes this text. */
bool mount_is_place(const char *segment, size_t len);
bool mount_place_takes(const char *place, const char *text, size_t len);

/* Whether an address may have one / more at its end than the pattern of this route. */
static inline bool mount_takes_slash(const struct api *api, const struct route *r)
{
    return api->trailing_slash && !r->exact;
}

/*
 * ERR_BAD_VALUE: two routes of different APIs can match the same request, or a route cannot be reached since
 * all its addresses are another API's.
 */
int mount_check(const struct api_mount *mounts, struct err *e);
