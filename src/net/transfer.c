/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See transfer.h. Each loop is a thread with a multi handle of libcurl. Other threads leave wishes with it: a
 * transfer stands in the list of wishes once, with what is wished as bits, under the loop's mutex. Everything
 * else of a transfer is the loop's from its start until it is done.
 */
#include "net/transfer.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "net/outgoing.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { START = 1, RESUME = 2, CANCEL = 4 };
enum { CONNECT_MS = 5000, TICK_MS = 500, RECEIVE = 128 << 10, SEND = 128 << 10, SPARE = 16 };
enum { LONGEST_HEADER = 128 << 10, UNSENT = 32 << 10 };

struct loop {
    struct transfers *all;
    pthread_t thread;
    CURLM *multi;
    pthread_mutex_t mutex;
    struct transfer *wishes;  /* mutex */
    struct transfer **last;   /* mutex */
    bool ending;              /* mutex */
    struct transfer *active;  /* added to the multi handle */
    struct transfer *later;   /* whose time to start has not come */
    struct transfer *waiting; /* for one of their holder's shares */
    struct shares *shares;    /* of its connections */
    CURL *spare[SPARE];
    int spares;
};

struct transfers {
    struct transfer_options options;
    atomic_llong gave_up; /* monotonic: since when; 0: it has not */
    atomic_uint next;
    struct loop loops[];
};

/* --- lists --- */

static void link_in(struct transfer **list, struct transfer *t)
{
    t->prev = NULL;
    t->next = *list;
    if (t->next)
        t->next->prev = t;
    *list = t;
}

static void link_out(struct transfer **list, struct transfer *t)
{
    if (t->next)
        t->next->prev = t->prev;
    if (t->prev)
        t->prev->next = t->next;
    else
        *list = t->next;
}

static void wish(struct transfer *t, unsigned what)
{
    struct loop *l = t->loop;
    (void)pthread_mutex_lock(&l->mutex);
    if (t->ended && what != START)
        what = 0;
    if (what && !t->wishes) {
        t->next_wish = NULL;
        *l->last = t;
        l->last = &t->next_wish;
    }
    t->wishes |= what;
    (void)pthread_mutex_unlock(&l->mutex);
    (void)curl_multi_wakeup(l->multi);
}

static struct transfer *take_wish(struct loop *l, unsigned *ret_what)
{
    (void)pthread_mutex_lock(&l->mutex);
    struct transfer *t = l->wishes;
    if (t) {
        *ret_what = t->wishes;
        t->wishes = 0;
        l->wishes = t->next_wish;
        if (!l->wishes)
            l->last = &l->wishes;
    }
    (void)pthread_mutex_unlock(&l->mutex);
    return t;
}

/* What was wished of it in the meantime has no object any more. */
static void forget_wishes(struct transfer *t)
{
    struct loop *l = t->loop;
    (void)pthread_mutex_lock(&l->mutex);
    for (struct transfer **link = &l->wishes; t->wishes && *link; link = &(*link)->next_wish)
        if (*link == t) {
            *link = t->next_wish;
            if (l->last == &t->next_wish)
                l->last = link;
            break;
        }
    t->wishes = 0;
    t->ended = true;
    (void)pthread_mutex_unlock(&l->mutex);
}

/* --- libcurl's callbacks --- */

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    size_t len = size * count;
    t->header_len += len;
    if (t->header_len > LONGEST_HEADER) /* the library keeps all of them */
        return 0;
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        len--;
    if (t->on_header && memchr(bytes, ':', len))
        t->on_header(t, bytes, len);
    return size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    long status = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->status = (int)status;
    if (!t->on_body || t->on_body(t, bytes, size * count)) {
        t->has_taken = true;
        return size * count;
    }
    t->paused_at = clock_monotonic();
    return CURL_WRITEFUNC_PAUSE;
}

static size_t on_send(char *to, size_t size, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    size_t room = size * count;
    int64_t left = t->body_size - t->sent;
    size_t len = left < (int64_t)room ? (size_t)left : room;
    if (t->body) {
        memcpy(to, (const char *)t->body + t->sent, len);
    } else if (len > 0) {
        ssize_t n = pread(t->body_fd, to, len, t->body_at + t->sent);
        if (n <= 0)
            return CURL_READFUNC_ABORT;
        len = (size_t)n;
    }
    t->sent += (int64_t)len;
    return len;
}

/* A kept connection that turns out to be closed is tried anew by the library itself. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct transfer *t = ctx;
    if (origin != SEEK_SET || offset < 0 || offset > t->body_size)
        return CURL_SEEKFUNC_FAIL;
    t->sent = offset;
    return CURL_SEEKFUNC_OK;
}

/* Asked for each address that a name stands for, when a connection is made to it. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = ctx;
    const struct transfer_options *o = &t->loop->all->options;
    if (purpose != CURLSOCKTYPE_IPCXN || (!outgoing_is_public(&address->addr) && !o->any_address(o->ctx))) {
        t->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* What is sent is counted when the kernel takes it: on a slow line no more than a little of it may lie there,
 * or it takes nothing for a long time. */
