/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored bytes to UTF-8 text; see decode.h. Two stages, each of which hands on what it has made in pieces of
 * at most PIECE bytes: decompression, then the character set. Nothing grows with the input: what a compressed
 * bomb makes streams through like anything else.
 *
 * The decoder owns the states of both stages, and a character that is cut by the end of a piece.
 */
#include "render/decode.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    PIECE = 1 << 16,
    WINDOW_BITS = 23, /* of zstd: 8 MiB, the most that a Content-Encoding may ask for (RFC 9659) */
    WIDEST = 4        /* bytes of one character */
};

enum text { TEXT_UNKNOWN, TEXT_AS_IT_IS, TEXT_UTF16_LE, TEXT_UTF16_BE, TEXT_WINDOWS_1252 };

struct decoder {
    enum compression compression;
    enum charset charset;
    decode_put_fn *put;
    void *ctx;

    z_stream gzip;
    ZSTD_DCtx *zstd;
    bool inside;   /* a member or frame is under way, or none has begun at all */
    bool complete; /* one has ended */

    enum text text;
    int64_t taken;  /* bytes of the text before the ones at hand */
    uint8_t odd[3]; /* bytes that are not yet a code unit, or not yet a BOM */
    size_t odd_len;
    uint16_t high; /* a surrogate that waits for the other one; 0: none */

    size_t used;
    uint8_t plain[PIECE]; /* decompressed */
    uint8_t utf8[PIECE];
};

enum compression decode_sniff_compression(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    if (len >= 2 && p[0] == 0x1F && p[1] == 0x8B)
        return COMPRESSION_GZIP;
    if (len >= 4 && memcmp(p, "\x28\xB5\x2F\xFD", 4) == 0)
        return COMPRESSION_ZSTD;
    if (len >= 4 && (p[0] & 0xF0) == 0x50 &&
        memcmp(p + 1, "\x2A\x4D\x18", 3) == 0) /* a frame to be skipped */
        return COMPRESSION_ZSTD;
    return COMPRESSION_NONE;
}

enum compression decode_sniff_cut(const void *bytes, size_t len, enum compression named)
{
    static const char zstd[] = "\x28\xB5\x2F\xFD";
    if (named == COMPRESSION_ZSTD)
        return len < 4 && memcmp(bytes, zstd, len) == 0 ? named : COMPRESSION_NONE;
    bool is_gzip = len == 1 && *(const uint8_t *)bytes == 0x1F; /* no text begins with this control */
    return is_gzip || (named == COMPRESSION_GZIP && len == 0) ? COMPRESSION_GZIP : COMPRESSION_NONE;
}

struct decoder *decoder_new(enum compression compression, enum charset charset, decode_put_fn *put, void *ctx)
{
    struct decoder *d = mem_alloc(sizeof *d);
    memset(d, 0, offsetof(struct decoder, plain));
    d->compression = compression;
    d->charset = charset;
    d->put = put;
    d->ctx = ctx;
    d->inside = compression != COMPRESSION_NONE;
    d->text = TEXT_UNKNOWN;
    if (compression == COMPRESSION_GZIP && inflateInit2(&d->gzip, 16 + MAX_WBITS) != Z_OK)
        abort();
    if (compression == COMPRESSION_ZSTD) {
        d->zstd = ZSTD_createDCtx();
        if (!d->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, WINDOW_BITS)))
            abort();
    }
    return d;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    if (d->compression == COMPRESSION_GZIP)
        (void)inflateEnd(&d->gzip); /* fails only where there is nothing to free */
    (void)ZSTD_freeDCtx(d->zstd);   /* likewise */
    free(d);
}

bool decoder_is_identity(const struct decoder *d)
{
    return d->compression == COMPRESSION_NONE && d->text == TEXT_AS_IT_IS;
}

static int flush(struct decoder *d, struct err *e)
{
    size_t len = d->used;
    d->used = 0;
    return len ? d->put(d->ctx, d->utf8, len, e) : 0;
}

/* Makes the code point UTF-8. */
static int add_char(struct decoder *d, uint32_t c, struct err *e)
{
    int rc = PIECE - d->used < WIDEST ? flush(d, e) : 0;
    uint8_t *p = d->utf8 + d->used;
    if (rc < 0)
        return rc;
    if (c < 0x80) {
        *p++ = (uint8_t)c;
    } else if (c < 0x800) {
        *p++ = (uint8_t)(0xC0 | c >> 6);
        *p++ = (uint8_t)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *p++ = (uint8_t)(0xE0 | c >> 12);
        *p++ = (uint8_t)(0x80 | (c >> 6 & 63));
        *p++ = (uint8_t)(0x80 | (c & 63));
    } else {
        *p++ = (uint8_t)(0xF0 | c >> 18);
        *p++ = (uint8_t)(0x80 | (c >> 12 & 63));
        *p++ = (uint8_t)(0x80 | (c >> 6 & 63));
        *p++ = (uint8_t)(0x80 | (c & 63));
    }
    d->used = (size_t)(p - d->utf8);
    return 0;
}

