/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small codecs for text: UTF-8 checks, hexadecimal, base64 and base64url, percent-encoding, whole numbers.
 * No allocation unless an arena is given; any thread. Decoders accept only the canonical form.
 */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

bool text_is_utf8(const char *s, size_t len);       /* RFC 3629: no surrogates, nothing overlong */
size_t text_utf8_prefix(const char *s, size_t len); /* the bytes before the first that is not UTF-8 */
/* The length (1 to 4) of the well-formed sequence that s begins with, of which there are `left` > 0 bytes; 0:
 * none. */
size_t text_utf8_sequence(const char *s, size_t left);
/* Whether s is the beginning of a well-formed sequence that needs more than `left` > 0 bytes. */
bool text_utf8_is_cut(const char *s, size_t left);
/* C0, DEL and, as UTF-8, C1 (U+0080 – U+009F): none of them belongs into a header or on a terminal. */
bool text_has_control(const char *s);

void text_hex(const void *bytes, size_t len, char *ret);     /* 2·len lower-case digits and a NUL */
bool text_unhex(const char *hex, size_t hex_len, void *ret); /* hex_len/2 bytes */

/* RFC 4648 sections 4 and 5. The url form has no padding. */
char *text_base64(struct arena *a, const void *bytes, size_t len);
char *text_base64url(struct arena *a, const void *bytes, size_t len);
/* false: a foreign character, wrong padding or stray bits. *ret has *ret_len bytes and a NUL after them. */
bool text_unbase64(struct arena *a, const char *s, size_t len, char **ret, size_t *ret_len);
bool text_unbase64url(struct arena *a, const char *s, size_t len, char **ret, size_t *ret_len);

/* RFC 3986: all but unreserved characters become %XX. */
char *text_percent(struct arena *a, const char *s, size_t len);
/* false: a broken escape. `plus` also turns + into a space, as in queries. The result may hold NULs. */
bool text_unpercent(struct arena *a, const char *s, size_t len, bool plus, char **ret, size_t *ret_len);

/* A decimal number without sign, blank or leading zero that fits; false otherwise and *ret untouched. */
bool text_uint(const char *s, size_t len, int64_t *ret);

bool text_is_choice(const char *const *words, int count, const char *value); /* one of them */
/* "red, green or blue", as far as it fits. */
void text_choice(const char *const *words, int count, char *to, size_t size);

/* Copies at most size-1 bytes and a NUL. */
void text_copy(char *to, size_t size, const char *from);