static int set_socket(void *ctx, curl_socket_t s, curlsocktype purpose)
{
    int unsent = UNSENT;
    (void)ctx;
    (void)purpose;
    (void)setsockopt(s, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    return CURL_SOCKOPT_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the library's */
static int on_connection(void *ctx, char *to, char *from, int to_port, int from_port)
{
    struct transfer *t = ctx;
    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    t->begun_at = t->rated_at = clock_monotonic();
    return CURL_PREREQFUNC_OK;
}

/* --- the life of a transfer --- */

#define SET(option, value) good = good && curl_easy_setopt(h, option, value) == CURLE_OK

static bool set_body(CURL *h, struct transfer *t)
{
    bool good = true;
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_CUSTOMREQUEST, t->method);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->body_size);
    SET(CURLOPT_READFUNCTION, on_send);
    SET(CURLOPT_READDATA, t);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, t);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND);
    return good;
}

static bool set_up(struct loop *l, struct transfer *t)
{
    CURL *h = t->easy;
    bool good = true;
    struct curl_slist *lines = curl_slist_append(NULL, "Expect:");
    for (const char *const *line = t->header; line && *line; line++)
        lines = curl_slist_append(lines, *line);
    t->lines = lines;
    SET(CURLOPT_URL, t->url);
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)l->all->options.silence);
    SET(CURLOPT_BUFFERSIZE, (long)RECEIVE);
    SET(CURLOPT_ERRORBUFFER, t->reason);
    SET(CURLOPT_HTTPHEADER, lines);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_PREREQFUNCTION, on_connection);
    SET(CURLOPT_PREREQDATA, t);
    if (l->all->options.lowest_rate)
        SET(CURLOPT_SOCKOPTFUNCTION, set_socket);
    if (l->all->options.any_address) {
        SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
        SET(CURLOPT_OPENSOCKETDATA, t);
    }
    if (t->body_size >= 0)
        return good && set_body(h, t);
    if (strcmp(t->method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else if (strcmp(t->method, "GET") != 0)
        SET(CURLOPT_CUSTOMREQUEST, t->method);
    return good;
}

static void put_away(struct loop *l, struct transfer *t)
{
    if (t->easy && l->spares < SPARE) {
        curl_easy_reset(t->easy);
        l->spare[l->spares++] = t->easy;
    } else if (t->easy) {
        curl_easy_cleanup(t->easy);
    }
    curl_slist_free_all(t->lines);
    t->easy = NULL;
    t->lines = NULL;
}

/* It is begun in the next round: who gives its share back may be in the middle of a list. */
static void give_share_back(struct loop *l, struct transfer *t)
{
    struct share_wish *w = t->has_share ? shares_give(l->shares, t->holder) : NULL;
    t->has_share = false;
    if (!w)
        return;
    struct transfer *next = (struct transfer *)((char *)w - offsetof(struct transfer, wish));
    link_out(&l->waiting, next);
    next->has_share = true;
    next->waits = false;
    next->start_at = 0;
    link_in(&l->later, next);
    (void)curl_multi_wakeup(l->multi);
}

static void end(struct loop *l, struct transfer *t, enum transfer_outcome outcome, const char *reason)
{
    if (reason && !*t->reason)
        text_copy(t->reason, sizeof t->reason, reason);
    t->outcome = outcome;
    put_away(l, t);
    give_share_back(l, t);
    forget_wishes(t);
    t->done(t);
}

static void stop(struct loop *l, struct transfer *t, enum transfer_outcome outcome, const char *reason)
{
    (void)curl_multi_remove_handle(l->multi, t->easy);
    link_out(&l->active, t);
    end(l, t, outcome, reason);
}

static bool is_given_up(const struct loop *l, const struct transfer *t)
{
    int64_t since = atomic_load(&l->all->gave_up);
    return since && (!t->lingers || clock_monotonic() - since > TRANSFER_LINGER * CLOCK_SECOND);
}

static void begin(struct loop *l, struct transfer *t)
{
    if (is_given_up(l, t)) {
        end(l, t, TRANSFER_CANCELLED, "the server is being stopped");
        return;
    }
    if (!t->has_share && t->holder) {
        t->has_share = shares_take(l->shares, t->holder, &t->wish);
        t->waits = !t->has_share;
        if (t->waits) {
            link_in(&l->waiting, t);
            return;
        }
    }
    t->easy = l->spares ? l->spare[--l->spares] : curl_easy_init();
    if (!t->easy || !set_up(l, t)) {
        end(l, t, TRANSFER_FAILED, "the library cannot begin");
        return;
    }
    link_in(&l->active, t);
    if (curl_multi_add_handle(l->multi, t->easy) != CURLM_OK)
        stop(l, t, TRANSFER_FAILED, "the library cannot begin");
}

/* Of one that has not begun. */
static void withdraw(struct loop *l, struct transfer *t, enum transfer_outcome outcome, const char *reason)
{
    if (t->waits)
        shares_forget(l->shares, t->holder, &t->wish);
    link_out(t->waits ? &l->waiting : &l->later, t);
    t->waits = false;
    end(l, t, outcome, reason);
}

static void resume(struct loop *l, struct transfer *t)
{
    (void)l;
    if (!t->easy || !t->paused_at)
        return;
    t->rated_at += clock_monotonic() - t->paused_at; /* time in which no bytes were wanted */
    t->paused_at = 0;
    (void)curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

/* --- the loop --- */

static void grant(struct loop *l)
{
    unsigned what = 0;
    for (struct transfer *t; (t = take_wish(l, &what));) {
        if (what & START && t->start_at > clock_monotonic() && !(what & CANCEL)) {
            link_in(&l->later, t);
            continue;
        }
        if (what & START && what & CANCEL)
            end(l, t, TRANSFER_CANCELLED, "cancelled");
        else if (what & START)
            begin(l, t);
        else if (what & CANCEL && t->easy)
            stop(l, t, TRANSFER_CANCELLED, "cancelled");
        else if (what & CANCEL)
            withdraw(l, t, TRANSFER_CANCELLED, "cancelled");
        else
            resume(l, t);
    }
}

/* Those whose time has come; returns how many milliseconds until the next one's. */
static int start_due(struct loop *l)
{
    int64_t now = clock_monotonic();
    int64_t wait = TICK_MS;
    for (struct transfer *t = l->later, *next; t; t = next) {
        next = t->next;
        if (t->start_at <= now || is_given_up(l, t)) {
            link_out(&l->later, t);
            begin(l, t);
        } else if ((t->start_at - now) / 1000 + 1 < wait) {
            wait = (t->start_at - now) / 1000 + 1;
        }
    }
    return (int)wait;
}

static void collect(struct loop *l)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(l->multi, &left));) {
        struct transfer *t = NULL;
        long status = 0;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode rc = m->data.result;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        t->status = (int)status;
        enum transfer_outcome failed = t->refused ? TRANSFER_REFUSED : TRANSFER_FAILED;
        stop(l, t, rc == CURLE_OK && status > 0 ? TRANSFER_ANSWERED : failed,
             rc == CURLE_OK ? "no answer" : curl_easy_strerror(rc));
    }
}

