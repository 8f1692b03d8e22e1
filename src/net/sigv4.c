/* SPDX-License-Identifier: Apache-2.0 */
/* See sigv4.h; "Authenticating Requests (AWS Signature Version 4)" in Amazon's S3 API Reference. */
#include "net/sigv4.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char algorithm[] = "AWS4-HMAC-SHA256";

enum { STAMP = 17, DAY = 8, OWN_FIELDS = 6 };

/* Of one signature: when, for what, and the fields with those that signing adds. */
struct signing {
    const struct sigv4_request *rq;
    char stamp[STAMP]; /* 20130524T000000Z */
    const char *scope;
    struct sigv4_field *headers;
    size_t header_count;
    const char *names; /* of the headers, with ; between them */
};

static int by_name(const void *a, const void *b)
{
    const struct sigv4_field *x = a;
    const struct sigv4_field *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->value, y->value);
}

/* Each segment by itself, so that slashes stay. */
static const char *encode_path(struct arena *a, const char *path)
{
    struct buf b = {.arena = a};
    for (size_t len; *path; path += len) {
        len = strcspn(path, "/");
        buf_puts(&b, text_percent(a, path, len));
        if (path[len] == '/') {
            buf_putc(&b, '/');
            len++;
        }
    }
    return buf_str(&b);
}

const char *sigv4_path(struct arena *a, const struct sigv4_request *rq)
{
    return encode_path(a, rq->path);
}

static const char *join_query(struct arena *a, const struct sigv4_field *fields, size_t count)
{
    struct buf b = {.arena = a};
    struct sigv4_field *encoded = arena_alloc(a, (count + 1) * sizeof *encoded);
    for (size_t i = 0; i < count; i++) {
        encoded[i].name = text_percent(a, fields[i].name, strlen(fields[i].name));
        encoded[i].value = text_percent(a, fields[i].value, strlen(fields[i].value));
    }
    qsort(encoded, count, sizeof *encoded, by_name);
    for (size_t i = 0; i < count; i++)
        buf_printf(&b, "%s%s=%s", i ? "&" : "", encoded[i].name, encoded[i].value);
    return buf_str(&b);
}

const char *sigv4_query(struct arena *a, const struct sigv4_request *rq)
{
    return join_query(a, rq->query, rq->query_count);
}

static void put_time(struct signing *s, struct arena *a)
{
    struct tm tm;
    time_t seconds = (time_t)(s->rq->now / CLOCK_SECOND);
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(s->stamp, sizeof s->stamp, "%Y%m%dT%H%M%SZ", &tm);
    s->scope = arena_printf(a, "%.*s/%s/%s/aws4_request", DAY, s->stamp, s->rq->region, s->rq->service);
}

static void add_header(struct signing *s, const char *name, const char *value)
{
    s->headers[s->header_count++] = (struct sigv4_field){name, value};
}

static struct signing begin(struct arena *a, const struct sigv4_request *rq)
{
    struct signing s = {.rq = rq};
    put_time(&s, a);
    s.headers = arena_alloc(a, (rq->header_count + OWN_FIELDS) * sizeof *s.headers);
    for (size_t i = 0; i < rq->header_count; i++)
        add_header(&s, rq->headers[i].name, rq->headers[i].value);
    return s;
}

/* Blanks at both ends do not count, several in a row count as one. */
static void put_trimmed(struct buf *b, const char *value)
{
    value += strspn(value, " ");
    for (size_t len; *value; value += strspn(value, " ")) {
        len = strcspn(value, " ");
        buf_add(b, value, len);
        value += len;
        if (value[strspn(value, " ")])
            buf_putc(b, ' ');
    }
}

static const char *canonical_headers(struct arena *a, struct signing *s)
{
    struct buf lines = {.arena = a};
    struct buf names = {.arena = a};
    struct sigv4_field *sorted = arena_alloc(a, s->header_count * sizeof *sorted);
    memcpy(sorted, s->headers, s->header_count * sizeof *sorted);
    qsort(sorted, s->header_count, sizeof *sorted, by_name);
    for (size_t i = 0; i < s->header_count; i++) {
        buf_printf(&lines, "%s:", sorted[i].name);
        put_trimmed(&lines, sorted[i].value);
        buf_putc(&lines, '\n');
        buf_printf(&names, "%s%s", i ? ";" : "", sorted[i].name);
    }
    s->names = buf_str(&names);
    return buf_str(&lines);
}

