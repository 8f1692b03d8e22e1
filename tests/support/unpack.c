/* SPDX-License-Identifier: Apache-2.0 */
/* See unpack.h. Only what the writers here make: no comments, no entries of 4 GiB, ZIP64 for offsets alone.
 */
#include "support/unpack.h"

#define ZLIB_CONST
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { END = 22, CENTRAL = 46, LOCAL = 30, DESCRIPTOR = 16, EXTRA_64 = 12 };

/* What the central directory says of an entry. */
struct found {
    unsigned version, flags, method, name_len;
    uint64_t crc, packed, size, at;
    const unsigned char *shared; /* what the local header repeats, from the version on */
};

static uint64_t number(const unsigned char *p, int size)
{
    uint64_t v = 0;
    while (size--)
        v = v << 8 | p[size];
    return v;
}

static const unsigned char *find_end(const unsigned char *zip, size_t len)
{
    const unsigned char *p = zip + len - END;
    return len >= END && number(p, 4) == 0x06054b50 ? p : NULL;
}

int unpack_count(const void *zip, size_t len)
{
    const unsigned char *end = find_end(zip, len);
    return end ? (int)number(end + 10, 2) : -1;
}

/* Where the directory begins: said by the record of ZIP64 where that stands before the other one. */
static bool find_directory(const unsigned char *zip, size_t len, uint64_t offset, uint64_t *ret)
{
    const unsigned char *end = find_end(zip, len);
    if (!end)
        return false;
    uint64_t at = number(end + 16, 4);
    uint64_t size = number(end + 12, 4);
    const unsigned char *behind = end;
    if (at == UINT32_MAX) {
        const unsigned char *locator = end - 20;
        const unsigned char *record = locator - 56;
        if (len < END + 76 || number(locator, 4) != 0x07064b50 || number(record, 4) != 0x06064b50 ||
            number(locator + 8, 8) != offset + (uint64_t)(record - zip) || number(record + 4, 8) != 44 ||
            number(record + 32, 8) != number(end + 10, 2))
            return false;
        at = number(record + 48, 8);
        size = number(record + 40, 8);
        behind = record;
    }
    *ret = at - offset;
    return *ret < len && size == (uint64_t)(behind - zip) - *ret;
}

static struct found read_central(const unsigned char *p)
{
    struct found f = {
        .version = (unsigned)number(p + 6, 2),
        .flags = (unsigned)number(p + 8, 2),
        .method = (unsigned)number(p + 10, 2),
        .name_len = (unsigned)number(p + 28, 2),
        .crc = number(p + 16, 4),
        .packed = number(p + 20, 4),
        .size = number(p + 24, 4),
        .at = number(p + 42, 4),
        .shared = p + 6,
    };
    if (f.at == UINT32_MAX)
        f.at = number(p + CENTRAL + f.name_len + 4, 8);
    return f;
}

static bool is_local_right(const unsigned char *local, const struct found *f, const char *name)
{
    size_t shared = f->flags & 8 ? 8 : 22; /* up to the CRC, or the sizes with it */
    return number(local, 4) == 0x04034b50 && !memcmp(local + 4, f->shared, shared) &&
           (!(f->flags & 8) || (number(local + 14, 4) == 0 && number(local + 18, 8) == 0)) &&
           number(local + 10, 4) == 0x00210000 && number(local + 26, 2) == f->name_len &&
           number(local + 28, 2) == 0 && !memcmp(local + LOCAL, name, f->name_len);
}

static bool is_descriptor_right(const unsigned char *p, const struct found *f)
{
    return !(f->flags & 8) || (number(p, 4) == 0x08074b50 && number(p + 4, 4) == f->crc &&
                               number(p + 8, 4) == f->packed && number(p + 12, 4) == f->size);
}

static bool inflate_all(const unsigned char *from, const struct found *f, char *to)
{
    z_stream s = {.next_in = from, .avail_in = (uInt)f->packed};
    s.next_out = (unsigned char *)to;
    s.avail_out = (uInt)f->size + 1;
    bool ok = inflateInit2(&s, -15) == Z_OK && inflate(&s, Z_FINISH) == Z_STREAM_END &&
              s.total_out == f->size && s.avail_in == 0;
    (void)inflateEnd(&s);
    return ok;
}

static char *read_entry(const unsigned char *local, const struct found *f, const char *name)
{
    const unsigned char *data = local + LOCAL + f->name_len;
    if (!is_local_right(local, f, name) || !is_descriptor_right(data + f->packed, f))
        return NULL;
    char *bytes = calloc(1, f->size + 1);
    if (!bytes)
        abort();
    bool ok = f->method == 8 && inflate_all(data, f, bytes);
    if (f->method == 0 && f->packed == f->size) {
        memcpy(bytes, data, f->size);
        ok = true;
    }
    if (ok && crc32(0, (const unsigned char *)bytes, (uInt)f->size) == f->crc)
        return bytes;
    free(bytes);
    return NULL;
}

char *unpack_entry(const void *zip, size_t len, uint64_t offset, const char *name, size_t *ret_len)
{
    const unsigned char *bytes = zip;
    uint64_t at;
    if (!find_directory(bytes, len, offset, &at))
        return NULL;
    for (int left = unpack_count(zip, len); left > 0; left--) {
        const unsigned char *p = bytes + at;
        if (len - at < CENTRAL + END || number(p, 4) != 0x02014b50)
            return NULL;
        struct found f = read_central(p);
        at += CENTRAL + f.name_len + number(p + 30, 2);
        if (f.name_len != strlen(name) || memcmp(p + CENTRAL, name, f.name_len) != 0)
            continue;
        f.at -= offset;
        if (f.at > len || len - f.at < LOCAL + f.name_len + f.packed + END)
            return NULL;
        *ret_len = f.size;
        return read_entry(bytes + f.at, &f, name);
    }
    return NULL;
}
