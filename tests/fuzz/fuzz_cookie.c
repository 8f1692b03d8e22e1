/* SPDX-License-Identifier: Apache-2.0 */
/* The field Cookie, of which the cookie "s" is looked for, held against a split at every semicolon. */
#include "base/arena.h"
#include "fuzz/fuzz.h"
#include "http/cookie.h"

#include <string.h>

/* What stands behind "s=", with blanks around it. */
static int count_named(char *field, const char **ret_last)
{
    int count = 0;
    char *rest = field;
    for (char *pair; (pair = strsep(&rest, ";"));) {
        pair += strspn(pair, " \t");
        if (strncmp(pair, "s=", 2) == 0) {
            *ret_last = pair + 2;
            count++;
        }
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    const char *value = NULL;
    const char *raw = NULL;
    char *field = arena_copy(&a, data, size);
    enum cookie_found found = cookie_find(&a, field, "s", &value);
    int count = count_named(arena_strdup(&a, field), &raw);
    FUZZ_ASSERT((found == COOKIE_NONE) == (count == 0));
    FUZZ_ASSERT(found != COOKIE_ONE || count == 1);
    if (found == COOKIE_ONE) {
        size_t len = strlen(value);
        FUZZ_ASSERT(strncmp(raw, value, len) == 0 && strspn(raw + len, " \t") == strlen(raw + len));
        FUZZ_ASSERT(!strpbrk(value, " \t\",;\\"));
        for (size_t i = 0; i < len; i++)
            FUZZ_ASSERT(value[i] > ' ' && value[i] <= '~');
    }
    arena_free(&a);
    return 0;
}
