/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs; see log.h. One mutex covers the pending text. Warnings and errors are written at once, with what
 * waits before them; the rest when 16 KiB have gathered or log_flush is called (the server does so every
 * second), because a system call for each request would cost a tenth of its time.
 */
#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {"error", "warn", "info", "debug"};
static atomic_int threshold = LOG_INFO;

static struct {
    pthread_mutex_t mutex;
    size_t len;
    char text[16384];
} pending = {.mutex = PTHREAD_MUTEX_INITIALIZER};

bool log_parse_level(const char *name, enum log_level *ret)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    return false;
}

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load(&threshold);
}

static void write_pending(void)
{
    for (size_t done = 0; done < pending.len;) {
        ssize_t n = write(STDERR_FILENO, pending.text + done, pending.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* nobody reads us any more: nothing better to do than to drop it */
        done += (size_t)n;
    }
    pending.len = 0;
}

struct line {
    char text[2048];
    size_t len;
};

static void add(struct line *l, char c)
{
    if (l->len < sizeof l->text - 1)
        l->text[l->len++] = c;
}

static void add_text(struct line *l, const char *s)
{
    while (*s)
        add(l, *s++);
}

static bool plain(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' || *s == 0x7F)
            return false;
    return true;
}

static void add_quoted(struct line *l, const char *s)
{
    static const char digits[] = "0123456789abcdef";
    add(l, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c == 0x7F) {
            add_text(l, "\\x");
            add(l, digits[c >> 4]);
            add(l, digits[c & 15]);
            continue;
        }
        if (c == '"' || c == '\\')
            add(l, '\\');
        add(l, (char)c);
    }
    add(l, '"');
}

void log_line(enum log_level level, const char *message, const struct log_field *fields)
{
    struct line l = {.len = 0};
    char now[CLOCK_RFC3339_SIZE];
    if (!log_enabled(level))
        return;
    clock_rfc3339(clock_now(), now);
    add_text(&l, now);
    add(&l, ' ');
    add_text(&l, names[level]);
    add(&l, ' ');
    add_quoted(&l, message);
    for (; fields && fields->key; fields++) {
        const char *value = fields->value ? fields->value : "";
        add(&l, ' ');
        add_text(&l, fields->key);
        add(&l, '=');
        if (plain(value))
            add_text(&l, value);
        else
            add_quoted(&l, value);
    }
    l.text[l.len++] = '\n';

    (void)pthread_mutex_lock(&pending.mutex);
    if (pending.len + l.len > sizeof pending.text)
        write_pending();
    memcpy(pending.text + pending.len, l.text, l.len);
    pending.len += l.len;
    if (level <= LOG_WARN)
        write_pending();
    (void)pthread_mutex_unlock(&pending.mutex);
}

void log_text(enum log_level level, const char *fmt, ...)
{
    char message[1024];
    va_list ap;
    if (!log_enabled(level))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    log_line(level, message, NULL);
}

void log_flush(void)
{
    (void)pthread_mutex_lock(&pending.mutex);
    write_pending();
    (void)pthread_mutex_unlock(&pending.mutex);
}
