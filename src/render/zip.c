/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where every byte of an archive is; see zip.h. The archive is, in this order: a head and the content of each
 * entry, the directory with one record for each, and an ending. Heads, records and the ending are made anew
 * whenever one of their bytes is asked for: an entry keeps only where its two begin.
 *
 * The names of the fields in the comments are those of APPNOTE.TXT.
 */
#include "render/zip.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LONGEST_HEAD = ZIP_LONGEST_PATH + 46 + 4 + 3 * 8 + 9,
    UTF8_NAME = 1 << 11,
    UNIX = 3 << 8,
    VERSION_PLAIN = 10,
    VERSION_64 = 45,
    EXTRA_64 = 0x0001,
    EXTRA_TIME = 0x5455,
};

#define LARGEST_32   UINT32_MAX                /* means "see the ZIP64 field" */
#define LARGEST_16   UINT16_MAX                /* the same */
#define REGULAR_FILE (UINT32_C(0100644) << 16) /* external file attributes of UNIX */

struct entry {
    int64_t head;   /* where its head begins */
    int64_t record; /* where its record in the directory begins */
    int64_t size;
    int64_t modified; /* seconds */
    size_t path;      /* where in the texts */
    uint32_t path_len;
    uint32_t crc32;
    uint32_t dos_time; /* the date in its upper half */
};

struct zip {
    struct entry *entries;
    size_t count, room;
    char *texts; /* all paths, one after the other */
    size_t texts_len, texts_room;
    int64_t directory;
    int64_t ending;
    int64_t size;
};

struct zip *zip_new(void)
{
    struct zip *z = mem_alloc(sizeof *z);
    *z = (struct zip){.entries = NULL};
    return z;
}

void zip_free(struct zip *z)
{
    if (!z)
        return;
    free(z->entries);
    free(z->texts);
    free(z);
}

int64_t zip_size(const struct zip *z)
{
    return z->size;
}

int64_t zip_directory(const struct zip *z)
{
    return z->directory;
}

/* --- writing records --- */

struct out {
    unsigned char bytes[LONGEST_HEAD];
    size_t len;
};

/* The lowest `count` bytes of `v`, the lowest first. */
static void put(struct out *o, int count, uint64_t v)
{
    assert(o->len + (size_t)count <= sizeof o->bytes);
    for (int i = 0; i < count; i++)
        o->bytes[o->len++] = (unsigned char)(v >> 8 * i);
}

static void put_text(struct out *o, const void *text, size_t len)
{
    assert(o->len + len <= sizeof o->bytes);
    memcpy(o->bytes + o->len, text, len);
    o->len += len;
}

static bool is_large(int64_t v)
{
    return v >= LARGEST_32;
}

static void put_32(struct out *o, int64_t v)
{
    put(o, 4, is_large(v) ? LARGEST_32 : (uint64_t)v);
}

static void put_16(struct out *o, size_t v)
{
    put(o, 2, v >= LARGEST_16 ? LARGEST_16 : v);
}

/* Two seconds are the unit, 1980 the first year and 2107 the last. */
static uint32_t dos_time(int64_t seconds)
{
    struct tm t;
    time_t at = (time_t)seconds;
    if (!gmtime_r(&at, &t) || t.tm_year < 80)
        t = (struct tm){.tm_year = 80, .tm_mday = 1};
    if (t.tm_year > 207)
        t = (struct tm){
            .tm_year = 207, .tm_mon = 11, .tm_mday = 31, .tm_hour = 23, .tm_min = 59, .tm_sec = 58};
    int time = t.tm_hour << 11 | t.tm_min << 5 | t.tm_sec / 2;
    int date = (t.tm_year - 80) << 9 | (t.tm_mon + 1) << 5 | t.tm_mday;
    return (uint32_t)date << 16 | (uint32_t)time;
}

/* What the time field of 32 bits can say; later times have only the format's own. */
static bool has_time(const struct entry *en)
{
    return en->modified >= 0 && en->modified <= INT32_MAX;
}

static void put_time(struct out *o, const struct entry *en)
{
    if (!has_time(en))
        return;
    put(o, 2, EXTRA_TIME);
    put(o, 2, 5);
    put(o, 1, 1); /* it holds the time of modification */
    put(o, 4, (uint64_t)en->modified);
}

/* What the heads and the records have in common, from "version needed to extract" to "extra field length". */
static void put_common(struct out *o, const struct entry *en, size_t wide)
{
    put(o, 2, wide ? VERSION_64 : VERSION_PLAIN);
    put(o, 2, UTF8_NAME);
    put(o, 2, 0); /* stored */
    put(o, 4, en->dos_time);
    put(o, 4, en->crc32);
    put_32(o, en->size); /* compressed */
    put_32(o, en->size);
    put(o, 2, en->path_len);
    put(o, 2, (wide ? 4 + wide : 0) + (has_time(en) ? 9 : 0));
}

/* In a head both sizes have to be there together. */
static void make_head(const struct zip *z, const struct entry *en, struct out *o)
{
    size_t wide = is_large(en->size) ? 16 : 0;
    o->len = 0;
    put(o, 4, 0x04034b50);
    put_common(o, en, wide);
    put_text(o, z->texts + en->path, en->path_len);
    if (wide) {
        put(o, 2, EXTRA_64);
        put(o, 2, wide);
        put(o, 8, (uint64_t)en->size);
        put(o, 8, (uint64_t)en->size);
    }
    put_time(o, en);
}

