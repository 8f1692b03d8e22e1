/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See tls.h. Handshakes read `current` in event loops while one thread replaces it. A pair that was replaced
 * stays until the end, since nobody tells when the last handshake that took it is over; some kilobytes for
 * each renewal.
 */
#include "http/tls.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHAIN_LIMIT = 16, FILE_LIMIT = 1 << 20, KEY_ID_SIZE = 32 };

struct pair {
    struct pair *before;
    gnutls_pcert_st chain[CHAIN_LIMIT];
    unsigned length;
    gnutls_privkey_t key;
    int64_t expiry;
};

struct tls {
    char *certificate, *key;
    _Atomic(struct pair *) current;
    atomic_llong failures;
};

static struct tls *in_use;

/* --- files --- */

static int fail(const char *setting, const char *path, const char *why, struct err *e)
{
    return err_set(e, ERR_BAD_VALUE, "%s: %.150s %s", setting, path, why);
}

static int fail_of_library(const char *setting, const char *path, int code, struct err *e)
{
    return err_set(e, ERR_BAD_VALUE, "%s: %.150s cannot be used: %s", setting, path, gnutls_strerror(code));
}

/* Like PostgreSQL: its owner's alone, or root's, who may let a group read it. */
static bool is_private(const struct stat *st)
{
    if (st->st_uid == 0)
        return !(st->st_mode & (S_IWGRP | S_IXGRP | S_IRWXO));
    return st->st_uid == geteuid() && !(st->st_mode & (S_IRWXG | S_IRWXO));
}

static int check_file(int fd, const char *setting, const char *path, bool is_key, struct stat *ret,
                      struct err *e)
{
    if (fstat(fd, ret) < 0 || !S_ISREG(ret->st_mode) || ret->st_size > FILE_LIMIT)
        return fail(setting, path, "is not a file of at most 1 MiB", e);
    if (is_key && !is_private(ret))
        return fail(
            setting, path,
            "may be read by others: it must belong to the server's user with mode 0600, or to root with "
            "mode 0640",
            e);
    return 0;
}

static int read_all(int fd, const char *setting, const char *path, gnutls_datum_t *to, struct err *e)
{
    unsigned len = 0;
    while (len < to->size) {
        ssize_t n = read(fd, to->data + len, to->size - len);
        if (n < 0)
            return fail(setting, path, strerror(errno), e);
        if (n == 0)
            break;
        len += (unsigned)n;
    }
    to->size = len;
    return 0;
}

static void forget(gnutls_datum_t *text)
{
    if (text->data)
        explicit_bzero(text->data, text->size);
    free(text->data);
}

static int read_file(const char *setting, const char *path, bool is_key, gnutls_datum_t *ret, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(e, ERR_BAD_VALUE, "%s: %.150s cannot be opened: %s", setting, path, strerror(errno));
    int rc = check_file(fd, setting, path, is_key, &st, e);
    if (rc == 0) {
        gnutls_datum_t text = {mem_alloc((size_t)st.st_size + 1), (unsigned)st.st_size};
        rc = read_all(fd, setting, path, &text, e);
        if (rc == 0)
            *ret = text;
        else
            forget(&text);
    }
    (void)close(fd);
    return rc;
}

/* --- pairs --- */

static void free_pair(struct pair *p)
{
    for (unsigned i = 0; i < p->length; i++)
        gnutls_pcert_deinit(&p->chain[i]);
    gnutls_privkey_deinit(p->key);
    free(p);
}

static int load_chain(struct pair *p, const char *path, struct err *e)
{
    gnutls_datum_t text = {0};
    unsigned length = CHAIN_LIMIT;
    int rc = read_file("tls_cert", path, false, &text, e);
    if (rc < 0)
        return rc;
    int code = gnutls_pcert_list_import_x509_raw(p->chain, &length, &text, GNUTLS_X509_FMT_PEM,
                                                 GNUTLS_X509_CRT_LIST_SORT);
    forget(&text);
    if (code < 0)
        return fail_of_library("tls_cert", path, code, e);
    p->length = length;
    return length ? 0 : fail("tls_cert", path, "holds no certificate", e);
}

