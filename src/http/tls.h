/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's certificate and key, which a running server takes anew: a handshake gets the pair that is the
 * newest one then, connections go on with theirs.
 *
 * GnuTLS, because it is what libmicrohttpd speaks TLS with. It asks for a pair by a function that has no
 * context, so there is one `struct tls` in a process.
 */
#pragma once

#include "base/err.h"

#include <gnutls/abstract.h>

struct tls;

/* For libmicrohttpd: TLS 1.2 and 1.3, keys agreed on anew for each connection, ciphers that authenticate. */
#define TLS_PRIORITIES                                                                                       \
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

/* Files in PEM: a certificate with what leads from it to a root, and its key, which nobody else may read.
 * Errors name the setting. */
int tls_open(const char *certificate, const char *key, struct tls **ret, struct err *e);
/* Both files once more; on failure the pair in use stays. One thread. */
int tls_reload(struct tls *t, struct err *e);
void tls_free(struct tls *t); /* after the HTTP library has stopped; NULL is fine */

/* For MHD_OPTION_HTTPS_CERT_CALLBACK2, after tls_open. */
gnutls_certificate_retrieve_function3 tls_give_pair;

/* Seconds since 1970: the first end of a certificate of the pair in use. Any thread. */
int64_t tls_expiry(const struct tls *t);
int64_t tls_failures(const struct tls *t); /* of tls_reload */
