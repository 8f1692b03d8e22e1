/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: how the input is cut makes no difference, and what passes as it is, is what it was. */
#include "base/buf.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "render/decode.h"

#include <string.h>

enum { MOST = 1 << 22 }; /* bytes of output that are looked at: a few of input can make any number */

struct outcome {
    struct buf text;
    struct err e;
    int rc;
    bool identity;
};

static int put_bytes(void *ctx, const void *bytes, size_t len, struct err *e)
{
    struct buf *b = ctx;
    FUZZ_ASSERT(len > 0 && len <= 1 << 16);
    if (b->len > MOST)
        return err_set(e, ERR_TOO_LARGE, "enough");
    buf_add(b, bytes, len);
    return 0;
}

static struct outcome decode(struct arena *a, unsigned what, const uint8_t *p, size_t len, size_t piece)
{
    struct outcome o = {.text = {.arena = a}};
    struct decoder *d =
        decoder_new((enum compression)(what % 3), (enum charset)(what / 3 % 3), put_bytes, &o.text);
    for (size_t i = 0, n; o.rc == 0 && i < len; i += n) {
        n = len - i < piece ? len - i : piece;
        o.rc = decoder_feed(d, p + i, n, &o.e);
    }
    if (o.rc == 0)
        o.rc = decoder_finish(d, &o.e);
    o.identity = decoder_is_identity(d);
    decoder_free(d);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    if (size < 2)
        return 0;
    const uint8_t *p = data + 2;
    size_t len = size - 2;
    struct outcome whole = decode(&a, data[0], p, len, SIZE_MAX);
    struct outcome cut = decode(&a, data[0], p, len, (size_t)data[1] + 1);
    FUZZ_ASSERT((whole.rc < 0) == (cut.rc < 0)); /* which fault of several is found first may differ */
    if (whole.rc == 0) {
        FUZZ_ASSERT(whole.text.len == cut.text.len && whole.identity == cut.identity);
        FUZZ_ASSERT(!cut.text.len || !memcmp(whole.text.bytes, cut.text.bytes, cut.text.len));
        if (whole.identity)
            FUZZ_ASSERT(whole.text.len == len && (!len || !memcmp(whole.text.bytes, p, len)));
        else if (data[0] / 3 % 3 != CHARSET_UTF8)
            FUZZ_ASSERT(text_is_utf8(whole.text.bytes, whole.text.len));
    }
    (void)decode_sniff_compression(p, len);
    arena_free(&a);
    return 0;
}
