/* SPDX-License-Identifier: Apache-2.0 */
/* See http.h. */
#include "cli/http.h"

#include "cli/answers.h"
#include "cli/problem.h"

#include "base/clock.h"
#include "base/text.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    LARGEST_ANSWER = 256 << 20, /* gathered in memory: a page of jobs with large inputs */
    LARGEST_PROBLEM = 64 << 10,
    ROUND_MS = 100,
    CONNECT_SECONDS = 15,
    MAX_REDIRECTS = 5,
    JSON_DEPTH = 128,
    ASIDE_THREADS = 2,
};
#define FIRST_PAUSE   (CLOCK_SECOND / 4)
#define LONGEST_PAUSE (30 * CLOCK_SECOND)

struct http {
    struct http_options o;
    char *url;      /* without a slash at the end */
    char *key_line; /* or NULL */
    CURLM *multi;
    struct http_request *running, *waiting; /* waiting: for its next try */
    int under_way;
    unsigned seed;
    struct pool *pool; /* of what is done aside; NULL until there is some */
    pthread_mutex_t mutex;
    struct http_aside *over; /* mutex: was run */
    int asides;              /* how many are not done */
};

/* ---- an answer ---- */

static bool is_header(const char *line, size_t len, const char *name, const char **ret, size_t *ret_len)
{
    size_t n = strlen(name);
    if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
        return false;
    const char *at = line + n + 1;
    const char *end = line + len;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    *ret = at;
    *ret_len = (size_t)(end - at);
    return true;
}

/* Content-Range: bytes 5-9/10 */
static void note_range(struct http_request *r, const char *value, size_t len)
{
    static const char unit[] = "bytes ";
    size_t n = sizeof unit - 1;
    size_t digits = 0;
    if (len <= n || strncasecmp(value, unit, n) != 0)
        return;
    while (n + digits < len && value[n + digits] >= '0' && value[n + digits] <= '9')
        digits++;
    (void)text_uint(value + n, digits, &r->answer_from);
    const char *slash = memchr(value, '/', len);
    if (slash)
        (void)text_uint(slash + 1, (size_t)(value + len - slash - 1), &r->answer_of);
}

/* Repr-Digest: sha-256=:BASE64:, among others maybe (RFC 9530). */
static void note_digest(struct http_request *r, const char *value, size_t len)
{
    static const char name[] = "sha-256=:";
    struct arena a = {0};
    char *bytes = NULL;
    size_t size = 0;
    const char *found = memmem(value, len, name, sizeof name - 1);
    const char *from = found ? found + sizeof name - 1 : NULL;
    const char *end = from ? memchr(from, ':', (size_t)(value + len - from)) : NULL;
    if (end && text_unbase64(&a, from, (size_t)(end - from), &bytes, &size) && size == 32)
        text_hex(bytes, size, r->digest);
    arena_free(&a);
}

/* Content-Type: text/csv; charset=utf-8 */
static void note_media_type(struct http_request *r, const char *value, size_t len)
{
    size_t n = 0;
    while (n < len && !strchr("; \t", value[n]))
        n++;
    if (n < sizeof r->media_type)
        memcpy(r->media_type, value, n), r->media_type[n] = '\0';
}

static void forget_answer(struct http_request *r)
{
    r->status = 0;
    r->answer.arena = r->arena;
    r->answer.len = 0;
    r->answer_length = r->answer_of = -1;
    r->answer_from = 0;
    r->etag[0] = r->digest[0] = r->media_type[0] = '\0';
    r->wait = 0;
    r->headed = false;
}

