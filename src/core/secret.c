/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See secret.h. Sealed text is "1." and base64url of nonce (12 bytes), ciphertext, tag (16 bytes): the tag
 * tells which key it was. The mutex covers everything in struct secrets; ciphers work on copies of the keys.
 */
#include "core/secret.h"

#include "base/id.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION "1."
enum { KEY_LEN = 32, NONCE_LEN = 12, TAG_LEN = 16, MOST_KEYS = 2 };

struct keys {
    unsigned char key[MOST_KEYS][KEY_LEN];
    int count;
};

struct secrets {
    char *path;
    pthread_mutex_t mutex;
    struct stat seen; /* of the file, when it was read */
    struct keys keys;
};

static int fail(const char *doing, const char *path, struct err *e)
{
    return err_set(e, ERR_STORAGE, "cannot %s %.200s: %s", doing, path, strerror(errno));
}

static int sync_folder_of(const char *path, struct err *e)
{
    char folder[4200];
    const char *slash = strrchr(path, '/');
    int len = slash == path ? 1 : slash ? (int)(slash - path) : 1;
    (void)snprintf(folder, sizeof folder, "%.*s", len, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) < 0 ? fail("sync", folder, e) : 0;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* Durable under a name of its own first, so that neither a crash leaves half of a key nor another process
 * that does the same writes into it. `replace`: what stands there goes; else another one may have been
 * quicker, and its keys stay. */
static int write_keys(const char *path, const struct keys *keys, bool replace, struct err *e)
{
    char fresh[4200];
    size_t len = (size_t)keys->count * KEY_LEN;
    (void)snprintf(fresh, sizeof fresh, "%s.XXXXXX", path);
    int fd = mkostemp(fresh, O_CLOEXEC);
    if (fd < 0)
        return fail("make", fresh, e);
    int rc = 0;
    if (write(fd, keys->key, len) != (ssize_t)len || fsync(fd) < 0)
        rc = fail("write", fresh, e);
    (void)close(fd);
    if (rc == 0 && replace && rename(fresh, path) < 0)
        rc = fail("replace", path, e);
    if (rc == 0 && !replace && link(fresh, path) < 0 && errno != EEXIST)
        rc = fail("make", path, e);
    (void)unlink(fresh);
    return rc < 0 ? rc : sync_folder_of(path, e);
}

static int read_keys(int fd, const char *path, struct stat *ret_seen, struct keys *ret, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || (st.st_size != KEY_LEN && st.st_size != (off_t)sizeof ret->key) ||
        read(fd, ret->key, (size_t)st.st_size) != st.st_size)
        return err_set(e, ERR_STORAGE, "%.200s must have %d or %d bytes: put back the one of your backup",
                       path, KEY_LEN, MOST_KEYS * KEY_LEN);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return err_set(e, ERR_STORAGE, "%.200s may be read by others than its owner: chmod 600 it", path);
    ret->count = (int)(st.st_size / KEY_LEN);
    *ret_seen = st;
    return 0;
}

static int load(const char *path, struct stat *ret_seen, struct keys *ret, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail("open", path, e);
    int rc = read_keys(fd, path, ret_seen, ret, e);
    (void)close(fd);
    return rc;
}

static int make_key(const char *path, struct err *e)
{
    struct keys keys = {.count = 1};
    id_random(keys.key[0], KEY_LEN);
    int rc = write_keys(path, &keys, false, e);
    OPENSSL_cleanse(&keys, sizeof keys);
    return rc;
}

int secrets_open(const char *path, bool may_make, struct secrets **ret, struct err *e)
{
    struct secrets *s = mem_alloc(sizeof *s);
    *s = (struct secrets){.path = mem_strdup(path)};
    if (pthread_mutex_init(&s->mutex, NULL))
        abort();
    bool missing = access(path, F_OK) < 0 && errno == ENOENT;
    int rc = !missing ? 0
             : may_make
                 ? make_key(path, e)
                 : err_set(e, ERR_STORAGE,
                           "the key of this database's secrets is missing, there is no %.100s: copy the "
                           "file from another node or from a backup, or name it by secret_key_file",
                           path);
    if (rc == 0)
        rc = load(path, &s->seen, &s->keys, e);
    if (rc < 0)
        secrets_close(s);
    else
        *ret = s;
    return rc;
}

void secrets_close(struct secrets *s)
{
    if (!s)
        return;
    (void)pthread_mutex_destroy(&s->mutex);
    OPENSSL_cleanse(&s->keys, sizeof s->keys);
    free(s->path);
    free(s);
}

static bool has_changed(const struct secrets *s)
{
    struct stat st;
    return stat(s->path, &st) == 0 &&
           (st.st_ino != s->seen.st_ino || st.st_size != s->seen.st_size ||
            st.st_mtim.tv_sec != s->seen.st_mtim.tv_sec || st.st_mtim.tv_nsec != s->seen.st_mtim.tv_nsec);
}

/* What cannot be read leaves the keys as they were. */
static struct keys current(struct secrets *s)
{
    struct keys fresh;
    struct stat seen;
    struct err ignored;
    (void)pthread_mutex_lock(&s->mutex);
    if (has_changed(s) && load(s->path, &seen, &fresh, &ignored) == 0) {
        s->keys = fresh;
        s->seen = seen;
    }
    struct keys keys = s->keys;
    (void)pthread_mutex_unlock(&s->mutex);
    return keys;
}

