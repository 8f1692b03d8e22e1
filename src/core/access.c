/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, scopes and users; see access.h. */
#include "core/access.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"
#include "core/name.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define LASTING (86400 * CLOCK_SECOND) /* of a key that others may rely on */

enum { PREFIX_LEN = 3, ID_PART = 12, SECRET_PART = 32 };

static const struct {
    const char *name;
    int64_t bit;
} scope_names[] = {
    {"read", SCOPE_READ},     {"ack", SCOPE_ACK},     {"write", SCOPE_WRITE},
    {"delete", SCOPE_DELETE}, {"admin", SCOPE_ADMIN},
};

static int refuse(struct err *e)
{
    return err_set(e, ERR_UNAUTHORIZED,
                   "this address needs a valid key; none was given, or it is wrong or revoked");
}

static void lock(const struct access_memory *m)
{
    if (m->mutex)
        (void)pthread_mutex_lock(m->mutex);
}

static void unlock(const struct access_memory *m)
{
    if (m->mutex)
        (void)pthread_mutex_unlock(m->mutex);
}

void access_forget(struct access_memory *m)
{
    lock(m);
    arena_free(&m->arena);
    m->count = 0;
    m->signs = false;
    unlock(m);
}

/* What a slow view has shown may be long past. */
static bool is_recent(const struct session *s)
{
    return core_now(s->core) - s->now <= ACCESS_MEMORY_US;
}

bool access_recall_signing(const struct session *s, struct signing_key *ret)
{
    const struct access_memory *m = s->memory;
    if (!m)
        return false;
    lock(m);
    bool found = m->signs;
    if (found)
        *ret = m->signing;
    unlock(m);
    return found;
}

void access_remember_signing(struct session *s, const struct signing_key *key)
{
    struct access_memory *m = s->memory;
    if (!m || !is_recent(s))
        return;
    lock(m);
    m->signing = *key;
    m->signs = true;
    unlock(m);
}

static void own_texts(struct actor *actor, struct arena *a)
{
    actor->project_name = arena_strdup(a, actor->project_name);
    actor->name = arena_strdup(a, actor->name);
    actor->public_id = actor->public_id ? arena_strdup(a, actor->public_id) : NULL;
}

static bool recall(struct session *s, const unsigned char hash[DIGEST_SHA256_LEN])
{
    const struct access_memory *m = s->memory;
    bool found = false;
    if (!m)
        return false;
    lock(m);
    for (int i = 0; !found && i < m->count; i++)
        if ((found = digest_equal(m->keys[i].hash, hash, DIGEST_SHA256_LEN))) {
            s->actor = m->keys[i].actor; /* its texts are the memory's, which the request may outlive */
            own_texts(&s->actor, s->arena);
        }
    unlock(m);
    return found;
}

static void remember(struct session *s, const unsigned char hash[DIGEST_SHA256_LEN])
{
    struct access_memory *m = s->memory;
    if (!m || !is_recent(s))
        return;
    lock(m);
    if (m->count < ACCESS_REMEMBERED) {
        struct actor *a = &m->keys[m->count].actor;
        memcpy(m->keys[m->count++].hash, hash, DIGEST_SHA256_LEN);
        *a = s->actor;
        own_texts(a, &m->arena);
    }
    unlock(m);
}

static void act_as(struct session *s, const struct principal *p, const unsigned char hash[DIGEST_SHA256_LEN])
{
    s->actor = (struct actor){
        .pk = p->pk,
        .project = p->project,
        .project_name = p->project_name,
        .name = p->name,
        .public_id = p->public_id,
        .scopes = p->scopes,
        .expires_at = p->expires_at,
        .storages = p->storages,
        .staff = p->public_id ? (p->scopes & (SCOPE_DELETE | SCOPE_ADMIN)) != 0 : p->staff,
    };
    remember(s, hash);
}

/* Of one whose secret is right: only its owner is told. */
static int check_current(const struct session *s, const struct principal *p, struct err *e)
{
    char when[CLOCK_RFC3339_SIZE];
    if (p->revoked_at)
        return refuse(e);
    if (!p->expires_at || p->expires_at > s->now)
        return 0;
    clock_rfc3339(p->expires_at, when);
    err_set(e, ERR_KEY_EXPIRED, "this key expired at %s; whoever gave it to you can make another", when);
    e->at = p->expires_at;
    return e->code;
}

