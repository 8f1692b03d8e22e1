/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from a table; see conf.h. Any thread; no state. */
#include "base/conf.h"

#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit size_units[] = {{"", 1},
                                         {"B", 1},
                                         {"KiB", INT64_C(1) << 10},
                                         {"MiB", INT64_C(1) << 20},
                                         {"GiB", INT64_C(1) << 30},
                                         {"TiB", INT64_C(1) << 40},
                                         {"PiB", INT64_C(1) << 50},
                                         {NULL, 0}};
static const struct unit time_units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum conf_type type)
{
    if (type == CONF_SIZE)
        return size_units;
    return type == CONF_TIME ? time_units : no_units;
}

static bool parse_number(enum conf_type type, const char *text, int64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    int64_t n;
    if (!text_uint(text, digits, &n))
        return false;
    for (const struct unit *u = units_of(type); u->name; u++)
        if (strcmp(text + digits, u->name) == 0)
            return !__builtin_mul_overflow(n, u->factor, ret);
    return false;
}

static int64_t bound(enum conf_type type, const char *text)
{
    int64_t n = 0;
    if (!parse_number(type, text, &n))
        abort(); /* the table itself is wrong */
    return n;
}

static const struct conf_item *find(const struct conf *c, const char *name, size_t len)
{
    for (size_t i = 0; i < c->count; i++)
        if (strlen(c->items[i].name) == len && strncmp(c->items[i].name, name, len) == 0)
            return &c->items[i];
    return NULL;
}

static const char *unit_hint(enum conf_type type)
{
    if (type == CONF_SIZE)
        return " (bytes, or with KiB, MiB, GiB, TiB)";
    return type == CONF_TIME ? " (seconds, or with s, m, h, d)" : "";
}

static int set_number(const struct conf_item *item, const char *value, int64_t *to, struct err *e)
{
    int64_t n;
    if (!parse_number(item->type, value, &n) || n < bound(item->type, item->smallest) ||
        n > bound(item->type, item->largest))
        return err_set(e, ERR_BAD_VALUE, "%s must be from %s to %s%s, not \"%.60s\"", item->name,
                       item->smallest, item->largest, unit_hint(item->type), value);
    *to = n;
    return 0;
}

static int set_item(const struct conf_item *item, struct arena *a, const char *value, void *to, struct err *e)
{
    void *at = (char *)to + item->offset;
    size_t len = strlen(value);
    switch (item->type) {
    case CONF_BOOL:
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
            return err_set(e, ERR_BAD_VALUE, "%s must be on or off, not \"%.60s\"", item->name, value);
        *(bool *)at = strcmp(value, "on") == 0;
        return 0;
    case CONF_TEXT:
        if ((int64_t)len < bound(CONF_INT, item->smallest) || (int64_t)len > bound(CONF_INT, item->largest))
            return err_set(e, ERR_BAD_VALUE, "%s must be %s to %s bytes long, not \"%.60s\"", item->name,
                           item->smallest, item->largest, value);
        *(const char **)at = arena_strdup(a, value);
        return 0;
    case CONF_INT:
    case CONF_SIZE:
    case CONF_TIME:
        break;
    }
    return set_number(item, value, at, e);
}

int conf_set(const struct conf *c, struct arena *a, const char *name, const char *value, void *to,
             struct err *e)
{
    const struct conf_item *item = find(c, name, strlen(name));
    if (!item)
        return err_set(e, ERR_BAD_VALUE, "there is no setting \"%.60s\"", name);
    return set_item(item, a, value, to, e);
}

