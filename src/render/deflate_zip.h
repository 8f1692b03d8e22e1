/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ZIP archive that is written from its first byte to its last, without knowing sizes beforehand: an entry
 * is deflated as it comes, and its sizes and CRC-32 stand behind it in a data descriptor (APPNOTE.TXT 6.3.10,
 * 4.3.9). The counterpart of zip.h, where everything is known.
 *
 * An entry has less than 4 GiB, because descriptors with 64-bit sizes are not read everywhere (Excel
 * has called such files damaged, Java's ZipInputStream takes them for 32-bit ones); the archive may have
 * more, ZIP64 says so where it has. Every date is 1980-01-01. Names are ASCII.
 *
 * One thread at a time. Memory: a fixed size, and a few dozen bytes for each entry. After an error it is only
 * good for deflate_zip_free.
 */
#pragma once

#include "base/err.h"
#include "render/writer.h"

#include <stddef.h>
#include <stdint.h>

enum { DEFLATE_ZIP_NAME = 48 };

struct deflate_zip;

/* `offset`: bytes that the caller has put, or will put, before the archive: readers find it all the same. */
struct deflate_zip *deflate_zip_new(uint64_t offset, put_fn *put, void *ctx);
void deflate_zip_free(struct deflate_zip *z); /* at any time; NULL is fine */

/* A whole entry as it is, with its sizes before it: what a program that only looks at the first bytes wants.
 */
int deflate_zip_store(struct deflate_zip *z, const char *name, const void *bytes, size_t len, struct err *e);

/* An entry of any number of pieces. The archive has its own copy of the name, below DEFLATE_ZIP_NAME bytes.
 */
int deflate_zip_begin(struct deflate_zip *z, const char *name, struct err *e);
int deflate_zip_add(struct deflate_zip *z, const void *bytes, size_t len, struct err *e);
int deflate_zip_end(struct deflate_zip *z, struct err *e);

int deflate_zip_finish(struct deflate_zip *z, struct err *e);
