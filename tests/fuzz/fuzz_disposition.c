/* SPDX-License-Identifier: Apache-2.0 */
/* File names in Content-Disposition: no name breaks out of its quotes, and one of the forms gives it back. */
#include "base/arena.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "http/fields.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char before[] = "attachment; filename=\"";
    static const char between[] = "\"; filename*=UTF-8''";
    struct arena a = {0};
    char *name = arena_copy(&a, data, size);
    char *back;
    size_t len;
    if (text_is_utf8(name, strlen(name))) {
        const char *field = fields_disposition(&a, name);
        FUZZ_ASSERT(strncmp(field, before, sizeof before - 1) == 0);
        const char *close = strchr(field + sizeof before - 1, '"');
        FUZZ_ASSERT(close);
        for (const char *p = field; *p; p++)
            FUZZ_ASSERT(*p >= 0x20 && *p < 0x7F);
        if (close[1]) {
            const char *full = close + sizeof between - 1;
            FUZZ_ASSERT(strncmp(close, between, sizeof between - 1) == 0);
            FUZZ_ASSERT(text_unpercent(&a, full, strlen(full), false, &back, &len) &&
                        strcmp(back, name) == 0);
            FUZZ_ASSERT(!strpbrk(full, "\"; \\"));
        } else {
            FUZZ_ASSERT(strncmp(field + sizeof before - 1, name, strlen(name)) == 0);
            FUZZ_ASSERT(field + sizeof before - 1 + strlen(name) == close);
        }
    }
    arena_free(&a);
    return 0;
}