static int load_key(struct pair *p, const char *path, struct err *e)
{
    gnutls_datum_t text = {0};
    int rc = read_file("tls_key", path, true, &text, e);
    if (rc < 0)
        return rc;
    int code = gnutls_privkey_import_x509_raw(p->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    forget(&text);
    return code < 0 ? fail_of_library("tls_key", path, code, e) : 0;
}

static bool same_key(gnutls_pubkey_t a, gnutls_pubkey_t b)
{
    unsigned char of_a[KEY_ID_SIZE];
    unsigned char of_b[KEY_ID_SIZE];
    size_t size_a = sizeof of_a;
    size_t size_b = sizeof of_b;
    return gnutls_pubkey_get_key_id(a, GNUTLS_KEYID_USE_SHA256, of_a, &size_a) == 0 &&
           gnutls_pubkey_get_key_id(b, GNUTLS_KEYID_USE_SHA256, of_b, &size_b) == 0 && size_a == size_b &&
           memcmp(of_a, of_b, size_a) == 0;
}

/* The library itself would notice at the first handshake only. */
static int check_fit(const struct pair *p, const char *path, struct err *e)
{
    gnutls_pubkey_t public;
    int code = gnutls_pubkey_init(&public);
    if (code < 0)
        abort();
    code = gnutls_pubkey_import_privkey(public, p->key, 0, 0);
    bool fits = code == 0 && same_key(public, p->chain[0].pubkey);
    gnutls_pubkey_deinit(public);
    return fits ? 0 : fail("tls_key", path, "is not the key of the first certificate that tls_cert names", e);
}

static int note_expiry(struct pair *p, const char *path, struct err *e)
{
    for (unsigned i = 0; i < p->length; i++) {
        gnutls_x509_crt_t certificate;
        int code = gnutls_pcert_export_x509(&p->chain[i], &certificate);
        if (code < 0)
            return fail_of_library("tls_cert", path, code, e);
        int64_t end = gnutls_x509_crt_get_expiration_time(certificate);
        gnutls_x509_crt_deinit(certificate);
        if (i == 0 || end < p->expiry)
            p->expiry = end;
    }
    return 0;
}

static int load_pair(const struct tls *t, struct pair **ret, struct err *e)
{
    struct pair *p = mem_alloc(sizeof *p);
    *p = (struct pair){.length = 0};
    if (gnutls_privkey_init(&p->key) < 0)
        abort();
    int rc = load_chain(p, t->certificate, e);
    if (rc == 0)
        rc = load_key(p, t->key, e);
    if (rc == 0)
        rc = check_fit(p, t->key, e);
    if (rc == 0)
        rc = note_expiry(p, t->certificate, e);
    if (rc < 0)
        free_pair(p);
    else
        *ret = p;
    return rc;
}

/* --- from outside --- */

int tls_give_pair(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **chain,
                  unsigned *length, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_length, gnutls_privkey_t *key,
                  unsigned *flags)
{
    struct pair *p = atomic_load(&in_use->current);
    (void)session;
    (void)info;
    *chain = p->chain;
    *length = p->length;
    *ocsp = NULL;
    *ocsp_length = 0;
    *key = p->key;
    *flags = 0; /* all of it stays ours */
    return 0;
}

int tls_open(const char *certificate, const char *key, struct tls **ret, struct err *e)
{
    struct pair *p = NULL;
    struct tls *t = mem_alloc(sizeof *t);
    *t = (struct tls){.certificate = mem_strdup(certificate), .key = mem_strdup(key)};
    int rc = load_pair(t, &p, e);
    if (rc < 0) {
        tls_free(t);
        return rc;
    }
    atomic_store(&t->current, p);
    in_use = *ret = t;
    return 0;
}

int tls_reload(struct tls *t, struct err *e)
{
    struct pair *p = NULL;
    int rc = load_pair(t, &p, e);
    if (rc < 0) {
        atomic_fetch_add(&t->failures, 1);
        return rc;
    }
    p->before = atomic_load(&t->current);
    atomic_store(&t->current, p);
    return 0;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    for (struct pair *p = atomic_load(&t->current), *before; p; p = before) {
        before = p->before;
        free_pair(p);
    }
    free(t->certificate);
    free(t->key);
    free(t);
}

int64_t tls_expiry(const struct tls *t)
{
    return atomic_load(&t->current)->expiry;
}

int64_t tls_failures(const struct tls *t)
{
    return atomic_load(&t->failures);
}