void http_note_header(struct http_request *r, const char *line, size_t len)
{
    const char *value = NULL;
    size_t n = 0;
    if (len > 5 && strncasecmp(line, "HTTP/", 5) == 0)
        forget_answer(r); /* of a redirect, or 100 Continue */
    else if (is_header(line, len, "etag", &value, &n) && n < sizeof r->etag)
        memcpy(r->etag, value, n), r->etag[n] = '\0';
    else if (is_header(line, len, "content-type", &value, &n))
        note_media_type(r, value, n);
    else if (is_header(line, len, "content-length", &value, &n))
        (void)text_uint(value, n, &r->answer_length);
    else if (is_header(line, len, "content-range", &value, &n))
        note_range(r, value, n);
    else if (is_header(line, len, "repr-digest", &value, &n))
        note_digest(r, value, n);
    else if (is_header(line, len, "retry-after", &value, &n))
        (void)text_uint(value, n, &r->wait);
}

static size_t on_header(char *line, size_t one, size_t len, void *ctx)
{
    (void)one;
    http_note_header(ctx, line, len);
    return len;
}

static bool is_good(int status)
{
    return status >= 200 && status < 300;
}

static int call_head(struct http_request *r)
{
    if (r->headed || !r->take)
        return 0;
    r->headed = true;
    return r->head ? r->head(r, &r->own) : 0;
}

/* Bytes that have not come in an earlier try begin the count of tries anew. */
static void note_progress(struct http_request *r, int64_t len)
{
    if (!r->headed)
        r->reached = r->answer_from;
    r->reached += len;
    if (r->reached > r->furthest) {
        r->furthest = r->reached;
        r->tries = 1;
    }
}

