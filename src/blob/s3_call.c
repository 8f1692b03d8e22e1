/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to the bucket; see s3_inside.h. Each try is signed anew. What may pass (no connection, an
 * answer that breaks off, 5xx, SlowDown) is tried again after a pause that doubles, with chance in it so that
 * many do not come back together, until tries or patience are used up.
 */
#include "base/clock.h"
#include "base/text.h"
#include "blob/s3_inside.h"
#include "net/outgoing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIRST_PAUSE = 100000, LONGEST_PAUSE = 5000000 };

void s3_call_init(struct s3_call *c, struct s3 *s, const char *method, const char *name)
{
    memset(c, 0, sizeof *c);
    c->s3 = s;
    c->method = method;
    c->name = arena_strdup(&c->arena, name);
    c->transfer.body_size = -1;
    c->transfer.body_fd = -1;
}

void s3_call_object(struct s3_call *c, struct s3 *s, const char *method, const char *key)
{
    s3_call_init(c, s, method, "");
    c->name = s3_object_name(&c->arena, s, key);
}

void s3_call_query(struct s3_call *c, const char *name, const char *value)
{
    c->query[c->query_count++] = (struct sigv4_field){name, arena_strdup(&c->arena, value)};
}

void s3_call_header(struct s3_call *c, const char *name, const char *value)
{
    c->header[c->header_count++] = (struct sigv4_field){name, arena_strdup(&c->arena, value)};
}

void s3_call_free(struct s3_call *c)
{
    arena_free(&c->arena);
    arena_free(&c->try_arena);
    arena_free(&c->answer_arena);
}

int64_t s3_backoff(int failures)
{
    uint32_t chance;
    int64_t pause = FIRST_PAUSE;
    for (int i = 1; i < failures && pause < LONGEST_PAUSE; i++)
        pause *= 2;
    if (pause > LONGEST_PAUSE)
        pause = LONGEST_PAUSE;
    id_random(&chance, sizeof chance);
    return pause / 2 + (int64_t)(chance % (uint32_t)(pause / 2 + 1));
}

/* --- the answer --- */

static bool is_header(const char *line, size_t len, const char *name, const char **ret_value, size_t *ret_len)
{
    size_t n = strlen(name);
    if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
        return false;
    line += n + 1;
    len -= n + 1;
    for (; len > 0 && (*line == ' ' || *line == '\t'); line++)
        len--;
    *ret_value = line;
    *ret_len = len;
    return true;
}

static void copy(char *to, size_t size, const char *from, size_t len)
{
    len = len < size ? len : 0; /* what is longer is as good as none */
    memcpy(to, from, len);
    to[len] = '\0';
}

/* A number up to `end`; what follows is behind it. */
static bool take_number(const char **text, size_t *len, char end, int64_t *ret)
{
    const char *stop = end ? memchr(*text, end, *len) : *text + *len;
    if (!stop || !text_uint(*text, (size_t)(stop - *text), ret))
        return false;
    *len -= (size_t)(stop - *text) + (end != '\0');
    *text = stop + 1;
    return true;
}

/* bytes FIRST-LAST/TOTAL */
static void read_content_range(struct s3_call *c, const char *text, size_t len)
{
    static const char unit[] = "bytes ";
    size_t n = strlen(unit);
    if (len <= n || memcmp(text, unit, n) != 0)
        return;
    text += n;
    len -= n;
    if (!take_number(&text, &len, '-', &c->range_first) || !take_number(&text, &len, '/', &c->range_last) ||
        !take_number(&text, &len, '\0', &c->range_total))
        c->range_first = c->range_last = c->range_total = -1;
}

static void on_header(struct transfer *t, const char *line, size_t len)
{
    struct s3_call *c = (struct s3_call *)t;
    const char *value;
    size_t n;
    if (is_header(line, len, "etag", &value, &n))
        copy(c->etag, sizeof c->etag, value, n);
    else if (is_header(line, len, "content-range", &value, &n))
        read_content_range(c, value, n);
    else if (is_header(line, len, "content-length", &value, &n))
        (void)text_uint(value, n, &c->content_length);
    else if (is_header(line, len, "x-amz-meta-put", &value, &n))
        copy(c->put_token, sizeof c->put_token, value, n);
}

static bool on_body(struct transfer *t, const void *bytes, size_t len)
{
    struct s3_call *c = (struct s3_call *)t;
    if (c->take && t->status / 100 == 2)
        return c->take(c, bytes, len);
    if (!c->too_long && c->answer.len + len > S3_LONGEST_ANSWER) {
        c->too_long = true;
        transfer_cancel(t);
    }
    if (!c->too_long)
        buf_add(&c->answer, bytes, len);
    return true;
}

