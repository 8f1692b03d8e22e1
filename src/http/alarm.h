/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wakes requests that wait for something to change: when it may have, at a time of theirs at the latest, and
 * all at once when the server drains. A thread of its own looks twenty times a second, while somebody waits,
 * at a number that grows with every change; so a change costs its writer nothing, and who waits is run again
 * only when there was one. Any thread.
 */
#pragma once

#include "http/request.h"

struct alarm;

/* Lives as long as the wait; belongs to the alarm from alarm_add until request_wake. */
struct alarm_wait {
    struct alarm_wait *next;
    struct request *rq;
    int64_t until; /* monotonic, microseconds */
    uint64_t seen; /* what `changes` gave before the request looked */
};

/* `changes` may be NULL: then only time counts. */
struct alarm *alarm_new(uint64_t (*changes)(void *ctx), void *ctx);
uint64_t alarm_changes(struct alarm *a);
bool alarm_is_off(struct alarm *a);
/* The request sleeps. True: it will be woken; false: nobody waits any more. */
bool alarm_add(struct alarm *a, struct alarm_wait *w);
void alarm_off(struct alarm *a);  /* wakes all; nobody waits from now on */
void alarm_free(struct alarm *a); /* off, or nobody has waited; NULL is fine */
