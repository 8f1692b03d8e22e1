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
    ret->text = text ? arena_strdup(a, text) : NULL;
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

bool servers_is_at(const struct server *s, const char *url)
{
    size_t len = length_without_slashes(url);
    return length_without_slashes(s->url) == len && strncmp(s->url, url, len) == 0;
}

const char *servers_key_for(const struct servers *s, const char *url)
{
    for (int i = 0; i < s->count; i++)
        if (servers_is_at(&s->all[i], url))
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

/* ---- writing: what was there line by line, with what is said now ---- */

struct rewriting {
    const struct servers *servers;
    struct buf *out, notes;         /* notes: comments and empty lines, which go with what follows them */
    const struct server *at;        /* whose section it is; NULL: none's, or one that is forgotten */
    bool *written;                  /* for each server */
    bool chosen, is_gone, url, key; /* written: the default; and of the section */
};

static void write_default(struct rewriting *w)
{
    if (w->servers->chosen && !w->chosen)
        buf_printf(w->out, "default = %s\n", w->servers->chosen);
    w->chosen = true;
}

static void write_url(struct rewriting *w)
{
    if (!w->url)
        buf_printf(w->out, "url = %s\n", w->at->url);
    w->url = true;
}

static void write_key(struct rewriting *w)
{
    if (!w->key && w->at->key)
        buf_printf(w->out, "key = %s\n", w->at->key);
    w->key = true;
}

static void write_notes(struct rewriting *w)
{
    if (w->notes.len > 0)
        buf_add(w->out, w->notes.bytes, w->notes.len);
    w->notes.len = 0;
}

/* Those right above the head of a section are its own. */
static void drop_own_notes(struct rewriting *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->notes.len; i++)
        if (w->notes.bytes[i] == '\n' && (i == 0 || w->notes.bytes[i - 1] == '\n'))
            kept = i;
    w->notes.len = kept;
}

/* What its lines did not say. */
static void end_section(struct rewriting *w)
{
    if (w->at) {
        write_url(w);
        write_key(w);
    } else if (!w->is_gone) {
        write_default(w);
    }
}

static void begin_section(struct rewriting *w, const char *name)
{
    end_section(w);
    w->at = servers_find(w->servers, name);
    w->is_gone = !w->at;
    w->url = w->key = false;
    if (w->is_gone) {
        drop_own_notes(w);
        write_notes(w);
        return;
    }
    w->written[w->at - w->servers->all] = true;
    write_notes(w);
    buf_printf(w->out, "[%s]\n", name);
}

static void rewrite_line(struct arena *a, struct rewriting *w, const char *line)
{
    char *word = trim(arena_strdup(a, line));
    size_t len = strlen(word);
    if (len == 0 || word[0] == '#') {
        buf_printf(&w->notes, "%s\n", line);
    } else if (word[0] == '[') {
        word[len - 1] = '\0';
        begin_section(w, trim(word + 1));
    } else if (!w->is_gone) {
        write_notes(w);
        word[strcspn(word, " \t=")] = '\0';
        if (!w->at)
            write_default(w);
        else if (strcmp(word, "url") == 0)
            write_url(w);
        else
            write_key(w);
    } else {
        w->notes.len = 0; /* they were about what goes */
    }
}

static void format(struct arena *a, const struct servers *s, struct buf *out)
{
    struct rewriting w = {.servers = s, .out = out, .notes = {.arena = a}};
    char *text = arena_strdup(
        a, s->text ? s->text : "# Servers of resultctl. It has keys in it: for your eyes only.\n");
    w.written = arena_alloc(a, (size_t)s->count * sizeof *w.written + 1);
    for (char *line = strsep(&text, "\n"); line && (*line || text); line = strsep(&text, "\n"))
        rewrite_line(a, &w, line);
    if (!s->text)
        write_notes(&w);
    for (int i = 0; i < s->count; i++)
        if (!w.written[i]) {
            buf_puts(&w.notes, "\n");
            begin_section(&w, s->all[i].name);
        }
    end_section(&w);
    write_notes(&w);
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
    format(a, s, &text);
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
