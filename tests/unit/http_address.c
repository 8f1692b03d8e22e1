/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as data: what is one, where it leads, and what is the same place. */
#include "http/address.h"
#include "support/test.h"

#include <string.h>

static void assert_leads(const char *text, const char *host, int64_t port, const char *rest)
{
    struct address_place p;
    const char *found;
    assert_true(address_parse(text, &p, &found));
    assert_int_equal(p.len, strlen(host));
    assert_memory_equal(p.host, host, p.len);
    assert_int_equal(p.port, port);
    assert_string_equal(found, rest);
}

static void addresses_lead_somewhere(void **state)
{
    (void)state;
    assert_leads("http://a", "a", 80, "");
    assert_leads("HTTPS://A.example/x?y=http://z", "A.example", 443, "/x?y=http://z");
    assert_leads("http://a.example.:8080/", "a.example", 8080, "/");
    assert_leads("http://127.0.0.1:/", "127.0.0.1", 80, "/");
    assert_leads("https://[::1]:65535//", "[::1]", 65535, "//");
    assert_leads("http://[::ffff:127.0.0.1]/", "[::ffff:127.0.0.1]", 80, "/");
}

static void what_could_be_read_in_two_ways_is_none(void **state)
{
    static const char *const none[] = {
        "",
        "a",
        "/a",
        "//a/",
        "http:",
        "http:/a",
        "http://",
        "http:///a",
        "http://:80",
        "http://.",
        "ftp://a/",
        " http://a/",
        "http://a b/",
        "http://u@a/",
        "http://u:p@a/",
        "http://a:80@b/",
        "http://a\\b/",
        "http://a\\@b/",
        "http:\\\\a/",
        "http://a?b/",
        "http://a#b/",
        "http://a%2e/",
        "http://a:0/",
        "http://a:080/",
        "http://a:65536/",
        "http://a:x/",
        "http://a:80:80/",
        "http://[/",
        "http://[]/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[a.example]/",
        "http://a\n/",
        "http://\xc3\xa4/",
    };
    struct address_place p;
    const char *rest;
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (address_parse(none[i], &p, &rest))
            fail_msg("taken for an address: %s", none[i]);
}

static bool same(const char *own, const char *address)
{
    struct address_place a;
    struct address_place b;
    const char *rest;
    assert_true(address_parse_place(own, strlen(own), &a));
    assert_true(address_parse(address, &b, &rest));
    return address_same(&a, &b);
}

static void places_are_the_same_however_they_are_written(void **state)
{
    (void)state;
    assert_true(same("a.example:8080", "http://A.EXAMPLE.:8080/x"));
    assert_true(same("a.example", "http://a.example/"));
    assert_true(same("a.example", "https://a.example/"));
    assert_true(same("a.example:443", "https://a.example/"));
    assert_true(same("localhost:1", "http://127.0.0.1:1/"));
    assert_true(same("[::1]:1", "http://LOCALHOST:1/"));
    assert_false(same("a.example:443", "http://a.example/"));
    assert_false(same("a.example", "http://a.example:8080/"));
    assert_false(same("a.example", "http://b.example/"));
    assert_false(same("a.example", "http://example/"));
    assert_false(same("a.example:1", "http://localhost:1/"));
    assert_false(same("127.0.0.1:1", "http://127.0.0.2:1/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_lead_somewhere),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_none),
        cmocka_unit_test(places_are_the_same_however_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
