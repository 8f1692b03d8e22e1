/* SPDX-License-Identifier: Apache-2.0 */
/* Times: whatever is read can be written and read back as the same moment. */
#include "base/arena.h"
#include "base/clock.h"
#include "fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    const char *text = arena_copy(&a, data, size);
    char rfc3339[CLOCK_RFC3339_SIZE];
    char http[CLOCK_HTTP_SIZE];
    int64_t t;
    int64_t back;
    bool is_http = clock_parse_http(text, &t);
    if (is_http || clock_parse_rfc3339(text, &t)) {
        FUZZ_ASSERT(!is_http || t % CLOCK_SECOND == 0);
        if (t >= 0 && t < INT64_C(253402300800000000)) { /* 1970 to 9999 */
            clock_rfc3339(t, rfc3339);
            FUZZ_ASSERT(strlen(rfc3339) == CLOCK_RFC3339_SIZE - 1);
            FUZZ_ASSERT(clock_parse_rfc3339(rfc3339, &back) && back == t);
            clock_http(t, http);
            FUZZ_ASSERT(strlen(http) == CLOCK_HTTP_SIZE - 1);
            FUZZ_ASSERT(clock_parse_http(http, &back) && back == t - t % CLOCK_SECOND);
        }
    }
    arena_free(&a);
    return 0;
}
