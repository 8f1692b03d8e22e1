/* SPDX-License-Identifier: Apache-2.0 */
/* See secret.h. Sealed text is "1." and base64url of nonce (12 bytes), ciphertext, tag (16 bytes). */
#include "core/secret.h"

#include "base/id.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION "1."
enum { KEY_LEN = 32, NONCE_LEN = 12, TAG_LEN = 16 };

struct secrets {
    unsigned char key[KEY_LEN];
};

static int fail(const char *doing, const char *path, struct err *e)
{
    return err_set(e, ERR_STORAGE, "cannot %s %.200s: %s", doing, path, strerror(errno));
}

static int sync_folder_of(const char *path, struct err *e)
{
    char folder[4200];
    (void)snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) < 0 ? fail("sync", folder, e) : 0;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* Durable under another name first, so that a crash leaves no half of a key. */
static int make_key(const char *path, struct err *e)
{
    unsigned char key[KEY_LEN];
    char fresh[4200];
    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail("make", fresh, e);
    id_random(key, sizeof key);
    int rc = 0;
    if (write(fd, key, sizeof key) != sizeof key || fsync(fd) < 0)
        rc = fail("write", fresh, e);
    (void)close(fd);
    OPENSSL_cleanse(key, sizeof key);
    if (rc == 0 && link(fresh, path) < 0 && errno != EEXIST) /* another process may have been quicker */
        rc = fail("make", path, e);
    (void)unlink(fresh);
    return rc < 0 ? rc : sync_folder_of(path, e);
}

static int read_key(int fd, const char *path, unsigned char *key, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size != KEY_LEN || read(fd, key, KEY_LEN) != KEY_LEN)
        return err_set(e, ERR_STORAGE, "%.200s must have %d bytes: put back the one of your backup", path,
                       KEY_LEN);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return err_set(e, ERR_STORAGE, "%.200s may be read by others than its owner: chmod 600 it", path);
    return 0;
}

int secrets_open(const char *path, struct secrets **ret, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int rc = make_key(path, e);
        if (rc < 0)
            return rc;
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0)
        return fail("open", path, e);
    struct secrets *s = mem_alloc(sizeof *s);
    int rc = read_key(fd, path, s->key, e);
    (void)close(fd);
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
    OPENSSL_cleanse(s->key, sizeof s->key);
    free(s);
}

/* A cipher with key, nonce and purpose set; these calls fail only when memory is out. */
static EVP_CIPHER_CTX *begin(const struct secrets *s, int seal, const unsigned char *nonce,
                             const char *purpose)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int unused = 0;
    if (!c || EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, s->key, nonce, seal) != 1 ||
        EVP_CipherUpdate(c, NULL, &unused, (const unsigned char *)purpose, (int)strlen(purpose)) != 1)
        abort();
    return c;
}

const char *secret_seal(struct secrets *s, struct arena *a, const char *purpose, const char *text, size_t len)
{
    unsigned char *bytes = arena_alloc(a, NONCE_LEN + len + TAG_LEN);
    int done = 0;
    id_random(bytes, NONCE_LEN);
    EVP_CIPHER_CTX *c = begin(s, 1, bytes, purpose);
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

int secret_unseal(struct secrets *s, struct arena *a, const char *purpose, const char *sealed,
                  const char **ret, size_t *ret_len, struct err *e)
{
    size_t version = strlen(VERSION);
    char *bytes;
    size_t len;
    int done = 0;
    if (strncmp(sealed, VERSION, version) != 0 ||
        !text_unbase64url(a, sealed + version, strlen(sealed + version), &bytes, &len) ||
        len < NONCE_LEN + TAG_LEN)
        return refuse(e);
    size_t text_len = len - NONCE_LEN - TAG_LEN;
    unsigned char *text = arena_alloc(a, text_len + 1);
    EVP_CIPHER_CTX *c = begin(s, 0, (unsigned char *)bytes, purpose);
    bool good = EVP_CipherUpdate(c, text, &done, (unsigned char *)bytes + NONCE_LEN, (int)text_len) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_LEN, bytes + NONCE_LEN + text_len) == 1 &&
                EVP_CipherFinal_ex(c, text + text_len, &done) == 1;
    EVP_CIPHER_CTX_free(c);
    if (!good)
        return refuse(e);
    *ret = (const char *)text;
    *ret_len = text_len;
    return 0;
}