int secrets_change(struct secrets *s, enum secrets_change how, struct err *e)
{
    struct keys before = current(s);
    struct keys after = {.count = MOST_KEYS};
    bool swap = how == SECRETS_PREPARED;
    int second = how == SECRETS_PREPARE ? 1 : 0; /* where the new one stands */
    if (swap && before.count < MOST_KEYS)
        return err_set(e, ERR_WRONG_STATE, "no key was prepared: there is but one in %.200s", s->path);
    if (swap)
        memcpy(after.key[0], before.key[1], KEY_LEN);
    else
        id_random(after.key[second], KEY_LEN);
    memcpy(after.key[1 - second], before.key[0], KEY_LEN);
    int rc = write_keys(s->path, &after, true, e);
    OPENSSL_cleanse(&before, sizeof before);
    OPENSSL_cleanse(&after, sizeof after);
    return rc;
}

/* A cipher with key, nonce and purpose set; these calls fail only when memory is out. */
static EVP_CIPHER_CTX *begin(const unsigned char *key, int seal, const unsigned char *nonce,
                             const char *purpose)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int unused = 0;
    if (!c || EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, seal) != 1 ||
        EVP_CipherUpdate(c, NULL, &unused, (const unsigned char *)purpose, (int)strlen(purpose)) != 1)
        abort();
    return c;
}

const char *secret_seal(struct secrets *s, struct arena *a, const char *purpose, const char *text, size_t len)
{
    unsigned char *bytes = arena_alloc(a, NONCE_LEN + len + TAG_LEN);
    int done = 0;
    struct keys keys = current(s);
    id_random(bytes, NONCE_LEN);
    EVP_CIPHER_CTX *c = begin(keys.key[0], 1, bytes, purpose);
    OPENSSL_cleanse(&keys, sizeof keys);
    if (EVP_CipherUpdate(c, bytes + NONCE_LEN, &done, (const unsigned char *)text, (int)len) != 1 ||
        EVP_CipherFinal_ex(c, bytes + NONCE_LEN + len, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_LEN, bytes + NONCE_LEN + len) != 1)
        abort();
    EVP_CIPHER_CTX_free(c);
    return arena_printf(a, VERSION "%s", text_base64url(a, bytes, NONCE_LEN + len + TAG_LEN));
}

static int refuse(struct err *e)
{
    return err_operator(e, ERR_INTERNAL, "a stored secret cannot be read: its key has changed",
                        "a secret does not open with secret.key: it was sealed by another, or is damaged");
}

/* What stands between nonce and tag, if this key sealed it. */
static bool open_with(const unsigned char *key, const char *purpose, unsigned char *bytes, size_t text_len,
                      unsigned char *to)
{
    int done = 0;
    EVP_CIPHER_CTX *c = begin(key, 0, bytes, purpose);
    bool good = EVP_CipherUpdate(c, to, &done, bytes + NONCE_LEN, (int)text_len) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_LEN, bytes + NONCE_LEN + text_len) == 1 &&
                EVP_CipherFinal_ex(c, to + text_len, &done) == 1;
    EVP_CIPHER_CTX_free(c);
    return good;
}

/* Which key opened it; ERR_INTERNAL: none. */
static int open_sealed(struct secrets *s, struct arena *a, const char *purpose, const char *sealed,
                       const char **ret, size_t *ret_len, struct err *e)
{
    size_t version = strlen(VERSION);
    char *bytes;
    size_t len;
    if (strncmp(sealed, VERSION, version) != 0 ||
        !text_unbase64url(a, sealed + version, strlen(sealed + version), &bytes, &len) ||
        len < NONCE_LEN + TAG_LEN)
        return refuse(e);
    size_t text_len = len - NONCE_LEN - TAG_LEN;
    unsigned char *text = arena_alloc(a, text_len + 1);
    struct keys keys = current(s);
    int which = 0;
    while (which < keys.count && !open_with(keys.key[which], purpose, (unsigned char *)bytes, text_len, text))
        which++;
    bool good = which < keys.count;
    OPENSSL_cleanse(&keys, sizeof keys);
    if (!good)
        return refuse(e);
    text[text_len] = '\0';
    *ret = (const char *)text;
    *ret_len = text_len;
    return which;
}

int secret_unseal(struct secrets *s, struct arena *a, const char *purpose, const char *sealed,
                  const char **ret, size_t *ret_len, struct err *e)
{
    int rc = open_sealed(s, a, purpose, sealed, ret, ret_len, e);
    return rc < 0 ? rc : 0;
}

int secret_reseal(struct secrets *s, struct arena *a, const char *purpose, const char *sealed,
                  const char **ret, struct err *e)
{
    const char *text = NULL;
    size_t len = 0;
    int rc = open_sealed(s, a, purpose, sealed, &text, &len, e);
    if (rc <= 0)
        return rc;
    *ret = secret_seal(s, a, purpose, text, len);
    OPENSSL_cleanse((void *)(uintptr_t)text, len);
    return 1;
}
