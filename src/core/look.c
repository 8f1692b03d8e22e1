/* SPDX-License-Identifier: Apache-2.0 */
/* See look.h. A look belongs to the thread that made it, but between look_start and its wake to a converter.
 */
#include "core/look.h"

#include "core/making.h"

#include <stdlib.h>

struct look {
    struct makings_guest guest; /* first, so that one is the other */
    struct core *core;
    struct conversion *conversion;
    void (*wake)(void *ctx);
    void *wake_ctx;
    int rc;
    struct err error;
};

int look_new(struct session *s, const struct result *r, const struct conversion_options *o, struct look **ret,
             struct err *e)
{
    struct conversion *c = NULL;
    if (atomic_load(&s->core->previews) >= core_settings(s->core)->conversion_limit)
        return err_set(e, ERR_BUSY, "too many tables are being looked into; try again in a moment");
    int rc = conversion_new(s, r, o, &c, e);
    if (rc < 0)
        return rc;
    struct look *l = mem_alloc(sizeof *l);
    *l = (struct look){.core = s->core, .conversion = c};
    atomic_fetch_add(&s->core->previews, 1);
    *ret = l;
    return 0;
}

void look_free(struct look *l)
{
    if (!l)
        return;
    atomic_fetch_sub(&l->core->previews, 1);
    conversion_free(l->conversion);
    free(l);
}

static void run(struct makings_guest *guest)
{
    struct look *l = (struct look *)guest;
    l->rc = conversion_prepare(l->conversion, &l->error);
    conversion_put_aside(l->conversion);
    makings_leave(l->core->makings, &l->guest);
    l->wake(l->wake_ctx); /* the look may be gone after this */
}

void look_start(struct look *l, void (*wake)(void *ctx), void *ctx)
{
    l->guest = (struct makings_guest){.run = run};
    l->wake = wake;
    l->wake_ctx = ctx;
    makings_run(l->core->makings, &l->guest);
}

int look_outcome(const struct look *l, struct err *e)
{
    if (l->rc < 0)
        *e = l->error;
    return l->rc;
}
