/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking and storing passwords in a thread of their own: each takes some tenths of a second and 64 MiB, so
 * there is one such thread, and only so many wait for it.
 */
#pragma once

#include "base/err.h"
#include "base/pool.h"
#include "core/access.h"

#include <stdbool.h>

struct passwords;

struct passwords *passwords_new(void);
void passwords_free(struct passwords *p); /* checks what waits first; NULL is fine */

/* One check; what it points to, and it itself, live until it has woken. */
struct password_check {
    struct pool_task task; /* passwords.c's own; first, so that one is the other */
    struct passwords *all;
    const char *stored; /* NULL: there is no such user, which takes as long */
    const char *password;
    void (*wake)(void *ctx); /* called once, from another thread, when `matches` is known */
    void *ctx;
    bool matches;
};

/* Likewise: what is to be stored of one. */
struct password_hash {
    struct pool_task task;
    struct passwords *all;
    const char *password;
    void (*wake)(void *ctx);
    void *ctx;
    char stored[ACCESS_STORED_SIZE];
    int rc; /* of access_hash_password */
    struct err error;
};

/* ERR_BUSY: too many wait; then wake is not called. Any thread. */
int password_check_start(struct passwords *p, struct password_check *c, struct err *e);
int password_hash_start(struct passwords *p, struct password_hash *h, struct err *e);
