/* SPDX-License-Identifier: Apache-2.0 */
/* See amount.h. */
#include "base/amount.h"

const char *amount_bytes(struct arena *a, int64_t n)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = (double)n / 1024;
    int i = 0;
    if (n < 1024)
        return arena_printf(a, "%lld bytes", (long long)n);
    for (; v >= 1024 && i < 4; i++)
        v /= 1024;
    return arena_printf(a, v < 10 ? "%.1f %s" : "%.0f %s", v, units[i]);
}

const char *amount_seconds(struct arena *a, int64_t s)
{
    if (s < 120)
        return arena_printf(a, "%lld s", (long long)s);
    if (s < 7200)
        return arena_printf(a, "%lld min", (long long)(s / 60));
    return arena_printf(a, "%lld h %lld min", (long long)(s / 3600), (long long)(s / 60 % 60));
}
