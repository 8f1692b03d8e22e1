/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests of bytes as they stream by: md5 (for the APIs that show one), sha256 and CRC-32 (for archives), by
 * OpenSSL and libdeflate. The md5 half can run in another thread than the rest, since it is the slowest of
 * the three.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_MD5_LEN = 16, DIGEST_SHA256_LEN = 32, DIGEST_MD5_HEX = 33, DIGEST_SHA256_HEX = 65 };

struct digest_values {
    char md5[DIGEST_MD5_HEX];
    char sha256[DIGEST_SHA256_HEX];
    uint32_t crc32;
};

struct digest;

struct digest *digest_new(void);
void digest_free(struct digest *d); /* NULL is fine */
void digest_update(struct digest *d, const void *bytes, size_t len);
void digest_finish(struct digest *d, struct digest_values *ret); /* once */

/* The two halves of digest_update, each to be called in stream order, by one thread at a time. */
void digest_update_md5(struct digest *d, const void *bytes, size_t len);
void digest_update_rest(struct digest *d, const void *bytes, size_t len);

uint32_t digest_crc32(uint32_t before, const void *bytes, size_t len); /* 0 before the first bytes */
void digest_sha256(const void *bytes, size_t len, unsigned char ret[DIGEST_SHA256_LEN]);
void digest_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                        unsigned char ret[DIGEST_SHA256_LEN]);
bool digest_equal(const void *a, const void *b, size_t len); /* in constant time */
