/* SPDX-License-Identifier: Apache-2.0 */
/* See address.h. */
#include "http/address.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

enum { HTTP_PORT = 80, HTTPS_PORT = 443, LARGEST_PORT = 65535 };

static bool parse_port(const char *text, size_t len, int64_t *ret)
{
    if (len == 0) /* a colon alone says nothing */
        return true;
    return text_uint(text, len, ret) && *ret > 0 && *ret <= LARGEST_PORT;
}

static size_t host_length(const char *text, size_t len)
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    static const char number[] = "0123456789abcdefABCDEF:.";
    bool brackets = len > 0 && *text == '[';
    size_t n = brackets;
    while (n < len && text[n] && strchr(brackets ? number : name, text[n]))
        n++;
    if (!brackets)
        return n;
    return n > 1 && n < len && text[n] == ']' ? n + 1 : 0;
}

bool address_parse_place(const char *text, size_t len, struct address_place *ret)
{
    struct address_place place = {text, host_length(text, len), 0};
    size_t host = place.len;
    if (host > 0 && text[host - 1] == '.')
        place.len--;
    if (place.len == 0)
        return false;
    if (host < len && (text[host] != ':' || !parse_port(text + host + 1, len - host - 1, &place.port)))
        return false;
    *ret = place;
    return true;
}

bool address_parse(const char *text, struct address_place *ret, const char **ret_rest)
{
    static const char http[] = "http://";
    static const char https[] = "https://";
    bool tls = strncasecmp(text, https, sizeof https - 1) == 0;
    if (!tls && strncasecmp(text, http, sizeof http - 1) != 0)
        return false;
    text += tls ? sizeof https - 1 : sizeof http - 1;
    size_t len = strcspn(text, "/");
    if (!address_parse_place(text, len, ret))
        return false;
    if (!ret->port)
        ret->port = tls ? HTTPS_PORT : HTTP_PORT;
    *ret_rest = text + len;
    return true;
}

static bool is_named(const struct address_place *p, const char *name)
{
    return strlen(name) == p->len && strncasecmp(p->host, name, p->len) == 0;
}

static bool is_loopback(const struct address_place *p)
{
    return is_named(p, "localhost") || is_named(p, "127.0.0.1") || is_named(p, "[::1]");
}

bool address_same(const struct address_place *own, const struct address_place *other)
{
    bool port = own->port ? own->port == other->port : other->port == HTTP_PORT || other->port == HTTPS_PORT;
    bool host = own->len == other->len && strncasecmp(own->host, other->host, own->len) == 0;
    return port && (host || (is_loopback(own) && is_loopback(other)));
}
