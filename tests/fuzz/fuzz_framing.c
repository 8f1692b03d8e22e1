/* SPDX-License-Identifier: Apache-2.0 */
/* How long a body is: the first line as Content-Length, the second as Transfer-Encoding; an empty one is
 * absent, one blank is empty. */
#include "base/arena.h"
#include "fuzz/fuzz.h"
#include "http/fields.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct err e;
    int64_t body = 0;
    char *lengths = arena_copy(&a, data, size);
    char *codings = strchr(lengths, '\n');
    if (codings)
        *codings++ = '\0';
    bool has_codings = codings && *codings;
    int rc = fields_parse_framing(*lengths ? lengths : NULL, has_codings ? codings : NULL, false, &body, &e);
    FUZZ_ASSERT(rc == 0 || rc == ERR_BAD_REQUEST || rc == ERR_NOT_IMPLEMENTED);
    FUZZ_ASSERT(rc != 0 || (has_codings ? body == -1 : body >= 0));
    FUZZ_ASSERT(rc != 0 || !has_codings || !*lengths);
    FUZZ_ASSERT(fields_parse_framing(NULL, has_codings ? codings : NULL, true, &body, &e) ==
                (has_codings ? ERR_BAD_REQUEST : 0));
    arena_free(&a);
    return 0;
}
