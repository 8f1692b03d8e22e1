/* SPDX-License-Identifier: Apache-2.0 */
/* See shares.h. A holder is listed as long as it has or wants something. */
#include "base/shares.h"

#include "base/arena.h"

#include <stdlib.h>

enum { CHAINS = 64 };

struct holder {
    struct holder *next;
    int64_t number;
    int has;
    struct share_wish *first, **last;
};

struct shares {
    int most;
    struct holder *chains[CHAINS];
};

int shares_half(int all)
{
    return (all + 1) / 2;
}

struct shares *shares_new(int most)
{
    struct shares *s = mem_alloc(sizeof *s);
    *s = (struct shares){.most = most};
    return s;
}

void shares_free(struct shares *s)
{
    free(s);
}

static struct holder **place_of(struct shares *s, int64_t number)
{
    struct holder **link = &s->chains[(uint64_t)number % CHAINS];
    while (*link && (*link)->number != number)
        link = &(*link)->next;
    return link;
}

static struct holder *find_or_add(struct shares *s, int64_t number)
{
    struct holder **link = place_of(s, number);
    if (!*link) {
        *link = mem_alloc(sizeof **link);
        **link = (struct holder){.number = number};
        (*link)->last = &(*link)->first;
    }
    return *link;
}

bool shares_take(struct shares *s, int64_t holder, struct share_wish *w)
{
    if (!holder)
        return true;
    struct holder *h = find_or_add(s, holder);
    if (h->has < s->most) {
        h->has++;
        return true;
    }
    w->next = NULL;
    *h->last = w;
    h->last = &w->next;
    return false;
}

struct share_wish *shares_give(struct shares *s, int64_t holder)
{
    struct holder **link = holder ? place_of(s, holder) : NULL;
    struct holder *h = link ? *link : NULL;
    struct share_wish *w = h ? h->first : NULL;
    if (w) {
        h->first = w->next;
        if (!h->first)
            h->last = &h->first;
    } else if (h && --h->has == 0) {
        *link = h->next;
        free(h);
    }
    return w;
}

void shares_forget(struct shares *s, int64_t holder, struct share_wish *w)
{
    struct holder *h = *place_of(s, holder);
    struct share_wish **link = h ? &h->first : NULL;
    while (link && *link && *link != w)
        link = &(*link)->next;
    if (!link || !*link)
        return;
    *link = w->next;
    if (h->last == &w->next)
        h->last = link;
}
