/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields: ranges, entity tags, conditions, announced digests, file names, origins. */
#include "base/clock.h"
#include "http/cors.h"
#include "http/fields.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

static struct arena a;
static struct err e;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&a);
    return 0;
}

static void one_range(const char *value, int64_t size, int64_t first, int64_t last)
{
    struct byte_range r[FIELDS_MAX_RANGES];
    int n;
    if (fields_parse_range(value, size, r, &n) != RANGE_PARTS)
        fail_msg("%s gave no range", value);
    assert_int_equal(n, 1);
    assert_true(r[0].first == first && r[0].last == last);
}

static void ranges_that_are_served(void **state)
{
    struct byte_range r[FIELDS_MAX_RANGES];
    int n;
    (void)state;
    one_range("bytes=0-0", 10, 0, 0);
    one_range("bytes=0-9", 10, 0, 9);
    one_range("bytes=5-", 10, 5, 9);
    one_range("bytes=5-100", 10, 5, 9);
    one_range("bytes=-3", 10, 7, 9);
    one_range("bytes=-100", 10, 0, 9);
    one_range("Bytes= 2-3 ", 10, 2, 3);
    one_range("bytes=007-8", 10, 7, 8);
    one_range("bytes=0-99999999999999999999999", 10, 0, 9);
    one_range("bytes=-99999999999999999999999", 10, 0, 9);
    one_range("bytes=0-0,20-30", 10, 0, 0);
    assert_int_equal(fields_parse_range("bytes=0-0, 9-9 ,5-6", 10, r, &n), RANGE_PARTS);
    assert_int_equal(n, 3);
    assert_int_equal(r[1].first, 9);
    assert_int_equal(r[2].last, 6);
}

static void ranges_that_are_ignored_or_impossible(void **state)
{
    static const char *const none[] = {"",
                                       "bytes",
                                       "bytes=",
                                       "items=0-1",
                                       "bytes=a-b",
                                       "bytes=1",
                                       "bytes=-",
                                       "bytes=5-3",
                                       "bytes=1-2,",
                                       "bytes=,1-2",
                                       "bytes=1-2;3-4",
                                       "bytes=1--2",
                                       "bytes=0-9,0-0",
                                       "bytes =0-1",
                                       "bytes=0x0-1",
                                       "bytes=+1-2"};
    static const char *const impossible[] = {"bytes=10-", "bytes=10-20", "bytes=-0",
                                             "bytes=99999999999999999999-", "bytes=10-10,20-30"};
    struct byte_range r[FIELDS_MAX_RANGES];
    char many[400] = "bytes=";
    size_t len = strlen(many);
    int n;
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (fields_parse_range(none[i], 10, r, &n) != RANGE_NONE)
            fail_msg("%s was taken", none[i]);
    assert_int_equal(fields_parse_range(NULL, 10, r, &n), RANGE_NONE);
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++)
        assert_int_equal(fields_parse_range(impossible[i], 10, r, &n), RANGE_UNSATISFIABLE);
    assert_int_equal(fields_parse_range("bytes=0-0", 0, r, &n), RANGE_UNSATISFIABLE);
    assert_int_equal(fields_parse_range("bytes=-1", 0, r, &n), RANGE_UNSATISFIABLE);
    for (int i = 0; i <= FIELDS_MAX_RANGES; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, "%d-%d,", i, i);
    many[len - 1] = '\0';
    assert_int_equal(fields_parse_range(many, 1000, r, &n), RANGE_NONE);
    *strrchr(many, ',') = '\0';
    assert_int_equal(fields_parse_range(many, 1000, r, &n), RANGE_PARTS);
    assert_int_equal(n, FIELDS_MAX_RANGES);
}

/* The sum of ranges must not wrap around: that would send more than there is. */
static void the_sum_of_ranges_does_not_overflow(void **state)
{
    struct byte_range r[FIELDS_MAX_RANGES];
    int n;
    (void)state;
    assert_int_equal(fields_parse_range("bytes=0-,0-", INT64_MAX, r, &n), RANGE_NONE);
}

