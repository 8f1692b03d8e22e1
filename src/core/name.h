/* SPDX-License-Identifier: Apache-2.0 */
/* What names may look like: 1–255 bytes of UTF-8 without control characters and '/', not "." nor "..". */
#pragma once

#include "base/err.h"

int name_check(const char *name, const char *what, struct err *e); /* ERR_BAD_VALUE: "`what` must …" */
/* A text of 0–255 bytes without control characters: types, media types. */
int name_check_text(const char *text, const char *what, struct err *e);
