/* SPDX-License-Identifier: Apache-2.0 */
/* One row of a JSON table: an object becomes cells, by the columns of its members. Inside render/. */
#pragma once

#include "render/reader.h"

struct json_row;

struct json_row *json_row_new(const struct reader_options *o, struct columns *columns);
void json_row_free(struct json_row *r);

/* Before reading from a text of `len` bytes. */
void json_row_reserve(struct json_row *r, size_t len);

/*
 * The position is at the object's brace; behind `end` is the padding of json_token.h. 0: it moves past the
 * object, and `ret` has its cells and json; they are good until json_row_forget, which must follow. 1: the
 * text ends before the object does. Negative: with *what, a fault of the text at the position, for which no
 * error is set; without, an error.
 */
int json_row_read(struct json_row *r, const char **at, const char *end, struct row *ret, const char **what,
                  struct err *e);
void json_row_forget(struct json_row *r);
