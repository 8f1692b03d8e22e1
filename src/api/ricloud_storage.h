/* SPDX-License-Identifier: Apache-2.0 */
/* ricloud: what testing a storage config needs of the file that keeps them. */
#pragma once

#include "api/ricloud.h"

struct bucket;

/* The bucket of a config, its secret opened. */
int ricloud_storage_bucket(struct request *rq, const struct document *d, struct bucket *ret, struct err *e);
/* Its state: valid or invalid; in a write transaction. */
int ricloud_storage_mark(struct request *rq, struct document *d, const char *state, struct err *e);
