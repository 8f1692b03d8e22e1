/* SPDX-License-Identifier: Apache-2.0 */
/* What a server has to say against a request, in the words of who typed a command: flags for members. */
#pragma once

#include "base/arena.h"
#include "cli/args.h"

/*
 * A sentence of `detail`. `where`: the JSON pointer or the parameter that it is about, or ""; `sent`: the
 * text that was sent there, or "". `command`: what was typed, or NULL.
 */
const char *problem_in_words(struct arena *a, const struct command *command, const char *where,
                             const char *sent, const char *detail);
