/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings as a struct, made from settings.def. One is never changed: SIGHUP publishes a new one, and the
 * old one stays alive until the end, so a reader may hold on to what it got. TIME members are seconds, SIZE
 * bytes.
 */
#pragma once

#include "base/conf.h"

#include <stdatomic.h>

#define SETTING_TYPE_BOOL bool
#define SETTING_TYPE_INT  int64_t
#define SETTING_TYPE_SIZE int64_t
#define SETTING_TYPE_TIME int64_t
#define SETTING_TYPE_TEXT const char *

struct settings {
#define SETTING(type, name, initial, smallest, largest, reload, help) SETTING_TYPE_##type name;
#include "core/settings.def"
#undef SETTING
};

extern const struct conf settings_conf;

typedef _Atomic(const struct settings *) settings_ref;

/* Checks what a single row of the table cannot say. */
int settings_check(const struct settings *s, struct err *e);

/* The name of the next one that takes effect only at a start and differs between the two; NULL: no more. *at
 * is 0 at first. */
const char *settings_next_fixed(const struct settings *a, const struct settings *b, size_t *at);

/* Settings that take effect only at a start: copied from `old`, whose texts must live as long. */
void settings_keep_fixed(struct settings *s, const struct settings *old);
