/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of servers that resultctl knows: $XDG_CONFIG_HOME/resultctl/servers, else
 * ~/.config/resultctl/servers.
 *
 *     default = NAME
 *
 *     [NAME]
 *     url = https://results.example.com
 *     key = KEY
 *
 * Lines that begin with # are comments, and stay where they are. It has keys in it, so it is read only if
 * nobody but its owner can, and written whole, under another name first.
 */
#pragma once

#include "base/arena.h"
#include "cli/failure.h"

#include <stdbool.h>

struct server {
    const char *name, *url;
    const char *key; /* or NULL */
};

struct servers {
    const char *path;
    const char *text;   /* as it was read */
    const char *chosen; /* the default's name, or NULL */
    struct server *all;
    int count;
};

/* `path` NULL: the usual place. A file that is missing is an empty one. */
int servers_read(struct arena *a, const char *path, struct servers *ret, struct failure *f);
/* NULL: there is none of this name. */
const struct server *servers_find(const struct servers *s, const char *name);
/* Whether it is at this address, but for slashes at the end. */
bool servers_is_at(const struct server *s, const char *url);
/* The key that is noted for this address; NULL: none is. */
const char *servers_key_for(const struct servers *s, const char *url);
/* Adds it, or takes the place of the one of its name. */
void servers_put(struct arena *a, struct servers *s, const struct server *server);
bool servers_remove(struct servers *s, const char *name);
int servers_write(struct arena *a, const struct servers *s, struct failure *f);