const char *access_public_id(struct arena *a, const char *key)
{
    return arena_copy(a, key + PREFIX_LEN, ID_PART);
}

static int look_up(struct session *s, const char *key, const unsigned char hash[DIGEST_SHA256_LEN],
                   struct err *e)
{
    struct principal *p = NULL;
    int rc = store_principal_by_public_id(s->db, s->arena, access_public_id(s->arena, key), &p, e);
    if (rc < 0)
        return rc;
    if (rc == 0 || p->secret_len != DIGEST_SHA256_LEN || !digest_equal(p->secret, hash, DIGEST_SHA256_LEN))
        return refuse(e);
    rc = check_current(s, p, e);
    if (rc == 0)
        act_as(s, p, hash);
    return rc;
}

int access_authenticate(struct session *s, const char *key, struct err *e)
{
    unsigned char hash[DIGEST_SHA256_LEN];
    if (!key || strlen(key) != ACCESS_KEY_SIZE - 1 || memcmp(key, "rk_", PREFIX_LEN) != 0)
        return refuse(e);
    digest_sha256(key, ACCESS_KEY_SIZE - 1, hash);
    return recall(s, hash) ? 0 : look_up(s, key, hash, e);
}

bool access_recall(struct session *s, const char *credential)
{
    unsigned char hash[DIGEST_SHA256_LEN];
    digest_sha256(credential, strlen(credential), hash);
    return recall(s, hash);
}

int access_assume(struct session *s, const struct principal *p, const char *credential, struct err *e)
{
    unsigned char hash[DIGEST_SHA256_LEN];
    int rc = check_current(s, p, e);
    if (rc < 0)
        return rc;
    digest_sha256(credential, strlen(credential), hash);
    act_as(s, p, hash);
    return 0;
}

int access_become(struct session *s, int64_t pk, const char *credential, struct err *e)
{
    struct principal *p = NULL;
    int rc = store_principal_by_pk(s->db, s->arena, pk, &p, e);
    if (rc < 0)
        return rc;
    return rc == 0 ? refuse(e) : access_assume(s, p, credential, e);
}

int access_user(struct session *s, const char *name, int64_t *ret_pk, const char **ret_stored, struct err *e)
{
    struct principal *p = NULL;
    int rc = store_principal_user(s->db, s->arena, name, &p, e);
    bool is_there = rc > 0 && !p->revoked_at;
    *ret_pk = is_there ? p->pk : 0;
    *ret_stored = is_there ? arena_copy(s->arena, p->secret, p->secret_len) : NULL;
    return rc < 0 ? rc : 0;
}

int access_stored_password(struct session *s, int64_t pk, const char **ret, struct err *e)
{
    struct principal *p = NULL;
    int rc = store_principal_by_pk(s->db, s->arena, pk, &p, e);
    bool is_user = rc > 0 && !p->public_id;
    *ret = is_user ? arena_copy(s->arena, p->secret, p->secret_len) : NULL;
    return rc < 0 ? rc : 0;
}

bool access_password_matches(const char *stored, const char *password)
{
    char unused[crypto_pwhash_STRBYTES];
    if (sodium_init() < 0)
        return false;
    if (stored)
        return crypto_pwhash_str_verify(stored, password, strlen(password)) == 0;
    int rc = crypto_pwhash_str(unused, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                               crypto_pwhash_MEMLIMIT_INTERACTIVE);
    (void)rc;
    return false;
}

int access_require(const struct session *s, int64_t scopes, struct err *e)
{
    if ((s->actor.scopes & scopes) == scopes || s->actor.scopes & SCOPE_ADMIN)
        return 0;
    for (size_t i = 0; i < sizeof scope_names / sizeof scope_names[0]; i++)
        if (scopes & scope_names[i].bit & ~s->actor.scopes)
            return err_set(e, ERR_FORBIDDEN, "this key lacks the scope \"%s\"", scope_names[i].name);
    return 0;
}

static int64_t scope_of(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof scope_names / sizeof scope_names[0]; i++)
        if (strlen(scope_names[i].name) == len && strncmp(name, scope_names[i].name, len) == 0)
            return scope_names[i].bit;
    return 0;
}

int64_t access_scope(const char *name)
{
    return scope_of(name, strlen(name));
}