/* --- those that take too long --- */

static int64_t sum_of(struct transfer *t, CURLINFO what)
{
    curl_off_t sum = 0;
    (void)curl_easy_getinfo(t->easy, what, &sum);
    return sum;
}

static bool is_all_sent(struct transfer *t, int64_t now)
{
    if (!t->sent_at && sum_of(t, CURLINFO_SIZE_UPLOAD_T) >= t->body_size)
        t->sent_at = now;
    return t->sent_at;
}

/* A connection that was closed when it was used again starts from nothing. */
static bool is_too_slow(const struct transfer_options *o, struct transfer *t, int64_t now)
{
    int64_t bytes = sum_of(t, CURLINFO_SIZE_UPLOAD_T) + sum_of(t, CURLINFO_SIZE_DOWNLOAD_T);
    int64_t time = now - t->rated_at;
    int64_t gone_by = bytes < t->rated ? bytes : bytes - t->rated;
    if (time < o->rate_time * CLOCK_SECOND)
        return false;
    t->rated_at = now;
    t->rated = bytes;
    return gone_by < o->lowest_rate * (time / CLOCK_SECOND);
}

/* Why it is to be ended, or NULL. */
static const char *is_late(const struct loop *l, struct transfer *t, int64_t now)
{
    const struct transfer_options *o = &l->all->options;
    if (t->until && now > t->until)
        return "no answer in time";
    if (!t->begun_at || t->paused_at)
        return NULL;
    bool sent = is_all_sent(t, now);
    if (sent && !t->streams)
        return o->answer_time && now - t->sent_at > o->answer_time * CLOCK_SECOND ? "no answer in time"
                                                                                  : NULL;
    return o->lowest_rate && is_too_slow(o, t, now) ? "slower than the lowest rate" : NULL;
}

/* `next` may not be taken before: ending one may start others, but never ends one. */
static void look_after(struct loop *l)
{
    int64_t now = clock_monotonic();
    for (struct transfer *t = l->active, *next; t; t = next) {
        next = t->next;
        const char *late = is_late(l, t, now);
        if (is_given_up(l, t))
            stop(l, t, TRANSFER_CANCELLED, "the server is being stopped");
        else if (late)
            stop(l, t, TRANSFER_FAILED, late);
        else if (t->paused_at && now - t->paused_at > l->all->options.neglect * CLOCK_SECOND)
            stop(l, t, TRANSFER_NEGLECTED, "not read from");
    }
}

