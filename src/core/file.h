/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of files that are there after a crash. */
#pragma once

#include "base/err.h"

/* ERR_STORAGE or ERR_STORAGE_FULL with what was being done, the path and errno's text. */
int file_fail(const char *doing, const char *path, struct err *e);
int file_sync(const char *path, struct err *e); /* a folder, too */
/* Makes `to`, readable by its owner alone, which must not be there. */
int file_copy(const char *from, const char *to, struct err *e);
