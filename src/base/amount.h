/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts as people read them; any thread, in the arena. */
#pragma once

#include "base/arena.h"

#include <stdint.h>

const char *amount_bytes(struct arena *a, int64_t n);   /* "12 bytes", "1.4 GiB", "23 MiB" */
const char *amount_seconds(struct arena *a, int64_t s); /* "12 s", "3 min", "2 h 5 min" */
