/* SPDX-License-Identifier: Apache-2.0 */
/* See digest.h. OpenSSL fails here only when memory is out or the build lacks md5: both abort. */
#include "base/digest.h"

#include "base/arena.h"
#include "base/text.h"

#include <libdeflate.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { HMAC_BLOCK = 64 };

struct digest {
    EVP_MD_CTX *md5;
    EVP_MD_CTX *sha256;
    uint32_t crc32;
};

/* Fetched once: EVP_md5() looks the implementation up at each use, which costs more than hashing 4 KiB. */
static EVP_MD *fetched_md5;
static EVP_MD *fetched_sha256;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void forget(void)
{
    EVP_MD_free(fetched_md5);
    EVP_MD_free(fetched_sha256);
}

static void fetch(void)
{
    fetched_md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    fetched_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!fetched_md5 || !fetched_sha256)
        abort();
    (void)OPENSSL_atexit(forget);
}

static EVP_MD_CTX *start(const EVP_MD *md)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestInit_ex2(ctx, md, NULL) != 1)
        abort();
    return ctx;
}

struct digest *digest_new(void)
{
    struct digest *d = mem_alloc(sizeof *d);
    (void)pthread_once(&fetched, fetch);
    d->md5 = start(fetched_md5);
    d->sha256 = start(fetched_sha256);
    d->crc32 = 0;
    return d;
}

void digest_free(struct digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->md5);
    EVP_MD_CTX_free(d->sha256);
    free(d);
}

void digest_update_md5(struct digest *d, const void *bytes, size_t len)
{
    if (EVP_DigestUpdate(d->md5, bytes, len) != 1)
        abort();
}

void digest_update_rest(struct digest *d, const void *bytes, size_t len)
{
    if (EVP_DigestUpdate(d->sha256, bytes, len) != 1)
        abort();
    d->crc32 = libdeflate_crc32(d->crc32, bytes, len);
}

void digest_update(struct digest *d, const void *bytes, size_t len)
{
    digest_update_md5(d, bytes, len);
    digest_update_rest(d, bytes, len);
}

void digest_finish(struct digest *d, struct digest_values *ret)
{
    unsigned char md5[DIGEST_MD5_LEN];
    unsigned char sha256[DIGEST_SHA256_LEN];
    if (EVP_DigestFinal_ex(d->md5, md5, NULL) != 1 || EVP_DigestFinal_ex(d->sha256, sha256, NULL) != 1)
        abort();
    text_hex(md5, sizeof md5, ret->md5);
    text_hex(sha256, sizeof sha256, ret->sha256);
    ret->crc32 = d->crc32;
}

uint32_t digest_crc32(uint32_t before, const void *bytes, size_t len)
{
    return libdeflate_crc32(before, bytes, len);
}

/* For a few bytes, such as a key: libsodium's needs no context, which costs OpenSSL more than the hashing. */
void digest_sha256(const void *bytes, size_t len, unsigned char ret[DIGEST_SHA256_LEN])
{
    (void)crypto_hash_sha256(ret, bytes, len);
}

/* The key, each byte changed, and then the bytes. */
static void hash_keyed(EVP_MD_CTX *ctx, const unsigned char key[HMAC_BLOCK], unsigned char change,
                       const void *bytes, size_t len, unsigned char ret[DIGEST_SHA256_LEN])
{
    unsigned char pad[HMAC_BLOCK];
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = key[i] ^ change;
    if (EVP_DigestInit_ex2(ctx, fetched_sha256, NULL) != 1 || EVP_DigestUpdate(ctx, pad, sizeof pad) != 1 ||
        EVP_DigestUpdate(ctx, bytes, len) != 1 || EVP_DigestFinal_ex(ctx, ret, NULL) != 1)
        abort();
}

/* RFC 2104, for OpenSSL's own looks its parts up at each use, which costs three times the hashing. */
void digest_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                        unsigned char ret[DIGEST_SHA256_LEN])
{
    unsigned char block[HMAC_BLOCK] = {0};
    unsigned char inner[DIGEST_SHA256_LEN];
    (void)pthread_once(&fetched, fetch);
    EVP_MD_CTX *ctx = start(fetched_sha256);
    if (key_len > sizeof block)
        digest_sha256(key, key_len, block);
    else
        memcpy(block, key, key_len);
    hash_keyed(ctx, block, 0x36, bytes, len, inner);
    hash_keyed(ctx, block, 0x5C, inner, sizeof inner, ret);
    EVP_MD_CTX_free(ctx);
}

bool digest_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
