/* SPDX-License-Identifier: Apache-2.0 */
/* See name.h. */
#include "core/name.h"

#include "base/text.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_LEN = 255 };

/* C0, DEL and, as UTF-8, C1 (U+0080 – U+009F): none of them belongs into a header or on a terminal. */
static bool has_control(const char *s)
{
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        if (*p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F))
            return true;
    return false;
}

int name_check_text(const char *text, const char *what, struct err *e)
{
    size_t len = strlen(text);
    if (len > MAX_LEN || !text_is_utf8(text, len) || has_control(text))
        return err_set(e, ERR_BAD_VALUE, "%s must be at most %d bytes of UTF-8 without control characters",
                       what, MAX_LEN);
    return 0;
}

int name_check(const char *name, const char *what, struct err *e)
{
    if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        name_check_text(name, what, e) < 0)
        return err_set(
            e, ERR_BAD_VALUE,
            "%s must be 1 to %d bytes of UTF-8 without control characters and '/', and not \".\" or "
            "\"..\"",
            what, MAX_LEN);
    return 0;
}
