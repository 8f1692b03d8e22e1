/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of requests by route and status, with latencies, in Prometheus' text form. Any thread; lock-free. */
#pragma once

#include "base/buf.h"
#include "http/request.h"

struct metrics;

struct metrics *metrics_new(const struct api_mount *mounts); /* a list like server_new's */
void metrics_free(struct metrics *m);

/* `route` NULL: no route was found. */
void metrics_count(struct metrics *m, const struct route *route, int status, int64_t microseconds,
                   int64_t bytes_out);
void metrics_bytes_in(struct metrics *m, int64_t bytes);
void metrics_bytes_left(struct metrics *m, int64_t bytes); /* to a proxy */
void metrics_connection(struct metrics *m, int change);

void metrics_print(struct metrics *m, struct buf *out);
/* One metric of the program's own, in the same form. `labels` is NULL or like `state="x"`. */
void metrics_print_one(struct buf *out, const char *name, const char *type, const char *help,
                       const char *labels, long long value);
