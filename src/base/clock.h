/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time. Inside it is microseconds since 1970 UTC in an int64_t; 0 stands for "never" or "not yet".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000)

enum { CLOCK_RFC3339_SIZE = 28, CLOCK_HTTP_SIZE = 30 };

int64_t clock_now(void);       /* wall clock */
int64_t clock_monotonic(void); /* for durations and deadlines */
int64_t clock_boot(void);      /* the same, which also counts while the machine is suspended */

/* 2026-01-02T03:04:05.000006Z (RFC 3339, always six digits). `ret` has CLOCK_RFC3339_SIZE bytes. */
void clock_rfc3339(int64_t t, char *ret);
/* The same form read back, with any number of fraction digits or none, and Z or an offset. */
bool clock_parse_rfc3339(const char *s, int64_t *ret);

/* Fri, 02 Jan 2026 03:04:05 GMT (RFC 9110 section 5.6.7). `ret` has CLOCK_HTTP_SIZE bytes. */
void clock_http(int64_t t, char *ret);
bool clock_parse_http(const char *s, int64_t *ret); /* that form only, not the two obsolete ones */