static void entity_tags(void **state)
{
    static const char tag[] = "\"abc\"";
    (void)state;
    assert_true(fields_match_etag("*", tag, false));
    assert_true(fields_match_etag("\"abc\"", tag, false));
    assert_true(fields_match_etag(" \"x\" , \"abc\"", tag, false));
    assert_true(fields_match_etag("\"x\",,\"abc\"", tag, false));
    assert_true(fields_match_etag("W/\"abc\"", tag, true));
    assert_true(fields_match_etag("\"a,b\", \"abc\"", tag, true));
    assert_false(fields_match_etag("W/\"abc\"", tag, false));
    assert_false(fields_match_etag("\"ab\"", tag, true));
    assert_false(fields_match_etag("abc", tag, true));
    assert_false(fields_match_etag("\"abc", tag, true));
    assert_false(fields_match_etag("", tag, true));
    assert_false(fields_match_etag("\"x\" \"abc\"", tag, true));
}

#define EARLIER "Fri, 02 Jan 2026 03:04:04 GMT"
#define SAME    "Fri, 02 Jan 2026 03:04:05 GMT"
#define LATER   "Fri, 02 Jan 2026 03:04:06 GMT"

static void conditions_in_their_order(void **state)
{
    static const struct {
        struct conditions c;
        enum condition_outcome outcome;
        bool range;
    } cases[] = {
        {{0}, CONDITION_PROCEED, true},
        {{.if_match = "\"e\""}, CONDITION_PROCEED, true},
        {{.if_match = "\"x\""}, CONDITION_FAILED, true},
        {{.if_match = "W/\"e\""}, CONDITION_FAILED, true},
        {{.if_match = "\"e\"", .if_unmodified_since = EARLIER}, CONDITION_PROCEED, true},
        {{.if_unmodified_since = EARLIER}, CONDITION_FAILED, true},
        {{.if_unmodified_since = SAME}, CONDITION_PROCEED, true},
        {{.if_unmodified_since = "nonsense"}, CONDITION_PROCEED, true},
        {{.if_none_match = "\"e\""}, CONDITION_NOT_MODIFIED, true},
        {{.if_none_match = "W/\"e\""}, CONDITION_NOT_MODIFIED, true},
        {{.if_none_match = "*"}, CONDITION_NOT_MODIFIED, true},
        {{.if_none_match = "\"x\"", .if_modified_since = LATER}, CONDITION_PROCEED, true},
        {{.if_modified_since = SAME}, CONDITION_NOT_MODIFIED, true},
        {{.if_modified_since = LATER}, CONDITION_NOT_MODIFIED, true},
        {{.if_modified_since = EARLIER}, CONDITION_PROCEED, true},
        {{.if_modified_since = "nonsense"}, CONDITION_PROCEED, true},
        {{.if_match = "\"x\"", .if_none_match = "\"e\""}, CONDITION_FAILED, true},
        {{.if_range = "\"e\""}, CONDITION_PROCEED, true},
        {{.if_range = "\"x\""}, CONDITION_PROCEED, false},
        {{.if_range = "W/\"e\""}, CONDITION_PROCEED, false},
        {{.if_range = SAME}, CONDITION_PROCEED, true},
        {{.if_range = LATER}, CONDITION_PROCEED, false},
        {{.if_range = "nonsense"}, CONDITION_PROCEED, false},
    };
    int64_t modified;
    (void)state;
    assert_true(clock_parse_http(SAME, &modified));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool range;
        assert_int_equal(fields_check_conditions(&cases[i].c, "\"e\"", modified + 999999, &range),
                         cases[i].outcome);
        if (cases[i].outcome == CONDITION_PROCEED)
            assert_int_equal(range, cases[i].range);
    }
}

#define SHA_BASE64 "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
#define SHA_HEX    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MD5_BASE64 "kAFQmDzST7DWlj99KOF/cg=="
#define MD5_HEX    "900150983cd24fb0d6963f7d28e17f72"

