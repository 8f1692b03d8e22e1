/* SPDX-License-Identifier: Apache-2.0 */
/* Multipart bodies: what real clients send, in pieces of every size, and what is refused. */
#include "base/buf.h"
#include "http/multipart.h"
#include "support/test.h"

#include <string.h>

static struct arena arena;
static struct err e;
static struct buf seen; /* name|file name|media type{bytes} of each part */

static int clear(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static int see_begin(void *ctx, const struct multipart_part *p, struct err *err)
{
    (void)ctx;
    (void)err;
    buf_printf(&seen, "%s|%s|%s{", p->name, p->file_name ? p->file_name : "-",
               p->media_type ? p->media_type : "-");
    return 0;
}

static int see_bytes(void *ctx, const void *bytes, size_t len, struct err *err)
{
    (void)err;
    assert_true(len > 0);
    buf_add(&seen, bytes, len);
    return ctx != NULL; /* whoever passes something is behind */
}

static int see_end(void *ctx, struct err *err)
{
    (void)ctx;
    (void)err;
    buf_puts(&seen, "}");
    return 0;
}

static const struct multipart_ops ops = {see_begin, see_bytes, see_end};

static int start(const char *content_type, struct multipart **ret)
{
    arena_free(&arena);
    seen = (struct buf){.arena = &arena};
    return multipart_new(&arena, content_type, &ops, NULL, ret, &e);
}

/* The whole body in pieces of `step` bytes. */
static int read_body(const char *body, size_t len, size_t step)
{
    struct multipart *m = NULL;
    must(start("multipart/form-data; boundary=XX", &m), &e);
    for (size_t i = 0; i < len; i += step) {
        int rc = multipart_feed(m, body + i, len - i < step ? len - i : step, &e);
        if (rc < 0)
            return rc;
    }
    return multipart_finish(m, &e);
}

#define CHECK(body, expected)                                                                                \
    do {                                                                                                     \
        static const char text[] = body;                                                                     \
        for (size_t step = 1; step < sizeof text; step++) {                                                  \
            must(read_body(text, sizeof text - 1, step), &e);                                                \
            assert_int_equal(seen.len, sizeof(expected) - 1);                                                \
            assert_memory_equal(seen.bytes, expected, sizeof(expected) - 1);                                 \
        }                                                                                                    \
    } while (0)

#define REFUSE(body, code)                                                                                   \
    do {                                                                                                     \
        static const char text[] = body;                                                                     \
        for (size_t step = 1; step < sizeof text; step++)                                                    \
            must_fail(read_body(text, sizeof text - 1, step), code);                                         \
    } while (0)

#define PART(disposition, body) "--XX\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" body "\r\n"

static void fields_and_files(void **state)
{
    (void)state;
    CHECK(PART("name=\"separator\"", ";") "--XX\r\nContent-Disposition: form-data; name=\"file\"; "
                                          "filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\na;b\r\n1;2\r\n"
                                          "\r\n--XX--\r\n",
          "separator|-|-{;}file|a.csv|text/csv{a;b\r\n1;2\r\n}");
    CHECK("--XX--", "");
    CHECK(PART("name=a", "") "--XX--", "a|-|-{}");
    CHECK("preamble\r\n" PART("name=a", "1") "--XX--\r\nepilogue --XX", "a|-|-{1}");
    CHECK("--XX \t\r\ncontent-disposition:form-data;NAME=a ; filename=b\r\ncontent-type:  \r\n"
          "Content-Transfer-Encoding: binary\r\nX-Other: 1\r\n\r\n1\r\n--XX--",
          "a|b|-{1}");
}

static void what_only_looks_like_a_boundary_is_kept(void **state)
{
    (void)state;
    CHECK(PART("name=a", "\r\n--X\r\n--\r\n\r\r\n--XY--XX\n--XX\r") "--XX--",
          "a|-|-{\r\n--X\r\n--\r\n\r\r\n--XY--XX\n--XX\r}");
    CHECK(PART("name=a", "\0\xFF\r\n") "--XX--", "a|-|-{\0\xFF\r\n}");
}

static void names_are_decoded(void **state)
{
    (void)state;
    CHECK(PART("name=\"a \\\"b\\\\\"; filename=\"C:\\dir\\f;x=.csv\"", "") "--XX--",
          "a \"b\\|C:\\dir\\f;x=.csv|-{}");
    CHECK(PART("name=a; filename=\"f.csv\"; filename*=UTF-8''%E2%82%AC.csv", "") "--XX--",
          "a|\xE2\x82\xAC.csv|-{}");
}

static void what_is_not_well_formed_is_refused(void **state)
{
    (void)state;
    REFUSE("--XX", ERR_BAD_REQUEST);
    REFUSE("--XX-", ERR_BAD_REQUEST);
    REFUSE("--XXY\r\n", ERR_BAD_REQUEST);
    REFUSE("--XX\n", ERR_BAD_REQUEST);
    REFUSE("--XX-\r\n", ERR_BAD_REQUEST);
    REFUSE("--XX\r\n\r\n", ERR_BAD_REQUEST);
    REFUSE("--XX\r\nContent-Type: text/csv\r\n\r\n", ERR_BAD_REQUEST);
    REFUSE(PART("name=a", "1"), ERR_BAD_REQUEST);
    REFUSE(PART("name=\"a", "1") "--XX--", ERR_BAD_REQUEST);
    REFUSE(PART("filename=a", "1") "--XX--", ERR_BAD_REQUEST);
    REFUSE(PART("name=\"\xFF\"", "1") "--XX--", ERR_BAD_REQUEST);
    REFUSE(PART("name=a; filename*=latin1''a", "1") "--XX--", ERR_BAD_REQUEST);
    REFUSE("--XX\r\nContent-Disposition: attachment; name=a\r\n\r\n", ERR_BAD_REQUEST);
    REFUSE("--XX\r\nContent-Disposition: form-data; name=a\0\r\n\r\n", ERR_BAD_REQUEST);
    REFUSE("--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n",
           ERR_BAD_REQUEST);
}

static void types_without_a_boundary_are_refused(void **state)
{
    static const char *const bad[] = {
        NULL,
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a",
        "multipart/form-dataX; boundary=a",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
    };
    struct multipart *m = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        must_fail(start(bad[i], &m), ERR_BAD_VALUE);
        assert_string_equal(e.where, "Content-Type");
    }
    must(start("Multipart/Form-Data; charset=utf-8; Boundary=\"XX\"", &m), &e);
    must(multipart_feed(m, "--XX--", 6, &e), &e);
    must(multipart_finish(m, &e), &e);
}

