/* SPDX-License-Identifier: Apache-2.0 */
/* Where handlers run, and sleeping until they have; see exchange.h. */
#include "http/exchange.h"

#include "base/clock.h"

#include <poll.h>

bool exchange_sleep(struct exchange *x)
{
    atomic_fetch_add(&x->server->asleep, 1);
    if (atomic_load(&x->server->closing)) {
        atomic_fetch_sub(&x->server->asleep, 1);
        return false;
    }
    MHD_suspend_connection(x->connection);
    return true;
}

bool exchange_is_asleep(struct exchange *x)
{
    return MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED)->suspended !=
           MHD_NO;
}

void exchange_wake(struct exchange *x)
{
    struct server *s = x->server;
    MHD_resume_connection(x->connection);
    atomic_fetch_sub(&s->asleep, 1);
}

/* --- running handlers --- */

static int handle_in_writer(struct request *rq, struct err *e)
{
    exchange_reset_response(rq); /* of a run before this one */
    rq->then = NULL;
    return rq->route->handle(rq, e);
}

void server_forget_answer(struct request *rq)
{
    exchange_reset_response(rq);
    rq->sleep = NULL;
}

/* False: it needs what is not to be had here, and nothing has happened. */
static bool run_here(struct exchange *x, handler_fn *fn)
{
    struct err e;
    const struct server_hooks *h = &x->server->hooks;
    x->wait.seen = alarm_changes(x->server->alarm); /* before it looks: no change goes by unseen */
    int rc = h->read(h->ctx, &x->rq, fn, &e);
    if (rc == READ_LATER) {
        server_forget_answer(&x->rq);
        return false;
    }
    if (rc < 0)
        exchange_fail(x, &e);
    x->answer_ready = true;
    return true;
}

void server_finish_read(struct request *rq, int rc, const struct err *e)
{
    struct exchange *x = exchange_of(rq);
    x->phase = RECEIVING;
    if (rc < 0)
        exchange_fail(x, e);
    x->answer_ready = true;
    exchange_wake(x);
}

static enum MHD_Result read_later(struct exchange *x, handler_fn *fn, exchange_step *next)
{
    struct err e;
    const struct server_hooks *h = &x->server->hooks;
    if (!exchange_sleep(x))
        return MHD_NO;
    x->phase = READING;
    x->next = next;
    x->wait.seen = alarm_changes(x->server->alarm);
    int rc = h->read_later(h->ctx, &x->rq, fn, &e);
    if (rc < 0)
        server_finish_read(&x->rq, rc, &e);
    return MHD_YES;
}

enum MHD_Result exchange_read(struct exchange *x, handler_fn *fn, exchange_step *next)
{
    if (x->server->hooks.read_later)
        return read_later(x, fn, next);
    (void)run_here(x, fn);
    return next(x);
}

enum MHD_Result exchange_try(struct exchange *x, handler_fn *fn, exchange_step *next)
{
    return run_here(x, fn) ? next(x) : read_later(x, fn, next);
}

void server_finish(struct request *rq, int rc, const struct err *e)
{
    struct exchange *x = exchange_of(rq);
    if (rq->settled)
        rq->settled(rq, rc);
    if (rc < 0)
        exchange_fail(x, e);
    x->again = rc == 0 && rq->then;
    x->answer_ready = true;
    exchange_wake(x);
}

void exchange_write(struct exchange *x)
{
    struct err e;
    const struct server_hooks *h = &x->server->hooks;
    x->phase = QUEUED;
    int rc = h->write(h->ctx, &x->rq, handle_in_writer, &e);
    if (rc < 0)
        server_finish(&x->rq, rc, &e);
}

void request_wake(struct request *rq)
{
    struct exchange *x = exchange_of(rq);
    if (x->phase == PAUSED)
        x->phase = RECEIVING;
    if (x->phase != ENDING) {
        exchange_wake(x);
        return;
    }
    exchange_write(x);
}

/* 0: nothing of it has happened. */
static int poll_client(struct request *rq, short events)
{
    struct pollfd p = {.fd = exchange_of(rq)->fd, .events = events};
    return poll(&p, 1, 0) > 0 ? p.revents : 0;
}

bool request_was_left(struct request *rq)
{
    return poll_client(rq, POLLRDHUP) != 0;
}

bool request_gone(struct request *rq)
{
    struct exchange *x = exchange_of(rq);
    short end = x->phase == WAITING ? POLLRDHUP : 0;
    x->gone = x->gone || (poll_client(rq, end) & (end | POLLERR | POLLHUP)) != 0;
    return x->gone;
}

static bool wait_for_alarm(struct request *rq)
{
    struct exchange *x = exchange_of(rq);
    return alarm_add(x->server->alarm, &x->wait);
}

bool request_wait(struct request *rq, int64_t until)
{
    struct exchange *x = exchange_of(rq);
    if (clock_monotonic() >= until || alarm_is_off(x->server->alarm))
        return false;
    x->wait.rq = rq;
    x->wait.until = until;
    rq->sleep = wait_for_alarm;
    return true;
}