static void make_record(const struct zip *z, const struct entry *en, struct out *o)
{
    size_t wide = (is_large(en->size) ? 16 : 0) + (is_large(en->head) ? 8 : 0);
    o->len = 0;
    put(o, 4, 0x02014b50);
    put(o, 2, UNIX | VERSION_64);
    put_common(o, en, wide);
    put(o, 2, 0); /* file comment length */
    put(o, 2, 0); /* disk number start */
    put(o, 2, 0); /* internal file attributes */
    put(o, 4, REGULAR_FILE);
    put_32(o, en->head);
    put_text(o, z->texts + en->path, en->path_len);
    if (wide) {
        put(o, 2, EXTRA_64);
        put(o, 2, wide);
    }
    if (is_large(en->size)) {
        put(o, 8, (uint64_t)en->size);
        put(o, 8, (uint64_t)en->size);
    }
    if (is_large(en->head))
        put(o, 8, (uint64_t)en->head);
    put_time(o, en);
}

/* The ZIP64 end of central directory record, and its locator. */
static void put_ending_64(const struct zip *z, struct out *o)
{
    put(o, 4, 0x06064b50);
    put(o, 8, 44); /* what follows of this record */
    put(o, 2, UNIX | VERSION_64);
    put(o, 2, VERSION_64);
    put(o, 4, 0); /* number of this disk */
    put(o, 4, 0); /* of the disk with the start of the directory */
    put(o, 8, z->count);
    put(o, 8, z->count);
    put(o, 8, (uint64_t)(z->ending - z->directory));
    put(o, 8, (uint64_t)z->directory);

    put(o, 4, 0x07064b50);
    put(o, 4, 0); /* disk with the record above */
    put(o, 8, (uint64_t)z->ending);
    put(o, 4, 1); /* disks in all */
}

static void make_ending(const struct zip *z, struct out *o)
{
    o->len = 0;
    if (z->count >= LARGEST_16 || is_large(z->ending - z->directory) || is_large(z->directory))
        put_ending_64(z, o);
    put(o, 4, 0x06054b50);
    put(o, 2, 0);
    put(o, 2, 0);
    put_16(o, z->count);
    put_16(o, z->count);
    put_32(o, z->ending - z->directory);
    put_32(o, z->directory);
    put(o, 2, 0); /* comment length */
}

/* --- putting together --- */

static size_t add_text(struct zip *z, const char *text, size_t len)
{
    size_t at = z->texts_len;
    if (z->texts_room - at < len) {
        z->texts_room = 2 * z->texts_room + len + 1024;
        z->texts = mem_realloc(z->texts, z->texts_room);
    }
    memcpy(z->texts + at, text, len);
    z->texts_len += len;
    return at;
}

void zip_add(struct zip *z, const char *path, int64_t size, uint32_t crc32, int64_t modified)
{
    struct out o;
    size_t len = strlen(path);
    assert(len <= ZIP_LONGEST_PATH && size >= 0);
    if (z->count == z->room) {
        z->room = z->room ? 2 * z->room : 64;
        z->entries = mem_realloc(z->entries, z->room * sizeof *z->entries);
    }
    struct entry *en = &z->entries[z->count++];
    *en = (struct entry){.head = z->size,
                         .size = size,
                         .modified = modified / 1000000,
                         .path = add_text(z, path, len),
                         .path_len = (uint32_t)len,
                         .crc32 = crc32,
                         .dos_time = dos_time(modified / 1000000)};
    make_head(z, en, &o);
    z->size += (int64_t)o.len + size;
}

void zip_close(struct zip *z)
{
    struct out o;
    z->directory = z->size;
    for (size_t i = 0; i < z->count; i++) {
        z->entries[i].record = z->size;
        make_record(z, &z->entries[i], &o);
        z->size += (int64_t)o.len;
    }
    z->ending = z->size;
    make_ending(z, &o);
    z->size += (int64_t)o.len;
}

/* --- reading --- */

static int64_t begin_of(const struct entry *en, bool in_directory)
{
    return in_directory ? en->record : en->head;
}

/* The last entry whose head (or record) begins at `offset` or before. */
static size_t find_entry(const struct zip *z, int64_t offset, bool in_directory)
{
    size_t low = 0;
    size_t high = z->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (begin_of(&z->entries[middle], in_directory) <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Makes what stands at `offset` and returns where that begins; *ret_index: of the entry, where it has one. */
static int64_t make_at(const struct zip *z, int64_t offset, struct out *o, size_t *ret_index)
{
    bool in_directory = offset >= z->directory;
    if (offset >= z->ending) {
        make_ending(z, o);
        return z->ending;
    }
    *ret_index = find_entry(z, offset, in_directory);
    if (in_directory)
        make_record(z, &z->entries[*ret_index], o);
    else
        make_head(z, &z->entries[*ret_index], o);
    return begin_of(&z->entries[*ret_index], in_directory);
}

static size_t at_most(int64_t left, size_t len)
{
    return left < (int64_t)len ? (size_t)left : len;
}

int zip_read(const struct zip *z, int64_t offset, void *to, size_t len, size_t *ret_len, zip_read_fn *read,
             void *ctx, struct err *e)
{
    struct out o;
    char *into = to;
    assert(offset >= 0 && (int64_t)len <= z->size - offset);
    *ret_len = 0;
    for (size_t n; len > 0; into += n, offset += (int64_t)n, len -= n, *ret_len += n) {
        size_t index = 0;
        int64_t within = offset - make_at(z, offset, &o, &index);
        if (within < (int64_t)o.len) {
            n = at_most((int64_t)o.len - within, len);
            memcpy(into, o.bytes + within, n);
            continue;
        }
        within -= (int64_t)o.len;
        n = at_most(z->entries[index].size - within, len);
        int rc = read(ctx, (int)index, within, into, &n, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}
