/* SPDX-License-Identifier: Apache-2.0 */
/* See storage.h. */
#include "core/storage.h"

#include "base/id.h"
#include "base/text.h"
#include "blob/s3.h"
#include "core/name.h"
#include "core/secret.h"
#include "net/sigv4.h"
#include "render/zip.h"

#include <string.h>
#include <strings.h>

#define SCHEME "s3://"
enum { LONGEST_PREFIX = 512 };

/* --- what is right --- */

/* Names of buckets (3–63 of a-z, 0-9, '.', '-') need no escape anywhere; prefixes are text without controls.
 */
static bool is_url(const char *url)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    if (strncmp(url, SCHEME, strlen(SCHEME)) != 0)
        return false;
    url += strlen(SCHEME);
    size_t bucket = strspn(url, letters);
    const char *rest = url + bucket;
    if (bucket < 3 || bucket > 63 || *url == '.' || *url == '-' || (*rest && *rest != '/') ||
        strlen(rest) > LONGEST_PREFIX || strstr(rest, "//"))
        return false;
    for (; *rest; rest++)
        if ((unsigned char)*rest < 0x20 || *rest == 0x7f)
            return false;
    return true;
}

/* Scheme, host, port: nothing else, for the rest of the address is the request's. */
static bool is_endpoint(const char *url)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    return scheme && url[scheme] && strspn(url + scheme, letters) == strlen(url + scheme);
}

/* Header fields carry them. */
static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
            return false;
    return true;
}

static int check_name(const char *name, struct err *e)
{
    int rc = name_check(name, "the name", e);
    if (rc == 0 && strcmp(name, STORAGE_OWN) == 0)
        rc = err_set(e, ERR_BAD_VALUE, "\"" STORAGE_OWN "\" is the server's own storage: take another name");
    if (rc < 0)
        err_locate(e, ERR_POINTER, "/name");
    return rc;
}

static int check(const struct storage *st, const char *secret, struct err *e)
{
    if (!st->url || !is_url(st->url))
        return err_at(e, st->url ? ERR_BAD_VALUE : ERR_MISSING, ERR_POINTER, "/url",
                      "\"url\" must be s3://BUCKET or s3://BUCKET/PREFIX");
    if (!st->access_key_id || (!secret && !st->secret))
        return err_at(e, ERR_MISSING, ERR_POINTER, "/credentials",
                      "\"credentials\" must have access_key_id and secret_access_key");
    if (!is_plain(st->access_key_id))
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/credentials/access_key_id",
                      "\"access_key_id\" must be of ASCII characters without blanks");
    if (st->region && strspn(st->region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(st->region))
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/region", "\"region\" must be a name like eu-west-1");
    if (st->endpoint && !is_endpoint(st->endpoint))
        return err_at(e, ERR_BAD_VALUE, ERR_POINTER, "/endpoint",
                      "\"endpoint\" must be http:// or https:// and a host, and nothing more");
    return check_name(st->name, e);
}

static void seal(struct session *s, struct storage *st, const char *secret)
{
    if (secret)
        st->secret = secret_seal(s->core->secrets, s->arena, STORAGE_PURPOSE, secret, strlen(secret));
}

/* --- rows --- */

static int found(int rc, struct err *e)
{
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no storage with this id");
    return rc < 0 ? rc : 0;
}

int storage_get(struct session *s, const char *id, struct storage **ret, struct err *e)
{
    return found(id_valid(id) ? store_storage_get(s->db, s->arena, s->actor.project, id, ret, e) : 0, e);
}

int storage_list(struct session *s, struct storage_filter *f, const struct page *page, struct storage **ret,
                 struct err *e)
{
    f->project = s->actor.project;
    return store_storage_list(s->db, s->arena, f, page, ret, e);
}

int storage_count(struct session *s, int64_t *ret, struct err *e)
{
    return store_storage_count(s->db, s->actor.project, ret, e);
}

static int refuse_name(struct err *e)
{
    return err_at(e, ERR_TAKEN, ERR_POINTER, "/name", "another storage of this project has this name");
}

