/* SPDX-License-Identifier: Apache-2.0 */
/* Where a bucket is, from its address s3://…; see s3.h. No input or output; any thread. */
#include "base/text.h"
#include "blob/s3_inside.h"

#include <string.h>
#include <strings.h>

struct parts {
    const char *bucket, *prefix, *endpoint, *region, *path_style;
};

static int bad(struct err *e, const char *what)
{
    return err_set(e, ERR_BAD_VALUE,
                   "blobs must be empty, or like s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME: %s",
                   what);
}

static const char *decode(struct arena *a, const char *text, size_t len)
{
    char *plain;
    size_t n;
    if (!text_unpercent(a, text, len, false, &plain, &n) || memchr(plain, '\0', n))
        return NULL;
    return plain;
}

static int take_parameter(struct arena *a, const char *text, size_t len, struct parts *to, struct err *e)
{
    const struct {
        const char *name;
        const char **value;
    } known[] = {{"endpoint", &to->endpoint}, {"region", &to->region}, {"path_style", &to->path_style}};
    const char *equals = memchr(text, '=', len);
    for (size_t i = 0; equals && i < sizeof known / sizeof known[0]; i++) {
        size_t n = (size_t)(equals - text);
        if (strlen(known[i].name) != n || memcmp(known[i].name, text, n) != 0)
            continue;
        *known[i].value = decode(a, equals + 1, len - n - 1);
        return *known[i].value ? 0 : bad(e, "a % in it is not followed by two digits");
    }
    return bad(e, "its parameters are endpoint, region and path_style");
}

/* Names of buckets stand in names of hosts. */
static bool good_name(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= 255 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == len;
}

static int split(struct arena *a, const char *url, struct parts *ret, struct err *e)
{
    if (strncmp(url, "s3://", 5) != 0)
        return bad(e, "it begins with something else");
    url += 5;
    size_t len = strcspn(url, "?");
    size_t bucket_len = strcspn(url, "/?");
    ret->bucket = decode(a, url, bucket_len);
    ret->prefix = bucket_len < len ? decode(a, url + bucket_len + 1, len - bucket_len - 1) : "";
    if (!ret->bucket || !ret->prefix)
        return bad(e, "a % in it is not followed by two digits");
    int rc = 0;
    for (url += len; rc == 0 && *url; url += len) {
        url++;
        len = strcspn(url, "&");
        rc = take_parameter(a, url, len, ret, e);
    }
    return rc;
}

static int check(const struct parts *p, struct err *e)
{
    size_t len = strlen(p->prefix);
    if (!good_name(p->bucket))
        return bad(e, "a name of a bucket has letters, digits, dots and dashes");
    if (len > 512 || !text_is_utf8(p->prefix, len) || strstr(p->prefix, "//") || *p->prefix == '/')
        return bad(e, "the prefix is longer than 512 bytes, or has empty segments");
    if (p->region && !good_name(p->region))
        return bad(e, "a region has letters, digits and dashes");
    if (p->path_style && strcmp(p->path_style, "on") != 0 && strcmp(p->path_style, "off") != 0)
        return bad(e, "path_style is on or off");
    return 0;
}

static int split_endpoint(const char *endpoint, const char **ret_host, struct err *e)
{
    const char *host = strncasecmp(endpoint, "https://", 8) == 0  ? endpoint + 8
                       : strncasecmp(endpoint, "http://", 7) == 0 ? endpoint + 7
                                                                  : "";
    size_t len = strlen(host);
    if (len == 0 || len > 255 ||
        strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") != len)
        return bad(e,
                   "an endpoint is http:// or https:// and a host, maybe with a port, and nothing after it");
    *ret_host = host;
    return 0;
}

/* The default port is not sent. */
static const char *as_sent(struct arena *a, const char *scheme, const char *host)
{
    size_t len = strlen(host);
    if (strcasecmp(scheme, "https://") == 0 && len > 4 && strcmp(host + len - 4, ":443") == 0)
        return arena_copy(a, host, len - 4);
    if (strcasecmp(scheme, "http://") == 0 && len > 3 && strcmp(host + len - 3, ":80") == 0)
        return arena_copy(a, host, len - 3);
    return host;
}

int s3_place_parse(struct arena *a, const char *url, struct s3_place *ret, struct err *e)
{
    struct parts p = {NULL, NULL, NULL, NULL, NULL};
    const char *host = NULL;
    int rc = split(a, url, &p, e);
    if (rc == 0)
        rc = check(&p, e);
    if (rc < 0)
        return rc;
    const char *region = p.region ? p.region : "us-east-1";
    const char *endpoint = p.endpoint ? p.endpoint : arena_printf(a, "https://s3.%s.amazonaws.com", region);
    rc = split_endpoint(endpoint, &host, e);
    if (rc < 0)
        return rc;
    bool path_style = p.path_style ? strcmp(p.path_style, "on") == 0 : p.endpoint != NULL;
    const char *scheme = arena_copy(a, endpoint, (size_t)(host - endpoint));
    host = as_sent(a, scheme, host);
    if (!path_style)
        host = arena_printf(a, "%s.%s", p.bucket, host);
    size_t len = strlen(p.prefix);
    bool closed = len == 0 || p.prefix[len - 1] == '/';
    *ret = (struct s3_place){.origin = arena_printf(a, "%s%s", scheme, host),
                             .host = host,
                             .bucket = p.bucket,
                             .prefix = arena_printf(a, "%s%s", p.prefix, closed ? "" : "/"),
                             .region = region,
                             .path_style = path_style};
    return 0;
}

const char *s3_place_path(struct arena *a, const struct s3_place *p, const char *name)
{
    if (!p->path_style)
        return arena_printf(a, "/%s", name);
    return arena_printf(a, "/%s%s%s", p->bucket, *name ? "/" : "", name);
}

int s3_check_url(const char *url, struct err *e)
{
    struct arena a = {0};
    struct s3_place place;
    int rc = s3_place_parse(&a, url, &place, e);
    arena_free(&a);
    return rc;
}
