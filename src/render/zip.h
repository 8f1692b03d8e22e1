/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ZIP archive that is never made: stored entries whose names, sizes and CRC-32 are known beforehand, so
 * that every byte of it has a place that can be computed, and any range can be sent without a temporary file.
 * ZIP64 fields where they are needed (APPNOTE.TXT 6.3.10, 4.3.9 to 4.3.16 and 4.5.3), names in UTF-8 (bit
 * 11), times in UTC to the second as Info-ZIP has them ("UT", up to 2038) and, as the format has no zone, the
 * same in its own field of two seconds.
 *
 * Memory is about 64 bytes for each entry, and its path. After zip_close it is read-only: any thread.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { ZIP_LONGEST_NAME = 255, ZIP_LONGEST_PATH = 2 * ZIP_LONGEST_NAME + 1 };

struct zip;

struct zip *zip_new(void);
void zip_free(struct zip *z); /* NULL is fine */

/* In the order in which they will stand; `path` as zip_name makes it. `modified` in microseconds since 1970.
 */
void zip_add(struct zip *z, const char *path, int64_t size, uint32_t crc32, int64_t modified);
void zip_close(struct zip *z); /* no more entries */
int64_t zip_size(const struct zip *z);
int64_t zip_directory(const struct zip *z); /* from here to the end there is no content of entries any more */

/* Reads *len bytes at `offset` of entry `index` (as they were added, from 0), or fewer but some, and says so.
 */
typedef int zip_read_fn(void *ctx, int index, int64_t offset, void *to, size_t *len, struct err *e);
/* Fills `to` with exactly `len` bytes of the archive from `offset` on, which must be inside it. `read` is
 * called for contents only, each time for the longest piece there is. What it returns but 0 ends the reading
 * and is returned, and *ret_len says how many bytes stand before. */
int zip_read(const struct zip *z, int64_t offset, void *to, size_t len, size_t *ret_len, zip_read_fn *read,
             void *ctx, struct err *e);

/*
 * Makes names that every system takes and that are unique in one archive. `name` is UTF-8 without
 * directories; characters and names that some system forbids, and characters that nobody sees, are replaced;
 * a name that is there already gets " (2)" before its extension. Names are the same if they differ only in
 * the case of letters (by Unicode's full case folding: ß is ss), in how characters are put together (what is
 * canonically equal; a wide A is no A), in variation selectors or in joiners: systems that compare less
 * strictly than these three see all as different. In the arena; `folder` is one that zip_folder made, or
 * NULL.
 */
struct zip_names;
struct zip_names *zip_names_new(void);
void zip_names_free(struct zip_names *n);
const char *zip_name(struct zip_names *n, struct arena *a, const char *folder, const char *name);
/* The folder of `key`: a unique name like `name` when it is first asked for, the same one ever after. */
const char *zip_folder(struct zip_names *n, struct arena *a, const char *key, const char *name);
