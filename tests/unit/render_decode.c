/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed and foreign text becomes UTF-8, however it is cut; what is damaged or ends early is refused. */
#include "base/buf.h"
#include "render/decode.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static struct arena a;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static int put_bytes(void *ctx, const void *bytes, size_t len, struct err *e)
{
    (void)e;
    assert_in_range(len, 1, 1 << 16);
    buf_add(ctx, bytes, len);
    return 0;
}

struct outcome {
    struct buf text;
    bool identity;
    int rc;
    struct err e;
};

static struct outcome decode_in(enum compression compression, enum charset charset, struct buf in,
                                size_t piece)
{
    struct outcome o = {.text = {.arena = &a}};
    struct decoder *d = decoder_new(compression, charset, put_bytes, &o.text);
    for (size_t i = 0, n; o.rc == 0 && i < in.len; i += n) {
        n = in.len - i < piece ? in.len - i : piece;
        char *exact = mem_alloc(n);
        memcpy(exact, in.bytes + i, n);
        o.rc = decoder_feed(d, exact, n, &o.e);
        free(exact);
    }
    if (o.rc == 0)
        o.rc = decoder_finish(d, &o.e);
    o.identity = decoder_is_identity(d);
    decoder_free(d);
    return o;
}

static struct outcome decode(enum compression compression, enum charset charset, struct buf in)
{
    static const size_t pieces[] = {1, 2, 3, 5, 100, 65536};
    struct outcome whole = decode_in(compression, charset, in, SIZE_MAX);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct outcome cut = decode_in(compression, charset, in, pieces[i]);
        assert_int_equal(cut.rc, whole.rc);
        assert_string_equal(cut.e.detail, whole.e.detail);
        if (cut.rc < 0)
            continue;
        assert_int_equal(cut.text.len, whole.text.len);
        assert_true(!whole.text.len || !memcmp(cut.text.bytes, whole.text.bytes, whole.text.len));
    }
    return whole;
}

static void expect(enum compression compression, enum charset charset, struct buf in, struct buf out)
{
    struct outcome o = decode(compression, charset, in);
    must(o.rc, &o.e);
    assert_int_equal(o.text.len, out.len);
    assert_true(!out.len || !memcmp(o.text.bytes, out.bytes, out.len));
}

static void refuse(enum compression compression, enum charset charset, struct buf in, const char *why)
{
    struct outcome o = decode(compression, charset, in);
    must_fail(o.rc, ERR_BAD_VALUE);
    assert_string_equal(o.e.detail, why);
}

static struct buf bytes(const char *s, size_t len)
{
    struct buf b = {.arena = &a};
    buf_add(&b, s, len);
    return b;
}

#define BYTES(literal) bytes(literal, sizeof(literal) - 1)

static struct buf joined(struct buf one, struct buf other)
{
    struct buf b = {.arena = &a};
    buf_add(&b, one.bytes, one.len);
    buf_add(&b, other.bytes, other.len);
    return b;
}

static struct buf gzip(struct buf in)
{
    z_stream z = {0};
    size_t room = in.len + 1000;
    char *to = arena_alloc(&a, room);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)in.bytes;
    z.avail_in = (uInt)in.len;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    (void)deflateEnd(&z);
    return bytes(to, room - z.avail_out);
}

static struct buf zstd_with(struct buf in, int window)
{
    size_t room = ZSTD_compressBound(in.len);
    char *to = arena_alloc(&a, room);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    (void)ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, window == 0);
    if (window)
        (void)ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window);
    ZSTD_outBuffer out = {.dst = to, .size = room};
    ZSTD_inBuffer from = {.src = in.bytes, .size = in.len};
    if (window) /* else the frame would be made for what it holds */
        assert_false(ZSTD_isError(ZSTD_compressStream2(z, &out, &from, ZSTD_e_flush)));
    assert_int_equal(ZSTD_compressStream2(z, &out, &from, ZSTD_e_end), 0);
    (void)ZSTD_freeCCtx(z);
    return bytes(to, out.pos);
}

static struct buf zstd(struct buf in)
{
    return zstd_with(in, 0);
}

/* Longer than the decoder's pieces. */
static struct buf long_text(void)
{
    static struct buf b;
    uint32_t random = 1;
    b = (struct buf){.arena = &a};
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        buf_printf(&b, "%u,%d\r\n", (unsigned)random, i);
    }
    return b;
}