static void headers_parts_and_preambles_have_limits(void **state)
{
    static char long_text[3 * MULTIPART_HEADER];
    struct multipart *m = NULL;
    (void)state;
    memset(long_text, 'x', sizeof long_text);
    must(start("multipart/form-data; boundary=XX", &m), &e);
    must_fail(multipart_feed(m, long_text, sizeof long_text, &e), ERR_BAD_REQUEST);
    must(start("multipart/form-data; boundary=XX", &m), &e);
    must(multipart_feed(m, "--XX\r\n", 6, &e), &e);
    must_fail(multipart_feed(m, long_text, sizeof long_text, &e), ERR_TOO_LARGE);
    must(start("multipart/form-data; boundary=XX", &m), &e);
    for (int i = 0; i < MULTIPART_PARTS; i++)
        must(multipart_feed(m, PART("name=a", "1"), sizeof PART("name=a", "1") - 1, &e), &e);
    must_fail(multipart_feed(m, PART("name=a", "1"), sizeof PART("name=a", "1") - 1, &e), ERR_TOO_LARGE);
}

static void being_behind_is_told(void **state)
{
    static const char head[] = "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n";
    struct multipart *m = NULL;
    (void)state;
    arena_free(&arena);
    seen = (struct buf){.arena = &arena};
    must(multipart_new(&arena, "multipart/form-data; boundary=XX", &ops, &seen, &m, &e), &e);
    assert_int_equal(multipart_feed(m, head, sizeof head - 1, &e), 0);
    assert_int_equal(multipart_feed(m, "1", 1, &e), 1);
    assert_int_equal(multipart_feed(m, "\r\n--XX--", 8, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(fields_and_files, clear),
        cmocka_unit_test_teardown(what_only_looks_like_a_boundary_is_kept, clear),
        cmocka_unit_test_teardown(names_are_decoded, clear),
        cmocka_unit_test_teardown(what_is_not_well_formed_is_refused, clear),
        cmocka_unit_test_teardown(types_without_a_boundary_are_refused, clear),
        cmocka_unit_test_teardown(headers_parts_and_preambles_have_limits, clear),
        cmocka_unit_test_teardown(being_behind_is_told, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
