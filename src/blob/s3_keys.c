/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a bucket: from the environment, or from a file in the form of ~/.aws/credentials (its first
 * section), which whoever makes temporary keys may replace at any time. It is looked at every LOOK at most.
 * What cannot be read leaves the keys as they were. The mutex covers everything.
 */
#include "base/clock.h"
#include "blob/s3_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LONGEST_FILE = 64 << 10, LOOK = 2 * CLOCK_SECOND };

struct set {
    char *id, *secret, *token;
    int64_t expires;
};

struct s3_keys {
    pthread_mutex_t mutex;
    char *file; /* NULL: the environment */
    struct timespec changed;
    int64_t looked_at; /* monotonic */
    struct set set;
};

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void set_free(struct set *s)
{
    wipe(s->id);
    wipe(s->secret);
    wipe(s->token);
    *s = (struct set){NULL};
}

static char *copy_or_null(const char *text)
{
    return text && *text ? mem_strdup(text) : NULL;
}

/* Header fields carry them: no blanks, no control characters. */
static bool is_plain(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
            return false;
    return true;
}

static int check(const struct set *s, const char *where, struct err *e)
{
    if (!s->id || !s->secret)
        return err_set(e, ERR_BAD_VALUE,
                       "the keys of the bucket are missing: %.200s needs AWS_ACCESS_KEY_ID and "
                       "AWS_SECRET_ACCESS_KEY",
                       where);
    if (!is_plain(s->id) || !is_plain(s->secret) || !is_plain(s->token))
        return err_set(e, ERR_BAD_VALUE, "a key of the bucket in %.200s has characters that no key has",
                       where);
    return 0;
}

/* --- the file --- */

static void take_line(struct set *s, char *name, char *value)
{
    if (strcasecmp(name, "aws_access_key_id") == 0 && !s->id)
        s->id = copy_or_null(value);
    else if (strcasecmp(name, "aws_secret_access_key") == 0 && !s->secret)
        s->secret = copy_or_null(value);
    else if (strcasecmp(name, "aws_session_token") == 0 && !s->token)
        s->token = copy_or_null(value);
    else if (strcasecmp(name, "aws_credential_expiration") == 0 || strcasecmp(name, "expiration") == 0)
        (void)clock_parse_rfc3339(value, &s->expires);
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static void read_lines(FILE *f, struct set *s)
{
    char *line = NULL;
    size_t size = 0;
    int sections = 0;
    while (sections < 2 && getline(&line, &size, f) > 0) {
        char *text = trim(line);
        char *equals = strchr(text, '=');
        if (*text == '[')
            sections++;
        if (*text == '[' || *text == '#' || !equals || sections > 1)
            continue;
        *equals = '\0';
        take_line(s, trim(text), trim(equals + 1));
    }
    if (line)
        explicit_bzero(line, size);
    free(line);
}

static int load_file(struct s3_keys *k, struct err *e)
{
    struct stat st;
    struct set s = {NULL};
    FILE *f = fopen(k->file, "re");
    if (!f || fstat(fileno(f), &st) < 0 || st.st_size > LONGEST_FILE) {
        int rc = err_set(e, ERR_BAD_VALUE, "cannot read the keys of the bucket from %.200s: %s", k->file,
                         f ? "too large" : strerror(errno));
        if (f)
            (void)fclose(f);
        return rc;
    }
    k->changed = st.st_mtim;
    read_lines(f, &s);
    (void)fclose(f);
    int rc = check(&s, k->file, e);
    if (rc < 0) {
        set_free(&s);
        return rc;
    }
    set_free(&k->set);
    k->set = s;
    return 0;
}

static int load_environment(struct s3_keys *k, struct err *e)
{
    const char *expires = getenv("AWS_CREDENTIAL_EXPIRATION");
    k->set = (struct set){.id = copy_or_null(getenv("AWS_ACCESS_KEY_ID")),
                          .secret = copy_or_null(getenv("AWS_SECRET_ACCESS_KEY")),
                          .token = copy_or_null(getenv("AWS_SESSION_TOKEN"))};
    if (expires)
        (void)clock_parse_rfc3339(expires, &k->set.expires);
    return check(&k->set, "the environment", e);
}

static void look_at_file(struct s3_keys *k)
{
    struct stat st;
    struct err ignored;
    int64_t now = clock_monotonic();
    if (!k->file || now - k->looked_at < LOOK)
        return;
    k->looked_at = now;
    if (stat(k->file, &st) == 0 &&
        (st.st_mtim.tv_sec != k->changed.tv_sec || st.st_mtim.tv_nsec != k->changed.tv_nsec))
        (void)load_file(k, &ignored);
}

/* --- --- */

int s3_keys_open(const char *file, struct s3_keys **ret, struct err *e)
{
    struct s3_keys *k = mem_alloc(sizeof *k);
    *k = (struct s3_keys){.file = *file ? mem_strdup(file) : NULL, .looked_at = clock_monotonic()};
    if (pthread_mutex_init(&k->mutex, NULL))
        abort();
    int rc = k->file ? load_file(k, e) : load_environment(k, e);
    if (rc < 0) {
        s3_keys_close(k);
        return rc;
    }
    *ret = k;
    return 0;
}

int s3_keys_set(const char *id, const char *secret, struct s3_keys **ret, struct err *e)
{
    struct s3_keys *k = mem_alloc(sizeof *k);
    *k = (struct s3_keys){.set = {.id = copy_or_null(id), .secret = copy_or_null(secret)}};
    if (pthread_mutex_init(&k->mutex, NULL))
        abort();
    if (!is_plain(id)) {
        s3_keys_close(k);
        return err_set(e, ERR_BAD_VALUE, "the access_key_id of this storage has characters that no key has");
    }
    *ret = k;
    return 0;
}

void s3_keys_close(struct s3_keys *k)
{
    if (!k)
        return;
    set_free(&k->set);
    (void)pthread_mutex_destroy(&k->mutex);
    free(k->file);
    free(k);
}

void s3_keys_get(struct s3_keys *k, struct arena *a, struct sigv4_keys *ret, int64_t *ret_expires)
{
    (void)pthread_mutex_lock(&k->mutex);
    look_at_file(k);
    *ret = (struct sigv4_keys){.access_key_id = arena_strdup(a, k->set.id),
                               .secret_access_key = arena_strdup(a, k->set.secret),
                               .session_token = k->set.token ? arena_strdup(a, k->set.token) : NULL};
    *ret_expires = k->set.expires;
    (void)pthread_mutex_unlock(&k->mutex);
}
