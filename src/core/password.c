/* SPDX-License-Identifier: Apache-2.0 */
/* See password.h. */
#include "core/password.h"

#include "base/arena.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { LONGEST_QUEUE = 64 };

struct passwords {
    struct pool *pool;
    atomic_int waiting;
};

struct passwords *passwords_new(void)
{
    struct passwords *p = mem_alloc(sizeof *p);
    p->pool = pool_new(1, "passwords");
    atomic_init(&p->waiting, 0);
    return p;
}

void passwords_free(struct passwords *p)
{
    if (!p)
        return;
    pool_free(p->pool);
    free(p);
}

static int enqueue(struct passwords *p, struct pool_task *task, struct err *e)
{
    if (atomic_fetch_add(&p->waiting, 1) >= LONGEST_QUEUE) {
        atomic_fetch_sub(&p->waiting, 1);
        return err_set(e, ERR_BUSY, "too many log in at once; try again in a moment");
    }
    pool_add(p->pool, task);
    return 0;
}

static void run_check(struct pool_task *task)
{
    struct password_check *c = (struct password_check *)task;
    c->matches = access_password_matches(c->stored, c->password);
    atomic_fetch_sub(&c->all->waiting, 1);
    c->wake(c->ctx); /* the check may be gone after this */
}

int password_check_start(struct passwords *p, struct password_check *c, struct err *e)
{
    c->task = (struct pool_task){.run = run_check};
    c->all = p;
    return enqueue(p, &c->task, e);
}

static void run_hash(struct pool_task *task)
{
    struct password_hash *h = (struct password_hash *)task;
    h->rc = access_hash_password(h->password, h->stored, &h->error);
    atomic_fetch_sub(&h->all->waiting, 1);
    h->wake(h->ctx);
}

int password_hash_start(struct passwords *p, struct password_hash *h, struct err *e)
{
    h->task = (struct pool_task){.run = run_hash};
    h->all = p;
    return enqueue(p, &h->task, e);
}
