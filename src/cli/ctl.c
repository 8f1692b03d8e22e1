/* SPDX-License-Identifier: Apache-2.0 */
/* See ctl.h. */
#include "cli/ctl.h"

#include "base/amount.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/answers.h"
#include "cli/screen.h"
#include "cli/servers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { LONGEST_KEY = 4096, TRIES = 6, SILENCE = 600, PAGE = 500, NAP_US = 50000, LONGEST_NOTE = 1024 };

volatile sig_atomic_t ctl_stop;

/* ---- the server ---- */

static int read_key(struct ctl *c, const char *path, const char **ret, struct failure *f)
{
    char *text = arena_alloc(&c->arena, LONGEST_KEY + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, LONGEST_KEY);
    int rc = n < 0 ? failure_errno(f, "cannot read the key from", path) : 0;
    if (fd >= 0)
        (void)close(fd);
    text[n < 0 ? 0 : strcspn(text, "\r\n")] = '\0';
    if (rc == 0 && !*text)
        rc = failure_set(f, FAILURE_KEY, "there is no key in the first line of %.300s", path);
    *ret = text;
    return rc;
}

static int choose(struct ctl *c, struct server *ret, struct failure *f)
{
    struct servers all;
    const char *url = getenv("RESULTD_URL");
    const char *key = getenv("RESULTD_KEY");
    *ret = (struct server){.url = c->options.url ? c->options.url : url, .key = key};
    if (c->options.server && c->options.url)
        return failure_set(f, FAILURE_USAGE,
                           "--server names one that is known, --url says another: not both");
    if (c->options.server || !ret->url || !*ret->url) {
        int rc = servers_read(&c->arena, c->options.config, &all, f);
        if (rc != 0)
            return rc;
        const char *name = c->options.server ? c->options.server : all.chosen;
        const struct server *found = name ? servers_find(&all, name) : NULL;
        if (!found && name)
            return failure_set(f, FAILURE_USAGE, "no server \"%.100s\" is known; see: resultctl servers",
                               name);
        if (!found)
            return failure_set(
                f, FAILURE_USAGE,
                "no server is known: type resultctl login URL, or set RESULTD_URL and RESULTD_KEY");
        if (c->options.server || !key || !*key)
            ret->key = found->key;
        ret->url = found->url;
    } else if (!c->options.key_file && (!key || !*key)) {
        int rc = servers_read(&c->arena, c->options.config, &all, f);
        if (rc != 0)
            return rc;
        ret->key = servers_key_for(&all, ret->url);
    }
    return c->options.key_file ? read_key(c, c->options.key_file, &ret->key, f) : 0;
}

/* Short pauses are nobody's concern. */
static void tell_of_retry(void *ctx, const struct http_request *r, int64_t pause)
{
    const struct ctl *c = ctx;
    struct arena a = {0};
    if (pause < CLOCK_SECOND)
        return;
    if (c->bars)
        bars_hide(c->bars);
    ctl_say(c, "%s; it is tried again in %lld s", screen_safe(&a, r->failure.text),
            (long long)(pause / CLOCK_SECOND));
    arena_free(&a);
}

const char *ctl_ca_file(const struct ctl *c)
{
    return c->options.ca_file ? c->options.ca_file : getenv("CURL_CA_BUNDLE");
}

int ctl_connect(struct ctl *c, struct failure *f)
{
    struct server server;
    if (c->http)
        return 0;
    int rc = choose(c, &server, f);
    if (rc != 0)
        return rc;
    struct http_options o = {
        .url = server.url,
        .key = server.key && *server.key ? server.key : NULL,
        .ca_file = ctl_ca_file(c),
        .tries = c->options.tries > 0 ? c->options.tries : TRIES,
        .silence = c->options.timeout > 0 ? c->options.timeout : SILENCE,
        .stop = &ctl_stop,
        .command = c->command,
        .on_retry = tell_of_retry,
        .ctx = c,
    };
    c->where = server.url;
    return http_new(&o, &c->http, f);
}

