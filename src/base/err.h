/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a negative code from err.def, and a caller-owned sentence.
 *
 * Functions that can fail return 0 or a negative code and take `struct err *e` last. `e` is written only on
 * failure and is never NULL. Two texts live in it: `detail` is for the client and never holds SQL, a stack or
 * a path of the server; `log` is for the operator, logged once at the boundary, and may hold them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum err_index {
#define ERR(name, status, retry, code) ERR_INDEX_##name,
#include "base/err.def"
#undef ERR
    ERR_INDEX_END
};

enum err_code {
#define ERR(name, status, retry, code) ERR_##name = -1 - ERR_INDEX_##name,
#include "base/err.def"
#undef ERR
};

/* What the part named in `where` is: RFC 9457's `pointer` into the body, a query parameter or a header. */
enum err_place { ERR_NOWHERE, ERR_POINTER, ERR_PARAMETER, ERR_HEADER };

struct err {
    int code;
    enum err_place place;
    char where[96];
    char detail[320];
    char log[320];
    int64_t at; /* microseconds since 1970: when what is gone went; 0: does not apply */
};

/* Each of these fills `e` and returns `code`, so that a caller can write `return err_set(e, …)`. */
int err_set(struct err *e, int code, const char *detail, ...) __attribute__((format(printf, 3, 4)));
int err_at(struct err *e, int code, enum err_place place, const char *where, const char *detail, ...)
    __attribute__((format(printf, 5, 6)));

/* Sets the operator's text of an error, and `fallback` as the client's. */
int err_operator(struct err *e, int code, const char *fallback, const char *log, ...)
    __attribute__((format(printf, 4, 5)));

/* Says afterwards which part of the request an error is about. */
void err_locate(struct err *e, enum err_place place, const char *where);

/* Writes `where` anew with `prefix` before it: a nested parser reports "/code", its caller makes it
 * "/error/code". What is too long then points at
 * what it is in. `prefix` begins with a slash. */
void err_prefix(struct err *e, const char *prefix);

int err_status(int code);         /* the HTTP status that stands for it */
bool err_retryable(int code);     /* whether the same request may succeed later */
const char *err_public(int code); /* the code that clients see */

/* Static analysis does not see through functions of variable arguments: tell it that they return their code.
 */
#if (defined(__clang_analyzer__) || defined(__CPPCHECK__)) && !defined(ERR_IMPLEMENTATION)
#define err_set(e, code, ...)       ((void)err_set(e, code, __VA_ARGS__), (code))
#define err_at(e, code, place, ...) ((void)err_at(e, code, place, __VA_ARGS__), (code))
#define err_operator(e, code, ...)  ((void)err_operator(e, code, __VA_ARGS__), (code))
#endif