/* --- tries --- */

static void forget_answer(struct s3_call *c)
{
    arena_free(&c->answer_arena);
    c->answer = (struct buf){.arena = &c->answer_arena};
    c->fault = (struct s3_fault){"", ""};
    c->etag[0] = c->put_token[0] = '\0';
    c->content_length = c->range_first = c->range_last = c->range_total = -1;
    c->good = c->too_long = false;
}

static void sign(struct s3_call *c)
{
    struct arena *a = &c->try_arena;
    struct sigv4_keys keys;
    int64_t expires;
    s3_keys_get(c->s3->keys, a, &keys, &expires);
    struct sigv4_request rq = {.keys = &keys,
                               .region = c->s3->place.region,
                               .service = "s3",
                               .method = c->method,
                               .host = c->s3->place.host,
                               .path = s3_place_path(a, &c->s3->place, c->name),
                               .query = c->query,
                               .query_count = (size_t)c->query_count,
                               .headers = c->header,
                               .header_count = (size_t)c->header_count,
                               .payload = SIGV4_UNSIGNED,
                               .now = clock_now()};
    const char *query = sigv4_query(a, &rq);
    c->transfer.method = c->method;
    c->transfer.header = sigv4_header(a, &rq);
    c->transfer.url =
        arena_printf(a, "%s%s%s%s", c->s3->place.origin, sigv4_path(a, &rq), *query ? "?" : "", query);
}

static void send(struct s3_call *c)
{
    arena_free(&c->try_arena);
    forget_answer(c);
    sign(c);
    c->tried++;
    c->transfer.until = c->seconds ? clock_monotonic() + c->seconds * CLOCK_SECOND : 0;
    transfer_start(c->s3->engine->transfers, &c->transfer);
}

bool s3_call_may_help(const struct s3_call *c)
{
    static const char *const passing[] = {
        "SlowDown",         "InternalError", "ServiceUnavailable",        "RequestTimeout",
        "OperationAborted", "Throttling",    "ConditionalRequestConflict"};
    if (c->transfer.outcome != TRANSFER_ANSWERED)
        return c->transfer.outcome == TRANSFER_FAILED;
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (strcmp(c->fault.code, passing[i]) == 0)
            return true;
    int status = c->transfer.status;
    return status == 429 || status == 408 || (status >= 500 && status != 501);
}

static void judge(struct s3_call *c)
{
    bool answered = c->transfer.outcome == TRANSFER_ANSWERED;
    bool is_fault = c->answer.len > 0 && s3_xml_fault(c->answer.bytes, c->answer.len, &c->fault);
    c->good = answered && c->transfer.status / 100 == 2 && !is_fault;
}

static void on_done(struct transfer *t)
{
    struct s3_call *c = (struct s3_call *)t;
    int tries = c->tries ? c->tries : c->s3->engine->options.tries;
    judge(c);
    int64_t at = clock_monotonic() + s3_backoff(c->tried);
    if (!c->good && !atomic_load(&c->cancelled) && c->tried < tries && at < c->give_up_at &&
        s3_call_may_help(c)) {
        t->start_at = at;
        send(c);
        return;
    }
    struct s3 *s = c->s3;
    struct s3_engine *g = s->engine;
    c->finished(c); /* the call may be gone after this */
    s3_release(s);
    atomic_fetch_sub(&g->calls, 1);
}

void s3_call_start(struct s3_call *c, int64_t delay)
{
    int64_t now = clock_monotonic();
    c->transfer.on_header = on_header;
    c->transfer.on_body = on_body;
    c->transfer.done = on_done;
    c->transfer.start_at = delay ? now + delay : 0;
    c->transfer.holder = c->s3->holder;
    c->transfer.streams = c->take != NULL;
    c->transfer.lingers = strcmp(c->method, "GET") != 0; /* what writes may be about to end well */
    c->give_up_at = now + delay + c->s3->engine->options.patience * CLOCK_SECOND;
    c->transfer.turn_until = c->patient ? 0 : c->give_up_at;
    (void)s3_hold(c->s3);
    atomic_fetch_add(&c->s3->engine->calls, 1);
    send(c);
}

void s3_call_cancel(struct s3_call *c)
{
    atomic_store(&c->cancelled, true);
    transfer_cancel(&c->transfer);
}

/* --- waiting --- */

struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool over;
};

static void tell(struct s3_call *c)
{
    struct waiting *w = c->ctx;
    (void)pthread_mutex_lock(&w->mutex);
    w->over = true;
    (void)pthread_cond_signal(&w->cond);
    (void)pthread_mutex_unlock(&w->mutex);
}