/* ---- requests ---- */

/* The answer of a 2xx, copied to `a`. */
static int take_answer(struct arena *a, struct http_request *r, const struct json **ret, struct failure *f)
{
    if (r->answer.len == 0)
        return answers_check_empty(r->path, r->status, f);
    r->answer = (struct buf){.bytes = arena_copy(a, r->answer.bytes, r->answer.len), .len = r->answer.len};
    r->arena = a;
    return http_json(r, ret, f);
}

static int perform(struct ctl *c, struct http_request *r, struct failure *f)
{
    int rc = ctl_connect(c, f);
    if (rc == 0)
        rc = http_call(c->http, r, f);
    return rc == FAILURE_UNREACHABLE && f->status == 0 ? failure_in(f, c->where) : rc;
}

/* Only an answer that is wanted stays, in `a`: who asks again and again has an arena for each time. */
static int call(struct ctl *c, struct arena *a, struct http_request r, const struct json **ret,
                struct failure *f)
{
    struct arena own = {0};
    const struct json *answer = NULL;
    r.arena = &own;
    int rc = perform(c, &r, f);
    if (rc == 0)
        rc = take_answer(ret ? a : &own, &r, &answer, f);
    if (ret)
        *ret = answer;
    arena_free(&own);
    return rc;
}

int ctl_get_into(struct ctl *c, struct arena *a, const char *path, const struct json **ret, struct failure *f)
{
    return call(c, a, (struct http_request){.method = "GET", .path = path, .harmless = true}, ret, f);
}

int ctl_get(struct ctl *c, const char *path, const struct json **ret, struct failure *f)
{
    return ctl_get_into(c, &c->arena, path, ret, f);
}

int ctl_send(struct ctl *c, const char *method, const char *path, const char *body, bool harmless,
             const struct json **ret, struct failure *f)
{
    struct http_request r = {.method = method, .path = path, .json = body, .harmless = harmless};
    return call(c, &c->arena, r, ret, f);
}

/* A page that asks for a login or a proxy's own answers with 200, too. */
int ctl_delete(struct ctl *c, const char *path, struct failure *f)
{
    struct arena own = {0};
    struct http_request r = {.arena = &own, .method = "DELETE", .path = path, .harmless = true};
    int rc = perform(c, &r, f);
    if (rc == FAILURE_ABSENT && r.maybe_before)
        rc = 0; /* gone, as was wanted: by the try whose answer was lost */
    else if (rc == 0 && r.status != 204)
        rc = failure_set(f, FAILURE_DAMAGED,
                         "the server answered %d, and not 204 as it should, so nothing may have been done: "
                         "is it a resultd, and of this version?",
                         r.status);
    arena_free(&own);
    return rc;
}

static int list_page(struct ctl *c, struct arena *a, const char *path, int64_t *left, ctl_each_fn *each,
                     void *ctx, const char **ret_next, struct failure *f)
{
    const struct json *page = NULL;
    int rc = ctl_get_into(c, a, path, &page, f);
    const struct json *data = rc == 0 ? json_member(page, "data") : NULL;
    for (const struct json *item = data ? data->first : NULL; rc == 0 && item && *left > 0;
         item = item->next) {
        rc = each(ctx, item, f);
        (*left)--;
    }
    *ret_next = rc == 0 && page ? ctl_text(page, "next") : "";
    return rc;
}

