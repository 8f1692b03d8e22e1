/* SPDX-License-Identifier: Apache-2.0 */
/* See name.h. */
#include "core/name.h"

#include "base/text.h"

#include <string.h>

enum { MAX_LEN = 255 };

int name_check_text(const char *text, const char *what, struct err *e)
{
    size_t len = strlen(text);
    if (len > MAX_LEN || !text_is_utf8(text, len) || text_has_control(text))
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