static int lone_surrogate(int64_t at, struct err *e)
{
    return err_set(e, ERR_BAD_VALUE, "the UTF-16 text has a half of a surrogate pair at byte %lld",
                   (long long)at);
}

/* `at` is where the unit begins in the text. */
static int add_unit(struct decoder *d, uint16_t unit, int64_t at, struct err *e)
{
    bool is_high = (unit & 0xFC00) == 0xD800;
    bool is_low = (unit & 0xFC00) == 0xDC00;
    uint32_t c = unit;
    if (is_low != (d->high != 0))
        return lone_surrogate(d->high ? at - 2 : at, e);
    if (is_low)
        c = 0x10000 + ((uint32_t)(d->high & 0x3FF) << 10) + (unit & 0x3FF);
    d->high = is_high ? unit : 0;
    return is_high ? 0 : add_char(d, c, e);
}

static uint16_t unit_of(const struct decoder *d, uint8_t first, uint8_t second)
{
    return (uint16_t)(d->text == TEXT_UTF16_LE ? first | second << 8 : first << 8 | second);
}

static int from_utf16(struct decoder *d, const uint8_t *p, size_t len, struct err *e)
{
    int rc = 0;
    size_t i = 0;
    if (d->odd_len == 1 && len > 0) {
        rc = add_unit(d, unit_of(d, d->odd[0], p[0]), d->taken - 1, e);
        d->odd_len = 0;
        i = 1;
    }
    for (; rc == 0 && len - i >= 2; i += 2)
        rc = add_unit(d, unit_of(d, p[i], p[i + 1]), d->taken + (int64_t)i, e);
    if (rc == 0 && i < len) {
        d->odd[0] = p[i];
        d->odd_len = 1;
    }
    return rc;
}

static int from_windows_1252(struct decoder *d, const uint8_t *p, size_t len, struct err *e)
{
    static const uint16_t other[32] = {/* 0x80 to 0x9F; 0: undefined */
                                       0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                       0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                       0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                       0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < len; i++) {
        uint16_t c = p[i] >= 0x80 && p[i] < 0xA0 ? other[p[i] - 0x80] : p[i];
        if (c == 0 && p[i] != 0)
            return err_set(e, ERR_BAD_VALUE, "byte %lld is 0x%02X, which Windows-1252 does not have",
                           (long long)d->taken + (long long)i, p[i]);
        rc = add_char(d, c, e);
    }
    return rc;
}

static int as_it_is(struct decoder *d, const uint8_t *p, size_t len, struct err *e)
{
    int rc = 0;
    for (size_t n; rc == 0 && len > 0; p += n, len -= n) {
        n = len < PIECE ? len : PIECE;
        rc = d->put(d->ctx, p, n, e);
    }
    return rc;
}

/* Text whose kind is known. */
static int convert(struct decoder *d, const uint8_t *p, size_t len, struct err *e)
{
    int rc;
    if (d->text == TEXT_AS_IT_IS)
        rc = as_it_is(d, p, len, e);
    else if (d->text == TEXT_WINDOWS_1252)
        rc = from_windows_1252(d, p, len, e);
    else
        rc = from_utf16(d, p, len, e);
    d->taken += (int64_t)len;
    return rc;
}

static bool is_utf16(const struct decoder *d)
{
    return d->text == TEXT_UTF16_LE || d->text == TEXT_UTF16_BE;
}

/* A byte order mark goes before what was said: three characters that no text begins with. */
static bool may_be_utf8_bom(const struct decoder *d)
{
    return d->charset == CHARSET_WINDOWS_1252 && memcmp(d->odd, "\xEF\xBB\xBF", d->odd_len) == 0;
}

/* The kind of a text by its first bytes, as many as wants_more took or all that there are. */
static int find_kind(struct decoder *d, struct err *e)
{
    if (d->charset == CHARSET_WINDOWS_1252)
        d->text = d->odd_len == 3 && may_be_utf8_bom(d) ? TEXT_AS_IT_IS : TEXT_WINDOWS_1252;
    else if (d->odd_len == 2 && memcmp(d->odd, "\xFF\xFE", 2) == 0)
        d->text = TEXT_UTF16_LE;
    else if (d->odd_len == 2 && memcmp(d->odd, "\xFE\xFF", 2) == 0)
        d->text = TEXT_UTF16_BE;
    else if (d->charset == CHARSET_UTF8)
        d->text = TEXT_AS_IT_IS;
    else if (d->odd_len > 0)
        return err_set(e, ERR_BAD_VALUE, "the UTF-16 text does not begin with a byte order mark");
    if (is_utf16(d))
        d->taken = 2;
    return 0;
}

/* Whether the first bytes are too few to tell what the text is. */
static bool wants_more(const struct decoder *d)
{
    if (d->charset == CHARSET_WINDOWS_1252)
        return d->odd_len < 3 && may_be_utf8_bom(d);
    bool utf16 = d->charset == CHARSET_UTF16 || d->odd[0] == 0xFF || d->odd[0] == 0xFE;
    return d->odd_len == 0 || (d->odd_len == 1 && utf16);
}

