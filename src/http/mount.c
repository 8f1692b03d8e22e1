/* SPDX-License-Identifier: Apache-2.0 */
/* See mount.h. */
#include "http/mount.h"

#include "base/arena.h"

#include <string.h>

const char *mount_inside(const char *at, const char *path)
{
    size_t len = strlen(at);
    if (len == 0)
        return path;
    return strncmp(path, at, len) == 0 && (path[len] == '\0' || path[len] == '/') ? path + len : NULL;
}

/* The length of this prefix if it owns the path, else -1. "/" owns everything that begins with it. */
static int owned(const char *prefix, const char *path)
{
    size_t len = strlen(prefix);
    if (len > 0 && prefix[len - 1] == '/')
        len--;
    return strncmp(path, prefix, len) == 0 && (path[len] == '/' || (len > 0 && !path[len])) ? (int)len : -1;
}

/* How much of the path is this API's: 0 nothing; at equal lengths more for a prefix than for the place. */
static size_t claim(const struct api_mount *m, const char *path)
{
    const char *inside = mount_inside(m->at, path);
    size_t at = strlen(m->at);
    size_t most = inside ? 2 * at : 0;
    for (const char *const *p = m->api->prefixes; inside && *p; p++) {
        int len = owned(*p, inside);
        if (len >= 0 && 2 * (at + (size_t)len) + 1 > most)
            most = 2 * (at + (size_t)len) + 1;
    }
    return most;
}

const struct api_mount *mount_find(const struct api_mount *mounts, const char *path)
{
    const struct api_mount *best = mounts;
    size_t most = 0;
    for (const struct api_mount *m = mounts; m->api; m++) {
        size_t claimed = claim(m, path);
        if (claimed > most || (most == 0 && !m[1].api)) {
            best = m;
            most = claimed;
        }
    }
    return best;
}

/* --- places --- */

bool mount_is_place(const char *segment, size_t len)
{
    return segment[0] == '{' && (len == 2 || (len == 3 && segment[1] == '#'));
}

bool mount_place_takes(const char *place, const char *text, size_t len)
{
    size_t digits = 0;
    while (digits < len && text[digits] >= '0' && text[digits] <= '9')
        digits++;
    return len > 0 && (place[1] != '#' || digits == len);
}

/* --- do they get along --- */

/* A route with the whole pattern of its addresses. */
struct placed {
    const struct api_mount *mount;
    const struct route *route;
    const char *pattern;
};

static size_t segment(const char *s)
{
    return strcspn(s, "/");
}

/* Segments that some text matches both of. */
static bool segments_meet(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool a_place = mount_is_place(a, a_len);
    bool b_place = mount_is_place(b, b_len);
    if (a_place && b_place)
        return true;
    if (a_place)
        return mount_place_takes(a, b, b_len);
    if (b_place)
        return mount_place_takes(b, a, a_len);
    return a_len == b_len && strncmp(a, b, a_len) == 0;
}

static bool takes_slash(const struct placed *p)
{
    return mount_takes_slash(p->mount->api, p->route);
}

static bool patterns_meet(const struct placed *p, const struct placed *q)
{
    const char *a = p->pattern;
    const char *b = q->pattern;
    while (*a && *b) {
        size_t a_len = segment(a + 1);
        size_t b_len = segment(b + 1);
        if (!segments_meet(a + 1, a_len, b + 1, b_len))
            return false;
        a += a_len + 1;
        b += b_len + 1;
    }
    if (!*a && !*b)
        return true;
    return *a ? strcmp(a, "/") == 0 && takes_slash(q) : strcmp(b, "/") == 0 && takes_slash(p);
}

static bool methods_meet(const struct route *a, const struct route *b)
{
    return route_takes(a, b->method) || route_takes(b, a->method);
}

static int check_pair(const struct placed *p, const struct placed *q, struct err *e)
{
    if (p->mount == q->mount || !methods_meet(p->route, q->route) || !patterns_meet(p, q))
        return 0;
    return err_set(e, ERR_BAD_VALUE,
                   "two APIs want the same address: %s %s is %s's, %s %s is %s's; switch one of them off or "
                   "give it a prefix",
                   http_method_names[p->route->method], p->pattern, p->mount->api->name,
                   http_method_names[q->route->method], q->pattern, q->mount->api->name);
}

/* A pattern is its own API's as soon as one of its addresses is: {} is no segment of any prefix. */
static int check_reach(const struct api_mount *mounts, const struct placed *p, struct err *e)
{
    const struct api_mount *owner = mount_find(mounts, p->pattern);
    if (owner == p->mount)
        return 0;
    return err_set(e, ERR_BAD_VALUE,
                   "%s %s of the API %s cannot be reached: such addresses are the API %s's; switch one of "
                   "them off or give it a prefix",
                   http_method_names[p->route->method], p->pattern, p->mount->api->name, owner->api->name);
}

static size_t place_all(const struct api_mount *mounts, struct arena *a, struct placed **ret)
{
    size_t count = 0;
    for (const struct api_mount *m = mounts; m->api; m++)
        count += m->api->route_count;
    struct placed *p = *ret = arena_alloc(a, (count + 1) * sizeof *p);
    for (const struct api_mount *m = mounts; m->api; m++)
        for (size_t i = 0; i < m->api->route_count; i++, p++) {
            const struct route *r = &m->api->routes[i];
            *p = (struct placed){m, r, arena_printf(a, "%s%s", m->at, r->path)};
        }
    return count;
}

int mount_check(const struct api_mount *mounts, struct err *e)
{
    struct arena a = {0};
    struct placed *all;
    size_t count = place_all(mounts, &a, &all);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        for (size_t k = 0; rc == 0 && k < i; k++)
            rc = check_pair(&all[k], &all[i], e);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = check_reach(mounts, &all[i], e);
    arena_free(&a);
    return rc;
}
