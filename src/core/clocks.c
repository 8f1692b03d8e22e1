/* SPDX-License-Identifier: Apache-2.0 */
/* See clocks.h. */
#include "core/clocks.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

struct moment {
    int64_t wall;
    int64_t boot;
};

static struct moment look_at_clocks(void)
{
    return (struct moment){.wall = clock_now(), .boot = clock_boot()};
}

/* The answer was made at some moment between asking and having it. */
static int64_t difference(int64_t asked, int64_t there, int64_t answered)
{
    return there < asked ? asked - there : there > answered ? answered - there : 0;
}

/*
 * What the database's clock said when this machine was started: known to within the round trip, at first
 * taken for its middle. After that it is moved no further than an answer demands, so that a slow one makes
 * nothing worse.
 */
static void set_epoch(struct core *c, int64_t asked, int64_t there, int64_t answered)
{
    int64_t least = there - answered;
    int64_t most = there - asked;
    int64_t epoch = atomic_load(&c->clock_epoch);
    if (!epoch)
        epoch = least + (most - least) / 2;
    atomic_store(&c->clock_epoch, epoch < least ? least : epoch > most ? most : epoch);
}

static void tell(struct core *c, bool differs, const struct err *e)
{
    if (atomic_exchange(&c->clock_differs, differs) == differs)
        return;
    if (differs)
        log_line(LOG_ERROR,
                 "nothing is swept or removed here until this clock is right; what time it is says the "
                 "database's",
                 (struct log_field[]){{"why", e->detail}, {0}});
    else
        log_text(LOG_INFO, "the clocks of this server and of the database agree again");
}

int clocks_compare(struct core *c, struct db *db, struct err *e)
{
    int64_t there;
    struct moment asked = look_at_clocks();
    int rc = db_clock(db, &there, e);
    struct moment answered = look_at_clocks();
    if (rc < 0)
        return rc;
    if (db_is_remote(db))
        set_epoch(c, asked.boot, there, answered.boot);
    int64_t ahead = difference(asked.wall, there, answered.wall);
    bool differs = llabs(ahead) > core_settings(c)->clock_tolerance * CLOCK_SECOND;
    atomic_store(&c->clock_ahead, ahead);
    if (differs)
        rc = err_set(e, ERR_BUSY, "this server's clock is %.1f s %s that of the database",
                     (double)llabs(ahead) / (double)CLOCK_SECOND, ahead > 0 ? "ahead of" : "behind");
    tell(c, differs, e);
    return rc;
}
