/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From stored bytes to UTF-8 text: decompresses gzip and zstd (several members or frames one after another
 * included), and converts UTF-16 with a BOM and Windows-1252. Bytes that are UTF-8 already pass through as
 * they are, a BOM included; whether they are valid is the reader's business.
 *
 * A damaged input, or one that ends in its middle, is ERR_BAD_VALUE with a sentence for its owner.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };
enum charset { CHARSET_UTF8, CHARSET_UTF16, CHARSET_WINDOWS_1252 };

/* By the magic number of the first bytes (4 are enough). */
/* Of bytes that are all there is and too few to know it: the compression whose beginning they are. `named` is
 * what else says that they are compressed, or NONE; then they may also be empty. */
enum compression decode_sniff_cut(const void *bytes, size_t len, enum compression named);
enum compression decode_sniff_compression(const void *bytes, size_t len);

struct decoder;
typedef int decode_put_fn(void *ctx, const void *bytes, size_t len, struct err *e);

/* CHARSET_UTF8 becomes UTF-16 by itself where the text begins with the BOM of one. */
struct decoder *decoder_new(enum compression compression, enum charset charset, decode_put_fn *put,
                            void *ctx);
void decoder_free(struct decoder *d); /* NULL is fine */
int decoder_feed(struct decoder *d, const void *bytes, size_t len, struct err *e);
int decoder_finish(struct decoder *d, struct err *e);

/* Whether bytes came out as they went in: then an offset of the one is an offset of the other. */
bool decoder_is_identity(const struct decoder *d);
