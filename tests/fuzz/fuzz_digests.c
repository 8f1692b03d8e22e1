/* SPDX-License-Identifier: Apache-2.0 */
/* Announced digests: the first line as Content-MD5, the second as Repr-Digest. */
#include "base/arena.h"
#include "fuzz/fuzz.h"
#include "http/fields.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct wanted_digests w = {0};
    struct err e;
    char *text = arena_copy(&a, data, size);
    char *second = strchr(text, '\n');
    if (second)
        *second++ = '\0';
    int rc = *text ? fields_parse_content_md5(&a, text, &w, &e) : 0;
    if (rc == 0 && second)
        rc = fields_parse_digest(&a, "Repr-Digest", second, &w, &e);
    FUZZ_ASSERT(rc == 0 || rc == ERR_BAD_VALUE);
    FUZZ_ASSERT(!w.md5 || (strlen(w.md5) == 32 && strspn(w.md5, "0123456789abcdef") == 32));
    FUZZ_ASSERT(!w.sha256 || (strlen(w.sha256) == 64 && fields_repr_digest(&a, w.sha256)));
    arena_free(&a);
    return 0;
}