static void compressions_are_known_by_their_first_bytes(void **state)
{
    (void)state;
    assert_int_equal(decode_sniff_compression("\x1f\x8b\x08\x00", 4), COMPRESSION_GZIP);
    assert_int_equal(decode_sniff_compression("\x28\xb5\x2f\xfd", 4), COMPRESSION_ZSTD);
    assert_int_equal(decode_sniff_compression("\x53\x2a\x4d\x18", 4), COMPRESSION_ZSTD);
    assert_int_equal(decode_sniff_compression("a,b\n", 4), COMPRESSION_NONE);
    assert_int_equal(decode_sniff_compression("\x1f", 1), COMPRESSION_NONE);
    assert_int_equal(decode_sniff_cut("\x1f", 1, COMPRESSION_NONE), COMPRESSION_GZIP);
    assert_int_equal(decode_sniff_cut("", 0, COMPRESSION_NONE), COMPRESSION_NONE);
    assert_int_equal(decode_sniff_cut("", 0, COMPRESSION_GZIP), COMPRESSION_GZIP);
    assert_int_equal(decode_sniff_cut("a", 1, COMPRESSION_GZIP), COMPRESSION_NONE);
    assert_int_equal(decode_sniff_cut("\x28\xb5\x2f", 3, COMPRESSION_ZSTD), COMPRESSION_ZSTD);
    assert_int_equal(decode_sniff_cut("\x28\xb5x", 3, COMPRESSION_ZSTD), COMPRESSION_NONE);
    assert_int_equal(decode_sniff_cut("\x28", 1, COMPRESSION_NONE), COMPRESSION_NONE);
    assert_int_equal(decode_sniff_compression("\x28\xb5\x2f", 3), COMPRESSION_NONE);
    assert_int_equal(decode_sniff_compression("", 0), COMPRESSION_NONE);
}

static void gzip_becomes_what_it_was(void **state)
{
    struct buf text = long_text();
    (void)state;
    expect(COMPRESSION_GZIP, CHARSET_UTF8, gzip(text), text);
    expect(COMPRESSION_GZIP, CHARSET_UTF8, gzip(BYTES("")), BYTES(""));
    expect(COMPRESSION_GZIP, CHARSET_UTF8, joined(gzip(BYTES("a,b\n")), gzip(text)),
           joined(BYTES("a,b\n"), text));
    expect(COMPRESSION_GZIP, CHARSET_UTF8, joined(gzip(BYTES("")), gzip(BYTES("x"))), BYTES("x"));
}

static void damaged_gzip_is_refused(void **state)
{
    struct buf good = gzip(long_text());
    struct buf bad = bytes(good.bytes, good.len);
    (void)state;
    for (size_t len = 0; len < good.len; len += len < 30 || len > good.len - 30 ? 1 : good.len / 9)
        refuse(COMPRESSION_GZIP, CHARSET_UTF8, bytes(good.bytes, len), "the gzip data end in the middle");
    bad.bytes[bad.len - 6] ^= 1;
    refuse(COMPRESSION_GZIP, CHARSET_UTF8, bad, "the gzip data are damaged");
    refuse(COMPRESSION_GZIP, CHARSET_UTF8, BYTES("a,b\n1,2\n"), "the gzip data are damaged");
    refuse(COMPRESSION_GZIP, CHARSET_UTF8, joined(good, BYTES("a,b\n1,2\n")),
           "something else stands after the gzip data");
    refuse(COMPRESSION_GZIP, CHARSET_UTF8, joined(good, BYTES("\x1f")), "the gzip data end in the middle");
}

static void zstd_becomes_what_it_was(void **state)
{
    struct buf text = long_text();
    struct buf exact = bytes(text.bytes, 1 << 16);
    (void)state;
    expect(COMPRESSION_ZSTD, CHARSET_UTF8, zstd(text), text);
    expect(COMPRESSION_ZSTD, CHARSET_UTF8, zstd(exact), exact);
    expect(COMPRESSION_ZSTD, CHARSET_UTF8, zstd_with(text, 23), text);
    expect(COMPRESSION_ZSTD, CHARSET_UTF8, zstd(BYTES("")), BYTES(""));
    expect(COMPRESSION_ZSTD, CHARSET_UTF8, joined(zstd(BYTES("a,b\n")), zstd(text)),
           joined(BYTES("a,b\n"), text));
    expect(COMPRESSION_ZSTD, CHARSET_UTF8, joined(BYTES("\x50\x2a\x4d\x18\x03\0\0\0abc"), zstd(BYTES("x"))),
           BYTES("x"));
}