int access_parse_scopes(const char *list, int64_t *ret, struct err *e)
{
    int64_t bits = 0;
    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ",");
        int64_t bit = scope_of(p, len);
        if (!bit)
            return err_set(e, ERR_BAD_VALUE, "\"%.*s\" is no scope: read, ack, write, delete and admin are",
                           (int)len, p);
        bits |= bit;
        p += len + (p[len] == ',');
    }
    if (!bits)
        return err_set(e, ERR_BAD_VALUE, "at least one scope is needed: read, ack, write, delete or admin");
    *ret = bits;
    return 0;
}

const char *access_scope_name(int64_t scopes, size_t *at)
{
    while (*at < sizeof scope_names / sizeof scope_names[0]) {
        size_t i = (*at)++;
        if (scopes & scope_names[i].bit)
            return scope_names[i].name;
    }
    return NULL;
}

const char *access_format_scopes(struct arena *a, int64_t scopes)
{
    const char *list = "";
    size_t at = 0;
    for (const char *name; (name = access_scope_name(scopes, &at));)
        list = arena_printf(a, "%s%s%s", list, *list ? "," : "", name);
    return list;
}

int access_create_key(struct session *s, const char *name, int64_t scopes, int64_t seconds,
                      char ret_key[ACCESS_KEY_SIZE], struct err *e)
{
    unsigned char hash[DIGEST_SHA256_LEN];
    char id[ID_PART + 1];
    int64_t pk;
    memcpy(ret_key, "rk_", PREFIX_LEN);
    id_token(ret_key + PREFIX_LEN, ID_PART);
    memcpy(id, ret_key + PREFIX_LEN, sizeof id);
    ret_key[PREFIX_LEN + ID_PART] = '_';
    id_token(ret_key + PREFIX_LEN + ID_PART + 1, SECRET_PART);
    digest_sha256(ret_key, ACCESS_KEY_SIZE - 1, hash);
    struct principal p = {
        .project = s->actor.project,
        .name = name && *name ? name : id,
        .public_id = id,
        .secret = hash,
        .secret_len = sizeof hash,
        .scopes = scopes,
        .created_at = s->now,
        .expires_at = seconds ? s->now + seconds * CLOCK_SECOND : 0,
    };
    return store_principal_add(s->db, PRINCIPAL_KEY, &p, &pk, e);
}

static int find_key(struct session *s, const char *public_id, struct principal **ret, struct err *e)
{
    int rc = store_principal_by_public_id(s->db, s->arena, public_id, ret, e);
    if (rc == 0 || (rc > 0 && (*ret)->project != s->actor.project))
        return err_set(e, ERR_NOT_FOUND, "there is no such key");
    return rc < 0 ? rc : 0;
}

int access_key(struct session *s, const char *public_id, struct principal **ret, struct err *e)
{
    return find_key(s, public_id, ret, e);
}

int access_keys(struct session *s, bool newest_first, const struct page *page, store_principal_fn *each,
                void *ctx, struct err *e)
{
    return store_principal_each_of(s->db, s->arena, PRINCIPAL_KEY, s->actor.project, newest_first, page, each,
                                   ctx, e);
}

int access_count_keys(struct session *s, int64_t *ret, struct err *e)
{
    return store_principal_count_keys(s->db, s->actor.project, ret, e);
}

int access_rotate_key(struct session *s, const char *public_id, char ret_key[ACCESS_KEY_SIZE],
                      struct principal **ret, struct err *e)
{
    unsigned char hash[DIGEST_SHA256_LEN];
    int rc = find_key(s, public_id, ret, e);
    if (rc == 0 && (*ret)->revoked_at)
        rc = err_set(e, ERR_WRONG_STATE, "this key was revoked: it stays so");
    if (rc == 0 && (*ret)->expires_at && (*ret)->expires_at <= s->now)
        rc = err_set(e, ERR_WRONG_STATE, "this key has expired: it stays so, make another");
    if (rc < 0)
        return rc;
    memcpy(ret_key, "rk_", PREFIX_LEN);
    memcpy(ret_key + PREFIX_LEN, public_id, ID_PART);
    ret_key[PREFIX_LEN + ID_PART] = '_';
    id_token(ret_key + PREFIX_LEN + ID_PART + 1, SECRET_PART);
    digest_sha256(ret_key, ACCESS_KEY_SIZE - 1, hash);
    rc = store_principal_change_secret(s->db, (*ret)->pk, hash, sizeof hash, e);
    return rc < 0 ? rc : 0;
}

/* Who has no key with admin left can make no other. One that is about to end is none, unless it is good for
 * as long as the one that goes. */
