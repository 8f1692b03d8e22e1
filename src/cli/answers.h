/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer must have, so that the rest of the client may take it for granted. */
#pragma once

#include "base/json.h"
#include "cli/failure.h"

/*
 * Whether the answer to a request of this path below /api/v1, of an object or of a page of them, has the
 * members that commands go by. FAILURE_DAMAGED names the one that it lacks: it is not our server's, or
 * another version's.
 */
int answers_check(const char *path, const struct json *answer, struct failure *f);
/* The same of one that has no content. */
int answers_check_empty(const char *path, int status, struct failure *f);
