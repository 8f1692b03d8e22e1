/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streaming ZIP; see deflate_zip.h. Everything goes through one buffer, so that put gets pieces of a size
 * worth a call. The pieces that zlib is given follow from the entry's content alone, and level 1 is what
 * makes a table's XML small at the speed at which it is made.
 */
#include "render/deflate_zip.h"

#include "base/arena.h"

#define ZLIB_CONST
#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { ROOM = 65536, LEVEL = 1, WINDOW_BITS = -15 /* raw */, MEMORY_LEVEL = 8 };
enum { METHOD_STORE = 0, METHOD_DEFLATE = 8, FLAG_DESCRIPTOR = 8 };
enum { VERSION_DEFLATE = 20, VERSION_ZIP64 = 45, DATE_1980 = 0x0021 };

struct entry {
    char name[DEFLATE_ZIP_NAME];
    uint64_t offset;
    uint64_t size, packed;
    uint32_t crc;
    unsigned method;
};

struct deflate_zip {
    put_fn *put;
    void *ctx;
    struct entry *entries; /* the last one is being written between begin and end */
    int count, room;
    z_stream stream;
    uint64_t drained; /* where the first byte of `out` will stand */
    size_t fill;
    unsigned char out[ROOM];
};

/* Fields of a header, little-endian. */
struct record {
    unsigned char bytes[128];
    size_t len;
};

static void add_number(struct record *r, uint64_t v, int size)
{
    for (int i = 0; i < size; i++)
        r->bytes[r->len++] = (unsigned char)(v >> 8 * i);
}

static void u16(struct record *r, unsigned v)
{
    add_number(r, v, 2);
}

static void u32(struct record *r, uint64_t v)
{
    add_number(r, v, 4);
}

static void u64(struct record *r, uint64_t v)
{
    add_number(r, v, 8);
}

/* What fits, or the mark for "look into the ZIP64 field". */
static uint64_t at_most(uint64_t v, uint64_t mark)
{
    return v < mark ? v : mark;
}

static int drain(struct deflate_zip *z, struct err *e)
{
    size_t len = z->fill;
    z->drained += len;
    z->fill = 0;
    return len ? z->put(z->ctx, z->out, len, e) : 0;
}

static int put_bytes(struct deflate_zip *z, const void *bytes, size_t len, struct err *e)
{
    const unsigned char *p = bytes;
    while (len) {
        size_t part = len < ROOM - z->fill ? len : ROOM - z->fill;
        int rc;
        memcpy(z->out + z->fill, p, part);
        z->fill += part;
        p += part;
        len -= part;
        if (z->fill == ROOM && (rc = drain(z, e)) < 0)
            return rc;
    }
    return 0;
}

static int put_record(struct deflate_zip *z, const struct record *r, struct err *e)
{
    return put_bytes(z, r->bytes, r->len, e);
}

