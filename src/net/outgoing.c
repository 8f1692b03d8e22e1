/* SPDX-License-Identifier: Apache-2.0 */
/* See outgoing.h. */
#include "net/outgoing.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECT_MS = 4000, LONGEST_ANSWER = 64 << 10 };

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
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
    {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0a80000, 16}, {0xc6120000, 15},
    {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 4},  {0xf0000000, 4},
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

/* --- one request --- */

struct call {
    const struct outgoing *o;
    bool refused; /* an address was */
    size_t received;
};

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct call *c = ctx;
    if (purpose != CURLSOCKTYPE_IPCXN || (!c->o->private_addresses && !outgoing_is_public(&address->addr))) {
        c->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the library's */
static size_t drop(char *bytes, size_t size, size_t count, void *ctx)
{
    struct call *c = ctx;
    (void)bytes;
    c->received += size * count;
    return c->received > LONGEST_ANSWER ? 0 : size * count;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t u)
{
    const struct call *c = ctx;
    (void)a;
    (void)b;
    (void)d;
    (void)u;
    return c->o->stop && c->o->stop(c->o->ctx);
}

#define SET(option, value) good = good && curl_easy_setopt(h, option, value) == CURLE_OK

static bool set_up(CURL *h, struct arena *a, struct call *c, const struct curl_slist *headers, char *reason)
{
    const struct outgoing *o = c->o;
    bool good = true;
    SET(CURLOPT_URL, o->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, OUTGOING_SECONDS * 1000L);
    SET(CURLOPT_ERRORBUFFER, reason);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, c);
    SET(CURLOPT_WRITEFUNCTION, drop);
    SET(CURLOPT_WRITEDATA, c);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, c);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_AWS_SIGV4, arena_printf(a, "aws:amz:%s:s3", o->region));
    SET(CURLOPT_USERNAME, o->access_key_id);
    SET(CURLOPT_PASSWORD, o->secret_access_key);
    return good;
}

enum outgoing_outcome outgoing_get(struct arena *a, const struct outgoing *o, int *ret_status,
                                   const char **ret_reason)
{
    struct call c = {.o = o};
    char *reason = arena_alloc(a, CURL_ERROR_SIZE);
    long status = 0;
    CURL *h = curl_easy_init();
    /* This version signs it but does not send it by itself. */
    struct curl_slist *headers = curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
    CURLcode rc = CURLE_FAILED_INIT;
    if (h && headers && set_up(h, a, &c, headers, reason))
        rc = curl_easy_perform(h);
    if (h)
        (void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(h);
    *ret_status = (int)status;
    *ret_reason = *reason ? reason : curl_easy_strerror(rc);
    if (status > 0)
        return OUTGOING_ANSWERED;
    return c.refused ? OUTGOING_REFUSED : OUTGOING_FAILED;
}