static void derive(const struct sigv4_request *rq, const char *stamp, unsigned char key[DIGEST_SHA256_LEN])
{
    struct arena a = {0};
    const char *secret = arena_printf(&a, "AWS4%s", rq->keys->secret_access_key);
    digest_hmac_sha256(secret, strlen(secret), stamp, DAY, key);
    explicit_bzero((char *)(uintptr_t)secret, strlen(secret));
    digest_hmac_sha256(key, DIGEST_SHA256_LEN, rq->region, strlen(rq->region), key);
    digest_hmac_sha256(key, DIGEST_SHA256_LEN, rq->service, strlen(rq->service), key);
    digest_hmac_sha256(key, DIGEST_SHA256_LEN, "aws4_request", strlen("aws4_request"), key);
    arena_free(&a);
}

static const char *hex(struct arena *a, const unsigned char digest[DIGEST_SHA256_LEN])
{
    char *text = arena_alloc(a, DIGEST_SHA256_HEX);
    text_hex(digest, DIGEST_SHA256_LEN, text);
    return text;
}

/* `headers` and `s->names` are those of canonical_headers. */
static const char *sign(struct arena *a, const struct signing *s, const char *query, const char *headers,
                        const char *payload)
{
    unsigned char digest[DIGEST_SHA256_LEN];
    unsigned char key[DIGEST_SHA256_LEN];
    const char *request = arena_printf(a, "%s\n%s\n%s\n%s\n%s\n%s", s->rq->method, sigv4_path(a, s->rq),
                                       query, headers, s->names, payload);
    digest_sha256(request, strlen(request), digest);
    const char *text = arena_printf(a, "%s\n%s\n%s\n%s", algorithm, s->stamp, s->scope, hex(a, digest));
    derive(s->rq, s->stamp, key);
    digest_hmac_sha256(key, sizeof key, text, strlen(text), digest);
    explicit_bzero(key, sizeof key);
    return hex(a, digest);
}

const char *const *sigv4_header(struct arena *a, const struct sigv4_request *rq)
{
    struct signing s = begin(a, rq);
    size_t n = 0;
    add_header(&s, "x-amz-date", s.stamp);
    if (strcmp(rq->service, "s3") == 0)
        add_header(&s, "x-amz-content-sha256", rq->payload);
    if (rq->keys->session_token)
        add_header(&s, "x-amz-security-token", rq->keys->session_token);
    size_t sent = s.header_count;
    add_header(&s, "host", rq->host);
    const char *headers = canonical_headers(a, &s);
    const char *signature = sign(a, &s, sigv4_query(a, rq), headers, rq->payload);
    const char **lines = arena_alloc(a, (sent + 2) * sizeof *lines);
    for (; n < sent; n++)
        lines[n] = arena_printf(a, "%s: %s", s.headers[n].name, s.headers[n].value);
    lines[n] = arena_printf(a, "authorization: %s Credential=%s/%s,SignedHeaders=%s,Signature=%s", algorithm,
                            rq->keys->access_key_id, s.scope, s.names, signature);
    return lines;
}

const char *sigv4_presign(struct arena *a, const struct sigv4_request *rq, int64_t seconds)
{
    struct signing s = begin(a, rq);
    size_t n = rq->query_count;
    struct sigv4_field *query = arena_alloc(a, (n + OWN_FIELDS) * sizeof *query);
    if (n)
        memcpy(query, rq->query, n * sizeof *query);
    add_header(&s, "host", rq->host);
    const char *headers = canonical_headers(a, &s);
    query[n++] = (struct sigv4_field){"X-Amz-Algorithm", algorithm};
    query[n++] =
        (struct sigv4_field){"X-Amz-Credential", arena_printf(a, "%s/%s", rq->keys->access_key_id, s.scope)};
    query[n++] = (struct sigv4_field){"X-Amz-Date", s.stamp};
    query[n++] = (struct sigv4_field){"X-Amz-Expires", arena_printf(a, "%lld", (long long)seconds)};
    query[n++] = (struct sigv4_field){"X-Amz-SignedHeaders", s.names};
    if (rq->keys->session_token)
        query[n++] = (struct sigv4_field){"X-Amz-Security-Token", rq->keys->session_token};
    const char *text = join_query(a, query, n);
    return arena_printf(a, "%s&X-Amz-Signature=%s", text, sign(a, &s, text, headers, SIGV4_UNSIGNED));
}