/* Those whose turn does not come. Ending one begins none, since it has no share to give back. */
static void look_after_waiting(struct loop *l)
{
    int64_t now = clock_monotonic();
    for (struct transfer *t = l->waiting, *next; t; t = next) {
        next = t->next;
        if (is_given_up(l, t))
            withdraw(l, t, TRANSFER_CANCELLED, "the server is being stopped");
        else if (t->turn_until && now > t->turn_until)
            withdraw(l, t, TRANSFER_CROWDED, "all connections that its project may have were taken");
    }
}

static void tell_round(struct loop *l)
{
    for (struct transfer *t = l->active; t; t = t->next) {
        if (t->has_taken && t->on_round)
            t->on_round(t);
        t->has_taken = false;
    }
}

static bool may_end(struct loop *l)
{
    (void)pthread_mutex_lock(&l->mutex);
    bool ending = l->ending && !l->wishes;
    (void)pthread_mutex_unlock(&l->mutex);
    return ending && !l->active && !l->later;
}

static void *work(void *arg)
{
    struct loop *l = arg;
    int64_t looked_at = 0;
    while (!may_end(l)) {
        int running;
        grant(l);
        int wait = start_due(l);
        (void)curl_multi_perform(l->multi, &running);
        tell_round(l);
        collect(l);
        if (clock_monotonic() - looked_at > (int64_t)TICK_MS * 1000 || atomic_load(&l->all->gave_up)) {
            look_after(l);
            look_after_waiting(l);
            looked_at = clock_monotonic();
        }
        if (!may_end(l))
            (void)curl_multi_poll(l->multi, NULL, 0, wait, NULL);
    }
    return NULL;
}

static void open_loop(struct transfers *all, struct loop *l)
{
    long each = all->options.connections / all->options.threads + 1;
    l->all = all;
    l->last = &l->wishes;
    l->multi = curl_multi_init();
    l->shares = shares_new(shares_half((int)each));
    if (!l->multi || pthread_mutex_init(&l->mutex, NULL))
        abort();
    (void)curl_multi_setopt(l->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, each);
    (void)curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, each);
    if (pthread_create(&l->thread, NULL, work, l))
        abort();
    (void)pthread_setname_np(l->thread, "transfers");
}

struct transfers *transfers_new(const struct transfer_options *o)
{
    size_t size = sizeof(struct transfers) + (size_t)o->threads * sizeof(struct loop);
    struct transfers *all = mem_alloc(size);
    memset(all, 0, size);
    all->options = *o;
    for (int i = 0; i < o->threads; i++)
        open_loop(all, &all->loops[i]);
    return all;
}

static void wake_all(struct transfers *all)
{
    for (int i = 0; i < all->options.threads; i++)
        (void)curl_multi_wakeup(all->loops[i].multi);
}

void transfers_give_up(struct transfers *all)
{
    long long never = 0;
    (void)atomic_compare_exchange_strong(&all->gave_up, &never, clock_monotonic());
    wake_all(all);
}

void transfers_free(struct transfers *all)
{
    if (!all)
        return;
    for (int i = 0; i < all->options.threads; i++) {
        struct loop *l = &all->loops[i];
        (void)pthread_mutex_lock(&l->mutex);
        l->ending = true;
        (void)pthread_mutex_unlock(&l->mutex);
    }
    transfers_give_up(all);
    for (int i = 0; i < all->options.threads; i++) {
        struct loop *l = &all->loops[i];
        (void)pthread_join(l->thread, NULL);
        while (l->spares)
            curl_easy_cleanup(l->spare[--l->spares]);
        (void)curl_multi_cleanup(l->multi);
        shares_free(l->shares);
        (void)pthread_mutex_destroy(&l->mutex);
    }
    free(all);
}

/* --- for other threads --- */

void transfer_start(struct transfers *all, struct transfer *t)
{
    unsigned n = atomic_fetch_add(&all->next, 1) % (unsigned)all->options.threads;
    t->loop = &all->loops[n];
    t->wishes = 0;
    t->ended = false;
    t->status = 0;
    t->reason[0] = '\0';
    t->sent = 0;
    t->paused_at = 0;
    t->has_taken = t->refused = t->has_share = t->waits = false;
    t->header_len = 0;
    t->begun_at = t->sent_at = t->rated_at = t->rated = 0;
    wish(t, START);
}

void transfer_resume(struct transfer *t)
{
    wish(t, RESUME);
}

void transfer_cancel(struct transfer *t)
{
    wish(t, CANCEL);
}
