/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges and conditions. Lines: size, Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since,
 * If-Range, Cache-Control. */
#include "base/arena.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "http/fields.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct byte_range r[FIELDS_MAX_RANGES];
    const char *lines[8] = {NULL};
    char *text = arena_copy(&a, data, size);
    int64_t whole = 0;
    int n = 0;
    for (int i = 0; i < 8 && text; i++) {
        char *end = strchr(text, '\n');
        if (end)
            *end++ = '\0';
        lines[i] = *text ? text : NULL;
        text = end;
    }
    if (lines[0] && text_uint(lines[0], strlen(lines[0]), &whole))
        whole &= (INT64_C(1) << 56) - 1; /* 32 times that still fits; see the unit test for what does not */
    if (fields_parse_range(lines[1], whole, r, &n) == RANGE_PARTS) {
        int64_t total = 0;
        FUZZ_ASSERT(n >= 1 && n <= FIELDS_MAX_RANGES);
        for (int i = 0; i < n; i++) {
            FUZZ_ASSERT(r[i].first >= 0 && r[i].first <= r[i].last && r[i].last < whole);
            total += r[i].last - r[i].first + 1;
        }
        FUZZ_ASSERT(total <= whole);
    }
    struct conditions c = {lines[2], lines[3], lines[4], lines[5], lines[6]};
    bool range;
    enum condition_outcome o = fields_check_conditions(&c, "\"tag\"", INT64_C(1767323045000006), &range);
    if (lines[3] && strcmp(lines[3], "*") == 0)
        FUZZ_ASSERT(o != CONDITION_PROCEED);
    for (int i = 2; i <= 3; i++)
        if (lines[i] && fields_match_etag(lines[i], "\"tag\"", false))
            FUZZ_ASSERT(fields_match_etag(lines[i], "\"tag\"", true));
    FUZZ_ASSERT(fields_max_stale(lines[7]) >= -1);
    arena_free(&a);
    return 0;
}
