/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing files of which only the descriptor is known. `what` is a word for it, for the log. */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* ERR_STORAGE_FULL or ERR_STORAGE by errno; `doing` as in "cannot write". */
int descriptor_fail(const char *doing, const char *what, struct err *e);
#if defined(__clang_analyzer__) && !defined(DESCRIPTOR_IMPLEMENTATION) /* as in base/err.h */
#define descriptor_fail(doing, what, e) ((void)descriptor_fail(doing, what, e), ERR_STORAGE)
#endif
int descriptor_read(int fd, int64_t offset, void *to, size_t len, const char *what,
                    struct err *e); /* all of len */
int descriptor_write(int fd, int64_t offset, const void *bytes, size_t len, const char *what,
                     struct err *e); /* all of len */
