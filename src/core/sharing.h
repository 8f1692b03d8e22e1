/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several nodes share a database and the bytes, and make each representation once: whoever makes one has
 * claimed it by a row of `making`, for `conversion_lease`, and renews that while it is at work. A node that
 * dies renews nothing, so another one takes its work over when that time has passed; nodes whose clocks
 * differ by more than that make some twice, which is a waste and nothing worse. Others wait until the row has
 * gone, looking now and then, `conversion_wait` at the longest.
 *
 * Any thread but event loops: a claim waits for a commit.
 */
#pragma once

#include "base/digest.h"
#include "base/id.h"
#include "core/core.h"
#include "core/writer.h"

struct sharing;

enum sharing_claimed {
    SHARING_OURS = 1, /* it is to be made, and sharing_end follows */
    SHARING_MADE,     /* another node has made it: the claim says what */
    SHARING_ELSEWHERE /* another node is making it */
};

struct sharing_claim {
    struct sharing_claim *next; /* sharing's own, until sharing_end */
    const char *tag;
    char key[ID_SIZE]; /* of what was made: its blob */
    char sha256[DIGEST_SHA256_HEX];
    int64_t size;
};

struct sharing_wait {
    struct sharing_wait *next; /* sharing's own, until `over` */
    const char *tag;
    int64_t until; /* monotonic */
    /* Called once, in sharing's thread or the caller's: it may be claimed again; or it is `late`. */
    void (*over)(struct sharing_wait *w, bool late);
};

/* Takes `reader` over, a connection of its own. */
struct sharing *sharing_new(struct core *core, struct writer *writer, struct db *reader);
/* Whoever waits is told, now and from now on. */
void sharing_stop(struct sharing *s);
void sharing_free(struct sharing *s); /* stops, and closes the connection; NULL is fine */

/* enum sharing_claimed. `anew`: what another node has made is of no use. */
int sharing_claim(struct sharing *s, struct sharing_claim *c, bool anew, struct err *e);
/* In the transaction that says what was made: the row goes. */
int sharing_settle(struct sharing *s, const struct sharing_claim *c, struct db *db, struct err *e);
/* `settled`: by a transaction that took place. */
void sharing_end(struct sharing *s, struct sharing_claim *c, bool settled);

void sharing_wait(struct sharing *s, struct sharing_wait *w);