static void damaged_zstd_is_refused(void **state)
{
    struct buf good = zstd(long_text());
    struct buf bad = bytes(good.bytes, good.len);
    (void)state;
    for (size_t len = 0; len < good.len; len += len < 30 || len > good.len - 30 ? 1 : good.len / 9)
        refuse(COMPRESSION_ZSTD, CHARSET_UTF8, bytes(good.bytes, len), "the zstd data end in the middle");
    bad.bytes[bad.len - 2] ^= 1;
    refuse(COMPRESSION_ZSTD, CHARSET_UTF8, bad, "the zstd data are damaged");
    refuse(COMPRESSION_ZSTD, CHARSET_UTF8, BYTES("a,b\n1,2\n"), "the zstd data are damaged");
    refuse(COMPRESSION_ZSTD, CHARSET_UTF8, joined(good, BYTES("a,b\n1,2\n")),
           "something else stands after the zstd data");
    refuse(COMPRESSION_ZSTD, CHARSET_UTF8, joined(good, BYTES("\x28")), "the zstd data end in the middle");
}

static void zstd_has_a_limit_of_memory(void **state)
{
    /* A frame header of nothing but a window: 2^(10 + 13) bytes, then twice that. */
    (void)state;
    expect(COMPRESSION_ZSTD, CHARSET_UTF8, BYTES("\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00"), BYTES(""));
    refuse(COMPRESSION_ZSTD, CHARSET_UTF8, BYTES("\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00"),
           "the zstd data need a window of more than 8 MiB");
}

static void utf8_passes_as_it_is(void **state)
{
    struct outcome o;
    (void)state;
    o = decode(COMPRESSION_NONE, CHARSET_UTF8, BYTES("\xEF\xBB\xBF\xC3\xA9\xFF"));
    assert_string_equal(buf_str(&o.text), "\xEF\xBB\xBF\xC3\xA9\xFF");
    assert_true(o.identity);
    o = decode(COMPRESSION_NONE, CHARSET_UTF8, BYTES("\xFF"));
    assert_string_equal(buf_str(&o.text), "\xFF");
    o = decode(COMPRESSION_NONE, CHARSET_UTF8,
               BYTES("\xFE"
                     "a"));
    assert_string_equal(buf_str(&o.text), "\xFE"
                                          "a");
    assert_true(o.identity);
    o = decode(COMPRESSION_NONE, CHARSET_UTF8, BYTES(""));
    assert_true(o.rc == 0 && o.text.len == 0 && o.identity);
    assert_false(decode(COMPRESSION_GZIP, CHARSET_UTF8, gzip(BYTES("a"))).identity);
    expect(COMPRESSION_NONE, CHARSET_UTF8, long_text(), long_text());
}

static void utf16_by_its_bom(void **state)
{
    struct buf expected = BYTES("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBB\xBF\xF4\x8F\xBF\xBFz");
    struct buf le = BYTES("\xFF\xFE"
                          "a\0\xE9\0\xAC\x20\x3D\xD8\x00\xDE\xFF\xFE\xFF\xDB\xFF\xDFz\0");
    struct buf be = BYTES("\xFE\xFF\0a\0\xE9\x20\xAC\xD8\x3D\xDE\x00\xFE\xFF\xDB\xFF\xDF\xFF\0z");
    (void)state;
    for (enum charset charset = CHARSET_UTF8; charset <= CHARSET_UTF16; charset++) {
        expect(COMPRESSION_NONE, charset, le, expected);
        expect(COMPRESSION_NONE, charset, be, expected);
        expect(COMPRESSION_GZIP, charset, gzip(le), expected);
        expect(COMPRESSION_ZSTD, charset, zstd(be), expected);
    }
    assert_false(decode(COMPRESSION_NONE, CHARSET_UTF8, le).identity);
    expect(COMPRESSION_NONE, CHARSET_UTF16, BYTES(""), BYTES(""));
    expect(COMPRESSION_NONE, CHARSET_UTF16, BYTES("\xFF\xFE"), BYTES(""));
}