/* The first bytes of a text, until its kind is known. */
static int begin_text(struct decoder *d, const uint8_t **p, size_t *len, struct err *e)
{
    uint8_t held[sizeof d->odd];
    while (*len > 0 && wants_more(d)) {
        d->odd[d->odd_len++] = *(*p)++;
        (*len)--;
    }
    if (wants_more(d))
        return 0;
    int rc = find_kind(d, e);
    size_t n = d->odd_len;
    d->odd_len = 0;
    memcpy(held, d->odd, sizeof held);
    return rc < 0 || is_utf16(d) ? rc : convert(d, held, n, e);
}

static int take_text(struct decoder *d, const uint8_t *p, size_t len, struct err *e)
{
    int rc = d->text == TEXT_UNKNOWN ? begin_text(d, &p, &len, e) : 0;
    return rc < 0 || len == 0 ? rc : convert(d, p, len, e);
}

static int finish_text(struct decoder *d, struct err *e)
{
    int rc = 0;
    if (d->text == TEXT_UNKNOWN) {
        rc = find_kind(d, e);
        if (rc == 0 && !is_utf16(d))
            rc = convert(d, d->odd, d->odd_len, e);
    } else if (d->odd_len > 0) {
        rc = err_set(e, ERR_BAD_VALUE, "the UTF-16 text ends in the middle of a character, at byte %lld",
                     (long long)d->taken - 1);
    } else if (d->high) {
        rc = lone_surrogate(d->taken - 2, e);
    }
    return rc < 0 ? rc : flush(d, e);
}

static int damaged(const struct decoder *d, bool no_beginning, struct err *e)
{
    const char *what = d->compression == COMPRESSION_GZIP ? "gzip" : "zstd";
    if (no_beginning && d->complete)
        return err_set(e, ERR_BAD_VALUE, "something else stands after the %s data", what);
    return err_set(e, ERR_BAD_VALUE, "the %s data are damaged", what);
}

/* The next step of a member: as much as `plain` takes. */
static int gunzip_some(struct decoder *d, struct err *e)
{
    d->gzip.next_out = d->plain;
    d->gzip.avail_out = PIECE;
    int status = inflate(&d->gzip, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR)
        abort();
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return damaged(d, d->gzip.total_out == 0, e);
    d->inside = status != Z_STREAM_END;
    d->complete |= status == Z_STREAM_END;
    return take_text(d, d->plain, PIECE - d->gzip.avail_out, e);
}

static int gunzip(struct decoder *d, const uint8_t *p, size_t len, struct err *e)
{
    int rc = 0;
    d->gzip.next_in = p;
    d->gzip.avail_in = (uInt)len;
    d->gzip.avail_out = PIECE;
    while (rc == 0 && (d->gzip.avail_in > 0 || (d->inside && d->gzip.avail_out == 0))) {
        if (!d->inside && inflateReset(&d->gzip) != Z_OK) /* another member */
            abort();
        rc = gunzip_some(d, e);
    }
    return rc;
}

static int unzstd_some(struct decoder *d, ZSTD_inBuffer *in, ZSTD_outBuffer *out, struct err *e)
{
    size_t status = ZSTD_decompressStream(d->zstd, out, in);
    ZSTD_ErrorCode code = ZSTD_getErrorCode(status);
    if (code == ZSTD_error_memory_allocation)
        abort();
    if (code == ZSTD_error_frameParameter_windowTooLarge)
        return err_set(e, ERR_BAD_VALUE, "the zstd data need a window of more than %d MiB",
                       1 << (WINDOW_BITS - 20));
    if (ZSTD_isError(status))
        return damaged(d, code == ZSTD_error_prefix_unknown, e);
    d->inside = status != 0;
    d->complete |= status == 0;
    return take_text(d, d->plain, out->pos, e);
}

static int unzstd(struct decoder *d, const uint8_t *p, size_t len, struct err *e)
{
    ZSTD_inBuffer in = {.src = p, .size = len};
    ZSTD_outBuffer out = {0};
    int rc = 0;
    while (rc == 0 && (in.pos < in.size || (d->inside && out.pos == PIECE))) {
        out = (ZSTD_outBuffer){.dst = d->plain, .size = PIECE};
        rc = unzstd_some(d, &in, &out, e);
    }
    return rc;
}

int decoder_feed(struct decoder *d, const void *bytes, size_t len, struct err *e)
{
    const uint8_t *p = bytes;
    int rc = 0;
    if (d->compression == COMPRESSION_NONE)
        return take_text(d, p, len, e);
    for (size_t n; rc == 0 && len > 0; p += n, len -= n) {
        n = len < PIECE ? len : PIECE;
        rc = d->compression == COMPRESSION_GZIP ? gunzip(d, p, n, e) : unzstd(d, p, n, e);
    }
    return rc;
}

int decoder_finish(struct decoder *d, struct err *e)
{
    if (d->inside)
        return err_set(e, ERR_BAD_VALUE, "the %s data end in the middle",
                       d->compression == COMPRESSION_GZIP ? "gzip" : "zstd");
    return finish_text(d, e);
}