void s3_call_run(struct s3_call *c)
{
    struct waiting w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    c->finished = tell;
    /* cppcheck-suppress autoVariables; it is not looked at after this function */
    c->ctx = &w;
    s3_call_start(c, 0);
    (void)pthread_mutex_lock(&w.mutex);
    while (!w.over)
        (void)pthread_cond_wait(&w.cond, &w.mutex);
    (void)pthread_mutex_unlock(&w.mutex);
}

/* --- errors --- */

int s3_fail(const struct s3 *s, struct err *e, int code, const char *what, ...)
{
    char text[240];
    va_list args;
    va_start(args, what);
    (void)vsnprintf(text, sizeof text, what, args);
    va_end(args);
    if (s->name)
        return err_set(e, code, "the storage \"%.60s\" failed: %s", s->name, text);
    if (code == ERR_STORAGE_FULL)
        return err_operator(e, code, "the server's storage is full", "the bucket: %s", text);
    if (code == ERR_NOT_FOUND)
        return err_operator(e, code, "the bytes are missing", "%s", text);
    return err_operator(e, code, "the server's storage failed; try again in a moment", "the bucket: %s",
                        text);
}

static bool is_full(const struct s3_call *c)
{
    return strcmp(c->fault.code, "QuotaExceeded") == 0 || strcmp(c->fault.code, "InsufficientStorage") == 0 ||
           strcmp(c->fault.code, "XMinioStorageFull") == 0 || c->transfer.status == 507;
}

/* What others answer may be anything; what is to be told of it are words. */
static const char *word_of(const struct s3_call *c)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return strspn(c->fault.code, letters) == strlen(c->fault.code) ? c->fault.code : "";
}

bool s3_call_is_refused(const struct s3_call *c)
{
    return c->transfer.outcome == TRANSFER_REFUSED && outgoing_is_literal(c->s3->place.origin);
}

/* Whether a name stands for anything, and for what, is only the operator's to know: names of a network of his
 * own may be asked for. */
static int fail_unreached(const struct s3_call *c, const char *what, struct err *e)
{
    const struct s3 *s = c->s3;
    const struct s3_options *o = &s->engine->options;
    char sentence[sizeof e->detail];
    if (s3_call_is_refused(c))
        return s3_fail(
            s, e, ERR_STORAGE,
            "its endpoint has an address of this machine or of a private network, which the setting "
            "private_endpoints does not allow");
    (void)snprintf(sentence, sizeof sentence,
                   "the storage \"%.60s\" failed: its endpoint could not be reached%s", s->name,
                   !o->any_address || o->any_address(o->ctx)
                       ? ""
                       : ", or is in a private network, which the setting private_endpoints does not allow");
    return err_operator(e, ERR_STORAGE, sentence, "the storage %.60s: no answer to %s of %.100s: %s", s->name,
                        c->method, what, c->transfer.reason);
}

int s3_call_error(const struct s3_call *c, struct err *e)
{
    const struct s3 *s = c->s3;
    enum transfer_outcome outcome = c->transfer.outcome;
    int status = c->transfer.status;
    const char *what = *c->name ? c->name : "the bucket";
    if (c->too_long)
        return s3_fail(s, e, ERR_STORAGE, "%s of %.100s is answered with more than is read", c->method, what);
    if (outcome == TRANSFER_CANCELLED)
        return err_set(e, ERR_SHUTTING_DOWN, "the server is being stopped; try again in a moment");
    if (outcome == TRANSFER_CROWDED)
        return s3_fail(s, e, ERR_STORAGE, "%s",
                       "all of its connections were taken for too long; try again later");
    if (s->name && outcome != TRANSFER_ANSWERED && !c->transfer.begun_at)
        return fail_unreached(c, what, e);
    if (outcome != TRANSFER_ANSWERED)
        return s3_fail(s, e, ERR_STORAGE, "no answer to %s of %.100s: %s", c->method, what,
                       c->transfer.reason);
    if (is_full(c))
        return s3_fail(s, e, ERR_STORAGE_FULL, "it is full (%s)", word_of(c));
    if (status == 404 && *c->name && strcmp(c->fault.code, "NoSuchBucket") != 0)
        return s3_fail(s, e, ERR_NOT_FOUND, "there is no object %.150s", what);
    const char *word = word_of(c);
    const char *message = s->name ? "" : c->fault.message;
    return s3_fail(s, e, ERR_STORAGE, "%s of %.100s is answered with status %d%s%s%s%.80s", c->method, what,
                   status, *word ? " " : "", word, *message ? ": " : "", message);
}
