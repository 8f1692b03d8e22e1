/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request target: path and query taken apart (RFC 3986), and the route that a path leads to. No threads,
 * no I/O: fuzzed as it is.
 */
#pragma once

#include "http/request.h"

enum { TARGET_LONGEST = 8192, TARGET_PAIRS = 100 };

/* Splits and decodes the query. ERR_BAD_REQUEST: a broken escape, NUL, invalid UTF-8, too many parameters. */
int target_parse_query(struct arena *a, const char *raw, struct query_pair **ret, struct err *e);

/*
 * Finds the API that owns the path (mount_find) and its route, and fills rq->api, mount, route, places; the
 * first two always. ERR_NOT_FOUND, ERR_METHOD with rq->allow, ERR_BAD_REQUEST.
 */
int target_find(struct request *rq, const struct api_mount *mounts, struct err *e);

/* The methods that some route of rq->api takes at this path, for Allow: "GET, HEAD, POST". NULL: none. */
const char *target_methods(struct request *rq);
