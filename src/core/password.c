/* SPDX-License-Identifier: Apache-2.0 */
/* See password.h. */
#include "core/password.h"

#include "base/arena.h"
#include "core/access.h"

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

static void run(struct pool_task *task)
{
    struct password_check *c = (struct password_check *)task;
    c->matches = access_password_matches(c->stored, c->password);
    atomic_fetch_sub(&c->all->waiting, 1);
    c->wake(c->ctx); /* the check may be gone after this */
}

int password_check_start(struct passwords *p, struct password_check *c, struct err *e)
{
    if (atomic_fetch_add(&p->waiting, 1) >= LONGEST_QUEUE) {
        atomic_fetch_sub(&p->waiting, 1);
        return err_set(e, ERR_BUSY, "too many log in at once; try again in a moment");
    }
    c->task = (struct pool_task){.run = run};
    c->all = p;
    pool_add(p->pool, &c->task);
    return 0;
}