static void broken_utf16_says_where(void **state)
{
    static const char half[] = "the UTF-16 text has a half of a surrogate pair at byte";
    (void)state;
    refuse(COMPRESSION_NONE, CHARSET_UTF16, BYTES("a\0b\0"),
           "the UTF-16 text does not begin with a byte order mark");
    refuse(COMPRESSION_NONE, CHARSET_UTF16, BYTES("\xFF"),
           "the UTF-16 text does not begin with a byte order mark");
    refuse(COMPRESSION_NONE, CHARSET_UTF16,
           BYTES("\xFF\xFE"
                 "a\0b"),
           "the UTF-16 text ends in the middle of a character, at byte 4");
    refuse(COMPRESSION_NONE, CHARSET_UTF16,
           BYTES("\xFF\xFE"
                 "a\0\x3D\xD8"),
           arena_printf(&a, "%s 4", half));
    refuse(COMPRESSION_NONE, CHARSET_UTF16,
           BYTES("\xFF\xFE\x3D\xD8"
                 "a\0"),
           arena_printf(&a, "%s 2", half));
    refuse(COMPRESSION_NONE, CHARSET_UTF16,
           BYTES("\xFF\xFE"
                 "a\0\0\xDE"
                 "b\0"),
           arena_printf(&a, "%s 4", half));
    refuse(COMPRESSION_NONE, CHARSET_UTF16, BYTES("\xFE\xFF\xD8\x3D\xD8\x3D\xDE\x00"),
           arena_printf(&a, "%s 2", half));
}

static void windows_1252_has_five_holes(void **state)
{
    static const char holes[] = "\x81\x8D\x8F\x90\x9D";
    struct buf all = {.arena = &a};
    struct buf expected = {.arena = &a};
    (void)state;
    expect(COMPRESSION_NONE, CHARSET_WINDOWS_1252, BYTES("a\0\x80\x9F\xA0\xFF\xEF\xBB\xBF"),
           BYTES("a\0\xE2\x82\xAC\xC5\xB8\xC2\xA0\xC3\xBF\xC3\xAF\xC2\xBB\xC2\xBF"));
    expect(COMPRESSION_NONE, CHARSET_WINDOWS_1252, BYTES("\xEF\xBB\xBF\xC3\xBF"),
           BYTES("\xEF\xBB\xBF\xC3\xBF"));
    expect(COMPRESSION_NONE, CHARSET_WINDOWS_1252, BYTES("\xEF\xBB\xBE"), BYTES("\xC3\xAF\xC2\xBB\xC2\xBE"));
    expect(COMPRESSION_NONE, CHARSET_WINDOWS_1252, BYTES("\xEF\xBB"), BYTES("\xC3\xAF\xC2\xBB"));
    expect(COMPRESSION_NONE, CHARSET_WINDOWS_1252, BYTES(""), BYTES(""));
    expect(COMPRESSION_NONE, CHARSET_WINDOWS_1252, BYTES("\xFF\xFE"), BYTES("\xC3\xBF\xC3\xBE"));
    for (const char *h = holes; *h; h++)
        refuse(COMPRESSION_NONE, CHARSET_WINDOWS_1252, bytes((char[]){'a', 'b', *h}, 3),
               arena_printf(&a, "byte 2 is 0x%02X, which Windows-1252 does not have",
                            (unsigned)(unsigned char)*h));
    for (int i = 0; i < 70000; i++) {
        buf_putc(&all, '\x93');
        buf_puts(&expected, "\xE2\x80\x9C");
    }
    expect(COMPRESSION_NONE, CHARSET_WINDOWS_1252, all, expected);
    assert_false(decode(COMPRESSION_NONE, CHARSET_WINDOWS_1252, BYTES("a")).identity);
}

static int put_nothing(void *ctx, const void *b, size_t len, struct err *e)
{
    (void)ctx;
    (void)b;
    (void)len;
    return err_set(e, ERR_STORAGE, "full");
}

static void an_error_of_put_ends_the_decoding(void **state)
{
    struct buf in = gzip(long_text());
    struct err e;
    (void)state;
    struct decoder *d = decoder_new(COMPRESSION_GZIP, CHARSET_UTF8, put_nothing, NULL);
    must_fail(decoder_feed(d, in.bytes, in.len, &e), ERR_STORAGE);
    decoder_free(d);
    d = decoder_new(COMPRESSION_NONE, CHARSET_WINDOWS_1252, put_nothing, NULL);
    must(decoder_feed(d, "a", 1, &e), &e);
    must_fail(decoder_finish(d, &e), ERR_STORAGE);
    decoder_free(d);
    decoder_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compressions_are_known_by_their_first_bytes),
        cmocka_unit_test(gzip_becomes_what_it_was),
        cmocka_unit_test(damaged_gzip_is_refused),
        cmocka_unit_test(zstd_becomes_what_it_was),
        cmocka_unit_test(damaged_zstd_is_refused),
        cmocka_unit_test(zstd_has_a_limit_of_memory),
        cmocka_unit_test(utf8_passes_as_it_is),
        cmocka_unit_test(utf16_by_its_bom),
        cmocka_unit_test(broken_utf16_says_where),
        cmocka_unit_test(windows_1252_has_five_holes),
        cmocka_unit_test(an_error_of_put_ends_the_decoding),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
