/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings as data; see settings.h. */
#include "core/settings.h"

#include "base/log.h"
#include "blob/s3.h"
#include "db/db.h"

#include <stddef.h>
#include <string.h>

#define SETTING_RELOAD_yes true
#define SETTING_RELOAD_no  false

/* What a connection needs beside the header of a request: the header of the answer, and lists of both. */
enum { BESIDE_HEADER = 8192, ACCEL_KEY_SHORTEST = 20 };

static const struct conf_item items[] = {
#define SETTING(type, name, initial, smallest, largest, reload, help)                                        \
    {CONF_##type, #name,                                                                                     \
     initial,     smallest,                                                                                  \
     largest,     SETTING_RELOAD_##reload,                                                                   \
     help,        offsetof(struct settings, name)},
#include "core/settings.def"
#undef SETTING
};

const struct conf settings_conf = {items, sizeof items / sizeof items[0], "RESULTD_"};

static bool lies_in(const char *path, const char *place)
{
    size_t len = strlen(place);
    return strncmp(path, place, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Segments of unreserved characters (RFC 3986): nothing that a client or a proxy would write another way. */
static bool plain_segments(const char *path)
{
    while (*path == '/') {
        const char *segment = path + 1;
        size_t len = strspn(segment, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
        if (len == 0 || strspn(segment, ".") == len)
            return false;
        path = segment + len;
    }
    return !*path;
}

static int check_prefix(const char *name, const char *value, struct err *e)
{
    if (!plain_segments(value))
        return err_set(e, ERR_BAD_VALUE,
                       "%s must be empty, or like /name or /a/name: segments of letters, digits and -._~ "
                       "without a / at the end; not \"%.60s\"",
                       name, value);
    if (lies_in(value, "/-") || lies_in(value, "/api/v1"))
        return err_set(e, ERR_BAD_VALUE,
                       "%s must not lie in /- or /api/v1, which are the server's own; not \"%.60s\"", name,
                       value);
    return 0;
}

/* All settings that are named so. */
static int check_prefixes(const struct settings *s, struct err *e)
{
    static const char ending[] = "_prefix";
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < settings_conf.count; i++) {
        const struct conf_item *item = &settings_conf.items[i];
        size_t len = strlen(item->name);
        if (len > strlen(ending) && strcmp(item->name + len - strlen(ending), ending) == 0)
            rc = check_prefix(item->name, *(const char *const *)((const char *)s + item->offset), e);
    }
    return rc;
}

/* scheme://host or scheme://host:port, as browsers send it: with anything more it would match nothing. */
static bool is_origin(const char *text, size_t len)
{
    const char *host = memmem(text, len, "://", 3);
    if (!host || host == text)
        return false;
    host += 3;
    size_t host_len = len - (size_t)(host - text);
    return host_len > 0 && !memchr(host, '/', host_len) && !memchr(text, '*', len);
}

static int check_origins(const char *list, struct err *e)
{
    for (const char *p = list + strspn(list, ", "); *p; p += strspn(p, ", ")) {
        size_t len = strcspn(p, ", ");
        if (!(len == 1 && *p == '*') && !is_origin(p, len))
            return err_set(e, ERR_BAD_VALUE,
                           "cors_origins must be *, or origins like https://example.org with commas between "
                           "them and no / at their end; not \"%.*s\"",
                           len < 60 ? (int)len : 60, p);
        p += len;
    }
    return 0;
}

/* Without what was given. */
static int check_address(const char *name, const char *address, struct err *e)
{
    if (!*address || db_address_valid(address))
        return 0;
    return err_set(
        e, ERR_BAD_VALUE,
        "%s must be like postgresql://USER@HOST:PORT/NAME, where what is special in an address is "
        "written as %%XX, or like host=A,B dbname=NAME; it is not repeated here, since it may hold a "
        "password",
        name);
}

/* An easily guessed key would open all files to whoever reaches the server. */
static int check_accel(const struct settings *s, struct err *e)
{
    if (*s->accel_redirect && !*s->accel_key)
        return err_set(e, ERR_BAD_VALUE,
                       "accel_redirect needs an accel_key, by which its proxy proves itself");
    if (!plain_segments(s->accel_redirect))
        return err_set(
            e, ERR_BAD_VALUE,
            "accel_redirect must be like /-/blobs: segments of letters, digits and -._~ without a / at "
            "the end; not \"%.60s\"",
            s->accel_redirect);
    if (*s->accel_key && strlen(s->accel_key) < ACCEL_KEY_SHORTEST)
        return err_set(e, ERR_BAD_VALUE, "accel_key must have at least %d characters", ACCEL_KEY_SHORTEST);
    return 0;
}

int settings_check(const struct settings *s, struct err *e)
{
    enum log_level level;
    if (!log_parse_level(s->log_level, &level))
        return err_set(e, ERR_BAD_VALUE, "log_level must be error, warn, info or debug, not \"%s\"",
                       s->log_level);
    if (strcmp(s->access_log, "all") != 0 && strcmp(s->access_log, "errors") != 0 &&
        strcmp(s->access_log, "off") != 0)
        return err_set(e, ERR_BAD_VALUE, "access_log must be all, errors or off, not \"%s\"", s->access_log);
    if (strcmp(s->deliver, "proxy") != 0 && strcmp(s->deliver, "redirect") != 0)
        return err_set(e, ERR_BAD_VALUE, "deliver must be proxy or redirect, not \"%s\"", s->deliver);
    if (!*s->tls_cert != !*s->tls_key)
        return err_set(e, ERR_BAD_VALUE, "%s is missing: tls_cert and tls_key go together",
                       *s->tls_cert ? "tls_key" : "tls_cert");
    if (*s->db_replica && !*s->db)
        return err_set(e, ERR_BAD_VALUE, "db_replica is of a PostgreSQL, which db must name");
    int rc = check_address("db", s->db, e);
    if (rc == 0)
        rc = check_address("db_replica", s->db_replica, e);
    if (rc == 0 && *s->blobs)
        rc = s3_check_url(s->blobs, e);
    if (rc < 0)
        return rc;
    if (s->connection_memory < s->header_limit + BESIDE_HEADER)
        return err_set(
            e, ERR_BAD_VALUE,
            "connection_memory must be at least %d bytes more than header_limit: a request's header is "
            "kept in it",
            BESIDE_HEADER);
    if (s->body_memory <= s->json_body_limit)
        return err_set(e, ERR_BAD_VALUE,
                       "body_memory must be more than json_body_limit: a body is kept in it");
    rc = check_origins(s->cors_origins, e);
    if (rc == 0)
        rc = check_accel(s, e);
    return rc < 0 ? rc : check_prefixes(s, e);
}

static bool is_same(const struct conf_item *item, const struct settings *a, const struct settings *b)
{
    const char *x = (const char *)a + item->offset;
    const char *y = (const char *)b + item->offset;
    if (item->type == CONF_TEXT)
        return strcmp(*(const char *const *)x, *(const char *const *)y) == 0;
    if (item->type == CONF_BOOL)
        return *(const bool *)x == *(const bool *)y;
    return *(const int64_t *)x == *(const int64_t *)y;
}

const char *settings_next_fixed(const struct settings *a, const struct settings *b, size_t *at)
{
    while (*at < settings_conf.count) {
        const struct conf_item *item = &settings_conf.items[(*at)++];
        if (!item->reload && !is_same(item, a, b))
            return item->name;
    }
    return NULL;
}

void settings_keep_fixed(struct settings *s, const struct settings *old)
{
#define KEEP_yes(name)
#define KEEP_no(name)                                                 s->name = old->name;
#define SETTING(type, name, initial, smallest, largest, reload, help) KEEP_##reload(name)
#include "core/settings.def"
#undef SETTING
}
