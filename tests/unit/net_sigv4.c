/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures against those that Amazon has published: the test suite of Signature Version 4 (of a service
 * that is called "service"), and the examples of the S3 API Reference, with the keys that stand there.
 */
#include "base/clock.h"
#include "net/sigv4.h"
#include "support/test.h"

#include <string.h>

enum { FIELDS = 5 };
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct sigv4_keys suite_keys = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL};
static const struct sigv4_keys s3_keys = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                          NULL};
static const int64_t suite_time = INT64_C(1440938160) * CLOCK_SECOND;
static const int64_t s3_time = INT64_C(1369353600) * CLOCK_SECOND;

static const struct vector {
    const char *name, *method, *path;
    struct sigv4_field query[FIELDS], headers[FIELDS];
    const char *payload, *names, *signature;
} suite[] =
    {
        {"get-vanilla",
         "GET",
         "/",
         {{0}},
         {{0}},
         EMPTY,
         "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"post-vanilla",
         "POST",
         "/",
         {{0}},
         {{0}},
         EMPTY,
         "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"get-vanilla-query-order-key-case",
         "GET",
         "/",
         {{"Param2", "value2"}, {"Param1", "value1"}},
         {{0}},
         EMPTY,
         "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"get-vanilla-utf8-query",
         "GET",
         "/",
         {{"\u1234", "bar"}},
         {{0}},
         EMPTY,
         "host;x-amz-date",
         "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        {"get-utf8",
         "GET",
         "/\u1234",
         {{0}},
         {{0}},
         EMPTY,
         "host;x-amz-date",
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"get-unreserved",
         "GET",
         "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
         {{0}},
         {{0}},
         EMPTY,
         "host;x-amz-date",
         "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        {"post-vanilla-query",
         "POST",
         "/",
         {{"Param1", "value1"}},
         {{0}},
         EMPTY,
         "host;x-amz-date",
         "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
        {"get-header-value-trim",
         "GET",
         "/",
         {{0}},
         {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}},
         EMPTY,
         "host;my-header1;my-header2;x-amz-date",
         "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        {"post-x-www-form-urlencoded",
         "POST",
         "/",
         {{0}},
         {{"content-type", "application/x-www-form-urlencoded"}},
         "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
         "content-type;host;x-amz-date",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
},
  s3[] = {
      {"GET object",
       "GET",
       "/test.txt",
       {{0}},
       {{"range", "bytes=0-9"}},
       EMPTY,
       "host;range;x-amz-content-sha256;x-amz-date",
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"PUT object",
       "PUT",
       "/test$file.text",
       {{0}},
       {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
       "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
       "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"GET bucket lifecycle",
       "GET",
       "/",
       {{"lifecycle", ""}},
       {{0}},
       EMPTY,
       "host;x-amz-content-sha256;x-amz-date",
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"GET bucket",
       "GET",
       "/",
       {{"prefix", "J"}, {"max-keys", "2"}},
       {{0}},
       EMPTY,
       "host;x-amz-content-sha256;x-amz-date",
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static size_t count(const struct sigv4_field *fields)
{
    size_t n = 0;
    while (n < FIELDS && fields[n].name)
        n++;
    return n;
}

static const char *last(const char *const *lines)
{
    while (lines[1])
        lines++;
    return lines[0];
}

static void compare(const struct vector *v, const struct sigv4_keys *keys, const char *service,
                    const char *host, int64_t now)
{
    struct arena a = {0};
    struct sigv4_request rq = {.keys = keys,
                               .region = "us-east-1",
                               .service = service,
                               .method = v->method,
                               .host = host,
                               .path = v->path,
                               .query = v->query,
                               .query_count = count(v->query),
                               .headers = v->headers,
                               .header_count = count(v->headers),
                               .payload = v->payload,
                               .now = now};
    const char *day = now == suite_time ? "20150830" : "20130524";
    const char *want =
        arena_printf(&a,
                     "authorization: AWS4-HMAC-SHA256 Credential=%s/%s/us-east-1/%s/aws4_request,"
                     "SignedHeaders=%s,Signature=%s",
                     keys->access_key_id, day, service, v->names, v->signature);
    const char *have = last(sigv4_header(&a, &rq));
    if (strcmp(have, want) != 0)
        fail_msg("%s:\n%s\n%s", v->name, have, want);
    arena_free(&a);
}

static void the_published_signatures_of_the_test_suite(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suite / sizeof suite[0]; i++)
        compare(&suite[i], &suite_keys, "service", "example.amazonaws.com", suite_time);
}

static void the_published_signatures_for_s3(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof s3 / sizeof s3[0]; i++)
        compare(&s3[i], &s3_keys, "s3", "examplebucket.s3.amazonaws.com", s3_time);
}

static void the_published_signed_address(void **state)
{
    struct arena a = {0};
    struct sigv4_request rq = {.keys = &s3_keys,
                               .region = "us-east-1",
                               .service = "s3",
                               .method = "GET",
                               .host = "examplebucket.s3.amazonaws.com",
                               .path = "/test.txt",
                               .now = s3_time};
    (void)state;
    assert_string_equal(
        sigv4_presign(&a, &rq, 86400),
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
        "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    arena_free(&a);
}

static void a_session_token_is_signed_and_sent(void **state)
{
    struct arena a = {0};
    struct sigv4_keys keys = {"AK", "SK", "to/ken="};
    struct sigv4_request rq = {.keys = &keys,
                               .region = "eu",
                               .service = "s3",
                               .method = "GET",
                               .host = "h",
                               .path = "/k",
                               .payload = SIGV4_UNSIGNED,
                               .now = s3_time};
    const char *const *lines = sigv4_header(&a, &rq);
    (void)state;
    assert_string_equal(lines[0], "x-amz-date: 20130524T000000Z");
    assert_string_equal(lines[1], "x-amz-content-sha256: UNSIGNED-PAYLOAD");
    assert_string_equal(lines[2], "x-amz-security-token: to/ken=");
    assert_non_null(
        strstr(lines[3], "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
    assert_non_null(strstr(sigv4_presign(&a, &rq, 60), "&X-Amz-Security-Token=to%2Fken%3D&"));
    arena_free(&a);
}

static void paths_and_queries_are_encoded_as_they_are_signed(void **state)
{
    struct arena a = {0};
    struct sigv4_field query[] = {{"prefix", "a b/c"}, {"list-type", "2"}, {"marker", "\xc3\xbc+~"}};
    struct sigv4_request rq = {.path = "/bucket/up load/\xc3\xbc+~.bin", .query = query, .query_count = 3};
    (void)state;
    assert_string_equal(sigv4_path(&a, &rq), "/bucket/up%20load/%C3%BC%2B~.bin");
    assert_string_equal(sigv4_query(&a, &rq), "list-type=2&marker=%C3%BC%2B~&prefix=a%20b%2Fc");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_signatures_of_the_test_suite),
        cmocka_unit_test(the_published_signatures_for_s3),
        cmocka_unit_test(the_published_signed_address),
        cmocka_unit_test(a_session_token_is_signed_and_sent),
        cmocka_unit_test(paths_and_queries_are_encoded_as_they_are_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