struct deflate_zip *deflate_zip_new(uint64_t offset, put_fn *put, void *ctx)
{
    struct deflate_zip *z = mem_alloc(sizeof *z);
    memset(z, 0, offsetof(struct deflate_zip, out));
    z->put = put;
    z->ctx = ctx;
    z->drained = offset;
    if (deflateInit2(&z->stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* out of memory */
    return z;
}

void deflate_zip_free(struct deflate_zip *z)
{
    if (!z)
        return;
    (void)deflateEnd(&z->stream); /* says that an entry was not complete, which the caller knows */
    free(z->entries);
    free(z);
}

static struct entry *add_entry(struct deflate_zip *z, const char *name, unsigned method)
{
    if (z->count == z->room) {
        z->room = z->room ? 2 * z->room : 8;
        z->entries = mem_realloc(z->entries, (size_t)z->room * sizeof *z->entries);
    }
    struct entry *entry = &z->entries[z->count++];
    size_t len = strlen(name);
    if (len >= sizeof entry->name)
        abort(); /* names are the program's own */
    *entry = (struct entry){.offset = z->drained + z->fill, .method = method};
    memcpy(entry->name, name, len);
    return entry;
}

/* Excel wants the local header to say the same as the central one. */
static unsigned version_of(const struct entry *entry)
{
    return entry->offset >= UINT32_MAX ? VERSION_ZIP64 : VERSION_DEFLATE;
}

/* What a local header and one of the central directory share, from "version needed" to the name's length. */
static void add_common(struct record *r, const struct entry *entry, bool sizes)
{
    u16(r, version_of(entry));
    u16(r, entry->method == METHOD_DEFLATE ? FLAG_DESCRIPTOR : 0);
    u16(r, entry->method);
    u16(r, 0); /* midnight */
    u16(r, DATE_1980);
    u32(r, sizes ? entry->crc : 0);
    u32(r, sizes ? entry->packed : 0);
    u32(r, sizes ? entry->size : 0);
    u16(r, (unsigned)strlen(entry->name));
}

static int put_local_header(struct deflate_zip *z, const struct entry *entry, struct err *e)
{
    struct record r = {.len = 0};
    u32(&r, 0x04034b50);
    add_common(&r, entry, entry->method == METHOD_STORE);
    u16(&r, 0); /* no extra fields */
    int rc = put_record(z, &r, e);
    return rc < 0 ? rc : put_bytes(z, entry->name, strlen(entry->name), e);
}

static int too_large(struct err *e)
{
    return err_set(e, ERR_LIMIT, "a part of the archive would have 4 GiB or more");
}

int deflate_zip_store(struct deflate_zip *z, const char *name, const void *bytes, size_t len, struct err *e)
{
    if (len >= UINT32_MAX)
        return too_large(e);
    struct entry *entry = add_entry(z, name, METHOD_STORE);
    entry->size = entry->packed = len;
    entry->crc = libdeflate_crc32(0, bytes, len);
    int rc = put_local_header(z, entry, e);
    return rc < 0 ? rc : put_bytes(z, bytes, len, e);
}

int deflate_zip_begin(struct deflate_zip *z, const char *name, struct err *e)
{
    (void)deflateReset(&z->stream); /* fails for a stream that was never begun only */
    return put_local_header(z, add_entry(z, name, METHOD_DEFLATE), e);
}

/* Until zlib leaves room: then it has taken everything, or has ended its stream where `flush` is Z_FINISH. */
static int squeeze(struct deflate_zip *z, int flush, struct err *e)
{
    int rc = 0;
    do {
        z->stream.next_out = z->out + z->fill;
        z->stream.avail_out = (uInt)(ROOM - z->fill);
        (void)deflate(&z->stream, flush); /* cannot fail: Z_BUF_ERROR says that there was nothing to do */
        z->fill = ROOM - z->stream.avail_out;
        if (z->fill < ROOM)
            return 0;
        rc = drain(z, e);
    } while (rc == 0);
    return rc;
}

int deflate_zip_add(struct deflate_zip *z, const void *bytes, size_t len, struct err *e)
{
    struct entry *entry = &z->entries[z->count - 1];
    if (len >= UINT32_MAX - entry->size)
        return too_large(e);
    entry->size += len;
    entry->crc = libdeflate_crc32(entry->crc, bytes, len);
    z->stream.next_in = bytes;
    z->stream.avail_in = (uInt)len;
    return squeeze(z, Z_NO_FLUSH, e);
}

int deflate_zip_end(struct deflate_zip *z, struct err *e)
{
    struct entry *entry = &z->entries[z->count - 1];
    struct record r = {.len = 0};
    z->stream.avail_in = 0;
    int rc = squeeze(z, Z_FINISH, e);
    if (rc < 0)
        return rc;
    entry->packed = z->stream.total_out;
    if (entry->packed >= UINT32_MAX) /* bytes that do not compress become a few more */
        return too_large(e);
    u32(&r, 0x08074b50);
    u32(&r, entry->crc);
    u32(&r, entry->packed);
    u32(&r, entry->size);
    return put_record(z, &r, e);
}

static int put_central_header(struct deflate_zip *z, const struct entry *entry, struct err *e)
{
    bool far = entry->offset >= UINT32_MAX;
    struct record r = {.len = 0};
    u32(&r, 0x02014b50);
    u16(&r, version_of(entry)); /* made by: MS-DOS, so no permissions are claimed */
    add_common(&r, entry, true);
    u16(&r, far ? 12 : 0); /* extra fields */
    u16(&r, 0);            /* comment */
    u16(&r, 0);            /* disk */
    u16(&r, 0);            /* attributes, internal and external */
    u32(&r, 0);
    u32(&r, at_most(entry->offset, UINT32_MAX));
    size_t len = strlen(entry->name);
    memcpy(r.bytes + r.len, entry->name, len);
    r.len += len;
    if (far) {
        u16(&r, 1);
        u16(&r, 8);
        u64(&r, entry->offset);
    }
    return put_record(z, &r, e);
}

/* The end record of ZIP64 and the locator that points to it. */
static void add_end_64(struct record *r, uint64_t count, uint64_t begin, uint64_t end)
{
    u32(r, 0x06064b50);
    u64(r, 44); /* bytes of this record that follow */
    u16(r, VERSION_ZIP64);
    u16(r, VERSION_ZIP64);
    u32(r, 0); /* this disk, and that of the directory */
    u32(r, 0);
    u64(r, count);
    u64(r, count);
    u64(r, end - begin);
    u64(r, begin);
    u32(r, 0x07064b50);
    u32(r, 0);
    u64(r, end);
    u32(r, 1); /* disks */
}

static int put_end(struct deflate_zip *z, uint64_t begin, struct err *e)
{
    uint64_t end = z->drained + z->fill;
    uint64_t count = (uint64_t)z->count;
    struct record r = {.len = 0};
    if (end >= UINT32_MAX || count >= UINT16_MAX)
        add_end_64(&r, count, begin, end);
    u32(&r, 0x06054b50);
    u16(&r, 0); /* this disk, and that of the directory */
    u16(&r, 0);
    u16(&r, (unsigned)at_most(count, UINT16_MAX));
    u16(&r, (unsigned)at_most(count, UINT16_MAX));
    u32(&r, at_most(end - begin, UINT32_MAX));
    u32(&r, at_most(begin, UINT32_MAX));
    u16(&r, 0); /* comment */
    return put_record(z, &r, e);
}

int deflate_zip_finish(struct deflate_zip *z, struct err *e)
{
    uint64_t begin = z->drained + z->fill;
    int rc = 0;
    for (int i = 0; i < z->count && rc == 0; i++)
        rc = put_central_header(z, &z->entries[i], e);
    if (rc < 0 || (rc = put_end(z, begin, e)) < 0)
        return rc;
    return drain(z, e);
}