static void announced_digests(void **state)
{
    struct wanted_digests w = {0};
    (void)state;
    must(fields_parse_digest(&a, "Repr-Digest", "sha-256=:" SHA_BASE64 ":, md5=:" MD5_BASE64 ":", &w, &e),
         &e);
    assert_string_equal(w.sha256, SHA_HEX);
    assert_string_equal(w.md5, MD5_HEX);
    must(fields_parse_content_md5(&a, MD5_BASE64, &w, &e), &e);
    must_fail(fields_parse_content_md5(&a, "1B2M2Y8AsgTpgAmY7PhCfg==", &w, &e), ERR_BAD_VALUE);
    w = (struct wanted_digests){0};
    must(fields_parse_digest(&a, "Content-Digest", "sha-512=:eA==:, unixsum=:eA==:", &w, &e), &e);
    assert_null(w.sha256);
    assert_null(w.md5);
    must(fields_parse_digest(&a, "Content-Digest", "", &w, &e), &e);
    assert_string_equal(fields_repr_digest(&a, SHA_HEX), "sha-256=:" SHA_BASE64 ":");
    assert_null(fields_repr_digest(&a, "abc"));
}

static void broken_digests_are_refused(void **state)
{
    static const char *const bad[] = {"sha-256",
                                      "sha-256=",
                                      "sha-256=abc",
                                      "sha-256=:abc",
                                      "sha-256=:YWJj:",
                                      "sha-256=:" MD5_BASE64 ":",
                                      "md5=:" SHA_BASE64 ":",
                                      "sha-256=:!!!!:",
                                      "sha-256=:" SHA_BASE64 ": md5=:" MD5_BASE64 ":",
                                      "=:" SHA_BASE64 ":",
                                      "SHA-256=:" SHA_BASE64 ":"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wanted_digests w = {0};
        must_fail(fields_parse_digest(&a, "Repr-Digest", bad[i], &w, &e), ERR_BAD_VALUE);
        assert_int_equal(e.place, ERR_HEADER);
        assert_string_equal(e.where, "Repr-Digest");
    }
    struct wanted_digests w = {0};
    must_fail(fields_parse_content_md5(&a, "YWJj", &w, &e), ERR_BAD_VALUE);
    must_fail(fields_parse_content_md5(&a, "", &w, &e), ERR_BAD_VALUE);
    must_fail(fields_parse_content_md5(&a, MD5_HEX, &w, &e), ERR_BAD_VALUE);
}

static void file_names_cannot_break_out(void **state)
{
    (void)state;
    assert_string_equal(fields_disposition(&a, "report.csv"), "attachment; filename=\"report.csv\"");
    assert_string_equal(fields_disposition(&a, "a\"b\\c;d.x"),
                        "attachment; filename=\"a_b_c;d.x\"; filename*=UTF-8''a%22b%5Cc%3Bd.x");
    assert_string_equal(fields_disposition(&a, "\xe2\x82\xac.txt"),
                        "attachment; filename=\"_.txt\"; filename*=UTF-8''%E2%82%AC.txt");
    assert_string_equal(fields_disposition(&a, "a\r\nb%41"),
                        "attachment; filename=\"a__b_41\"; filename*=UTF-8''a%0D%0Ab%2541");
}

static void origins_that_may(void **state)
{
    static const char list[] = ", https://a.example,http://b.example:8080 , https://c.example";
    static const char *const others[] = {"",
                                         "null",
                                         "*",
                                         "https://a.example:443",
                                         "http://a.example",
                                         "https://a.exampl",
                                         "https://a.example,http://b.example:8080",
                                         "https://b.example",
                                         ","};
    (void)state;
    assert_string_equal(cors_allow(list, "https://a.example"), "https://a.example");
    assert_string_equal(cors_allow(list, "http://b.example:8080"), "http://b.example:8080");
    assert_string_equal(cors_allow(list, "https://c.example"), "https://c.example");
    assert_string_equal(cors_allow("https://A.example", "https://a.example"), "https://a.example");
    assert_string_equal(cors_allow("*", "null"), "*");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (cors_allow(list, others[i]) || cors_allow("", others[i]))
            fail_msg("%s may", others[i]);
}

