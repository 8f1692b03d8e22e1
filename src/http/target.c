/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See target.h. A path is split at its literal slashes before anything is decoded, so that %2F stays inside
 * its segment and %2e%2e is a name like any other: no path is ever walked.
 */
#include "http/target.h"

#include "base/text.h"
#include "http/mount.h"

#include <string.h>

static int decode(struct arena *a, const char *s, size_t len, bool plus, const char **ret, struct err *e)
{
    char *out;
    size_t n;
    if (!text_unpercent(a, s, len, plus, &out, &n))
        return err_set(e, ERR_BAD_REQUEST, "the address has a broken percent escape");
    if (memchr(out, '\0', n) || !text_is_utf8(out, n))
        return err_set(e, ERR_BAD_REQUEST, "the address must be UTF-8 without NUL characters");
    *ret = out;
    return 0;
}

static int parse_pair(struct arena *a, const char *s, size_t len, struct query_pair *ret, struct err *e)
{
    const char *equals = memchr(s, '=', len);
    size_t key_len = equals ? (size_t)(equals - s) : len;
    int rc = decode(a, s, key_len, true, &ret->key, e);
    if (rc < 0)
        return rc;
    rc = decode(a, equals ? equals + 1 : s + len, equals ? len - key_len - 1 : 0, true, &ret->value, e);
    if (rc < 0)
        return err_at(e, ERR_BAD_VALUE, ERR_PARAMETER, ret->key,
                      "the parameter \"%.80s\" must be percent-encoded UTF-8 without NUL characters",
                      ret->key);
    return 0;
}

int target_parse_query(struct arena *a, const char *raw, struct query_pair **ret, struct err *e)
{
    struct query_pair **link = ret;
    int count = 0;
    *ret = NULL;
    while (raw && *raw) {
        size_t len = strcspn(raw, "&");
        if (len) {
            struct query_pair *pair = arena_alloc(a, sizeof *pair);
            int rc = parse_pair(a, raw, len, pair, e);
            if (rc < 0)
                return rc;
            if (++count > TARGET_PAIRS)
                return err_set(e, ERR_BAD_REQUEST, "the query has more than %d parameters", TARGET_PAIRS);
            *link = pair;
            link = &pair->next;
        }
        raw += len + (raw[len] == '&');
    }
    return 0;
}

struct piece {
    const char *start;
    size_t len;
};

static size_t segment_length(const char *s)
{
    size_t n = 0;
    while (s[n] && s[n] != '/')
        n++;
    return n;
}

/* Compares segment by segment; what places match goes to `pieces`. */
static bool matches(const struct api *api, const struct route *r, const char *path,
                    struct piece pieces[REQUEST_PLACES], int *ret_count)
{
    int n = 0;
    const char *pattern = r->path;
    const char *slash = pattern; /* nearly all routes differ before their first place */
    for (size_t i = 0; path[i] && path[i] == pattern[i] && path[i] != '{'; i++)
        if (path[i] == '/')
            slash = pattern + i;
    path += slash - pattern;
    pattern = slash;
    while (*pattern && *path) {
        if (*path != '/')
            return false;
        size_t want = segment_length(pattern + 1);
        if (mount_is_place(pattern + 1, want)) {
            size_t have = segment_length(path + 1);
            if (n == REQUEST_PLACES || !mount_place_takes(pattern + 1, path + 1, have))
                return false;
            pieces[n++] = (struct piece){path + 1, have};
            path += have + 1;
        } else {
            if (strncmp(pattern + 1, path + 1, want) != 0 || (path[want + 1] && path[want + 1] != '/'))
                return false;
            path += want + 1;
        }
        pattern += want + 1;
    }
    *ret_count = n;
    return !*pattern && (!*path || (strcmp(path, "/") == 0 && mount_takes_slash(api, r)));
}

static const char *list_methods(struct arena *a, unsigned methods)
{
    const char *list = NULL;
    for (int m = 0; m < HTTP_OTHER; m++)
        if (methods & 1U << m)
            list = list ? arena_printf(a, "%s, %s", list, http_method_names[m]) : http_method_names[m];
    return list;
}

const char *target_methods(struct request *rq)
{
    const char *path = mount_inside(rq->mount, rq->raw_path);
    struct piece pieces[REQUEST_PLACES];
    unsigned methods = 0;
    int count;
    for (size_t i = 0; path && i < rq->api->route_count; i++) {
        const struct route *r = &rq->api->routes[i];
        if (!matches(rq->api, r, path, pieces, &count))
            continue;
        for (int m = 0; m < HTTP_OTHER; m++)
            if (route_takes(r, (enum http_method)m))
                methods |= 1U << m;
    }
    return list_methods(&rq->arena, methods);
}

static int take_places(struct request *rq, const struct piece *pieces, int count, struct err *e)
{
    for (int i = 0; i < count; i++) {
        if (rq->api->as_sent) {
            rq->places[i] = arena_copy(&rq->arena, pieces[i].start, pieces[i].len);
            continue;
        }
        int rc = decode(&rq->arena, pieces[i].start, pieces[i].len, false, &rq->places[i], e);
        if (rc < 0 && i == count - 1 && rq->route->last_place)
            err_locate(e, ERR_PARAMETER, rq->route->last_place);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int find_route(struct request *rq, struct err *e)
{
    const char *path = mount_inside(rq->mount, rq->raw_path);
    struct piece pieces[REQUEST_PLACES];
    int count;
    for (size_t i = 0; path && i < rq->api->route_count; i++) {
        const struct route *r = &rq->api->routes[i];
        if (route_takes(r, rq->method) && matches(rq->api, r, path, pieces, &count)) {
            rq->route = r;
            return take_places(rq, pieces, count, e);
        }
    }
    rq->allow = target_methods(rq);
    if (rq->allow)
        return err_set(e, ERR_METHOD, "this address takes %s", rq->allow);
    return err_set(e, ERR_NOT_FOUND, "there is nothing at this address");
}

int target_find(struct request *rq, const struct api_mount *mounts, struct err *e)
{
    const struct api_mount *m = mount_find(mounts, rq->raw_path);
    rq->api = m->api;
    rq->mount = m->at;
    return find_route(rq, e);
}
