/* SPDX-License-Identifier: Apache-2.0 */
/* See cookie.h. */
#include "http/cookie.h"

#include <stdbool.h>
#include <string.h>

static const char blanks[] = " \t";

/* RFC 6265: neither control characters nor blanks, quotes, commas, semicolons and backslashes. So what a
 * second line has brought in makes the value unclear. */
static bool is_value(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] > '~' || strchr("\",;\\", s[i]))
            return false;
    return true;
}

static size_t without_blanks(const char *s, size_t len)
{
    while (len > 0 && strchr(blanks, s[len - 1]))
        len--;
    return len;
}

enum cookie_found cookie_find(struct arena *a, const char *field, const char *name, const char **ret)
{
    enum cookie_found found = COOKIE_NONE;
    size_t name_len = strlen(name);
    for (const char *p = field ? field : ""; *p; p += *p == ';') {
        p += strspn(p, blanks);
        size_t len = strcspn(p, ";");
        if (len > name_len && p[name_len] == '=' && memcmp(p, name, name_len) == 0) {
            size_t value_len = without_blanks(p + name_len + 1, len - name_len - 1);
            if (found != COOKIE_NONE || !is_value(p + name_len + 1, value_len))
                return COOKIE_UNCLEAR;
            found = COOKIE_ONE;
            *ret = arena_copy(a, p + name_len + 1, value_len);
        }
        p += len;
    }
    return found;
}