int ctl_list(struct ctl *c, const char *path, int64_t limit, ctl_each_fn *each, void *ctx, struct failure *f)
{
    int64_t left = limit > 0 ? limit : INT64_MAX;
    char *cursor = NULL;
    int rc = 0;
    do {
        struct arena a = {0};
        struct ctl_path p;
        const char *next = "";
        ctl_path_begin(&p, &a, path);
        p.has_query = strchr(path, '?') != NULL;
        ctl_path_add(&p, "limit", arena_printf(&a, "%lld", (long long)(left < PAGE ? left : PAGE)));
        ctl_path_add(&p, "cursor", cursor);
        rc = list_page(c, &a, ctl_path_end(&p), &left, each, ctx, &next, f);
        free(cursor);
        cursor = *next ? mem_strdup(next) : NULL;
        arena_free(&a);
    } while (rc == 0 && cursor && left > 0 && !ferror(stdout));
    free(cursor);
    return rc;
}

void ctl_path_begin(struct ctl_path *p, struct arena *a, const char *path)
{
    *p = (struct ctl_path){.buf = {.arena = a}};
    buf_puts(&p->buf, path);
}

void ctl_path_add(struct ctl_path *p, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(&p->buf, "%c%s=%s", p->has_query ? '&' : '?', name,
               text_percent(p->buf.arena, value, strlen(value)));
    p->has_query = true;
}

const char *ctl_path_end(struct ctl_path *p)
{
    return buf_str(&p->buf);
}

const char *ctl_path_of(struct ctl *c, const char *folder, const char *id, const char *rest)
{
    return arena_printf(&c->arena, "%s%s%s", folder, text_percent(&c->arena, id, strlen(id)), rest);
}

/* ---- members ---- */

const char *ctl_text(const struct json *object, const char *name)
{
    const struct json *v = json_member(object, name);
    return v && v->type == JSON_STRING ? v->string : "";
}

int64_t ctl_number(const struct json *object, const char *name)
{
    const struct json *v = json_member(object, name);
    int64_t n = -1;
    return v && v->type == JSON_NUMBER && text_uint(v->raw, v->raw_len, &n) ? n : -1;
}

bool ctl_truth(const struct json *object, const char *name)
{
    const struct json *v = json_member(object, name);
    return v && v->type == JSON_BOOL && v->truth;
}

double ctl_real(const struct json *object, const char *name)
{
    const struct json *v = json_member(object, name);
    return v && v->type == JSON_NUMBER ? strtod(v->raw, NULL) : 0;
}

/* ---- what is shown ---- */

void ctl_print_json(const struct json *value)
{
    (void)printf("%.*s\n", (int)value->raw_len, value->raw);
}

/* What there is in an array of objects, of which there may be thousands: 0 for another value. */
static int objects_in(const struct json *v)
{
    int n = 0;
    for (const struct json *one = v->type == JSON_ARRAY ? v->first : NULL; one; one = one->next)
        n += one->type == JSON_OBJECT;
    return n;
}

static const char *shown(struct arena *a, const struct json *v)
{
    const char *local = v->type == JSON_STRING ? screen_time(a, v->string) : "";
    int objects = objects_in(v);
    if (*local)
        return local;
    if (objects > 0)
        return arena_printf(a, "%d; --json has all of %s", objects, objects == 1 ? "it" : "them");
    return v->type == JSON_STRING ? v->string : arena_copy(a, v->raw, v->raw_len);
}

void ctl_show(struct ctl *c, const struct json *object)
{
    static const struct screen_column columns[] = {{"MEMBER", false, SCREEN_WHOLE},
                                                   {"VALUE", false, SCREEN_WRAPS}};
    struct screen_table t = {.arena = &c->arena, .columns = columns, .column_count = 2};
    if (c->options.json) {
        ctl_print_json(object);
        return;
    }
    for (const struct json *m = object->first; m; m = m->next) {
        if (m->type == JSON_NULL || (m->type == JSON_STRING && m->string_len == 0))
            continue;
        bool bytes = m->type == JSON_NUMBER && (strcmp(m->key, "size") == 0 || strcmp(m->key, "bytes") == 0);
        const char *value = bytes ? amount_bytes(&c->arena, ctl_number(object, m->key)) : shown(&c->arena, m);
        screen_table_add(&t, (const char *const[]){m->key, value});
    }
    (void)screen_table_print(&t, stdout);
}

