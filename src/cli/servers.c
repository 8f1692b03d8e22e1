/* SPDX-License-Identifier: Apache-2.0 */
/* See servers.h. */
#include "cli/servers.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_FILE = 1 << 20 };

static const char *usual_path(struct arena *a)
{
    const char *folder = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (folder && *folder)
        return arena_printf(a, "%s/resultctl/servers", folder);
    return arena_printf(a, "%s/.config/resultctl/servers", home && *home ? home : "");
}

static int check_owner(int fd, const char *path, struct stat *ret, struct failure *f)
{
    if (fstat(fd, ret) < 0)
        return failure_errno(f, "cannot read", path);
    if (!S_ISREG(ret->st_mode) || ret->st_size > LARGEST_FILE)
        return failure_set(f, FAILURE_LOCAL, "%.300s is not a file of servers", path);
    if (ret->st_mode & (S_IRWXG | S_IRWXO))
        return failure_set(f, FAILURE_LOCAL,
                           "%.300s has keys in it, and others than you may read it; type: chmod 600 %.300s",
                           path, path);
    return 0;
}

/* *ret NULL: there is no such file. */
static int read_file(struct arena *a, const char *path, char **ret, struct failure *f)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *ret = NULL;
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : failure_errno(f, "cannot read", path);
    int rc = check_owner(fd, path, &st, f);
    if (rc == 0) {
        char *text = arena_alloc(a, (size_t)st.st_size + 1);
        ssize_t n = read(fd, text, (size_t)st.st_size);
        if (n < 0)
            rc = failure_errno(f, "cannot read", path);
        *ret = rc == 0 ? text : NULL;
    }
    (void)close(fd);
    return rc;
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static struct server *last(struct servers *s)
{
    return s->count > 0 ? &s->all[s->count - 1] : NULL;
}

static void add(struct arena *a, struct servers *s, const char *name)
{
    struct server *all = arena_alloc(a, (size_t)(s->count + 1) * sizeof *all);
    if (s->count > 0)
        memcpy(all, s->all, (size_t)s->count * sizeof *all);
    all[s->count++] = (struct server){.name = name, .url = ""};
    s->all = all;
}

static bool take_member(struct servers *s, const char *name, const char *value)
{
    struct server *server = last(s);
    if (!server && strcmp(name, "default") == 0)
        s->chosen = value;
    else if (server && strcmp(name, "url") == 0)
        server->url = value;
    else if (server && strcmp(name, "key") == 0)
        server->key = value;
    else
        return false;
    return true;
}

static bool take_line(struct arena *a, struct servers *s, char *line)
{
    size_t len = strlen(line);
    if (len == 0 || line[0] == '#')
        return true;
    if (line[0] == '[' && line[len - 1] == ']') {
        line[len - 1] = '\0';
        add(a, s, trim(line + 1));
        return true;
    }
    char *equals = strchr(line, '=');
    if (!equals)
        return false;
    *equals = '\0';
    return take_member(s, trim(line), trim(equals + 1));
}

int servers_read(struct arena *a, const char *path, struct servers *ret, struct failure *f)
{
    char *text = NULL;
    int number = 0;
    *ret = (struct servers){.path = path ? path : usual_path(a)};
    int rc = read_file(a, ret->path, &text, f);
    while (rc == 0 && text) {
        char *line = strsep(&text, "\n");
        number++;
        if (!take_line(a, ret, trim(line)))
            rc = failure_set(f, FAILURE_LOCAL,
                             "line %d of %.300s is neither [NAME], nor default, url or key = VALUE", number,
                             ret->path);
    }
    return rc;
}

const struct server *servers_find(const struct servers *s, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->all[i].name, name) == 0)
            return &s->all[i];
    return NULL;
}

static size_t length_without_slashes(const char *url)
{
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    return len;
}

const char *servers_key_for(const struct servers *s, const char *url)
{
    size_t len = length_without_slashes(url);
    for (int i = 0; i < s->count; i++)
        if (length_without_slashes(s->all[i].url) == len && strncmp(s->all[i].url, url, len) == 0)
            return s->all[i].key;
    return NULL;
}

void servers_put(struct arena *a, struct servers *s, const struct server *server)
{
    struct server *place = (struct server *)(uintptr_t)servers_find(s, server->name);
    if (!place) {
        add(a, s, server->name);
        place = last(s);
    }
    *place = *server;
    if (!s->chosen)
        s->chosen = server->name;
}

bool servers_remove(struct servers *s, const char *name)
{
    const struct server *found = servers_find(s, name);
    if (!found)
        return false;
    size_t at = (size_t)(found - s->all);
    memmove(&s->all[at], &s->all[at + 1], ((size_t)s->count - at - 1) * sizeof *s->all);
    s->count--;
    if (s->chosen && strcmp(s->chosen, name) == 0)
        s->chosen = s->count > 0 ? s->all[0].name : NULL;
    return true;
}

static void format(const struct servers *s, struct buf *out)
{
    buf_puts(out, "# Servers of resultctl. It has keys in it: for your eyes only.\n");
    if (s->chosen)
        buf_printf(out, "default = %s\n", s->chosen);
    for (int i = 0; i < s->count; i++) {
        buf_printf(out, "\n[%s]\nurl = %s\n", s->all[i].name, s->all[i].url);
        if (s->all[i].key)
            buf_printf(out, "key = %s\n", s->all[i].key);
    }
}

static void make_folders(struct arena *a, const char *path)
{
    char *folder = arena_strdup(a, path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(folder, 0700); /* what is missing in the end is said by who opens the file */
        *slash = '/';
    }
}

int servers_write(struct arena *a, const struct servers *s, struct failure *f)
{
    struct buf text = {.arena = a};
    const char *next = arena_printf(a, "%s.%ld", s->path, (long)getpid());
    format(s, &text);
    make_folders(a, s->path);
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return failure_errno(f, "cannot write", next);
    bool written = write(fd, text.bytes, text.len) == (ssize_t)text.len && fsync(fd) == 0;
    if (close(fd) < 0 || !written || rename(next, s->path) < 0) {
        (void)failure_errno(f, "cannot write", s->path);
        (void)unlink(next);
        return (int)f->exit;
    }
    return 0;
}
