/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often results were downloaded. Downloads are counted in memory, since a row that is written for each
 * GET would cost more than the GET, and written every downloads_interval by tasks of the writer, which are
 * small so that no request waits for long. What a process that is killed had not written is lost; one that
 * ends writes it.
 */
#pragma once

#include "core/core.h"
#include "core/writer.h"

struct downloads;

struct downloads *downloads_new(struct core *core, struct writer *w);
void downloads_free(struct downloads *d); /* writes what is left; before the writer ends; NULL is fine */

/* `bytes` of a result were sent; `whole`: the last one was among them. Any thread, never waits. */
void downloads_count(struct downloads *d, int64_t project, int64_t result, int64_t bytes, bool whole);

void downloads_tick(struct downloads *d); /* each second */
