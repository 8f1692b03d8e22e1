/* SPDX-License-Identifier: Apache-2.0 */
/* See outgoing.h. */
#include "net/outgoing.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int outgoing_start(struct err *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return err_set(e, ERR_INTERNAL, "the library for outgoing requests cannot start");
    return 0;
}

void outgoing_end(void)
{
    curl_global_cleanup();
}

/* --- where it may go --- */

static const struct {
    uint32_t network;
    int bits;
} special[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
    {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24},
    {0xc0a80000, 16}, {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24},
    {0xe0000000, 4},  {0xf0000000, 4},  {0xa83f8110, 32}, /* the host of a machine at Azure, 168.63.129.16 */
};

static bool is_public_4(uint32_t address)
{
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if ((address ^ special[i].network) >> (32 - special[i].bits) == 0)
            return false;
    return true;
}

static uint32_t number_4(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Global unicast is 2000::/3. Addresses that stand for IPv4 ones (mapped, NAT64, 6to4) are what those are. */
static bool is_public_6(const unsigned char *b)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(b, mapped, sizeof mapped) == 0 || memcmp(b, nat64, sizeof nat64) == 0)
        return is_public_4(number_4(b + 12));
    if (b[0] == 0x20 && b[1] == 0x02)
        return is_public_4(number_4(b + 2));
    bool documentation = b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8;
    bool teredo = b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0;
    return (b[0] & 0xe0) == 0x20 && !documentation && !teredo;
}

bool outgoing_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return is_public_4(ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return is_public_6(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
    return false;
}

bool outgoing_is_literal(const char *url)
{
    CURLU *parsed = curl_url();
    char *host = NULL;
    struct in_addr address;
    bool literal = false;
    /* The library writes all forms of IPv4's addresses as four numbers, and those of IPv6 in brackets. */
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        literal = *host == '[' || inet_pton(AF_INET, host, &address) == 1;
    curl_free(host);
    curl_url_cleanup(parsed);
    return literal;
}
