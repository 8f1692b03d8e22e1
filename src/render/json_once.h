/* SPDX-License-Identifier: Apache-2.0 */
/* An object in which a key comes twice, written anew with each key once: the last value at the first place,
 * in nested objects too. Inside render/. */
#pragma once

#include "render/columns.h"

struct json_once;

struct json_once *json_once_new(struct columns *columns);
void json_once_free(struct json_once *w);

/*
 * `text` is an object that json_row.c has read to its end just now: it is valid, and the steps of its keys
 * are there. It is written to `to` without white space; the length, which is never more than that of the
 * text. `scratch` has room for any of its keys.
 */
size_t json_once_write(struct json_once *w, const char *text, const char *end, char *to, char *scratch);
