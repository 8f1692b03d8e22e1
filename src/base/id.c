/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers; see id.h. UUIDv7 here: 48 bits of milliseconds, 12 bits of sub-millisecond fraction (RFC 9562
 * method 3, so that ids of one thread sort as they were made), 62 bits of randomness.
 */
#include "base/id.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void id_random(void *bytes, size_t len)
{
    unsigned char *p = bytes;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0)
            abort();
        p += n;
        len -= (size_t)n;
    }
}

/* One system call for many ids instead of one each. A forked child never makes ids, so the pool is not
 * shared.
 */
static void pooled_random(void *bytes, size_t len)
{
    static _Thread_local unsigned char pool[2048];
    static _Thread_local size_t left;
    if (left < len) {
        id_random(pool, sizeof pool);
        left = sizeof pool;
    }
    left -= len;
    memcpy(bytes, pool + left, len);
}

void id_new(char *ret)
{
    unsigned char b[16];
    char hex[33];
    int64_t now = clock_now();
    uint64_t ms = (uint64_t)(now / 1000);
    unsigned fraction = (unsigned)(now % 1000 * 4096 / 1000);
    for (unsigned i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | fraction >> 8);
    b[7] = (unsigned char)fraction;
    pooled_random(b + 8, 8);
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3F));
    text_hex(b, sizeof b, hex);
    for (int from = 0, to = 0; from < 32; from++) {
        if (from == 8 || from == 12 || from == 16 || from == 20)
            ret[to++] = '-';
        ret[to++] = hex[from];
    }
    ret[ID_LEN] = '\0';
}

bool id_valid(const char *s)
{
    for (int i = 0; i < ID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool digit = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');
        if (dash ? s[i] != '-' : !digit)
            return false;
    }
    return s[ID_LEN] == '\0';
}

void id_token(char *ret, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < len;) {
        unsigned char r;
        pooled_random(&r, 1);
        if (r < 248) /* 4 · 62: the rest would favour the first letters */
            ret[i++] = alphabet[r % 62];
    }
    ret[len] = '\0';
}
