/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Absolute addresses that a client sends as data: where they lead, and whether that is the same place as
 * another. Stricter than RFC 3986: what programs read in different ways (a user's name, a backslash, an
 * escape in the host) is no address here. Pure functions, fuzzed as they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_place {
    const char *host; /* borrowed; a name, an IPv4 address, or an IPv6 address with its brackets */
    size_t len;       /* without a dot at the name's end */
    int64_t port;     /* 1–65535; 0: not said */
};

/* HOST[:PORT], which is all of the `len` bytes: a Host field, or a part of an address. */
bool address_parse_place(const char *text, size_t len, struct address_place *ret);

/* http[s]://HOST[:PORT]REST, where REST is empty or begins with a /. The port is the scheme's if none is
 * said. */
bool address_parse(const char *text, struct address_place *ret, const char **ret_rest);

/*
 * Whether `other`, as address_parse gives it, is the place `own`; one whose port is not said is at both of
 * the usual ones, for a proxy before it may speak TLS. Case does not matter, and localhost, 127.0.0.1 and
 * [::1] are one host.
 */
bool address_same(const struct address_place *own, const struct address_place *other);
