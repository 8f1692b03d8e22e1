/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of other origins in browsers (the Fetch standard's CORS protocol): who may, and what they are told.
 * Keys are sent by the page's own code, so no answer allows credentials. No threads, no I/O.
 */
#pragma once

#include "http/request.h"

/*
 * What Access-Control-Allow-Origin says to this origin: "*", the origin, or NULL: it may not. `list` is "*"
 * or origins with commas between them; an empty one allows nobody.
 */
const char *cors_allow(const char *list, const char *origin);

extern const char cors_exposed[]; /* the value of Access-Control-Expose-Headers */

/* Answers a preflight to an address that takes `methods`. */
void cors_answer_preflight(struct request *rq, const char *methods);