int ctl_flush(struct failure *f)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return failure_errno(f, "cannot write to", "standard output");
}

int ctl_sleep(int64_t microseconds, struct failure *f)
{
    for (; microseconds > 0 && !ctl_stop; microseconds -= NAP_US)
        (void)usleep((useconds_t)(microseconds < NAP_US ? microseconds : NAP_US));
    return ctl_stop ? failure_set(f, FAILURE_INTERRUPTED, "interrupted") : 0;
}

void ctl_say(const struct ctl *c, const char *text, ...)
{
    va_list args;
    char said[LONGEST_NOTE];
    struct arena a = {0};
    if (c->options.quiet)
        return;
    va_start(args, text);
    (void)vsnprintf(said, sizeof said, text, args);
    va_end(args);
    if (c->options.json) {
        struct json_out j = {.buf = {.arena = &a}};
        json_begin_object(&j);
        json_key(&j, "note");
        json_string_len(&j, said, text_utf8_prefix(said, strlen(said)));
        json_end_object(&j);
        (void)fprintf(stderr, "%s\n", buf_str(&j.buf));
    } else {
        (void)fprintf(stderr, "%s\n", said);
    }
    arena_free(&a);
}

struct bars *ctl_bars(const struct ctl *c)
{
    return bars_new(c->options.quiet || (c->options.json && !screen_moves(STDERR_FILENO)));
}

void ctl_complain(struct ctl *c, const struct failure *f)
{
    struct json_out j = {.buf = {.arena = &c->arena}};
    if (!c->options.json) {
        (void)fprintf(stderr, "resultctl: %s\n", screen_safe(&c->arena, f->text));
        return;
    }
    json_begin_object(&j);
    json_key(&j, "exit");
    json_int(&j, (int)f->exit);
    json_key(&j, "status");
    json_int(&j, f->status);
    json_key(&j, "code");
    json_string(&j, f->code);
    json_key(&j, "detail");
    json_string(&j, screen_safe(&c->arena, f->text)); /* a path may be no UTF-8 */
    json_end_object(&j);
    (void)fprintf(stderr, "%s\n", buf_str(&j.buf));
}

int ctl_confirm(const char *question, const char *flag, struct failure *f)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO))
        return failure_set(f, FAILURE_USAGE, "%s? Nobody can be asked here; %s says yes", question, flag);
    (void)fprintf(stderr, "%s? [y/N] ", question);
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return 0;
    return failure_set(f, FAILURE_INTERRUPTED, "nothing was done");
}

int ctl_ask_secret(struct ctl *c, const char *prompt, const char *what, const char **ret, struct failure *f)
{
    char *secret = arena_alloc(&c->arena, LONGEST_KEY + 2);
    struct termios before;
    bool hidden = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (hidden) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent); /* first: nothing is seen of who types at once */
        (void)fprintf(stderr, "%s: ", prompt);
    }
    char *line = fgets(secret, LONGEST_KEY + 2, stdin);
    if (hidden) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc('\n', stderr);
    }
    if (line)
        secret[strcspn(secret, "\r\n")] = '\0';
    if (!line || !*secret)
        return failure_set(f, FAILURE_USAGE, "no %s came from standard input", what);
    *ret = secret;
    return 0;
}

int ctl_each_word(struct ctl *c, const void *options, const char **words, int count, ctl_one_fn *one,
                  struct failure *f)
{
    struct failure first = {.exit = FAILURE_NONE};
    for (int i = 0; i < count; i++) {
        if (one(c, options, words[i], f) == 0)
            continue;
        enum failure_exit exit = f->exit;
        (void)failure_in(f, words[i]);
        if (first.exit == FAILURE_NONE)
            first = *f;
        else
            ctl_complain(c, f);
        if (exit == FAILURE_INTERRUPTED || exit == FAILURE_KEY)
            break;
    }
    *f = first;
    return (int)first.exit;
}
