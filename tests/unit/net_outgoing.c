/* SPDX-License-Identifier: Apache-2.0 */
/* Where outgoing requests may go. */
#include "net/outgoing.h"
#include "support/test.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

static bool is_public(const char *text)
{
    struct sockaddr_storage s = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
    void *to = s.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&s)->sin_addr
                                      : (void *)&((struct sockaddr_in6 *)&s)->sin6_addr;
    assert_int_equal(inet_pton(s.ss_family, text, to), 1);
    return outgoing_is_public((struct sockaddr *)&s);
}

static void addresses_of_the_internet_are_public(void **state)
{
    static const char *const all[] = {
        "1.1.1.1",         "8.8.8.8",          "11.0.0.1",       "100.63.255.255", "100.128.0.1",
        "126.255.255.255", "172.15.255.255",   "172.32.0.1",     "192.167.1.1",    "198.17.1.1",
        "223.255.255.255", "2a00:1450::1",     "168.63.129.15",  "168.63.129.17",  "2606:4700::1111",
        "::ffff:8.8.8.8",  "64:ff9b::808:808", "2002:808:808::1"};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!is_public(all[i]))
            fail_msg("%s is public", all[i]);
}

static void addresses_of_machines_and_networks_of_ones_own_are_not(void **state)
{
    static const char *const all[] = {"0.0.0.0",
                                      "10.0.0.1",
                                      "100.64.0.1",
                                      "127.0.0.1",
                                      "127.255.255.255",
                                      "168.63.129.16",
                                      "169.254.169.254",
                                      "172.16.0.1",
                                      "172.31.255.255",
                                      "192.0.0.1",
                                      "192.168.1.1",
                                      "198.18.0.1",
                                      "198.19.255.255",
                                      "224.0.0.1",
                                      "240.0.0.1",
                                      "255.255.255.255",
                                      "::",
                                      "::1",
                                      "fc00::1",
                                      "fd12::1",
                                      "fe80::1",
                                      "ff02::1",
                                      "::ffff:127.0.0.1",
                                      "::ffff:10.0.0.1",
                                      "64:ff9b::7f00:1",
                                      "2002:7f00:1::1",
                                      "2001:db8::1",
                                      "2001::1",
                                      "::127.0.0.1",
                                      "fec0::1"};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (is_public(all[i]))
            fail_msg("%s is not public", all[i]);
}

static void what_is_no_internet_address_is_not_public(void **state)
{
    struct sockaddr_storage s = {.ss_family = AF_UNIX};
    (void)state;
    assert_false(outgoing_is_public((struct sockaddr *)&s));
}

static void addresses_in_any_form_are_told_from_names(void **state)
{
    static const char *const literal[] = {
        "http://127.0.0.1", "https://8.8.8.8:9000", "http://2130706433:80",   "http://0x7f.1",
        "http://[::1]:1",   "http://[fe80::1]",     "http://[::ffff:1.2.3.4]"};
    static const char *const names[] = {"http://localhost", "https://example.org:9000",
                                        "http://127.0.0.1.nip.io", "http://1.2.3.4.example", "http://a-1"};
    (void)state;
    for (size_t i = 0; i < sizeof literal / sizeof literal[0]; i++)
        if (!outgoing_is_literal(literal[i]))
            fail_msg("%s is an address", literal[i]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (outgoing_is_literal(names[i]))
            fail_msg("%s is a name", names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_the_internet_are_public),
        cmocka_unit_test(addresses_of_machines_and_networks_of_ones_own_are_not),
        cmocka_unit_test(addresses_in_any_form_are_told_from_names),
        cmocka_unit_test(what_is_no_internet_address_is_not_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