int storage_create(struct session *s, struct storage *st, const char *secret, struct err *e)
{
    char *id = arena_alloc(s->arena, ID_SIZE);
    id_new(id);
    st->id = id;
    if (!st->name)
        st->name = id;
    int rc = check(st, secret, e);
    if (rc < 0)
        return rc;
    seal(s, st, secret);
    st->project = s->actor.project;
    st->creator = s->actor.pk;
    st->creator_name = s->actor.name;
    st->created_at = st->changed_at = s->now;
    st->state = STORAGE_NEW;
    rc = store_storage_add(s->db, st, e);
    if (rc == 0)
        return refuse_name(e);
    return rc < 0 ? rc : 0;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int check_change(struct session *s, const struct storage *before, const struct storage *st,
                        const char *secret, struct err *e)
{
    struct storage *other = NULL;
    int rc = 0;
    if (!same(before->endpoint, st->endpoint) && !secret)
        return err_at(e, ERR_MISSING, ERR_POINTER, "/credentials/secret_access_key",
                      "another endpoint needs the secret_access_key with it");
    if (strcmp(before->name, st->name) != 0)
        rc = store_storage_by_name(s->db, s->arena, s->actor.project, st->name, &other, e);
    if (rc != 0)
        return rc < 0 ? rc : refuse_name(e);
    if (strcmp(before->url, st->url) != 0)
        rc = store_storage_uses(s->db, st->pk, e);
    if (rc > 0 && rc & STORAGE_OF_RESULTS)
        return err_at(e, ERR_WRONG_STATE, ERR_POINTER, "/url",
                      "results lie in this storage: make another for another bucket or prefix");
    return rc < 0 ? rc : 0;
}

int storage_change(struct session *s, const struct storage *before, struct storage *st, const char *secret,
                   struct err *e)
{
    int rc = check(st, secret, e);
    if (rc == 0)
        rc = check_change(s, before, st, secret, e);
    if (rc < 0)
        return rc;
    seal(s, st, secret);
    st->state = STORAGE_NEW;
    st->changed_at = s->now > before->changed_at ? s->now : before->changed_at + 1;
    return found(store_storage_change(s->db, st, e), e);
}

int storage_make_default(struct session *s, const struct storage *st, bool wanted, struct err *e)
{
    if (st->is_default == wanted)
        return 0;
    int rc = store_storage_set_default(s->db, st->project, wanted ? st->pk : 0, e);
    return rc < 0 ? rc : 0;
}

int storage_remove(struct session *s, const struct storage *st, struct err *e)
{
    int uses = store_storage_uses(s->db, st->pk, e);
    if (uses < 0)
        return uses;
    if (uses)
        return err_set(e, ERR_WRONG_STATE,
                       "this storage is in use: %s refer to it, also deleted ones until they "
                       "are purged",
                       uses & STORAGE_OF_RESULTS ? "results" : "jobs");
    return found(store_storage_remove(s->db, st, e), e);
}

int storage_mark(struct session *s, const struct storage *st, bool valid, struct err *e)
{
    int rc =
        store_storage_set_state(s->db, st->pk, st->changed_at, valid ? STORAGE_VALID : STORAGE_INVALID, e);
    return rc < 0 ? rc : 0;
}

/* --- choosing one --- */

static int find_by_name(struct session *s, const char *name, enum err_place place, const char *where,
                        struct storage **ret, struct err *e)
{
    int rc = store_storage_by_name(s->db, s->arena, s->actor.project, name, ret, e);
    if (rc == 0)
        return err_at(e, ERR_BAD_REFERENCE, place, where, "this project has no storage with this name");
    return rc < 0 ? rc : 0;
}

int storage_refer(struct session *s, const char *name, const char *pointer, int64_t *ret, struct err *e)
{
    struct storage *st = NULL;
    int rc = find_by_name(s, name, ERR_POINTER, pointer, &st, e);
    if (rc == 0)
        *ret = st->pk;
    return rc;
}

int storage_of(struct session *s, int64_t pk, const struct storage **ret, struct err *e)
{
    struct storage *st = NULL;
    int rc = store_storage_by_pk(s->db, s->arena, pk, &st, e);
    if (rc == 0)
        return err_set(e, ERR_BAD_REFERENCE, "the storage that this was to go to was deleted");
    *ret = st;
    return rc < 0 ? rc : 0;
}

int storage_choose(struct session *s, const char *name, const struct job *j, const struct storage **ret,
                   struct err *e)
{
    struct storage *st = NULL;
    int rc = 0;
    *ret = NULL;
    if (name && strcmp(name, STORAGE_OWN) == 0)
        return 0;
    if (name)
        rc = find_by_name(s, name, ERR_PARAMETER, "storage", &st, e);
    else if (j && j->storage)
        return storage_of(s, j->storage, ret, e);
    else if (s->actor.storages)
        rc = store_storage_default(s->db, s->arena, s->actor.project, &st, e);
    *ret = st;
    return rc < 0 ? rc : 0;
}

/* --- texts --- */

static const char *prefix_of(const struct storage *st)
{
    const char *rest = st->url + strlen(SCHEME);
    rest += strcspn(rest, "/");
    return *rest == '/' ? rest + 1 : rest;
}

const char *storage_address(struct arena *a, const struct storage *st)
{
    const char *bucket = st->url + strlen(SCHEME);
    const char *prefix = prefix_of(st);
    const char *address =
        arena_printf(a, SCHEME "%.*s/%s?region=%s", (int)strcspn(bucket, "/"), bucket,
                     text_percent(a, prefix, strlen(prefix)), st->region ? st->region : "us-east-1");
    if (st->endpoint)
        address =
            arena_printf(a, "%s&endpoint=%s", address, text_percent(a, st->endpoint, strlen(st->endpoint)));
    if (st->path_style >= 0)
        address = arena_printf(a, "%s&path_style=%s", address, st->path_style ? "on" : "off");
    return address;
}

const char *storage_url_of(struct arena *a, const struct result *r)
{
    const char *bucket = r->storage_url + strlen(SCHEME);
    return arena_printf(a, SCHEME "%.*s/%s", (int)strcspn(bucket, "/"), bucket, r->object);
}

/* As safe as in an archive, and without what needs an escape in an address. */
const char *storage_key(struct arena *a, const char *prefix, const char *id, const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    struct zip_names *names = zip_names_new();
    char *safe = arena_strdup(a, zip_name(names, a, NULL, name));
    zip_names_free(names);
    for (char *c = safe; *c; c++)
        if ((unsigned char)*c < 0x80 && !strchr(plain, *c))
            *c = '_';
    return arena_printf(a, "%s%s/%s", prefix, id, safe);
}
