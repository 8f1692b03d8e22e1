/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Playment's API: attachments. The address of a result, as a job shows it, leads to a signed link.
 *
 * "The API will redirect to a signed URL of the attachment": of what is stored here. The address given is
 * never fetched, and no part of it gets into the answer; only the id of the result is taken from it, and only
 * if all around it is as this server writes it. Another server's address is refused even if it looks the
 * same, so that nobody takes the answer for that server's.
 */
#include "api/native.h"
#include "api/playment.h"
#include "base/id.h"
#include "base/text.h"
#include "core/result.h"
#include "core/sign.h"

#include <string.h>
#include <strings.h>

enum { LINK_SECONDS = 3600, HTTP_PORT = 80, HTTPS_PORT = 443, LARGEST_PORT = 65535 };

/* Where a server is. */
struct place {
    const char *host;
    size_t len;
    int64_t port; /* 0: the scheme's own */
};

static int refuse(struct err *e)
{
    return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, "url",
                  "url must be the result of a job of this project, as this server's own API shows it");
}

/* HOST[:PORT], which ends with `stop`. Anything else that may stand there, like a user's name, is refused. */
static bool parse_place(const char *text, const char *stop, struct place *ret)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    size_t len = *text == '[' ? 1 + strspn(text + 1, "0123456789abcdefABCDEF:.") : strspn(text, plain);
    if (*text == '[' && text[len++] != ']')
        return false;
    *ret = (struct place){text, len, 0};
    if (len == 0 || text + len > stop)
        return false;
    if (ret->host[len - 1] == '.') /* the same host, written to its end */
        ret->len--;
    if (text + len == stop)
        return true;
    const char *port = text + len + 1;
    if (text[len] != ':')
        return false;
    return port == stop ||
           (text_uint(port, (size_t)(stop - port), &ret->port) && ret->port > 0 && ret->port <= LARGEST_PORT);
}

/* http[s]://HOST[:PORT]REST; the port is known from then on. */
static bool parse_address(const char *text, struct place *ret, const char **ret_rest)
{
    bool tls = strncasecmp(text, "https://", 8) == 0;
    if (!tls && strncasecmp(text, "http://", 7) != 0)
        return false;
    text += tls ? 8 : 7;
    *ret_rest = text + strcspn(text, "/");
    if (!parse_place(text, *ret_rest, ret))
        return false;
    if (!ret->port)
        ret->port = tls ? HTTPS_PORT : HTTP_PORT;
    return true;
}

static bool is_named(const struct place *p, const char *name)
{
    return strlen(name) == p->len && strncasecmp(p->host, name, p->len) == 0;
}

static bool is_loopback(const struct place *p)
{
    return is_named(p, "localhost") || is_named(p, "127.0.0.1") || is_named(p, "[::1]");
}

/* `own` may leave the port open: a proxy before this server speaks with clients as it likes. */
static bool same_place(const struct place *own, const struct place *other)
{
    bool port = own->port ? own->port == other->port : other->port == HTTP_PORT || other->port == HTTPS_PORT;
    bool host = own->len == other->len && strncasecmp(own->host, other->host, own->len) == 0;
    return port && (host || (is_loopback(own) && is_loopback(other)));
}

static bool is_at(const char *text, const struct place *other)
{
    struct place own;
    return text && parse_place(text, text + strlen(text), &own) && same_place(&own, other);
}

/* What is behind this server's own place in an address: by the name that it is configured to have, that this
 * request used, or that it listens at. NULL: it is another server's. */
static const char *behind_own(struct request *rq, const char *address)
{
    const struct settings *set = core_settings(&api_app(rq)->core);
    struct place place, base;
    const char *rest, *below;
    if (!parse_address(address, &place, &rest))
        return NULL;
    if (*set->base_url && parse_address(api_base_url(rq), &base, &below) && same_place(&base, &place) &&
        strncmp(rest, below, strlen(below)) == 0)
        return rest + strlen(below);
    return is_at(request_header(rq, "Host"), &place) || is_at(set->listen, &place) ? rest : NULL;
}

/* The id in …/api/v1/results/ID/content, and nothing else. */
static const char *id_in(struct request *rq, const char *path)
{
    static const char before[] = NATIVE "/results/";
    if (strncmp(path, before, sizeof before - 1) != 0)
        return NULL;
    path += sizeof before - 1;
    if (strlen(path) <= ID_LEN || strcmp(path + ID_LEN, "/content") != 0)
        return NULL;
    return arena_copy(&rq->arena, path, ID_LEN);
}

/* Everything behind the first url=, decoded: clients append the address as it is, with whatever is in it. */
static int read_address(struct request *rq, const char **ret, struct err *e)
{
    const char *at = rq->raw_query;
    char *text = NULL;
    size_t len = 0;
    while (at && strncmp(at, "url=", 4) != 0) {
        at = strchr(at, '&');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return err_at(e, ERR_MISSING, ERR_PARAMETER, "url", "the parameter \"url\" is missing");
    if (!text_unpercent(&rq->arena, at + 4, strlen(at + 4), false, &text, &len) || strlen(text) != len)
        return refuse(e);
    *ret = text;
    return 0;
}

static int find_result(struct request *rq, struct result **ret, struct err *e)
{
    const char *address = NULL;
    int rc = read_address(rq, &address, e);
    if (rc < 0)
        return rc;
    const char *path = behind_own(rq, address);
    const char *id = path ? id_in(rq, path) : NULL;
    if (!id)
        return refuse(e);
    rc = result_get(api_session(rq), id, ret, e);
    if (rc == ERR_NOT_FOUND)
        return refuse(e);
    if (rc == 0)
        rc = result_require_live(api_session(rq), *ret, e);
    if (rc < 0)
        err_locate(e, ERR_PARAMETER, "url");
    return rc;
}

int playment_attachment(struct request *rq, struct err *e)
{
    struct json_out j;
    struct sign_link l = {0};
    struct result *r = NULL;
    int rc = find_result(rq, &r, e);
    if (rc == 0)
        rc = sign_make(api_session(rq), r, "", LINK_SECONDS, &l, e);
    if (rc < 0)
        return rc;
    const char *to = arena_printf(&rq->arena, "%s%s", api_base_url(rq), l.path);
    response_header(rq, "Location", to);
    playment_begin(&j, rq);
    playment_put(&j, "url", to);
    return playment_send(rq, 302, &j);
}
