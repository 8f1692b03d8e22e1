/* SPDX-License-Identifier: Apache-2.0 */
/* Codecs: what is encoded decodes to itself, and what decodes was the one canonical form. */
#include "base/text.h"
#include "fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    const char *s = (const char *)data;
    char *out;
    size_t len;
    int64_t n;
    char digits[24];

    const char *coded = text_base64(&a, s, size);
    FUZZ_ASSERT(text_unbase64(&a, coded, strlen(coded), &out, &len) && len == size && !memcmp(out, s, size));
    coded = text_base64url(&a, s, size);
    FUZZ_ASSERT(text_unbase64url(&a, coded, strlen(coded), &out, &len) && len == size &&
                !memcmp(out, s, size));
    coded = text_percent(&a, s, size);
    FUZZ_ASSERT(text_unpercent(&a, coded, strlen(coded), false, &out, &len) && len == size &&
                !memcmp(out, s, size));
    FUZZ_ASSERT(text_unpercent(&a, coded, strlen(coded), true, &out, &len) && len == size &&
                !memcmp(out, s, size));
    char *hex = arena_alloc(&a, 2 * size + 1);
    char *back = arena_alloc(&a, size + 1);
    text_hex(s, size, hex);
    FUZZ_ASSERT(text_unhex(hex, 2 * size, back) && !memcmp(back, s, size));

    if (text_unbase64(&a, s, size, &out, &len))
        FUZZ_ASSERT(!strncmp(text_base64(&a, out, len), arena_copy(&a, s, size), size + 1));
    if (text_unbase64url(&a, s, size, &out, &len))
        FUZZ_ASSERT(!strncmp(text_base64url(&a, out, len), arena_copy(&a, s, size), size + 1));
    if (text_unpercent(&a, s, size, true, &out, &len))
        FUZZ_ASSERT(len <= size && out[len] == '\0');
    if (text_uint(s, size, &n)) {
        (void)snprintf(digits, sizeof digits, "%lld", (long long)n);
        FUZZ_ASSERT(n >= 0 && strlen(digits) == size && !memcmp(digits, s, size));
    }
    for (size_t i = 0; text_is_utf8(s, size) && i <= size;
         i++) /* cut at a character, both halves are UTF-8 */
        if (i == size || ((unsigned char)s[i] & 0xC0) != 0x80)
            FUZZ_ASSERT(text_is_utf8(s, i) && text_is_utf8(s + i, size - i));
    arena_free(&a);
    return 0;
}
