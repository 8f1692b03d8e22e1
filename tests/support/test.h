/* SPDX-License-Identifier: Apache-2.0 */
/* What every C test includes: cmocka with the headers that it needs, and `must` for calls that may not fail.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

/* The value of a call that returns a negative code on failure and describes it in `error`. */
#define must(call, error)     test_must((call), (error), #call, __FILE__, __LINE__)
#define must_fail(call, code) test_must_fail((call), (code), #call, __FILE__, __LINE__)

static inline int test_must(int rc, const struct err *e, const char *call, const char *file, int line)
{
    if (rc < 0) {
        print_error("%s failed: %d, %s (%s)\n", call, rc, e->detail, e->log);
        _fail(file, line);
    }
    return rc;
}

static inline void test_must_fail(int rc, int code, const char *call, const char *file, int line)
{
    if (rc != code) {
        print_error("%s returned %d, not %d (%s)\n", call, rc, code, err_public(code));
        _fail(file, line);
    }
}
