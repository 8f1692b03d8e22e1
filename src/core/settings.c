/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings as data; see settings.h. */
#include "core/settings.h"

#include "base/log.h"

#include <stddef.h>
#include <string.h>

#define SETTING_RELOAD_yes true
#define SETTING_RELOAD_no  false

/* What a connection needs beside the header of a request: the header of the answer, and lists of both. */
enum { BESIDE_HEADER = 8192 };

static const struct conf_item items[] = {
#define SETTING(type, name, initial, smallest, largest, reload, help)                                        \
    {CONF_##type, #name,                                                                                     \
     initial,     smallest,                                                                                  \
     largest,     SETTING_RELOAD_##reload,                                                                   \
     help,        offsetof(struct settings, name)},
#include "core/settings.def"
#undef SETTING
};

const struct conf settings_conf = {items, sizeof items / sizeof items[0], "RESULTD_"};

int settings_check(const struct settings *s, struct err *e)
{
    enum log_level level;
    if (!log_parse_level(s->log_level, &level))
        return err_set(e, ERR_BAD_VALUE, "log_level must be error, warn, info or debug, not \"%s\"",
                       s->log_level);
    if (strcmp(s->access_log, "all") != 0 && strcmp(s->access_log, "errors") != 0 &&
        strcmp(s->access_log, "off") != 0)
        return err_set(e, ERR_BAD_VALUE, "access_log must be all, errors or off, not \"%s\"", s->access_log);
    if (s->connection_memory < s->header_limit + BESIDE_HEADER)
        return err_set(
            e, ERR_BAD_VALUE,
            "connection_memory must be at least %d bytes more than header_limit: a request's header is "
            "kept in it",
            BESIDE_HEADER);
    return 0;
}

void settings_keep_fixed(struct settings *s, const struct settings *old)
{
#define KEEP_yes(name)
#define KEEP_no(name)                                                 s->name = old->name;
#define SETTING(type, name, initial, smallest, largest, reload, help) KEEP_##reload(name)
#include "core/settings.def"
#undef SETTING
}