int conf_defaults(const struct conf *c, struct arena *a, void *to, struct err *e)
{
    for (size_t i = 0; i < c->count; i++) {
        int rc = set_item(&c->items[i], a, c->items[i].initial, to, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void environment_name(const struct conf *c, const char *name, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s%s", c->prefix, name);
    for (char *p = ret; *p; p++)
        *p = (char)toupper((unsigned char)*p);
}

int conf_environment(const struct conf *c, struct arena *a, void *to, struct err *e)
{
    char name[80];
    for (size_t i = 0; i < c->count; i++) {
        environment_name(c, c->items[i].name, name, sizeof name);
        const char *value = getenv(name);
        int rc = value ? set_item(&c->items[i], a, value, to, e) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    for (char *end = s + strlen(s); end > s && isspace((unsigned char)end[-1]);)
        *--end = '\0';
    return s;
}

static int file_line(const struct conf *c, struct arena *a, char *line, void *to, struct err *e)
{
    char *text = trim(line);
    if (!*text || *text == '#')
        return 0;
    char *equals = strchr(text, '=');
    if (!equals)
        return err_set(e, ERR_BAD_VALUE, "a line must read \"name = value\", not \"%.60s\"", text);
    *equals = '\0';
    return conf_set(c, a, trim(text), trim(equals + 1), to, e);
}

int conf_file(const struct conf *c, struct arena *a, const char *path, void *to, struct err *e)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    int number = 0;
    int rc = 0;
    if (!f)
        return err_set(e, ERR_BAD_VALUE, "cannot read the configuration file %s: %s", path, strerror(errno));
    while (rc == 0 && getline(&line, &size, f) >= 0) {
        number++;
        rc = file_line(c, a, line, to, e);
    }
    if (rc == 0 && ferror(f))
        rc = err_set(e, ERR_BAD_VALUE, "cannot read the configuration file %s: %s", path, strerror(errno));
    else if (rc < 0) {
        char detail[sizeof e->detail];
        text_copy(detail, sizeof detail, e->detail);
        (void)snprintf(e->detail, sizeof e->detail, "%.100s line %d: %.180s", path, number, detail);
    }
    free(line);
    (void)fclose(f);
    return rc;
}

int conf_argument(const struct conf *c, struct arena *a, char **argv, int *at, void *to, struct err *e)
{
    const char *flag = argv[*at];
    if (strncmp(flag, "--", 2) != 0)
        return 0;
    char *name = arena_strdup(a, flag + 2);
    size_t len = strcspn(name, "=");
    for (size_t i = 0; i < len; i++)
        if (name[i] == '-')
            name[i] = '_';
    const struct conf_item *item = find(c, name, len);
    if (!item)
        return 0;
    const char *value = name[len] == '=' ? name + len + 1 : argv[*at + 1];
    if (!value)
        return err_set(e, ERR_BAD_VALUE, "%s needs a value", flag);
    int rc = set_item(item, a, value, to, e);
    if (rc < 0)
        return rc;
    *at += name[len] == '=' ? 1 : 2;
    return 1;
}

static const char *type_name(enum conf_type type)
{
    switch (type) {
    case CONF_BOOL:
        return "on|off";
    case CONF_INT:
        return "number";
    case CONF_SIZE:
        return "size";
    case CONF_TIME:
        return "time";
    case CONF_TEXT:
        break;
    }
    return "text";
}

/* "from 1s to 1h", nothing for what has no useful bounds. */
static void add_bounds(const struct conf_item *item, struct buf *out)
{
    if (item->type != CONF_BOOL && item->type != CONF_TEXT)
        buf_printf(out, ", from %s to %s", item->smallest, item->largest);
}

static void add_flag(const struct conf_item *item, struct buf *out)
{
    buf_puts(out, "--");
    for (const char *p = item->name; *p; p++)
        buf_putc(out, (char)(*p == '_' ? '-' : *p));
}

void conf_help(const struct conf *c, struct buf *out)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct conf_item *item = &c->items[i];
        buf_puts(out, "  ");
        add_flag(item, out);
        buf_printf(out, " %s\n        %s\n        default %s", type_name(item->type), item->help,
                   *item->initial ? item->initial : "empty");
        add_bounds(item, out);
        buf_printf(out, "%s\n", item->reload ? "; re-read on SIGHUP" : "");
    }
}

void conf_example(const struct conf *c, struct buf *out)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct conf_item *item = &c->items[i];
        buf_printf(out, "\n# %s\n# %s", item->help, type_name(item->type));
        add_bounds(item, out);
        buf_printf(out, "%s\n#%s =%s%s\n", item->reload ? "; re-read on SIGHUP" : "", item->name,
                   *item->initial ? " " : "", item->initial);
    }
}

void conf_manual(const struct conf *c, struct buf *out)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct conf_item *item = &c->items[i];
        buf_printf(out, ".It Cm %s Pq %s\n%c%s.\n", item->name, type_name(item->type),
                   toupper((unsigned char)item->help[0]), item->help + 1);
        buf_printf(out, "Default %s", *item->initial ? item->initial : "empty");
        add_bounds(item, out);
        buf_printf(out, "%s.\n", item->reload ? "; re-read on SIGHUP" : "");
    }
}