static void framing(void **state)
{
    static const struct {
        const char *lengths, *codings;
        int64_t size; /* or an error */
        bool http_1_0;
    } cases[] = {
        {NULL, NULL, 0, false},
        {"0", NULL, 0, false},
        {"0005", NULL, 5, false},
        {"5, 5,5", NULL, 5, false},
        {"0, 0", NULL, 0, true},
        {"99999999999999999999", NULL, INT64_MAX, false},
        {"00000000000000000000000000", NULL, 0, false},
        {"5, 6", NULL, ERR_BAD_REQUEST, false},
        {"5,", NULL, ERR_BAD_REQUEST, false},
        {"", NULL, ERR_BAD_REQUEST, false},
        {"+5", NULL, ERR_BAD_REQUEST, false},
        {"-5", NULL, ERR_BAD_REQUEST, false},
        {"0x5", NULL, ERR_BAD_REQUEST, false},
        {"5 5", NULL, ERR_BAD_REQUEST, false},
        {NULL, "chunked", -1, false},
        {NULL, " ChunKed ", -1, false},
        {NULL, "chunked", ERR_BAD_REQUEST, true},
        {NULL, "", ERR_BAD_REQUEST, false},
        {NULL, "gzip", ERR_BAD_REQUEST, false},
        {NULL, "chunked, chunked", ERR_BAD_REQUEST, false},
        {NULL, "chunked, gzip", ERR_BAD_REQUEST, false},
        {NULL, "chunked;q=1", ERR_BAD_REQUEST, false},
        {NULL, "gzip, chunked", ERR_NOT_IMPLEMENTED, false},
        {"5", "chunked", ERR_BAD_REQUEST, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t size = 77;
        int rc = fields_parse_framing(cases[i].lengths, cases[i].codings, cases[i].http_1_0, &size, &e);
        if (cases[i].size < -1)
            must_fail(rc, (int)cases[i].size);
        else
            assert_int_equal(must(rc, &e) ? 0 : size, cases[i].size);
    }
}

static void how_stale_an_answer_may_be(void **state)
{
    static const struct {
        const char *value;
        int64_t seconds;
    } cases[] = {
        {NULL, -1},
        {"", -1},
        {"no-cache", -1},
        {"max-stale=5", 5},
        {"Max-Stale=0", 0},
        {"no-transform ,\tmax-stale=12 , x", 12},
        {"max-stale", INT64_MAX},
        {"max-stale,", INT64_MAX},
        {"max-stale=", -1},
        {"max-stale=-1", -1},
        {"max-stale=1x", -1},
        {"max-stale=99999999999999999999", -1},
        {"max-staleness=5", -1},
        {",,", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (fields_max_stale(cases[i].value) != cases[i].seconds)
            fail_msg("%s gave %lld", cases[i].value, (long long)fields_max_stale(cases[i].value));
}

static void who_takes_gzip(void **state)
{
    static const struct {
        const char *value;
        bool takes;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"br, GZip;q=0.1", true},
        {"x-gzip", true},
        {"gzip;q=0", false},
        {"gzip; q=0.000, br", false},
        {"gzip;q=0.001", true},
        {"*", true},
        {"*;q=0", false},
        {"*, gzip;q=0", false},
        {"gzip;q=0, *", false},
        {"gzipped", false},
        {"identity", false},
        {"deflate,,gzip", true},
        {",", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (fields_accept_gzip(cases[i].value) != cases[i].takes)
            fail_msg("%s", cases[i].value ? cases[i].value : "NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_that_are_served),
        cmocka_unit_test(ranges_that_are_ignored_or_impossible),
        cmocka_unit_test(the_sum_of_ranges_does_not_overflow),
        cmocka_unit_test(entity_tags),
        cmocka_unit_test(conditions_in_their_order),
        cmocka_unit_test(announced_digests),
        cmocka_unit_test(broken_digests_are_refused),
        cmocka_unit_test(who_takes_gzip),
        cmocka_unit_test(file_names_cannot_break_out),
        cmocka_unit_test(origins_that_may),
        cmocka_unit_test(framing),
        cmocka_unit_test(how_stale_an_answer_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
