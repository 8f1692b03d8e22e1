/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as data: what is taken for one is written in one way only, and leads where it says. */
#include "base/arena.h"
#include "fuzz/fuzz.h"
#include "http/address.h"

#include <string.h>

static void check(struct arena *a, const char *text)
{
    struct address_place p;
    struct address_place again;
    const char *rest;
    const char *end;
    if (!address_parse(text, &p, &rest))
        return;
    const char *place = strstr(text, "://") + 3;
    FUZZ_ASSERT(p.host == place && p.len > 0 && p.host + p.len <= rest);
    FUZZ_ASSERT(rest == place + strcspn(place, "/"));
    FUZZ_ASSERT(p.port > 0 && p.port < 65536);
    FUZZ_ASSERT(strcspn(place, "@\\?#% ") >= (size_t)(rest - place));
    FUZZ_ASSERT(address_same(&p, &p));
    const char *plain = arena_printf(a, "http://%.*s:%lld%s", (int)p.len, p.host, (long long)p.port, rest);
    FUZZ_ASSERT(address_parse(plain, &again, &end));
    FUZZ_ASSERT(address_same(&p, &again) && strcmp(rest, end) == 0);
    FUZZ_ASSERT(address_parse_place(place, (size_t)(rest - place), &again) && address_same(&again, &p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    check(&a, arena_copy(&a, data, size));
    arena_free(&a);
    return 0;
}
