/* SPDX-License-Identifier: Apache-2.0 */
/* The formats that tables can be had in: their words in APIs, their media types and extensions. */
#pragma once

#include "render/writer.h"

struct format_words {
    const char *name; /* in APIs and the database */
    const char *media_type;
    const char *extension; /* with its dot */
};

extern const struct format_words format_words[FORMAT_END];

int format_of_name(const char *name); /* or -1 */