/* Returns something else than `len` if there shall be no more. */
static size_t on_body(char *bytes, size_t one, size_t len, void *ctx)
{
    struct http_request *r = ctx;
    long status = 0;
    (void)one;
    (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    if (is_good(r->status) && r->take) {
        note_progress(r, (int64_t)len);
        return call_head(r) == 0 && r->take(r, bytes, len, &r->own) == 0 ? len : len + 1;
    }
    size_t most = is_good(r->status) ? LARGEST_ANSWER : LARGEST_PROBLEM;
    if (r->answer.len + len > most && is_good(r->status)) {
        (void)failure_set(&r->own, FAILURE_DAMAGED, "the server's answer is longer than %zu bytes", most);
        return len + 1;
    }
    if (r->answer.len + len <= most)
        buf_add(&r->answer, bytes, len);
    return len;
}

static size_t on_read(char *to, size_t one, size_t room, void *ctx)
{
    struct http_request *r = ctx;
    size_t n = 0;
    (void)one;
    return r->read(r, to, room, &n, &r->own) == 0 ? n : CURL_READFUNC_ABORT;
}

/* ---- a try ---- */

static void add_line(struct http_request *r, const char *line)
{
    struct curl_slist *more = curl_slist_append(r->lines, line);
    if (!more)
        abort();
    r->lines = more;
}

static void set_body(struct http_request *r)
{
    if (r->read) {
        (void)curl_easy_setopt(r->easy, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(r->easy, CURLOPT_READFUNCTION, on_read);
        (void)curl_easy_setopt(r->easy, CURLOPT_READDATA, r);
        (void)curl_easy_setopt(r->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->length);
        (void)curl_easy_setopt(r->easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
    } else if (r->json || strcmp(r->method, "POST") == 0) {
        (void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)(r->json ? strlen(r->json) : 0));
        (void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, r->json ? r->json : "");
        add_line(r, r->json ? "Content-Type: application/json" : "Content-Type:");
    } else if (strcmp(r->method, "HEAD") == 0) {
        (void)curl_easy_setopt(r->easy, CURLOPT_NOBODY, 1L);
    }
    (void)curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_range(struct http_request *r)
{
    char range[32];
    if (r->from <= 0)
        return;
    (void)snprintf(range, sizeof range, "%lld-", (long long)r->from);
    (void)curl_easy_setopt(r->easy, CURLOPT_RANGE, range);
    if (r->if_range)
        add_line(r, arena_printf(r->arena, "If-Range: %s", r->if_range));
}

static bool is_reading(const struct http_request *r)
{
    return strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}

static void set_options(struct http *h, struct http_request *r)
{
    (void)curl_easy_setopt(r->easy, CURLOPT_PRIVATE, r);
    (void)curl_easy_setopt(r->easy, CURLOPT_URL, http_address(h, r->arena, r->path));
    (void)curl_easy_setopt(r->easy, CURLOPT_PATH_AS_IS, 1L); /* ".." is no way up, but what was named */
    (void)curl_easy_setopt(r->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    /* What changes something is never sent to another address than was meant. */
    (void)curl_easy_setopt(r->easy, CURLOPT_FOLLOWLOCATION, is_reading(r) ? 1L : 0L);
    (void)curl_easy_setopt(r->easy, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    (void)curl_easy_setopt(r->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "resultctl/" RESULTD_VERSION);
    (void)curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(r->easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    (void)curl_easy_setopt(r->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(r->easy, CURLOPT_LOW_SPEED_TIME, (long)h->o.silence);
    (void)curl_easy_setopt(r->easy, CURLOPT_BUFFERSIZE, 256L << 10);
    (void)curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
    (void)curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
    if (!r->harmless) /* on a connection that has died meanwhile libcurl would send it twice */
        (void)curl_easy_setopt(r->easy, CURLOPT_FRESH_CONNECT, 1L);
    (void)curl_easy_setopt(r->easy, CURLOPT_TCP_KEEPALIVE, 1L); /* tells a dead machine from a busy one */
    (void)curl_easy_setopt(r->easy, CURLOPT_TCP_KEEPIDLE, 30L);
    (void)curl_easy_setopt(r->easy, CURLOPT_TCP_KEEPINTVL, 10L);
    if (h->o.ca_file)
        (void)curl_easy_setopt(r->easy, CURLOPT_CAINFO, h->o.ca_file);
}

/* Everything anew, since a body or a range may be another one. */
static int prepare(struct http *h, struct http_request *r)
{
    forget_answer(r);
    r->own.exit = FAILURE_NONE;
    if (r->begin && r->begin(r, &r->own) != 0)
        return -1;
    if (r->easy)
        curl_easy_reset(r->easy);
    else
        r->easy = curl_easy_init();
    if (!r->easy)
        abort();
    curl_slist_free_all(r->lines);
    r->lines = NULL;
    set_options(h, r);
    for (const char *const *line = r->headers; line && *line; line++)
        add_line(r, *line);
    if (h->key_line)
        add_line(r, h->key_line);
    set_range(r);
    set_body(r);
    (void)curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->lines);
    return 0;
}

static void finish(struct http *h, struct http_request *r)
{
    curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->lines);
    r->easy = r->lines = NULL;
    r->is_over = true;
    h->under_way--;
    if (r->done)
        r->done(r);
}

static void begin_try(struct http *h, struct http_request *r)
{
    r->tries++;
    if (prepare(h, r) < 0) {
        r->failure = r->own;
        finish(h, r);
        return;
    }
    r->next = h->running;
    h->running = r;
    if (curl_multi_add_handle(h->multi, r->easy) != CURLM_OK)
        abort();
}

/* ---- its end ---- */

static const char *text_member(const struct json *object, const char *name)
{
    const struct json *v = json_member(object, name);
    return v && v->type == JSON_STRING ? v->string : "";
}

/* The text that this pointer to a member leads to in what was sent, or "". */
static const char *sent_text(const struct http_request *r, const char *where)
{
    const struct json *sent = NULL;
    struct err e;
    if (!r->json || *where != '/' ||
        json_parse(r->arena, r->json, strlen(r->json), JSON_DEPTH, &sent, &e) < 0)
        return "";
    return text_member(sent, where + 1);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t most = strlen(end);
    return len >= most && strcmp(text + len - most, end) == 0;
}

/* Whether a path of the API has an id or a name in it that is none: a server of ours knows no such address
 * either. */
static bool has_odd_word(const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-/";
    size_t len = strcspn(path, "?");
    return strspn(path, plain) < len || strncmp(path, "/users/", 7) == 0; /* whose ids are numbers */
}

static const char nothing_there[] = "there is nothing at this address";
enum { NOTHING_LEN = sizeof nothing_there - 1 };

/* The server has no such address at all, though none but ours are asked for: what was named is no id, or the
 * server is another one, or lies elsewhere. */
static void tell_nothing_there(struct http_request *r, const char *what)
{
    bool is_elsewhere = what[NOTHING_LEN] || ends_with(r->http->url, "/api/v1");
    if (!is_elsewhere && has_odd_word(r->path))
        text_copy(r->failure.text, sizeof r->failure.text, "there is none of this id");
    else
        (void)failure_set(&r->failure, FAILURE_USAGE,
                          "there is no resultd at %.300s; its address is what comes before /api/v1",
                          r->http->url);
}

/* What RFC 9457 has to say, or only the status. */
static void read_problem(struct http_request *r)
{
    const struct json *problem = NULL;
    struct err e;
    (void)failure_set(&r->failure, failure_of_status(r->status), "the server answered %d", r->status);
    r->failure.status = r->status;
    if (r->answer.len == 0 ||
        json_parse(r->arena, r->answer.bytes, r->answer.len, JSON_DEPTH, &problem, &e) < 0)
        return;
    const char *what = text_member(problem, "detail");
    const char *where = text_member(problem, "pointer");
    if (!*where)
        where = text_member(problem, "parameter");
    text_copy(r->failure.code, sizeof r->failure.code, text_member(problem, "code"));
    if (strcmp(r->failure.code, "bad_reference") == 0) /* unknown is unknown, in a path or elsewhere */
        r->failure.exit = FAILURE_ABSENT;
    if (r->status == 401 && strcmp(r->failure.code, "unauthorized") == 0)
        what = r->http->o.key ? "the server does not take this key: it is wrong, or was revoked"
                              : "the server wants a key: RESULTD_KEY, --key-file, or resultctl login";
    if (r->status == 404 && strncmp(what, nothing_there, NOTHING_LEN) == 0)
        tell_nothing_there(r, what);
    else if (*what)
        text_copy(r->failure.text, sizeof r->failure.text,
                  problem_in_words(r->arena, r->http->o.command, where, sent_text(r, where), what));
}

static bool was_not_sent(CURLcode code)
{
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
           code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR;
}

static bool is_final(CURLcode code)
{
    return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_TOO_MANY_REDIRECTS;
}

static void set_outcome(struct http_request *r, CURLcode code)
{
    long status = 0;
    (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    r->failure = (struct failure){.exit = FAILURE_NONE};
    if (r->own.exit != FAILURE_NONE)
        r->failure = r->own;
    else if (code != CURLE_OK)
        (void)failure_set(&r->failure,
                          code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL
                              ? FAILURE_USAGE
                              : FAILURE_UNREACHABLE,
                          "%s", curl_easy_strerror(code));
    else if (r->status >= 300 && r->status < 400)
        (void)failure_set(
            &r->failure, FAILURE_USAGE,
            "the server sends this request elsewhere (%d), which is not done: correct the address",
            r->status);
    else if (!is_good(r->status))
        read_problem(r);
    else if (call_head(r) != 0)
        r->failure = r->own;
}

static bool may_help(const struct http_request *r, CURLcode code)
{
    if (r->own.exit != FAILURE_NONE)
        return false;
    if (code != CURLE_OK)
        return !is_final(code) && (r->harmless || was_not_sent(code));
    if (strcmp(r->failure.code, "outcome_unknown") == 0)
        return r->harmless;
    return r->status == 429 || r->status == 503 ||
           (r->harmless && (r->status == 500 || r->status == 502 || r->status == 504));
}

static int64_t pause_of(struct http *h, const struct http_request *r)
{
    int64_t pause = FIRST_PAUSE;
    for (int i = 1; i < r->tries && pause < LONGEST_PAUSE; i++)
        pause *= 2;
    pause = pause / 2 + (int64_t)((double)pause / 2 * rand_r(&h->seed) / RAND_MAX);
    int64_t asked = (r->wait < 3600 ? r->wait : 3600) * CLOCK_SECOND;
    return pause > asked ? pause : asked;
}

static void drop_running(struct http *h, struct http_request *r)
{
    struct http_request **at = &h->running;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    (void)curl_multi_remove_handle(h->multi, r->easy);
}

static void end_try(struct http *h, struct http_request *r, CURLcode code)
{
    set_outcome(r, code);
    drop_running(h, r);
    if (r->failure.exit == FAILURE_NONE || r->tries >= h->o.tries || !may_help(r, code)) {
        finish(h, r);
        return;
    }
    r->maybe_before = r->maybe_before || (code != CURLE_OK && !was_not_sent(code));
    int64_t pause = pause_of(h, r);
    if (h->o.on_retry)
        h->o.on_retry(h->o.ctx, r, pause);
    r->again_at = clock_monotonic() + pause;
    r->next = h->waiting;
    h->waiting = r;
}

static void begin_due(struct http *h)
{
    int64_t now = clock_monotonic();
    for (struct http_request **at = &h->waiting; *at;) {
        struct http_request *r = *at;
        if (r->again_at > now) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        begin_try(h, r);
        at = &h->waiting; /* `done` may have changed the list */
    }
}

/* ---- aside ---- */

static void run_aside(struct pool_task *task)
{
    struct http_aside *a = (struct http_aside *)(void *)((char *)task - offsetof(struct http_aside, task));
    struct http *h = a->http;
    a->run(a);
    (void)pthread_mutex_lock(&h->mutex);
    a->next = h->over;
    h->over = a;
    (void)curl_multi_wakeup(h->multi); /* under the lock: afterwards `h` may be gone */
    (void)pthread_mutex_unlock(&h->mutex);
}

void http_aside(struct http *h, struct http_aside *a)
{
    if (!h->pool)
        h->pool = pool_new(ASIDE_THREADS, "aside");
    a->http = h;
    a->task = (struct pool_task){.run = run_aside};
    h->under_way++;
    h->asides++;
    pool_add(h->pool, &a->task);
}

static void end_asides(struct http *h)
{
    (void)pthread_mutex_lock(&h->mutex);
    struct http_aside *a = h->over;
    h->over = NULL;
    (void)pthread_mutex_unlock(&h->mutex);
    while (a) {
        struct http_aside *next = a->next;
        h->under_way--;
        h->asides--;
        a->done(a);
        a = next;
    }
}

/* What is run aside is waited for. */
static void give_up(struct http *h)
{
    while (h->running || h->waiting) {
        struct http_request *r = h->running ? h->running : h->waiting;
        if (h->running)
            drop_running(h, r);
        else
            h->waiting = r->next;
        (void)failure_set(&r->failure, FAILURE_INTERRUPTED, "interrupted");
        finish(h, r);
    }
    while (h->asides > 0) {
        (void)curl_multi_poll(h->multi, NULL, 0, ROUND_MS, NULL);
        end_asides(h);
    }
}

static void turn(struct http *h)
{
    CURLMsg *message = NULL;
    int count = 0;
    end_asides(h);
    begin_due(h);
    (void)curl_multi_perform(h->multi, &count);
    while ((message = curl_multi_info_read(h->multi, &count)) != NULL) {
        struct http_request *r = NULL;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
        end_try(h, r, code);
    }
}

static int until_next(const struct http *h)
{
    int64_t now = clock_monotonic();
    int64_t wait = (int64_t)ROUND_MS * 1000;
    for (const struct http_request *r = h->waiting; r; r = r->next)
        if (r->again_at - now < wait)
            wait = r->again_at > now ? r->again_at - now : 0;
    return (int)((wait + 999) / 1000);
}

/* ---- from outside ---- */

/* "https://ada:secret@host": it would be shown wherever the address is. */
static bool has_user(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    return memchr(host, '@', strcspn(host, "/?#")) != NULL;
}

int http_new(const struct http_options *o, struct http **ret, struct failure *f)
{
    size_t len = strlen(o->url);
    if (strncmp(o->url, "http://", 7) != 0 && strncmp(o->url, "https://", 8) != 0)
        return failure_set(f, FAILURE_USAGE,
                           "the address of a server begins with http:// or https://, not \"%.200s\"", o->url);
    if (has_user(o->url))
        return failure_set(f, FAILURE_USAGE,
                           "the address of a server has no user or password in it: the key is all there is");
    if (o->key && strpbrk(o->key, "\r\n"))
        return failure_set(f, FAILURE_USAGE, "the key has an end of a line in it");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return failure_set(f, FAILURE_OTHER, "libcurl cannot begin");
    struct http *h = mem_alloc(sizeof *h);
    *h = (struct http){.o = *o, .url = mem_strdup(o->url), .multi = curl_multi_init()};
    if (!h->multi)
        abort();
    while (len > 0 && h->url[len - 1] == '/')
        h->url[--len] = '\0';
    if (o->key) {
        size_t size = strlen(o->key) + 32;
        h->key_line = mem_alloc(size);
        (void)snprintf(h->key_line, size, "Authorization: Bearer %s", o->key);
    }
    if (pthread_mutex_init(&h->mutex, NULL))
        abort();
    h->seed = (unsigned)(clock_now() ^ getpid());
    *ret = h;
    return 0;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    pool_free(h->pool);
    (void)pthread_mutex_destroy(&h->mutex);
    (void)curl_multi_cleanup(h->multi);
    if (h->key_line)
        explicit_bzero(h->key_line, strlen(h->key_line));
    free(h->key_line);
    free(h->url);
    free(h);
    curl_global_cleanup();
}

void http_start(struct http *h, struct http_request *r)
{
    h->under_way++;
    r->http = h;
    r->tries = 0;
    r->furthest = 0;
    r->is_over = false;
    r->again_at = 0;
    r->next = h->waiting;
    h->waiting = r;
}

static int run_until(struct http *h, const bool *over, void (*tick)(void *ctx), void *ctx, struct failure *f)
{
    while (h->under_way > 0 && !(over && *over)) {
        turn(h);
        if (tick)
            tick(ctx);
        if (h->o.stop && *h->o.stop) {
            give_up(h);
            return failure_set(f, FAILURE_INTERRUPTED, "interrupted");
        }
        if (h->under_way > 0)
            (void)curl_multi_poll(h->multi, NULL, 0, until_next(h), NULL);
    }
    return 0;
}

int http_run(struct http *h, void (*tick)(void *ctx), void *ctx, struct failure *f)
{
    return run_until(h, NULL, tick, ctx, f);
}

int http_call(struct http *h, struct http_request *r, struct failure *f)
{
    http_start(h, r);
    (void)run_until(h, &r->is_over, NULL, NULL, f);
    *f = r->failure;
    return (int)f->exit;
}

const char *http_address(const struct http *h, struct arena *a, const char *path)
{
    return path[0] == '/' ? arena_printf(a, "%s/api/v1%s", h->url, path) : path;
}

int64_t http_whole_length(const struct http_request *r)
{
    return r->status == 206 ? r->answer_of : r->answer_length;
}

int http_json(struct http_request *r, const struct json **ret, struct failure *f)
{
    struct err e;
    if (json_parse(r->arena, buf_str(&r->answer), r->answer.len, JSON_DEPTH, ret, &e) < 0)
        return failure_set(f, FAILURE_DAMAGED, "the server's answer is not JSON; is %.200s a resultd?",
                           r->http->url);
    return answers_check(r->path, *ret, f);
}