static int refuse_last(struct session *s, const struct principal *p, struct err *e)
{
    int64_t others = 0;
    int64_t until = s->now + LASTING;
    if (!(p->scopes & SCOPE_ADMIN))
        return 0;
    if (p->expires_at && p->expires_at < until)
        until = p->expires_at - 1;
    int rc = store_principal_count_other_keys(s->db, p->project, SCOPE_ADMIN, p->pk, until, &others, e);
    if (rc < 0 || others > 0)
        return rc;
    return err_set(e, ERR_WRONG_STATE,
                   "this is the last key of the project with the scope admin that lasts: make another first");
}

int access_revoke_key(struct session *s, const char *public_id, struct err *e)
{
    struct principal *p = NULL;
    int rc = find_key(s, public_id, &p, e);
    if (rc < 0 || p->revoked_at)
        return rc;
    rc = refuse_last(s, p, e);
    if (rc == 0)
        rc = store_principal_revoke(s->db, public_id, s->now, e);
    return rc < 0 ? rc : 0;
}

int access_project_created_at(struct session *s, int64_t *ret, struct err *e)
{
    int rc = store_project_created_at(s->db, s->actor.project, ret, e);
    return rc < 0 ? rc : 0;
}

int access_hash_password(const char *password, char ret[ACCESS_STORED_SIZE], struct err *e)
{
    static_assert(ACCESS_STORED_SIZE == crypto_pwhash_STRBYTES, "what libsodium writes");
    if (sodium_init() < 0 ||
        crypto_pwhash_str(ret, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return err_set(e, ERR_INTERNAL, "the password could not be hashed: memory is short");
    return 0;
}

static void set_staff(struct principal *p, bool staff)
{
    p->staff = staff;
    p->scopes = SCOPE_READ | SCOPE_ACK | SCOPE_WRITE | (staff ? SCOPE_DELETE : 0);
}

int access_add_user(struct session *s, const char *name, const char *stored, bool staff, int64_t *ret_pk,
                    struct err *e)
{
    struct principal p = {
        .project = s->actor.project,
        .name = name,
        .secret = stored,
        .secret_len = strlen(stored),
        .created_at = s->now,
    };
    set_staff(&p, staff);
    int rc = store_principal_add(s->db, PRINCIPAL_USER, &p, ret_pk, e);
    if (rc == ERR_DB_CONSTRAINT)
        return err_at(e, ERR_TAKEN, ERR_POINTER, "/name", "there is a user \"%.200s\" already", name);
    return rc;
}

int access_create_user(struct session *s, const char *name, const char *password, bool staff, struct err *e)
{
    char stored[ACCESS_STORED_SIZE];
    int64_t pk;
    int rc = name_check(name, "the user's name", e);
    if (rc < 0)
        return rc;
    if (!*password)
        return err_set(e, ERR_BAD_VALUE, "the password is empty");
    rc = access_hash_password(password, stored, e);
    return rc < 0 ? rc : access_add_user(s, name, stored, staff, &pk, e);
}

int access_user_by_pk(struct session *s, int64_t pk, struct principal **ret, struct err *e)
{
    int rc = store_principal_by_pk(s->db, s->arena, pk, ret, e);
    if (rc == 0 || (rc > 0 && ((*ret)->project != s->actor.project || (*ret)->public_id)))
        return err_set(e, ERR_NOT_FOUND, "there is no such user");
    return rc < 0 ? rc : 0;
}

int access_users(struct session *s, const struct page *page, store_principal_fn *each, void *ctx,
                 struct err *e)
{
    return store_principal_each_of(s->db, s->arena, PRINCIPAL_USER, s->actor.project, true, page, each, ctx,
                                   e);
}

int access_change_user(struct session *s, int64_t pk, const struct access_user_change *c, struct err *e)
{
    struct principal *p = NULL;
    int rc = access_user_by_pk(s, pk, &p, e);
    if (rc < 0)
        return rc;
    if (c->sets_staff)
        set_staff(p, c->staff);
    if (c->sets_active && c->active == (p->revoked_at != 0))
        p->revoked_at = c->active ? 0 : s->now;
    rc = store_principal_change(s->db, p, e);
    if (rc >= 0 && c->stored)
        rc = store_principal_change_secret(s->db, pk, c->stored, strlen(c->stored), e);
    return rc < 0 ? rc : 0;
}
